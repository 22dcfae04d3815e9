//! The people, insurances and stays around a client, from the source to what is published.

use std::collections::{BTreeMap, BTreeSet};

use inzage::consent;
use inzage::ecd::mock::{Cast, Shelf};
use inzage::sync::Want;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::support::dossier::Dossiers;

mod caress;

type Published = BTreeMap<String, String>;

fn of(published: &Published, kind: &str) -> Vec<Value> {
    let kind = format!("{kind}/");
    let found = published.iter().filter(|(name, _)| name.starts_with(&kind));
    found.map(|(_, body)| serde_json::from_str(body).unwrap()).collect()
}

fn one(published: &Published, reference: &Value) -> Value {
    let body = &published[reference.as_str().expect("a reference")];
    serde_json::from_str(body).unwrap()
}

/// The care team, and who may open the dossier.
fn teams(published: &Published) -> (Value, Value) {
    let mut teams = of(published, "CareTeam");
    assert_eq!(teams.len(), 2);
    let access = teams
        .iter()
        .position(|team| team["category"][0]["coding"][0]["code"] == "dossier-access");
    let access = teams.remove(access.expect("one of them is about access"));
    (teams.remove(0), access)
}

#[tokio::test]
async fn everybody_around_a_client_is_published_and_each_reference_leads_on() {
    let client = Cast::default().everything;
    let dossiers = Dossiers::new(10, &[client]).await;
    dossiers.sync(Want::Everything).await;
    let published = dossiers.published(&[client]).await;

    let patient = &of(&published, "Patient")[0];
    assert_eq!(patient["communication"][0]["language"]["coding"][0]["code"], "nl");
    assert_eq!(patient["generalPractitioner"].as_array().unwrap().len(), 1);
    let role = one(&published, &patient["generalPractitioner"][0]["reference"]);
    assert_eq!(role["specialty"][0]["coding"][0]["code"], "01.015");
    let person = one(&published, &role["practitioner"]["reference"]);
    assert_eq!(person["name"][0]["text"], "A. Terpstra");
    let practice = one(&published, &role["organization"]["reference"]);
    assert_eq!(practice["name"], "Huisartsenpraktijk Oosterwal");

    let (team, access) = teams(&published);
    let roles: Vec<&str> = team["participant"]
        .as_array()
        .unwrap()
        .iter()
        .map(|participant| participant["role"][0]["text"].as_str().unwrap())
        .collect();
    assert_eq!(roles, ["EVV", "Behandelaar", "Paramedicus", "Huisarts", "Apotheek"]);
    let codes: Vec<&Value> = team["participant"][0]["role"][0]["coding"]
        .as_array()
        .unwrap()
        .iter()
        .map(|coding| &coding["code"])
        .collect();
    assert_eq!(codes, ["OTH", "evv"]);
    let pharmacy = one(&published, &team["participant"][4]["member"]["reference"]);
    assert_eq!(pharmacy["type"][0]["coding"][0]["code"], "J8");
    assert_eq!(
        access["participant"].as_array().unwrap().len(),
        3,
        "only who has a relation now"
    );

    let taken = of(&published, "Coverage");
    let kinds: BTreeSet<&str> = taken
        .iter()
        .map(|coverage| coverage["type"]["coding"][0]["code"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, BTreeSet::from(["A", "B", "T"]));
    let insurer = one(&published, &taken[0]["payor"][0]["reference"]);
    assert_eq!(
        insurer["identifier"][0]["system"],
        "http://fhir.nl/fhir/NamingSystem/uzovi"
    );

    let legal = of(&published, "Condition");
    let legal: Vec<&Value> = legal
        .iter()
        .filter(|condition| condition["category"][0]["coding"][0]["code"] == "151701000146105")
        .collect();
    assert_eq!(legal.len(), 1);
    assert_eq!(legal[0]["code"]["coding"][0]["display"], "Mentorschap");
    assert_eq!(of(&published, "EpisodeOfCare")[0]["status"], "active");
}

#[tokio::test]
async fn another_practitioner_and_the_end_of_a_relation_are_there_with_the_next_run() {
    let client = Cast::default().everything;
    let dossiers = Dossiers::new(10, &[client]).await;
    dossiers.sync(Want::Everything).await;
    let before = dossiers.published(&[client]).await;
    let provider = |edit: &mut inzage::ecd::mock::Edit<'_>, id: &str, has: bool| {
        edit.change(Shelf::CareProviders, id, |provider| {
            let clients = provider["clientIds"].as_array_mut().unwrap();
            clients.retain(|other| *other != client);
            if has {
                clients.push(client.into());
            }
        })
    };
    dossiers.clock.advance(SignedDuration::from_hours(4));
    dossiers.population.write(dossiers.clock.now(), |edit| {
        assert!(provider(edit, "2", false) && provider(edit, "3", true));
        let first = format!("{client}1");
        assert!(edit.change(Shelf::EmployeeRelations, &first, |relation| {
            relation["validTo"] = json!("2026-11-20T00:00:00.000+01:00");
        }));
    });
    let report = dossiers.sync(Want::Changes).await;
    assert!(report.is_complete() && report.stored >= 3, "{report:#?}");
    let after = dossiers.published(&[client]).await;
    let practitioner = |published: &Published| of(published, "Patient")[0]["generalPractitioner"][0]["display"].clone();
    assert_eq!(practitioner(&before), "Huisartsenpraktijk Oosterwal");
    assert_eq!(practitioner(&after), "Gezondheidscentrum De Linde");
    let (_, access) = teams(&after);
    assert_eq!(access["participant"].as_array().unwrap().len(), 2);
    // The practice that nobody goes to any more cannot be reached, and a full run takes it away.
    assert!(!after.values().any(|body| body.contains("Huisartsenpraktijk Oosterwal")));
    let report = dossiers.sync(Want::Everything).await;
    assert!(report.withdrawn >= 3, "organisation, person and role: {report:#?}");
}

/// The allocations of a client after a change, and whether the account may see the dossier so many days later.
async fn access_after(dossiers: &Dossiers, client: u64, allocations: Value, died: Value, days: &[(i64, bool)]) {
    dossiers.clock.advance(SignedDuration::from_mins(1));
    dossiers.population.write(dossiers.clock.now(), |edit| {
        assert!(edit.change(Shelf::Clients, &client.to_string(), |record| {
            record["careAllocations"] = allocations.clone();
            record["deathDate"] = died.clone();
        }));
    });
    let report = dossiers.sync(Want::Changes).await;
    assert!(report.is_complete() && report.quarantined == 0, "{report:#?}");
    let mut read = dossiers.store.db.read().await.unwrap();
    let account = format!("account-{client}");
    // Noon on the day of the tests, which is the day after the last day in care below.
    let from: Timestamp = "2026-11-21T12:00:00+01:00".parse().unwrap();
    for (day, open) in days {
        let at = from + SignedDuration::from_hours(24 * day);
        let rights = consent::rights(&mut read, &dossiers.tenant, &account, at)
            .await
            .unwrap();
        assert_eq!(!rights.is_empty(), *open, "{allocations} {died} after {day} days");
    }
}

#[tokio::test]
async fn access_follows_the_allocations_at_the_time_of_the_request() {
    let client = Cast::default().everything;
    let dossiers = Dossiers::new(10, &[client]).await;
    dossiers.sync(Want::Everything).await;
    let (none, begin, left) = (Value::Null, "2024-01-08", "2026-11-21");
    let one =
        |begin: &str, end: Option<&str>, reason: &str| json!({"beginDate": begin, "endDate": end, "reason": reason});
    let ended = |reason: &str| json!([one(begin, Some(left), reason)]);
    let closes = [(0, true), (60, true), (61, false), (400, false)];
    let stays = [(0, true), (61, true), (400, true)];
    for reason in ["END_OF_CARE", "TRANSFER_NO_MAZ", "DISMISS", "DEATH_BY_SUICIDE"] {
        access_after(&dossiers, client, ended(reason), none.clone(), &closes).await;
    }
    for reason in ["TEMP_GONE", "CLASS_CHANGED", "REJECTED", "REVOKE_MUT"] {
        access_after(&dossiers, client, ended(reason), none.clone(), &stays).await;
    }
    let died = json!("2026-11-21T00:00:00.000+01:00");
    access_after(&dossiers, client, json!([one(begin, None, "IN_CARE")]), died, &closes).await;
    let hospital = json!([one(begin, Some(left), "IN_CARE"), one(left, None, "TEMP_GONE")]);
    access_after(&dossiers, client, hospital, none.clone(), &stays).await;
    // Back on the hundredth day, which was known from the beginning.
    let back = json!([
        one(begin, Some(left), "END_OF_CARE"),
        one("2027-03-01", None, "IN_CARE")
    ]);
    let again = [(60, true), (61, false), (99, false), (100, true), (400, true)];
    access_after(&dossiers, client, back, none, &again).await;
}

#[tokio::test]
async fn how_somebody_died_is_nowhere() {
    let client = Cast::default().everything;
    let dossiers = Dossiers::new(10, &[client]).await;
    dossiers.population.write(dossiers.clock.now(), |edit| {
        assert!(edit.change(Shelf::Clients, &client.to_string(), |record| {
            record["careAllocations"][0]["endDate"] = json!("2026-11-20");
            record["careAllocations"][0]["reason"] = json!("DEATH_BY_SUICIDE");
        }));
    });
    dossiers.sync(Want::Everything).await;
    let published = dossiers.published(&[client]).await;
    let stay = &of(&published, "EpisodeOfCare")[0];
    assert_eq!(
        (&stay["status"], &stay["period"]["end"]),
        (&json!("finished"), &json!("2026-11-20"))
    );
    assert!(published.values().all(|body| !body.to_uppercase().contains("SUICIDE")));
    // Nor anywhere in the files of the gateway: database, write-ahead log, spool.
    for file in std::fs::read_dir(dossiers.store.folder.path()).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            let found = bytes.windows(7).any(|window| window.eq_ignore_ascii_case(b"suicide"));
            assert!(!found, "{}", path.display());
        }
    }
}

#[tokio::test]
async fn an_absence_is_on_hold_and_a_return_is_a_second_stay() {
    let cast = Cast::default();
    let dossiers = Dossiers::new(10, &[cast.hospital, cast.returned]).await;
    dossiers.sync(Want::Everything).await;
    let away = &of(&dossiers.published(&[cast.hospital]).await, "EpisodeOfCare")[0];
    assert_eq!(
        (&away["status"], &away["statusHistory"][0]["status"]),
        (&json!("onhold"), &json!("onhold"))
    );
    assert_eq!(away["period"].get("end"), None);
    let mut stays = of(&dossiers.published(&[cast.returned]).await, "EpisodeOfCare");
    stays.sort_by_key(|stay| stay["period"]["start"].to_string());
    let states: Vec<&Value> = stays.iter().map(|stay| &stay["status"]).collect();
    assert_eq!(states, ["finished", "active"]);
}
