//! How old the data of each tenant is, said in every answer of its FHIR API and on the operator's side.
//!
//! `X-Data-As-Of: 2026-11-22T06:00:00Z`
//!
//! # Design
//! **The header** is an `instant` of FHIR, which is RFC 3339 and so RFC 9557 without a suffix, in UTC and whole seconds: the form in
//! which an app already reads `meta.lastUpdated`. It tells until when everything that the source had told is published
//! ([`sync::State::as_of`]); what came later may be there or not. It is never later than true. It belongs to the tenant and not to a
//! resource or a client, so it is the same on an answer, on `304` and on the `404` for what the caller may not know of. A tenant that was
//! never read whole has no header, and a stranger without a token is told nothing.
//!
//! **In memory.** A request reads a text that was made before; [`Ages::refresh`] makes it anew every few seconds from what the
//! database remembers, whichever replica did the sync. If the database cannot be reached the old text stays: older than the
//! truth, never younger.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use axum::http::header::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::config::Tenant;
use crate::db::{self, Db};
use crate::ecd::Kind;
use crate::sync::{self, Circuit, Status};

/// The header's name.
pub(super) const DATA_AS_OF: HeaderName = HeaderName::from_static("x-data-as-of");

/// What was last read from the database.
#[derive(Debug, Default)]
pub struct Ages {
    headers: RwLock<HashMap<String, HeaderValue>>,
    statuses: RwLock<Vec<Status>>,
}

impl Ages {
    /// Reads the state of every tenant's source anew, and sets the metrics.
    pub async fn refresh(&self, db: &Db, tenants: &[std::sync::Arc<Tenant>], now: Timestamp) -> Result<(), db::Error> {
        let mut statuses = sync::statuses(&mut *db.read().await?).await?;
        // What a tenant had from another product before is history.
        statuses.retain(|status| {
            tenants.iter().any(|tenant| {
                let source = tenant.source.as_ref().map(crate::config::Source::name);
                tenant.id.as_str() == status.tenant && source == Some(status.source.as_str())
            })
        });
        let headers = statuses.iter().filter_map(|status| {
            let text = format!("{:.0}", status.state.as_of?);
            Some((status.tenant.clone(), HeaderValue::try_from(text).ok()?))
        });
        *self.headers.write().unwrap_or_else(PoisonError::into_inner) = headers.collect();
        for status in &statuses {
            gauges(status, now);
        }
        *self.statuses.write().unwrap_or_else(PoisonError::into_inner) = statuses;
        Ok(())
    }

    /// Adds the header to an answer of this tenant.
    pub(super) fn stamp(&self, tenant: &str, headers: &mut HeaderMap) {
        let known = self.headers.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(as_of) = known.get(tenant) {
            headers.insert(DATA_AS_OF, as_of.clone());
        }
    }

    /// What the operator sees at `/health/ready`.
    pub(super) fn detail(&self, now: Timestamp) -> Value {
        let statuses = self.statuses.read().unwrap_or_else(PoisonError::into_inner);
        statuses.iter().map(|status| told(status, now)).collect()
    }
}

fn told(status: &Status, now: Timestamp) -> Value {
    let state = &status.state;
    let time = |at: Option<Timestamp>| at.map(|at| format!("{at:.0}"));
    let circuit = state.circuit(now);
    let counts = |counts: &[(String, i64)]| -> Value {
        counts
            .iter()
            .map(|(kind, count)| (kind.clone(), Value::from(*count)))
            .collect()
    };
    json!({
        "tenant": status.tenant,
        "source": status.source,
        "as_of": time(state.as_of),
        "age_seconds": age(state.as_of, now),
        "compared": time(state.compared),
        "last_run": { "began": time(state.started), "ended": time(state.finished) },
        "circuit": circuit.to_string(),
        "failures": state.failures,
        "retry_at": time(state.retry_at),
        "problem": state.problem,
        "skipped_slots": state.skipped,
        "held_removals": counts(&status.held),
        "quarantine": counts(&status.quarantine),
    })
}

fn age(at: Option<Timestamp>, now: Timestamp) -> Option<i64> {
    at.map(|at| now.duration_since(at).as_secs().max(0))
}

/// The same as numbers to watch.
fn gauges(status: &Status, now: Timestamp) {
    let of = || [("tenant", status.tenant.clone()), ("source", status.source.clone())];
    let state = &status.state;
    let ages = [
        ("inzage_sync_age_seconds", state.as_of),
        ("inzage_sync_compare_age_seconds", state.compared),
    ];
    for (name, at) in ages {
        if let Some(age) = age(at, now) {
            metrics::gauge!(name, &of()).set(age as f64);
        }
    }
    metrics::gauge!("inzage_sync_failures", &of()).set(state.failures as f64);
    metrics::gauge!("inzage_sync_slots_skipped", &of()).set(state.skipped as f64);
    let open = match state.circuit(now) {
        Circuit::Closed => 0.0,
        Circuit::HalfOpen => 0.5,
        Circuit::Open(_) => 1.0,
    };
    metrics::gauge!("inzage_sync_circuit_open", &of()).set(open);
    for (name, counts) in [
        ("inzage_sync_held_removals", &status.held),
        ("inzage_sync_quarantined_records", &status.quarantine),
    ] {
        for kind in Kind::ALL {
            let count = counts
                .iter()
                .find(|(which, _)| which == kind.as_str())
                .map_or(0, |(_, count)| *count);
            let [tenant, source] = of();
            metrics::gauge!(name, &[tenant, source, ("kind", kind.as_str().to_owned())]).set(count as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::body::Body;
    use axum::extract::ConnectInfo;
    use axum::http::{Method, Request, StatusCode};

    use super::*;
    use crate::config::{CaressSource, Limits, NetworkLimits, Source};
    use crate::db::{Sql, params};
    use crate::http::world::World;

    const STATE: Sql = Sql::both(
        "INSERT INTO sync_state (tenant, source, as_of, compared, failures, retry_at, report) VALUES ('topaz', 'caress', $1, $1, $2, $3, '')
         ON CONFLICT (tenant, source) DO UPDATE
         SET as_of = excluded.as_of, failures = excluded.failures, retry_at = excluded.retry_at",
    );
    const HELD: Sql = Sql::both(
        "INSERT INTO held_removal (tenant, source, kind, key, cause, held_at) VALUES ('topaz', 'caress', 'report', '1', 'absent', 0)",
    );

    async fn state(world: &World, as_of: Option<&str>, failures: i64) {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let retry = at("2026-11-22T10:05:00Z");
        let mut tx = world.db().begin().await.unwrap();
        tx.execute(STATE, params![as_of.map(at), failures, retry])
            .await
            .unwrap();
        tx.commit().await.unwrap();
        refresh(world).await.unwrap();
    }

    async fn refresh(world: &World) -> Result<(), db::Error> {
        let tenants: Vec<_> = world
            .app
            .config
            .tenants
            .iter()
            .map(|tenant| {
                let mut tenant = Tenant::clone(tenant);
                tenant.source = Some(Source::Caress(CaressSource::Drop("/drops".into())));
                Arc::new(tenant)
            })
            .collect();
        world.app.ages.refresh(world.db(), &tenants, world.clock.now()).await
    }

    #[tokio::test]
    async fn every_answer_says_how_old_the_data_is_and_that_tells_nothing_else() {
        let world = World::new().await;
        world.observation("a", "a1", 1).await;
        world.observation("b", "b1", 1).await;
        let token = world.client("a", "patient/*.rs").await;
        let before = world.get("/topaz/fhir/Observation/a1", &token).await;
        assert_eq!(before.header("x-data-as-of"), "", "never read whole");

        state(&world, Some("2026-11-22T06:00:00.123456Z"), 0).await;
        let as_of = "2026-11-22T06:00:00Z";
        for path in [
            "/topaz/fhir/Observation/a1",
            "/topaz/fhir/Observation/a1/_history",
            "/topaz/fhir/Observation/a1/_history/1",
            "/topaz/fhir/Observation",
            "/topaz/fhir/Observation?code=nothing",
            "/topaz/fhir/Observation?nonsense=1",
        ] {
            assert_eq!(world.get(path, &token).await.header("x-data-as-of"), as_of, "{path}");
        }
        let known = [("if-none-match", "W/\"1\"")];
        let same = world
            .with(Method::GET, "/topaz/fhir/Observation/a1", &token, &known)
            .await;
        assert_eq!(
            (same.status, same.header("x-data-as-of")),
            (StatusCode::NOT_MODIFIED, as_of)
        );
        let hidden = world.get("/topaz/fhir/Observation/b1", &token).await;
        let nothing = world.get("/topaz/fhir/Observation/never", &token).await;
        assert_eq!(hidden.header("x-data-as-of"), as_of);
        assert_eq!(hidden.comparable(), nothing.comparable());
        // Strangers, other tenants and public documents.
        for (path, token) in [
            ("/topaz/fhir/Observation/a1", ""),
            ("/amaris/fhir/Observation/a1", token.as_str()),
            ("/topaz/fhir/metadata", ""),
        ] {
            assert_eq!(world.get(path, token).await.header("x-data-as-of"), "", "{path}");
        }

        state(&world, Some("2026-11-22T09:59:59Z"), 0).await;
        let read = world.get("/topaz/fhir/Observation/a1", &token).await;
        assert_eq!(read.header("x-data-as-of"), "2026-11-22T09:59:59Z");
        world.db().close().await;
        assert!(refresh(&world).await.is_err());
        let mut headers = HeaderMap::new();
        world.app.ages.stamp("topaz", &mut headers);
        assert_eq!(headers[DATA_AS_OF], "2026-11-22T09:59:59Z", "what was known stays");
    }

    #[tokio::test]
    async fn a_stranger_hears_nothing_of_the_age_whatever_the_answer_is() {
        let network = NetworkLimits {
            per_minute: 20,
            ..NetworkLimits::NONE
        };
        let world = World::limited(Limits::NONE, network).await;
        world.observation("a", "a1", 1).await;
        let token = world.client("a", "patient/Observation.rs").await;
        let as_of = "2026-11-22T06:00:00Z";
        state(&world, Some(as_of), 0).await;
        let (read, unrouted) = ("/topaz/fhir/Observation/a1", "/topaz/fhir/no/such/path/at/all");
        let in_url = format!("{read}?access_token={token}");
        let long = format!("{read}?{}", "x".repeat(9_000));
        let bearer = format!("Bearer {token}");
        let twice = [("authorization", bearer.as_str()), ("authorization", bearer.as_str())];
        let guessed = [("authorization", "Bearer guessed")];
        let preflight = [
            ("origin", "https://app.example"),
            ("access-control-request-method", "GET"),
        ];
        let post = Method::POST;
        for (status, method, path, headers) in [
            (401, Method::GET, read, &[][..]),
            (401, Method::GET, read, &guessed),
            (400, Method::GET, &in_url, &[]),
            (400, Method::GET, &in_url, &twice[..1]),
            (400, Method::GET, read, &twice),
            (404, Method::GET, unrouted, &[]),
            (404, Method::GET, unrouted, &guessed),
            (405, post.clone(), read, &[]),
            (405, post.clone(), read, &guessed),
            (405, Method::TRACE, read, &guessed),
            (414, Method::GET, &long, &guessed),
            (204, Method::OPTIONS, read, &preflight),
        ] {
            let answer = world.with(method, path, "", headers).await;
            let shown = path.get(..40).unwrap_or(path);
            assert_eq!(
                (answer.status.as_u16(), answer.header("x-data-as-of")),
                (status, ""),
                "{shown}"
            );
        }
        // Who is known hears it, whatever the answer is.
        let known = [("if-none-match", "W/\"1\"")];
        for (status, path, headers) in [
            (200, read, &[][..]),
            (304, read, &known),
            (403, "/topaz/fhir/Goal", &[]),
            (404, "/topaz/fhir/Observation/never", &[]),
        ] {
            let answer = world.with(Method::GET, path, &token, headers).await;
            assert_eq!(
                (answer.status.as_u16(), answer.header("x-data-as-of")),
                (status, as_of),
                "{path}"
            );
        }
        let from_outside = async || {
            let mut request = Request::get(read).body(Body::empty()).unwrap();
            let peer: std::net::SocketAddr = "192.0.2.1:4711".parse().unwrap();
            request.extensions_mut().insert(ConnectInfo(peer));
            world.send(request).await
        };
        let mut answers = Vec::new();
        for _ in 0..21 {
            answers.push(from_outside().await);
        }
        assert_eq!(answers[20].status, StatusCode::TOO_MANY_REQUESTS);
        assert!(answers.iter().all(|answer| answer.header("x-data-as-of").is_empty()));
        let _all = world.app.gate.fill();
        for token in ["", &token] {
            let full = world.get(read, token).await;
            assert_eq!(
                (full.status, full.header("x-data-as-of")),
                (StatusCode::SERVICE_UNAVAILABLE, "")
            );
        }
    }

    #[tokio::test]
    async fn the_operator_sees_age_circuit_and_what_waits() {
        let world = World::with_routes(|app| crate::http::inside::routes(app, None)).await;
        let mut tx = world.db().begin().await.unwrap();
        tx.execute(HELD, params![]).await.unwrap();
        tx.commit().await.unwrap();
        state(&world, Some("2026-11-22T06:00:00Z"), 3).await;
        let ready = world.get("/health/ready", "").await;
        assert_eq!(ready.status, StatusCode::OK);
        let source = ready.json()["sources"][0].clone();
        assert_eq!(source["tenant"], "topaz");
        assert_eq!(source["as_of"], "2026-11-22T06:00:00Z");
        assert_eq!(source["age_seconds"], 4 * 3600);
        assert_eq!((&source["circuit"], &source["failures"]), (&json!("open"), &json!(3)));
        assert_eq!(source["retry_at"], "2026-11-22T10:05:00Z");
        assert_eq!(source["held_removals"], json!({"report": 1}));
        let metrics = world.get("/metrics", "").await.text();
        for line in [
            "inzage_sync_age_seconds{tenant=\"topaz\",source=\"caress\"} 14400",
            "inzage_sync_held_removals{tenant=\"topaz\",source=\"caress\",kind=\"report\"} 1",
            "inzage_sync_circuit_open{tenant=\"topaz\",source=\"caress\"} 1",
        ] {
            assert!(metrics.contains(line), "{line}\n{metrics}");
        }
        world.clock.advance(jiff::SignedDuration::from_mins(6));
        let later = world.get("/health/ready", "").await.json();
        assert_eq!(later["sources"][0]["circuit"], "half-open");
        assert_eq!(later["sources"][0]["age_seconds"], 4 * 3600 + 360);
    }
}
