//! What somebody probably meant: the remedy for a slip of the pen.

/// The known name that is nearest to the given one, if it is near enough to be a slip.
pub(super) fn near<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = given.to_lowercase();
    let nearest = known
        .map(|name| (strsim::damerau_levenshtein(&lower, &name.to_lowercase()), name))
        .min_by_key(|(distance, _)| *distance)?;
    let enough = 1 + given.chars().count() / 4;
    (nearest.0 <= enough && !nearest.1.is_empty()).then_some(nearest.1)
}

/// `; did you mean …?` or nothing.
pub(super) fn meant<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> String {
    near(given, known).map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_near_and_another_word_is_not() {
        let known = || ["hidden", "reportingDate", "id", "ons/report"].into_iter();
        for (given, wanted) in [
            ("hiden", Some("hidden")),
            ("reportingdate", Some("reportingDate")),
            ("ons/reprot", Some("ons/report")),
            ("colour", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(near(given, known()), wanted, "{given}");
        }
        assert_eq!(meant("hiden", known()), "; did you mean `hidden`?");
        assert_eq!(meant("colour", known()), "");
    }
}
