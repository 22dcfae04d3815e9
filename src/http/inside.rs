//! Health and metrics, on a listener that only the operator's side reaches.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use super::App;
use super::tls::{Tls, WARN_DAYS, days_left};
use crate::audit;

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
        .route("/metrics", get(|| async { handle().render() }))
        .with_state(app)
}

/// Whether requests can be answered: the audit log, without which nothing is, can be reached, and the certificate is good.
async fn ready(State(app): State<App>, tls: Option<Arc<Tls>>) -> (StatusCode, String) {
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
