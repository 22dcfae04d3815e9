//! Health and metrics, on a listener that only the operator's side reaches.

use std::sync::OnceLock;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use super::App;
use crate::audit;

/// Upper bounds of the buckets of request times, in seconds.
const SECONDS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// One recorder a process: metrics are process-wide.
static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();

pub(super) fn routes(app: App) -> Router {
    handle();
    Router::new()
        .route("/health/live", get(|| async { "ok" }))
        .route("/health/ready", get(ready))
        .route("/metrics", get(|| async { handle().render() }))
        .with_state(app)
}

/// Whether requests can be answered: the audit log, without which nothing is, can be reached.
async fn ready(State(app): State<App>) -> (StatusCode, &'static str) {
    match audit::reachable(&app.db).await {
        Ok(()) => (StatusCode::OK, "ok"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the database cannot be reached"),
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
