//! What must stay inside, in every form that there is: for the test that searches for it.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::withheld_tests::OPEN;
use crate::ecd::mock::{Population, SECRET_MARKER, Shelf};

/// Beside what the generator marks: the same secrets in other forms.
pub(super) fn plant(population: &Population, client: u64, ecd: &str, now: Timestamp) {
    let secret = |more: &str| format!("{SECRET_MARKER} {more}");
    let report = |id: u64, more: Value| {
        let mut report = json!({
            "id": id, "clientId": client, "reportTypeId": 101, "reportingDate": "2026-11-20T10:00:00.000+01:00",
            "comment": secret("rapportage"), "hidden": false, "confidential": false, "reportAuthorizations": [],
            "reportEntries": [], "soapReportEntries": [], "employeeId": null,
        });
        report
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        report
    };
    let part = |more: Value| {
        let mut part = json!({"soapPart": "Plan", "confidential": false, "content": secret("plan"),
            "expertiseProfileIds": [], "expertiseGroupIds": []});
        part.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"reportTypeId": 315, "comment": null, "soapReportEntries": [part]})
    };
    let domain = json!({"id": 1, "name": secret("domein"), "hidden": true});
    let line = |id: u64, demand: Value| {
        json!({"id": id, "demandEntry": {"demand": demand, "comment": secret("toelichting")},
        "goalEntry": {"title": secret("doel"), "goal": {"definition": secret("doel"), "hidden": false}}, "actionEntries": [
            {"id": 1, "title": secret("actie"), "action": {"definition": secret("actie"), "hidden": false}}]})
    };
    let plan = |id: u64, more: Value| {
        let mut plan = json!({"id": id, "clientId": client, "status": "OLD", "beginDate": "2024-01-01T00:00:00.000+01:00",
            "carePlanEntries": [line(id, json!({"definition": secret("behoefte"), "hidden": false}))]});
        plan.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        plan
    };
    let occurrence = |id: &str, more: Value| {
        let mut one = json!({"id": id, "name": secret("afspraak"), "comment": secret("toelichting"),
            "startsAt": "2026-11-25T10:00:00.000+01:00", "endsAt": "2026-11-25T10:30:00.000+01:00", "private": false,
            "clientPresent": true, "agendaClientInvitations": [{"clientId": client, "accepted": true}]});
        one.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        one
    };
    population.write(now, |edit| {
        let reports = [
            json!({"comment": OPEN, "flagged": true, "createdBy": secret("schrijver"), "hidingReason": secret("reden")}),
            json!({"hidden": true}),
            json!({"hidden": "false"}),
            json!({"hidden": null}),
            json!({"confidential": true}),
            json!({"confidential": null}),
            json!({"reportAuthorizations": [{"expertiseProfileId": 1}]}),
            json!({"reportTypeId": 112}),
            json!({"reportTypeId": 212}),
            json!({"reportTypeId": 220}),
            json!({"reportTypeId": 230}),
            json!({"reportTypeId": 999}),
            part(json!({"confidential": true})),
            part(json!({"confidential": null})),
            part(json!({"expertiseProfileIds": [4]})),
            part(json!({"expertiseGroupIds": [4]})),
            json!({"clientId": client + 1}),
        ];
        for (more, id) in reports.into_iter().zip(7_000_001..) {
            // Caress says with each type whether it is released; in Ons the tenant names those of its own.
            if ecd == "caress" && more["reportTypeId"] == 212 {
                continue;
            }
            edit.put(Shelf::Reports, report(id, more));
        }
        let taken = json!({"id": 1, "clientId": client, "resourceName": "Dossier.Report", "resourceId": "7000100",
            "recipientGroup": "client", "sharedAt": "2026-11-20T10:00:00.000+01:00",
            "unsharedAt": "2026-11-21T10:00:00.000+01:00", "unshareReason": secret("reden")});
        let mut plan_taken = taken.clone();
        plan_taken["id"] = json!(2);
        plan_taken["resourceName"] = json!("Dossier.CarePlan");
        edit.put(Shelf::Releases, taken);
        edit.put(Shelf::Releases, plan_taken);
        edit.put(Shelf::Reports, report(7_000_100, json!({})));
        edit.put(Shelf::CarePlans, plan(7_000_100, json!({})));
        edit.put(Shelf::CarePlans, plan(7_000_101, json!({"status": "DRAFT"})));
        let hidden = [json!({"definition": secret("behoefte"), "hidden": true}),
            json!({"definition": secret("behoefte"), "hidden": null}),
            json!({"definition": secret("behoefte"), "hidden": false, "domain": domain})];
        for (demand, id) in hidden.into_iter().zip(7_000_200..) {
            edit.put(Shelf::CarePlans, plan(id, json!({"carePlanEntries": [line(id, demand)]})));
        }
        let occurrences = [
            ("7000001@2026-11-25", json!({"private": true})),
            ("7000002@2026-11-25", json!({"private": null})),
            ("7000003@2026-11-25", json!({"clientPresent": false})),
            ("7000004@2026-11-25", json!({"clientPresent": null})),
            ("7000005@2026-11-25", json!({"name": "Open afspraak", "labels": [{"id": 1, "name": "Overleg"}]})),
            ("7000006@2026-11-25", json!({"agendaClientInvitations": [{"clientId": client + 1, "accepted": true}]})),
        ];
        for (id, more) in occurrences {
            edit.put(Shelf::Agenda, occurrence(id, more));
        }
    });
}

/// What may never leave stands in the source, in every kind that there is.
pub(super) fn every_class_is_there(population: &Population, client: u64) {
    let marked = |value: &Value| value.to_string().contains(SECRET_MARKER);
    let reports = population.of(Shelf::Reports, client);
    let plans = population.of(Shelf::CarePlans, client);
    let lines = |plan: &Value| plan["carePlanEntries"].as_array().cloned().unwrap_or_default();
    let agenda = population.of(Shelf::Agenda, client);
    let part = |report: &Value, test: &dyn Fn(&Value) -> bool| {
        let parts = report["soapReportEntries"].as_array().cloned().unwrap_or_default();
        parts.iter().any(|part| test(part) && marked(part))
    };
    let some = |value: &Value| value.as_array().is_some_and(|list| !list.is_empty());
    let report = |test: &dyn Fn(&Value) -> bool| reports.iter().any(|report| test(report) && marked(report));
    let line = |test: &dyn Fn(&Value) -> bool| plans.iter().flat_map(lines).any(|line| test(&line) && marked(&line));
    let day = |test: &dyn Fn(&Value) -> bool| agenda.iter().any(|one| test(one) && marked(one));
    let releases = population.of(Shelf::Releases, client);
    let key = |row: &Value| row["resourceId"].as_str().unwrap_or_default().to_owned();
    let released: Vec<String> = releases.iter().map(key).collect();
    let taken_back = |name: &str, shelf| {
        let mut taken = releases
            .iter()
            .filter(|row| row["resourceName"] == name && row["unsharedAt"].is_string());
        taken.any(|row| marked(row) && population.get(shelf, &key(row)).is_some_and(|it| marked(&it)))
    };
    let forms = population.of(Shelf::Forms, client);
    let form = |test: &dyn Fn(&Value) -> bool| forms.iter().any(|form| test(form) && marked(&form["answers"]));
    let classes = [
        ("hidden", report(&|r| r["hidden"] == true)),
        ("a switch that is missing", report(&|r| r["hidden"].is_null())),
        ("confidential", report(&|r| r["confidential"] == true)),
        ("for some disciplines", report(&|r| some(&r["reportAuthorizations"]))),
        ("chain communication", report(&|r| r["reportTypeId"] == 112)),
        ("internal", report(&|r| r["reportTypeId"] == 230)),
        (
            "a type that the tenant did not name",
            report(&|r| r["reportTypeId"] == 220),
        ),
        ("an unknown type", report(&|r| r["reportTypeId"] == 999)),
        (
            "a confidential part",
            reports.iter().any(|r| part(r, &|p| p["confidential"] == true)),
        ),
        (
            "a part for some disciplines",
            reports.iter().any(|r| part(r, &|p| some(&p["expertiseProfileIds"]))),
        ),
        (
            "a part for some groups",
            reports.iter().any(|r| part(r, &|p| some(&p["expertiseGroupIds"]))),
        ),
        (
            "a draft plan",
            plans.iter().any(|plan| plan["status"] == "DRAFT" && marked(plan)),
        ),
        (
            "a hidden demand",
            line(&|l| l["demandEntry"]["demand"]["hidden"] == true),
        ),
        (
            "a hidden domain",
            line(&|l| l["demandEntry"]["demand"]["domain"]["hidden"] == true),
        ),
        ("a hidden goal", line(&|l| l["goalEntry"]["goal"]["hidden"] == true)),
        (
            "a hidden action",
            line(&|l| l["actionEntries"].to_string().contains("\"hidden\":true")),
        ),
        (
            "a report that was taken back",
            taken_back("Dossier.Report", Shelf::Reports),
        ),
        (
            "a plan that was taken back",
            taken_back("Dossier.CarePlan", Shelf::CarePlans),
        ),
        (
            "a form that was taken back",
            taken_back("Survey.SurveyResult", Shelf::Forms),
        ),
        ("an incident (MIC)", form(&|f| f["title"].to_string().contains("MIC"))),
        ("a draft of a form", form(&|f| f["status"] == "Draft")),
        (
            "a form that nobody released",
            form(&|f| !released.contains(&f["id"].to_string())),
        ),
        ("private", day(&|one| one["private"] == true)),
        ("without the client", day(&|one| one["clientPresent"] == false)),
        ("remarks of the team", day(&|one| one["name"] == "Open afspraak")),
        (
            "a wish that is hidden, confidential or not settled",
            population
                .of(Shelf::Wishes, client)
                .iter()
                .filter(|it| marked(it))
                .count()
                == 3,
        ),
        (
            "about contacts",
            population.of(Shelf::Relations, client).iter().any(marked),
        ),
        (
            "about the client's home",
            population.of(Shelf::Clients, client).iter().any(marked),
        ),
        (
            "another client's",
            population.of(Shelf::Reports, client + 1).iter().any(marked),
        ),
    ];
    for (class, is_there) in classes {
        assert!(is_there, "nothing is planted: {class}");
    }
}
