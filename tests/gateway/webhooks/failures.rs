//! Webhooks whose source fails: the others go on, the source is spared, and it is asked again when it is back.

use std::sync::Arc;

use inzage::config::{OnsSource, Source};
use inzage::db::lease::{self, Taken};
use inzage::sync::Error;

use super::*;

const REPORTS: &str = "/v0/administration/dossier/reports";

impl World {
    /// Changes the text of a report and tells of it.
    async fn rewrite(&self, key: &str, text: &str) {
        self.change(Shelf::Reports, key, |report| report["comment"] = json!(text));
        self.tell_report(key).await;
    }

    /// Ordinary reports of `client`, none of whose keys begins another.
    fn some_reports(&self) -> Vec<String> {
        let reports = self.dossiers.population.of(Shelf::Reports, self.client);
        let ordinary = reports.iter().filter(|report| {
            report["reportTypeId"] == 101
                && report["hidden"] == false
                && report["confidential"] == false
                && report["reportAuthorizations"].as_array().is_none_or(Vec::is_empty)
        });
        let mut keys: Vec<String> = ordinary.map(|report| report["id"].to_string()).collect();
        keys.sort();
        let all = keys.clone();
        keys.retain(|key| all.iter().filter(|other| other.starts_with(key.as_str())).count() == 1);
        keys.truncate(3);
        assert_eq!(keys.len(), 3, "the client has three such reports");
        keys
    }

    fn requests(&self) -> u64 {
        self.dossiers.mock.served.requests()
    }

    fn pass(&self, minutes: i64) {
        self.dossiers.clock.advance(SignedDuration::from_mins(minutes));
    }
}

#[tokio::test]
async fn after_eight_looks_without_an_answer_the_ninth_finds_the_source_back() {
    let world = World::new().await;
    let key = world.report(world.client)["id"].to_string();
    let name = world.observation(&key);
    // The names of the employees are known, so nothing else is asked for.
    world.rewrite(&key, "Eerder geschreven.").await;
    world.follow_all().await;
    world.dossiers.mock.faults.add(REPORTS, Fault::Status(503), 10_000);
    world.rewrite(&key, "Toch geschreven.").await;
    for look in 1..=8 {
        let before = world.requests();
        let worked = world.dossiers.hooked().await;
        assert!(matches!(worked, Ok(Worked::Later(_)) | Err(_)), "{look}: {worked:?}");
        assert!(world.requests() > before, "{look}: the source was not asked");
        world.pass(16);
    }
    world.dossiers.mock.faults.clear();
    assert_eq!(world.follow_all().await, 1);
    assert!(world.published(&name).await.unwrap().contains("Toch geschreven."));
}

#[tokio::test]
async fn one_report_that_cannot_be_read_holds_back_no_other() {
    let world = World::new().await;
    let keys = world.some_reports();
    for fault in [Fault::Status(500), Fault::Json("{}".to_owned())] {
        for broken in &keys {
            let text = format!("Geschreven: {fault:?} {broken}").replace('"', "");
            for key in &keys {
                world.rewrite(key, &text).await;
            }
            let path = format!("{REPORTS}/{broken}");
            world.dossiers.mock.faults.add(&path, fault.clone(), 2);
            let Worked::Later(report) = world.follow().await else {
                panic!("{broken} was read");
            };
            assert_eq!(report.failed.len(), 1, "{report:#?}");
            world.dossiers.mock.faults.clear();
            for key in &keys {
                let body = world.published(&world.observation(key)).await.unwrap();
                assert_eq!(
                    body.contains(&text),
                    key != broken,
                    "{fault:?} for {broken}: {key}: {body}"
                );
            }
            world.pass(16);
            world.follow_all().await;
            let body = world.published(&world.observation(broken)).await.unwrap();
            assert!(body.contains(&text), "{body}");
        }
    }
}

#[tokio::test]
async fn one_client_who_cannot_be_read_holds_back_no_other() {
    let world = World::new().await;
    let mut clients = [world.client, world.other];
    clients.sort();
    world.dossiers.grant("account-of-the-other", world.other).await;
    assert!(world.dossiers.sync(Want::Everything).await.is_complete());
    for (broken, good) in [(clients[0], clients[1]), (clients[1], clients[0])] {
        for client in clients {
            world.change(Shelf::Clients, &client.to_string(), |body| {
                body["firstName"] = json!(format!("Nieuw{broken}"))
            });
            world.tell(Kind::Client, What::Client(client.to_string())).await;
        }
        // Its lists are beside it.
        let path = format!("/v0/administration/clients/{broken}");
        let lists = format!("{path}/");
        world.dossiers.mock.faults.add(&lists, Fault::Status(500), 4);
        world.dossiers.mock.faults.add(&path, Fault::Status(500), 2);
        let Worked::Later(report) = world.follow().await else {
            panic!("{broken} was read");
        };
        assert!(!report.failed.is_empty(), "{report:#?}");
        world.dossiers.mock.faults.clear();
        let published = world.dossiers.published(&clients).await;
        let has_new_name = |client| {
            let name = format!("Patient/{}", world.dossiers.patient(client));
            published[&name].contains(&format!("Nieuw{broken}"))
        };
        assert_eq!((has_new_name(broken), has_new_name(good)), (false, true), "{broken}");
        world.pass(16);
        world.follow_all().await;
    }
}

#[tokio::test]
async fn a_webhook_does_not_ask_a_source_that_said_when_to_come_back() {
    let world = World::new().await;
    let key = world.report(world.client)["id"].to_string();
    world.dossiers.mock.faults.add(REPORTS, Fault::Later(429, 3_600), 1);
    world.rewrite(&key, "Een uur later.").await;
    let asked = world.dossiers.hooked().await;
    assert!(asked.is_err(), "{asked:?}");
    let before = world.requests();
    for _ in 0..3 {
        world.pass(19);
        assert_eq!(world.follow().await, Worked::Idle);
    }
    assert_eq!(world.requests(), before);
    world.pass(4);
    assert_eq!(world.follow_all().await, 1);
    let body = world.published(&world.observation(&key)).await.unwrap();
    assert!(body.contains("Een uur later."));
}

#[tokio::test]
async fn a_webhook_spares_a_source_that_told_a_run_when_to_come_back() {
    let world = World::new().await;
    let key = world.report(world.client)["id"].to_string();
    world.pass(60);
    let employees = "/v0/xstream/employees";
    world.dossiers.mock.faults.add(employees, Fault::Later(503, 3_600), 1);
    assert!(world.dossiers.try_sync(Want::Everything).await.is_err());
    let before = world.requests();
    world.rewrite(&key, "Na de pauze.").await;
    assert_eq!(world.follow().await, Worked::Idle);
    world.pass(58);
    assert_eq!(world.follow().await, Worked::Idle);
    assert_eq!(world.requests(), before);
    world.pass(2);
    assert_eq!(world.follow_all().await, 1);
    let body = world.published(&world.observation(&key)).await.unwrap();
    assert!(body.contains("Na de pauze."));
}

#[tokio::test]
async fn each_report_of_webhooks_tells_its_own_requests() {
    let world = World::new().await;
    let key = world.report(world.client)["id"].to_string();
    for text in ["Een.", "Twee.", "Drie."] {
        world.rewrite(&key, text).await;
        let before = world.requests();
        let Worked::Done { report, .. } = world.follow().await else {
            panic!("{text} was not read");
        };
        assert!(report.requests > 0);
        assert_eq!(report.requests, world.requests() - before, "{text}");
    }
}

#[tokio::test]
async fn webhooks_without_end_leave_room_for_the_slot_that_waits() {
    let world = World::new().await;
    let key = world.report(world.client)["id"].to_string();
    let name = world.observation(&key);
    // A turn of the worker has the source when the slot comes.
    let (db, tenant) = (&world.dossiers.store.db, &world.dossiers.tenant.id);
    let minute = SignedDuration::from_mins(1);
    let taken = lease::take(db, tenant, "sync/ons", "a worker", world.dossiers.clock.now(), minute);
    let Taken::Ours(turn) = taken.await.unwrap() else {
        panic!("somebody has it");
    };
    let slot = world.dossiers.try_sync(Want::Changes).await;
    assert!(matches!(slot, Err(Error::Held(_))), "{slot:?}");
    turn.release(db, world.dossiers.clock.now()).await.unwrap();
    world.rewrite(&key, "Na het slot.").await;
    for _ in 0..5 {
        assert_eq!(world.follow().await, Worked::Idle, "the slot comes again");
    }
    assert!(world.dossiers.sync(Want::Changes).await.is_complete());
    world.rewrite(&key, "En weer verder.").await;
    assert_eq!(world.follow_all().await, 1, "it had its turn");
    assert!(world.published(&name).await.unwrap().contains("En weer verder."));

    // One who does not come again holds nobody up for long.
    let taken = lease::take(db, tenant, "sync/ons", "a worker", world.dossiers.clock.now(), minute);
    let Taken::Ours(turn) = taken.await.unwrap() else {
        panic!("somebody has it");
    };
    assert!(world.dossiers.try_sync(Want::Changes).await.is_err());
    turn.release(db, world.dossiers.clock.now()).await.unwrap();
    world.rewrite(&key, "Toch nog.").await;
    assert_eq!(world.follow().await, Worked::Idle);
    world.dossiers.clock.advance(SignedDuration::from_secs(16));
    assert_eq!(world.follow_all().await, 1);
    assert!(world.published(&name).await.unwrap().contains("Toch nog."));
}

#[tokio::test]
async fn asking_for_missed_webhooks_is_counted_and_spares_the_source() {
    let mut world = World::new().await;
    let file = |name: &str| world.dossiers.tls().join(name);
    let url = world.dossiers.mock.url.parse().unwrap();
    let ons = OnsSource::new(url, file("ca.pem"), file("client.pem"), file("client.key.pem"));
    Arc::make_mut(&mut world.dossiers.tenant).source = Some(Source::Ons(Box::new(ons)));
    let cost = async || {
        let dossiers = &world.dossiers;
        let day = dossiers.clock.now().to_zoned(dossiers.tenant.zone.clone()).date();
        let mut read = dossiers.store.db.read().await.unwrap();
        let spent = inzage::sync::cost::of_day(&mut read, &dossiers.tenant.id, "ons", day).await;
        spent.unwrap().requests
    };
    let (before, spent) = (world.requests(), cost().await);
    assert_eq!(world.dossiers.redeliver().await.unwrap(), Asked::Yes);
    assert_eq!((world.requests(), cost().await), (before + 1, spent + 1));

    // Busy, not known, or not ours to ask: told, not counted as asked.
    for fault in [Fault::Status(503), Fault::Status(404), Fault::Status(403)] {
        world.dossiers.mock.faults.add("/webhooks", fault.clone(), 2);
        let asked = world.dossiers.redeliver().await;
        assert!(matches!(asked, Err(Error::Source(_))), "{fault:?} {asked:?}");
        world.dossiers.mock.faults.clear();
    }
    // Any status of success will do.
    world.dossiers.mock.faults.add("/webhooks", Fault::Status(204), 1);
    assert_eq!(world.dossiers.redeliver().await.unwrap(), Asked::Yes);

    // A run broke off and was told when to come back.
    world.pass(60);
    let employees = "/v0/xstream/employees";
    world.dossiers.mock.faults.add(employees, Fault::Later(503, 3_600), 1);
    assert!(world.dossiers.try_sync(Want::Everything).await.is_err());
    let before = world.requests();
    assert_eq!(world.dossiers.redeliver().await.unwrap(), Asked::NotNow);
    assert_eq!(world.requests(), before);
    world.pass(61);
    assert_eq!(world.dossiers.redeliver().await.unwrap(), Asked::Yes);
}
