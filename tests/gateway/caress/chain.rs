//! Full drops and the deltas after them, and what of them is published.

use inzage::config::Tenant;
use inzage::consent::{self, NewRight, Parts, Role};
use inzage::ecd::mock::Shelf;
use inzage::fhir::types::Id;
use inzage::mapping::resource_id;
use inzage::secret::{MasterKey, Random};
use inzage::sync::{Decision, Report, Sync, Want};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::*;
use crate::support::dossier::{content, published, tenant};
use crate::support::{Fresh, fresh};

/// This many hours before now.
fn ago(hours: i64) -> Timestamp {
    NOW.parse::<Timestamp>().unwrap() - SignedDuration::from_hours(hours)
}

/// A folder in which a full drop of eight hours ago and a delta of four hours ago lie, and the dossiers as they are now.
fn chained() -> (tempfile::TempDir, Population) {
    let population = population();
    let dir = tempfile::tempdir().unwrap();
    caress::write(&population, &dir.path().join("1-full"), TENANT, ago(8)).unwrap();
    let client = population.cast().everything;
    let mut reports = population.of(Shelf::Reports, client);
    reports.retain(|it| it["reportTypeId"] == 101 && it["hidden"] == false && it["confidential"] == false);
    reports.retain(|it| it["reportAuthorizations"].as_array().is_none_or(Vec::is_empty));
    let key = |at: usize| reports[at]["id"].to_string();
    let plan = population.of(Shelf::CarePlans, client)[0]["id"].to_string();
    population.write(ago(6), |edit| {
        assert!(edit.remove(Shelf::Reports, &key(0)));
        assert!(edit.change(Shelf::Reports, &key(1), |it| it["comment"] =
            "Later verbeterd in een delta.".into()));
        assert!(edit.change(Shelf::CarePlans, &plan, |it| it["endDate"] = "2027-01-01".into()));
        let mut new = reports[2].clone();
        new["id"] = json!(99_000_001);
        edit.put(Shelf::Reports, new);
    });
    caress::write_since(&population, &dir.path().join("2-delta"), TENANT, ago(4), Some(ago(8))).unwrap();
    (dir, population)
}

/// Kind and key to body, without what says how a text was written.
fn bodies(records: Vec<Record>) -> BTreeMap<(Kind, String), Value> {
    let body = |mut record: Record| {
        record.body.as_object_mut().unwrap().shift_remove("TekstFormaat");
        record.body.as_object_mut().unwrap().shift_remove("Gewijzigd");
        ((record.kind, record.key), record.body)
    };
    records.into_iter().map(body).collect()
}

fn mark_of(events: &[Event]) -> Option<String> {
    events.iter().find_map(|event| match event {
        Event::Mark { mark, .. } => Some(mark.clone()),
        _ => None,
    })
}

#[tokio::test]
async fn a_full_drop_and_its_deltas_say_the_same_as_a_full_drop_of_today() {
    let (dir, population) = chained();
    let clients = [population.cast().everything, population.cast().hospital];
    let (events, error) = pulled(&connector(dir.path()), &clients).await;
    assert_eq!(error, None);
    let gone = population.removed(Shelf::Reports, ago(8));
    assert!(
        gone.len() == 1
            && events
                .iter()
                .any(|it| matches!(it, Event::Deleted { key, .. } if *key == gone[0]))
    );
    let merged = bodies(records(events));

    let today = tempfile::tempdir().unwrap();
    caress::write(&population, today.path(), TENANT, ago(3)).unwrap();
    let whole = bodies(records(pulled(&connector(today.path()), &clients).await.0));
    assert!(whole.len() > 200 && whole.contains_key(&(Kind::Report, "99000001".to_owned())));
    for (key, body) in &whole {
        assert_eq!(merged.get(key), Some(body), "{key:?}");
    }
    assert_eq!(merged.len(), whole.len());
}

#[tokio::test]
async fn a_delta_must_go_on_from_what_was_read() {
    let (dir, population) = chained();
    let clients = [population.cast().everything];
    let caress = connector(dir.path());
    let mark = mark_of(&pulled(&caress, &clients).await.0).unwrap();
    let told = async |mark: &str| {
        let (events, error) = pulled_after(&caress, &clients, Some(mark.to_owned())).await;
        assert!(
            error.is_none() || events.is_empty(),
            "nothing leaves of a drop that is refused"
        );
        error.map(|error| error.to_string()).unwrap_or_default()
    };
    assert_eq!(told(&mark).await, "", "the same drop may be read again");
    let digest = mark.split(' ').nth(1).unwrap();
    assert!(
        told(&format!("{} {digest}", ago(1)))
            .await
            .contains("was read before this one")
    );
    assert!(
        told(&format!("{} {}", ago(4), "0".repeat(64)))
            .await
            .contains("is another than the drop of the same moment")
    );
    assert!(
        told(&format!("{} {digest}", ago(6)))
            .await
            .contains("leaves out the drop")
    );
    // A full drop that is newer than what was read begins a chain of its own.
    assert_eq!(told(&format!("{} {digest}", ago(20))).await, "");

    // The drop between is missing.
    caress::write_since(&population, &dir.path().join("4-delta"), TENANT, ago(1), Some(ago(2))).unwrap();
    assert!(told(&mark).await.contains("4-delta/manifest.json: since: the drop of"));
    caress::write_since(&population, &dir.path().join("3-delta"), TENANT, ago(2), Some(ago(4))).unwrap();
    assert_eq!(told(&mark).await, "", "and now it is there");
    // One that is still being written has no manifest yet.
    std::fs::create_dir(dir.path().join("5-delta")).unwrap();
    std::fs::write(dir.path().join("5-delta/clienten.csv"), "ClientSysId").unwrap();
    assert_eq!(told(&mark).await, "");
    caress::write(&population, &dir.path().join("6-full"), TENANT, ago(1)).unwrap();
    assert!(told(&mark).await.contains("generated_at: the same as that of"));
}

/// Treant with an account of one client.
pub(super) struct House {
    pub(super) store: Fresh,
    pub(super) clock: Clock,
    tenant: Arc<Tenant>,
    ids: MacKey,
    plan: Arc<Plan>,
    profiles: Arc<Registry>,
    patient: Id,
}

impl House {
    pub(super) async fn new(client: u64) -> Self {
        let ids = MasterKey::new(&[7; 32]).mac_key("resource-id:treant");
        let profiles = Arc::new(Registry::builtin());
        let house = Self {
            store: fresh().await,
            clock: Clock::fixed(NOW.parse().unwrap()),
            tenant: Arc::new(tenant(TENANT)),
            patient: resource_id(&ids, &["caress", "client", &client.to_string()]),
            ids,
            plan: Arc::new(Plan::load(&Files::builtin(), &profiles).unwrap()),
            profiles,
        };
        let right = NewRight {
            patient: house.patient.clone(),
            source_client: client.to_string(),
            role: Role::Client,
            related: None,
            parts: Parts::ALL,
        };
        let mut tx = house.store.db.begin().await.unwrap();
        consent::grant(&mut tx, &house.tenant.id, "account", &right, house.clock.now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        house
    }

    async fn sync(&self, dir: &Path) -> Result<Report, inzage::sync::Error> {
        self.sync_from(&connector(dir), Want::Changes).await
    }

    pub(super) async fn sync_from(&self, connector: &dyn Connector, want: Want) -> Result<Report, inzage::sync::Error> {
        self.engine(connector).run(want, &|_| {}).await
    }

    /// An operator believes every removal that waits.
    pub(super) async fn let_go(&self, connector: &dyn Connector) {
        self.engine(connector).decide(None, Decision::Remove).await.unwrap();
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
            spool_dir: self.store.folder.path(),
        }
    }

    pub(super) async fn published(&self) -> BTreeMap<String, Value> {
        content(&published(&self.store.db, &self.tenant, std::slice::from_ref(&self.patient)).await)
    }
}

#[tokio::test]
async fn deltas_are_published_and_a_drop_that_goes_back_changes_nothing() {
    let (dir, population) = chained();
    let house = House::new(population.cast().everything).await;
    let first = tempfile::tempdir().unwrap();
    std::fs::create_dir(first.path().join("1-full")).unwrap();
    for file in std::fs::read_dir(dir.path().join("1-full")).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), first.path().join("1-full").join(file.file_name())).unwrap();
    }
    house.sync(first.path()).await.unwrap();
    let full = house.published().await;
    let text = |all: &BTreeMap<String, Value>| serde_json::to_string(all).unwrap();
    assert!(full.len() > 50 && !text(&full).contains("Later verbeterd in een delta."));

    let report = house.sync(dir.path()).await.unwrap();
    assert!(
        report.stored > 0 && report.withdrawn > 0 && report.held == 0,
        "{report:#?}"
    );
    let state = {
        let mut read = house.store.db.read().await.unwrap();
        inzage::sync::state(&mut read, &house.tenant.id, "caress")
            .await
            .unwrap()
    };
    assert_eq!(
        (state.as_of, state.compared),
        (Some(ago(4)), Some(ago(0))),
        "as old as the drop"
    );
    let now = house.published().await;
    assert!(text(&now).contains("Later verbeterd in een delta.") && now != full);

    // The folder as it was before the delta came.
    let told = house.sync(first.path()).await.unwrap_err().to_string();
    assert!(told.contains("was read before this one"), "{told}");
    assert_eq!(house.published().await, now);
    // And a delta that is not whole.
    std::fs::write(dir.path().join("2-delta/rapportages.csv"), "").unwrap();
    assert!(
        house
            .sync(dir.path())
            .await
            .unwrap_err()
            .to_string()
            .contains("SHA-256")
    );
    assert_eq!(house.published().await, now);
}

#[tokio::test]
async fn once_one_client_is_published_as_of_a_drop_an_earlier_one_is_refused() {
    let (dir, population) = chained();
    let client = population.cast().everything;
    let house = House::new(client).await;
    let want = Want::Client(client.to_string());
    house.sync_from(&connector(dir.path()), want).await.unwrap();
    let published = house.published().await;
    assert!(published.len() > 50);
    std::fs::remove_dir_all(dir.path().join("2-delta")).unwrap();
    let told = house.sync(dir.path()).await.unwrap_err().to_string();
    assert!(told.contains("was read before this one"), "{told}");
    assert_eq!(house.published().await, published);
}
