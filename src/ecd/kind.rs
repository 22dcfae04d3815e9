//! The kinds of source records, and which source has which.

use std::fmt;

/// What a source record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Employee,
    /// A general practitioner, pharmacy or other provider outside the organisation.
    CareProvider,
    Insurer,
    /// When a client was in care, and when away.
    Stay,
    Client,
    /// Everybody who cares for one client, in one record.
    CareTeam,
    ContactRelation,
    Insurance,
    /// A service that a client takes for a price.
    Subscription,
    CarePlan,
    /// Which treatment a client wants or does not want.
    TreatmentWish,
    AgendaOccurrence,
    /// A kind of form; belongs to no client.
    Survey,
    /// A form that was filled in.
    SurveyResult,
    Report,
}

impl Kind {
    /// Every kind, in the order in which a connector sends them.
    pub const ALL: [Self; 15] = [
        Self::Employee,
        Self::CareProvider,
        Self::Insurer,
        Self::Stay,
        Self::Client,
        Self::CareTeam,
        Self::ContactRelation,
        Self::Insurance,
        Self::Subscription,
        Self::CarePlan,
        Self::TreatmentWish,
        Self::AgendaOccurrence,
        Self::Survey,
        Self::SurveyResult,
        Self::Report,
    ];

    /// The name in file names, map names and stored rows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Employee => "employee",
            Self::CareProvider => "care-provider",
            Self::Insurer => "insurer",
            Self::Stay => "stay",
            Self::Client => "client",
            Self::CareTeam => "care-team",
            Self::ContactRelation => "contact-relation",
            Self::Insurance => "insurance",
            Self::Subscription => "subscription",
            Self::CarePlan => "care-plan",
            Self::TreatmentWish => "treatment-wish",
            Self::AgendaOccurrence => "agenda-occurrence",
            Self::Survey => "survey",
            Self::SurveyResult => "survey-result",
            Self::Report => "report",
        }
    }

    /// Whether its records belong to no client.
    pub const fn is_shared(self) -> bool {
        matches!(self, Self::Employee | Self::CareProvider | Self::Insurer | Self::Survey)
    }

    /// Whether this source has such records. Ons shows neither subscriptions nor treatment wishes in any public interface; another FHIR server is read
    /// by type, and these types have maps.
    pub fn is_of(self, ecd: &str) -> bool {
        match ecd {
            "ons" => !matches!(self, Self::Subscription | Self::TreatmentWish),
            "fhir" => matches!(
                self,
                Self::Employee
                    | Self::Stay
                    | Self::Client
                    | Self::ContactRelation
                    | Self::CarePlan
                    | Self::AgendaOccurrence
                    | Self::Report
            ),
            _ => true,
        }
    }

    /// The kind with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_found_by_its_name() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_name(kind.as_str()), Some(kind));
        }
        assert_eq!(Kind::from_name("no-such-kind"), None);
    }
}
