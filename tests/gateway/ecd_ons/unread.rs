//! Reports are told apart by their bytes and by what is joined to them, without being read.

use inzage::ecd::mock::Edit;

use super::*;

type Change<'a> = &'a dyn Fn(&mut Edit<'_>);

/// What tells the reports of a client apart, and what each says when it is read.
async fn reports(world: &World, client: u64) -> BTreeMap<String, ([u8; 32], Record)> {
    let ons = world.connect();
    let events = ons.pull(pull(BTreeSet::from([client.to_string()]), Reach::Full));
    let unread = events.filter_map(async |event| match event {
        Ok(Event::Unread(unread)) => Some((unread.key.clone(), (unread.print, unread.read().unwrap()))),
        _ => None,
    });
    unread.collect().await
}

#[tokio::test]
async fn a_report_is_told_apart_by_its_bytes_its_author_its_goal_and_its_release() {
    let world = world(14).await;
    let client = world.population.cast().everything;
    let before = reports(&world, client).await;
    assert_eq!(before, reports(&world, client).await, "nothing changed");
    let field = |name: &str| {
        let found = before.values().find_map(|(_, record)| record.body[name].as_u64());
        found.expect("a client who has everything")
    };
    let (author, line) = (field("employeeId"), field("carePlanEntryId"));
    let plan = before
        .values()
        .find(|(_, record)| record.body["carePlanEntryId"] == line)
        .map(|(_, record)| record.body["doel"]["planId"].to_string())
        .expect("the goal is joined");
    let (changed, _) = before.first_key_value().unwrap();
    let (released, _) = before.last_key_value().unwrap();
    let row = json!({"id": 990_001, "resourceName": "Dossier.Report", "resourceId": released, "clientId": client,
        "recipientGroup": "client", "sharedAt": "2020-06-02T09:00:00.000+02:00",
        "unsharedAt": "2026-11-20T09:00:00.000+01:00"});
    let edits: [(&str, Change<'_>); 4] = [
        ("the report", &|edit| {
            assert!(edit.change(Shelf::Reports, changed, |report| report["comment"] = json!("Anders.")));
        }),
        ("its author", &|edit| {
            assert!(edit.change(Shelf::Employees, &author.to_string(), |employee| {
                employee["lastName"] = json!("Anders");
                employee["name"] = json!("A. Anders");
            }));
        }),
        ("its plan", &|edit| {
            assert!(edit.change(Shelf::CarePlans, &plan, |plan| plan["status"] = json!("OLD")));
        }),
        ("its release", &|edit| edit.put(Shelf::Releases, row.clone())),
    ];
    let mut before = before.clone();
    for (what, edit) in edits {
        world.population.write(world.clock.now(), edit);
        let after = reports(&world, client).await;
        assert!(after.keys().eq(before.keys()));
        let mut touched = 0;
        for (key, (print, record)) in &after {
            let (earlier, said) = &before[key];
            assert_eq!(print != earlier, record.body != said.body, "{what}: {key}");
            touched += usize::from(print != earlier);
        }
        assert!((1..after.len()).contains(&touched), "{what} touches {touched}");
        before = after;
    }
}

/// A report that breaks its contract is told as such by the reading.
#[tokio::test]
async fn a_report_that_breaks_its_contract_is_bad_when_it_is_read() {
    let world = world(15).await;
    let client = world.population.cast().everything;
    let key = reports(&world, client).await.keys().next().unwrap().clone();
    world.population.write(world.clock.now(), |edit| {
        assert!(edit.change(Shelf::Reports, &key, |report| report["comment"] = json!(7)));
    });
    let brought = bring(
        &world.connect(),
        pull(BTreeSet::from([client.to_string()]), Reach::Full),
    )
    .await;
    assert_eq!(brought.bad, [(Kind::Report, Some(key), "/comment".to_owned())]);
    assert!(
        brought.streams.contains(&Kind::Report),
        "its key was read, so the stream is whole"
    );
}
