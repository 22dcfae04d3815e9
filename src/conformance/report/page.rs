//! The report as one HTML page: no script, no outside file, readable on paper.

use std::fmt::Write as _;

use super::{CaseResult, Outcome, Report, escape};

const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a}\
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.35rem .6rem;border-bottom:1px solid #ccc}\
.passed{color:#0a5c2b}.failed{color:#a4000f;font-weight:600}.other{color:#5b4a00}code{font-size:.9em}";

pub(super) fn render(report: &Report) -> String {
    let verdict = if report.passed() { "Passed" } else { "Failed" };
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Conformance: {verdict}</title><style>{STYLE}</style></head>\n<body><main>\n<h1>Conformance report: {verdict}</h1>\n\
         <p>Target <code>{}</code>, started {}.</p>\n",
        escape(&report.target),
        report.started
    );
    page.push_str(
        "<table><caption>Totals</caption><tr><th scope=\"col\">Outcome</th><th scope=\"col\">Cases</th></tr>\n",
    );
    for (word, count) in report.counts() {
        let _ = writeln!(page, "<tr><td>{word}</td><td>{count}</td></tr>");
    }
    page.push_str("</table>\n");
    let mut tenants: Vec<&str> = report.results.iter().map(|result| result.tenant.as_str()).collect();
    tenants.sort_unstable();
    tenants.dedup();
    for tenant in tenants {
        let _ = write!(
            page,
            "<h2>{}</h2>\n<table><tr><th scope=\"col\">Case</th><th scope=\"col\">Shows</th><th scope=\"col\">Outcome</th></tr>\n",
            escape(tenant)
        );
        for result in report.results.iter().filter(|result| result.tenant == tenant) {
            row(&mut page, result);
        }
        page.push_str("</table>\n");
    }
    page + "</main></body></html>\n"
}

fn row(page: &mut String, result: &CaseResult) {
    let class = match result.outcome {
        Outcome::Passed => "passed",
        Outcome::Failed { .. } | Outcome::PassedUnexpectedly => "failed",
        Outcome::FailedAsExpected { .. } | Outcome::Skipped { .. } => "other",
    };
    let _ = write!(
        page,
        "<tr><td>{}<br><code>{}</code></td><td>{}</td><td><span class=\"{class}\">{}</span> {}",
        escape(&result.title),
        escape(&result.case),
        escape(&result.requirements.join(" ")),
        result.outcome.word(),
        escape(&result.outcome.detail())
    );
    if result.outcome != Outcome::Passed && !result.exchanges.is_empty() {
        page.push_str("<details><summary>Requests</summary><ol>");
        for exchange in &result.exchanges {
            let status = exchange
                .status
                .map_or_else(|| "no answer".to_owned(), |status| status.to_string());
            let _ = write!(
                page,
                "<li><code>{} {}</code> {status}</li>",
                escape(&exchange.method),
                escape(&exchange.path)
            );
        }
        page.push_str("</ol></details>");
    }
    page.push_str("</td></tr>\n");
}
