//! The ratings of the Omaha System: how much the client knows of an area, does about it, and how it is; now and as a goal.
//!
//! # Design
//! - The product keeps them in a classification, which belongs to a form and names the plan that was made from it. A form is all that a
//!   connector can ask with: there is no list of the classifications, nor of the classified problems
//!   (`/v0/administration/omaha/classified_problems/{id}`), of a client or of a plan. So the forms of a client who has a plan with areas of
//!   the system are asked for, newest first, until each plan in force has its classification.
//! - ASSUMPTION: the area of a line of the plan is the `classificationId` of its domain, and the same word stands as the `id` of the
//!   classified problem's `omahaProblem`; the states of a classification are those of its form, so that only `Current` and `Archived`
//!   may leave; a form without a classification is answered with 404 in the product's form.
//! - Joined to the line as `omaha`: the numbers alone. Where it cannot be asked, the plans of that client wait for the next pull.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::lists::{SURVEY_RESULTS, is_in_force};
use super::pull::Run;
use super::transport::{Missing, Target};
use crate::config::OnsList;
use crate::ecd::Error;

const CLASSIFICATION: &str = "/v0/administration/omaha/classifications/by_survey_result/{id}";

/// Forms of one client that are asked for.
const MOST: usize = 20;

/// Our names for the ratings.
const RATINGS: [(&str, &str); 6] = [
    ("kennis", "ratingKnowledgeStart"),
    ("gedrag", "ratingBehaviorStart"),
    ("status", "ratingStatusSignalsStart"),
    ("kennisDoel", "ratingKnowledgeTarget"),
    ("gedragDoel", "ratingBehaviorTarget"),
    ("statusDoel", "ratingStatusSignalsTarget"),
];

impl Run {
    /// Joins the ratings to the plans of a client. `forms`: the client's list, where it was read already.
    pub(super) async fn rate(
        &self,
        client: &str,
        plans: &mut [Value],
        forms: Option<&Result<Vec<Value>, Error>>,
    ) -> Result<(), Error> {
        // A field of this name that the source sends is not ours.
        let lines = plans.iter_mut().flat_map(lines_mut).filter_map(Value::as_object_mut);
        lines.for_each(|line| drop(line.shift_remove("omaha")));
        let rated = plans.iter().filter(|plan| has_areas(plan));
        let mut wanted: BTreeSet<u64> = rated.filter_map(|plan| is_in_force(client, plan)).collect();
        if wanted.is_empty() || self.without.contains(&OnsList::Omaha) {
            return Ok(());
        }
        let forms = match forms {
            Some(forms) => newest(client, forms.as_ref().map_err(Clone::clone)?),
            None => newest(client, &self.list(SURVEY_RESULTS, client).await?),
        };
        for form in forms {
            if wanted.is_empty() {
                break;
            }
            if !self.transport.has_time() {
                return Err(Error::Budget { path: CLASSIFICATION });
            }
            let target = Target {
                path: CLASSIFICATION,
                id: &form.to_string(),
                query: Vec::new(),
                missing: Missing::Answers,
            };
            let Some(found) = self.transport.one(&target).await? else {
                continue;
            };
            let owner = found.get("clientId").and_then(Value::as_u64).map(|id| id.to_string());
            if owner.as_deref() != Some(client) {
                return Err(Error::Shape {
                    path: CLASSIFICATION,
                    problem: "a classification of another client than the one asked for",
                });
            }
            let Some(id) = of_plan(&found).filter(|id| wanted.remove(id)) else {
                continue;
            };
            let plan = plans.iter_mut().filter(|plan| is_in_force(client, plan) == Some(id));
            plan.for_each(|plan| join(plan, &found));
        }
        Ok(())
    }
}

/// The forms that are done, newest first.
fn newest(client: &str, forms: &[Value]) -> Vec<u64> {
    let mut done: Vec<(&str, u64)> = forms
        .iter()
        .filter(|form| form["clientObjectId"].as_u64().map(|id| id.to_string()).as_deref() == Some(client))
        .filter(|form| form["status"] == "Current")
        .filter_map(|form| Some((form["completedAt"].as_str().unwrap_or_default(), form["id"].as_u64()?)))
        .collect();
    done.sort_unstable_by_key(|place| Reverse(*place));
    done.into_iter().take(MOST).map(|(_, id)| id).collect()
}

/// The plan that a classification may be shown with.
fn of_plan(classification: &Value) -> Option<u64> {
    let is_done = matches!(classification["status"].as_str(), Some("Current" | "Archived"));
    let may_be_seen = classification.get("viewAllowed").is_none_or(|allowed| *allowed == true);
    classification["careplanId"].as_u64().filter(|_| is_done && may_be_seen)
}

fn lines_mut(plan: &mut Value) -> impl Iterator<Item = &mut Value> {
    let lines = plan.get_mut("carePlanEntries").and_then(Value::as_array_mut);
    lines.into_iter().flatten()
}

/// The area of the Omaha System that a line of a plan is about.
fn area(line: &Value) -> Option<&str> {
    let id = line.pointer("/demandEntry/demand/domain/classificationId")?;
    id.as_str().filter(|id| !id.is_empty())
}

fn has_areas(plan: &Value) -> bool {
    let lines = plan.get("carePlanEntries").and_then(Value::as_array);
    lines.is_some_and(|lines| lines.iter().any(|line| area(line).is_some()))
}

fn join(plan: &mut Value, classification: &Value) {
    let problems = classification["omahaClassifiedProblems"].as_array();
    for line in lines_mut(plan) {
        let mut of_line = problems.into_iter().flatten().filter(|problem| {
            let id = problem.pointer("/omahaProblem/id").and_then(Value::as_str);
            id.is_some() && id == area(line)
        });
        // Two ratings of one area contradict each other.
        let (Some(problem), None) = (of_line.next(), of_line.next()) else {
            continue;
        };
        let ratings = RATINGS.iter().filter_map(|(ours, theirs)| {
            let rating = problem.get(*theirs).filter(|rating| !rating.is_null())?;
            Some(((*ours).to_owned(), rating.clone()))
        });
        line["omaha"] = ratings.collect::<Map<_, _>>().into();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_gets_the_ratings_of_its_area_and_nothing_of_an_area_that_is_rated_twice() {
        let line =
            |id: u64, area: &str| json!({"id": id, "demandEntry": {"demand": {"domain": {"classificationId": area}}}});
        let mut plan = json!({"carePlanEntries": [line(1, "a"), line(2, "b"), line(3, ""), line(4, "c")]});
        let problem = |area: &str, rating: u64| {
            json!({"ratingKnowledgeStart": rating, "ratingStatusSignalsTarget": 5,
            "ratingBehaviorStart": null, "additionalInfo": "intern", "omahaProblem": {"id": area}})
        };
        join(
            &mut plan,
            &json!({"omahaClassifiedProblems": [problem("a", 2), problem("c", 1), problem("c", 4)]}),
        );
        let joined: Vec<&Value> = (0..4).map(|line| &plan["carePlanEntries"][line]["omaha"]).collect();
        assert_eq!(*joined[0], json!({"kennis": 2, "statusDoel": 5}));
        assert!(joined[1..].iter().all(|ratings| ratings.is_null()), "{joined:?}");
    }

    #[test]
    fn what_is_not_done_or_may_not_be_seen_is_of_no_plan() {
        let one = |more: Value| {
            let mut one = json!({"status": "Current", "careplanId": 71, "viewAllowed": true});
            one.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            of_plan(&one)
        };
        assert_eq!(one(json!({})), Some(71));
        assert_eq!(one(json!({"status": "Archived"})), Some(71));
        for more in [
            json!({"status": "Draft"}),
            json!({"status": null}),
            json!({"viewAllowed": false}),
            json!({"viewAllowed": null}),
            json!({"careplanId": null}),
        ] {
            assert_eq!(one(more.clone()), None, "{more}");
        }
    }

    #[test]
    fn the_newest_forms_that_are_done_are_asked_for_and_not_without_end() {
        let form = |id: u64, status: &str, client: u64| json!({"id": id, "status": status, "clientObjectId": client, "completedAt": format!("2026-{:02}-01", id % 12 + 1)});
        let some = [
            form(1, "Current", 7),
            form(2, "Draft", 7),
            form(3, "Current", 7),
            form(4, "Current", 8),
        ];
        assert_eq!(newest("7", &some), [3, 1]);
        let many: Vec<Value> = (0..50).map(|id| form(id, "Current", 7)).collect();
        assert_eq!(newest("7", &many).len(), MOST);
    }
}
