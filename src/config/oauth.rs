//! `[oauth]`: how the authorization server reaches apps.

use super::reader::Reader;
use super::{Authorities, Upstream, authorities};

/// What signs id tokens (RFC 7518 §3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SigningAlg {
    /// Every relying party verifies it (OpenID Connect Core §15.1).
    #[default]
    Rs256,
    Es256,
    Es384,
}

impl SigningAlg {
    pub const ALL: [Self; 3] = [Self::Rs256, Self::Es256, Self::Es384];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|alg| alg.as_str() == text)
    }
}

/// What signs the id tokens of a tenant's apps that do not say.
pub(super) fn id_token_alg(reader: &mut Reader, tenant: &str) -> SigningAlg {
    let key = format!("tenant.{tenant}.id_token_alg");
    let text = reader.text(
        &key,
        SigningAlg::default().as_str(),
        "what signs id tokens of apps that do not say: RS256, ES256 or ES384",
    );
    SigningAlg::parse(&text).unwrap_or_else(|| {
        reader.problem(&key, "expected RS256, ES256 or ES384".to_owned());
        SigningAlg::default()
    })
}

/// The levels of a login with this gateway, in rising order.
pub const LOGIN_LEVELS: [&str; 5] = [
    "urn:inzage:acr:pwd",
    "urn:inzage:acr:pwd+device",
    "urn:inzage:acr:pwd+recovery",
    "urn:inzage:acr:pwd+sms",
    "urn:inzage:acr:pwd+otp",
];

/// How surely and how lately a person has to be recognised who reads dossiers through an app.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoginDemand {
    /// Any of these levels (`acr`), or a higher one; empty: any login.
    pub levels: Vec<String>,
    /// The login may be at most this many seconds old.
    pub max_age: Option<i64>,
}

/// What a tenant demands of logins; `upstream` names levels of its own.
pub(super) fn login_demand(reader: &mut Reader, tenant: &str, upstream: Option<&Upstream>) -> LoginDemand {
    let (levels, age) = (
        format!("tenant.{tenant}.api.acr_values"),
        format!("tenant.{tenant}.api.max_age_seconds"),
    );
    let named = reader.list(
        &levels,
        "an app reads dossiers only after a login of one of these levels or a higher one; nothing: any",
    );
    let known = |level: &&String| {
        LOGIN_LEVELS.contains(&level.as_str()) || upstream.is_some_and(|upstream| upstream.levels.contains(level))
    };
    if let Some(unknown) = named.iter().find(|level| !known(level)) {
        let message = format!(
            "{unknown} is no level of a login here: choose from {} or the levels of the upstream provider",
            LOGIN_LEVELS.join(", ")
        );
        reader.problem(&levels, message);
    }
    let seconds = reader.number(
        &age,
        0,
        0..=31_536_000,
        "an app reads dossiers only so long after the login; 0: as long as its tokens live",
    );
    LoginDemand {
        levels: named,
        max_age: Some(seconds).filter(|seconds| *seconds > 0),
    }
}

/// Whether apps register themselves (RFC 7591).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Registration {
    /// An operator registers them.
    #[default]
    Closed,
    /// They do, and wait until somebody of the organisation approves it.
    Approval,
}

/// Whether a tenant lets apps register themselves.
pub(super) fn registration(reader: &mut Reader, tenant: &str) -> Registration {
    let key = format!("tenant.{tenant}.registration");
    let meaning = "whether apps register themselves: closed, or approval: they wait for `inzage app approve`";
    match reader.text(&key, "closed", meaning).as_str() {
        "closed" => Registration::Closed,
        "approval" => Registration::Approval,
        _ => {
            reader.problem(&key, "expected closed or approval".to_owned());
            Registration::Closed
        }
    }
}

/// The keys of those who sign software statements (RFC 7591 §2.3).
pub(super) fn statement_keys(reader: &mut Reader, tenant: &str) -> Vec<serde_json::Value> {
    let key = format!("tenant.{tenant}.software_statement_keys_file");
    let meaning = "a JWK Set with the public keys of those whose software statements count in a registration";
    let Some(file) = reader.optional_path(&key, meaning) else {
        return Vec::new();
    };
    let name = file.display();
    let set = match std::fs::read(&file) {
        Ok(text) => serde_json::from_slice::<serde_json::Value>(&text).ok(),
        Err(error) => {
            reader.problem(&key, format!("{name} cannot be read ({})", error.kind()));
            return Vec::new();
        }
    };
    let keys = set
        .and_then(|set| set.get("keys")?.as_array().cloned())
        .unwrap_or_default();
    let public = |key: &serde_json::Value| {
        let kind = key.get("kty").and_then(serde_json::Value::as_str);
        matches!(kind, Some("EC" | "RSA")) && ["d", "p", "q", "k"].iter().all(|member| key.get(member).is_none())
    };
    if keys.is_empty() || !keys.iter().all(public) {
        reader.problem(
            &key,
            format!("{name} must be a JWK Set of public EC and RSA keys, and of nothing else"),
        );
        return Vec::new();
    }
    keys
}

/// Where the key sets of apps (`jwks_uri`) may lie, and whom to trust there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OAuth {
    /// Also on private and loopback addresses: for tests, and for apps inside the operator's own network.
    pub private_app_keys: bool,
    /// Certificate authorities instead of the system's.
    pub app_keys_ca: Option<Authorities>,
}

pub(super) fn read(reader: &mut Reader) -> OAuth {
    OAuth {
        private_app_keys: reader.flag(
            "oauth.private_app_keys",
            false,
            "fetch key sets of apps (jwks_uri) from private and loopback addresses too",
        ),
        app_keys_ca: authorities::read(
            reader,
            "oauth.app_keys_ca_file",
            "certificate authorities (PEM) that key sets of apps are fetched by; the system's otherwise",
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn keys_of_signers_are_public_or_a_problem_of_the_setting() {
        let folder = tempfile::tempdir().unwrap();
        let read = |set: Option<&str>| {
            let file = folder.path().join("signers.json");
            let _ = std::fs::remove_file(&file);
            if let Some(set) = set {
                std::fs::write(&file, set).unwrap();
            }
            let text = "[tenant.a]\nsoftware_statement_keys_file = \"signers.json\"\n";
            let mut reader = Reader::new(&folder.path().join("inzage.toml"), text, std::iter::empty());
            let keys = statement_keys(&mut reader, "a");
            let (problems, _) = reader.finish();
            let told: Vec<_> = problems
                .into_iter()
                .map(|problem| (problem.line, problem.key))
                .collect();
            (keys.len(), told)
        };
        let problem = vec![(Some(2), "tenant.a.software_statement_keys_file".to_owned())];
        assert_eq!(
            read(Some(r#"{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}"#)),
            (1, Vec::new())
        );
        for bad in [
            None,
            Some(""),
            Some("[]"),
            Some(r#"{"keys":[]}"#),
            Some(r#"{"keys":[{"kty":"oct","k":"AA"}]}"#),
            Some(r#"{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA","d":"AA"}]}"#),
        ] {
            assert_eq!(read(bad), (0, problem.clone()), "{bad:?}");
        }
        let mut reader = Reader::new(Path::new("inzage.toml"), "", std::iter::empty());
        assert!(statement_keys(&mut reader, "a").is_empty() && reader.finish().0.is_empty());
    }
}
