//! What is wrong, and what to do about it.

/// A fault with its remedy, if there is one that can be named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slip {
    pub(super) message: String,
    pub(super) remedy: Option<String>,
}

impl Slip {
    pub(super) fn new(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::maybe(message, Some(remedy.into()))
    }

    /// Where there may be no remedy.
    pub(super) fn maybe(message: impl Into<String>, remedy: Option<String>) -> Self {
        Self {
            message: message.into(),
            remedy,
        }
    }
}

impl From<&str> for Slip {
    fn from(message: &str) -> Self {
        Self::maybe(message, None)
    }
}

impl From<String> for Slip {
    fn from(message: String) -> Self {
        Self::maybe(message, None)
    }
}

/// `did you mean …?`: the known name that is nearest to the given one, if it is near enough to be a slip of the pen.
pub(super) fn meant(given: &str, known: &[impl AsRef<str>]) -> Option<String> {
    let lower = given.to_lowercase();
    let distance = |name: &str| strsim::damerau_levenshtein(&lower, &name.to_lowercase());
    let (distance, name) = known
        .iter()
        .map(|name| (distance(name.as_ref()), name.as_ref()))
        .min_by_key(|(distance, _)| *distance)?;
    let enough = 1 + given.chars().count() / 4;
    (distance <= enough && !name.is_empty()).then(|| format!("did you mean `{name}`?"))
}

/// The same, or what there is to choose from.
pub(super) fn meant_of(given: &str, known: &[impl AsRef<str>]) -> Option<String> {
    let there = || {
        let names: Vec<&str> = known.iter().map(AsRef::as_ref).collect();
        (!names.is_empty()).then(|| format!("there are `{}`", names.join("`, `")))
    };
    meant(given, known).or_else(there)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_near_and_another_word_is_not() {
        let known = ["hidden", "reportingDate", "id", "ons/report"];
        for (given, wanted) in [
            ("hiden", Some("hidden")),
            ("reportingdate", Some("reportingDate")),
            ("ons/reprot", Some("ons/report")),
            ("colour", None),
            ("x", None),
            ("", None),
        ] {
            let wanted = wanted.map(|name| format!("did you mean `{name}`?"));
            assert_eq!(meant(given, &known), wanted, "{given}");
        }
        assert_eq!(meant_of("hiden", &known), meant("hiden", &known));
        assert_eq!(
            meant_of("colour", &known[..2]).as_deref(),
            Some("there are `hidden`, `reportingDate`")
        );
        assert_eq!(meant_of("colour", &[""; 0]), None);
    }
}
