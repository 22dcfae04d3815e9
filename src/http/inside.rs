//! Health and metrics, on a listener that only the operator's side reaches.

use std::sync::{Arc, OnceLock};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde_json::{Value, json};

use super::App;
use super::tls::{Tls, WARN_DAYS, days_left};
use crate::config::Tenant;
use crate::ecd::ons::certificate;
use crate::{audit, db, sync};

/// Upper bounds of the buckets of request times, in seconds.
const SECONDS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// One recorder a process: metrics are process-wide.
static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();

pub(super) fn routes(app: App, tls: Option<Arc<Tls>>) -> Router {
    handle();
    Router::new()
        .route("/health/live", get(|| async { "ok" }))
        .route("/health/ready", get(move |state| ready(state, tls.clone())))
        .route("/health/detail", get(detail))
        .route("/metrics", get(|| async { handle().render() }))
        .with_state(app)
}

/// Whether requests can be answered: the audit log, without which nothing is, can be reached, and the certificate is good. Data
/// that is old is served all the same, so its age is told and decides nothing.
async fn ready(State(app): State<App>, tls: Option<Arc<Tls>>) -> (StatusCode, Json<Value>) {
    let (status, words) = is_ready(&app, tls).await;
    let detail = json!({ "status": words, "sources": app.ages.detail(app.clock.now()) });
    (status, Json(detail))
}

async fn is_ready(app: &App, tls: Option<Arc<Tls>>) -> (StatusCode, String) {
    let ready = |text: &str| (StatusCode::OK, text.to_owned());
    let not = |text: &str| (StatusCode::SERVICE_UNAVAILABLE, text.to_owned());
    if audit::reachable(&app.db).await.is_err() {
        return not("the database cannot be reached");
    }
    match tls.map(|tls| days_left(tls.ends_at(), app.clock.now())) {
        Some(days) if days < 0 => not("the certificate has ended"),
        Some(days) if days < WARN_DAYS => ready(&format!("ok; the certificate ends in {days} days")),
        _ => ready("ok"),
    }
}

/// For each tenant how its source is: what an operator looks at before he looks at a log.
async fn detail(State(app): State<App>) -> Result<Json<Value>, StatusCode> {
    let mut tenants = Vec::new();
    for tenant in &app.config.tenants {
        let sources = source(&app, tenant)
            .await
            .map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
        tenants.push(json!({"id": tenant.id.as_str(), "source": sources}));
    }
    Ok(Json(json!({"tenants": tenants})))
}

async fn source(app: &App, tenant: &Tenant) -> Result<Value, db::Error> {
    let Some(source) = &tenant.source else {
        return Ok(Value::Null);
    };
    let (name, now) = (source.name(), app.clock.now());
    let day = tenant.today(now);
    let mut read = app.db.read().await?;
    let state = sync::state(&mut read, &tenant.id, name).await?;
    let spent = sync::cost::of_day(&mut read, &tenant.id, name, day).await?;
    let mut found = json!({
        "name": name,
        "lastSync": state.finished.map(|at| at.to_string()),
        "lastCompare": state.compared.map(|at| at.to_string()),
        "requestsToday": spent.requests,
        "requestSecondsToday": spent.milliseconds / 1_000,
        "webhooksWaiting": sync::hooks::waiting(&mut read, &tenant.id, name).await?,
    });
    if let Some(file) = source.certificate_file() {
        let end = std::fs::read_to_string(file)
            .ok()
            .and_then(|pem| certificate::ends(&pem).ok());
        found["certificateEnds"] = end.map(|end| end.to_string()).into();
        found["certificateWarning"] = match end {
            Some(end) => certificate::warning(end, now).into(),
            None => "the certificate cannot be read".into(),
        };
    }
    if let Some(time) = tenant.request_time() {
        found["requestSecondsADay"] = time.as_secs().into();
    }
    Ok(found)
}

fn handle() -> &'static PrometheusHandle {
    METRICS.get_or_init(|| {
        let builder = PrometheusBuilder::new()
            .set_buckets(SECONDS)
            .expect("the list is not empty");
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        // Only a second recorder can fail here, and there is none: this is the one place.
        let _ = metrics::set_global_recorder(recorder);
        handle
    })
}

/// Keeps the histograms small between two scrapes. Call it every few seconds.
pub fn tidy() {
    handle().run_upkeep();
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::config::{CaressSource, CaressWeb, FhirCertificate, FhirSource, Source};
    use crate::http::world::World;
    use crate::secret::Secret;

    #[tokio::test]
    async fn the_detail_tells_when_the_certificate_of_any_source_ends() {
        let world = World::new().await;
        let dir = tempfile::tempdir().unwrap();
        let file: PathBuf = dir.path().join("client.pem");
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.not_after = rcgen::date_time_ymd(2027, 1, 31);
        let key = rcgen::KeyPair::generate().unwrap();
        std::fs::write(&file, params.self_signed(&key).unwrap().pem()).unwrap();
        let base_url: url::Url = "https://ecd.example/".parse().unwrap();
        let own = |file: &PathBuf| FhirCertificate {
            certificate_file: file.clone(),
            key_file: file.clone(),
        };
        let fhir = |certificate| {
            Source::Fhir(Box::new(FhirSource {
                base_url: base_url.clone(),
                ca_file: None,
                certificate,
                token: None,
                without: std::collections::BTreeSet::new(),
                compare_days: 1,
            }))
        };
        let caress = Source::Caress(CaressSource::Web(Box::new(CaressWeb {
            base_url: base_url.clone(),
            ca_file: file.clone(),
            certificate_file: file.clone(),
            key_file: file.clone(),
            username: String::new(),
            password: Secret::new(String::new()),
            soap_password: None,
        })));
        let told = async |of: Source| {
            let mut tenant = Tenant::clone(world.app.config.tenant("topaz").unwrap());
            tenant.source = Some(of);
            source(&world.app, &tenant).await.unwrap()
        };
        for source in [caress, fhir(Some(own(&file)))] {
            let detail = told(source).await;
            assert_eq!(detail["certificateEnds"], "2027-01-31T00:00:00Z", "{detail}");
            assert_eq!(detail["certificateWarning"], Value::Null, "{detail}");
        }
        world.clock.advance(jiff::SignedDuration::from_hours(50 * 24));
        let soon = told(fhir(Some(own(&file)))).await;
        assert_eq!(
            soon["certificateWarning"],
            "the certificate ends on 2027-01-31, in 19 days: ask the vendor for a new one now"
        );
        world.clock.advance(jiff::SignedDuration::from_hours(20 * 24));
        let ended = told(fhir(Some(own(&file)))).await;
        assert_eq!(
            ended["certificateWarning"],
            "the certificate ended on 2027-01-31: the source admits nobody; ask its vendor for a new one"
        );
        let gone = told(fhir(Some(own(&dir.path().join("gone.pem"))))).await;
        assert_eq!(gone["certificateWarning"], "the certificate cannot be read", "{gone}");
        let without = told(fhir(None)).await;
        assert!(without.get("certificateEnds").is_none(), "{without}");
    }
}
