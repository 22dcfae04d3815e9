//! From a webhook of the mock to what is published: signed events, in any order, twice, in bulk, and through the real program.

use std::collections::BTreeSet;

use inzage::ecd::Kind;
use inzage::ecd::mock::ons::Fault;
use inzage::ecd::mock::{Cast, Shelf};
use inzage::ecd::ons::hook::What;
use inzage::sync::Want;
use inzage::sync::hooks::{Asked, Inbox, Worked};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::dossier::{Dossiers, content};

mod failures;
mod program;

/// Dossiers that were synced once, and an inbox before them.
struct World {
    dossiers: Dossiers,
    inbox: Inbox,
    client: u64,
    other: u64,
}

impl World {
    /// `client` has an account, `other` has none.
    async fn new() -> Self {
        let cast = Cast::default();
        let (client, other) = (cast.everything, cast.hospital);
        let dossiers = Dossiers::new(10, &[client]).await;
        assert!(dossiers.sync(Want::Everything).await.is_complete());
        let inbox = Inbox::start(dossiers.store.db.clone(), dossiers.clock.clone());
        Self {
            dossiers,
            inbox,
            client,
            other,
        }
    }

    async fn tell(&self, kind: Kind, what: What) {
        let tenant = &self.dossiers.tenant.id;
        self.inbox.receive(tenant, "ons", kind, what).await.unwrap();
    }

    async fn tell_report(&self, key: &str) {
        self.tell(Kind::Report, What::Record(key.to_owned())).await;
    }

    /// An ordinary report of `client`.
    fn report(&self, client: u64) -> Value {
        let reports = self.dossiers.population.of(Shelf::Reports, client);
        let ordinary = |report: &&Value| {
            report["reportTypeId"] == 101
                && report["hidden"] == false
                && report["confidential"] == false
                && report["reportAuthorizations"].as_array().is_none_or(Vec::is_empty)
        };
        reports.iter().find(ordinary).expect("the client has one").clone()
    }

    fn change(&self, shelf: Shelf, key: &str, change: impl FnOnce(&mut Value)) {
        self.dossiers.clock.advance(SignedDuration::from_secs(1));
        let now = self.dossiers.clock.now();
        assert!(
            self.dossiers
                .population
                .write(now, |edit| edit.change(shelf, key, change))
        );
    }

    fn observation(&self, key: &str) -> String {
        format!("Observation/{}", self.dossiers.id("report", key))
    }

    async fn published(&self, name: &str) -> Option<String> {
        self.dossiers.published(&[self.client]).await.remove(name)
    }

    async fn follow(&self) -> Worked {
        self.dossiers.hooked().await.unwrap()
    }

    /// Follows until nothing is due, and tells how many jobs were done.
    async fn follow_all(&self) -> u64 {
        let mut all = 0;
        loop {
            match self.follow().await {
                Worked::Done { jobs, .. } => all += jobs,
                Worked::Idle => return all,
                Worked::Later(report) => panic!("{report:#?}"),
            }
        }
    }
}

#[tokio::test]
async fn what_changed_appears_and_what_was_hidden_or_deleted_goes() {
    let world = World::new().await;
    let key = world.report(world.client)["id"].to_string();
    let name = world.observation(&key);
    world.change(Shelf::Reports, &key, |report| {
        report["comment"] = json!("Nieuw geschreven.")
    });
    world.tell_report(&key).await;
    assert_eq!(world.follow_all().await, 1);
    assert!(world.published(&name).await.unwrap().contains("Nieuw geschreven."));
    assert_eq!(world.follow().await, Worked::Idle);

    world.change(Shelf::Reports, &key, |report| report["hidden"] = json!(true));
    world.tell_report(&key).await;
    world.follow_all().await;
    assert_eq!(world.published(&name).await, None);

    // Deleted, and told in the wrong order: the creation comes last.
    world.change(Shelf::Reports, &key, |report| report["hidden"] = json!(false));
    world.tell_report(&key).await;
    world.follow_all().await;
    assert!(world.published(&name).await.is_some());
    let report = world.dossiers.population.get(Shelf::Reports, &key).unwrap();
    assert!(world.dossiers.delete_report(&key));
    for _ in 0..3 {
        world.tell_report(&key).await;
    }
    assert_eq!(world.follow_all().await, 1, "three events are one job");
    assert_eq!(world.published(&name).await, None);
    let now = world.dossiers.clock.now();
    world
        .dossiers
        .population
        .write(now, |edit| edit.put(Shelf::Reports, report));
    world.tell_report(&key).await;
    world.follow_all().await;
    assert!(
        world.published(&name).await.is_some(),
        "what is there again is published again"
    );
}

#[tokio::test]
async fn after_webhooks_the_store_is_what_a_whole_load_gives() {
    let world = World::new().await;
    let reports = world.dossiers.population.of(Shelf::Reports, world.client);
    let plan = world.dossiers.population.of(Shelf::CarePlans, world.client)[0].clone();
    let relation = world.dossiers.population.of(Shelf::Relations, world.client)[0].clone();
    let mut jobs = BTreeSet::new();
    for (at, report) in reports.iter().take(40).enumerate() {
        let key = report["id"].to_string();
        match at % 3 {
            0 => world.change(Shelf::Reports, &key, |report| {
                report["comment"] = json!(format!("nieuw {at}"))
            }),
            1 => world.change(Shelf::Reports, &key, |report| report["confidential"] = json!(true)),
            _ => world.change(Shelf::Reports, &key, |report| report["clientId"] = json!(world.other)),
        }
        jobs.insert((Kind::Report, What::Record(key)));
    }
    let gone = world.report(world.client)["id"].to_string();
    assert!(world.dossiers.delete_report(&gone));
    jobs.insert((Kind::Report, What::Record(gone)));
    let (plan, relation) = (plan["id"].to_string(), relation["id"].to_string());
    world.change(Shelf::CarePlans, &plan, |plan| plan["status"] = json!("DRAFT"));
    world.change(Shelf::Relations, &relation, |relation| {
        relation["name"] = json!("Anders Genoemd")
    });
    world.change(Shelf::Clients, &world.client.to_string(), |client| {
        client["firstName"] = json!("Anders")
    });
    jobs.insert((Kind::CarePlan, What::Client(world.client.to_string())));
    jobs.insert((Kind::ContactRelation, What::Record(relation)));
    jobs.insert((Kind::Client, What::Client(world.client.to_string())));
    // A care plan whose client is known is found by its id too.
    jobs.insert((Kind::CarePlan, What::Record(plan)));
    let count = jobs.len() as u64;
    for (kind, what) in jobs {
        world.tell(kind, what).await;
    }
    // 41 reports at once are one stream and the one that it does not bring.
    let before = world.dossiers.mock.served.requests();
    assert_eq!(world.follow_all().await, count);
    let asked = world.dossiers.mock.served.requests() - before;
    // The employees; the client with care providers and employees; contacts and their addresses; releases, plans, and of the one in
    // force the agreement, the forms and the classification; the stream of reports and the one that is not in it.
    assert_eq!(asked, 1 + 3 + 2 + 5 + 2);

    let by_hooks = content(&world.dossiers.published(&[world.client]).await);
    let again = world.dossiers.sync(Want::Everything).await;
    assert!(again.is_complete(), "{again:#?}");
    assert_eq!(
        (again.stored, again.withdrawn),
        (0, 0),
        "a whole run finds nothing left to do: {again:#?}"
    );
    assert_eq!(content(&world.dossiers.published(&[world.client]).await), by_hooks);
}

#[tokio::test]
async fn of_a_client_without_an_account_nothing_is_read() {
    let world = World::new().await;
    let other = world.other.to_string();
    let before = world.dossiers.mock.served.requests();
    world.tell(Kind::Client, What::Client(other.clone())).await;
    world.tell(Kind::CarePlan, What::Client(other)).await;
    assert_eq!(world.follow_all().await, 2);
    assert_eq!(world.dossiers.mock.served.requests(), before);

    // Nothing but the report itself can tell whose it is, and nothing of it is kept.
    let key = world.report(world.other)["id"].to_string();
    let name = world.observation(&key);
    world.tell_report(&key).await;
    world.follow_all().await;
    assert!(
        !world
            .dossiers
            .published(&[world.client, world.other])
            .await
            .contains_key(&name)
    );
}

#[tokio::test]
async fn a_bad_answer_changes_nothing_and_is_asked_for_again_later() {
    let world = World::new().await;
    let key = world.report(world.client)["id"].to_string();
    let name = world.observation(&key);
    let before = world.published(&name).await.unwrap();
    world.change(Shelf::Reports, &key, |report| {
        report["comment"] = json!("Nieuw geschreven.")
    });
    let another = json!({"id": 1, "clientId": world.client}).to_string();
    let path = "/v0/administration/dossier/reports";
    let faults = [
        Fault::Status(404),
        Fault::Status(500),
        Fault::Page,
        Fault::Cut(30),
        Fault::Json("{}".to_owned()),
        Fault::Json(another),
    ];
    for fault in faults {
        world.dossiers.mock.faults.add(path, fault.clone(), 2);
        world.tell_report(&key).await;
        let worked = world.dossiers.hooked().await;
        assert!(matches!(worked, Ok(Worked::Later(_)) | Err(_)), "{fault:?} {worked:?}");
        assert_eq!(world.published(&name).await.as_deref(), Some(&*before), "{fault:?}");
        assert_eq!(world.follow().await, Worked::Idle, "not at once again");
        world.dossiers.mock.faults.clear();
        world.dossiers.clock.advance(SignedDuration::from_mins(1));
    }
    world.dossiers.clock.advance(SignedDuration::from_mins(16));
    world.follow_all().await;
    assert!(world.published(&name).await.unwrap().contains("Nieuw geschreven."));
}

#[tokio::test]
async fn too_many_deletions_at_once_are_held() {
    let world = World::new().await;
    let reports = world.dossiers.population.of(Shelf::Reports, world.client);
    let before = world.dossiers.published(&[world.client]).await;
    for report in &reports {
        let key = report["id"].to_string();
        assert!(world.dossiers.delete_report(&key));
        world.tell_report(&key).await;
    }
    let Worked::Done { report, .. } = world.follow().await else {
        panic!("an ECD that lost everything was believed");
    };
    assert!(report.held > 20, "{report:#?}");
    assert_eq!(world.dossiers.published(&[world.client]).await, before);
}

/// F14: an ECD that answers as if nothing were there, one record after another.
#[tokio::test]
async fn deletions_one_by_one_are_held_where_all_at_once_would_be() {
    let world = World::new().await;
    let keys: Vec<String> = world
        .dossiers
        .population
        .of(Shelf::Reports, world.client)
        .iter()
        .map(|report| report["id"].to_string())
        .collect();
    let there = async || {
        let published = world.dossiers.published(&[world.client]).await;
        keys.iter()
            .filter(|key| published.contains_key(&world.observation(key)))
            .count()
    };
    let before = there().await;
    assert!(before > 45, "{before}");
    let mut held = 0;
    for key in &keys {
        assert!(world.dossiers.delete_report(key));
        world.tell_report(key).await;
        if let Worked::Done { report, .. } = world.follow().await {
            held += report.held;
        }
        world.dossiers.clock.advance(SignedDuration::from_secs(30));
    }
    let after = there().await;
    assert!(
        before - after <= 20 && after >= before / 2,
        "{after} of {before} are left"
    );
    assert!(held > 20 && world.dossiers.is_held().await, "{held}");

    // A day later one may go again.
    let key = "9000001";
    let mut report = world.dossiers.population.of(Shelf::Reports, world.other)[0].clone();
    report["id"] = json!(9_000_001);
    report["clientId"] = json!(world.client);
    for (name, value) in [
        ("reportTypeId", json!(101)),
        ("hidden", json!(false)),
        ("confidential", json!(false)),
    ] {
        report[name] = value;
    }
    report["reportAuthorizations"] = json!([]);
    world.dossiers.clock.advance(SignedDuration::from_hours(25));
    let now = world.dossiers.clock.now();
    world
        .dossiers
        .population
        .write(now, |edit| edit.put(Shelf::Reports, report));
    world.tell_report(key).await;
    world.follow_all().await;
    assert!(world.published(&world.observation(key)).await.is_some());
    assert!(world.dossiers.delete_report(key));
    world.tell_report(key).await;
    world.follow_all().await;
    assert_eq!(world.published(&world.observation(key)).await, None);
}

#[tokio::test]
async fn a_loop_of_events_is_slowed_down() {
    let world = World::new().await;
    let key = world.report(world.client)["id"].to_string();
    let before = world.dossiers.mock.served.requests();
    for _ in 0..600 {
        world.tell_report(&key).await;
        world.follow_all().await;
        world.dossiers.clock.advance(SignedDuration::from_secs(1));
    }
    // 20 at once and one after five minutes: the report and its release each time, and the employees once.
    let asked = world.dossiers.mock.served.requests() - before;
    assert_eq!(asked, 1 + 21 * 2, "for one record in ten minutes");
}
