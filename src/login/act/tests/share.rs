//! Who else may look into a dossier.

use jiff::SignedDuration;

use super::super::share::Shared;
use super::*;
use crate::consent::{self, NewRight, Part, Parts, Role};
use crate::fhir::types::Id;

fn p1() -> Id {
    Id::parse("p1").unwrap()
}

/// The world with a contact of the client; the contact's account.
async fn with_contact() -> (World, String) {
    let world = world(|_| {}).await;
    let contact = world.account("c.bakker", &["p1"], Role::Contact, false).await;
    (world, contact)
}

async fn logged_in(world: &World, username: &str) -> At {
    let mut browser = world.browser().await;
    browser.log_in(username).await;
    form(world, &browser).await
}

async fn parts(world: &World, account: &str) -> Option<Parts> {
    let mut read = world.db.read().await.unwrap();
    let rights = consent::rights(&mut read, &world.tenant, account, world.now())
        .await
        .unwrap();
    rights
        .iter()
        .find(|right| right.patient == p1())
        .map(|right| right.parts)
}

async fn share(world: &World, at: &At, contact: &str, parts: Option<Parts>) -> Result<Vec<String>, Refused> {
    world.login.share(at.clone(), p1(), contact.to_owned(), parts).await
}

fn names(shared: &[Shared]) -> Vec<&str> {
    let people = shared.iter().flat_map(|one| &one.people);
    people.map(|person| person.name.as_str()).collect()
}

#[tokio::test]
async fn the_client_opens_one_part_to_a_contact_and_ends_the_access_and_every_manager_is_told() {
    let (world, contact) = with_contact().await;
    let at = logged_in(&world, "m.bakker").await;
    let shared = world.login.shared(&at).await.unwrap().unwrap();
    assert_eq!(
        (shared.len(), names(&shared)),
        (1, vec!["Mevrouw c.bakker", "Mevrouw r.smit"])
    );
    let appointments = Parts::of(&[Part::Appointments]);
    for wanted in [Some(appointments), Some(Parts::default()), Some(Parts::ALL), None] {
        world.clock.advance(SignedDuration::from_secs(1));
        let before = world.messages().await.len();
        share(&world, &at, &contact, wanted).await.unwrap();
        assert_eq!(parts(&world, &contact).await, wanted);
        let told = world.messages().await.split_off(before);
        let texts: Vec<&str> = told.iter().filter_map(|message| message["text"].as_str()).collect();
        assert_eq!(texts.len(), 2, "the client and the representative: {texts:?}");
        assert!(
            texts.iter().all(|text| text.contains("wie in het dossier mag kijken")),
            "{texts:?}"
        );
    }
    let lines = world.audit().await;
    let changes = lines.iter().filter(|line| line.starts_with("consent-changed success"));
    assert_eq!(changes.count(), 4);
    // Who has no access any more is like somebody who never had it.
    assert!(matches!(
        share(&world, &at, &contact, Some(Parts::ALL)).await,
        Err(Refused::OtherStep)
    ));
}

#[tokio::test]
async fn what_changes_nothing_tells_nobody_and_changes_have_a_bound() {
    let (world, contact) = with_contact().await;
    let at = logged_in(&world, "m.bakker").await;
    let counts = async || {
        let lines = world.audit().await;
        let changes = lines.iter().filter(|line| line.starts_with("consent-changed"));
        (world.messages().await.len(), changes.count())
    };
    let before = counts().await;
    share(&world, &at, &contact, Some(Parts::ALL)).await.unwrap();
    assert_eq!(counts().await, before, "they had all of it");
    let (mut changed, mut wanted) = (0, Parts::default());
    let wait = loop {
        world.clock.advance(SignedDuration::from_secs(1));
        match share(&world, &at, &contact, Some(wanted)).await {
            Ok(_) => changed += 1,
            Err(Refused::Wait(wait)) => break wait,
            Err(other) => panic!("{other}"),
        }
        assert!(changed < 100, "it has no end");
        wanted = if wanted == Parts::ALL {
            Parts::default()
        } else {
            Parts::ALL
        };
    };
    assert_eq!(changed, 20);
    let after = counts().await;
    assert_eq!(
        (after.0 - before.0, after.1 - before.1),
        (40, 20),
        "two are told of each"
    );
    // By then the second factor is no longer fresh; with a new login it goes on.
    world.clock.advance(wait);
    let at = logged_in(&world, "m.bakker").await;
    share(&world, &at, &contact, Some(wanted)).await.unwrap();
    assert_eq!(parts(&world, &contact).await, Some(wanted));
}

#[tokio::test]
async fn the_apps_of_a_contact_are_named_so_that_the_change_counts_at_once() {
    let (world, contact) = with_contact().await;
    let mut browser = world.browser().await;
    browser.log_in("c.bakker").await;
    browser.allow(&["patient/*.rs"]).await.unwrap();
    let mut read = world.db.read().await.unwrap();
    let given = grant::living(&mut read, &world.tenant.id, &contact, world.now())
        .await
        .unwrap();
    drop(read);
    let at = logged_in(&world, "m.bakker").await;
    let named = share(&world, &at, &contact, None).await.unwrap();
    assert_eq!(named, [given[0].id.clone()]);
}

#[tokio::test]
async fn a_contact_changes_nothing_and_nobody_changes_a_representative_or_another_dossier() {
    let (world, contact) = with_contact().await;
    let id = |name: &'static str| {
        let world = &world;
        async move {
            let mut read = world.db.read().await.unwrap();
            let found = account::by_name(&mut read, &world.tenant.id, name).await.unwrap();
            found.unwrap().0.id
        }
    };
    let (smit, nieuw) = (id("r.smit").await, id("n.nieuw").await);
    let as_contact = logged_in(&world, "c.bakker").await;
    assert!(world.login.shared(&as_contact).await.unwrap().unwrap().is_empty());
    let as_client = logged_in(&world, "m.bakker").await;
    let outside = world.audit().await.len();
    for (at, target) in [
        (&as_contact, contact.as_str()),
        (&as_contact, &smit),
        (&as_client, &smit),
        (&as_client, &nieuw),
        (&as_client, "nobody"),
    ] {
        assert!(matches!(share(&world, at, target, None).await, Err(Refused::OtherStep)));
    }
    for other in ["p2", "p3", "p9"] {
        let other = Id::parse(other).unwrap();
        let tried = world.login.share(as_client.clone(), other, smit.clone(), None).await;
        assert!(matches!(tried, Err(Refused::OtherStep)));
    }
    assert_eq!(world.audit().await.len(), outside, "nothing was changed");
    assert_eq!(parts(&world, &contact).await, Some(Parts::ALL));
    assert_eq!(parts(&world, &smit).await, Some(Parts::ALL));
}

#[tokio::test]
async fn nobody_gives_or_takes_what_they_may_not_see_themselves() {
    let (world, contact) = with_contact().await;
    let mut tx = world.db.begin().await.unwrap();
    let (smit, _) = account::by_name(&mut tx, &world.tenant.id, "r.smit")
        .await
        .unwrap()
        .unwrap();
    for (account, role, parts) in [
        (
            &smit.id,
            Role::Representative,
            Parts::of(&[Part::Plans, Part::Appointments]),
        ),
        (&contact, Role::Contact, Parts::of(&[Part::Reports, Part::Plans])),
    ] {
        let right = NewRight {
            patient: p1(),
            source_client: "ecd-p1".to_owned(),
            role,
            related: Id::parse("rp"),
            parts,
        };
        consent::grant(&mut tx, &world.tenant.id, account, &right, world.now())
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    let at = logged_in(&world, "r.smit").await;
    world.clock.advance(SignedDuration::from_secs(1));
    let wanted = Parts::of(&[Part::Profile, Part::Appointments]);
    share(&world, &at, &contact, Some(wanted)).await.unwrap();
    let now = Parts::of(&[Part::Reports, Part::Appointments]);
    assert_eq!(parts(&world, &contact).await, Some(now));
}

#[tokio::test]
async fn sharing_asks_a_fresh_second_factor() {
    let (world, contact) = with_contact().await;
    let at = logged_in(&world, "m.bakker").await;
    world.clock.advance(FRESH);
    assert!(matches!(
        share(&world, &at, &contact, None).await,
        Err(Refused::NotFresh)
    ));
    assert!(matches!(world.login.shared(&at).await, Err(Refused::NotFresh)));
    assert_eq!(parts(&world, &contact).await, Some(Parts::ALL));
    let forged = At {
        form: "x".to_owned(),
        ..at
    };
    assert!(matches!(
        share(&world, &forged, &contact, None).await,
        Err(Refused::Forged)
    ));
}

#[tokio::test]
async fn s2_3_the_client_hands_over_the_management_and_takes_it_back_and_nobody_hands_it_on() {
    let world = world(|policy| policy.accounts.may_delegate = true).await;
    let son = world.account("c.bakker", &["p1"], Role::Contact, false).await;
    let friend = world.account("d.bakker", &["p1"], Role::Contact, false).await;
    let client = logged_in(&world, "m.bakker").await;
    let of_son = logged_in(&world, "c.bakker").await;
    let reports = Parts::of(&[Part::Reports]);
    assert!(world.login.shared(&of_son).await.unwrap().unwrap().is_empty());
    let refused = share(&world, &of_son, &friend, Some(reports)).await;
    assert!(matches!(refused, Err(Refused::OtherStep)), "a contact manages nothing");

    share(&world, &client, &son, Some(reports.and(Parts::MANAGE)))
        .await
        .unwrap();
    assert_eq!(parts(&world, &son).await, Some(reports.and(Parts::MANAGE)));
    let seen = world.login.shared(&of_son).await.unwrap().unwrap();
    assert_eq!(names(&seen), ["Mevrouw d.bakker", "Mevrouw m.bakker", "Mevrouw r.smit"]);
    // What he may not see himself is not his to take or give, and neither is the management.
    world.clock.advance(SignedDuration::from_secs(1));
    let before = world.messages().await.len();
    share(&world, &of_son, &friend, Some(Parts::MANAGE)).await.unwrap();
    assert_eq!(parts(&world, &friend).await, Some(Parts::ALL.without(reports)));
    assert_eq!(
        world.messages().await.len() - before,
        3,
        "client, representative and son are told"
    );
    for other in [&son, &world.account_of("m.bakker").await] {
        let refused = share(&world, &of_son, other, Some(Parts::ALL)).await;
        assert!(
            matches!(refused, Err(Refused::OtherStep)),
            "not his own, and not the client's"
        );
    }

    world.clock.advance(SignedDuration::from_secs(1));
    share(&world, &client, &son, Some(reports)).await.unwrap();
    let refused = share(&world, &of_son, &friend, Some(reports)).await;
    assert!(matches!(refused, Err(Refused::OtherStep)), "at once");
}

#[tokio::test]
async fn where_the_organisation_does_not_allow_it_the_management_is_not_handed_over() {
    let (world, contact) = with_contact().await;
    let at = logged_in(&world, "m.bakker").await;
    share(&world, &at, &contact, Some(Parts::MANAGE)).await.unwrap();
    assert_eq!(parts(&world, &contact).await, Some(Parts::default()));
}

#[tokio::test]
async fn for_a_day_after_a_new_number_nothing_changes_in_what_others_may_see() {
    let (world, contact) = with_contact().await;
    let at = logged_in(&world, "m.bakker").await;
    world
        .login
        .new_number(at.clone(), "06-87654321".to_owned())
        .await
        .unwrap();
    let code = world.newest_code().await;
    world.login.confirm_number(at.clone(), code).await.unwrap();
    let none = Some(Parts::default());
    let refused = share(&world, &at, &contact, none).await;
    assert!(
        matches!(refused, Err(Refused::NewNumber(left)) if left == SignedDuration::from_hours(24)),
        "{refused:?}"
    );
    for (hours, works) in [(23, false), (1, true)] {
        world.clock.advance(SignedDuration::from_hours(hours));
        let at = logged_in(&world, "m.bakker").await;
        assert_eq!(share(&world, &at, &contact, none).await.is_ok(), works, "{hours}");
    }
    assert_eq!(parts(&world, &contact).await, none);
}
