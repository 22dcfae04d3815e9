//! What a pull brings.

use super::*;

#[tokio::test]
async fn a_full_pull_brings_the_dossiers_of_the_clients_asked_for_and_no_others() {
    let world = world(14).await;
    let cast = world.population.cast().clone();
    let wanted: BTreeSet<String> = [cast.everything, cast.pair[0], cast.departed]
        .map(|id| id.to_string())
        .into();
    let brought = bring(&world.connect(), pull(wanted.clone(), Reach::Full)).await;

    assert_eq!(
        (&brought.error, &brought.failed[..], &brought.bad[..]),
        (&None, &[][..], &[][..])
    );
    for (shelf, kind) in [
        (Shelf::Relations, Kind::ContactRelation),
        (Shelf::CarePlans, Kind::CarePlan),
        (Shelf::Insurances, Kind::Insurance),
        (Shelf::Reports, Kind::Report),
    ] {
        let keys: BTreeSet<String> = wanted
            .iter()
            .flat_map(|id| world.population.of(shelf, id.parse().unwrap()))
            .map(|record| record["id"].to_string())
            .collect();
        let got: BTreeSet<String> = brought.of(kind).iter().map(|record| record.key.clone()).collect();
        assert_eq!(got, keys, "{kind}");
    }
    for kind in [Kind::Client, Kind::Stay, Kind::CareTeam] {
        assert_eq!(brought.of(kind).len(), 3, "{kind}");
    }
    let cared_for = |provider: &&serde_json::Value| {
        let mut clients = provider["clientIds"].as_array().unwrap().iter();
        clients.any(|client| wanted.contains(&client.to_string()))
    };
    let providers = world.population.all(Shelf::CareProviders);
    assert_eq!(
        brought.of(Kind::CareProvider).len(),
        providers.iter().filter(cared_for).count()
    );
    assert_eq!(
        brought.of(Kind::Employee).len(),
        world.population.count(Shelf::Employees)
    );
    assert_eq!(
        brought.streams,
        BTreeSet::from([
            Kind::Employee,
            Kind::CareProvider,
            Kind::Insurer,
            Kind::Stay,
            Kind::Client,
            Kind::ContactRelation,
            Kind::Insurance,
            Kind::Survey,
            Kind::Report
        ])
    );
    for client in &wanted {
        assert!(brought.complete.contains(&(Kind::CarePlan, client.clone())));
        assert!(brought.complete.contains(&(Kind::CareTeam, client.clone())));
        assert!(brought.complete.contains(&(Kind::AgendaOccurrence, client.clone())));
    }
    assert_eq!(brought.order[..3], [Kind::Employee, Kind::CareTeam, Kind::CareProvider]);
    assert_eq!(brought.order.last(), Some(&Kind::Report));
    assert_eq!(brought.spent.throttled, 0);
}

#[tokio::test]
async fn records_come_repaired_and_joined() {
    let world = world(14).await;
    let cast = world.population.cast().clone();
    let wanted = [cast.everything, cast.pair[0]].map(|id| id.to_string()).into();
    let brought = bring(&world.connect(), pull(wanted, Reach::Full)).await;

    let reports = brought.of(Kind::Report);
    let escaped = reports
        .iter()
        .find(|r| r.body["comment"].as_str().unwrap().starts_with("RR <"))
        .unwrap();
    assert!(
        escaped.body["comment"]
            .as_str()
            .unwrap()
            .contains("café-muziek en zei: \"Dat helpt mij\"")
    );
    assert!(
        reports
            .iter()
            .all(|r| r.body.get("carenId").is_some() || r.body["employee"]["name"].is_string())
    );
    assert!(
        reports
            .iter()
            .all(|r| r.version.len() == "2026-11-20T11:00:00.000000Z".len())
    );
    assert!(
        brought
            .of(Kind::CarePlan)
            .iter()
            .all(|plan| plan.body["employee"]["name"].is_string())
    );

    // Who is the general practitioner is told with the client, without remarks; why care ended is not.
    let client = &brought.records[&Kind::Client][&cast.everything.to_string()].body;
    assert_eq!(
        client["careProviders"][0]["companyName"],
        "Huisartsenpraktijk Oosterwal"
    );
    assert_eq!(client.get("careAllocations"), None);
    let team = &brought.records[&Kind::CareTeam][&cast.everything.to_string()].body;
    let relations = team["employeeRelations"].as_array().unwrap();
    assert_eq!(relations.len(), 3, "the one that is over is left out");
    assert!(
        relations
            .iter()
            .all(|relation| relation["employee"]["name"].is_string())
    );

    let contact = &brought.records[&Kind::ContactRelation][&cast.first_contact.to_string()];
    assert!(contact.body["addresses"][0]["email"].is_string());
    for secret in ["residenceAccessInfo", "comments", "bsn", "freeField1"] {
        for record in brought
            .of(Kind::ContactRelation)
            .into_iter()
            .chain(brought.of(Kind::Client))
        {
            assert!(!record.body.to_string().contains(secret), "{secret}");
        }
    }

    // One occurrence of a group is one record for each client, and neither shows the other.
    let agenda = brought.of(Kind::AgendaOccurrence);
    let mut by_id: BTreeMap<&str, Vec<&Record>> = BTreeMap::new();
    for record in agenda {
        by_id
            .entry(record.body["id"].as_str().unwrap())
            .or_default()
            .push(record);
        let client = record.client.as_deref().unwrap();
        assert_eq!(record.body["clientId"].to_string(), client);
        assert_eq!(
            record.body["agendaClientInvitations"],
            json!([{"clientId": record.body["clientId"], "accepted": true}])
        );
    }
    assert!(by_id.values().any(|records| records.len() == 2));
}

#[tokio::test]
async fn a_later_pull_brings_what_changed_and_what_went_away() {
    let world = world(14).await;
    let cast = world.population.cast().clone();
    let wanted: BTreeSet<String> = [cast.everything, cast.pair[0]].map(|id| id.to_string()).into();
    let since = world.clock.now();
    let ons = world.connect();
    let quiet = bring(&ons, pull(wanted.clone(), Reach::Since(since))).await;
    for kind in [Kind::Employee, Kind::ContactRelation, Kind::Insurance, Kind::Report] {
        assert_eq!(quiet.of(kind), Vec::<&Record>::new(), "{kind}");
    }
    assert!(quiet.streams.is_empty());

    let reports = world.population.of(Shelf::Reports, cast.everything);
    let [hidden, moved] = [&reports[0], &reports[1]].map(|report| report["id"].to_string());
    let left = cast.pair[0].to_string();
    // Within the overlap and before the moment asked for: must not be lost.
    let earlier: Timestamp = since - SignedDuration::from_mins(12);
    world.population.write(earlier, |p| {
        assert!(p.change(Shelf::Reports, &hidden, |r| r["hidden"] = json!(true)))
    });
    world.clock.advance(SignedDuration::from_mins(30));
    world.population.write(world.clock.now(), |p| {
        assert!(p.change(Shelf::Reports, &moved, |r| r["clientId"] = json!(cast.hospital)));
        assert!(p.change(
            Shelf::Addresses,
            &(cast.first_contact * 10).to_string(),
            |a| a["city"] = json!("Urk")
        ));
        assert!(p.remove(Shelf::Clients, &left));
    });

    let brought = bring(&ons, pull(wanted, Reach::Since(since))).await;
    let report = brought.of(Kind::Report);
    assert_eq!(report.len(), 1);
    assert_eq!((&report[0].key, &report[0].body["hidden"]), (&hidden, &json!(true)));
    assert_eq!(brought.outside, [(Kind::Report, moved)]);
    let gone = [Kind::Stay, Kind::Client, Kind::CareTeam].map(|kind| (kind, left.clone()));
    assert_eq!(brought.deleted, gone);
    let contact = brought.of(Kind::ContactRelation);
    assert_eq!(contact.len(), 1);
    assert_eq!(contact[0].body["addresses"][0]["city"], "Urk");
    assert_eq!(contact[0].version, "2026-11-22T06:30:00.000000Z");
    // A client who is gone has no lists: failed, not complete.
    assert!(!brought.complete.contains(&(Kind::CarePlan, left.clone())));
    assert!(
        brought
            .failed
            .iter()
            .all(|(_, client, _)| client.as_ref() == Some(&left))
    );
    assert_eq!(brought.failed.len(), 4);
}

#[tokio::test]
async fn two_hundred_clients_are_pulled_without_one_429() {
    let world = world_with(
        200,
        |shape| (shape.report_days, shape.agenda_days) = (2, (1, 3)),
        |options| options.latency = Duration::from_millis(2),
    )
    .await;
    // Two connectors with one certificate, as two tenants of a demo: together they have four permits.
    let (one, two) = (world.connect(), world.connect());
    let pulls = [&one, &two].map(|ons| bring(ons, pull(world.everyone(), Reach::Full)));
    for brought in future::join_all(pulls).await {
        assert_eq!((brought.complete.len(), brought.failed.len()), (800, 0));
        assert_eq!(brought.spent.throttled, 0);
    }
    assert_eq!(world.running.served.throttled(), 0);
    assert!(world.running.served.requests() > 800);
}

/// `cargo test --release --test gateway ecd_ons::pulls::speed -- --ignored --nocapture`
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints figures; needs a release build to mean something"]
async fn speed() {
    let world = world_with(300, |shape| *shape = Shape::new(300, 5, date(2026, 11, 22)), |_| ()).await;
    let contracts = Contracts::builtin("ons").unwrap();
    let reports = world.population.all(Shelf::Reports);
    let started = std::time::Instant::now();
    assert!(
        reports
            .iter()
            .all(|report| contracts.check(Kind::Report, report).is_ok())
    );
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "contract: {:.0} reports a second on one core",
        reports.len() as f64 / seconds
    );

    let ons = world.connect();
    let started = std::time::Instant::now();
    let mut records = 0_u32;
    let mut events = ons.pull(pull(world.everyone(), Reach::Full));
    while let Some(event) = events.next().await {
        records += u32::from(matches!(event, Ok(Event::Record(_) | Event::Unread(_))));
    }
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "pull: {records} records, {:.0} a second, mock and TLS on the same machine",
        f64::from(records) / seconds
    );
}

#[tokio::test]
async fn near_the_end_of_the_days_time_only_what_cannot_wait_is_read() {
    let world = world(10).await;
    let ons = world.connect();
    ons.allow(Duration::ZERO);
    let brought = bring(&ons, pull(world.everyone(), Reach::Full)).await;
    for kind in [Kind::Employee, Kind::Client, Kind::ContactRelation] {
        assert!(brought.streams.contains(&kind), "{kind}");
    }
    // A report about a goal waits for the plans; what is hidden does not.
    let reports = brought.of(Kind::Report);
    let about_a_goal = |record: &&&Record| record.body["carePlanEntryId"].is_u64();
    assert!(reports.len() > 20);
    assert!(
        reports
            .iter()
            .filter(about_a_goal)
            .all(|record| record.body["hidden"] == true || record.body["confidential"] == true)
    );
    // Who is around a client belongs to the client: without it he would not come either.
    assert!(
        brought.complete.iter().all(|(kind, _)| *kind == Kind::CareTeam),
        "no other list was read"
    );
    assert_eq!(brought.failed.len(), 30, "three lists of ten clients");
    let is_told = |(_, _, error): &(Kind, Option<String>, Error)| matches!(error, Error::Budget { .. });
    assert!(brought.failed.iter().all(is_told), "{:?}", brought.failed);

    ons.allow(Duration::from_secs(3600));
    let brought = bring(&ons, pull(world.everyone(), Reach::Full)).await;
    assert_eq!((brought.complete.len(), brought.failed.len()), (40, 0));
}
