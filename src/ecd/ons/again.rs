//! Whether a request is worth another attempt, and when.

use std::time::Duration;

use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};

use crate::ecd::Error;

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
