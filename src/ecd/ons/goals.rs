//! The goals that reports are about: a report names a line of a plan, not the plan, and not whether the client may see it.
//!
//! # Design
//! Plans are read before reports. Of each line with a goal a few bytes stay: the plan, its status, whether any switch hides
//! it. The map of reports decides with them as the map of plans does. A report whose client's plans could not be read in
//! this pull waits for the next one: without them it would lose its goal for no reason of its own.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Value, json};

use crate::ecd::Error;

/// More lines of plans than any care organisation has: something is wrong with the source.
const MOST: usize = 3_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Draft,
    Active,
    Old,
    Unknown,
}

impl Status {
    fn of(plan: &Value) -> Self {
        match plan.get("status").and_then(Value::as_str) {
            Some("DRAFT") => Self::Draft,
            Some("ACTIVE") => Self::Active,
            Some("OLD") => Self::Old,
            _ => Self::Unknown,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "DRAFT",
            Self::Active => "ACTIVE",
            Self::Old => "OLD",
            Self::Unknown => "",
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Goal {
    client: u64,
    plan: u64,
    status: Status,
    hidden: bool,
}

/// The goals of one pull, by the line of the plan that they stand in.
#[derive(Debug, Default)]
pub(super) struct Goals {
    of: HashMap<u64, Goal>,
    /// Clients whose plans were not read.
    unread: BTreeSet<String>,
}

impl Goals {
    /// Keeps the goals of a plan.
    pub(super) fn keep(&mut self, path: &'static str, client: u64, plan: &Value) -> Result<(), Error> {
        let Some(id) = plan.get("id").and_then(Value::as_u64) else {
            return Ok(());
        };
        let status = Status::of(plan);
        for entry in plan
            .get("carePlanEntries")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let text = |pointer: &str| {
                let text = entry.pointer(pointer).and_then(Value::as_str);
                text.is_some_and(|text| !text.trim().is_empty())
            };
            let Some(line) = entry.get("id").and_then(Value::as_u64) else {
                continue;
            };
            if !text("/goalEntry/title") && !text("/goalEntry/goal/definition") {
                continue;
            }
            if self.of.len() >= MOST {
                return Err(Error::Shape {
                    path,
                    problem: "more lines of care plans than can be true",
                });
            }
            // A switch that is not clearly off counts as on.
            let hidden = [
                "/demandEntry/demand",
                "/demandEntry/demand/domain",
                "/goalEntry/goal",
                "/goalEntry/goal/domain",
            ]
            .into_iter()
            .filter_map(|place| entry.pointer(place).filter(|part| !part.is_null()))
            .any(|part| part.get("hidden") != Some(&Value::Bool(false)));
            let goal = Goal {
                client,
                plan: id,
                status,
                hidden,
            };
            self.of.insert(line, goal);
        }
        Ok(())
    }

    /// Notes that the plans of a client could not be read.
    pub(super) fn miss(&mut self, client: &str) {
        self.unread.insert(client.to_owned());
    }

    /// Notes that the plans of a client were read after all.
    pub(super) fn read(&mut self, client: &str) {
        self.unread.remove(client);
    }

    /// Whether it cannot be told which goal a report of this client is about.
    pub(super) fn misses(&self, client: &str) -> bool {
        self.unread.contains(client)
    }

    /// Puts `doel: {id, planId, status, hidden}` beside the `carePlanEntryId` of a report; false where it cannot be told.
    pub(super) fn join(&self, client: Option<&str>, report: &mut Value) -> bool {
        let Some(line) = report.get("carePlanEntryId").and_then(Value::as_u64) else {
            return true;
        };
        if client.is_some_and(|client| self.unread.contains(client)) {
            return false;
        }
        let owner = client.and_then(|client| client.parse::<u64>().ok());
        if let (Some(goal), Value::Object(object)) = (self.of.get(&line), report)
            && Some(goal.client) == owner
        {
            let joined =
                json!({"id": line, "planId": goal.plan, "status": goal.status.as_str(), "hidden": goal.hidden});
            object.insert("doel".to_owned(), joined);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Value {
        json!({"id": 71, "status": "ACTIVE", "carePlanEntries": [
            {"id": 1, "demandEntry": {"demand": {"hidden": false, "domain": {"hidden": false}}},
                "goalEntry": {"title": "Zelf wassen", "goal": {"hidden": false}}},
            {"id": 2, "goalEntry": {"title": "Zelf wassen", "goal": {}}},
            {"id": 3, "goalEntry": {"title": " ", "goal": null}}]})
    }

    fn joined(goals: &Goals, client: &str, line: u64) -> Option<Value> {
        let mut report = json!({"carePlanEntryId": line});
        goals.join(Some(client), &mut report).then(|| report["doel"].clone())
    }

    #[test]
    fn a_report_is_told_the_plan_of_its_goal_and_whether_it_is_hidden() {
        let mut goals = Goals::default();
        goals.keep("/x", 10101, &plan()).unwrap();
        let open = json!({"id": 1, "planId": 71, "status": "ACTIVE", "hidden": false});
        assert_eq!(joined(&goals, "10101", 1), Some(open));
        assert_eq!(
            joined(&goals, "10101", 2).unwrap()["hidden"],
            true,
            "a missing switch hides"
        );
        assert_eq!(joined(&goals, "10101", 3), Some(Value::Null), "a line without a goal");
        assert_eq!(
            joined(&goals, "10102", 1),
            Some(Value::Null),
            "the line of another client"
        );
    }

    #[test]
    fn a_report_waits_when_the_plans_of_its_client_were_not_read() {
        let mut goals = Goals::default();
        goals.miss("10101");
        assert_eq!(joined(&goals, "10101", 1), None);
        assert!(goals.join(Some("10101"), &mut json!({"id": 5})), "it is about no goal");
    }
}
