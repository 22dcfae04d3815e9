//! Which part of the gateway a path belongs to: it decides on error bodies, caching and who may call from a browser.

/// A part of the URL space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area<'a> {
    /// Documents for anybody: CapabilityStatement, discovery, public keys.
    Public,
    /// `/{tenant}/fhir`: data.
    Fhir { tenant: &'a str },
    /// OAuth endpoints that apps call by themselves.
    Token { tenant: &'a str },
    /// Pages for people, and everything else. Never called by scripts of another origin.
    Page,
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
            (Some("oauth"), Some("jwks" | "style.json")) => Self::Public,
            (Some("oauth"), Some("token" | "introspect" | "revoke" | "userinfo" | "par" | "register" | "launch")) => {
                Self::Token { tenant: first }
            }
            _ => Self::Page,
        }
    }

    /// Whether an error here is an OperationOutcome.
    pub fn speaks_fhir(self, path: &str) -> bool {
        match self {
            Self::Fhir { .. } => true,
            Self::Public => path.ends_with("/fhir/metadata"),
            Self::Token { .. } | Self::Page => false,
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
