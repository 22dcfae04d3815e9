//! Which plan a plan took the place of: the product keeps them side by side, with their days.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::Value;

/// Of each plan of one client the newest earlier one that the client may see. A plan may be seen as the map of plans decides
/// it: it is no draft, it was not taken back, and it has a line whose demand and domain are not hidden.
pub(super) fn before(plans: &[Value]) -> HashMap<u64, u64> {
    let mut seen: Vec<(Timestamp, u64)> = plans.iter().filter(|plan| is_seen(plan)).filter_map(place).collect();
    seen.sort_unstable();
    let pairs = seen.iter().zip(seen.iter().skip(1));
    pairs.map(|((_, old), (_, new))| (*new, *old)).collect()
}

fn place(plan: &Value) -> Option<(Timestamp, u64)> {
    let begin = plan
        .get("beginDate")
        .and_then(Value::as_str)
        .and_then(|begin| begin.parse().ok());
    Some((begin.unwrap_or(Timestamp::MIN), plan.get("id")?.as_u64()?))
}

fn is_seen(plan: &Value) -> bool {
    let status = plan.get("status").and_then(Value::as_str);
    let lines = plan.get("carePlanEntries").and_then(Value::as_array);
    let is_open = |line: &Value| {
        let parts = ["/demandEntry/demand", "/demandEntry/demand/domain"].into_iter();
        let mut there = parts.filter_map(|part| line.pointer(part).filter(|part| !part.is_null()));
        there.all(|part| part.get("hidden") == Some(&Value::Bool(false)))
    };
    matches!(status, Some("ACTIVE" | "OLD"))
        && plan.get("vrijgave").is_none_or(|release| release == "released")
        && lines.is_some_and(|lines| lines.iter().any(is_open))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plan(id: u64, status: &str, begin: &str, hidden: bool) -> Value {
        json!({"id": id, "status": status, "beginDate": format!("{begin}T00:00:00.000+02:00"),
            "carePlanEntries": [{"id": 1, "demandEntry": {"demand": {"hidden": hidden}}}]})
    }

    #[test]
    fn a_plan_replaces_the_newest_earlier_one_that_may_be_seen() {
        let mut plans = vec![
            plan(9, "ACTIVE", "2026-06-01", false),
            plan(3, "OLD", "2025-06-01", false),
            plan(5, "OLD", "2025-12-01", true),
            plan(7, "DRAFT", "2026-05-01", false),
            plan(6, "OLD", "2026-01-01", false),
        ];
        plans[4]["vrijgave"] = "withdrawn".into();
        assert_eq!(before(&plans), HashMap::from([(9, 3)]));
        plans[4]["vrijgave"] = "released".into();
        assert_eq!(before(&plans), HashMap::from([(9, 6), (6, 3)]));
    }
}
