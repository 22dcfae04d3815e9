//! All routes, and the layers around them.

use std::any::Any;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header::{CONTENT_TYPE, HeaderMap};
use axum::http::{Extensions, StatusCode, Version};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{Predicate as _, SizeAbove};

use super::failure::Failure;
use super::{App, demo, edge, fhir, hooks, oauth, ons_hook, pages};

/// The largest body of a request.
const MAX_BODY: usize = 1024 * 1024;
/// Below this an answer is not worth compressing.
const MIN_COMPRESSED: u64 = 2 * 1024;

/// The whole gateway as one service.
pub fn router(app: App) -> Router {
    routes(&app).with_layers(app)
}

/// The routes without the layers.
pub(crate) fn routes(app: &App) -> Router<App> {
    let demo = app.demo.clone().map(demo::routes).unwrap_or_default();
    Router::new()
        .merge(fhir::routes())
        .merge(ons_hook::routes())
        .merge(oauth::routes())
        .merge(pages::routes())
        .merge(hooks::routes())
        .merge(demo)
}

/// The layers of [`router`], around any set of routes.
pub(crate) trait WithLayers {
    fn with_layers(self, app: App) -> Router;
}

impl WithLayers for Router<App> {
    fn with_layers(self, app: App) -> Router {
        let compression = CompressionLayer::new()
            .gzip(true)
            .quality(CompressionLevel::Fastest)
            .compress_when(SizeAbove::new(MIN_COMPRESSED).and(is_fhir));
        self.fallback(|| async { Failure::not_found() })
            .layer(DefaultBodyLimit::max(MAX_BODY))
            .layer(CatchPanicLayer::custom(panicked))
            .layer(compression)
            .layer(middleware::from_fn_with_state(app.clone(), edge::edge))
            .with_state(app)
    }
}

/// Only FHIR is compressed. Pages and tokens hold secrets beside text that a stranger can choose, and the size of a compressed
/// answer would tell one through the other (BREACH); a FHIR answer needs the app's own token, which no stranger can make a
/// browser send.
fn is_fhir(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/fhir+"))
}

/// The panic's own text may hold data: it is counted, and the edge logs the request.
fn panicked(_: Box<dyn Any + Send>) -> Response {
    metrics::counter!("panics_total").increment(1);
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}
