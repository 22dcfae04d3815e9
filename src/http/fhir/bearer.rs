//! The access token of a request (RFC 6750, RFC 9449), and the ways to refuse it.

use std::sync::Arc;

use axum::http::header::{AUTHORIZATION, HeaderMap};
use axum::http::request::Parts;

use crate::audit::{Action, Entry, Origin, Outcome};
use crate::config::Tenant;
use crate::http::App;
use crate::http::failure::Failure;
use crate::http::shown::{self, Scheme};
use crate::oauth::token::Refused;
use crate::oauth::{self, Caller};

/// No token of ours is as long as this.
const MAX_TOKEN: usize = 4 * 1024;

/// What the headers and the query say about a token.
#[derive(Debug, PartialEq, Eq)]
enum Presented<'a> {
    None,
    Token(Scheme, &'a str),
    /// Another scheme, or characters that no token has.
    NotOne,
    /// Two at once, or one in the URL, where it would stand in logs and histories.
    Twice,
    InUrl,
}

/// Who stands behind the token. A presented token that opens nothing leaves an audit line.
pub(super) async fn caller(
    app: &App,
    tenant: &Arc<Tenant>,
    parts: &Parts,
    pairs: &[(String, String)],
    origin: Origin,
) -> Result<Caller, Failure> {
    let (scheme, token) = match presented(&parts.headers, pairs) {
        Presented::Token(scheme, token) => (scheme, token),
        Presented::None => {
            let text = "Send an access token: Authorization: Bearer …";
            return Err(Failure::unshown(shown::none(app, tenant), text));
        }
        Presented::NotOne => {
            app.limiter.unknown_token(app.clock.now());
            return Err(refused(app, tenant, Scheme::Bearer, Refused::Unknown));
        }
        Presented::Twice => {
            app.limiter.unknown_token(app.clock.now());
            return Err(malformed(app, tenant, "Send one Authorization header."));
        }
        Presented::InUrl => {
            app.limiter.unknown_token(app.clock.now());
            return Err(malformed(
                app,
                tenant,
                "Send the access token in the Authorization header, not in the URL.",
            ));
        }
    };
    app.limiter.before_token(app.clock.now())?;
    let proof = shown::proof(app, &parts.method, parts.uri.path(), &parts.headers);
    let by = scheme.by(proof.as_ref());
    let why = match oauth::token::check_for_data(&app.issuer, tenant, token, by).await? {
        Ok(caller) => {
            app.limiter.caller(&caller, app.clock.now()).await?;
            return Ok(caller);
        }
        Err(why) => why,
    };
    app.limiter.unknown_token(app.clock.now());
    let outcome = Outcome::Refused(shown::reason(why));
    let entry = Entry::new(tenant.id.clone(), Action::TokenPresented, outcome).from(origin);
    app.recorder.record(entry).await?;
    Err(refused(app, tenant, scheme, why))
}

fn presented<'a>(headers: &'a HeaderMap, pairs: &[(String, String)]) -> Presented<'a> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    if pairs.iter().any(|(name, _)| name == "access_token") {
        return Presented::InUrl;
    }
    let Some(header) = all.next() else {
        return Presented::None;
    };
    if all.next().is_some() {
        return Presented::Twice;
    }
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    match header.to_str().ok().and_then(Scheme::split) {
        Some((scheme, token)) if (1..=MAX_TOKEN).contains(&token.len()) && token.bytes().all(is_token) => {
            Presented::Token(scheme, token)
        }
        _ => Presented::NotOne,
    }
}

fn refused(app: &App, tenant: &Tenant, scheme: Scheme, why: Refused) -> Failure {
    let text = match why {
        Refused::Unknown => "The access token is unknown, expired or withdrawn: refresh it or log in again.",
        Refused::Proof => {
            "Send a new DPoP proof with each request: by the key of the token, with htm, htu, ath, jti and iat of now."
        }
        Refused::Login => {
            "The organisation asks for a surer or a more recent login before data is read: log in again with the acr_values \
             and max_age of the WWW-Authenticate header."
        }
    };
    Failure::unshown(shown::refused(app, tenant, scheme, why), text)
}

fn malformed(app: &App, tenant: &Tenant, text: &str) -> Failure {
    Failure::unshown(shown::malformed(app, tenant), text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn c9_one_header_with_one_token() {
        let of = |values: &[&str]| format!("{:?}", presented(&with(values), &[]));
        assert_eq!(of(&["Bearer abc"]), r#"Token(Bearer, "abc")"#);
        assert_eq!(of(&["bearer  abc"]), r#"Token(Bearer, "abc")"#);
        assert_eq!(of(&["DPoP abc"]), r#"Token(Dpop, "abc")"#);
        assert_eq!(of(&["dpop abc", "Bearer abc"]), "Twice");
        assert_eq!(of(&[]), "None");
        assert_eq!(of(&["Bearer a", "Bearer b"]), "Twice");
        for bad in [
            "Basic YTpi",
            "Bearer",
            "Bearer ",
            "Bearer a b",
            "Bearer a,b",
            "Bearer \"a\"",
            "abc",
        ] {
            assert_eq!(of(&[bad]), "NotOne", "{bad}");
        }
        let long = format!("Bearer {}", "a".repeat(MAX_TOKEN + 1));
        assert_eq!(of(&[&long]), "NotOne");
    }

    #[test]
    fn c9_a_token_in_the_url_is_refused_even_beside_a_header() {
        let pairs = [("access_token".to_owned(), "abc".to_owned())];
        assert_eq!(presented(&with(&["Bearer abc"]), &pairs), Presented::InUrl);
    }
}
