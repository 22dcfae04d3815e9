//! What the product tells of a plan elsewhere: that the client agreed, and the ratings of the Omaha System.

use super::*;

/// Brings the dossier of `client` without these lists; with what it cost.
async fn brought(world: &World, client: u64, without: &[OnsList]) -> (u64, Brought) {
    let mut settings = world.settings();
    settings.without = without.iter().copied().collect();
    let before = world.running.served.requests();
    let brought = bring(&connector(settings), pull([client.to_string()].into(), Reach::Full)).await;
    (world.running.served.requests() - before, brought)
}

fn plan_in_force(world: &World, client: u64) -> String {
    let plans = world.population.of(Shelf::CarePlans, client);
    let mut in_force = plans.iter().filter(|plan| plan["status"] == "ACTIVE");
    let key = in_force.next().unwrap()["id"].to_string();
    assert!(in_force.next().is_none());
    key
}

/// The keys of the plans that came with an agreement.
fn agreed(brought: &Brought) -> Vec<String> {
    let plans = brought.of(Kind::CarePlan).into_iter();
    let agreed = plans.filter(|plan| plan.body.get("akkoord") == Some(&json!(true)));
    agreed.map(|plan| plan.key.clone()).collect()
}

#[tokio::test]
async fn a_plan_in_force_says_that_the_client_agreed_and_no_other_plan_is_asked_about() {
    let world = world(10).await;
    let client = world.population.cast().everything;
    let key = plan_in_force(&world, client);
    let (all, told) = brought(&world, client, &[]).await;
    assert_eq!(agreed(&told), std::slice::from_ref(&key));
    assert!(told.of(Kind::CarePlan).len() > 2, "there are others");
    let (less, told) = brought(&world, client, &[OnsList::Agreement]).await;
    assert_eq!((agreed(&told), all - less), (Vec::new(), 1), "one plan is in force");
    let complete = (Kind::CarePlan, client.to_string());
    assert!(told.complete.contains(&complete));

    // The agreement ends, and comes of something else or not at all.
    let other = world.population.get(Shelf::Agreements, &key).unwrap();
    let mut another = other.clone();
    another["clientId"] = json!(client + 1);
    for fault in [
        Fault::Status(500),
        Fault::Status(404),
        Fault::Status(403),
        Fault::Json("{}".to_owned()),
        Fault::Json(another.to_string()),
    ] {
        let path = "/v0/dossier/back_channel";
        world.running.faults.add(path, fault.clone(), 3);
        let (_, told) = brought(&world, client, &[]).await;
        assert!(!told.complete.contains(&complete), "{fault:?}");
        assert_eq!(told.of(Kind::CarePlan), Vec::<&Record>::new(), "{fault:?}");
        assert!(told.complete.contains(&(Kind::AgendaOccurrence, client.to_string())));
        world.running.faults.clear();
    }
    let now = world.clock.now();
    assert!(world.population.write(now, |edit| edit.remove(Shelf::Agreements, &key)));
    let (_, told) = brought(&world, client, &[]).await;
    assert_eq!(agreed(&told), Vec::<String>::new());
    assert!(told.complete.contains(&complete));
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

#[tokio::test]
async fn the_ratings_of_the_omaha_system_are_those_of_the_classification_that_the_plan_was_made_from() {
    let world = world(10).await;
    let client = world.population.cast().everything;
    let key = plan_in_force(&world, client);
    let (_, told) = brought(&world, client, &[]).await;
    let classification = world.population.of(Shelf::Classifications, client)[0].clone();
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
            (key.clone(), ratings)
        })
        .collect();
    assert_eq!(rated(&told), wanted);
    let (_, told) = brought(&world, client, &[OnsList::Omaha]).await;
    assert_eq!(rated(&told), []);

    let (id, now) = (classification["id"].as_str().unwrap(), world.clock.now());
    for (field, value) in [("status", json!("Draft")), ("viewAllowed", json!(false))] {
        let change = |edit: &mut inzage::ecd::mock::Edit<'_>| {
            edit.change(Shelf::Classifications, id, |one| one[field] = value.clone())
        };
        assert!(world.population.write(now, change));
        let (_, told) = brought(&world, client, &[]).await;
        assert_eq!(rated(&told), [], "{field}");
        world
            .population
            .write(now, |edit| edit.put(Shelf::Classifications, classification.clone()));
    }
    let mut another = classification.clone();
    another["clientId"] = json!(client + 1);
    for fault in [Fault::Status(500), Fault::Json(another.to_string())] {
        let path = "/v0/administration/omaha";
        world.running.faults.add(path, fault.clone(), 3);
        let (_, told) = brought(&world, client, &[]).await;
        assert_eq!(told.of(Kind::CarePlan), Vec::<&Record>::new(), "{fault:?}");
        assert!(
            told.complete.contains(&(Kind::SurveyResult, client.to_string())),
            "{fault:?}"
        );
        world.running.faults.clear();
    }
}
