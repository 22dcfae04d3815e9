//! Which app speaks at the token endpoint, and whether it proves it (RFC 6749 §2.3).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Form;
use super::assertion::{self, Fetched};
use crate::config::TenantId;
use crate::db::{self, Conn};
use crate::oauth::Issuer;
use crate::oauth::app::{self, App, Kind, PublicKeys};
use crate::oauth::code::{Code, Refusal};
use crate::secret::{same, sha256};

/// What the app says of itself.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::oauth) enum Credentials {
    /// A name without proof, or not even that.
    Public(Option<String>),
    /// By the `Authorization` header or in the form: the answer to a failure differs.
    Secret { client_id: String, secret: String },
    /// By a JWT that it signed, with the keys of an app that keeps them at an address of its own.
    Assertion {
        client_id: String,
        jwt: String,
        fetched: Option<Fetched>,
    },
}

/// No client_id, where nothing else says whose request it is.
pub(in crate::oauth) const NAMELESS: Refusal = Refusal::new(Code::InvalidClient, "client_id is missing");

const FAILED: Refusal = Refusal::new(
    Code::InvalidClient,
    "the app is unknown or did not prove itself as it was registered",
);

/// Reads them, and fetches the app's keys where they are kept elsewhere: that waits for another server, so it comes before any
/// transaction.
pub(in crate::oauth) async fn presented(
    issuer: &Issuer,
    tenant: &TenantId,
    form: &Form,
    authorization: Option<&str>,
) -> Result<Result<Credentials, Refusal>, db::Error> {
    let mut read = match credentials(form, authorization) {
        Ok(read) => read,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if let Credentials::Assertion {
        client_id,
        jwt,
        fetched,
    } = &mut read
    {
        let app = app::store::find(&mut *issuer.db().read().await?, tenant, client_id).await?;
        if let Some(Kind::Key(PublicKeys::At(from))) = app.map(|app| app.kind)
            && let Some(kid) = assertion::kid(jwt)
            && let Some(set) = issuer.published().keys(&from, &kid, issuer.clock().now()).await
        {
            *fetched = Some(Fetched {
                from,
                set: (*set).clone(),
            });
        }
    }
    Ok(Ok(read))
}

/// Reads them; at most one method (RFC 6749 §2.3).
fn credentials(form: &Form, authorization: Option<&str>) -> Result<Credentials, Refusal> {
    let invalid = |text| Err(Refusal::new(Code::InvalidRequest, text));
    let (client_id, secret) = (form.get("client_id"), form.get("client_secret"));
    match (form.get("client_assertion"), form.get("client_assertion_type")) {
        (None, None) => {}
        (Some(_), Some(assertion::TYPE)) if authorization.is_some() || secret.is_some() => {
            return invalid("the app proves itself twice; send the assertion alone");
        }
        (Some(jwt), Some(assertion::TYPE)) => {
            let says = assertion::says(jwt).ok_or(FAILED)?;
            if client_id.is_some_and(|id| id != says) {
                return invalid("client_id differs from the assertion");
            }
            return Ok(Credentials::Assertion {
                client_id: says,
                jwt: jwt.to_owned(),
                fetched: None,
            });
        }
        (Some(_), Some(_)) => {
            // RFC 6749 §5.2: a method that is not supported
            return Err(Refusal::new(
                Code::InvalidClient,
                "client_assertion_type: only urn:ietf:params:oauth:client-assertion-type:jwt-bearer is offered",
            ));
        }
        _ => return invalid("client_assertion and client_assertion_type come together"),
    }
    let Some(authorization) = authorization else {
        return Ok(match (client_id, secret) {
            (Some(client_id), Some(secret)) => Credentials::Secret {
                client_id: client_id.to_owned(),
                secret: secret.to_owned(),
            },
            (None, Some(_)) => return invalid("client_secret without client_id"),
            (client_id, None) => Credentials::Public(client_id.map(str::to_owned)),
        });
    };
    if secret.is_some() {
        return invalid("the app proves itself twice; use the Authorization header or client_secret");
    }
    let (basic_id, secret) = basic(authorization).ok_or(FAILED)?;
    if client_id.is_some_and(|id| id != basic_id) {
        return invalid("client_id differs from the Authorization header");
    }
    Ok(Credentials::Secret {
        client_id: basic_id,
        secret,
    })
}

/// `Basic base64(urlencoded(id):urlencoded(secret))`
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || encoded.len() > 1_000 {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    let (id, secret) = (decode(id)?, decode(secret)?);
    // As in a form.
    let plain = |text: &str| !text.contains(char::is_control);
    (plain(&id) && plain(&secret)).then_some((id, secret))
}

fn decode(text: &str) -> Option<String> {
    // A form with one nameless value, so that `+` and `%xx` are read as in a form.
    let mut pairs = url::form_urlencoded::parse(text.as_bytes());
    match (pairs.next(), pairs.next()) {
        (None, _) => Some(String::new()),
        (Some((name, value)), None) if value.is_empty() && !text.contains('=') => Some(name.into_owned()),
        _ => None,
    }
}

/// The app behind the credentials. `Ok(Ok(None))`: no name was given, and the caller may know the app from elsewhere. An
/// assertion is used up, so the connection is in a transaction that commits whatever comes after.
pub(in crate::oauth) async fn identify(
    conn: &mut Conn,
    issuer: &Issuer,
    tenant: &TenantId,
    credentials: &Credentials,
) -> Result<Result<Option<App>, Refusal>, db::Error> {
    let client_id = match credentials {
        Credentials::Public(None) => return Ok(Ok(None)),
        Credentials::Public(Some(client_id))
        | Credentials::Secret { client_id, .. }
        | Credentials::Assertion { client_id, .. } => client_id,
    };
    let Some(app) = app::store::find(conn, tenant, client_id).await? else {
        return Ok(Err(FAILED));
    };
    let proven = match credentials {
        Credentials::Assertion { jwt, fetched, .. } => {
            assertion::proves(conn, issuer, tenant, &app, jwt, fetched.as_ref()).await?
        }
        Credentials::Public(_) | Credentials::Secret { .. } => proves(&app, credentials),
    };
    Ok(if proven { Ok(Some(app)) } else { Err(FAILED) })
}

/// An app with a secret shows it; an app without one shows none.
fn proves(app: &App, credentials: &Credentials) -> bool {
    match (&app.kind, credentials) {
        (Kind::Public, Credentials::Public(_)) => true,
        (Kind::Secret(hash), Credentials::Secret { secret, .. }) => same(&sha256(secret.as_bytes()), hash),
        _ => false,
    }
}

/// Whether these credentials are those of the app, as far as that is seen without using anything up.
pub(super) fn simply_proves(app: &App, credentials: &Credentials) -> bool {
    let named = match credentials {
        Credentials::Public(client_id) => client_id.as_ref(),
        Credentials::Secret { client_id, .. } => Some(client_id),
        Credentials::Assertion { .. } => return false,
    };
    named.is_none_or(|client_id| *client_id == app.client_id) && proves(app, credentials)
}

/// The app of a grant, for a public app that did not give its name.
pub(super) async fn of_grant(
    conn: &mut Conn,
    tenant: &TenantId,
    client_id: &str,
) -> Result<Result<App, Refusal>, db::Error> {
    let app = app::store::find(conn, tenant, client_id).await?;
    Ok(app.filter(App::is_public).ok_or(FAILED))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(pairs: &[(&str, &str)]) -> Form {
        Form::new(
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        )
        .unwrap()
    }

    fn header(text: &str) -> String {
        format!("Basic {}", STANDARD.encode(text))
    }

    #[test]
    fn t07_basic_credentials_are_form_encoded() {
        let read = |text: &str| basic(&header(text));
        assert_eq!(read("app%3A1:a+b%2F"), Some(("app:1".to_owned(), "a b/".to_owned())));
        assert_eq!(read("app:"), Some(("app".to_owned(), String::new())));
        for bad in ["app", "app:a&b", "a=b:c"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(basic("Bearer x"), None);
        assert_eq!(basic("Basic !"), None);
    }

    #[test]
    fn t07_two_methods_at_once_are_refused() {
        let both = form(&[("client_id", "app"), ("client_secret", "s")]);
        let error = credentials(&both, Some(&header("app:s")))
            .err()
            .map(|refusal| refusal.code);
        assert_eq!(error, Some(Code::InvalidRequest));
        let other = form(&[("client_id", "other")]);
        let error = credentials(&other, Some(&header("app:s")))
            .err()
            .map(|refusal| refusal.code);
        assert_eq!(error, Some(Code::InvalidRequest));
        assert!(credentials(&form(&[("client_id", "app")]), Some(&header("app:s"))).is_ok());
    }
}
