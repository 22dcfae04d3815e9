//! Which part of the gateway a path belongs to: it decides on error bodies, caching and who may call from a browser.

/// A part of the URL space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area<'a> {
    /// Documents for anybody: CapabilityStatement, discovery, public keys.
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
            Self::Public if path.ends_with("/fhir/metadata") || path.ends_with("/app-state/metadata") => Words::Outcome,
            Self::Public | Self::Token { .. } => Words::OAuth,
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
            ("/topaz/fhir/metadata", Area::Public),
            ("/topaz/app-state/metadata", Area::Public),
            ("/topaz/app-state/Basic/a", Area::AppState { tenant }),
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
}
