use super::*;
use crate::account::throttle::NAME;
use crate::account::{CreateError, Hasher, Keys, New, create};
use crate::config::{Policy, Tenant};
use crate::db::Dialect;
use crate::db::fresh::fresh;
use crate::secret::{MasterKey, Random, Secret};

fn tenant() -> Tenant {
    Tenant {
        id: TenantId::parse("topaz").unwrap(),
        name: "Topaz".to_owned(),
        zone: jiff::tz::TimeZone::UTC,
        policy: Policy::default(),
        source: None,
        map_patches: None,
    }
}

fn new(username: &str) -> New {
    New {
        username: username.to_owned(),
        password: Secret::new("een regen dag".to_owned()),
        mobile: "06-12345678".to_owned(),
        name: "Mevrouw Bakker".to_owned(),
        email: Some("m@example.org".to_owned()),
        first_login: false,
    }
}

#[tokio::test]
async fn every_statement_is_read_by_the_database() {
    let (_dir, db) = fresh().await;
    let mut read = db.read().await.unwrap();
    for (name, sql) in STATEMENTS {
        assert!(read.prepare(*sql).await.is_ok(), "{name}");
    }
}

#[tokio::test]
async fn an_account_is_found_by_its_name_in_any_case_and_only_at_its_tenant() {
    let (_dir, db) = fresh().await;
    let master = MasterKey::new(&[3; 32]);
    let (tenant, random) = (tenant(), Random::seeded(3));
    let (keys, hasher) = (Keys::new(&master), Hasher::new(&master, &random));
    let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
    let ready = new("M.Bakker")
        .prepare(&tenant, &keys, &hasher, now, &random)
        .await
        .unwrap();
    let mut tx = db.begin().await.unwrap();
    let id = create(&mut tx, &tenant, &ready, now).await.unwrap();
    let (found, hash) = by_name(&mut tx, &tenant.id, " m.bakkeR ").await.unwrap().unwrap();
    assert_eq!((found.id.as_str(), found.state), (id.as_str(), State::Active));
    assert_eq!(found.mobile(&keys, &tenant.id).unwrap().expose(), "+31612345678");
    assert!(!found.mobile.windows(4).any(|part| part == b"3161"));
    let other = TenantId::parse("amaris").unwrap();
    assert!(by_name(&mut tx, &other, "m.bakker").await.unwrap().is_none());
    assert!(found.mobile(&keys, &other).is_none());

    assert!(
        change_password(&mut tx, &tenant.id, &id, &hash, "new", 2, now)
            .await
            .unwrap()
    );
    assert!(
        !change_password(
            &mut tx,
            &tenant.id,
            &id,
            &hash,
            "late",
            2,
            now + SignedDuration::from_secs(1)
        )
        .await
        .unwrap()
    );
    assert!(
        old_passwords(&mut tx, &tenant.id, &id, 12)
            .await
            .unwrap()
            .contains(&hash)
    );
    assert!(set_state(&mut tx, &tenant.id, &id, State::Locked, now).await.unwrap());
    assert!(!find(&mut tx, &tenant.id, &id).await.unwrap().unwrap().0.usable(now));
    tx.commit().await.unwrap();

    let again = new("m.bakker")
        .prepare(&tenant, &keys, &hasher, now, &random)
        .await
        .unwrap();
    let mut tx = db.begin().await.unwrap();
    let error = create(&mut tx, &tenant, &again, now).await.unwrap_err();
    assert!(matches!(error, CreateError::UsernameTaken), "{error:?}");
}

#[tokio::test]
async fn an_account_with_bad_data_is_refused_with_the_reason() {
    let master = MasterKey::new(&[3; 32]);
    let (tenant, random) = (tenant(), Random::seeded(3));
    let (keys, hasher) = (Keys::new(&master), Hasher::new(&master, &random));
    let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
    let bad = [
        New {
            username: "a b c".to_owned(),
            ..new("x")
        },
        New {
            mobile: "0900-1234".to_owned(),
            ..new("m.bakker")
        },
        New {
            name: " ".to_owned(),
            ..new("m.bakker")
        },
        New {
            email: Some("x".to_owned()),
            ..new("m.bakker")
        },
        New {
            password: Secret::new("kort".to_owned()),
            ..new("m.bakker")
        },
    ];
    let mut reasons = Vec::new();
    for new in bad {
        reasons.push(
            new.prepare(&tenant, &keys, &hasher, now, &random)
                .await
                .unwrap_err()
                .to_string(),
        );
    }
    let starts = [
        "the user name",
        "the mobile",
        "the name",
        "the e-mail",
        "the password breaks",
    ];
    assert!(
        reasons
            .iter()
            .zip(starts)
            .all(|(reason, start)| reason.starts_with(start)),
        "{reasons:?}"
    );
    assert_eq!(hasher.runs(), 0);
}

#[tokio::test]
async fn counters_in_parallel_lose_no_failure() {
    let (_dir, db) = fresh().await;
    let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
    let tenant = TenantId::parse("topaz").unwrap();
    let tasks: Vec<_> = (0..10)
        .map(|_| {
            let (db, tenant) = (db.clone(), tenant.clone());
            tokio::spawn(async move {
                let mut tx = db.begin().await.unwrap();
                failed(&mut tx, &tenant, "name:a", &NAME, now).await.unwrap();
                tx.commit().await.unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let mut tx = db.begin().await.unwrap();
    assert_eq!(tries(&mut tx, &tenant, "name:a").await.unwrap().failures, 10);
    succeeded(&mut tx, &tenant, "name:a").await.unwrap();
    assert_eq!(tries(&mut tx, &tenant, "name:a").await.unwrap(), Tries::default());
    assert_eq!(drop_old_tries(&mut tx, now).await.unwrap(), 0);
}

/// Everybody who is done deletes the row that the others wait for, as a right password does.
#[tokio::test]
async fn what_is_held_is_held_although_the_row_is_deleted_meanwhile() {
    const ONE_MORE: i64 = 1;
    let (_dir, db) = fresh().await;
    let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
    let topaz = tenant().id;
    let mut tx = db.begin().await.unwrap();
    hold(&mut tx, &topaz, "counted").await.unwrap();
    tx.commit().await.unwrap();
    let mut all = tokio::task::JoinSet::new();
    for at in 0..50 {
        let (db, topaz) = (db.clone(), topaz.clone());
        all.spawn(async move {
            let mut tx = db.begin().await.unwrap();
            hold(&mut tx, &topaz, "held").await.unwrap();
            let counted = tries(&mut tx, &topaz, "counted").await.unwrap().failures;
            tokio::task::yield_now().await;
            let count = params![topaz.as_str(), "counted", counted + ONE_MORE, now, now];
            tx.execute(COUNT, count).await.unwrap();
            match at % 2 {
                0 => succeeded(&mut tx, &topaz, "held").await.unwrap(),
                _ => drop(drop_old_tries(&mut tx, now).await.unwrap()),
            }
            tx.commit().await.unwrap();
        });
    }
    all.join_all().await;
    let counted = tries(&mut db.read().await.unwrap(), &topaz, "counted").await.unwrap();
    assert_eq!(counted.failures, 50, "two were in at once");
}

#[tokio::test]
async fn a_counter_that_somebody_holds_keeps_nobody_waiting_who_drops_old_ones() {
    let (_dir, db) = fresh().await;
    let tenant = TenantId::parse("topaz").unwrap();
    let before: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
    let mut tx = db.begin().await.unwrap();
    for bucket in ["held", "old"] {
        hold(&mut tx, &tenant, bucket).await.unwrap();
    }
    tx.commit().await.unwrap();
    let holding = match db.dialect() {
        // One writes at a time: whoever holds a counter keeps everybody else waiting as it is.
        Dialect::Sqlite => None,
        Dialect::Postgres => {
            let mut holding = db.begin().await.unwrap();
            hold(&mut holding, &tenant, "held").await.unwrap();
            Some(holding)
        }
    };
    let gone = if holding.is_some() { [1, 1] } else { [2, 0] };
    let drops = async || {
        let mut tx = db.begin().await.unwrap();
        let dropped = drop_old_tries(&mut tx, before).await.unwrap();
        tx.commit().await.unwrap();
        dropped
    };
    assert_eq!(drops().await, gone[0]);
    if let Some(holding) = holding {
        holding.commit().await.unwrap();
    }
    assert_eq!(drops().await, gone[1]);
}
