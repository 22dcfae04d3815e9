//! The paths of the mock that the connector does not ask: for tests of others, and for an integrator who looks something up.

use inzage::ecd::mock::Cast;
use serde_json::Value;

use super::door::browser;
use super::*;

const CLIENTS: &str = "/v0/administration/clients";
const REPORTS: &str = "/v0/administration/dossier/reports";

struct Asking {
    world: World,
    client: reqwest::Client,
}

impl Asking {
    async fn new() -> Self {
        let world = world(10).await;
        let client = browser(&world, true);
        Self { world, client }
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let answer = self.client.get(format!("{}{path}", self.world.running.url));
        let answer = answer.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or(Value::Null))
    }

    /// The records of a list that has this wrapper and nothing beside it.
    async fn list(&self, path: &str, wrapper: &str) -> Vec<Value> {
        let (status, mut answer) = self.get(path).await;
        assert_eq!(status, 200, "{path}: {answer}");
        assert_eq!(answer.as_object().unwrap().len(), 1, "{path}");
        serde_json::from_value(answer[wrapper].take()).unwrap()
    }

    /// Status, field and value of a refusal in the product's form.
    async fn refused(&self, path: &str) -> (u16, String, String) {
        let (status, answer) = self.get(path).await;
        let [entry] = &answer["errorResponseEntries"].as_array().unwrap()[..] else {
            panic!("{path}: {answer}")
        };
        assert!(!entry["message"].as_str().unwrap().is_empty(), "{path}");
        let text = |name: &str| entry[name].as_str().unwrap().to_owned();
        (status, text("field"), text("value"))
    }

    async fn lines(&self, path: &str) -> Vec<Value> {
        let answer = self.client.get(format!("{}{path}", self.world.running.url));
        let answer = answer.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(answer.headers()["content-type"], "application/x-ndjson", "{path}");
        let text = answer.text().await.unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn reports(&self, wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
        let all = self.world.population.all(Shelf::Reports).into_iter();
        all.filter(wanted).collect()
    }
}

fn day(report: &Value) -> &str {
    &report["reportingDate"].as_str().unwrap()[..10]
}

#[tokio::test]
async fn a_list_of_reports_is_whole_and_comes_in_pages() {
    let asking = Asking::new().await;
    let contracts = Contracts::builtin("ons").unwrap();
    let some = asking.reports(|report| report["carePlanEntryId"].is_u64());
    let entry = some[0]["carePlanEntryId"].as_u64().unwrap();
    let of_entry = asking.reports(|report| report["carePlanEntryId"] == entry);
    let range = asking.reports(|report| ("2026-11-10"..="2026-11-12").contains(&day(report)));
    assert!(
        range.iter().any(|report| report["hidden"] == true)
            || range.iter().any(|report| report["confidential"] == true),
        "as in the stream: whoever reads has to leave it out"
    );
    for (path, wanted) in [
        (format!("{REPORTS}/by_care_plan_entry_unescaped/{entry}"), of_entry),
        (format!("{REPORTS}/by_date/2026-11-10...2026-11-12"), range),
    ] {
        assert!(wanted.len() > 1, "{path}");
        let all = asking.list(&format!("{path}?limit=100000"), "reports").await;
        assert_eq!(all, wanted, "{path}");
        for report in &all {
            assert_eq!(contracts.check(Kind::Report, report), Ok(()), "{path}");
        }
        let page = asking.list(&format!("{path}?offset=1&limit=1"), "reports").await;
        assert_eq!(page, wanted[1..2], "{path}");
        let unless_told = asking.list(&path, "reports").await;
        assert_eq!(unless_told.len(), wanted.len().min(100), "{path}");
    }
    assert_eq!(
        asking.list(&format!("{REPORTS}/by_care_plan_entry/1"), "reports").await,
        [] as [Value; 0]
    );
}

#[tokio::test]
async fn only_the_plain_path_of_a_line_of_the_plan_escapes_texts() {
    let asking = Asking::new().await;
    let some = asking.reports(|report| report["carePlanEntryId"].is_u64());
    let (key, entry) = (some[0]["id"].to_string(), &some[0]["carePlanEntryId"]);
    let text = "Pijn < 3 & \"beter\" dan gisteren";
    let now = asking.world.clock.now();
    asking.world.population.write(now, |edit| {
        edit.change(Shelf::Reports, &key, |report| {
            report["comment"] = text.into();
            report["soapReportEntries"] = json!([{"soapPart": "plan", "content": "a & b"}]);
        })
    });
    for (path, comment, plan) in [
        (
            "by_care_plan_entry",
            "Pijn &lt; 3 &amp; &quot;beter&quot; dan gisteren",
            "a &amp; b",
        ),
        ("by_care_plan_entry_unescaped", text, "a & b"),
    ] {
        let list = asking
            .list(&format!("{REPORTS}/{path}/{entry}?limit=1000"), "reports")
            .await;
        let report = list.iter().find(|report| report["id"] == some[0]["id"]).unwrap();
        assert_eq!(report["comment"], comment, "{path}");
        assert_eq!(report["soapReportEntries"][0]["content"], plan, "{path}");
    }
}

#[tokio::test]
async fn the_answers_to_a_report_are_its_children() {
    let asking = Asking::new().await;
    let all = asking.reports(|_| true);
    let parent = &all[0]["id"];
    assert_eq!(
        asking.list(&format!("{REPORTS}/{parent}/children"), "reports").await,
        [] as [Value; 0]
    );
    let now = asking.world.clock.now();
    asking.world.population.write(now, |edit| {
        for child in &all[1..4] {
            edit.change(Shelf::Reports, &child["id"].to_string(), |report| {
                report["parentId"] = parent.clone();
            });
        }
    });
    let ids = |list: Vec<Value>| list.into_iter().map(|report| report["id"].clone()).collect::<Vec<_>>();
    let children = asking.list(&format!("{REPORTS}/{parent}/children"), "reports").await;
    assert_eq!(ids(children), [1, 2, 3].map(|place| all[place]["id"].clone()));
    let second = asking
        .list(&format!("{REPORTS}/{parent}/children?offset=1&limit=1"), "reports")
        .await;
    assert_eq!(ids(second), [all[2]["id"].clone()]);
    assert_eq!(asking.refused(&format!("{REPORTS}/1/children")).await.0, 404);
}

#[tokio::test]
async fn a_search_narrows_by_word_day_and_type_and_says_when_nothing_changed() {
    let asking = Asking::new().await;
    let client = Cast::default().everything;
    let of_client = asking.reports(|report| report["clientId"] == client);
    let key = of_client[0]["id"].to_string();
    let now = asking.world.clock.now();
    asking.world.population.write(now, |edit| {
        edit.change(Shelf::Reports, &key, |report| {
            report["comment"] = "Heeft PAPAVERS geplukt.".into()
        })
    });
    let base = format!("{REPORTS}/search_by_client?client_id={client}&limit=100000");
    let found = asking.list(&format!("{base}&keyword=papavers"), "reports").await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["id"].to_string(), key);
    let found = asking
        .list(&format!("{base}&valid_from=2026-11-10&valid_to=2026-11-12"), "reports")
        .await;
    let wanted = of_client
        .iter()
        .filter(|report| ("2026-11-10"..="2026-11-12").contains(&day(report)));
    assert_eq!(found.len(), wanted.count());
    assert!(!found.is_empty() && found.len() < of_client.len());
    let found = asking.list(&format!("{base}&valid_from=2026-11-21"), "reports").await;
    assert!(!found.is_empty() && found.iter().all(|report| day(report) >= "2026-11-21"));
    assert_eq!(
        asking.refused(&format!("{base}&valid_from=morgen")).await,
        (400, "valid_from".to_owned(), "morgen".to_owned())
    );

    let status = async |since: &str| {
        let get = asking.client.get(format!("{}{base}", asking.world.running.url));
        let answer = get.header("if-modified-since", since).send().await.unwrap();
        (answer.status().as_u16(), answer.bytes().await.unwrap().is_empty())
    };
    assert_eq!(status("Sun, 22 Nov 2026 06:00:00 GMT").await, (304, true));
    assert_eq!(status("Sun, 22 Nov 2026 05:59:59 GMT").await, (200, false));
    assert_eq!(status("gisteren").await, (200, false), "what is no date is ignored");
    // Something that went is a change as well.
    let later = now + SignedDuration::from_hours(1);
    asking
        .world
        .population
        .write(later, |edit| edit.remove(Shelf::Reports, &key));
    assert_eq!(status("Sun, 22 Nov 2026 06:30:00 GMT").await, (200, false));
}

#[tokio::test]
async fn a_record_is_found_by_its_uuid() {
    let asking = Asking::new().await;
    for (base, shelf) in [(CLIENTS, Shelf::Clients), (REPORTS, Shelf::Reports)] {
        let record = asking.world.population.all(shelf).pop().unwrap();
        let uuid = record["uuid"].as_str().unwrap();
        assert_eq!(
            asking.get(&format!("{base}/by_uuid/{uuid}")).await,
            (200, record.clone())
        );
        let none = "00000000-0000-4000-8000-000000000000";
        let refused = asking.refused(&format!("{base}/by_uuid/{none}")).await;
        assert_eq!(refused, (404, "uuid".to_owned(), none.to_owned()));
        let refused = asking.refused(&format!("{base}/by_uuid/12")).await;
        assert_eq!(refused, (400, "uuid".to_owned(), "12".to_owned()));
    }
}

#[tokio::test]
async fn clients_are_found_by_their_fields_and_by_a_period_of_care() {
    let asking = Asking::new().await;
    let (cast, population) = (Cast::default(), &asking.world.population);
    let client = population.get(Shelf::Clients, &cast.everything.to_string()).unwrap();
    let (last, born) = (
        client["lastName"].as_str().unwrap(),
        client["dateOfBirth"].as_str().unwrap(),
    );
    let found = asking.client.get(format!("{}{CLIENTS}/find", asking.world.running.url));
    let found = found.query(&[("last_name", last.to_uppercase().as_str()), ("date_of_birth", born)]);
    let mut found: Value = found.send().await.unwrap().json().await.unwrap();
    assert_eq!(found["clients"].take(), json!([client]));
    assert_eq!(
        asking
            .list(&format!("{CLIENTS}/find?date_of_birth=1800-01-01"), "clients")
            .await,
        [] as [Value; 0]
    );
    assert_eq!(asking.refused(&format!("{CLIENTS}/find")).await.0, 400);
    assert_eq!(
        asking.refused(&format!("{CLIENTS}/find?colour=red")).await,
        (400, "colour".to_owned(), "red".to_owned())
    );

    let ids = async |period: &str| -> Vec<u64> {
        let path = format!("{CLIENTS}/ids_in_care_in_period?{period}");
        let ids = asking.list(&path, "clientIds").await;
        ids.iter().map(|id| id.as_u64().unwrap()).collect()
    };
    let now = ids("from=2026-11-22&to=2026-11-22").await;
    assert!(now.contains(&cast.everything) && now.contains(&cast.hospital) && now.contains(&cast.returned));
    assert!(!now.contains(&cast.departed), "died two months ago");
    // On the day itself, and not in the time that somebody was elsewhere.
    assert!(ids("from=2026-09-22&to=2026-09-30").await.contains(&cast.departed));
    assert!(!ids("from=2026-09-23&to=2026-09-30").await.contains(&cast.departed));
    assert!(!ids("from=2026-08-01&to=2026-08-20").await.contains(&cast.returned));
    assert_eq!(ids("from=2026-11-22&to=2026-11-22&offset=1&limit=2").await, now[1..3]);
    let refused = asking
        .refused(&format!("{CLIENTS}/ids_in_care_in_period?from=2026-11-22"))
        .await;
    assert_eq!(refused, (400, "to".to_owned(), String::new()));
}

#[tokio::test]
async fn teams_contracts_and_responsibilities_stream_and_belong_together() {
    let asking = Asking::new().await;
    let stream = async |name: &str, what: &str| asking.lines(&format!("/v0/xstream/{name}/{what}")).await;
    let (employees, teams) = (stream("employees", "data").await, stream("teams", "data").await);
    let is_one_of = |list: &[Value], id: &Value| list.iter().any(|one| one["id"] == *id);
    assert!(teams.len() > 1 && teams.len() < employees.len());
    assert!(teams.iter().all(|team| team["name"].is_string()));
    for name in ["contracts", "responsibilities"] {
        let all = stream(name, "data").await;
        assert_eq!(all.len(), employees.len(), "{name}");
        assert!(
            all.iter().all(|one| is_one_of(&employees, &one["employeeId"])),
            "{name}"
        );
        if name == "responsibilities" {
            assert!(all.iter().all(|one| is_one_of(&teams, &one["teamId"])));
        }
    }
    // An employee who changes brings what hangs on him, and nothing else.
    let now = asking.world.clock.now();
    let key = employees[0]["id"].to_string();
    let touch = |edit: &mut inzage::ecd::mock::Edit<'_>| edit.change(Shelf::Employees, &key, |_| ());
    assert!(asking.world.population.write(now, touch));
    for name in ["teams", "contracts", "responsibilities"] {
        let changed = stream(name, "updates?since=2026-11-22T07:00:00.000").await;
        assert_eq!(changed.len(), 1, "{name}: {changed:?}");
        assert_eq!(asking.refused(&format!("/v0/xstream/{name}/updates")).await.0, 400);
        let deletes = format!("/v0/xstream/{name}/deletes?since=2026-11-22T07:00:00.000");
        assert_eq!(asking.refused(&deletes).await.0, 404);
    }
}

#[tokio::test]
async fn a_path_with_a_wrong_number_or_day_is_refused_in_the_form_of_the_product() {
    let asking = Asking::new().await;
    for path in [
        format!("{CLIENTS}/x1"),
        format!("{CLIENTS}/x1/careproviders"),
        format!("{CLIENTS}/x1/client_employee_relations"),
        format!("{REPORTS}/x1"),
        format!("{REPORTS}/x1/children"),
        format!("{REPORTS}/by_care_plan_entry/x1"),
        format!("{REPORTS}/by_care_plan_entry_unescaped/x1"),
        "/v0/administration/client_contact_relations/by_client/x1".to_owned(),
        "/v0/administration/dossier/care_plans/by_client/x1".to_owned(),
        "/v0/administration/dossier/care_plans/by_client/x1/active".to_owned(),
        "/v0/administration/dossier/care_plans/x1/entries".to_owned(),
        "/v0/administration/survey_result/survey_results_by_client/x1".to_owned(),
        "/v0/dossier/back_channel/unauthorized/care_plan/x1/agreement".to_owned(),
        "/v0/administration/omaha/classifications/by_survey_result/x1".to_owned(),
        "/v0/agenda/clients/x1/agenda_occurrences?from=2026-11-01&to=2026-12-01".to_owned(),
    ] {
        let wanted = (400, "id".to_owned(), "x1".to_owned());
        assert_eq!(asking.refused(&path).await, wanted, "{path}");
    }
    for (range, field, value) in [
        ("x...2026-11-01", "from", "x"),
        ("2026-11-01...y", "to", "y"),
        ("2026-11-01", "to", ""),
    ] {
        let refused = asking.refused(&format!("{REPORTS}/by_date/{range}")).await;
        assert_eq!(refused, (400, field.to_owned(), value.to_owned()), "{range}");
    }
    let refused = asking.refused("/v0/xstream/clients/updates?since=gisteren").await;
    assert_eq!(refused, (400, "since".to_owned(), "gisteren".to_owned()));
}
