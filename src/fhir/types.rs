//! Resource types and ids, parsed once at the edge.
//!
//! ```
//! use inzage::fhir::types::{Id, ResourceType};
//! assert_eq!("CarePlan".parse::<ResourceType>(), Ok(ResourceType::CarePlan));
//! assert!("careplan".parse::<ResourceType>().is_err());
//! assert!(Id::parse("../etc").is_none());
//! ```

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A resource id: `[A-Za-z0-9\-\.]{1,64}` (<https://hl7.org/fhir/R4/datatypes.html#id>).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(Arc<str>);

impl Id {
    /// The id, if the text is one.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=64).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
        fits.then(|| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// No such resource type is served here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a resource type that this server knows")]
pub struct UnknownType;

macro_rules! resource_types {
    ($($name:ident)*) => {
        /// The resource types that the gateway keeps and serves.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ResourceType { $($name),* }

        impl ResourceType {
            /// Every type, in the order of the CapabilityStatement.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),* }
            }
        }

        impl FromStr for ResourceType {
            type Err = UnknownType;

            fn from_str(text: &str) -> Result<Self, UnknownType> {
                match text { $(stringify!($name) => Ok(Self::$name),)* _ => Err(UnknownType) }
            }
        }
    };
}

resource_types! {
    Appointment CarePlan CareTeam Composition Condition Consent Contract Coverage DocumentReference EpisodeOfCare Goal
    Observation Organization Patient Person Practitioner PractitionerRole Questionnaire QuestionnaireResponse
    RelatedPerson
}

impl ResourceType {
    /// Types that belong to no client: readable when a resource that the caller sees refers to them.
    pub const fn is_shared(self) -> bool {
        matches!(
            self,
            Self::Organization | Self::Practitioner | Self::PractitionerRole | Self::Questionnaire
        )
    }

    /// A shared type that stands between a client and other shared resources: who works where. What it refers to is readable
    /// where it is readable itself.
    pub const fn is_between(self) -> bool {
        matches!(self, Self::PractitionerRole)
    }
}

impl fmt::Display for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_reads_back() {
        for kind in ResourceType::ALL {
            assert_eq!(kind.as_str().parse(), Ok(*kind));
        }
    }

    #[test]
    fn an_id_has_a_closed_alphabet_and_length() {
        assert!(Id::parse(&"a".repeat(64)).is_some());
        for bad in ["", "a b", "a/b", "é", &"a".repeat(65)] {
            assert!(Id::parse(bad).is_none(), "{bad}");
        }
    }
}
