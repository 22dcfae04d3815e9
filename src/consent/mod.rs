//! Who may see what of whom: roles, rights per dossier part, and when they end.
//!
//! # Design
//! A right says that one account may see some parts of one client's dossier. It is read from the primary with every check of
//! an access token, so a change counts at the next request. A right is ended and written anew, never changed, so that the past
//! can be told.
//!
//! ```
//! use inzage::consent::{Part, Parts};
//! use inzage::fhir::types::ResourceType;
//! assert!(!Parts::of(&[Part::Appointments]).allow(ResourceType::CarePlan));
//! ```

pub mod departure;
pub(crate) mod store;

pub use store::{end, end_all, grant, held, hold, rights, set_gaps, source_clients, within_limit};

use crate::fhir::types::{Id, ResourceType};

/// What the account's owner is to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Client,
    Contact,
    Representative,
}

impl Role {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Contact => "contact",
            Self::Representative => "representative",
        }
    }

    /// Whether they decide who else may look into the dossier.
    pub const fn manages(self) -> bool {
        matches!(self, Self::Client | Self::Representative)
    }

    /// From the database or a file; an unknown word is no role.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Client, Self::Contact, Self::Representative]
            .into_iter()
            .find(|role| role.as_str() == text)
    }
}

/// A part of the dossier that a right opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// gegevens
    Profile = 1,
    /// rapportages
    Reports = 2,
    /// zorgplannen
    Plans = 4,
    /// afspraken
    Appointments = 8,
}

impl Part {
    pub const ALL: [Self; 4] = [Self::Profile, Self::Reports, Self::Plans, Self::Appointments];

    /// The word for it in files and forms.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Profile => "gegevens",
            Self::Reports => "rapportages",
            Self::Plans => "zorgplannen",
            Self::Appointments => "afspraken",
        }
    }

    /// The part that a resource type belongs to; who may see the dossier at all may see the client and, where what they see
    /// refers to them, the care workers and their organisations.
    pub fn of(kind: ResourceType) -> Option<Self> {
        match kind {
            ResourceType::Patient
            | ResourceType::Person
            | ResourceType::Organization
            | ResourceType::Practitioner
            | ResourceType::PractitionerRole
            | ResourceType::Questionnaire => None,
            ResourceType::RelatedPerson
            | ResourceType::CareTeam
            | ResourceType::Contract
            | ResourceType::Coverage
            | ResourceType::EpisodeOfCare => Some(Self::Profile),
            ResourceType::Observation
            | ResourceType::Composition
            | ResourceType::DocumentReference
            | ResourceType::QuestionnaireResponse => Some(Self::Reports),
            ResourceType::CarePlan | ResourceType::Goal | ResourceType::Condition | ResourceType::Consent => {
                Some(Self::Plans)
            }
            ResourceType::Appointment => Some(Self::Appointments),
        }
    }
}

/// A set of [`Part`]s, and whether the management of the dossier goes with them. The default is nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts(i64);

impl Parts {
    /// Every part of the dossier.
    pub const ALL: Self = Self(15);
    /// No part: that its owner decides too who else may look into the dossier.
    pub const MANAGE: Self = Self(16);

    pub fn of(parts: &[Part]) -> Self {
        Self(parts.iter().fold(0, |bits, part| bits | *part as i64))
    }

    /// From the database; unknown bits open nothing.
    pub fn from_bits(bits: i64) -> Self {
        Self(bits & (Self::ALL.0 | Self::MANAGE.0))
    }

    pub fn bits(self) -> i64 {
        self.0
    }

    /// What is in either.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in this one and not in the other.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// What is in both.
    #[must_use]
    pub fn within(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether its owner was handed the management of the dossier.
    pub fn manage(self) -> bool {
        self.0 & Self::MANAGE.0 != 0
    }

    pub fn has(self, part: Part) -> bool {
        self.0 & part as i64 != 0
    }

    /// Whether resources of this type may be seen.
    pub fn allow(self, kind: ResourceType) -> bool {
        Part::of(kind).is_none_or(|part| self.has(part))
    }
}

/// One account's right to one client's dossier, in force now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Right {
    pub patient: Id,
    pub role: Role,
    /// The contact's own resource, for `fhirUser`; `None` for the client.
    pub related: Option<Id>,
    pub parts: Parts,
}

impl Right {
    /// Whether who has it decides who else may look into the dossier: by role, or because it was handed to them.
    pub fn manages(&self) -> bool {
        self.role.manages() || self.parts.manage()
    }
}

/// A right that is about to be given.
#[derive(Clone, Debug)]
pub struct NewRight {
    pub patient: Id,
    /// The client's key in the ECD.
    pub source_client: String,
    pub role: Role,
    pub related: Option<Id>,
    pub parts: Parts,
}

/// A right as it was given, and to whom.
#[derive(Clone, Debug)]
pub struct Held {
    pub account: String,
    pub right: NewRight,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_open_by_default() {
        assert!(!Parts::default().allow(ResourceType::Observation));
        assert!(Parts::default().allow(ResourceType::Patient));
        assert!(Parts::of(&[Part::Appointments]).allow(ResourceType::Appointment));
        assert!(!Parts::of(&[Part::Appointments]).allow(ResourceType::CarePlan));
        assert!(!Parts::from_bits(1 << 40).allow(ResourceType::Goal));
        // To manage a dossier is not to see it.
        let manage = Parts::from_bits(Parts::MANAGE.bits());
        assert!(manage.manage() && !Parts::ALL.manage());
        assert!(Part::ALL.into_iter().all(|part| !manage.has(part)));
    }
}
