//! Where others tell us something: the status reports of SMS providers.
//!
//! # Design
//! The address that was signed is ours as the configuration says it, never what the request claims (`Host`). A report that is
//! not signed, not ours or about nothing gets the same 403, so that nobody learns which references exist.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use url::form_urlencoded;

use super::App;
use crate::config::{ProviderKind, Transport};
use crate::notify::provider::report::{Delivery, Report, is_genuine};
use crate::notify::{report_url, reported};

/// Everything under `/hooks`.
pub fn routes() -> Router<App> {
    Router::new().route("/hooks/sms/{provider}", post(sms).get(sms))
}

async fn sms(
    State(app): State<App>,
    Path(provider): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let query = query.unwrap_or_default();
    let Some(kind) = ProviderKind::parse(&provider) else {
        return StatusCode::NOT_FOUND;
    };
    let Some((reference, delivery)) = genuine(&app, kind, &query, &headers, &body) else {
        return StatusCode::FORBIDDEN;
    };
    match (delivery, reference) {
        (Some(delivery), Some(reference)) => match reported(&app.db, &reference, delivery).await {
            Ok(true) => StatusCode::NO_CONTENT,
            Ok(false) => StatusCode::FORBIDDEN,
            Err(error) => {
                tracing::warn!(%error, "a report could not be kept");
                StatusCode::SERVICE_UNAVAILABLE
            }
        },
        // Somewhere on its way.
        _ => StatusCode::NO_CONTENT,
    }
}

/// Reference and delivery of a report, if it is signed by a provider that is in use.
fn genuine(
    app: &App,
    kind: ProviderKind,
    query: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Option<(Option<String>, Option<Delivery>)> {
    let Transport::Providers(providers) = &app.config.sms.transport else {
        return None;
    };
    let provider = providers.iter().find(|provider| provider.kind == kind)?;
    let name = match kind {
        ProviderKind::Twilio => "x-twilio-signature",
        _ => "messagebird-signature-jwt",
    };
    let pairs = |text: &[u8]| -> Vec<(String, String)> { form_urlencoded::parse(text).into_owned().take(50).collect() };
    let (asked, fields) = (pairs(query.as_bytes()), pairs(body));
    let url = format!("{}?{query}", report_url(&app.config, kind));
    let report = Report {
        url: &url,
        fields: &fields,
        body,
        signature: headers.get(name)?.to_str().ok()?,
    };
    if !is_genuine(provider, report, app.clock.now()) {
        return None;
    }
    let find = |pairs: &[(String, String)], name: &str| {
        let mut found = pairs.iter().filter(|(key, _)| key == name);
        found.next().map(|(_, value)| value.clone())
    };
    let status = find(&fields, "MessageStatus").or_else(|| find(&asked, "status"));
    Some((
        find(&asked, "reference"),
        status.and_then(|status| Delivery::parse(&status)),
    ))
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::hmac;
    use axum::body::Body;
    use axum::http::Request;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use tower::ServiceExt as _;

    use super::*;
    use crate::config::Provider;
    use crate::db::{Sql, params};
    use crate::http::router;
    use crate::login::world::{PASSWORD, world};
    use crate::secret::{Random, Secret};

    const SENT: Sql = Sql::both("UPDATE outbox SET state = 'sent'");
    const OUTBOX: Sql = Sql::both("SELECT id, delivery FROM outbox");

    fn signature(token: &str, url: &str, status: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
        let text = format!("{url}MessageSidSM1MessageStatus{status}");
        STANDARD.encode(hmac::sign(&key, text.as_bytes()))
    }

    #[tokio::test]
    async fn only_a_signed_report_about_a_message_of_ours_is_noted() {
        let world = world(|_| {}).await;
        world.browser().await.password("m.bakker", PASSWORD).await.unwrap();
        let mut tx = world.db.begin().await.unwrap();
        tx.execute(SENT, params![]).await.unwrap();
        tx.commit().await.unwrap();
        let read = async || {
            let rows = world.db.read().await.unwrap().rows(OUTBOX, params![]).await.unwrap();
            (rows[0].text(0), rows[0].opt_text(1))
        };
        let (id, _) = read().await;
        let mut config = world.config.clone();
        config.sms.transport = Transport::Providers(vec![Provider {
            kind: ProviderKind::Twilio,
            base_url: "https://api.twilio.example/".parse().unwrap(),
            from: "Topaz".to_owned(),
            token: Secret::new("geheim".to_owned()),
            account: "AC1".to_owned(),
            signing: None,
        }]);
        let router = router(App::new(config, world.db.clone(), world.clock.clone(), Random::Os));
        let report = async |path: &str, status: &str, signature: Option<String>| {
            let mut request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
            if let Some(signature) = signature {
                request = request.header("x-twilio-signature", signature);
            }
            let body = Body::from(format!("MessageSid=SM1&MessageStatus={status}"));
            router
                .clone()
                .oneshot(request.body(body).unwrap())
                .await
                .unwrap()
                .status()
        };
        let path = format!("/hooks/sms/twilio?reference={id}");
        let url = format!("http://127.0.0.1:8080{path}");
        for (path, status, signature) in [
            (path.as_str(), "delivered", None),
            (&path, "delivered", Some(signature("anders", &url, "delivered"))),
            (&path, "delivered", Some(signature("geheim", &url, "failed"))),
            (
                "/hooks/sms/twilio?reference=x",
                "delivered",
                Some(signature("geheim", &url, "delivered")),
            ),
            (
                "/hooks/sms/cm?reference=x",
                "delivered",
                Some(signature("geheim", &url, "delivered")),
            ),
        ] {
            assert_eq!(report(path, status, signature).await, StatusCode::FORBIDDEN, "{path}");
        }
        assert_eq!(
            report("/hooks/sms/pigeon", "delivered", None).await,
            StatusCode::NOT_FOUND
        );
        assert_eq!(read().await.1, None);
        let on_its_way = report(&path, "sent", Some(signature("geheim", &url, "sent"))).await;
        assert_eq!((on_its_way, read().await.1), (StatusCode::NO_CONTENT, None));
        let there = report(&path, "delivered", Some(signature("geheim", &url, "delivered"))).await;
        assert_eq!(
            (there, read().await.1),
            (StatusCode::NO_CONTENT, Some("delivered".to_owned()))
        );
    }
}
