//! `POST /{tenant}/hooks/ons`: where Nedap Ons tells that something changed.
//!
//! # Design
//! The answer says one thing: whether the signature holds (200 or 401), as the product asks of its two test events. What a
//! signed event is about does not matter to the sender; what is unknown is counted and left alone. 503 means that the event
//! could not be kept, so that the product keeps it for redelivery. A tenant without a secret has no such address.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::http::header::HeaderMap;
use axum::routing::post;

use super::App;
use super::failure::Failure;
use crate::config::Source;
use crate::ecd::ons::hook::{self, Notice};
use crate::fhir::outcome::IssueType;

pub fn routes() -> Router<App> {
    let ons = post(ons).layer(DefaultBodyLimit::max(hook::MAX_BYTES));
    Router::new().route("/{tenant}/hooks/ons", ons)
}

async fn ons(
    State(app): State<App>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Failure> {
    let tenant = app.config.tenant(&tenant).ok_or_else(Failure::not_found)?;
    let Some(Source::Ons(source)) = &tenant.source else {
        return Err(Failure::not_found());
    };
    let secret = source.webhook_secret.as_ref().ok_or_else(Failure::not_found)?;
    let count = |outcome: &'static str| {
        let labels = [("tenant", tenant.id.to_string()), ("outcome", outcome.to_owned())];
        metrics::counter!("hook_events_total", &labels).increment(1);
    };
    let signature = headers.get(hook::SIGNATURE).and_then(|value| value.to_str().ok());
    if !signature.is_some_and(|signature| hook::is_signed(secret, signature, &body)) {
        count("refused");
        let text = "The signature is missing or does not fit the body and the secret.";
        return Err(Failure::new(StatusCode::UNAUTHORIZED, IssueType::Login, text));
    }
    match hook::notice(&body) {
        Notice::Changed { kind, what } => {
            let kept = app.hooks.receive(&tenant.id, "ons", kind, what).await;
            count(if kept.is_ok() { "kept" } else { "not-kept" });
            kept.map_err(|_| Failure::new(StatusCode::SERVICE_UNAVAILABLE, IssueType::Transient, ""))?;
        }
        Notice::Nothing => count("nothing"),
        Notice::Unreadable => count("unreadable"),
    }
    Ok(StatusCode::OK)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;

    use super::*;
    use crate::config::TenantId;
    use crate::http::world::World;
    use crate::secret::{Secret, hex, hmac_sha512};
    use crate::sync;

    fn signed(tenant: &str, secret: &str, body: &str) -> Request<Body> {
        let hash = hex(&hmac_sha512(&Secret::new(secret.to_owned()), body.as_bytes()));
        Request::post(format!("/{tenant}/hooks/ons"))
            .header(hook::SIGNATURE, hash)
            .body(Body::from(body.to_owned()))
            .unwrap()
    }

    async fn waiting(world: &World) -> i64 {
        let mut read = world.db().read().await.unwrap();
        let tenant = TenantId::parse("topaz").unwrap();
        sync::hooks::waiting(&mut read, &tenant, "ons").await.unwrap()
    }

    const SECRET: &str = crate::http::world::HOOK_SECRET;
    const EVENT: &str = r#"{"customerCode":"TE1002","modelType":"report","eventType":"UPDATE","id":880001,"timestamp":"2026-11-20T10:08:11+01:00","amountOfRetries":0}"#;

    #[tokio::test]
    async fn a_signed_event_is_kept_and_an_unsigned_one_does_nothing() {
        let world = World::new().await;
        let mut unsigned = signed("topaz", SECRET, EVENT);
        unsigned.headers_mut().remove(hook::SIGNATURE);
        for bad in [
            unsigned,
            signed("topaz", "another secret of nobody", EVENT),
            signed("topaz", "", EVENT),
        ] {
            assert_eq!(world.send(bad).await.status, 401);
        }
        let mut changed = signed("topaz", SECRET, EVENT);
        *changed.body_mut() = Body::from(EVENT.replace("880001", "880002"));
        assert_eq!(world.send(changed).await.status, 401);
        assert_eq!(waiting(&world).await, 0);
        assert_eq!(world.send(signed("topaz", SECRET, EVENT)).await.status, 200);
        assert_eq!(waiting(&world).await, 1);
        assert!(world.lines().await.is_empty(), "an event reads nothing");
    }

    #[tokio::test]
    async fn doubles_are_one_job_and_what_is_unknown_is_none() {
        let world = World::new().await;
        for _ in 0..10 {
            assert_eq!(world.send(signed("topaz", SECRET, EVENT)).await.status, 200);
            let deleted = EVENT.replace("UPDATE", "DELETE");
            assert_eq!(world.send(signed("topaz", SECRET, &deleted)).await.status, 200);
        }
        assert_eq!(waiting(&world).await, 1);
        for body in [
            "",
            "NOP",
            "[]",
            r#"{"modelType":"report","modelType":"client","eventType":"UPDATE","id":1}"#,
            r#"{"modelType":"roster_slot_changed","eventType":"CUSTOM","payload":{}}"#,
            r#"{"modelType":"report","eventType":"UPDATE","id":{"a":1}}"#,
        ] {
            assert_eq!(world.send(signed("topaz", SECRET, body)).await.status, 200, "{body}");
        }
        assert_eq!(waiting(&world).await, 1);
    }

    #[tokio::test]
    async fn who_has_no_secret_has_no_such_address_and_a_large_body_is_not_read() {
        let world = World::new().await;
        for tenant in ["amaris", "nobody"] {
            let answer = world.send(signed(tenant, SECRET, EVENT)).await;
            assert_eq!(answer.status, 404, "{tenant}");
        }
        let large = format!(r#"{{"modelType":"report","x":"{}"}}"#, "x".repeat(hook::MAX_BYTES));
        assert_eq!(world.send(signed("topaz", SECRET, &large)).await.status, 413);
    }
}
