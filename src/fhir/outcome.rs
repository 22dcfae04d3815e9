//! OperationOutcome: the one shape of every answer that is not the thing asked for.
//!
//! ```
//! use inzage::fhir::outcome::{IssueType, Outcome};
//! let outcome = Outcome::error(IssueType::Value, Some("Observation.status"), "must be a code of observation-status");
//! assert!(String::from_utf8(outcome.to_bytes()).unwrap().starts_with(r#"{"resourceType":"OperationOutcome""#));
//! ```
//!
//! # Design
//! The text of an issue is written here and never taken from a lower layer's error. Whatever part of it repeats input is
//! cut at [`MAX_TEXT`] characters, so an answer cannot become an echo of a hostile body (security.md, H7).

use std::fmt;

use serde_json::{Value, json};

/// No issue text is longer than this many characters.
pub const MAX_TEXT: usize = 200;

/// How bad an issue is (<https://hl7.org/fhir/R4/valueset-issue-severity.html>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    Fatal,
    Error,
    Warning,
    Information,
}

impl Severity {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fatal => "fatal",
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Information => "information",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! issue_types {
    ($($name:ident $code:literal)*) => {
        /// What kind of issue it is (<https://hl7.org/fhir/R4/valueset-issue-type.html>).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum IssueType { $($name),* }

        impl IssueType {
            /// Every kind, in the order of the code system.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The code on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code),* }
            }
        }
    };
}

issue_types! {
    Invalid "invalid"
    Structure "structure"
    Required "required"
    Value "value"
    Invariant "invariant"
    Security "security"
    Login "login"
    Unknown "unknown"
    Expired "expired"
    Forbidden "forbidden"
    Suppressed "suppressed"
    Processing "processing"
    NotSupported "not-supported"
    Duplicate "duplicate"
    MultipleMatches "multiple-matches"
    NotFound "not-found"
    Deleted "deleted"
    TooLong "too-long"
    CodeInvalid "code-invalid"
    Extension "extension"
    TooCostly "too-costly"
    BusinessRule "business-rule"
    Conflict "conflict"
    Transient "transient"
    LockError "lock-error"
    NoStore "no-store"
    Exception "exception"
    Timeout "timeout"
    Incomplete "incomplete"
    Throttled "throttled"
    Informational "informational"
}

impl fmt::Display for IssueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One issue: how bad, what kind, where (a FHIRPath element such as `Observation.value.unit`), and what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    pub severity: Severity,
    pub code: IssueType,
    /// The element; empty when the issue is about no element.
    pub expression: String,
    pub message: String,
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.expression.is_empty() {
            write!(f, "{} ({}): {}", self.severity, self.code, self.message)
        } else {
            write!(
                f,
                "{} ({}) {}: {}",
                self.severity, self.code, self.expression, self.message
            )
        }
    }
}

/// An OperationOutcome in the making; it always has at least one issue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    issues: Vec<Issue>,
}

impl Outcome {
    /// An outcome of one error.
    pub fn error(code: IssueType, expression: Option<&str>, text: &str) -> Self {
        Self::one(Severity::Error, code, expression, text)
    }

    /// An outcome of one warning.
    pub fn warning(code: IssueType, expression: Option<&str>, text: &str) -> Self {
        Self::one(Severity::Warning, code, expression, text)
    }

    /// An outcome that only tells something.
    pub fn information(text: &str) -> Self {
        Self::one(Severity::Information, IssueType::Informational, None, text)
    }

    fn one(severity: Severity, code: IssueType, expression: Option<&str>, text: &str) -> Self {
        Self {
            issues: vec![Issue {
                severity,
                code,
                expression: expression.unwrap_or_default().to_owned(),
                message: text.to_owned(),
            }],
        }
    }

    /// The outcome of a check; `None` when there is nothing to say.
    pub fn from_issues(issues: Vec<Issue>) -> Option<Self> {
        (!issues.is_empty()).then_some(Self { issues })
    }

    /// The same outcome with one issue more.
    #[must_use]
    pub fn and(mut self, issue: Issue) -> Self {
        self.issues.push(issue);
        self
    }

    pub fn issues(&self) -> &[Issue] {
        &self.issues
    }

    /// The resource. Texts are cut at [`MAX_TEXT`] characters.
    pub fn to_value(&self) -> Value {
        let issue: Vec<Value> = self.issues.iter().map(issue_value).collect();
        json!({ "resourceType": "OperationOutcome", "issue": issue })
    }

    /// The resource as JSON bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_value().to_string().into_bytes()
    }
}

fn issue_value(issue: &Issue) -> Value {
    let mut value = json!({ "severity": issue.severity.as_str(), "code": issue.code.as_str() });
    let object = value.as_object_mut().expect("the literal above is an object");
    if !issue.message.trim().is_empty() {
        object.insert("diagnostics".into(), cut(&issue.message).into());
    }
    if !issue.expression.is_empty() {
        object.insert("expression".into(), json!([cut(&issue.expression)]));
    }
    value
}

/// At most [`MAX_TEXT`] characters, without control characters, so that a text cannot forge a log line either.
fn cut(text: &str) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    if text.chars().nth(MAX_TEXT).is_none() {
        return text.trim().chars().map(clean).collect();
    }
    let mut short: String = text.trim().chars().take(MAX_TEXT - 3).map(clean).collect();
    short.push_str("...");
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_names_kind_place_and_text() {
        let outcome = Outcome::error(IssueType::CodeInvalid, Some("Observation.status"), "no such code");
        assert_eq!(
            outcome.to_value(),
            json!({"resourceType": "OperationOutcome", "issue": [{
                "severity": "error", "code": "code-invalid",
                "diagnostics": "no such code", "expression": ["Observation.status"]
            }]})
        );
    }

    #[test]
    fn a_text_never_echoes_more_than_two_hundred_characters() {
        let outcome = Outcome::error(IssueType::Value, None, &"é".repeat(5_000));
        let text = outcome.to_value()["issue"][0]["diagnostics"]
            .as_str()
            .unwrap()
            .to_owned();
        assert_eq!(text.chars().count(), MAX_TEXT);
        assert!(text.ends_with("..."));
    }

    #[test]
    fn control_characters_do_not_reach_the_answer() {
        let outcome = Outcome::error(IssueType::Value, None, "a\r\nb\u{1b}[31m");
        assert_eq!(outcome.to_value()["issue"][0]["diagnostics"], "a  b [31m");
    }

    #[test]
    fn an_empty_text_leaves_no_empty_string_behind() {
        let value = Outcome::error(IssueType::Value, None, " ").to_value();
        assert!(value["issue"][0].get("diagnostics").is_none());
    }

    #[test]
    fn nothing_found_makes_no_outcome() {
        assert_eq!(Outcome::from_issues(Vec::new()), None);
    }

    #[test]
    fn every_issue_type_has_its_own_code() {
        let mut codes: Vec<_> = IssueType::ALL.iter().map(|code| code.as_str()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), IssueType::ALL.len());
    }
}
