//! The one layer around everything: limits on the way in, headers and words on the way out, one log line.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::header::{ALLOW, HeaderValue, ORIGIN};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

use super::area::Area;
use super::failure::{self, Failure};
use super::limit::Token;
use super::{App, cors, headers, limit, proxy};
use crate::audit::{Network, Origin};
use crate::fhir::outcome::IssueType;

/// The longest path and query.
const MAX_URL: usize = 8 * 1024;
/// How long a request may take.
const TIME: Duration = Duration::from_secs(10);
/// How many requests are handled at once; what comes above is told to come back.
const AT_ONCE: usize = 512;

const METHODS: &[Method] = &[
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
];

/// Counts the requests that are under way.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Semaphore>);

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

#[cfg(test)]
impl Gate {
    /// Takes all places until the guard is dropped.
    pub(super) fn fill(&self) -> tokio::sync::OwnedSemaphorePermit {
        let places = u32::try_from(AT_ONCE).unwrap();
        self.0.clone().try_acquire_many_owned(places).unwrap()
    }
}

/// The layer.
pub(super) async fn edge(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let address =
        peer(&request).map(|peer| proxy::client(&app.config.server.front.proxies, peer.ip(), request.headers_mut()));
    let origin = Origin {
        request: app.random.uuid_v7(app.clock.now()),
        network: address.map(Network::of),
    };
    request.extensions_mut().insert(origin);
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let area = Area::of(uri.path());
    let preflight = cors::is_preflight(&request);
    let page = request.headers().get(ORIGIN).cloned();
    let bears = limit::bears(area, &method, request.headers());
    let arrived = app.limiter.arrive(address, bears, app.clock.now());
    // Before anything else, because whose origin it is stands in the database too.
    let place = app.gate.0.clone().try_acquire_owned().ok();

    let (answer, token) = match refuse(&method, &uri) {
        Some(failure) => (failure, Token::Unread),
        None if let Err(full) = arrived => (full.into_response(), Token::Unread),
        None if place.is_none() => (StatusCode::SERVICE_UNAVAILABLE.into_response(), Token::Unread),
        None if preflight => (StatusCode::NO_CONTENT.into_response(), Token::Unread),
        None => limit::visit(address, within(TIME, next.run(request))).await,
    };
    let counted = match (arrived, &place, token) {
        // What it bore was no reason not to count it.
        (Ok(()), Some(_), Token::Unread) if bears => app.limiter.unread(address, app.clock.now()),
        (arrived, ..) => arrived,
    };
    let (answer, reader) = match (counted, &place) {
        (Err(full), _) if arrived.is_ok() => (full.into_response(), cors::Reader::Nobody),
        (Ok(()), Some(_)) => (answer, cors::reader(&app, area, page).await),
        _ => (answer, cors::Reader::Nobody),
    };
    drop(place);
    let (mut response, failure) = failure::render(answer, origin.request, area.words());

    if let Area::Fhir { tenant } = area
        && token == Token::Known
    {
        app.ages.stamp(tenant, response.headers_mut());
    }
    headers::protect(response.headers_mut(), area, app.config.server.is_https());
    reader.tell(response.headers_mut(), preflight);
    let id = HeaderValue::try_from(origin.request.to_string()).expect("a UUID is a header value");
    response.headers_mut().insert(headers::REQUEST_ID, id);
    log(&Line {
        origin,
        method: &method,
        route: route.as_ref().map_or("none", MatchedPath::as_str),
        tenant: tenant(&app, &uri),
        status: response.status(),
        took: started.elapsed(),
        cause: failure.and_then(|failure| failure.cause),
    });
    response
}

/// What is refused before anything looks at it.
fn refuse(method: &Method, uri: &Uri) -> Option<Response> {
    if !METHODS.contains(method) {
        let allowed = [(ALLOW, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")];
        return Some((StatusCode::METHOD_NOT_ALLOWED, allowed).into_response());
    }
    let length = uri.path_and_query().map_or(0, |text| text.as_str().len());
    (length > MAX_URL).then(|| StatusCode::URI_TOO_LONG.into_response())
}

async fn within(limit: Duration, answer: impl Future<Output = Response>) -> Response {
    match tokio::time::timeout(limit, answer).await {
        Ok(response) => response,
        Err(_) => Failure::new(StatusCode::SERVICE_UNAVAILABLE, IssueType::Timeout, "").into_response(),
    }
}

fn peer(request: &Request) -> Option<SocketAddr> {
    request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0)
}

/// The tenant's name if there is such a tenant: anything else in the path is the caller's text.
fn tenant<'a>(app: &'a App, uri: &Uri) -> &'a str {
    let first = uri.path().split('/').nth(1).unwrap_or_default();
    app.config.tenant(first).map_or("none", |tenant| tenant.id.as_str())
}

struct Line<'a> {
    origin: Origin,
    method: &'a Method,
    route: &'a str,
    tenant: &'a str,
    status: StatusCode,
    took: Duration,
    cause: Option<String>,
}

/// One line a request: the route's pattern, never the path, a value, a name or a token.
fn log(line: &Line<'_>) {
    // An unknown method is the caller's text too.
    let method = if METHODS.contains(line.method) {
        line.method.as_str()
    } else {
        "other"
    };
    let status = line.status.as_u16();
    let labels = [
        ("method", method.to_owned()),
        ("route", line.route.to_owned()),
        ("status", status.to_string()),
    ];
    metrics::counter!("http_requests_total", &labels).increment(1);
    metrics::histogram!("http_request_seconds", "route" => line.route.to_owned()).record(line.took.as_secs_f64());
    macro_rules! say {
        ($level:ident) => {
            tracing::$level!(
                request.id = %line.origin.request,
                request.method = method,
                request.route = line.route,
                request.tenant = line.tenant,
                response.status = status,
                duration_ms = line.took.as_secs_f64() * 1e3,
                cause = line.cause.as_deref(),
                "request answered"
            )
        };
    }
    if line.status.is_server_error() {
        say!(error);
    } else {
        say!(info);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::area::Words;

    #[tokio::test]
    async fn a_request_that_takes_too_long_is_told_to_come_back() {
        let answer = within(Duration::from_millis(1), std::future::pending()).await;
        let (answer, failure) = failure::render(answer, uuid::Uuid::nil(), Words::Outcome);
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers()["retry-after"], "5");
        assert_eq!(failure.unwrap().code, IssueType::Timeout);
    }
}
