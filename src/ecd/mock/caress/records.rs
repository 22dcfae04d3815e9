//! The rows of each file, out of the records of the generator.

use jiff::Timestamp;
use serde_json::Value;

use super::around;
use super::client::client;
use super::forms;
use super::text::{active, day, end, flag, moment, plain, rtf};
use crate::ecd::caress::columns::{self, Table};
use crate::ecd::mock::{Population, Shelf};

/// A value for each column of the table.
pub(super) type Row = Vec<String>;

/// The number of the type in the generator, where it has one, its code and description.
const TYPES: [(u64, &str, &str); 26] = [
    (101, "DAG", "Dagrapportage"),
    (102, "GEWICHT", "Gewicht"),
    (103, "RR", "Bloeddruk"),
    (104, "TEMP", "Temperatuur"),
    (105, "GLUCOSE", "Bloedsuiker"),
    (106, "VOCHTIN", "Vocht in"),
    (107, "VOCHTUIT", "Vocht uit"),
    (108, "DEFEC", "Defecatie"),
    (109, "ARTS", "Arts"),
    (110, "VOORTG", "Voortgang op een doel"),
    (111, "FAM", "Familie"),
    (112, "KETEN", "Ketencommunicatie"),
    (309, "STEMMING", "Stemming"),
    (310, "OMAHA", "Omaha"),
    (311, "SAT", "Saturatie"),
    (314, "PIJN", "Pijnscore"),
    (315, "SOEP", "SOEP-rapportage"),
    (316, "BRISTOL", "Bristolschaal"),
    (317, "KLINI", "Klinimetrie"),
    (212, "WOND", "Wondbehandeling"),
    (221, "INR", "INR"),
    (230, "INTERN", "Interne notitie"),
    (0, "LENGTE", "Lengte"),
    (0, "BMI", "BMI"),
    (0, "PARA", "Paramedisch"),
    (0, "GV", "Geestelijke verzorging"),
];

/// What this organisation does not release.
const KEPT: [&str; 3] = ["KETEN", "INTERN", "GV"];

/// The rows of what changed since then, or of everything.
pub(super) fn of(table: &Table, population: &Population, since: Option<Timestamp>) -> Vec<Row> {
    let all = |shelf| population.changed(shelf, since).into_iter();
    match table.file {
        file if file == columns::EMPLOYEES.file => all(Shelf::Employees).map(|it| employee(&it)).collect(),
        file if file == columns::CLIENTS.file => all(Shelf::Clients).map(|it| client(&it)).collect(),
        file if file == columns::CONTACTS.file => all(Shelf::Relations).map(|it| contact(&it, population)).collect(),
        file if file == columns::CARE_PROVIDERS.file => {
            around::each(population, Shelf::CareProviders, around::provider)
        }
        file if file == columns::ACCESS.file => around::each(population, Shelf::EmployeeRelations, around::access),
        file if file == columns::INSURANCES.file => around::each(population, Shelf::Insurances, around::insurance),
        file if file == columns::SUBSCRIPTIONS.file => {
            around::each(population, Shelf::Subscriptions, around::subscription)
        }
        file if file == columns::WISHES.file => around::each(population, Shelf::Wishes, around::wish),
        file if file == columns::PLANS.file => open_plans(population).iter().map(|it| plan(it, population)).collect(),
        file if file == columns::PLAN_LINES.file => {
            let plans = open_plans(population);
            plans.iter().flat_map(|it| lines(it, population)).collect()
        }
        file if file == columns::AGENDA.file => all(Shelf::Agenda).flat_map(|it| appointments(&it)).collect(),
        file if file == columns::REPORTS.file => reports(population, since),
        file if file == columns::FORMS.file => forms::rows(population),
        file if file == columns::ANSWERS.file => forms::answers(population),
        _ => TYPES
            .iter()
            .map(|(_, code, name)| report_type(code, name))
            .chain(forms::types())
            .collect(),
    }
}

pub(super) fn number(value: &Value) -> String {
    value.as_u64().map(|number| number.to_string()).unwrap_or_default()
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn report_type(code: &str, name: &str) -> Row {
    vec![
        code.to_owned(),
        name.to_owned(),
        flag(false),
        String::new(),
        flag(!KEPT.contains(&code)),
    ]
}

fn employee(it: &Value) -> Row {
    let (name, initials) = (text(&it["name"]), text(&it["initials"]));
    // The product shows the calling name between brackets.
    let name = match name.strip_prefix(&initials) {
        Some(last) if !initials.is_empty() => format!("{initials} ({}){last}", text(&it["firstName"])),
        _ => name,
    };
    vec![
        number(&it["id"]),
        format!("7{}", number(&it["id"])),
        name,
        text(&it["expertiseProfile"]["description"]),
        active(it["active"] == true),
        moment(&it["updatedAt"]),
    ]
}

fn contact(it: &Value, population: &Population) -> Row {
    let address = it["id"]
        .as_u64()
        .and_then(|id| population.get(Shelf::Addresses, &(id * 10).to_string()))
        .unwrap_or_default();
    vec![
        number(&it["id"]),
        number(&it["clientObjectId"]),
        text(&it["firstName"]),
        text(&it["lastName"]),
        text(&it["personalRelationType"]["name"]),
        text(&it["clientContactRelationType"]["name"]),
        flag(it["clientContactRelationType"]["legal"] == true),
        flag(it["inCaseOfEmergency"] == true),
        text(&address["email"]),
        text(&address["telephoneNumber"]),
        moment(&it["updatedAt"]),
    ]
}

fn plan(it: &Value, population: &Population) -> Row {
    let status = match it["status"].as_str() {
        Some("ACTIVE") => "A",
        Some("OLD") => "V",
        _ => "C",
    };
    vec![
        number(&it["id"]),
        number(&it["clientId"]),
        "ZORGPLAN".to_owned(),
        status.to_owned(),
        day(&it["beginDate"]),
        end(&it["endDate"]),
        day(&it["carePlanEntries"][0]["goalEntry"]["targetDate"]),
        number(&it["employeeId"]),
        // Agreed on the day that it began.
        if population.text(Shelf::Agreements, &number(&it["id"])).is_some() {
            day(&it["beginDate"])
        } else {
            String::new()
        },
    ]
}

/// The keys of what was taken back.
pub(super) fn taken_back(population: &Population, name: &str) -> Vec<String> {
    let releases = population.all(Shelf::Releases);
    let taken = releases
        .iter()
        .filter(|row| row["resourceName"] == name && row.get("unsharedAt").is_some());
    taken.map(|row| text(&row["resourceId"])).collect()
}

/// The product has no release of one plan: what was taken back is not in the drop.
fn open_plans(population: &Population) -> Vec<Value> {
    let taken = taken_back(population, "Dossier.CarePlan");
    let mut plans = population.all(Shelf::CarePlans);
    plans.retain(|plan| !taken.contains(&number(&plan["id"])));
    plans
}

fn lines(plan: &Value, population: &Population) -> Vec<Row> {
    let classifications = population.of(Shelf::Classifications, plan["clientId"].as_u64().unwrap_or_default());
    let mut of_plan = classifications.iter().filter(|it| it["careplanId"] == plan["id"]);
    let rated = of_plan.next().and_then(|it| it["omahaClassifiedProblems"].as_array());
    let entries = plan["carePlanEntries"].as_array().into_iter().flatten().zip(1..);
    entries
        .filter(|(entry, _)| {
            let demand = &entry["demandEntry"]["demand"];
            demand["hidden"] == false && demand["domain"]["hidden"] != true
        })
        .map(|(entry, place)| {
            let (demand, goal) = (&entry["demandEntry"]["demand"], &entry["goalEntry"]);
            let is_open = goal["goal"]["hidden"] == false;
            let goal_number = |value: &Value| if is_open { number(value) } else { String::new() };
            let area = &demand["domain"]["classificationId"];
            let problem = rated.into_iter().flatten().find(|it| it["omahaProblem"]["id"] == *area);
            let rating = |name: &str| problem.map_or_else(String::new, |problem| goal_number(&problem[name]));
            let actions: Vec<String> = entry["actionEntries"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|action| action["action"]["hidden"] == false)
                .map(|action| plain(&action["title"]))
                .collect();
            vec![
                number(&entry["id"]),
                number(&plan["id"]),
                format!("{place}"),
                plain(&demand["domain"]["name"]),
                plain(&demand["definition"]),
                if is_open { plain(&goal["title"]) } else { String::new() },
                if is_open {
                    day(&goal["targetDate"])
                } else {
                    String::new()
                },
                actions.join("|"),
                discipline(&demand["domain"]["name"]).to_owned(),
                goal_number(&entry["percentageRealized"]),
                goal_number(&entry["percentageTarget"]),
                rating("ratingKnowledgeStart"),
                rating("ratingBehaviorStart"),
                rating("ratingStatusSignalsStart"),
                rating("ratingKnowledgeTarget"),
                rating("ratingBehaviorTarget"),
                rating("ratingStatusSignalsTarget"),
            ]
        })
        .collect()
}

/// Who takes care of a domain: the product names the discipline, the other one leaves it to a table.
fn discipline(domain: &Value) -> &'static str {
    match domain.as_str() {
        Some("Lichamelijk welbevinden en gezondheid") => "Verzorging",
        Some("Mentaal welbevinden en autonomie") => "Psychologie",
        Some("Participatie") => "Welzijn",
        _ => "Ergotherapie",
    }
}

/// One row for each client: the product has no appointments of a group.
fn appointments(it: &Value) -> Vec<Row> {
    let (series, foreseen) = it["id"].as_str().and_then(|id| id.split_once('@')).unwrap_or_default();
    let foreseen = foreseen.replace('-', "");
    let invited = it["agendaClientInvitations"].as_array().into_iter().flatten();
    invited
        .map(|invitation| {
            let client = number(&invitation["clientId"]);
            vec![
                format!("{client}{series}{}", foreseen.get(2..).unwrap_or_default()),
                client,
                plain(&it["name"]),
                moment(&it["startsAt"]),
                moment(&it["endsAt"]),
                number(&it["agendaInvitations"][0]["employeeId"]),
                plain(&it["labels"][0]["name"]),
                plain(&it["customLocation"]),
                flag(it["private"] != false),
                flag(it["clientPresent"] == true),
                number(&it["timelineId"]),
                active(true),
                "2026-01-01-12.00.00.000000".to_owned(),
            ]
        })
        .collect()
}

fn reports(population: &Population, since: Option<Timestamp>) -> Vec<Row> {
    // The product has no release of one report: what was taken back is hidden.
    let taken = taken_back(population, "Dossier.Report");
    let (mut rows, mut rest) = (Vec::new(), Vec::new());
    for (it, place) in population.changed(Shelf::Reports, since).iter().zip(0_usize..) {
        let mut row = report(it, place % 5 == 0);
        if taken.contains(&row[0]) {
            row[16] = flag(true);
        }
        // Every twentieth comes twice; the older one has another text.
        if place % 20 == 0 {
            let mut older = row.clone();
            older[5] = "Deze rapportage is later verbeterd.".to_owned();
            older[6] = "PlainText".to_owned();
            let stamp = older.len() - 1;
            older[stamp] = "2020-01-01-00.00.00.000000".to_owned();
            if place % 40 == 0 { &mut rows } else { &mut rest }.push(older);
        }
        rows.extend(beside_a_weight(it, &row));
        rows.push(row);
    }
    rows.append(&mut rest);
    rows
}

/// The height and the body mass index that the other product keeps with a weight: rows of their own here.
fn beside_a_weight(it: &Value, weight: &Row) -> Vec<Row> {
    let entries = it["reportEntries"].as_array().into_iter().flatten();
    let extra = |entry: &Value| {
        let (code, ending) = match entry["name"].as_str() {
            Some("size") => ("LENGTE", '1'),
            Some("bmi") => ("BMI", '2'),
            _ => return None,
        };
        let mut row = weight.clone();
        row[0].push(ending);
        code.clone_into(&mut row[2]);
        row[5].clear();
        (row[11], row[12]) = (text(&entry["value"]), text(&entry["unit"]));
        Some(row)
    };
    entries.filter_map(extra).collect()
}

fn report(it: &Value, is_rtf: bool) -> Row {
    let kind = it["reportTypeId"].as_u64();
    let code = TYPES
        .iter()
        .find(|(number, ..)| Some(*number) == kind)
        .map_or("", |(_, code, _)| code);
    let rich = |text: String| if is_rtf && !text.is_empty() { rtf(&text) } else { text };
    let parts = it["soapReportEntries"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let part = |name: &str| {
        let found = parts.iter().find(|part| part["soapPart"] == name);
        rich(found.map(|part| plain(&part["content"])).unwrap_or_default())
    };
    let some = |value: &Value| value.as_array().is_some_and(|list| !list.is_empty());
    let is_closed = it["confidential"] != false
        || some(&it["reportAuthorizations"])
        || parts.iter().any(|part| {
            part["confidential"] != false || some(&part["expertiseProfileIds"]) || some(&part["expertiseGroupIds"])
        });
    let value = |names: &[&str], field: &str| {
        let entries = it["reportEntries"].as_array().into_iter().flatten();
        let mut named = entries.filter(|entry| names.iter().any(|name| entry["name"] == **name));
        named.next().map(|entry| text(&entry[field])).unwrap_or_default()
    };
    let main = ["decimalValue", "weight", "systolicPressure"];
    vec![
        number(&it["id"]),
        number(&it["clientId"]),
        code.to_owned(),
        moment(&it["reportingDate"]),
        number(&it["employeeId"]),
        rich(plain(&it["comment"])),
        if is_rtf { "RTF" } else { "PlainText" }.to_owned(),
        part("Subjective"),
        part("Objective"),
        part("Assessment"),
        part("Plan"),
        value(&main, "value"),
        value(&main, "unit"),
        value(&["diastolicPressure"], "value"),
        number(&it["carePlanEntryId"]),
        flag(is_closed),
        flag(it["hidden"] != false),
        moment(&it["updatedAt"]),
    ]
}
