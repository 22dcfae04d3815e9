//! The headers that every answer carries, whatever made it.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, PRAGMA, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, VARY, X_CONTENT_TYPE_OPTIONS,
};

use super::area::Area;

const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// On every answer of the token endpoint, errors too (RFC 6749 §5.1).
pub(super) const NOT_KEPT: [(HeaderName, HeaderValue); 2] = [
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (PRAGMA, HeaderValue::from_static("no-cache")),
];

/// Adds what is missing. A handler's own `Content-Security-Policy` and `Cache-Control` stay, because pages with a form and
/// public documents need others.
pub(super) fn protect(headers: &mut HeaderMap, area: Area<'_>, https: bool) {
    if https {
        // Over HTTP it must not be sent (RFC 6797 §7.2).
        let value = HeaderValue::from_static("max-age=63072000; includeSubDomains");
        headers.insert(STRICT_TRANSPORT_SECURITY, value);
    }
    let set = [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (
            PERMISSIONS_POLICY,
            "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), \
             midi=(), payment=(), usb=()",
        ),
    ];
    for (name, value) in set {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let default = |headers: &mut HeaderMap, name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    default(
        headers,
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    );
    default(headers, CACHE_CONTROL, "no-store");
    // Where other origins may read the answer, CORS says so; everything else stays on its own origin.
    let policy = if matches!(area, Area::Public(_)) {
        "cross-origin"
    } else {
        "same-origin"
    };
    default(headers, RESOURCE_POLICY, policy);
    let vary = match area {
        Area::Fhir { .. } | Area::AppState { .. } | Area::Token { .. } => {
            "Authorization, Origin, Accept, Accept-Encoding"
        }
        Area::Public(_) => "Origin, Accept, Accept-Encoding",
        Area::Page => "Accept-Language, Cookie",
    };
    headers.insert(VARY, HeaderValue::from_static(vary));
}

/// For an answer that an allowed origin may read.
pub(super) fn open_to_other_origins(headers: &mut HeaderMap) {
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
}
