//! Conditional reads: the caller says which version it has.

use jiff::{SignedDuration, Timestamp};

/// Unless what does the caller want an answer (RFC 9110 §13)?
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unless {
    /// It wants one in any case.
    Never,
    /// `If-None-Match: *`
    Exists,
    /// `If-None-Match: W/"1", W/"3"`
    Version(Vec<i64>),
    /// `If-Modified-Since`
    NotChangedSince(Timestamp),
}

impl Unless {
    /// From the values of the two headers. `If-None-Match` wins; what cannot be read asks for nothing.
    pub fn parse(none_match: Option<&str>, modified_since: Option<&str>) -> Self {
        if let Some(tags) = none_match {
            if tags.trim() == "*" {
                return Self::Exists;
            }
            return Self::Version(tags.split(',').filter_map(version).collect());
        }
        modified_since
            .and_then(|date| jiff::fmt::rfc2822::parse(date).ok())
            .map_or(Self::Never, |date| Self::NotChangedSince(date.timestamp()))
    }

    /// Whether "not modified" is the answer for this version.
    pub(super) fn holds(&self, version: i64, last_updated: Timestamp) -> bool {
        match self {
            Self::Never => false,
            Self::Exists => true,
            Self::Version(versions) => versions.contains(&version),
            // The header has whole seconds, the store microseconds.
            Self::NotChangedSince(since) => last_updated.duration_since(*since) < SignedDuration::from_secs(1),
        }
    }
}

/// `W/"3"` or `"3"`: the comparison for reads is the weak one.
fn version(tag: &str) -> Option<i64> {
    let tag = tag.trim();
    let digits = tag
        .strip_prefix("W/")
        .unwrap_or(tag)
        .strip_prefix('"')?
        .strip_suffix('"')?;
    digits
        .parse()
        .ok()
        .filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(none_match: Option<&str>, modified_since: Option<&str>) -> bool {
        let updated = "2026-11-22T10:00:00.25Z".parse().unwrap();
        Unless::parse(none_match, modified_since).holds(3, updated)
    }

    #[test]
    fn a_known_version_is_not_sent_again() {
        for tags in [r#"W/"3""#, r#""3""#, r#"W/"1", W/"3""#, "*"] {
            assert!(holds(Some(tags), None), "{tags}");
        }
        for tags in [r#"W/"2""#, "3", r#"W/"+3""#, r#"W/"x""#, ""] {
            assert!(!holds(Some(tags), None), "{tags}");
        }
    }

    #[test]
    fn a_date_counts_in_whole_seconds_and_only_without_a_tag() {
        assert!(holds(None, Some("Sun, 22 Nov 2026 10:00:00 GMT")));
        assert!(!holds(None, Some("Sun, 22 Nov 2026 09:59:59 GMT")));
        assert!(!holds(None, Some("yesterday")));
        assert!(!holds(Some(r#"W/"2""#), Some("Sun, 22 Nov 2026 10:00:00 GMT")));
    }
}
