//! Care plans: one that holds, older ones, and in some cases a draft.

use jiff::ToSpan as _;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::client::{Person, Stay};
use super::contact::Relative;
use super::dice::Dice;
use super::plan_texts::{DOMAINS, MOURNING, TOPICS, Topic};
use super::{Frame, employee, sentences, written};
use crate::ecd::mock::{Population, SECRET_MARKER, Shelf};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Draft,
    Active,
    Old,
}

/// Which parts of an entry a client may not see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hidden {
    Nothing,
    Demand,
    Goal,
    Action,
}

impl Hidden {
    /// The text, or one that may never be seen if it stands for this part.
    fn text(self, part: Self, text: String) -> String {
        if self == part && part != Self::Nothing {
            format!("{SECRET_MARKER} {text}")
        } else {
            text
        }
    }
}

/// What the plan in force leaves to others.
pub(super) struct Planned {
    /// The ids of the entries that reports may refer to.
    pub(super) goals: Vec<u64>,
    plan: u64,
    begin: Date,
    /// Its areas of the Omaha System, with their ratings.
    problems: Vec<Value>,
}

/// Adds the client's plans.
pub(super) fn fill(frame: &Frame<'_>, dice: &mut Dice, person: &Person, into: &Population) -> Planned {
    let everything = person.id == frame.cast.everything;
    let count = if everything {
        6
    } else {
        usize::try_from(dice.within(3, 6)).expect("a small number")
    };
    // Who has a partner does not mourn one.
    let has_partner = frame.cast.pair.contains(&person.id) || person.relatives.iter().any(Relative::is_spouse);
    let fitting: Vec<usize> = (0..TOPICS.len())
        .filter(|topic| {
            let demand = TOPICS[*topic].demand;
            sentences::fits(demand, person, sentences::ANY) && !(has_partner && demand == MOURNING)
        })
        .collect();
    let topics: Vec<usize> = dice
        .places(count, fitting.len())
        .into_iter()
        .map(|place| fitting[place])
        .collect();
    let begun = frame.days_ago(dice.within(40, 150));
    let before = begun.saturating_sub(dice.within(170, 200).days());
    let last = person.last_day();
    let mut builder = Builder {
        frame,
        person,
        number: 0,
        problems: Vec::new(),
    };
    if everything || dice.permille(300) {
        let first = before.saturating_sub(182.days());
        builder.add(dice, Status::Old, &topics[..2], (first, Some(before)), into);
    }
    builder.add(dice, Status::Old, &topics[..count - 1], (before, Some(begun)), into);
    let status = if matches!(person.stay, Stay::Died(_)) {
        Status::Old
    } else {
        Status::Active
    };
    let goals = builder.add(dice, status, &topics, (begun, last.map(|day| day.max(begun))), into);
    let (plan, problems) = (person.id * 100 + builder.number, std::mem::take(&mut builder.problems));
    if everything || dice.permille(300) {
        builder.add(dice, Status::Draft, &topics, (frame.shape.today, None), into);
    }
    Planned {
        goals,
        plan,
        begin: begun,
        problems,
    }
}

/// Adds the classification that the plan in force was made from, if the client has a form that it can belong to.
pub(super) fn classify(frame: &Frame<'_>, person: &Person, planned: Planned, into: &Population) {
    let forms = into.of(Shelf::Forms, person.id);
    let form = forms.iter().find(|form| form["status"] == "Current");
    let Some(form) = form
        .and_then(|form| form["id"].as_u64())
        .filter(|_| !planned.problems.is_empty())
    else {
        return;
    };
    let begin = frame.at(planned.begin, 0, 0);
    let mut problems = planned.problems;
    for (problem, number) in problems.iter_mut().zip(1..) {
        problem["id"] = format!("{form}-{number}").into();
        problem["omahaClassificationId"] = form.to_string().into();
    }
    let classification = json!({
        "id": form.to_string(), "clientId": person.id, "status": "Current", "beginDate": written(&begin), "endDate": null,
        "careplanId": planned.plan, "surveyResultId": form, "omahaClassifiedProblems": problems, "viewAllowed": true,
    });
    into.add(Shelf::Classifications, &classification, begin.timestamp());
}

struct Builder<'a> {
    frame: &'a Frame<'a>,
    person: &'a Person,
    number: u64,
    /// Of the plan in force.
    problems: Vec<Value>,
}

impl Builder<'_> {
    fn add(
        &mut self,
        dice: &mut Dice,
        status: Status,
        topics: &[usize],
        (begin, end): (Date, Option<Date>),
        into: &Population,
    ) -> Vec<u64> {
        self.number += 1;
        let frame = self.frame;
        let id = self.person.id * 100 + self.number;
        let owner = employee::one(dice, &frame.staff, employee::Discipline::Nurse);
        let changed = match status {
            Status::Draft => frame.at(frame.days_ago(1), 16, 40),
            Status::Old => frame.at(end.unwrap_or(begin), 12, 0),
            Status::Active => frame.at(begin.max(frame.days_ago(dice.within(2, 30))), 15, 10),
        };
        let hides = self.person.id == frame.cast.everything || dice.permille(150);
        let entries: Vec<Value> = topics
            .iter()
            .zip(1..)
            .map(|(topic, n)| {
                let hidden = match (status, hides, n) {
                    (Status::Active, true, 2) => Hidden::Demand,
                    (Status::Active, true, 3) => Hidden::Goal,
                    (Status::Active, true, 1) => Hidden::Action,
                    _ => Hidden::Nothing,
                };
                let mut entry = self.entry(dice, &TOPICS[*topic], id * 100 + n, status, hidden, begin);
                entry["carePlanId"] = id.into();
                entry["createdAt"] = written(&frame.at(begin, 10, 0)).into();
                entry["updatedAt"] = written(&changed).into();
                entry
            })
            .collect();
        let goals = entries.iter().filter_map(|entry| entry["id"].as_u64()).collect();
        let plan = json!({
            "id": id, "clientId": self.person.id, "employeeId": owner.id,
            "status": match status { Status::Draft => "DRAFT", Status::Active => "ACTIVE", Status::Old => "OLD" },
            "beginDate": written(&frame.at(begin, 0, 0)), "endDate": end.map(|end| written(&frame.at(end, 0, 0))),
            "carePlanEntries": entries, "createdBy": "evv",
            "createdAt": written(&frame.at(begin, 9, 0)), "updatedAt": written(&changed),
        });
        into.add(Shelf::CarePlans, &plan, changed.timestamp());
        // Some plans are in force before the client agreed; a draft is shown to nobody.
        if status == Status::Old || status == Status::Active && !id.is_multiple_of(7) {
            let agreement = json!({"id": id, "carePlanId": id, "employeeId": owner.id, "clientId": self.person.id});
            into.add(Shelf::Agreements, &agreement, changed.timestamp());
        }
        goals
    }

    fn entry(&mut self, dice: &mut Dice, topic: &Topic, id: u64, status: Status, hidden: Hidden, begin: Date) -> Value {
        let mut say = |part: Hidden, template: &str| {
            let text = sentences::fill(template, self.person, dice);
            let text = hidden.text(part, text);
            if status == Status::Draft {
                format!("{SECRET_MARKER} {text}")
            } else {
                text
            }
        };
        let demand = say(Hidden::Demand, topic.demand);
        let goal = say(Hidden::Goal, topic.goal);
        let actions: Vec<String> = topic
            .actions
            .iter()
            .enumerate()
            .map(|(n, action)| say(if n == 0 { Hidden::Action } else { Hidden::Nothing }, action))
            .collect();
        let domain = json!({
            "id": topic.domain + 1, "name": DOMAINS[topic.domain], "hidden": false,
            "classificationId": topic.classification,
        });
        let actions: Vec<Value> = actions
            .into_iter()
            .zip(1_u64..)
            .map(|(action, n)| {
                let hide = n == 1 && hidden == Hidden::Action;
                json!({
                    "id": id * 10 + n, "title": action, "comment": "", "actionId": id * 10 + n,
                    "carePlanPersistentActionId": id * 10 + n,
                    "action": {"id": id * 10 + n, "definition": action, "hidden": hide, "domainId": topic.domain + 1,
                        "domain": domain, "instructionUrl": null},
                })
            })
            .collect();
        // The ratings of the Omaha System, where the topic is one of its areas.
        if !topic.classification.is_empty() {
            let now: Vec<i64> = (0..3).map(|_| dice.within(1, 4)).collect();
            if status == Status::Active {
                self.problems.push(json!({
                    "clientId": self.person.id, "ratingKnowledgeStart": now[0], "ratingBehaviorStart": now[1],
                    "ratingStatusSignalsStart": now[2], "ratingKnowledgeTarget": now[0] + 1,
                    "ratingBehaviorTarget": now[1] + 1, "ratingStatusSignalsTarget": 5, "modifierReach": "Individual",
                    "modifierProblemLevel": "Actual", "additionalInfo": SECRET_MARKER,
                    "omahaProblem": {"id": topic.classification},
                }));
            }
        }
        let wanted = 60 + dice.within(0, 4) * 10;
        // What is no longer pursued was reached or given up; what is pursued is on its way.
        let reached = match status {
            Status::Old if dice.permille(500) => 100,
            Status::Old | Status::Active => dice.within(0, wanted / 10 - 1) * 10,
            Status::Draft => 0,
        };
        let target = self.frame.at(begin.saturating_add(182.days()), 0, 0);
        json!({
            "id": id, "demandEntryId": id, "goalEntryId": id,
            "demandEntry": {"id": id, "demandId": id, "comment": "",
                "demand": {"id": id, "domainId": topic.domain + 1, "domain": domain, "definition": demand,
                    "hidden": hidden == Hidden::Demand}},
            "goalEntry": {"id": id, "goalId": id, "title": goal, "comment": "", "targetDate": written(&target),
                "goal": {"id": id, "domainId": topic.domain + 1, "domain": domain, "definition": goal,
                    "reportProgress": true, "hidden": hidden == Hidden::Goal}},
            "actionEntries": actions,
            "percentageRealized": reached, "percentageTarget": wanted,
            "importantForCarePlanGroup": topic.by == employee::Discipline::Doctor, "createdBy": "evv",
        })
    }
}
