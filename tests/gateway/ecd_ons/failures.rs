//! What a pull says when the source fails.

use super::*;

#[tokio::test]
async fn a_stream_that_breaks_is_never_complete() {
    for fault in [Fault::Break(70_000), Fault::Cut(70_001)] {
        let world = world(14).await;
        world.running.faults.add("/v0/xstream/reports/data", fault.clone(), 1);
        let brought = bring(&world.connect(), pull(world.everyone(), Reach::Full)).await;
        assert!(!brought.of(Kind::Report).is_empty());
        assert!(!brought.streams.contains(&Kind::Report), "{fault:?}");
        let path = "/v0/xstream/reports/data";
        assert_eq!(brought.failed, [(Kind::Report, None, Error::Truncated { path })]);
        assert!(brought.spent.requests > 10, "{:?}", brought.spent);
    }
}

#[tokio::test]
async fn a_page_for_people_is_not_an_empty_list() {
    let world = world(10).await;
    let client = world.population.cast().everything.to_string();
    world.running.faults.add("/v0/xstream/clients/data", Fault::Page, 1);
    world.running.faults.add("/v0/agenda/", Fault::MediaType, 1);
    world
        .running
        .faults
        .add("/v0/administration/dossier/care_plans", Fault::Cut(50), 9);
    let brought = bring(&world.connect(), pull([client.clone()].into(), Reach::Full)).await;
    let kinds: Vec<Kind> = brought.failed.iter().map(|(kind, ..)| *kind).collect();
    assert_eq!(kinds, [Kind::Client, Kind::CarePlan, Kind::AgendaOccurrence]);
    assert!(matches!(&brought.failed[0].2, Error::NotJson { found, .. } if found == "text/html"));
    assert!(matches!(&brought.failed[1].2, Error::Truncated { .. }));
    let whole = [(Kind::CareTeam, client.clone()), (Kind::SurveyResult, client)];
    assert_eq!(brought.complete, whole.into());
    assert!(!brought.streams.contains(&Kind::Client));
    // The reports about a goal wait for the plans, so what is absent from this stream is not gone.
    assert!(!brought.of(Kind::Report).is_empty() && !brought.streams.contains(&Kind::Report));
}

#[tokio::test]
async fn a_record_that_names_two_clients_is_nobodys() {
    let world = world(10).await;
    let clients: Vec<String> = world.everyone().into_iter().take(2).collect();
    let (a, b) = (&clients[0], &clients[1]);
    let twice = format!("{{\"id\": 1, \"clientId\": {a}, \"clientId\": {b}}}\n");
    let deep = format!(
        "{{\"id\": 2, \"clientId\": {a}, \"x\": {}{}}}\n",
        "[".repeat(90),
        "]".repeat(90)
    );
    let reports = format!("{twice}{deep}");
    world
        .running
        .faults
        .add("/v0/xstream/reports/data", Fault::Instead(reports), 1);
    let plans = format!("[{}]", twice.trim());
    world
        .running
        .faults
        .add("/v0/administration/dossier/care_plans", Fault::Json(plans), 1);
    let brought = bring(&world.connect(), pull([a.clone()].into(), Reach::Full)).await;
    assert!(brought.of(Kind::Report).is_empty() && !brought.streams.contains(&Kind::Report));
    assert_eq!(brought.bad.len(), 2, "{:?}", brought.bad);
    assert!(!brought.complete.contains(&(Kind::CarePlan, a.clone())));
    let problem = "a key occurs twice in one object";
    assert!(
        matches!(&brought.failed[..], [(Kind::CarePlan, _, Error::Shape { problem: found, .. })] if *found == problem)
    );
}

#[tokio::test]
async fn a_client_whose_care_providers_cannot_be_read_is_not_shown_without_them() {
    let world = world(10).await;
    let clients: Vec<String> = world.everyone().into_iter().take(2).collect();
    let path = format!("/v0/administration/clients/{}/careproviders", clients[0]);
    world.running.faults.add(&path, Fault::Status(403), 1);
    let brought = bring(&world.connect(), pull(clients.iter().cloned().collect(), Reach::Full)).await;
    let (broken, whole) = (&clients[0], &clients[1]);
    for kind in [Kind::Client, Kind::CareTeam] {
        let keys: Vec<&String> = brought.of(kind).iter().map(|record| &record.key).collect();
        assert_eq!(keys, [whole], "{kind}");
    }
    // Whether care has ended is told all the same.
    assert_eq!(brought.of(Kind::Stay).len(), 2);
    for kind in [Kind::CareProvider, Kind::Client] {
        assert!(!brought.streams.contains(&kind), "{kind}");
    }
    assert!(!brought.complete.contains(&(Kind::CareTeam, broken.clone())));
    let status = 403;
    let path = "/v0/administration/clients/{id}/careproviders";
    let told = (
        Kind::CareProvider,
        Some(broken.clone()),
        Error::NotAdmitted { path, status },
    );
    assert_eq!(brought.failed, [told]);
}

#[tokio::test]
async fn a_list_that_the_organisation_leaves_out_is_not_asked_for() {
    let world = world(10).await;
    let client = world.population.cast().everything.to_string();
    for path in ["/v0/administration/clients/", "/v0/xstream/insurances"] {
        world.running.faults.add(path, Fault::Status(403), 99);
    }
    let mut settings = world.settings();
    settings.without = OnsList::ALL.into();
    let brought = bring(&connector(settings), pull([client.clone()].into(), Reach::Full)).await;
    assert_eq!((&brought.error, &brought.failed[..]), (&None, &[][..]));
    assert_eq!(brought.of(Kind::Client)[0].body["careProviders"], json!([]));
    assert_eq!(brought.of(Kind::CareTeam).len(), 1);
    // What was published before the list was left out goes.
    assert!(
        brought
            .streams
            .is_superset(&[Kind::CareProvider, Kind::Insurance, Kind::Insurer].into())
    );
}

#[tokio::test]
async fn an_allocation_that_is_not_understood_leaves_the_stay_as_it_is() {
    let world = world(10).await;
    let client = world.population.cast().everything.to_string();
    world.population.write(world.clock.now(), |p| {
        assert!(
            p.change(Shelf::Clients, &client, |c| c["careAllocations"][0]["reason"] =
                json!("xyzzy"))
        )
    });
    let brought = bring(&world.connect(), pull([client.clone()].into(), Reach::Full)).await;
    assert!(brought.of(Kind::Stay).is_empty());
    let pointer = "/careAllocations/0/reason".to_owned();
    assert_eq!(brought.bad, [(Kind::Stay, Some(client), pointer)]);
    assert_eq!(brought.of(Kind::Client).len(), 1);
}

#[tokio::test]
async fn a_list_that_breaks_once_is_asked_for_again() {
    let world = world(10).await;
    let client = world.population.cast().everything.to_string();
    world
        .running
        .faults
        .add("/v0/administration/dossier/care_plans", Fault::Break(50), 1);
    world.running.faults.add("/v0/agenda/", Fault::Status(503), 1);
    let brought = bring(&world.connect(), pull([client].into(), Reach::Full)).await;
    assert_eq!((brought.failed.len(), brought.complete.len()), (0, 4));
}

#[tokio::test]
async fn employees_that_cannot_be_read_end_the_pull() {
    let world = world(10).await;
    world.running.faults.add("/v0/xstream/employees", Fault::Status(500), 9);
    let brought = bring(&world.connect(), pull(world.everyone(), Reach::Full)).await;
    let path = "/v0/xstream/employees/data";
    assert_eq!(
        brought.error,
        Some(Error::Busy {
            path,
            status: 500,
            attempts: 3
        })
    );
    assert!(brought.records.is_empty() && brought.streams.is_empty());
}

#[tokio::test]
async fn a_bad_record_is_told_and_the_rest_goes_on() {
    let world = world(10).await;
    let client = world.population.cast().everything;
    let key = world.population.of(Shelf::Reports, client)[3]["id"].to_string();
    let plan = world.population.of(Shelf::CarePlans, client)[0]["id"].to_string();
    world.population.write(world.clock.now(), |p| {
        p.change(Shelf::Reports, &key, |r| r["reportingDate"] = json!("gisteren"));
        p.change(Shelf::CarePlans, &plan, |r| r["status"] = json!("CONCEPT"));
    });
    let brought = bring(&world.connect(), pull([client.to_string()].into(), Reach::Full)).await;
    assert_eq!(
        brought.bad,
        [
            (Kind::CarePlan, Some(plan), "/status".to_owned()),
            (Kind::Report, Some(key), "/reportingDate".to_owned())
        ]
    );
    assert_eq!(
        brought.of(Kind::Report).len(),
        world.population.of(Shelf::Reports, client).len() - 1
    );
    assert!(brought.streams.contains(&Kind::Report));
}

#[tokio::test]
async fn a_plan_of_another_client_spoils_the_list() {
    let world = world(10).await;
    let cast = world.population.cast().clone();
    let plan = world.population.of(Shelf::CarePlans, cast.hospital)[0].to_string();
    let list = format!("{{\"carePlans\":[{plan}]}}");
    let path = format!("/v0/administration/dossier/care_plans/by_client/{}", cast.everything);
    world.running.faults.add(&path, Fault::Instead(list), 1);
    let client = cast.everything.to_string();
    let brought = bring(&world.connect(), pull([client.clone()].into(), Reach::Full)).await;
    assert_eq!(brought.of(Kind::CarePlan), Vec::<&Record>::new());
    assert_eq!(brought.bad, [(Kind::CarePlan, None, "/clientId".to_owned())]);
    assert!(!brought.complete.contains(&(Kind::CarePlan, client.clone())));
    assert!(brought.complete.contains(&(Kind::AgendaOccurrence, client)));
}

#[tokio::test]
async fn lines_that_cannot_be_read_are_told_and_keep_the_stream_from_being_whole() {
    let world = world(10).await;
    let client = world.population.cast().everything;
    let mut lines: Vec<String> = world
        .population
        .of(Shelf::Reports, client)
        .iter()
        .map(ToString::to_string)
        .collect();
    let good = lines.len();
    lines.insert(1, "{\"id\": 1, \"clientId\": 10101, \"comment\": \"afgebro".to_owned());
    lines.insert(3, format!("{{\"id\":2,\"comment\":\"{}\"}}", "x".repeat(2 << 20)));
    world
        .running
        .faults
        .add("/v0/xstream/reports/data", Fault::Instead(lines.join("\n") + "\n"), 1);
    let brought = bring(&world.connect(), pull([client.to_string()].into(), Reach::Full)).await;
    assert_eq!(brought.of(Kind::Report).len(), good);
    assert_eq!(
        brought.bad,
        [(Kind::Report, None, String::new()), (Kind::Report, None, String::new())]
    );
    assert!(!brought.streams.contains(&Kind::Report));
}

#[tokio::test]
async fn a_stream_may_come_as_one_json_list() {
    let world = world(10).await;
    let client = world.population.cast().everything;
    let reports = world.population.of(Shelf::Reports, client);
    for whole in [json!(reports), json!({"reports": reports})] {
        world
            .running
            .faults
            .add("/v0/xstream/reports/data", Fault::Json(whole.to_string()), 1);
        let brought = bring(&world.connect(), pull([client.to_string()].into(), Reach::Full)).await;
        assert_eq!(brought.of(Kind::Report).len(), reports.len());
        assert!(brought.streams.contains(&Kind::Report));
    }
}

/// F12: an ECD that is busy, or does not admit us.
#[tokio::test]
async fn a_source_that_says_when_to_come_back_is_asked_then() {
    let world = world(10).await;
    let client = world.population.cast().everything.to_string();
    world
        .running
        .faults
        .add("/v0/xstream/employees", Fault::Later(429, 1), 1);
    let began = std::time::Instant::now();
    let brought = bring(&world.connect(), pull([client.clone()].into(), Reach::Full)).await;
    assert!(began.elapsed() >= std::time::Duration::from_secs(1));
    assert!(brought.failed.is_empty() && brought.streams.contains(&Kind::Report));

    // Longer than a run should wait: it ends.
    world
        .running
        .faults
        .add("/v0/xstream/employees", Fault::Later(503, 900), 1);
    let before = world.running.served.requests();
    let connector = world.connect();
    let mut events = connector.pull(pull([client].into(), Reach::Full));
    let Some(Err(error)) = events.next().await else {
        panic!("the pull went on");
    };
    let path = "/v0/xstream/employees/data";
    assert_eq!(
        error,
        Error::Later {
            path,
            status: 503,
            seconds: 900
        }
    );
    assert!(events.next().await.is_none());
    assert_eq!(world.running.served.requests(), before + 1);
}

#[tokio::test]
async fn a_source_that_answers_nothing_any_more_is_left_alone() {
    let world = world(14).await;
    // Every list of a client.
    world.running.faults.add("/v0/a", Fault::Status(500), 10_000);
    world.running.faults.add("/v0/client", Fault::Status(500), 10_000);
    let connector = world.connect();
    let events: Vec<_> = connector.pull(pull(world.everyone(), Reach::Full)).collect().await;
    let last = events.last().unwrap().as_ref().unwrap_err();
    // Some were under way when the last of them failed.
    assert!(matches!(last, Error::GivenUp { failures: 8..16, .. }), "{last:?}");
}

#[tokio::test]
async fn on_a_bad_day_what_is_called_whole_is_whole() {
    type Keys = BTreeSet<(Kind, Option<String>, String)>;
    async fn taken(world: &World) -> (Keys, Vec<Event>, bool) {
        let ons = world.connect();
        let mut events = ons.pull(pull(world.everyone(), Reach::Full));
        let (mut keys, mut whole, mut failed) = (Keys::new(), Vec::new(), false);
        while let Some(event) = events.next().await {
            match event.map(Event::read) {
                Ok(Event::Record(record) | Event::Open(record)) => {
                    keys.insert((record.kind, record.client, record.key));
                }
                Ok(event @ (Event::Complete { .. } | Event::StreamComplete { .. })) => whole.push(event),
                Ok(Event::Failed { .. }) | Err(_) => failed = true,
                Ok(_) => {}
            }
        }
        (keys, whole, failed)
    }
    let (all, ..) = taken(&world(10).await).await;
    let (mut failures, mut lists) = (0, 0);
    for seed in 1..6 {
        let faults = "25:500,429,garbage,half,duplicates,disorder";
        let mishaps = faults.parse::<inzage::ecd::mock::Mishaps>().unwrap().seeded(seed);
        let world = world_with(10, |_| (), |options| options.mishaps = mishaps).await;
        let (keys, whole, failed) = taken(&world).await;
        failures += usize::from(failed);
        lists += whole.len();
        assert!(keys.is_subset(&all), "nothing is made up");
        for event in whole {
            let has = |it: &&(Kind, Option<String>, String)| match &event {
                Event::StreamComplete { kind } => it.0 == *kind,
                Event::Complete { kind, client } => it.0 == *kind && it.1.as_ref() == Some(client),
                _ => false,
            };
            let (expected, found) = (all.iter().filter(has).count(), keys.iter().filter(has).count());
            assert_eq!(found, expected, "seed {seed}: {event:?}");
        }
    }
    assert!(failures > 0 && lists > 20, "{failures} bad days, {lists} whole lists");
}

#[tokio::test]
async fn missed_events_are_asked_for_once_and_not_waited_for_long() {
    let path = "/webhooks/redeliver";
    let world = world(10).await;
    world.running.faults.add(path, Fault::Status(503), 5);
    let before = world.running.served.requests();
    let busy = Error::Busy {
        path,
        status: 503,
        attempts: 1,
    };
    assert_eq!(world.connect().redeliver().await, Err(busy));
    assert_eq!(world.running.served.requests() - before, 1);

    let slow = world_with(10, |_| (), |options| options.latency = Duration::from_secs(30)).await;
    let mut settings = slow.settings();
    settings.limits.connect = Duration::from_secs(1);
    let ons = connector(settings);
    let began = std::time::Instant::now();
    assert_eq!(ons.redeliver().await, Err(Error::Timeout { path }));
    // Others of the same certificate have every permit.
    let others = slow.connect();
    tokio::select! {
        biased;
        _ = future::join_all((0..4).map(|_| others.ping())) => panic!("they were to take longer"),
        asked = ons.redeliver() => assert_eq!(asked, Err(Error::Timeout { path })),
    }
    assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
}
