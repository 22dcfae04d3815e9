//! What is joined to a record, because a map cannot look it up: names, report types, the lines of a plan.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::columns::{ANSWERS, PLAN_LINES, REPORT_TYPES};
use super::layers::Layers;
use super::manifest::broken;
use super::rows::{Fault, Row};
use crate::ecd::{Error, Kind};

/// The name of an employee without the calling name.
///
/// ASSUMPTION: it stands between brackets, as in `S. (Samira) El Amrani`. Clients know carers by initials and last name.
pub(super) fn official(name: &str) -> String {
    let mut depth = 0_usize;
    let kept: String = name
        .chars()
        .filter(|c| {
            match c {
                '(' => depth += 1,
                ')' => {
                    depth = depth.saturating_sub(1);
                    return false;
                }
                _ => {}
            }
            depth == 0
        })
        .collect();
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

const AGAIN: &str = "Have the supplier write a new drop; without this no record could be shown whole";

/// A line of a plan with its place.
type Line = (u64, Value);

#[derive(Default)]
pub(super) struct Joined {
    /// Names of employees, by key.
    names: HashMap<String, String>,
    types: HashMap<String, Value>,
    /// The lines of each plan; the fault where one of them cannot be read.
    lines: HashMap<String, Result<Vec<Line>, Fault>>,
    /// The answers of each form.
    answers: HashMap<String, Result<Vec<Line>, Fault>>,
    /// The plan of each line with a goal.
    goals: HashMap<String, String>,
    /// What is known of each plan that was handed on.
    plans: HashMap<String, Value>,
    /// The plan before each plan.
    before: HashMap<String, String>,
    /// The plans of each client that is not settled yet: first day and key.
    dated: HashMap<(String, String), Vec<(String, String)>>,
}

impl Joined {
    pub fn read(types: &Layers, plans: &Layers, lines: &Layers, answers: &Layers) -> Result<Self, Error> {
        let mut joined = Self::default();
        types.each(|row| joined.add_type(row))?;
        lines.each(|row| joined.add_line(row))?;
        answers.each(|row| joined.add_answer(row))?;
        plans.each(|row| {
            joined.add_plan(row);
            Ok::<_, Error>(())
        })?;
        joined.settle();
        Ok(joined)
    }

    /// A report type that is not in order makes every report of it unsafe to show, so it is an error.
    pub fn add_type(&mut self, row: &Row<'_>) -> Result<(), Error> {
        let body = row.body().map_err(|fault| {
            let problem = format!("{}: {}", fault.pointer, fault.reason);
            broken(REPORT_TYPES.file, problem, AGAIN)
        })?;
        if let Some(code) = row.key() {
            self.types.insert(code.to_owned(), body.into());
        }
        Ok(())
    }

    /// A line of a plan.
    pub fn add_line(&mut self, row: &Row<'_>) -> Result<(), Error> {
        let plan = row.text("PlanSysId");
        if plan.is_empty() || row.key().is_none() {
            return Err(broken(PLAN_LINES.file, "a row has no key or no plan", AGAIN));
        }
        if let Some(key) = row.key().filter(|_| !row.text("Doel").is_empty()) {
            self.goals.insert(key.to_owned(), plan.to_owned());
        }
        let known = self.lines.entry(plan.to_owned()).or_insert_with(|| Ok(Vec::new()));
        match (line(row), known) {
            (Ok(line), Ok(known)) => known.push(line),
            (Err(fault), known) => *known = Err(fault),
            (Ok(_), Err(_)) => {}
        }
        Ok(())
    }

    /// An answer in a form.
    pub fn add_answer(&mut self, row: &Row<'_>) -> Result<(), Error> {
        let form = row.text("FormulierSysId");
        if form.is_empty() || row.key().is_none() {
            return Err(broken(ANSWERS.file, "a row has no key or no form", AGAIN));
        }
        let known = self.answers.entry(form.to_owned()).or_insert_with(|| Ok(Vec::new()));
        match (answer(row), known) {
            (Ok(answer), Ok(known)) => known.push(answer),
            (Err(fault), known) => *known = Err(fault),
            (Ok(_), Err(_)) => {}
        }
        Ok(())
    }

    /// A plan that the client may see, as the map decides it; after its lines.
    pub fn add_plan(&mut self, row: &Row<'_>) {
        let key = row.key().unwrap_or_default();
        let is_seen =
            matches!(row.text("Status"), "A" | "V") && matches!(row.text("Soort"), "ZORGPLAN" | "BEHANDELPLAN");
        if is_seen && self.lines.contains_key(key) {
            let plan = (row.text("Van").to_owned(), key.to_owned());
            // A plan takes the place of one of its own kind.
            let whose = (row.text("ClientSysId").to_owned(), row.text("Soort").to_owned());
            self.dated.entry(whose).or_default().push(plan);
        }
    }

    /// Which plan each plan took the place of: the newest earlier one; after all plans.
    pub fn settle(&mut self) {
        for plans in self.dated.values_mut() {
            plans.sort_unstable();
            let pairs = plans.iter().zip(plans.iter().skip(1));
            self.before
                .extend(pairs.map(|((_, old), (_, new))| (new.clone(), old.clone())));
        }
        self.dated.clear();
    }

    /// Adds to a record what belongs to it.
    pub fn complete(&mut self, kind: Kind, body: &mut Map<String, Value>) -> Result<(), Fault> {
        match kind {
            Kind::Employee => {
                if let Some(name) = body.get_mut("Name") {
                    *name = official(name.as_str().unwrap_or_default()).into();
                }
                self.learn(body);
            }
            Kind::Report => {
                self.employee("MedewerkerSysId", body);
                self.goal(body);
                self.report_type(body);
                let parts: Vec<Value> = ["S", "O", "E", "P"]
                    .into_iter()
                    .filter_map(|part| Some(json!({"deel": part, "tekst": body.shift_remove(part)?})))
                    .collect();
                body.insert("regels".to_owned(), parts.into());
            }
            Kind::CarePlan => {
                self.employee("OpgesteldDoor", body);
                let key = body.get("id").and_then(Value::as_str).unwrap_or_default();
                let mut lines = self.lines.remove(key).unwrap_or_else(|| Ok(Vec::new()))?;
                lines.sort_by_key(|(place, _)| *place);
                let lines: Vec<Value> = lines.into_iter().map(|(_, line)| line).collect();
                body.insert("regels".to_owned(), lines.into());
                let before = body
                    .get("id")
                    .and_then(Value::as_str)
                    .and_then(|key| self.before.get(key));
                body.extend(before.map(|plan| ("vervangt".to_owned(), plan.as_str().into())));
                let head = json!({"client": body.get("ClientSysId"), "status": body.get("Status"), "soort": body.get("Soort")});
                if let Some(Value::String(key)) = body.get("id") {
                    self.plans.insert(key.clone(), head);
                }
            }
            Kind::Survey => {
                let code = body.get("TypeCode").cloned().unwrap_or_default();
                body.insert("id".to_owned(), code);
            }
            Kind::SurveyResult => {
                self.employee("MedewerkerSysId", body);
                self.report_type(body);
                let key = body.get("id").and_then(Value::as_str).unwrap_or_default();
                let mut answers = self.answers.remove(key).unwrap_or_else(|| Ok(Vec::new()))?;
                answers.sort_by_key(|(place, _)| *place);
                let answers: Vec<Value> = answers.into_iter().map(|(_, answer)| answer).collect();
                body.insert("antwoorden".to_owned(), answers.into());
            }
            Kind::AgendaOccurrence => self.employee("MedewerkerSysId", body),
            _ => {}
        }
        Ok(())
    }

    /// Puts `doel` beside the line of a plan that a report names.
    fn goal(&self, body: &mut Map<String, Value>) {
        let line = body.get("ZorgplanRegelSysId").and_then(Value::as_str);
        let Some((line, plan)) = line.and_then(|line| Some((line, self.goals.get(line)?))) else {
            return;
        };
        if let Some(head) = self.plans.get(plan)
            && head.get("client") == body.get("ClientSysId")
        {
            let mut goal = json!({"id": line, "planId": plan});
            for name in ["status", "soort"] {
                if let Some(text) = head[name].as_str() {
                    goal[name] = text.into();
                }
            }
            body.insert("doel".to_owned(), goal);
        }
    }

    fn report_type(&self, body: &mut Map<String, Value>) {
        let code = body.get("TypeCode").and_then(Value::as_str);
        let known = code.and_then(|code| self.types.get(code));
        body.extend(known.map(|known| ("type".to_owned(), known.clone())));
    }

    pub fn name(&self, employee: &str) -> Option<String> {
        self.names.get(employee).cloned()
    }

    fn learn(&mut self, body: &Map<String, Value>) {
        let text = |name: &str| body.get(name).and_then(Value::as_str);
        if let (Some(key), Some(name)) = (text("id"), text("Name").filter(|name| !name.is_empty())) {
            self.names.insert(key.to_owned(), name.to_owned());
        }
    }

    fn employee(&self, column: &str, body: &mut Map<String, Value>) {
        if let Some(key) = body.shift_remove(column) {
            let name = key.as_str().and_then(|key| self.names.get(key));
            let employee = match name {
                Some(name) => json!({"id": key, "naam": name}),
                None => json!({"id": key}),
            };
            body.insert("medewerker".to_owned(), employee);
        }
    }
}

fn answer(row: &Row<'_>) -> Result<Line, Fault> {
    let mut body = row.body().map_err(|fault| Fault {
        pointer: format!("/antwoorden{}", fault.pointer),
        reason: fault.reason,
    })?;
    body.shift_remove("FormulierSysId");
    let place = body.get("Volgnr").and_then(|place| place.as_str()?.parse().ok());
    Ok((place.unwrap_or(u64::MAX), body.into()))
}

/// ASSUMPTION: the actions of a line stand in one field, with `|` between them.
fn line(row: &Row<'_>) -> Result<Line, Fault> {
    let mut body = row.body().map_err(|fault| Fault {
        pointer: format!("/regels{}", fault.pointer),
        reason: fault.reason,
    })?;
    body.shift_remove("PlanSysId");
    let place = body
        .shift_remove("Volgnr")
        .and_then(|place| place.as_str()?.parse().ok())
        .unwrap_or(u64::MAX);
    let text = body.shift_remove("Acties");
    let actions: Vec<Value> = text
        .as_ref()
        .and_then(Value::as_str)
        .unwrap_or_default()
        .split('|')
        .map(str::trim)
        .filter(|action| !action.is_empty())
        .map(|action| json!({"tekst": action}))
        .collect();
    body.insert("acties".to_owned(), actions.into());
    Ok((place, body.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_calling_name_stays_inside() {
        assert_eq!(official("S. (Samira) El Amrani"), "S. El Amrani");
        assert_eq!(official("dr. E. (Els (Elly)) van Dam"), "dr. E. van Dam");
        assert_eq!(official("J. Bos"), "J. Bos");
        assert_eq!(official("J. (half Bos"), "J.");
    }
}
