//! Why a request got no answer, whether it is worth another attempt, and when.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};

use super::meter::Meter;
use crate::ecd::Error;
use crate::secret::Random;

/// What a status means; none for success. `attempts` is how many there were.
pub(in crate::ecd) fn judge(path: &'static str, status: StatusCode, attempts: u32, meter: &Meter) -> Option<Error> {
    let status = status.as_u16();
    match status {
        200 => None,
        // 495 and 496 are nginx's answers about the certificate.
        401 | 403 | 495 | 496 => Some(Error::NotAdmitted { path, status }),
        429 | 500..=599 => {
            if status == 429 {
                meter.throttled();
            }
            Some(Error::Busy { path, status, attempts })
        }
        _ => Some(Error::Status { path, status }),
    }
}

/// Whether the source gave no answer, so that it may give one later.
pub(in crate::ecd) fn is_silence(failure: &Error) -> bool {
    matches!(
        failure,
        Error::Busy { .. } | Error::Unreachable { .. } | Error::Timeout { .. }
    )
}

/// For how long the source does not want to be asked (RFC 9110 §10.2.3): seconds, or a time, which is compared with the source's
/// own clock.
pub(in crate::ecd) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok().map(str::trim);
    let asked = text(RETRY_AFTER)?;
    if let Ok(seconds) = asked.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let time = |text: &str| jiff::fmt::rfc2822::parse(text).ok().map(|at| at.timestamp());
    let wait = time(asked)?.duration_since(time(text(DATE)?)?);
    Duration::try_from(wait).ok()
}

/// What is told of a busy source that wants to be left alone for longer than `patience`.
pub(in crate::ecd) fn later(failure: Error, asked: Option<Duration>, patience: Duration) -> Error {
    match (failure, asked.map(|asked| asked.as_secs())) {
        (Error::Busy { path, status, .. }, Some(seconds)) if seconds > patience.as_secs() => {
            Error::Later { path, status, seconds }
        }
        (failure, _) => failure,
    }
}

/// The pause after attempt number `attempt`: doubled each time up to `most`, between half of it and all of it.
pub(in crate::ecd) fn pause(first: Duration, most: Duration, attempt: u32, random: &Random) -> Duration {
    let doubled = first.saturating_mul(1 << (attempt - 1).min(16));
    let share = f64::from(u32::from_be_bytes(random.bytes())) / f64::from(u32::MAX);
    doubled.min(most).mul_f64(0.5 + share / 2.0)
}

/// Reads why a request got no answer. reqwest's text may hold the address and with it an id, so only causes are used.
pub(in crate::ecd) fn classify(path: &'static str, error: &reqwest::Error) -> Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(error);
    let mut last = None;
    while let Some(current) = cause {
        if let Some(tls) = tls_error(current) {
            let reason = tls.to_string();
            return Error::Handshake { path, reason };
        }
        last = Some(current.to_string());
        cause = current.source();
    }
    if error.is_timeout() {
        return Error::Timeout { path };
    }
    Error::Unreachable {
        path,
        reason: last.unwrap_or_else(|| "the connection broke".to_owned()),
    }
}

/// The TLS error in `error`. An I/O error hides what it wraps from `source`, at each level.
fn tls_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    error.downcast_ref().or_else(|| {
        let inner = error.downcast_ref::<std::io::Error>()?.get_ref()?;
        tls_error(inner)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_says_in_two_ways_when_it_wants_to_be_asked_again() {
        let asked = |retry: &str, date: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, retry.parse().unwrap());
            headers.insert(DATE, date.parse().unwrap());
            retry_after(&headers).map(|wait| wait.as_secs())
        };
        let date = "Sun, 22 Nov 2026 06:00:00 GMT";
        assert_eq!(asked("120", date), Some(120));
        assert_eq!(asked("Sun, 22 Nov 2026 06:01:30 GMT", date), Some(90));
        assert_eq!(asked("Sun, 22 Nov 2026 05:59:00 GMT", date), None);
        for nonsense in ["soon", "-1", ""] {
            assert_eq!(asked(nonsense, date), None, "{nonsense}");
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
