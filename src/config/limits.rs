//! `[server.limits]`: how much one app, person or network may ask; `[tenant.<id>.limits]`: the same for one tenant, never more.

use super::reader::Reader;

/// Requests in a time. What a tenant sets is at most what the server allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// FHIR requests of one person with one app, a minute.
    pub fhir_per_minute: u32,
    /// FHIR requests of one person with one app that are worked on at once; a few more may wait for a moment.
    pub fhir_at_once: u32,
    /// FHIR requests of one app for all people together, an hour.
    pub fhir_per_app_per_hour: u32,
    /// Requests of one app from one network to the endpoints for tokens, a minute.
    pub token_per_minute: u32,
}

/// What does not depend on a tenant, by network: /24 of IPv4, /64 of IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkLimits {
    /// Requests without an access token, a minute.
    pub per_minute: u32,
    /// Access tokens that open nothing, a minute.
    pub unknown_tokens_per_minute: u32,
    /// Open connections; a trusted proxy may open as many as it likes.
    pub connections: u32,
}

#[cfg(test)]
impl Limits {
    /// For tests whose clock stands still.
    pub const NONE: Self = Self {
        fhir_per_minute: MOST,
        fhir_at_once: MOST,
        fhir_per_app_per_hour: MOST,
        token_per_minute: MOST,
    };
}

#[cfg(test)]
impl NetworkLimits {
    /// For tests whose clock stands still.
    pub const NONE: Self = Self {
        per_minute: MOST,
        unknown_tokens_per_minute: MOST,
        connections: MOST,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fhir_per_minute: 300,
            fhir_at_once: 4,
            fhir_per_app_per_hour: 30_000,
            token_per_minute: 60,
        }
    }
}

impl Default for NetworkLimits {
    fn default() -> Self {
        Self {
            per_minute: 1_200,
            unknown_tokens_per_minute: 60,
            connections: 512,
        }
    }
}

/// The largest number that can be set: no limit, for a bench.
const MOST: u32 = 100_000_000;

/// The ceiling of all tenants.
pub(super) fn server(reader: &mut Reader) -> Limits {
    let most = Limits {
        fhir_per_minute: MOST,
        fhir_at_once: MOST,
        fhir_per_app_per_hour: MOST,
        token_per_minute: MOST,
    };
    read(reader, "server.limits", Limits::default(), most)
}

/// A tenant's own, at most `ceiling`.
pub(super) fn tenant(reader: &mut Reader, name: &str, ceiling: Limits) -> Limits {
    read(reader, &format!("tenant.{name}.limits"), ceiling, ceiling)
}

fn read(reader: &mut Reader, section: &str, default: Limits, most: Limits) -> Limits {
    let mut number = |key: &str, default: u32, most: u32, meaning| {
        let value = reader.number(&format!("{section}.{key}"), default.into(), 1..=most.into(), meaning);
        u32::try_from(value).unwrap_or(default)
    };
    Limits {
        fhir_per_minute: number(
            "fhir_per_minute",
            default.fhir_per_minute,
            most.fhir_per_minute,
            "FHIR requests of one person with one app",
        ),
        fhir_at_once: number(
            "fhir_at_once",
            default.fhir_at_once,
            most.fhir_at_once,
            "of those, worked on at the same time",
        ),
        fhir_per_app_per_hour: number(
            "fhir_per_app_per_hour",
            default.fhir_per_app_per_hour,
            most.fhir_per_app_per_hour,
            "FHIR requests of one app for everybody",
        ),
        token_per_minute: number(
            "token_per_minute",
            default.token_per_minute,
            most.token_per_minute,
            "requests of one app from one network for tokens",
        ),
    }
}

pub(super) fn network(reader: &mut Reader) -> NetworkLimits {
    let default = NetworkLimits::default();
    let mut number = |key: &str, default: u32, meaning| {
        let key = format!("server.limits.{key}");
        u32::try_from(reader.number(&key, default.into(), 1..=MOST.into(), meaning)).unwrap_or(default)
    };
    NetworkLimits {
        per_minute: number(
            "network_per_minute",
            default.per_minute,
            "requests without an access token from one /24 or /64",
        ),
        unknown_tokens_per_minute: number(
            "unknown_tokens_per_minute",
            default.unknown_tokens_per_minute,
            "access tokens that open nothing from one /24 or /64",
        ),
        connections: number(
            "network_connections",
            default.connections,
            "open connections of one /24 or /64, trusted proxies aside",
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_tenant_can_only_lower_what_the_server_allows() {
        let text =
            "[server.limits]\nfhir_per_minute = 500\n[tenant.a.limits]\nfhir_per_minute = 200\ntoken_per_minute = 61\n";
        let mut reader = Reader::new(Path::new("inzage.toml"), text, std::iter::empty());
        let ceiling = server(&mut reader);
        assert_eq!(ceiling.fhir_per_minute, 500);
        let (own, other) = (tenant(&mut reader, "a", ceiling), tenant(&mut reader, "b", ceiling));
        assert_eq!((own.fhir_per_minute, own.token_per_minute), (200, 60));
        assert_eq!(other, ceiling);
        let (problems, _) = reader.finish();
        let keys: Vec<_> = problems.iter().map(|problem| problem.key.as_str()).collect();
        assert_eq!(keys, ["tenant.a.limits.token_per_minute"]);
    }
}
