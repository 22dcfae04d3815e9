//! A report is about a goal only as long as that goal is published: whatever becomes of the plan, no reference leads nowhere.

use std::collections::BTreeMap;

use inzage::ecd::Kind;
use inzage::ecd::mock::{Cast, Shelf};
use inzage::ecd::ons::hook::What;
use inzage::sync::hooks::{Inbox, Worked};
use inzage::sync::{Decision, Want};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::dossier::{Dossiers, dangling};

/// Dossiers with a client who has reports about the goals of a plan.
struct World {
    dossiers: Dossiers,
    client: u64,
    /// The plan that the most reports are about.
    plan: Value,
}

/// The reports that are about a goal.
fn about(published: &BTreeMap<String, String>) -> usize {
    published
        .values()
        .filter(|body| body.contains(r#""focus":[{"reference":"Goal/"#))
        .count()
}

impl World {
    async fn new() -> Self {
        let client = Cast::default().everything;
        let dossiers = Dossiers::new(10, &[client]).await;
        let plans = dossiers.population.of(Shelf::CarePlans, client);
        let reports = dossiers.population.of(Shelf::Reports, client);
        let count = |plan: &Value| {
            let lines = plan["carePlanEntries"].as_array().unwrap();
            let is_of = |report: &&Value| lines.iter().any(|line| line["id"] == report["carePlanEntryId"]);
            reports.iter().filter(is_of).count()
        };
        let plan = plans
            .iter()
            .filter(|plan| plan["status"] == "ACTIVE")
            .max_by_key(|plan| count(plan));
        let plan = plan.expect("the client has a plan").clone();
        assert!(count(&plan) > 2, "few reports are about it");
        Self { dossiers, client, plan }
    }

    async fn loaded() -> Self {
        let world = Self::new().await;
        assert!(world.dossiers.sync(Want::Everything).await.is_complete());
        world
    }

    fn key(&self) -> String {
        self.plan["id"].to_string()
    }

    /// Changes the plan at the source and nothing else.
    fn change(&self, change: impl FnOnce(&mut Value)) {
        self.dossiers.clock.advance(SignedDuration::from_hours(1));
        let now = self.dossiers.clock.now();
        let key = self.key();
        assert!(
            self.dossiers
                .population
                .write(now, |edit| edit.change(Shelf::CarePlans, &key, change))
        );
    }

    fn remove(&self) {
        self.dossiers.clock.advance(SignedDuration::from_hours(1));
        let (now, key) = (self.dossiers.clock.now(), self.key());
        assert!(
            self.dossiers
                .population
                .write(now, |edit| edit.remove(Shelf::CarePlans, &key))
        );
    }

    fn put_back(&self) {
        self.dossiers.clock.advance(SignedDuration::from_hours(1));
        let (now, plan, key) = (self.dossiers.clock.now(), self.plan.clone(), self.key());
        self.dossiers.population.write(now, |edit| {
            edit.remove(Shelf::CarePlans, &key);
            edit.put(Shelf::CarePlans, plan);
        });
    }

    /// What is published, in which every reference leads somewhere.
    async fn published(&self) -> BTreeMap<String, String> {
        let published = self.dossiers.published(&[self.client]).await;
        assert_eq!(dangling(&published), Vec::<String>::new());
        published
    }
}

/// What happens to the plan, in words and at the source.
type Change<'a> = (&'static str, &'a dyn Fn(&World));

/// F16: records that were deleted or moved.
#[tokio::test]
async fn a_goal_that_goes_takes_the_references_to_it_along_and_brings_them_back() {
    let world = World::loaded().await;
    let before = world.published().await;
    let hide = |plan: &mut Value| {
        for line in plan["carePlanEntries"].as_array_mut().unwrap() {
            line["goalEntry"]["goal"]["hidden"] = json!(true);
        }
    };
    let changes: [Change<'_>; 3] = [
        ("removed", &World::remove),
        ("a draft again", &|world| {
            world.change(|plan| plan["status"] = json!("DRAFT"))
        }),
        ("its goals are hidden", &|world| world.change(hide)),
    ];
    for (what, happen) in changes {
        happen(&world);
        let report = world.dossiers.sync(Want::Changes).await;
        assert!(report.is_complete() && report.withdrawn > 0, "{what}: {report:#?}");
        let now = world.published().await;
        assert!(
            about(&now) < about(&before),
            "{what}: {} of {}",
            about(&now),
            about(&before)
        );
        let reports =
            |all: &BTreeMap<String, String>| all.keys().filter(|name| name.starts_with("Observation/")).count();
        assert_eq!(reports(&now), reports(&before), "{what}: the reports themselves stay");
        world.put_back();
        world.dossiers.sync(Want::Changes).await;
        world.published().await;
        assert!(world.dossiers.sync(Want::Everything).await.is_complete());
        assert_eq!(about(&world.published().await), about(&before), "{what}: and back");
    }
    let again = world.dossiers.sync(Want::Everything).await;
    assert_eq!((again.stored, again.withdrawn), (0, 0), "{again:#?}");
}

#[tokio::test]
async fn a_webhook_about_the_plan_is_enough() {
    let world = World::loaded().await;
    let before = world.published().await;
    world.remove();
    let inbox = Inbox::start(world.dossiers.store.db.clone(), world.dossiers.clock.clone());
    let what = What::Client(world.client.to_string());
    inbox
        .receive(&world.dossiers.tenant.id, "ons", Kind::CarePlan, what)
        .await
        .unwrap();
    let worked = world.dossiers.hooked().await.unwrap();
    assert!(matches!(worked, Worked::Done { .. }), "{worked:?}");
    assert!(about(&world.published().await) < about(&before));
}

#[tokio::test]
async fn a_plan_in_quarantine_is_none_to_refer_to() {
    let world = World::new().await;
    world.change(|plan| plan["status"] = json!(["ACTIVE"]));
    let report = world.dossiers.sync(Want::Everything).await;
    assert!(report.quarantined > 0, "{report:#?}");
    let without = about(&world.published().await);
    world.change(|plan| plan["status"] = json!("ACTIVE"));
    world.dossiers.sync(Want::Everything).await;
    assert!(about(&world.published().await) > without);

    // What was published of it before stays, and so does what refers to it.
    let before = world.published().await;
    world.change(|plan| plan["status"] = json!(["ACTIVE"]));
    world.dossiers.sync(Want::Changes).await;
    assert_eq!(about(&world.published().await), about(&before));
}

#[tokio::test]
async fn an_operator_who_lets_plans_go_leaves_no_reference_behind() {
    let world = World::loaded().await;
    let before = about(&world.published().await);
    world.dossiers.clock.advance(SignedDuration::from_hours(1));
    let plans = world.dossiers.population.of(Shelf::CarePlans, world.client);
    world.dossiers.population.write(world.dossiers.clock.now(), |edit| {
        for plan in &plans {
            edit.remove(Shelf::CarePlans, &plan["id"].to_string());
        }
    });
    let report = world.dossiers.sync(Want::Changes).await;
    assert!(
        report.held_by_kind.contains_key("care-plan"),
        "all of a kind at once: {report:#?}"
    );
    assert_eq!(about(&world.published().await), before);
    assert!(
        world
            .dossiers
            .decide(Some(Kind::CarePlan), Decision::Remove)
            .await
            .withdrawn
            > 0
    );
    assert_eq!(about(&world.published().await), 0);
}

#[tokio::test]
async fn a_plan_that_moves_to_another_client_is_not_referred_to_from_the_old_dossier() {
    let world = World::new().await;
    let other = Cast::default().hospital;
    world.dossiers.grant("account-of-the-other", other).await;
    assert!(world.dossiers.sync(Want::Everything).await.is_complete());
    let before = about(&world.published().await);
    world.change(|plan| plan["clientId"] = json!(other));
    let report = world.dossiers.sync(Want::Changes).await;
    assert_eq!(report.moved, 1, "{report:#?}");
    assert!(about(&world.published().await) < before);
    let both = world.dossiers.published(&[world.client, other]).await;
    assert_eq!(dangling(&both), Vec::<String>::new());
    // Back again, under ids that are new: the reports, whose map knows the first ones, refer to none of them.
    world.change(|plan| plan["clientId"] = json!(world.client));
    world.dossiers.sync(Want::Everything).await;
    world.published().await;
}
