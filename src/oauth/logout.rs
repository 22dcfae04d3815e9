//! An app logs its person out here (OpenID Connect RP-Initiated Logout 1.0).
//!
//! # Design
//! The app names the person by an id token of ours, expired or not, and where the browser is to go afterwards. That address has
//! to be one that this very app registered, character by character; otherwise the person sees a page and is sent nowhere, so
//! this is no open redirector. Whether somebody is logged out, and whether they are asked first, `login` decides.

use url::Url;

use super::{Error, Issuer, app, key};
use crate::config::TenantId;

/// What an app asks, as it came.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    pub id_token_hint: Option<&'a str>,
    pub client_id: Option<&'a str>,
    pub post_logout_redirect_uri: Option<&'a str>,
    pub state: Option<&'a str>,
}

/// What is right about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logout {
    /// Whom the app means, by `sub`.
    pub subject: Option<String>,
    /// Where the browser goes afterwards.
    pub to: Option<Url>,
}

/// Checks a request. The inner error: it is not to be followed, and the browser is sent nowhere.
pub async fn check(issuer: &Issuer, tenant: &TenantId, asked: Asked<'_>) -> Result<Result<Logout, Wrong>, Error> {
    let mut found = Logout {
        subject: None,
        to: None,
    };
    let mut client_id = asked.client_id.map(str::to_owned);
    if let Some(hint) = asked.id_token_hint {
        let claims = key::load(issuer, tenant).await?.read(hint);
        let Some(claims) = claims.filter(|claims| claims["iss"] == issuer.url(tenant)) else {
            return Ok(Err(Wrong));
        };
        let (Some(subject), Some(audience)) = (claims["sub"].as_str(), claims["aud"].as_str()) else {
            return Ok(Err(Wrong));
        };
        if client_id.as_deref().is_some_and(|named| named != audience) {
            return Ok(Err(Wrong));
        }
        found.subject = Some(subject.to_owned());
        client_id = Some(audience.to_owned());
    }
    let Some(uri) = asked.post_logout_redirect_uri else {
        return Ok(Ok(found));
    };
    let app = match client_id {
        Some(client_id) => app::find(&mut *issuer.db().read().await?, tenant, &client_id).await?,
        None => None,
    };
    let Some(mut to) = app
        .filter(|app| app.logs_out_to(uri))
        .and_then(|_| Url::parse(uri).ok())
    else {
        return Ok(Err(Wrong));
    };
    if let Some(state) = asked.state {
        to.query_pairs_mut().append_pair("state", state);
    }
    found.to = Some(to);
    Ok(Ok(found))
}

/// The request is not to be followed: its id token is not ours, its parts contradict each other, or its address is not registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wrong;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::SigningAlg;
    use crate::oauth::app::register;
    use crate::oauth::testing::{NATIVE, REDIRECT, World};

    const APP: &str = "logs-out";
    const AFTER: &str = "https://app.example/bye?x=1";

    #[tokio::test]
    async fn o10_the_browser_goes_only_where_the_app_that_is_meant_registered() {
        let world = World::new().await;
        let (issuer, tenant) = (&world.issuer, &world.tenant.id);
        let metadata = json!({
            "client_id": APP, "client_name": "A", "token_endpoint_auth_method": "none", "redirect_uris": [REDIRECT],
            "post_logout_redirect_uris": [AFTER],
        });
        let mut tx = issuer.db().begin().await.unwrap();
        register(
            &mut tx,
            tenant,
            &metadata,
            &world.config.oauth,
            world.clock.now(),
            issuer.random(),
        )
        .await
        .unwrap();
        tx.commit().await.unwrap();
        let keys = key::load(issuer, tenant).await.unwrap();
        let hint = |iss: &str, aud: &str| {
            let claims = json!({"iss": iss, "sub": "somebody", "aud": aud, "exp": 1});
            keys.sign(SigningAlg::Rs256, &claims).unwrap()
        };
        let ours = hint("https://gateway.example/topaz", APP);
        let foreign = hint("https://gateway.example/amaris", APP);
        let of_other_app = hint("https://gateway.example/topaz", NATIVE);
        let altered = format!("{}x", ours);
        let ask = async |id_token_hint, client_id, post_logout_redirect_uri, state| {
            let asked = Asked {
                id_token_hint,
                client_id,
                post_logout_redirect_uri,
                state,
            };
            check(issuer, tenant, asked).await.unwrap()
        };
        let to = |found: Result<Logout, Wrong>| found.unwrap().to.map(|to| to.to_string());
        // No parameters, and those that need no address.
        assert_eq!(to(ask(None, None, None, None).await), None);
        let found = ask(Some(&ours), None, None, Some("s")).await.unwrap();
        assert_eq!((found.subject.as_deref(), found.to), (Some("somebody"), None));
        // By the id token, by the id, by both; the state goes along.
        for (hint, id) in [(Some(ours.as_str()), None), (None, Some(APP)), (Some(&ours), Some(APP))] {
            let told = to(ask(hint, id, Some(AFTER), Some("a b&c")).await);
            assert_eq!(told, Some(format!("{AFTER}&state=a+b%26c")));
        }
        for (hint, id, uri) in [
            (Some(ours.as_str()), None, "https://app.example/bye"),
            (Some(&ours), None, "https://app.example/bye?x=1&y=2"),
            (Some(&ours), None, REDIRECT),
            (Some(&ours), None, "https://evil.example/"),
            (Some(&ours), Some(NATIVE), AFTER),
            (Some(&of_other_app), None, AFTER),
            (Some(&foreign), None, AFTER),
            (Some(&altered), None, AFTER),
            (Some("x.y.z"), Some(APP), AFTER),
            (None, None, AFTER),
            (None, Some("nobody"), AFTER),
        ] {
            assert_eq!(
                ask(hint, id, Some(uri), None).await,
                Err(Wrong),
                "{hint:?} {id:?} {uri}"
            );
        }
        assert_eq!(ask(Some(&altered), None, None, None).await, Err(Wrong));
    }
}
