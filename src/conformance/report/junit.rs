//! JUnit XML, as build servers read it: one suite a tenant.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{CaseResult, Outcome, Report, escape};

pub(super) fn render(report: &Report) -> String {
    let mut suites: BTreeMap<&str, Vec<&CaseResult>> = BTreeMap::new();
    for result in &report.results {
        suites.entry(&result.tenant).or_default().push(result);
    }
    let mut xml =
        String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"inzage conformance\">\n");
    for (tenant, results) in suites {
        let count = |test: fn(&Outcome) -> bool| results.iter().filter(|result| test(&result.outcome)).count();
        let failures = count(Outcome::breaks_the_run);
        let skipped = count(|outcome| matches!(outcome, Outcome::Skipped { .. } | Outcome::FailedAsExpected { .. }));
        let (tenant, tests) = (escape(tenant), results.len());
        let _ = writeln!(
            xml,
            "  <testsuite name=\"{tenant}\" tests=\"{tests}\" failures=\"{failures}\" skipped=\"{skipped}\" timestamp=\"{}\">",
            report.started
        );
        for result in results {
            case(&mut xml, &tenant, result);
        }
        xml.push_str("  </testsuite>\n");
    }
    xml + "</testsuites>\n"
}

fn case(xml: &mut String, tenant: &str, result: &CaseResult) {
    let (id, title, seconds) = (escape(&result.case), escape(&result.title), result.milliseconds);
    let (whole, rest) = (seconds / 1_000, seconds % 1_000);
    let _ = write!(
        xml,
        "    <testcase classname=\"{tenant}.{id}\" name=\"{title}\" time=\"{whole}.{rest:03}\""
    );
    let detail = escape(&result.outcome.detail());
    let _ = match &result.outcome {
        Outcome::Passed => writeln!(xml, "/>"),
        Outcome::Failed { .. } | Outcome::PassedUnexpectedly => {
            writeln!(xml, "><failure message=\"{detail}\"/></testcase>")
        }
        Outcome::Skipped { .. } | Outcome::FailedAsExpected { .. } => {
            writeln!(xml, "><skipped message=\"{detail}\"/></testcase>")
        }
    };
}
