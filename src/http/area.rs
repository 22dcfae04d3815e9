//! Which part of the gateway a path belongs to: it decides on error bodies, caching and who may call from a browser.

use crate::fhir::definition::Definition;

/// A part of the URL space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area<'a> {
    /// Documents for anybody: CapabilityStatement, definitions, discovery, public keys.
    Public,
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
            _ if first == ".well-known" => Self::Public,
            (Some(".well-known"), _) => Self::Public,
            (Some("fhir"), Some("metadata" | ".well-known")) => Self::Public,
            (Some("fhir"), Some(kind)) if is_definition(kind) => Self::Public,
            (Some("fhir"), _) => Self::Fhir { tenant: first },
            (Some("app-state"), Some("metadata")) => Self::Public,
            (Some("app-state"), _) => Self::AppState { tenant: first },
            (Some("oauth"), Some("jwks" | "style.json")) => Self::Public,
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
    pub fn words(self, path: &str) -> Words {
        match self {
            Self::Fhir { .. } | Self::AppState { .. } => Words::Outcome,
            Self::Public if path.ends_with("/app-state/metadata") || is_fhir(path) => Words::Outcome,
            Self::Public | Self::Token { .. } => Words::OAuth,
            Self::Page => Words::Plain,
        }
    }
}

/// Whether a public path below the FHIR base speaks FHIR.
fn is_fhir(path: &str) -> bool {
    let mut parts = path.split('/').skip(2);
    parts.next() == Some("fhir")
        && parts
            .next()
            .is_some_and(|kind| kind == "metadata" || is_definition(kind))
}

fn is_definition(kind: &str) -> bool {
    kind.parse::<Definition>().is_ok()
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
            ("/topaz/fhir/metadata", Area::Public),
            ("/topaz/app-state/metadata", Area::Public),
            ("/topaz/app-state/Basic/a", Area::AppState { tenant }),
            ("/topaz/fhir/ValueSet/$expand", Area::Public),
            ("/topaz/fhir/StructureDefinition", Area::Public),
            ("/topaz/fhir/ValueSetX", Area::Fhir { tenant }),
            ("/topaz/fhir/.well-known/smart-configuration", Area::Public),
            ("/topaz/.well-known/openid-configuration", Area::Public),
            ("/.well-known/oauth-authorization-server/topaz", Area::Public),
            ("/topaz/oauth/jwks", Area::Public),
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
            assert_eq!(Area::of(path).words(path) == Words::Outcome, is_outcome, "{path}");
        }
    }
}
