//! The lists: which there are, and how a member of one becomes a row as in a file of the drop.
//!
//! # Design
//! Only `employees` with `identifier` and `longName` was seen. ASSUMPTION: the other lists, and their members, which are the
//! columns of the drop in lowerCamelCase; a plan holds its lines as `lines` and a form its answers as `answers`. Of members with one key the later stamp counts.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::http::{Ask, Http};
use crate::ecd::caress::columns::{
    ACCESS, AGENDA, ANSWERS, CARE_PROVIDERS, CLIENTS, CONTACTS, EMPLOYEES, FORMS, PLAN_LINES, PLANS, REPORT_TYPES,
    REPORTS, Table,
};
use crate::ecd::caress::rows::Row;
use crate::ecd::{Error, Kind};
use crate::fhir::json::{self, Limits};

/// A list of the product.
pub(super) struct List {
    pub path: &'static str,
    /// The one member of the answer.
    name: &'static str,
    pub table: &'static Table,
}

const fn list(path: &'static str, name: &'static str, table: &'static Table) -> List {
    List { path, name, table }
}

pub(super) const TYPES: List = list("/reporttypes", "reporttypes", &REPORT_TYPES);
pub(super) const STAFF: List = list("/employees", "employees", &EMPLOYEES);
pub(super) const FORM_LIST: List = list("/forms", "forms", &FORMS);
pub(super) const REPORT_LIST: List = list("/reports", "reports", &REPORTS);
pub(super) const CLIENT_LIST: List = list("/clients", "clients", &CLIENTS);
pub(super) const OTHERS: [List; 3] = [
    list("/contacts", "contacts", &CONTACTS),
    list("/careplans", "careplans", &PLANS),
    list("/appointments", "appointments", &AGENDA),
];

/// Who is around the clients: their general practitioners and pharmacies, and who may open their dossiers. A product has both lists or
/// none of them; see `circle`.
pub(super) const CIRCLE: [List; 2] = [
    list("/careproviders", "careproviders", &CARE_PROVIDERS),
    list("/dossieraccess", "dossieraccess", &ACCESS),
];

/// ASSUMPTION: there is no list of insurances and subscriptions, nor of treatment wishes. Each run says that there is nothing of
/// them: what drops brought, before the organisation moved to the web, is not kept up by anybody and must not stay as if it were.
pub(super) const NOWHERE: [Kind; 4] = [Kind::Insurer, Kind::Insurance, Kind::Subscription, Kind::TreatmentWish];

/// A member: its fields in the order of the table's columns, and the lines of a plan or the answers of a form.
#[derive(Clone, Debug, Default)]
pub(super) struct Member {
    pub fields: Vec<String>,
    pub lines: Vec<Vec<String>>,
}

impl Member {
    pub fn row(&self, table: &'static Table) -> Row<'_> {
        Row::of(table, &self.fields)
    }
}

/// Reads a list whole; each key once.
pub(super) async fn read(http: &Http, list: &List, since: Option<String>) -> Result<Vec<Member>, Error> {
    let mut query = vec![("endDate", "2200-01-01".to_owned())];
    if list.name == STAFF.name {
        query.push(("checkEmployeeOrganizationalUnitAuthorization", "false".to_owned()));
    }
    let is_whole = since.is_none();
    query.extend(since.map(|since| ("modifiedSince", since)));
    let body = http.ask(list.path, &Ask::Get(&query)).await?;
    let members = members(list, &body)?;
    // Everything of everybody would vanish.
    if is_whole && members.is_empty() {
        let problem = "the list of the whole organisation is empty: not believed";
        let path = list.path;
        return Err(Error::Shape { path, problem });
    }
    Ok(members)
}

fn members(list: &List, body: &[u8]) -> Result<Vec<Member>, Error> {
    let shape = |problem| Error::Shape {
        path: list.path,
        problem,
    };
    let Ok(Value::Object(answer)) = json::parse(body, Limits::source(body.len())) else {
        return Err(shape("the answer is not a JSON object that is whole"));
    };
    if answer.contains_key("ErrorMessage") {
        return Err(shape("the source answers with an ErrorMessage"));
    }
    let Some(Value::Array(found)) = answer.get(list.name) else {
        return Err(shape("the answer has not the list that was asked for"));
    };
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut members: Vec<Member> = Vec::new();
    for one in found {
        let object = one
            .as_object()
            .ok_or_else(|| shape("a member of the list is not an object"))?;
        let member = member(list.table, object).ok_or_else(|| shape("a field is neither text nor a number"))?;
        let row = member.row(list.table);
        let Some(key) = row.key().map(str::to_owned) else {
            members.push(member);
            continue;
        };
        let stamp = |member: &Member| {
            list.table
                .stamp
                .map(|stamp| member.row(list.table).text(stamp).to_owned())
        };
        match places.get(&key) {
            Some(place) if stamp(&member) >= stamp(&members[*place]) => members[*place] = member,
            Some(_) => {}
            None => {
                places.insert(key, members.len());
                members.push(member);
            }
        }
    }
    Ok(members)
}

fn member(table: &Table, object: &Map<String, Value>) -> Option<Member> {
    let fields = fields(table, object, None)?;
    let mut lines = Vec::new();
    let nested = if *table == PLANS {
        Some(("lines", &PLAN_LINES, "PlanSysId"))
    } else if *table == FORMS {
        Some(("answers", &ANSWERS, "FormulierSysId"))
    } else {
        None
    };
    if let Some((name, inner, column)) = nested
        && let Some(Value::Array(found)) = object.get(name)
    {
        for line in found {
            lines.push(self::fields(inner, line.as_object()?, Some((column, &fields[0])))?);
        }
    }
    Some(Member { fields, lines })
}

/// None where a field is a list or an object.
fn fields(table: &Table, object: &Map<String, Value>, parent: Option<(&str, &str)>) -> Option<Vec<String>> {
    let text = |column: &str| {
        if let Some((_, key)) = parent.filter(|(name, _)| *name == column) {
            return Some(key.to_owned());
        }
        let seen = match (*table == EMPLOYEES, column) {
            (true, "Id") => Some("identifier"),
            (true, "Name") => Some("longName"),
            // The product's own key where the list has it.
            (true, "SysId") if !object.contains_key("sysId") => Some("identifier"),
            (true, "Status") if !object.contains_key("status") => return Some("A".to_owned()),
            _ => None,
        };
        match object.get(seen.unwrap_or(&camel(column))) {
            None | Some(Value::Null) => Some(String::new()),
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Number(number)) => Some(number.to_string()),
            Some(Value::Bool(yes)) => Some(if *yes { "T" } else { "F" }.to_owned()),
            Some(Value::Array(_) | Value::Object(_)) => None,
        }
    };
    table.columns.iter().map(|(column, _)| text(column)).collect()
}

/// `ClientSysId` as `clientSysId`.
pub(in crate::ecd) fn camel(column: &str) -> String {
    let mut letters = column.chars();
    let first = letters.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seen_form_of_an_employee_is_read_and_duplicates_go() {
        let body = br#"{"employees":[{"identifier":"70012","longName":"S. (Samira) El Amrani","salaryEmployeeNr":"70012"},
            {"identifier":"70012","longName":"S. (Samira) El Amrani"},{"identifier":"70044","longName":"M. Hoekstra"}]}"#;
        let found = members(&STAFF, body).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].row(&EMPLOYEES).text("SysId"), "70012");
        assert_eq!(found[1].row(&EMPLOYEES).text("Name"), "M. Hoekstra");
    }

    #[test]
    fn what_is_not_the_list_is_an_error_and_never_an_empty_list() {
        for body in [
            &br#"{"ErrorMessage":"Sessie is verlopen"}"#[..],
            br#"{"employees":[],"ErrorMessage":"half"}"#,
            br#"{"clients":[]}"#,
            br#"{"employees":{}}"#,
            br#"{"employees":[1]}"#,
            br#"{"employees":[{"longName":{}}]}"#,
            br#"{"employees":[{"identifier":"1"}"#,
            b"<html>",
            b"",
        ] {
            let error = members(&STAFF, body).unwrap_err();
            assert!(matches!(error, Error::Shape { .. }) && !error.to_string().contains("Sessie"));
        }
    }

    #[test]
    fn a_plan_brings_its_lines() {
        let plans = &OTHERS[1];
        let body = br#"{"careplans":[{"planSysId":71,"clientSysId":"10101","lines":[{"regelSysId":8301,"volgnr":1,"doel":"Wassen"}]}]}"#;
        let found = members(plans, body).unwrap();
        let line = Row::of(&PLAN_LINES, &found[0].lines[0]);
        assert_eq!(
            (line.text("PlanSysId"), line.text("Doel"), line.key()),
            ("71", "Wassen", Some("8301"))
        );
    }
}
