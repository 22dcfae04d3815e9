use super::*;
use crate::db::fresh::fresh;
use crate::resource::fixture::{all_of, at, draft, found, goal, id, store, tenant};
use crate::resource::{history, read, vread};
use serde_json::json;

const GOAL: ResourceType = ResourceType::Goal;

#[tokio::test]
async fn every_statement_prepares() {
    let (_dir, db) = fresh().await;
    let mut tx = db.begin().await.unwrap();
    for (name, sql) in STATEMENTS {
        tx.prepare(*sql)
            .await
            .unwrap_or_else(|error| panic!("{name}: {error:?}"));
    }
}

#[tokio::test]
async fn the_same_content_makes_no_new_version() {
    let (_dir, db) = fresh().await;
    let topaz = tenant("topaz");
    let drafts = [goal("g1", "p1", "lopen"), goal("g2", "p1", "eten")];
    assert_eq!(store(&db, &topaz, 0, &drafts).await, [Put::Created, Put::Created]);
    assert_eq!(store(&db, &topaz, 1, &drafts).await, [Put::Unchanged, Put::Unchanged]);
    let changed = [goal("g1", "p1", "fietsen"), goal("g2", "p1", "eten")];
    assert_eq!(store(&db, &topaz, 2, &changed).await, [Put::Updated, Put::Unchanged]);

    let mut conn = db.read().await.unwrap();
    let visible = all_of(&topaz, &["p1"]);
    let one = read(&mut conn, &visible, GOAL, &id("g1")).await.unwrap().unwrap();
    assert_eq!((one.version, one.last_updated, one.patient), (2, at(2), Some(id("p1"))));
    assert_eq!(
        one.body,
        r#"{"resourceType":"Goal","id":"g1","meta":{"versionId":"2","lastUpdated":"2026-11-22T10:00:02Z","profile":["urn:x"]},"description":{"text":"fietsen"}}"#
    );
    let two = read(&mut conn, &visible, GOAL, &id("g2")).await.unwrap().unwrap();
    assert_eq!((two.version, two.last_updated), (1, at(0)));
}

#[tokio::test]
async fn every_version_stays_readable_in_the_order_of_time() {
    let (_dir, db) = fresh().await;
    let topaz = tenant("topaz");
    for version in 1..=5 {
        store(&db, &topaz, version, &[goal("g1", "p1", &format!("v{version}"))]).await;
    }
    let mut conn = db.read().await.unwrap();
    let visible = all_of(&topaz, &["p1"]);
    for version in 1..=5 {
        let one = vread(&mut conn, &visible, GOAL, &id("g1"), version)
            .await
            .unwrap()
            .unwrap();
        assert_eq!((one.version, one.last_updated), (version, at(version)));
        assert!(one.body.contains(&format!(r#""text":"v{version}""#)), "{}", one.body);
    }
    assert_eq!(vread(&mut conn, &visible, GOAL, &id("g1"), 6).await.unwrap(), None);

    let first = history(&mut conn, &visible, GOAL, &id("g1"), 2, None)
        .await
        .unwrap()
        .unwrap();
    let versions = |page: &crate::resource::Versions| page.entries.iter().map(|one| one.version).collect::<Vec<_>>();
    assert_eq!((versions(&first), first.next), (vec![5, 4], Some(4)));
    let rest = history(&mut conn, &visible, GOAL, &id("g1"), 5, first.next)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((versions(&rest), rest.next), (vec![3, 2, 1], None));
}

#[tokio::test]
async fn what_is_withdrawn_leaves_every_path_and_its_versions_go_on_when_it_comes_back() {
    let (_dir, db) = fresh().await;
    let topaz = tenant("topaz");
    store(&db, &topaz, 0, &[goal("g1", "p1", "a"), goal("g2", "p1", "b")]).await;
    store(&db, &topaz, 1, &[goal("g1", "p1", "c")]).await;

    let items = [
        (GOAL, id("g1")),
        (GOAL, id("unknown")),
        (ResourceType::Condition, id("g2")),
    ];
    let mut tx = db.begin().await.unwrap();
    // Another dossier than where it is: left alone.
    assert_eq!(
        withdraw(&mut tx, &topaz.id, Some(&id("p2")), &items, at(2))
            .await
            .unwrap(),
        0
    );
    assert_eq!(
        withdraw(&mut tx, &topaz.id, Some(&id("p1")), &items, at(2))
            .await
            .unwrap(),
        1
    );
    tx.commit().await.unwrap();

    let mut conn = db.read().await.unwrap();
    let visible = all_of(&topaz, &["p1"]);
    assert_eq!(read(&mut conn, &visible, GOAL, &id("g1")).await.unwrap(), None);
    for version in 1..=3 {
        assert_eq!(
            vread(&mut conn, &visible, GOAL, &id("g1"), version).await.unwrap(),
            None
        );
    }
    assert!(
        history(&mut conn, &visible, GOAL, &id("g1"), 9, None)
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(found(&db, &visible, GOAL, &[]).await, ["g2"]);

    assert_eq!(store(&db, &topaz, 3, &[goal("g1", "p1", "c")]).await, [Put::Created]);
    let one = read(&mut conn, &visible, GOAL, &id("g1")).await.unwrap().unwrap();
    assert_eq!(one.version, 3);
    let all = history(&mut conn, &visible, GOAL, &id("g1"), 9, None)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(all.entries.len(), 1);
}

#[tokio::test]
async fn what_moves_to_another_client_leaves_the_old_dossier_with_its_history() {
    let (_dir, db) = fresh().await;
    let topaz = tenant("topaz");
    let carer = draft(ResourceType::Practitioner, "c1", None, json!({"active": true}));
    let goal = |patient, text: &str| {
        let elements = json!({"description": {"text": text}, "expressedBy": {"reference": "Practitioner/c1"}});
        draft(GOAL, "g1", Some(patient), elements)
    };
    store(&db, &topaz, 0, &[goal("p1", "a"), carer]).await;
    store(&db, &topaz, 1, &[goal("p1", "b")]).await;
    assert_eq!(store(&db, &topaz, 2, &[goal("p2", "b")]).await, [Put::Updated]);

    let mut conn = db.read().await.unwrap();
    let (old, new) = (all_of(&topaz, &["p1"]), all_of(&topaz, &["p2"]));
    assert_eq!(read(&mut conn, &old, GOAL, &id("g1")).await.unwrap(), None);
    assert!(
        history(&mut conn, &old, GOAL, &id("g1"), 9, None)
            .await
            .unwrap()
            .is_none()
    );
    assert!(found(&db, &old, GOAL, &[]).await.is_empty());
    assert!(found(&db, &old, ResourceType::Practitioner, &[]).await.is_empty());

    let all = history(&mut conn, &new, GOAL, &id("g1"), 9, None)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(all.entries.iter().map(|one| one.version).collect::<Vec<_>>(), [3]);
    assert_eq!(found(&db, &new, GOAL, &[]).await, ["g1"]);
    assert_eq!(found(&db, &new, ResourceType::Practitioner, &[]).await, ["c1"]);
}

#[tokio::test]
async fn two_tenants_may_have_the_same_ids() {
    let (_dir, db) = fresh().await;
    let (topaz, amaris) = (tenant("topaz"), tenant("amaris"));
    assert_eq!(store(&db, &topaz, 0, &[goal("g1", "p1", "a")]).await, [Put::Created]);
    assert_eq!(store(&db, &amaris, 0, &[goal("g1", "p1", "b")]).await, [Put::Created]);
    let mut tx = db.begin().await.unwrap();
    let items = [(GOAL, id("g1"))];
    assert_eq!(
        withdraw(&mut tx, &amaris.id, Some(&id("p1")), &items, at(1))
            .await
            .unwrap(),
        1
    );
    tx.commit().await.unwrap();
    assert_eq!(found(&db, &all_of(&topaz, &["p1"]), GOAL, &[]).await, ["g1"]);
    assert!(found(&db, &all_of(&amaris, &["p1"]), GOAL, &[]).await.is_empty());
}

#[tokio::test]
async fn a_draft_that_is_at_fault_stores_nothing_of_its_batch() {
    let (_dir, db) = fresh().await;
    let topaz = tenant("topaz");
    let mut wrong = goal("g2", "p1", "b");
    wrong.body.replace_range(..1, " ");
    let shared = draft(ResourceType::Practitioner, "c1", Some("p1"), json!({}));
    for bad in [wrong, shared, goal("g1", "p1", "again")] {
        let mut tx = db.begin().await.unwrap();
        let outcome = put(&mut tx, &topaz, at(0), &[goal("g1", "p1", "a"), bad]).await;
        assert!(matches!(outcome, Err(Error::Draft { .. })));
        drop(tx);
    }
    assert!(found(&db, &all_of(&topaz, &["p1"]), GOAL, &[]).await.is_empty());
}

#[tokio::test]
async fn a_large_batch_of_several_clients_and_types_goes_in_at_once() {
    let (_dir, db) = fresh().await;
    let topaz = tenant("topaz");
    let drafts: Vec<_> = (0..1_000)
        .map(|number| {
            let kind = [GOAL, ResourceType::Condition, ResourceType::Observation][number % 3];
            let patient = if number % 2 == 0 { "p1" } else { "p2" };
            let performer = json!([{"reference": format!("Practitioner/c{}", number % 7)}]);
            draft(
                kind,
                &format!("r{number}"),
                Some(patient),
                json!({"performer": performer}),
            )
        })
        .collect();
    assert_eq!(store(&db, &topaz, 0, &drafts).await, [Put::Created; 1_000]);
    assert_eq!(store(&db, &topaz, 1, &drafts).await, [Put::Unchanged; 1_000]);
    assert_eq!(found(&db, &all_of(&topaz, &["p1", "p2"]), GOAL, &[]).await.len(), 100);
}

#[tokio::test]
async fn two_writers_of_one_resource_make_two_versions_or_one_tries_again() {
    let (_dir, db) = fresh().await;
    let topaz = tenant("topaz");
    let writers = (0..6).map(|number| {
        let (db, topaz) = (db.clone(), topaz.clone());
        tokio::spawn(async move {
            let mut tx = db.begin().await.unwrap();
            match put(&mut tx, &topaz, at(number), &[goal("g1", "p1", &format!("w{number}"))]).await {
                Ok(_) => tx.commit().await.map(|()| 1).unwrap(),
                Err(Error::Db(db::Error::Retry)) => 0,
                Err(other) => panic!("{other:?}"),
            }
        })
    });
    let mut stored = 0;
    for writer in writers.collect::<Vec<_>>() {
        stored += writer.await.unwrap();
    }
    assert!(stored > 0);
    let mut conn = db.read().await.unwrap();
    let visible = all_of(&topaz, &["p1"]);
    let all = history(&mut conn, &visible, GOAL, &id("g1"), 20, None)
        .await
        .unwrap()
        .unwrap();
    let versions: Vec<_> = all.entries.iter().map(|one| one.version).collect();
    assert_eq!(versions, (1..=stored).rev().collect::<Vec<_>>());
}
