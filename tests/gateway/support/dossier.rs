//! A mock Ons, a tenant, and a sync between the mock and a fresh database.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt as _;
use inzage::access;
use inzage::clock::Clock;
use inzage::config::{Policy, Tenant, TenantId};
use inzage::consent::{self, NewRight, Parts, Role};
use inzage::db::{Sql, params};
use inzage::ecd::contract::Contracts;
use inzage::ecd::mock::ons::{Options, Running, start};
use inzage::ecd::mock::{Population, Shape, Shelf};
use inzage::ecd::ons::{Ons, Settings};
use inzage::ecd::{Connector, Event, Kind, Pull, Reach};
use inzage::fhir::search::{Handling, Query, Setting};
use inzage::fhir::types::{Id, ResourceType};
use inzage::mapping::{self, Files, Plan, ReportTypes, resource_id};
use inzage::profile::Registry;
use inzage::resource::{self, Page};
use inzage::secret::{MacKey, MasterKey, Random};
use inzage::sync::hooks::{Asked, Worked};
use inzage::sync::{Decided, Decision, Progress, Report, Sync, Want};
use jiff::ToSpan as _;
use jiff::civil::date;
use jiff::tz::TimeZone;

use super::{Fresh, fresh};

/// When the tests begin: a Sunday morning in winter time.
pub const NOW: &str = "2026-11-22T06:00:00Z";

/// Everything that a sync needs.
pub struct Dossiers {
    pub mock: Running,
    pub population: Arc<Population>,
    pub clock: Clock,
    pub store: Fresh,
    pub tenant: Arc<Tenant>,
    pub ids: MacKey,
    plan: Arc<Plan>,
    /// The built-in ones; a test may put others here.
    pub profiles: Arc<Registry>,
    tls: tempfile::TempDir,
    /// Where spool files live while a run lasts.
    pub spool: std::path::PathBuf,
    /// The connector that the worker of webhooks keeps.
    kept: Ons,
}

impl Dossiers {
    /// A mock with `clients` clients; the named ones have an account.
    pub async fn new(clients: usize, with_account: &[u64]) -> Self {
        Self::with_shape(clients, with_account, 30, (7, 21)).await
    }

    /// The same with fewer or more days of reports and of the agenda.
    pub async fn with_shape(clients: usize, with_account: &[u64], report_days: u32, agenda_days: (u32, u32)) -> Self {
        let mut shape = Shape::new(clients, 11, date(2026, 11, 22));
        (shape.report_days, shape.agenda_days) = (report_days, agenda_days);
        let population = Arc::new(Population::of_shape(&shape));
        let clock = Clock::fixed(NOW.parse().unwrap());
        let tls = tempfile::tempdir().unwrap();
        let options = Options::new(
            "127.0.0.1:0".parse().unwrap(),
            Arc::clone(&population),
            tls.path().to_owned(),
            clock.clone(),
        );
        let mock = start(options).await.unwrap();
        let kept = connector(&mock);
        let profiles = Arc::new(Registry::builtin());
        let plan = Arc::new(Plan::load(&Files::builtin(), &profiles).unwrap());
        let master = MasterKey::new(&[7; 32]);
        let store = fresh().await;
        let dossiers = Self {
            mock,
            population,
            clock,
            spool: store.folder.path().to_owned(),
            store,
            tenant: Arc::new(tenant("topaz")),
            ids: master.mac_key("resource-id:topaz"),
            plan,
            profiles,
            tls,
            kept,
        };
        for client in with_account {
            dossiers.grant(&format!("account-{client}"), *client).await;
        }
        dossiers
    }

    /// Gives an account the whole dossier of a client.
    pub async fn grant(&self, account: &str, client: u64) {
        let right = NewRight {
            patient: self.patient(client),
            source_client: client.to_string(),
            role: Role::Client,
            related: None,
            parts: Parts::ALL,
        };
        let mut tx = self.store.db.begin().await.unwrap();
        consent::grant(&mut tx, &self.tenant.id, account, &right, self.clock.now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    pub fn patient(&self, client: u64) -> Id {
        self.id("client", &client.to_string())
    }

    pub fn id(&self, kind: &str, key: &str) -> Id {
        resource_id(&self.ids, &["ons", kind, key])
    }

    /// Deletes a report at the source; whether it was there.
    pub fn delete_report(&self, key: &str) -> bool {
        let now = self.clock.now();
        self.population.write(now, |edit| edit.remove(Shelf::Reports, key))
    }

    pub fn connector(&self) -> Ons {
        connector(&self.mock)
    }

    pub async fn sync(&self, want: Want) -> Report {
        self.try_sync(want).await.unwrap()
    }

    pub async fn try_sync(&self, want: Want) -> Result<Report, inzage::sync::Error> {
        self.sync_with(want, &|_| {}).await
    }

    /// The same, telling how far it is.
    pub async fn sync_with(
        &self,
        want: Want,
        progress: &(dyn Fn(Progress) + Send + std::marker::Sync),
    ) -> Result<Report, inzage::sync::Error> {
        let connector = self.connector();
        self.engine(&connector).run(want, progress).await
    }

    /// One turn of the worker that follows webhooks.
    pub async fn hooked(&self) -> Result<Worked, inzage::sync::Error> {
        self.engine(&self.kept).hooked().await
    }

    /// One turn of a worker that has just begun: it remembers no names.
    pub async fn hooked_anew(&self) -> Result<Worked, inzage::sync::Error> {
        let connector = self.connector();
        self.engine(&connector).hooked().await
    }

    /// Asks the source for the webhooks that were missed.
    pub async fn redeliver(&self) -> Result<Asked, inzage::sync::Error> {
        self.engine(&self.kept).redeliver().await
    }

    /// One run that is told to stop when `stop` resolves.
    pub async fn sync_until(
        &self,
        progress: &(dyn Fn(Progress) + Send + std::marker::Sync),
        stop: impl Future<Output = ()>,
    ) -> Result<Report, inzage::sync::Error> {
        let connector = self.connector();
        let engine = self.engine(&connector);
        engine.run_until(Want::Everything, progress, stop).await
    }

    /// A run with another connector than that of the mock.
    pub async fn sync_from(&self, connector: &dyn Connector, want: Want) -> Result<Report, inzage::sync::Error> {
        self.engine(connector).run(want, &|_| {}).await
    }

    fn engine<'a>(&'a self, connector: &'a dyn Connector) -> Sync<'a> {
        Sync {
            db: &self.store.db,
            clock: &self.clock,
            random: &Random::Os,
            tenant: &self.tenant,
            connector,
            plan: Arc::clone(&self.plan),
            profiles: Arc::clone(&self.profiles),
            ids: self.ids.clone(),
            spool_dir: &self.spool,
        }
    }

    /// What a run would do.
    pub async fn dry_run(&self, want: Want) -> Report {
        let connector = self.connector();
        self.engine(&connector).dry_run(want, &|_| {}).await.unwrap()
    }

    /// What is remembered of the source.
    pub async fn state(&self) -> inzage::sync::State {
        let mut read = self.store.db.read().await.unwrap();
        inzage::sync::state(&mut read, &self.tenant.id, "ons").await.unwrap()
    }

    /// What the source would show of these clients at the moment: its records through the maps, without the engine.
    pub async fn mapped(&self, clients: &[u64]) -> BTreeMap<u64, Vec<serde_json::Value>> {
        let today = self.clock.now().to_zoned(self.tenant.zone.clone()).date();
        let pull = Pull {
            clients: clients.iter().map(u64::to_string).collect(),
            reach: Reach::Full,
            agenda: today.saturating_sub(90.days())..today.saturating_add(180.days()),
            mark: None,
            today,
        };
        let context = mapping::Context {
            key: &self.ids,
            zone: &self.tenant.zone,
            report_types: ReportTypes::Every,
        };
        let connector = self.connector();
        let mut events = connector.pull(pull);
        let mut found: BTreeMap<u64, Vec<serde_json::Value>> = BTreeMap::new();
        while let Some(event) = events.next().await {
            let Event::Record(record) = event.unwrap().read() else {
                continue;
            };
            let Some(client) = record.client.as_ref().and_then(|client| client.parse().ok()) else {
                continue;
            };
            let map = format!("ons/{}", record.kind);
            match self.plan.run(&map, &record.body, &context) {
                mapping::Outcome::Mapped(resources) => {
                    let own = resources.into_iter().filter(|mapped| !mapped.kind.is_shared());
                    found
                        .entry(client)
                        .or_default()
                        .extend(own.map(|mapped| mapped.resource));
                }
                mapping::Outcome::Dropped { .. } => {}
                mapping::Outcome::Refused { pointer, reason, .. } => panic!("{map} {pointer}: {reason}"),
            }
        }
        found
    }

    /// Whether removals wait.
    pub async fn is_held(&self) -> bool {
        let mut read = self.store.db.read().await.unwrap();
        let kinds = inzage::sync::held_kinds(&mut read, &self.tenant.id, "ons").await;
        !kinds.unwrap().is_empty()
    }

    /// Decides about removals that wait.
    pub async fn decide(&self, kind: Option<Kind>, decision: Decision) -> Decided {
        let connector = self.connector();
        self.engine(&connector).decide(kind, decision).await.unwrap()
    }

    /// How many versions there are of `Type/id`, as far as these clients may see.
    pub async fn versions(&self, clients: &[u64], name: &str) -> usize {
        let patients: Vec<Id> = clients.iter().map(|client| self.patient(*client)).collect();
        let (visible, _) = access::for_system("test", &self.tenant.id, &patients);
        let (kind, id) = name.split_once('/').unwrap();
        let (kind, id) = (kind.parse().unwrap(), Id::parse(id).unwrap());
        let mut read = self.store.db.read().await.unwrap();
        let found = resource::history(&mut read, &visible, kind, &id, 100, None)
            .await
            .unwrap();
        found.map_or(0, |versions| versions.entries.len())
    }

    /// Lets every lease run out, as if its holder had been silent for long: other processes have other clocks.
    pub async fn lapse(&self) {
        self.end_leases(0).await;
    }

    /// Lets no lease run out.
    pub async fn keep(&self) {
        self.end_leases(4_102_444_800_000_000).await;
    }

    async fn end_leases(&self, at: i64) {
        const END: Sql = Sql::both("UPDATE lease SET expires_at = $1");
        let mut tx = self.store.db.begin().await.unwrap();
        tx.execute(END, params![at]).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// The folder with the mock's certificates.
    pub fn tls(&self) -> &std::path::Path {
        self.tls.path()
    }

    /// Everything that is published of these clients: `Type/id` to the served bytes.
    pub async fn published(&self, clients: &[u64]) -> BTreeMap<String, String> {
        let patients: Vec<Id> = clients.iter().map(|client| self.patient(*client)).collect();
        published(&self.store.db, &self.tenant, &patients).await
    }
}

fn connector(mock: &Running) -> Ons {
    let mut settings = Settings::new(
        mock.url.parse().unwrap(),
        mock.ca_pem.clone(),
        mock.client_cert_pem.clone(),
        mock.client_key_pem.clone(),
    );
    settings.limits.attempts = 2;
    settings.limits.pause = std::time::Duration::from_millis(5);
    Ons::new(
        settings,
        Arc::new(Contracts::builtin("ons").unwrap()),
        Random::seeded(3),
    )
    .unwrap()
}

/// Everything that is published of these patients: `Type/id` to the served bytes.
pub async fn published(db: &inzage::db::Db, tenant: &Tenant, patients: &[Id]) -> BTreeMap<String, String> {
    let (visible, _) = access::for_system("test", &tenant.id, patients);
    let mut found = BTreeMap::new();
    let mut read = db.read().await.unwrap();
    for kind in ResourceType::ALL {
        let setting = Setting {
            zone: &tenant.zone,
            base: "http://127.0.0.1/topaz/fhir",
            now: NOW.parse().unwrap(),
        };
        let query = Query::parse(*kind, &[], Handling::Strict, &setting).unwrap();
        let mut after = None;
        loop {
            let page = resource::search(&mut read, &visible, &query, &Page { size: 200, after })
                .await
                .unwrap();
            found.extend(
                page.entries
                    .into_iter()
                    .map(|entry| (format!("{}/{}", entry.kind, entry.id), entry.body)),
            );
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
    }
    found
}

/// The references in these resources that lead to none of them, with where they stand.
pub fn dangling(published: &BTreeMap<String, String>) -> Vec<String> {
    let mut found = Vec::new();
    for (name, body) in published {
        let mut rest = body.as_str();
        while let Some(at) = rest.find(r#""reference":""#) {
            rest = &rest[at + 13..];
            let to = rest.split('"').next().unwrap_or_default();
            if !published.contains_key(to) {
                found.push(format!("{name} refers to {to}"));
            }
        }
    }
    found
}

/// The same without what a second load may change: version and time.
pub fn content(published: &BTreeMap<String, String>) -> BTreeMap<String, serde_json::Value> {
    published
        .iter()
        .map(|(name, body)| {
            let mut value: serde_json::Value = serde_json::from_str(body).unwrap();
            let meta = value["meta"].as_object_mut().unwrap();
            meta.remove("versionId");
            meta.remove("lastUpdated");
            (name.clone(), value)
        })
        .collect()
}

pub fn tenant(id: &str) -> Tenant {
    Tenant {
        id: TenantId::parse(id).unwrap(),
        name: id.to_owned(),
        zone: TimeZone::get("Europe/Amsterdam").unwrap(),
        policy: Policy::default(),
        source: None,
        map_patches: None,
    }
}
