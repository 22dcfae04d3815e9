//! The ratings of the Omaha System: how much the client knows of an area, does about it, and how it is; now and as a goal.
//!
//! # Design
//! - The product keeps them in a classification, which belongs to a form and names the plan that was made from it. A form is all that a
//!   connector can ask with: there is no list of the classifications, nor of the classified problems
//!   (`/v0/administration/omaha/classified_problems/{id}`), of a client or of a plan. So the forms of a client who has a plan with areas of
//!   the system are asked for, newest first, until each plan has its classification. Forms without one are remembered ([`super::kept`]).
//! - **The newest classification of a plan decides**, whether it may be shown or not: an older one does not stand in for it.
//! - ASSUMPTION: the area of a line of the plan is the `classificationId` of its domain, and the same word stands as the `id` of the
//!   classified problem's `omahaProblem`; the states of a classification are those of its form, so that only `Current` and `Archived`
//!   may leave; a form without a classification is answered with 404 in the product's form, which names the form.
//! - Joined to the line as `omaha`: the numbers alone, each from 1 to 5. Another one is no rating and left out.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Instant;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::lists::SURVEY_RESULTS;
use super::plans::{Errand, Shown};
use super::pull::Run;
use super::transport::{Missing, Target};
use crate::ecd::Error;

const CLASSIFICATION: &str = "/v0/administration/omaha/classifications/by_survey_result/{id}";

/// Forms of one client that can be true, and are asked for one by one.
const MOST: usize = 1_000;

/// A form that was written within so many hours may get its classification yet.
const FRESH: i64 = 48;

/// Our names for the ratings.
const RATINGS: [(&str, &str); 6] = [
    ("kennis", "ratingKnowledgeStart"),
    ("gedrag", "ratingBehaviorStart"),
    ("status", "ratingStatusSignalsStart"),
    ("kennisDoel", "ratingKnowledgeTarget"),
    ("gedragDoel", "ratingBehaviorTarget"),
    ("statusDoel", "ratingStatusSignalsTarget"),
];

/// The ratings of one area, in the order of [`RATINGS`]; none where the area is rated twice, which contradicts itself.
type Rated = Option<[Option<u8>; RATINGS.len()]>;

/// The ratings of a plan by their area.
pub(super) type Ratings = BTreeMap<String, Rated>;

/// A form that is done.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Form {
    completed: Option<Timestamp>,
    id: u64,
    version: String,
    is_fresh: bool,
}

impl Run {
    /// Finds the ratings of these plans.
    pub(super) async fn rate(&self, client: &str, shown: &mut [Shown], errand: &Errand<'_>) -> Result<(), Error> {
        if shown.iter().all(|one| one.ratings.is_some()) {
            return Ok(());
        }
        let today = self.pull.today.to_zoned(TimeZone::UTC).map(|day| day.timestamp());
        let today = today.unwrap_or(Timestamp::MIN);
        let forms = match errand {
            Errand::Pull(forms) => newest(client, forms.as_ref().map_err(Clone::clone)?, today)?,
            Errand::Look => newest(client, &self.list(SURVEY_RESULTS, client).await?, today)?,
        };
        for form in forms {
            if shown.iter().all(|one| one.ratings.is_some()) {
                break;
            }
            let Some((plan, ratings)) = self.classified(client, &form, errand).await? else {
                continue;
            };
            for one in shown.iter_mut().filter(|one| one.id == plan) {
                one.ratings.get_or_insert_with(|| ratings.clone());
            }
        }
        for one in shown {
            let ratings = one.ratings.get_or_insert_default();
            if one.is_over {
                self.kept().keep_rated(one.id, &one.version, ratings.clone());
            }
        }
        Ok(())
    }

    /// The plan that the classification of a form names, and its ratings: none if they may not be shown.
    async fn classified(
        &self,
        client: &str,
        form: &Form,
        errand: &Errand<'_>,
    ) -> Result<Option<(u64, Ratings)>, Error> {
        if self.kept().is_bare(form.id, &form.version, Instant::now()) {
            return Ok(None);
        }
        self.in_time(CLASSIFICATION, errand)?;
        let target = Target {
            path: CLASSIFICATION,
            id: &form.id.to_string(),
            query: Vec::new(),
            missing: Missing::Answers,
        };
        let Some(found) = self.transport.one(&target).await? else {
            if !form.is_fresh {
                self.kept().keep_bare(form.id, &form.version, Instant::now());
            }
            return Ok(None);
        };
        let owner = found.get("clientId").and_then(Value::as_u64).map(|id| id.to_string());
        if owner.as_deref() != Some(client) {
            return Err(Error::Shape {
                path: CLASSIFICATION,
                problem: "a classification of another client than the one asked for",
            });
        }
        let plan = found.get("careplanId").and_then(Value::as_u64);
        Ok(plan.map(|plan| {
            let ratings = if may_be_shown(&found) {
                ratings(&found)
            } else {
                Ratings::new()
            };
            (plan, ratings)
        }))
    }
}

/// The forms that are done, newest first.
fn newest(client: &str, forms: &[Value], today: Timestamp) -> Result<Vec<Form>, Error> {
    let time = |form: &Value, name: &str| form[name].as_str().and_then(|at| at.parse::<Timestamp>().ok());
    let mut done: Vec<Reverse<Form>> = forms
        .iter()
        .filter(|form| form["clientObjectId"].as_u64().map(|id| id.to_string()).as_deref() == Some(client))
        .filter(|form| is_done(form))
        .filter_map(|form| {
            Some(Reverse(Form {
                completed: time(form, "completedAt"),
                id: form["id"].as_u64()?,
                version: form["updatedAt"].as_str().unwrap_or_default().to_owned(),
                is_fresh: time(form, "updatedAt").is_none_or(|at| at > today - SignedDuration::from_hours(FRESH)),
            }))
        })
        .collect();
    if done.len() > MOST {
        return Err(Error::Shape {
            path: SURVEY_RESULTS.0,
            problem: "more forms of one client than can be true",
        });
    }
    done.sort_unstable();
    Ok(done.into_iter().map(|Reverse(form)| form).collect())
}

/// Whether a form, or its classification, is done.
fn is_done(form: &Value) -> bool {
    matches!(form["status"].as_str(), Some("Current" | "Archived"))
}

fn may_be_shown(classification: &Value) -> bool {
    is_done(classification) && classification.get("viewAllowed").is_none_or(|allowed| *allowed == true)
}

fn ratings(classification: &Value) -> Ratings {
    let mut found = Ratings::new();
    for problem in classification["omahaClassifiedProblems"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let Some(area) = problem.pointer("/omahaProblem/id").and_then(Value::as_str) else {
            continue;
        };
        let rating = |name: &str| {
            let rating = problem.get(name).and_then(Value::as_u64)?;
            u8::try_from(rating).ok().filter(|rating| (1..=5).contains(rating))
        };
        let rated = RATINGS.map(|(_, theirs)| rating(theirs));
        let again = found.contains_key(area);
        found.insert(area.to_owned(), (!again).then_some(rated));
    }
    found
}

pub(super) fn lines_mut(plan: &mut Value) -> impl Iterator<Item = &mut Value> {
    let lines = plan.get_mut("carePlanEntries").and_then(Value::as_array_mut);
    lines.into_iter().flatten()
}

/// The area of the Omaha System that a line of a plan is about.
fn area(line: &Value) -> Option<&str> {
    let id = line.pointer("/demandEntry/demand/domain/classificationId")?;
    id.as_str().filter(|id| !id.is_empty())
}

/// Whether any line of a plan is about an area of the system.
pub(super) fn has_areas(plan: &Value) -> bool {
    let lines = plan.get("carePlanEntries").and_then(Value::as_array);
    lines.is_some_and(|lines| lines.iter().any(|line| area(line).is_some()))
}

/// Joins to each line the ratings of its area.
pub(super) fn join(plan: &mut Value, ratings: &Ratings) {
    for line in lines_mut(plan) {
        let Some(Some(rated)) = area(line).and_then(|area| ratings.get(area)) else {
            continue;
        };
        let named = RATINGS.iter().zip(rated);
        let joined: Map<_, _> = named
            .filter_map(|((ours, _), rating)| Some(((*ours).to_owned(), (*rating)?.into())))
            .collect();
        line["omaha"] = joined.into();
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
        let three_times = [problem("c", 1), problem("c", 4), problem("c", 4)];
        let problems: Vec<Value> = [problem("a", 2)].into_iter().chain(three_times).collect();
        join(&mut plan, &ratings(&json!({"omahaClassifiedProblems": problems})));
        let joined: Vec<&Value> = (0..4).map(|line| &plan["carePlanEntries"][line]["omaha"]).collect();
        assert_eq!(*joined[0], json!({"kennis": 2, "statusDoel": 5}));
        assert!(joined[1..].iter().all(|ratings| ratings.is_null()), "{joined:?}");
    }

    #[test]
    fn what_is_no_rating_from_1_to_5_is_left_out_and_the_others_stay() {
        for wrong in [json!(0), json!(6), json!(-1), json!(2.5), json!("3"), json!(300)] {
            let problem = json!({"ratingKnowledgeStart": wrong, "ratingBehaviorStart": 1, "ratingBehaviorTarget": 5,
                "omahaProblem": {"id": "a"}});
            let found = ratings(&json!({"omahaClassifiedProblems": [problem]}));
            let rated = [None, Some(1), None, None, Some(5), None];
            assert_eq!(found, Ratings::from([("a".to_owned(), Some(rated))]), "{wrong}");
        }
    }

    #[test]
    fn what_is_not_done_or_may_not_be_seen_is_not_shown() {
        let one = |more: Value| {
            let mut one = json!({"status": "Current", "viewAllowed": true});
            one.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            may_be_shown(&one)
        };
        assert!(one(json!({})) && one(json!({"status": "Archived"})));
        for more in [
            json!({"status": "Draft"}),
            json!({"status": null}),
            json!({"viewAllowed": false}),
            json!({"viewAllowed": null}),
        ] {
            assert!(!one(more.clone()), "{more}");
        }
    }

    #[test]
    fn the_forms_that_are_done_are_asked_for_newest_first_and_not_without_end() {
        let today = "2026-11-22T00:00:00Z".parse().unwrap();
        let form = |id: u64, status: &str, client: u64| {
            let at = format!("2026-{:02}-01T10:00:00.000+01:00", id % 12 + 1);
            json!({"id": id, "status": status, "clientObjectId": client, "completedAt": at, "updatedAt": at})
        };
        let some = [
            form(1, "Current", 7),
            form(2, "Draft", 7),
            form(3, "Archived", 7),
            form(4, "Current", 8),
            form(5, "Current", 7),
        ];
        let ids = |forms: &[Value]| -> Vec<u64> {
            let forms = newest("7", forms, today).unwrap();
            forms.iter().map(|form| form.id).collect()
        };
        assert_eq!(ids(&some), [5, 3, 1]);
        let many: Vec<Value> = (0..1_001).map(|id| form(id, "Current", 7)).collect();
        assert_eq!(ids(&many[1..]).len(), MOST);
        assert!(
            matches!(newest("7", &many, today), Err(Error::Shape { .. })),
            "no form is passed over"
        );
    }

    #[test]
    fn a_form_of_the_last_two_days_is_fresh() {
        let today = "2026-11-22T00:00:00Z".parse().unwrap();
        let fresh = |at: &str| {
            let form = json!({"id": 1, "status": "Current", "clientObjectId": 7, "updatedAt": at});
            newest("7", &[form], today).unwrap()[0].is_fresh
        };
        assert!(fresh("2026-11-22T10:00:00Z") && fresh("2026-11-20T00:00:01Z") && fresh("gisteren"));
        assert!(!fresh("2026-11-20T00:00:00Z"));
    }
}
