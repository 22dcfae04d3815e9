//! Nothing that must stay inside leaves: a marker text stands in everything that may never be published, of both products, and
//! every byte that the gateway serves is searched for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Method, Request};
use base64::Engine as _;
use jiff::SignedDuration;
use serde_json::json;
use tower::ServiceExt as _;

use super::{export_tests, planted, withheld_posted};
use crate::config::Tenant;
use crate::consent::{NewRight, Parts, Role};
use crate::ecd::caress::{self, Caress, web};
use crate::ecd::contract::Contracts;
use crate::ecd::mock::ons::{Options, Running, start};
use crate::ecd::mock::{Mishaps, Population, SECRET_MARKER, Shape, Shelf, caress as drops};
use crate::ecd::ons::hook::What;
use crate::ecd::ons::{Ons, Settings};
use crate::ecd::{Connector, Kind};
use crate::fhir::definition::Definition;
use crate::fhir::types::ResourceType;
use crate::http::inside;
use crate::http::world::World;
use crate::mapping::{Files, Plan, resource_id};
use crate::profile::Registry;
use crate::secret::{MacKey, Random};
use crate::sync::hooks::{Inbox, Worked};
use crate::sync::{Sync, Want};

/// What an open text of the same dossier holds, so that a search that finds nothing at all would show.
pub(super) const OPEN: &str = "HIER-MAG-IEDEREEN-BIJ";

struct Gateway {
    world: World,
    population: Arc<Population>,
    spool: tempfile::TempDir,
    plan: Arc<Plan>,
    profiles: Arc<Registry>,
    ids: MacKey,
    client: u64,
}

impl Gateway {
    async fn new(ecd: &str) -> (Self, String) {
        let mut shape = Shape::new(10, 11, jiff::civil::date(2026, 11, 22));
        (shape.report_days, shape.agenda_days) = (30, (7, 21));
        let population = Arc::new(Population::of_shape(&shape));
        let client = population.cast().everything;
        let world = World::new().await;
        let ids = world.app.config.master.mac_key("resource-id:topaz");
        let patient = resource_id(&ids, &[ecd, "client", &client.to_string()]);
        let profiles = Arc::new(Registry::builtin());
        let gateway = Self {
            plan: Arc::new(Plan::load(&Files::builtin(), &profiles).unwrap()),
            world,
            population,
            spool: tempfile::tempdir().unwrap(),
            profiles,
            ids,
            client,
        };
        let right = NewRight {
            patient: patient.clone(),
            source_client: client.to_string(),
            role: Role::Client,
            related: None,
            parts: Parts::ALL,
        };
        gateway.world.right_of("reader", &right).await;
        let token = gateway
            .world
            .token("reader", patient.as_str(), "openid fhirUser patient/*.rs user/*.rs")
            .await;
        planted::plant(&gateway.population, gateway.client, ecd, gateway.world.clock.now());
        (gateway, token)
    }

    fn engine<'a>(&'a self, connector: &'a dyn Connector) -> Sync<'a> {
        let tenant: &Arc<Tenant> = self.world.app.config.tenant("topaz").unwrap();
        Sync {
            db: self.world.db(),
            clock: &self.world.clock,
            random: &Random::Os,
            tenant,
            connector,
            plan: Arc::clone(&self.plan),
            profiles: Arc::clone(&self.profiles),
            ids: self.ids.clone(),
            spool_dir: self.spool.path(),
        }
    }

    async fn sync(&self, connector: &dyn Connector, want: Want) {
        let report = self.engine(connector).run(want, &|_| {}).await.unwrap();
        assert!(report.is_complete(), "{report:#?}");
    }

    /// Tells of these reports by webhook and follows that.
    async fn hooked(&self, connector: &dyn Connector, reports: &[String]) {
        let inbox = Inbox::start(self.world.db().clone(), self.world.clock.clone());
        let tenant = &self.world.app.config.tenant("topaz").unwrap().id;
        for key in reports {
            let what = What::Record(key.clone());
            inbox.receive(tenant, "ons", Kind::Report, what).await.unwrap();
        }
        let Worked::Done { jobs, .. } = self.engine(connector).hooked().await.unwrap() else {
            panic!("the webhooks wait");
        };
        assert_eq!(jobs, reports.len() as u64);
    }

    /// Changes the open report.
    fn change(&self, key: &str, field: &str, value: serde_json::Value) {
        self.world.clock.advance(SignedDuration::from_hours(1));
        self.population.write(self.world.clock.now(), |edit| {
            assert!(edit.change(Shelf::Reports, key, |report| report[field] = value));
        });
    }

    /// Nothing tells of the open report any more: not its id, not the pages on which it stood.
    async fn is_gone(&self, key: &str, pages: &[(String, bool)], token: &str) {
        let id = resource_id(&self.ids, &["ons", "report", key]);
        for path in ["", "/_history", "/_history/1"] {
            let path = format!("/topaz/fhir/Observation/{id}{path}");
            let answer = self.world.get(&path, token).await;
            assert!(matches!(answer.status.as_u16(), 404 | 410), "{path}: {}", answer.status);
            assert!(!answer.text().contains(OPEN), "{path}");
        }
        assert!(pages.iter().any(|(_, had)| *had), "no page had it");
        for (path, _) in pages {
            let answer = self.world.get(path, token).await;
            assert!(
                !answer.text().contains(OPEN) && !answer.text().contains(id.as_str()),
                "{path}"
            );
        }
    }

    /// Every answer that the caller can get to, by its path.
    async fn everything(&self, token: &str) -> BTreeMap<String, Vec<u8>> {
        let mut served = BTreeMap::new();
        let mut names = BTreeSet::new();
        let mut paths: Vec<String> = vec!["/topaz/fhir/metadata".into(), "/topaz/fhir/openapi.json".into()];
        for kind in ResourceType::ALL {
            for query in [
                "_count=100",
                "_count=100&_sort=-_lastUpdated",
                "_include=*",
                "_count=3&_total=accurate",
            ] {
                let mut next = Some(format!("/topaz/fhir/{kind}?{query}"));
                // Small pages are followed a while only: the large ones show everything.
                let mut left = if query.starts_with("_count=3") { 3 } else { 1_000 };
                while let Some(path) = next.take().filter(|_| left > 0) {
                    left -= 1;
                    let answer = self.world.get(&path, token).await;
                    if answer.status == 200 {
                        let bundle = answer.json();
                        for entry in bundle["entry"].as_array().into_iter().flatten() {
                            let resource = &entry["resource"];
                            let text = |name: &str| resource[name].as_str().map(str::to_owned);
                            names.extend(text("resourceType").zip(text("id")));
                        }
                        next = answer.link("next");
                    }
                    served.insert(path, answer.body);
                }
            }
        }
        for (kind, id) in &names {
            let base = format!("/topaz/fhir/{kind}/{id}");
            paths.extend([format!("{base}/_history"), format!("{base}/_history/1"), base]);
        }
        for kind in Definition::ALL {
            paths.push(format!("/topaz/fhir/{kind}"));
        }
        for page in [
            "oauth/userinfo",
            "login",
            "account",
            "fhir/.well-known/smart-configuration",
        ] {
            paths.push(format!("/topaz/{page}"));
        }
        for path in paths {
            served.insert(path.clone(), self.world.get(&path, token).await.body);
        }
        served.extend(withheld_posted::asked(&self.world, token, &names).await);
        self.exported(&mut served).await;
        self.told_inside(&mut served).await;
        served
    }

    /// What a backend takes with a bulk export.
    async fn exported(&self, served: &mut BTreeMap<String, Vec<u8>>) {
        let token = self.world.own_token(export_tests::ALL).await;
        let (status, manifest) = export_tests::exported(&self.world, "/topaz/fhir/$export", &token).await;
        let files = export_tests::files(&manifest);
        assert!(files.len() > 10, "{manifest}");
        for (kind, _, path) in files {
            let body = self.world.get(&path, &token).await.body;
            served.insert(format!("{kind} in {path}"), body);
        }
        served.insert("the manifest".to_owned(), manifest.to_string().into_bytes());
        self.world.with(Method::DELETE, &status, &token, &[]).await;
    }

    /// What the operator's side sees: metrics, health, the audit lines.
    async fn told_inside(&self, served: &mut BTreeMap<String, Vec<u8>>) {
        for path in ["/metrics", "/health/ready", "/health/detail"] {
            let routes = inside::routes(self.world.app.clone(), None);
            let answer = routes
                .oneshot(Request::get(path).body(Body::empty()).unwrap())
                .await
                .unwrap();
            assert!(answer.status().is_success(), "{path}");
            let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
            served.insert(path.to_owned(), body.to_vec());
        }
        let lines = format!("{:?}", self.world.lines().await);
        served.insert("the audit".to_owned(), lines.into_bytes());
    }
}

/// Where the text stands, also in the texts of documents.
fn found<'a>(served: &'a BTreeMap<String, Vec<u8>>, wanted: &str) -> Vec<&'a str> {
    let holds = |body: &[u8]| {
        let text = String::from_utf8_lossy(body);
        let inner = text.split('"').filter(|word| word.len() > 8);
        let decoded = inner.filter_map(|word| base64::engine::general_purpose::STANDARD.decode(word).ok());
        text.contains(wanted)
            || decoded
                .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
                .any(|inner| inner.contains(wanted))
    };
    let hits = served.iter().filter(|(_, body)| holds(body));
    hits.map(|(path, _)| path.as_str()).collect()
}

fn inside(served: &BTreeMap<String, Vec<u8>>) {
    assert!(served.len() > 500, "{}", served.len());
    assert!(
        found(served, OPEN).len() > 3,
        "the open text is found: as an observation and in a document"
    );
    assert_eq!(found(served, SECRET_MARKER), [] as [&str; 0]);
}

async fn ons(gateway: &Gateway) -> (Running, tempfile::TempDir, Ons) {
    let dir = tempfile::tempdir().unwrap();
    let address = "127.0.0.1:0".parse().unwrap();
    let population = Arc::clone(&gateway.population);
    let clock = gateway.world.clock.clone();
    let running = start(Options::new(address, population, dir.path().to_owned(), clock))
        .await
        .unwrap();
    let settings = Settings::new(
        running.url.parse().unwrap(),
        running.ca_pem.clone(),
        running.client_cert_pem.clone(),
        running.client_key_pem.clone(),
    );
    let contracts = Arc::new(Contracts::builtin("ons").unwrap());
    let connector = Ons::new(settings, contracts, Random::seeded(3)).unwrap();
    (running, dir, connector)
}

/// F16: also by webhook, and where an app still has links to the pages on which it stood.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_ons_keeps_inside_stands_in_any_byte_that_is_served() {
    let (gateway, token) = Gateway::new("ons").await;
    planted::every_class_is_there(&gateway.population, gateway.client);
    let (_running, _dir, connector) = ons(&gateway).await;
    gateway.sync(&connector, Want::Everything).await;
    inside(&gateway.everything(&token).await);

    // Now the open report is confidential, and a webhook tells so, with others that must stay inside: the earlier version, which was
    // open, the history and the pages go with it.
    let open = gateway.population.of(Shelf::Reports, gateway.client);
    let open = open.iter().find(|report| report["comment"] == OPEN).unwrap()["id"].to_string();
    let search = "/topaz/fhir/Observation?_count=1&date=2026-11-20";
    let pages = withheld_posted::pages(&gateway.world, &token, search, OPEN).await;
    assert!(pages.len() > 1);
    gateway.change(&open, "confidential", json!(true));
    let told: Vec<String> = (7_000_001..7_000_018).map(|key: u64| key.to_string()).collect();
    assert!(told.contains(&open));
    gateway.hooked(&connector, &told).await;
    let served = gateway.everything(&token).await;
    for inner in [OPEN, SECRET_MARKER] {
        assert_eq!(found(&served, inner), [] as [&str; 0]);
    }
    gateway.is_gone(&open, &pages, &token).await;

    // It is open again, and then it moves to another client: a slot notices.
    gateway.change(&open, "confidential", json!(false));
    gateway.hooked(&connector, std::slice::from_ref(&open)).await;
    let pages = withheld_posted::pages(&gateway.world, &token, search, OPEN).await;
    gateway.change(&open, "clientId", json!(gateway.client + 1));
    gateway.sync(&connector, Want::Changes).await;
    let served = gateway.everything(&token).await;
    assert_eq!(found(&served, OPEN), [] as [&str; 0]);
    gateway.is_gone(&open, &pages, &token).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_caress_keeps_inside_stands_in_any_byte_that_is_served() {
    let (gateway, token) = Gateway::new("caress").await;
    planted::every_class_is_there(&gateway.population, gateway.client);
    let drop = tempfile::tempdir().unwrap();
    drops::write(&gateway.population, drop.path(), "topaz", gateway.world.clock.now()).unwrap();
    let settings = caress::Settings {
        drop_dir: drop.path().to_owned(),
        tenant: "topaz".to_owned(),
        clock: gateway.world.clock.clone(),
    };
    let connector = Caress::new(settings, Arc::new(Contracts::builtin("caress").unwrap()));
    gateway.sync(&connector, Want::Everything).await;
    inside(&gateway.everything(&token).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_caress_keeps_inside_over_the_web_stands_in_any_byte_that_is_served() {
    let (gateway, token) = Gateway::new("caress").await;
    let dir = tempfile::tempdir().unwrap();
    let running = drops::start(drops::Options {
        listen: "127.0.0.1:0".parse().unwrap(),
        population: Arc::clone(&gateway.population),
        dir: dir.path().to_owned(),
        tenant: "topaz".to_owned(),
        clock: gateway.world.clock.clone(),
        random: Random::seeded(5),
        list_time: Duration::ZERO,
        most: usize::MAX,
        mishaps: Mishaps::default(),
    })
    .await
    .unwrap();
    let settings = web::Settings {
        base_url: running.url.parse().unwrap(),
        ca_pem: running.ca_pem.clone(),
        certificate_pem: running.client_cert_pem.clone(),
        key_pem: running.client_key_pem.clone(),
        username: drops::USER.to_owned(),
        password: running.password.clone(),
        staff: web::Staff::Rest,
        zone: jiff::tz::TimeZone::get("Europe/Amsterdam").unwrap(),
        clock: gateway.world.clock.clone(),
        limits: web::Limits::default(),
    };
    let contracts = Arc::new(Contracts::builtin("caress").unwrap());
    let connector = web::Web::new(settings, contracts, Random::seeded(6)).unwrap();
    gateway.sync(&connector, Want::Everything).await;
    inside(&gateway.everything(&token).await);
}
