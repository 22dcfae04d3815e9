//! Nothing that must stay inside leaves: a marker text stands in everything that may never be published, of both products, and
//! every byte that the gateway serves is searched for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{Method, Request};
use base64::Engine as _;
use jiff::SignedDuration;
use serde_json::json;
use tower::ServiceExt as _;

use super::{export_tests, planted};
use crate::config::Tenant;
use crate::consent::{NewRight, Parts, Role};
use crate::ecd::Connector;
use crate::ecd::caress::{self, Caress};
use crate::ecd::contract::Contracts;
use crate::ecd::mock::ons::{Options, Running, start};
use crate::ecd::mock::{Population, SECRET_MARKER, Shape, Shelf, caress as drops};
use crate::ecd::ons::{Ons, Settings};
use crate::fhir::definition::Definition;
use crate::fhir::types::ResourceType;
use crate::http::inside;
use crate::http::world::World;
use crate::mapping::{Files, Plan, resource_id};
use crate::profile::Registry;
use crate::secret::{MacKey, Random};
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

    async fn sync(&self, connector: &dyn Connector, want: Want) {
        let tenant: &Arc<Tenant> = self.world.app.config.tenant("topaz").unwrap();
        let sync = Sync {
            db: self.world.db(),
            clock: &self.world.clock,
            random: &Random::Os,
            tenant,
            connector,
            plan: Arc::clone(&self.plan),
            profiles: Arc::clone(&self.profiles),
            ids: self.ids.clone(),
            spool_dir: self.spool.path(),
        };
        let report = sync.run(want, &|_| {}).await.unwrap();
        assert!(report.is_complete(), "{report:#?}");
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

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_ons_keeps_inside_stands_in_any_byte_that_is_served() {
    let (gateway, token) = Gateway::new("ons").await;
    planted::every_class_is_there(&gateway.population, gateway.client);
    let (_running, _dir, connector) = ons(&gateway).await;
    gateway.sync(&connector, Want::Everything).await;
    inside(&gateway.everything(&token).await);

    // Now an open report gets a text that must not leave, with the switch that keeps it inside: the earlier version, which
    // was open, and the history go with it.
    let open = gateway.population.of(Shelf::Reports, gateway.client);
    let open = open.iter().find(|report| report["comment"] == OPEN).unwrap()["id"].to_string();
    gateway.world.clock.advance(SignedDuration::from_hours(1));
    gateway.population.write(gateway.world.clock.now(), |edit| {
        edit.change(Shelf::Reports, &open, |report| report["confidential"] = json!(true))
    });
    gateway.sync(&connector, Want::Changes).await;
    let served = gateway.everything(&token).await;
    assert_eq!(found(&served, OPEN), [] as [&str; 0]);
    let id = resource_id(&gateway.ids, &["ons", "report", &open]);
    for path in ["", "/_history", "/_history/1"] {
        let answer = gateway
            .world
            .get(&format!("/topaz/fhir/Observation/{id}{path}"), &token)
            .await;
        assert!(
            answer.status == 404 || answer.status == 410,
            "{path}: {}",
            answer.status
        );
        assert!(!answer.text().contains(OPEN));
    }
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
