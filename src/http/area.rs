//! Which part of the gateway a path belongs to: it decides on error bodies, caching and who may call from a browser.

use crate::fhir::definition::Definition;

/// A part of the URL space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area<'a> {
    /// Documents for anybody, and in which words their errors are: CapabilityStatement, definitions, discovery, public keys.
    Public(Words),
    /// `/{tenant}/fhir`: data.
    Fhir { tenant: &'a str },
    /// `/{tenant}/app-state`: what apps keep here.
    AppState { tenant: &'a str },
    /// OAuth endpoints that apps call by themselves.
    Token { tenant: &'a str },
    /// Pages for people, and everything else. Never called by scripts of another origin.
    Page,
}

/// The form of an error: who asks decides it, not what went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Words {
    /// An OperationOutcome.
    Outcome,
    /// `error` and `error_description` (RFC 6749 §5.2).
    OAuth,
    /// Text, where no page was made.
    Plain,
}

impl<'a> Area<'a> {
    pub fn of(path: &'a str) -> Self {
        let mut parts = path.strip_prefix('/').unwrap_or(path).split('/');
        let (first, second, third) = (parts.next().unwrap_or(""), parts.next(), parts.next());
        match (second, third) {
            _ if first == ".well-known" => Self::Public(Words::OAuth),
            (Some(".well-known"), _) | (Some("fhir"), Some(".well-known")) => Self::Public(Words::OAuth),
            (Some("fhir"), Some("metadata")) => Self::Public(Words::Outcome),
            (Some("fhir"), Some(kind)) if kind.parse::<Definition>().is_ok() => Self::Public(Words::Outcome),
            (Some("fhir"), _) => Self::Fhir { tenant: first },
            (Some("app-state"), Some("metadata")) => Self::Public(Words::Outcome),
            (Some("app-state"), _) => Self::AppState { tenant: first },
            (Some("oauth"), Some("jwks" | "style.json")) => Self::Public(Words::OAuth),
            (
                Some("oauth"),
                Some(
                    "token"
                    | "introspect"
                    | "revoke"
                    | "userinfo"
                    | "par"
                    | "register"
                    | "launch"
                    | "device_authorization",
                ),
            ) => Self::Token { tenant: first },
            _ => Self::Page,
        }
    }

    /// In which words an error here is told.
    pub fn words(self) -> Words {
        match self {
            Self::Fhir { .. } | Self::AppState { .. } => Words::Outcome,
            Self::Public(words) => words,
            Self::Token { .. } => Words::OAuth,
            Self::Page => Words::Plain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_has_its_area() {
        let tenant = "topaz";
        for (path, area) in [
            ("/topaz/fhir", Area::Fhir { tenant }),
            ("/topaz/fhir/Patient/a", Area::Fhir { tenant }),
            ("/topaz/fhir/metadata", Area::Public(Words::Outcome)),
            ("/topaz/app-state/metadata", Area::Public(Words::Outcome)),
            ("/topaz/app-state/Basic/a", Area::AppState { tenant }),
            ("/topaz/fhir/ValueSet/$expand", Area::Public(Words::Outcome)),
            ("/topaz/fhir/StructureDefinition", Area::Public(Words::Outcome)),
            ("/topaz/fhir/ValueSetX", Area::Fhir { tenant }),
            (
                "/topaz/fhir/.well-known/smart-configuration",
                Area::Public(Words::OAuth),
            ),
            ("/topaz/.well-known/openid-configuration", Area::Public(Words::OAuth)),
            (
                "/.well-known/oauth-authorization-server/topaz",
                Area::Public(Words::OAuth),
            ),
            ("/topaz/oauth/jwks", Area::Public(Words::OAuth)),
            ("/topaz/oauth/token", Area::Token { tenant }),
            ("/topaz/oauth/authorize", Area::Page),
            ("/topaz/login", Area::Page),
            ("/fhir/x", Area::Page),
            ("/", Area::Page),
            ("", Area::Page),
        ] {
            assert_eq!(Area::of(path), area, "{path}");
        }
    }

    #[test]
    fn errors_of_definitions_are_outcomes_and_those_of_discovery_are_not() {
        for (path, is_outcome) in [
            ("/topaz/fhir/metadata", true),
            ("/topaz/fhir/CodeSystem/x", true),
            ("/topaz/fhir/.well-known/smart-configuration", false),
            ("/topaz/.well-known/openid-configuration", false),
        ] {
            assert_eq!(Area::of(path).words() == Words::Outcome, is_outcome, "{path}");
        }
    }
}
