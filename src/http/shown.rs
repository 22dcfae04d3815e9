//! How an access token is shown (RFC 6750, RFC 9449), and how an app is told why that was not enough (RFC 9470, RFC 9728).
//!
//! # Design
//! A refusal names both ways of showing a token, the one that was tried first: an app that sent a bound token as a bearer token
//! reads from it what to do. It also says where the resource describes itself, so that an app that knows nothing but an address
//! of data finds the server that gives tokens for it. What is told never depends on the token.

use axum::http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use axum::http::{Method, StatusCode};

use super::App;
use crate::config::Tenant;
use crate::oauth::token::{By, Refused};
use crate::oauth::{discovery, dpop};

/// RFC 6750 §3.1
pub(super) const INVALID_TOKEN: &str = "invalid_token";

const PROOF: &str = "dpop";

/// The word before the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Bearer,
    Dpop,
}

impl Scheme {
    /// Reads `Bearer …` or `DPoP …`; the case of the word does not count (RFC 9110 §11.1).
    pub(super) fn split(header: &str) -> Option<(Self, &str)> {
        let (word, token) = header.split_once(' ')?;
        let scheme = match word.to_ascii_lowercase().as_str() {
            "bearer" => Self::Bearer,
            "dpop" => Self::Dpop,
            _ => return None,
        };
        Some((scheme, token.trim_start_matches(' ')))
    }

    pub(super) fn by(self, proof: Option<&dpop::Shown>) -> By<'_> {
        match self {
            Self::Bearer => By::Bearer,
            Self::Dpop => By::Key(proof),
        }
    }
}

/// The one token in the `Authorization` header, or what the audit calls it that there is none.
pub(super) fn token(headers: &HeaderMap) -> Result<(Scheme, &str), &'static str> {
    let mut authorizations = headers.get_all(AUTHORIZATION).iter();
    match (authorizations.next(), authorizations.next()) {
        (None, _) => Err("no-token"),
        (Some(_), Some(_)) => Err("two-tokens"),
        (Some(one), None) => one.to_str().ok().and_then(Scheme::split).ok_or("not-a-token"),
    }
}

/// The proof of a request. Two headers, or one that is not text, prove nothing, and are not the same as none.
pub(super) fn proof(app: &App, method: &Method, path: &str, headers: &HeaderMap) -> Option<dpop::Shown> {
    let mut proofs = headers.get_all(PROOF).iter();
    let one = proofs.next()?;
    let jwt = match proofs.next() {
        None => one.to_str().unwrap_or_default(),
        Some(_) => "",
    };
    Some(dpop::Shown {
        jwt: jwt.to_owned(),
        method: method.to_string(),
        url: app.config.server.absolute(path),
    })
}

/// What a request without a token, or with one that opens nothing, is told.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    /// `WWW-Authenticate`, each value a header of its own.
    pub(super) challenges: Vec<HeaderValue>,
    /// The code for a body in the form of RFC 6749.
    pub(super) error: String,
}

/// 401 without an error: there was no token.
pub(super) fn none(app: &App, tenant: &Tenant) -> Refusal {
    refusal(app, tenant, StatusCode::UNAUTHORIZED, Scheme::Bearer, &[])
}

/// 401 for a token that was shown in this way and refused.
pub(super) fn refused(app: &App, tenant: &Tenant, scheme: Scheme, refused: Refused) -> Refusal {
    let unauthorized = |told: &[(&str, &str)]| refusal(app, tenant, StatusCode::UNAUTHORIZED, scheme, told);
    match refused {
        Refused::Unknown => unauthorized(&[("error", INVALID_TOKEN)]),
        Refused::Proof => unauthorized(&[("error", "invalid_dpop_proof")]),
        Refused::Login => {
            let demanded = &tenant.policy.api_login;
            let (levels, age) = (demanded.levels.join(" "), demanded.max_age.map(|age| age.to_string()));
            let mut told = vec![("error", "insufficient_user_authentication")];
            if !levels.is_empty() {
                told.push(("acr_values", &levels));
            }
            if let Some(age) = &age {
                told.push(("max_age", age));
            }
            unauthorized(&told)
        }
    }
}

/// 400 for what is no way of showing a token.
pub(super) fn malformed(app: &App, tenant: &Tenant) -> Refusal {
    let told = [("error", "invalid_request")];
    refusal(app, tenant, StatusCode::BAD_REQUEST, Scheme::Bearer, &told)
}

/// Why a token was refused, as the audit calls it.
pub(super) const fn reason(refused: Refused) -> &'static str {
    match refused {
        Refused::Unknown => "unknown-token",
        Refused::Proof => "dpop-proof",
        Refused::Login => "insufficient-login",
    }
}

fn refusal(app: &App, tenant: &Tenant, status: StatusCode, tried: Scheme, told: &[(&str, &str)]) -> Refusal {
    let line = |scheme: Scheme| {
        let (word, own) = match scheme {
            Scheme::Bearer => (
                "Bearer",
                (
                    "resource_metadata",
                    discovery::resource_metadata(&app.issuer, &tenant.id),
                ),
            ),
            Scheme::Dpop => ("DPoP", ("algs", dpop::ALGORITHMS.join(" "))),
        };
        let told = if scheme == tried { told } else { &[] };
        let told = told.iter().map(|(name, value)| format!("{name}=\"{value}\""));
        let parts: Vec<String> = told.chain([format!("{}=\"{}\"", own.0, own.1)]).collect();
        HeaderValue::from_str(&format!("{word} {}", parts.join(", ")))
            .expect("levels and addresses are printable ASCII")
    };
    let challenges = match tried {
        Scheme::Bearer => [Scheme::Bearer, Scheme::Dpop],
        Scheme::Dpop => [Scheme::Dpop, Scheme::Bearer],
    };
    let error = told.iter().find(|(name, _)| *name == "error");
    Refusal {
        status,
        challenges: challenges.map(line).to_vec(),
        error: error.map_or(INVALID_TOKEN, |(_, code)| *code).to_owned(),
    }
}
