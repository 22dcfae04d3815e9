//! Dossiers out of another FHIR R4 server: paged, re-profiled, with our ids; and what a server may do wrong.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use inzage::clock::Clock;
use inzage::config::{FhirList, Tenant};
use inzage::consent::{self, NewRight, Parts, Role};
use inzage::ecd::Connector as _;
use inzage::ecd::contract::Contracts;
use inzage::ecd::upstream::{Settings, Token, Upstream};
use inzage::fhir::types::Id;
use inzage::mapping::{Files, Plan, resource_id};
use inzage::profile::Registry;
use inzage::secret::{MacKey, MasterKey, Random, Secret};
use inzage::sync::{self, Report, Sync, Want};
use jiff::SignedDuration;
use serde_json::Value;

use crate::support::dossier::{NOW, published, tenant};
use crate::support::{Fresh, fresh};

mod access;
mod faults;
mod server;

use server::{Server, report, router};

const TOKEN: &str = "a token of the other server";
/// Must never be published.
const MARKER: &str = "NIET NAAR BUITEN";

struct World {
    server: Server,
    url: String,
    store: Fresh,
    tenant: Arc<Tenant>,
    clock: Clock,
    ids: MacKey,
    plan: Arc<Plan>,
    profiles: Arc<Registry>,
    _task: tokio_util::task::AbortOnDropHandle<()>,
}

impl World {
    async fn new() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/fhir/", listener.local_addr().unwrap());
        let server = Server::new(&url);
        let router = router(server.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let profiles = Arc::new(Registry::builtin());
        let world = Self {
            server,
            url,
            store: fresh().await,
            tenant: Arc::new(tenant("topaz")),
            clock: Clock::fixed(NOW.parse().unwrap()),
            ids: MasterKey::new(&[7; 32]).mac_key("resource-id:topaz"),
            plan: Arc::new(Plan::load(&Files::builtin(), &profiles).unwrap()),
            profiles,
            _task: tokio_util::task::AbortOnDropHandle::new(task),
        };
        let right = NewRight {
            patient: world.id("client", "p1"),
            source_client: "p1".to_owned(),
            role: Role::Client,
            related: None,
            parts: Parts::ALL,
        };
        let mut tx = world.store.db.begin().await.unwrap();
        consent::grant(&mut tx, &world.tenant.id, "account", &right, world.clock.now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        world
    }

    fn id(&self, kind: &str, key: &str) -> Id {
        resource_id(&self.ids, &["fhir", kind, key])
    }

    async fn sync(&self, want: Want) -> Result<Report, sync::Error> {
        self.sync_with(&self.connector(self.settings()), want).await
    }

    async fn sync_with(&self, upstream: &Upstream, want: Want) -> Result<Report, sync::Error> {
        let sync = Sync {
            db: &self.store.db,
            clock: &self.clock,
            random: &Random::Os,
            tenant: &self.tenant,
            connector: upstream,
            plan: Arc::clone(&self.plan),
            profiles: Arc::clone(&self.profiles),
            ids: self.ids.clone(),
            spool_dir: self.store.folder.path(),
        };
        sync.run(want, &|_| {}).await
    }

    fn settings(&self) -> Settings {
        let mut settings = Settings::new(self.url.parse().unwrap(), self.tenant.zone.clone());
        settings.token = Some(Token::Fixed(Secret::new(TOKEN.to_owned())));
        settings.limits.attempts = 2;
        settings.limits.pause = Duration::from_millis(5);
        settings
    }

    fn connector(&self, settings: Settings) -> Upstream {
        let contracts = Arc::new(Contracts::builtin("fhir").unwrap());
        Upstream::new(settings, contracts, self.clock.clone(), Random::seeded(1)).unwrap()
    }

    /// How many clients the account may see at this moment.
    async fn rights(&self) -> usize {
        let mut read = self.store.db.read().await.unwrap();
        let rights = consent::rights(&mut read, &self.tenant, "account", self.clock.now()).await;
        rights.unwrap().len()
    }

    async fn published(&self) -> BTreeMap<String, String> {
        let patients = [self.id("client", "p1"), self.id("client", "p2")];
        published(&self.store.db, &self.tenant, &patients).await
    }
}

#[tokio::test]
async fn a_dossier_of_another_server_becomes_ours_with_our_ids() {
    let world = World::new().await;
    let report = world.sync(Want::Everything).await.unwrap();
    assert!(report.is_complete() && report.quarantined == 0, "{report:#?}");
    let published = world.published().await;
    let count = |kind: &str| published.keys().filter(|name| name.starts_with(kind)).count();
    // Three pages of reports.
    assert_eq!(
        (count("Observation/"), count("CarePlan/"), count("Appointment/")),
        (8, 1, 1)
    );
    assert_eq!(
        (
            count("Patient/"),
            count("RelatedPerson/"),
            count("Practitioner/"),
            count("EpisodeOfCare/")
        ),
        (1, 1, 1, 1)
    );
    assert_eq!(report.dropped.values().sum::<u64>(), 10, "{report:#?}");
    for (name, body) in &published {
        assert!(!body.contains(MARKER) && !body.contains("999990019"), "{name}: {body}");
        assert!(
            !body.contains("Patient/p1") && !body.contains("Practitioner/z1"),
            "{name}: {body}"
        );
    }
    let own = &published[&format!("Observation/{}", world.id("report", "o1"))];
    let own: Value = serde_json::from_str(own).unwrap();
    assert_eq!(
        own["subject"]["reference"],
        format!("Patient/{}", world.id("client", "p1"))
    );
    assert_eq!(
        own["performer"][0]["reference"],
        format!("Practitioner/{}", world.id("employee", "z1"))
    );
    assert_eq!(own["performer"][0]["display"], "S. Bakker");
    let unnamed = &published[&format!("Observation/{}", world.id("report", "o7"))];
    assert!(unnamed.contains("Zorgmedewerker"), "the carer is held back: {unnamed}");

    world.clock.advance(SignedDuration::from_hours(1));
    let again = world.sync(Want::Changes).await.unwrap();
    assert_eq!((again.stored, again.withdrawn), (0, 0), "{again:#?}");
}

#[tokio::test]
async fn a_change_comes_with_the_next_run_and_a_deletion_with_the_next_compare() {
    let world = World::new().await;
    world.sync(Want::Everything).await.unwrap();
    world.clock.advance(SignedDuration::from_hours(1));
    let name = |key: &str| format!("Observation/{}", world.id("report", key));
    let mut changed = report("o1", "p1", "Anders.");
    changed["meta"]["lastUpdated"] = world.clock.now().to_string().into();
    world.server.put(changed);
    world.server.remove("Observation", "o2");
    let done = world.sync(Want::Changes).await.unwrap();
    assert!(done.is_complete() && done.pulled < 5, "only what changed: {done:#?}");
    let now = world.published().await;
    assert!(now[&name("o1")].contains("Anders.") && now.contains_key(&name("o2")));
    world.sync(Want::Everything).await.unwrap();
    assert!(!world.published().await.contains_key(&name("o2")));
}

#[tokio::test]
async fn every_list_is_asked_for_strictly_and_a_type_that_is_left_out_is_not() {
    let world = World::new().await;
    let mut settings = world.settings();
    settings.without = [FhirList::EpisodeOfCare, FhirList::Appointment].into();
    let upstream = world.connector(settings);
    let report = world.sync_with(&upstream, Want::Everything).await.unwrap();
    assert!(report.is_complete(), "{report:#?}");
    let asked = world.server.asked.lock().unwrap().clone();
    for name in ["Patient", "RelatedPerson", "CarePlan", "Observation", "Practitioner"] {
        let start = format!("/fhir/{name}?");
        assert!(asked.iter().any(|one| one.starts_with(&start)), "{name}: {asked:#?}");
    }
    assert!(
        !asked
            .iter()
            .any(|one| one.contains("EpisodeOfCare") || one.contains("Appointment")),
        "{asked:#?}"
    );
    assert_eq!(
        (report.requests, upstream.spent().requests),
        (asked.len() as u64, asked.len() as u64)
    );
    // Nothing of a client without an account is asked for.
    assert!(!asked.iter().any(|one| one.contains("p2")), "{asked:#?}");
}

#[tokio::test]
async fn access_ends_sixty_days_after_the_last_episode_of_care() {
    let world = World::new().await;
    world.sync(Want::Everything).await.unwrap();
    assert_eq!(world.rights().await, 1);
    // 23 September in the Netherlands: the sixtieth day is yesterday.
    world.server.change("EpisodeOfCare", "e1", |one| {
        one["status"] = "finished".into();
        one["period"]["end"] = "2026-09-22T22:30:00Z".into();
    });
    world.server.change("EpisodeOfCare", "e1", |one| {
        one["meta"]["lastUpdated"] = world.clock.now().to_string().into()
    });
    world.clock.advance(SignedDuration::from_hours(1));
    world.sync(Want::Changes).await.unwrap();
    assert_eq!(world.rights().await, 1, "the sixtieth day is today");
    world.clock.advance(SignedDuration::from_hours(24));
    assert_eq!(world.rights().await, 0);
    world.server.change("EpisodeOfCare", "e1", |one| {
        one["status"] = "active".into();
        one["period"].as_object_mut().unwrap().remove("end");
    });
    world.sync(Want::Changes).await.unwrap();
    assert_eq!(world.rights().await, 1, "a mistake is put right");
}
