//! `POST /mock/revise?percent=1` is not of the product: that share of the reports is revised now.

use axum::Json;
use axum::extract::{Query, State as FromState};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::routes::{Parameters, State, refused};

pub(super) async fn revise(FromState(state): FromState<State>, Query(query): Parameters) -> Response {
    let percent = query.get("percent").map(|text| text.parse::<f64>());
    match percent {
        Some(Ok(percent)) if percent > 0.0 && percent <= 100.0 => {
            let every = (100.0 / percent).round() as usize;
            let revised = state.population.revise(state.clock.now(), every);
            Json(json!({ "reports": revised })).into_response()
        }
        _ => refused(StatusCode::BAD_REQUEST, "percent", "", "more than 0, at most 100"),
    }
}
