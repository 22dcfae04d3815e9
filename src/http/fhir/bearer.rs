//! The access token of a request (RFC 6750), and the three ways to refuse it.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, HeaderMap};

use crate::audit::{Action, Entry, Origin, Outcome};
use crate::config::Tenant;
use crate::fhir::outcome::IssueType;
use crate::http::App;
use crate::http::failure::Failure;
use crate::oauth::{self, Caller};

/// No token of ours is as long as this.
const MAX_TOKEN: usize = 4 * 1024;

/// What the headers and the query say about a token.
#[derive(Debug, PartialEq, Eq)]
enum Presented<'a> {
    None,
    Token(&'a str),
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
    headers: &HeaderMap,
    pairs: &[(String, String)],
    origin: Origin,
) -> Result<Caller, Failure> {
    let token = match presented(headers, pairs) {
        Presented::Token(token) => token,
        Presented::None => return Err(unauthorized("Bearer", "Send an access token: Authorization: Bearer …")),
        Presented::NotOne => {
            app.limiter.unknown_token(app.clock.now());
            return Err(unknown());
        }
        Presented::Twice => {
            app.limiter.unknown_token(app.clock.now());
            return Err(malformed("Send one Authorization header."));
        }
        Presented::InUrl => {
            app.limiter.unknown_token(app.clock.now());
            return Err(malformed(
                "Send the access token in the Authorization header, not in the URL.",
            ));
        }
    };
    app.limiter.before_token(app.clock.now())?;
    if let Some(caller) = oauth::token::check(&app.issuer, tenant, token).await? {
        app.limiter.caller(&caller, app.clock.now()).await?;
        return Ok(caller);
    }
    app.limiter.unknown_token(app.clock.now());
    let refused = Outcome::Refused("unknown-token");
    let entry = Entry::new(tenant.id.clone(), Action::TokenPresented, refused).from(origin);
    app.recorder.record(entry).await?;
    Err(unknown())
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
    let token = header.to_str().ok().and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        scheme
            .eq_ignore_ascii_case("bearer")
            .then(|| token.trim_start_matches(' '))
    });
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    match token {
        Some(token) if (1..=MAX_TOKEN).contains(&token.len()) && token.bytes().all(is_token) => Presented::Token(token),
        _ => Presented::NotOne,
    }
}

fn unauthorized(challenge: &'static str, text: &str) -> Failure {
    Failure::new(StatusCode::UNAUTHORIZED, IssueType::Login, text).challenge(challenge)
}

fn unknown() -> Failure {
    let challenge = r#"Bearer error="invalid_token""#;
    unauthorized(
        challenge,
        "The access token is unknown, expired or withdrawn: refresh it or log in again.",
    )
}

fn malformed(text: &str) -> Failure {
    Failure::new(StatusCode::BAD_REQUEST, IssueType::Login, text).challenge(r#"Bearer error="invalid_request""#)
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
        assert_eq!(of(&["Bearer abc"]), r#"Token("abc")"#);
        assert_eq!(of(&["bearer  abc"]), r#"Token("abc")"#);
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
