//! A plan of which not everything could be asked: what it must not show any more goes, and the rest stays as it was.

use std::collections::BTreeMap;
use std::sync::Arc;

use inzage::config::{OnsSource, Source};
use inzage::ecd::Kind;
use inzage::ecd::mock::ons::Fault;
use inzage::ecd::mock::{Cast, Shelf};
use inzage::ecd::ons::hook::What;
use inzage::mapping::resource_id;
use inzage::sync::hooks::{Inbox, Worked};
use inzage::sync::{Report, Want};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::dossier::{Dossiers, content, dangling};

const AGREEMENT: &str = "/v0/dossier/back_channel";

/// The dossier of a client that was loaded.
struct World {
    dossiers: Dossiers,
    client: u64,
    /// The plan in force.
    plan: Value,
}

impl World {
    async fn new() -> Self {
        let client = Cast::default().everything;
        let dossiers = Dossiers::new(10, &[client]).await;
        assert!(dossiers.sync(Want::Everything).await.is_complete());
        let plans = dossiers.population.of(Shelf::CarePlans, client);
        let plan = plans.iter().find(|plan| plan["status"] == "ACTIVE").unwrap().clone();
        dossiers.clock.advance(SignedDuration::from_hours(4));
        Self { dossiers, client, plan }
    }

    fn name(&self, plan: &Value) -> String {
        format!("CarePlan/{}", self.dossiers.id("care-plan", &plan["id"].to_string()))
    }

    async fn published(&self) -> BTreeMap<String, String> {
        self.dossiers.published(&[self.client]).await
    }

    fn change(&self, shelf: Shelf, key: &str, change: impl FnOnce(&mut Value)) {
        let now = self.dossiers.clock.now();
        assert!(
            self.dossiers
                .population
                .write(now, |edit| edit.change(shelf, key, change))
        );
    }

    /// Changes the plan in force.
    fn rewrite(&self, change: impl FnOnce(&mut Value)) {
        self.change(Shelf::CarePlans, &self.plan["id"].to_string(), change);
    }

    /// The place and the demand of a line that is open, with its goal.
    fn open_line(&self) -> (usize, String) {
        let lines = self.plan["carePlanEntries"].as_array().unwrap();
        let is_open = |line: &&Value| {
            let demand = &line["demandEntry"]["demand"];
            demand["hidden"] == false && line["goalEntry"]["goal"]["hidden"] == false
        };
        let at = lines.iter().position(|line| is_open(&line)).unwrap();
        let demand = lines[at]["demandEntry"]["demand"]["definition"].as_str().unwrap();
        (at, demand.to_owned())
    }

    /// A run in which no agreement can be asked.
    async fn without_agreement(&self, want: Want) -> Report {
        self.dossiers.mock.faults.add(AGREEMENT, Fault::Status(500), 100);
        let done = self.dossiers.sync(want).await;
        self.dossiers.mock.faults.clear();
        self.dossiers.clock.advance(SignedDuration::from_hours(1));
        assert!(!done.is_complete());
        let [failed] = &done.failed.keys().collect::<Vec<_>>()[..] else {
            panic!("{done:#?}");
        };
        assert!(failed.starts_with("care-plan: /v0/dossier/back_channel"), "{failed}");
        done
    }
}

#[tokio::test]
async fn a_plan_whose_agreement_cannot_be_asked_stays_as_it_was_until_it_can() {
    let world = World::new().await;
    let (at, _) = world.open_line();
    let before = content(&world.published().await);
    let plan = &before[&world.name(&world.plan)];
    assert!(plan["extension"].to_string().contains("inzage-Akkoord"), "{plan}");
    world.rewrite(|plan| plan["carePlanEntries"][at]["goalEntry"]["title"] = json!("Een nieuw doel."));
    for want in [Want::Changes, Want::Everything] {
        world.without_agreement(want).await;
        assert_eq!(content(&world.published().await), before);
    }
    let done = world.dossiers.sync(Want::Changes).await;
    assert!(done.is_complete(), "{done:#?}");
    let after = content(&world.published().await);
    let plan = &after[&world.name(&world.plan)];
    assert!(plan["extension"].to_string().contains("inzage-Akkoord"), "{plan}");
    assert!(plan["goal"].to_string().contains("Een nieuw doel."), "{plan}");
}

#[tokio::test]
async fn what_is_hidden_taken_back_or_gone_goes_though_no_agreement_can_be_asked() {
    for want in [Want::Changes, Want::Everything] {
        let world = World::new().await;
        let (at, demand) = world.open_line();
        let before = world.published().await;
        let holding = before.values().filter(|body| body.contains(&demand)).count();
        assert!(
            holding > 2,
            "the plan, the point of attention and what refers to it: {holding}"
        );
        let plans = world.dossiers.population.of(Shelf::CarePlans, world.client);
        let old: Vec<&Value> = plans.iter().filter(|plan| plan["status"] == "OLD").collect();
        let [taken_back, gone] = old[..] else {
            panic!("{old:#?}")
        };
        world.rewrite(|plan| plan["carePlanEntries"][at]["demandEntry"]["demand"]["hidden"] = json!(true));
        let at = world.dossiers.clock.now().to_string();
        let row = json!({"id": 9_000_000, "clientId": world.client, "resourceName": "Dossier.CarePlan",
            "resourceId": taken_back["id"].to_string(), "recipientGroup": "client", "sharedAt": at, "unsharedAt": at});
        let now = world.dossiers.clock.now();
        world.dossiers.population.write(now, |edit| {
            edit.put(Shelf::Releases, row);
            assert!(edit.remove(Shelf::CarePlans, &gone["id"].to_string()));
        });
        world.without_agreement(want).await;
        let after = world.published().await;
        for plan in [taken_back, gone] {
            assert!(before.contains_key(&world.name(plan)) && !after.contains_key(&world.name(plan)));
        }
        assert!(after.contains_key(&world.name(&world.plan)));
        let still = after.iter().filter(|(_, body)| body.contains(&demand));
        assert_eq!(still.count(), 0, "{demand}");
        assert_eq!(dangling(&after), Vec::<String>::new());
        let done = world.dossiers.sync(Want::Changes).await;
        assert!(done.is_complete(), "{done:#?}");
        let plan = &world.published().await[&world.name(&world.plan)];
        assert!(plan.contains("inzage-Akkoord") && !plan.contains(&demand), "{plan}");
    }
}

#[tokio::test]
async fn a_new_plan_waits_for_its_agreement_and_reports_do_not_wait_for_it() {
    let world = World::new().await;
    let mut plan = world.plan.clone();
    plan["id"] = json!(99_999);
    for (line, id) in plan["carePlanEntries"]
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .zip(9_999_900..)
    {
        line["id"] = json!(id);
    }
    let reports = world.dossiers.population.of(Shelf::Reports, world.client);
    let published = world.published().await;
    let about_a_goal = |report: &&Value| {
        let name = format!("Observation/{}", world.dossiers.id("report", &report["id"].to_string()));
        published.get(&name).is_some_and(|body| body.contains("Goal/"))
    };
    let key = reports.iter().find(about_a_goal).unwrap()["id"].to_string();
    let report = format!("Observation/{}", world.dossiers.id("report", &key));
    world.change(Shelf::Reports, &key, |report| {
        report["comment"] = json!("Later aangevuld.")
    });
    let now = world.dossiers.clock.now();
    world
        .dossiers
        .population
        .write(now, |edit| edit.put(Shelf::CarePlans, plan.clone()));
    world.without_agreement(Want::Changes).await;
    let after = world.published().await;
    assert!(!after.contains_key(&world.name(&plan)));
    assert!(after[&report].contains("Later aangevuld.") && after[&report].contains("Goal/"));
    assert!(world.dossiers.sync(Want::Changes).await.is_complete());
    assert!(world.published().await.contains_key(&world.name(&plan)));
}

#[tokio::test]
async fn a_plan_that_is_over_keeps_its_agreement_and_its_ratings() {
    let world = World::new().await;
    let told = async || {
        let published = world.published().await;
        let rated = published.values().filter(|body| body.contains("omaha-kennis")).count();
        (published[&world.name(&world.plan)].contains("inzage-Akkoord"), rated)
    };
    let before = told().await;
    assert!(before.0 && before.1 > 0, "{before:?}");
    world.rewrite(|plan| plan["status"] = json!("OLD"));
    for _ in 0..2 {
        assert!(world.dossiers.sync(Want::Changes).await.is_complete());
        assert_eq!(told().await, before);
        world.dossiers.clock.advance(SignedDuration::from_hours(4));
    }
}

#[tokio::test]
async fn a_webhook_hides_though_the_day_has_no_time_left_and_no_agreement_can_be_asked() {
    let mut world = World::new().await;
    let file = |name: &str| world.dossiers.tls().join(name);
    let url = world.dossiers.mock.url.parse().unwrap();
    let source = OnsSource {
        budget_seconds: 0,
        ..OnsSource::new(url, file("ca.pem"), file("client.pem"), file("client.key.pem"))
    };
    Arc::make_mut(&mut world.dossiers.tenant).source = Some(Source::Ons(Box::new(source)));
    let inbox = Inbox::start(world.dossiers.store.db.clone(), world.dossiers.clock.clone());
    let tell = async || {
        let (tenant, what) = (&world.dossiers.tenant.id, What::Client(world.client.to_string()));
        inbox.receive(tenant, "ons", Kind::CarePlan, what).await.unwrap();
        world.dossiers.hooked().await.unwrap()
    };
    // All of it is told: nothing waits for tomorrow.
    world.rewrite(|plan| plan["carePlanEntries"][0]["goalEntry"]["title"] = json!("Een nieuw doel."));
    let (at, demand) = world.open_line();
    let key = [&world.plan["id"], &world.plan["carePlanEntries"][at]["id"]].map(Value::to_string);
    let point = resource_id(&world.dossiers.ids, &["ons", "aandachtspunt", &key[0], &key[1]]);
    let point = format!("Condition/{point}");
    assert!(world.published().await.contains_key(&point));
    let worked = tell().await;
    assert!(matches!(worked, Worked::Done { jobs: 1, .. }), "{worked:#?}");
    world.dossiers.clock.advance(SignedDuration::from_secs(60));
    world.dossiers.mock.faults.add(AGREEMENT, Fault::Status(500), 100);
    world.rewrite(|plan| plan["carePlanEntries"][at]["demandEntry"]["demand"]["hidden"] = json!(true));
    let worked = tell().await;
    assert!(matches!(worked, Worked::Later(_)), "{worked:#?}");
    let still = world.published().await;
    assert!(!still[&world.name(&world.plan)].contains(&demand));
    assert!(!still.contains_key(&point) && dangling(&still).is_empty());
}
