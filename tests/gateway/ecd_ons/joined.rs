//! What the product tells of a plan elsewhere: that the client agreed, and the ratings of the Omaha System.

use super::*;

const AGREEMENT: &str = "/v0/dossier/back_channel";
const OMAHA: &str = "/v0/administration/omaha";

/// Brings the dossier of `client` without these lists; with what it cost.
async fn brought(world: &World, client: u64, without: &[OnsList], reach: Reach) -> (u64, Brought) {
    let mut settings = world.settings();
    settings.without = without.iter().copied().collect();
    let before = world.running.served.requests();
    let brought = bring(&connector(settings), pull([client.to_string()].into(), reach)).await;
    (world.running.served.requests() - before, brought)
}

/// The plans of a client in this state, the newest first.
fn plans(world: &World, client: u64, status: &str) -> Vec<String> {
    let mut plans = world.population.of(Shelf::CarePlans, client);
    plans.retain(|plan| plan["status"] == status);
    plans.sort_by_key(|plan| std::cmp::Reverse(plan["beginDate"].to_string()));
    plans.iter().map(|plan| plan["id"].to_string()).collect()
}

/// The keys of the plans that came with an agreement.
fn agreed(brought: &Brought) -> BTreeSet<String> {
    let plans = brought.of(Kind::CarePlan).into_iter();
    let agreed = plans.filter(|plan| plan.body.get("akkoord") == Some(&json!(true)));
    agreed.map(|plan| plan.key.clone()).collect()
}

/// The keys of the plans of which something could not be asked.
fn open(brought: &Brought) -> BTreeSet<String> {
    let open = brought.open.keys().filter(|(kind, _)| *kind == Kind::CarePlan);
    open.map(|(_, key)| key.clone()).collect()
}

fn is_whole(brought: &Brought, client: u64) -> bool {
    brought.complete.contains(&(Kind::CarePlan, client.to_string()))
}

#[tokio::test]
async fn a_plan_says_that_the_client_agreed_and_one_that_is_over_is_asked_about_once() {
    let world = world(10).await;
    let client = world.population.cast().everything;
    let [in_force, over] = ["ACTIVE", "OLD"].map(|status| plans(&world, client, status));
    assert_eq!((in_force.len(), over.len()), (1, 2));
    assert_eq!(
        plans(&world, client, "DRAFT").len(),
        1,
        "and one that nobody is asked about"
    );
    let all: BTreeSet<String> = in_force.iter().chain(&over).cloned().collect();
    brought(&world, client, &[OnsList::Agreement], Reach::Full).await;
    let (less, told) = brought(&world, client, &[OnsList::Agreement], Reach::Full).await;
    assert_eq!((agreed(&told), is_whole(&told, client)), (BTreeSet::new(), true));
    let (first, told) = brought(&world, client, &[], Reach::Full).await;
    assert_eq!((agreed(&told), first - less), (all.clone(), 3));
    let (again, told) = brought(&world, client, &[], Reach::Full).await;
    assert_eq!((agreed(&told), again - less), (all.clone(), 1));

    // It is over: what was told of it stays.
    let change = |edit: &mut inzage::ecd::mock::Edit<'_>| {
        edit.change(Shelf::CarePlans, &in_force[0], |plan| plan["status"] = json!("OLD"))
    };
    assert!(world.population.write(world.clock.now(), change));
    for asked in [1, 0] {
        let (then, told) = brought(&world, client, &[], Reach::Full).await;
        assert_eq!((agreed(&told), then - less), (all.clone(), asked));
        assert!(is_whole(&told, client));
    }
}

#[tokio::test]
async fn a_plan_whose_agreement_cannot_be_asked_is_open_and_the_list_is_whole() {
    let world = world(10).await;
    let client = world.population.cast().everything;
    let in_force = plans(&world, client, "ACTIVE");
    brought(&world, client, &[], Reach::Full).await;
    let agreement = world.population.get(Shelf::Agreements, &in_force[0]).unwrap();
    let mut another = agreement.clone();
    another["clientId"] = json!(client + 1);
    let refusal = |field: &str, value: &serde_json::Value| {
        let entry = json!({"field": field, "value": value, "message": "not found"});
        Fault::Answer(404, json!({"errorResponseEntries": [entry]}).to_string())
    };
    for fault in [
        Fault::Status(500),
        Fault::Status(404),
        Fault::Status(403),
        Fault::Json("{}".to_owned()),
        Fault::Json(another.to_string()),
        // Of a path that is not there, and of something else.
        refusal("path", &json!("")),
        refusal("clientId", &json!(client)),
        Fault::Answer(404, json!({"errorResponseEntries": []}).to_string()),
    ] {
        world.running.faults.add(AGREEMENT, fault.clone(), 3);
        let (_, told) = brought(&world, client, &[], Reach::Since(world.clock.now())).await;
        assert_eq!(open(&told), in_force.iter().cloned().collect(), "{fault:?}");
        assert!(is_whole(&told, client), "{fault:?}");
        assert_eq!(
            told.of(Kind::CarePlan).len(),
            3,
            "the draft and those that are over: {fault:?}"
        );
        let [(Kind::CarePlan, Some(_), error)] = &told.failed[..] else {
            panic!("{fault:?} {:?}", told.failed);
        };
        assert!(error.to_string().starts_with("/v0/dossier/back_channel"), "{error}");
        world.running.faults.clear();
    }
    for value in [json!(in_force[0]), json!(in_force[0].parse::<u64>().unwrap())] {
        world.running.faults.add(AGREEMENT, refusal("id", &value), 1);
        let (_, told) = brought(&world, client, &[], Reach::Full).await;
        assert_eq!((open(&told), told.failed.len()), (BTreeSet::new(), 0));
        assert!(!agreed(&told).contains(&in_force[0]));
    }
}

/// The lines with ratings, as they came.
fn rated(brought: &Brought) -> Vec<(String, serde_json::Value)> {
    let mut found = Vec::new();
    for plan in brought.of(Kind::CarePlan) {
        for line in plan.body["carePlanEntries"].as_array().unwrap() {
            if let Some(ratings) = line.get("omaha") {
                found.push((plan.key.clone(), ratings.clone()));
            }
        }
    }
    found
}

/// The first classification of a client.
fn classification(world: &World, client: u64) -> serde_json::Value {
    world.population.of(Shelf::Classifications, client)[0].clone()
}

#[tokio::test]
async fn the_ratings_of_the_omaha_system_are_those_of_the_classification_that_the_plan_was_made_from() {
    let world = world(10).await;
    let client = world.population.cast().everything;
    let in_force = plans(&world, client, "ACTIVE");
    let (_, told) = brought(&world, client, &[], Reach::Full).await;
    let classification = classification(&world, client);
    let problems = classification["omahaClassifiedProblems"].as_array().unwrap();
    assert!(!problems.is_empty());
    let wanted: Vec<_> = problems
        .iter()
        .map(|problem| {
            let rating = |name: &str| problem[format!("rating{name}")].clone();
            let ratings = json!({
                "kennis": rating("KnowledgeStart"), "gedrag": rating("BehaviorStart"), "status": rating("StatusSignalsStart"),
                "kennisDoel": rating("KnowledgeTarget"), "gedragDoel": rating("BehaviorTarget"),
                "statusDoel": rating("StatusSignalsTarget"),
            });
            (in_force[0].clone(), ratings)
        })
        .collect();
    assert_eq!(rated(&told), wanted);
    let (_, told) = brought(&world, client, &[OnsList::Omaha], Reach::Full).await;
    assert_eq!(rated(&told), []);

    let (id, now) = (classification["id"].as_str().unwrap(), world.clock.now());
    for (field, value) in [("status", json!("Draft")), ("viewAllowed", json!(false))] {
        let change = |edit: &mut inzage::ecd::mock::Edit<'_>| {
            edit.change(Shelf::Classifications, id, |one| one[field] = value.clone())
        };
        assert!(world.population.write(now, change));
        let (_, told) = brought(&world, client, &[], Reach::Full).await;
        assert_eq!(rated(&told), [], "{field}");
        world
            .population
            .write(now, |edit| edit.put(Shelf::Classifications, classification.clone()));
    }
    let mut another = classification.clone();
    another["clientId"] = json!(client + 1);
    for fault in [Fault::Status(500), Fault::Json(another.to_string())] {
        world.running.faults.add(OMAHA, fault.clone(), 3);
        let (_, told) = brought(&world, client, &[], Reach::Full).await;
        assert!(
            open(&told).contains(&in_force[0]) && is_whole(&told, client),
            "{fault:?}"
        );
        assert!(told.complete.contains(&(Kind::SurveyResult, client.to_string())));
        world.running.faults.clear();
    }
    // It is over: its ratings stay, and cost a request in a whole pull alone.
    let change = |edit: &mut inzage::ecd::mock::Edit<'_>| {
        edit.change(Shelf::CarePlans, &in_force[0], |plan| plan["status"] = json!("OLD"))
    };
    assert!(world.population.write(now, change));
    for reach in [Reach::Full, Reach::Since(now)] {
        let (_, told) = brought(&world, client, &[], reach).await;
        assert_eq!(rated(&told), wanted, "{reach:?}");
    }
    world.running.faults.add(OMAHA, Fault::Status(500), 3);
    let (_, told) = brought(&world, client, &[], Reach::Since(now)).await;
    assert_eq!(rated(&told), wanted, "nothing was asked");
    world.running.faults.clear();
}

#[tokio::test]
async fn the_newest_classification_of_a_plan_decides_also_when_it_may_not_be_seen() {
    let world = world(10).await;
    let client = world.population.cast().everything;
    let old = classification(&world, client);
    let now = world.clock.now();
    // A form of today, which is the newest, in any state that is done.
    let form = world.population.get(Shelf::Forms, old["id"].as_str().unwrap()).unwrap();
    let (mut form, mut new) = (form, old.clone());
    (form["id"], form["completedAt"]) = (json!(99_001), json!("2026-11-22T06:00:00.000+01:00"));
    (new["id"], new["surveyResultId"]) = (json!("99001"), json!(99_001));
    for problem in new["omahaClassifiedProblems"].as_array_mut().unwrap() {
        problem["ratingKnowledgeStart"] = json!(5);
        problem["ratingKnowledgeTarget"] = json!(9);
    }
    for state in ["Current", "Archived"] {
        (form["status"], new["status"], new["viewAllowed"]) = (json!(state), json!(state), json!(true));
        world.population.write(now, |edit| {
            edit.put(Shelf::Forms, form.clone());
            edit.put(Shelf::Classifications, new.clone());
        });
        let (_, told) = brought(&world, client, &[], Reach::Full).await;
        assert!(!rated(&told).is_empty(), "{state}");
        for (_, ratings) in rated(&told) {
            assert_eq!(
                (&ratings["kennis"], ratings.get("kennisDoel")),
                (&json!(5), None),
                "{state}"
            );
        }
        new["viewAllowed"] = json!(false);
        world
            .population
            .write(now, |edit| edit.put(Shelf::Classifications, new.clone()));
        let (_, told) = brought(&world, client, &[], Reach::Full).await;
        assert_eq!(rated(&told), [], "an older one does not stand in for it: {state}");
    }
}

#[tokio::test]
async fn a_form_without_a_classification_is_asked_about_once() {
    let world = world(10).await;
    let client = world.population.cast().everything;
    let classification = classification(&world, client);
    let id = classification["id"].as_str().unwrap();
    let forms = world.population.of(Shelf::Forms, client);
    let done = forms
        .iter()
        .filter(|form| form["status"] == "Current" || form["status"] == "Archived");
    let done = done.count() as u64;
    assert!(done > 2, "{done}");
    let now = world.clock.now();
    assert!(
        world
            .population
            .write(now, |edit| edit.remove(Shelf::Classifications, id))
    );
    brought(&world, client, &[OnsList::Omaha], Reach::Full).await;
    let (less, _) = brought(&world, client, &[OnsList::Omaha], Reach::Full).await;
    for asked in [done, 0] {
        let (all, told) = brought(&world, client, &[], Reach::Full).await;
        assert_eq!((all - less, rated(&told)), (asked, Vec::new()));
    }
    // Written anew, it may have one.
    assert!(world.population.write(now, |edit| {
        edit.put(Shelf::Classifications, classification.clone());
        edit.change(Shelf::Forms, id, |form| form["version"] = json!(2))
    }));
    let (all, told) = brought(&world, client, &[], Reach::Full).await;
    assert_eq!(all - less, 1);
    assert!(!rated(&told).is_empty());
}
