//! What becomes of what was approved for a device that never comes.

use super::*;
use crate::db::{Sql, params};

#[tokio::test]
async fn t18_what_was_approved_for_a_device_that_came_too_late_or_never_ends() {
    let world = world().await;
    let approved = async || {
        let codes = body(world.codes(&[]).await);
        let request = world.type_in(text(&codes, "user_code")).await.unwrap();
        world.approve(&request, world.approval(&request)).await.unwrap();
        codes
    };
    let (late, never) = (approved().await, approved().await);
    assert_eq!(world.living().await, 2);
    world.clock.advance(LIFE);
    for _ in 0..2 {
        assert_eq!(error(world.poll(text(&late, "device_code")).await), "expired_token");
        assert_eq!(world.living().await, 1);
    }
    assert_eq!(
        world.audit().await.last().unwrap(),
        "token-issued refused device-code-expired"
    );
    let [account, app, grant] = world.named().await;
    assert_eq!(
        (account.as_ref(), app.as_deref()),
        (Some(&world.account), Some(TELEVISION))
    );
    world.clock.advance(SignedDuration::from_secs(1));
    let before = world.audit().await.len();
    // The clean-up of tokens, one long transaction, writes no line: that would hold the chain of the tenant all the while.
    let mut tx = world.issuer.db().begin().await.unwrap();
    token::purge(&mut tx, world.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!((world.living().await, world.audit().await.len()), (1, before));
    for ended in [1, 0] {
        assert_eq!(lapse(world.issuer.db(), world.clock.now()).await.unwrap(), ended);
        assert_eq!(world.living().await, 0);
        let lines = world.audit().await;
        assert_eq!(lines[before..], ["token-revoked success -"]);
    }
    let [account, app, other] = world.named().await;
    assert_eq!(
        (account.as_ref(), app.as_deref()),
        (Some(&world.account), Some(TELEVISION))
    );
    assert!(other.is_some() && other != grant);
    assert_eq!(error(world.poll(text(&never, "device_code")).await), "expired_token");
}

#[tokio::test]
async fn t18_a_device_is_not_forgotten_before_what_was_approved_for_it_has_ended() {
    let world = world().await;
    let codes = body(world.codes(&[]).await);
    let request = world.type_in(text(&codes, "user_code")).await.unwrap();
    world.approve(&request, world.approval(&request)).await.unwrap();
    world.clock.advance(LIFE + SignedDuration::from_secs(1));
    let now = world.clock.now();
    let mut tx = world.issuer.db().begin().await.unwrap();
    assert_eq!(store::purge(&mut tx, now).await.unwrap(), 0);
    tx.commit().await.unwrap();
    assert_eq!(lapse(world.issuer.db(), now).await.unwrap(), 1);
    let mut tx = world.issuer.db().begin().await.unwrap();
    assert_eq!(store::purge(&mut tx, now).await.unwrap(), 1);
    tx.commit().await.unwrap();
    assert_eq!(world.living().await, 0);
}

/// Grants for devices that never came, `count` of a tenant.
async fn never_came(world: &World, tenant: &str, count: i64) {
    const DEVICES: Sql = Sql::both(
        "INSERT INTO oauth_device (tenant, key, user_key, client_id, scope, state, pause, expires_at, grant_id) \
         SELECT tenant, 'key-' || tenant || id, 'user-' || id, client_id, scope, 'approved', 5, created_at, id FROM oauth_grant \
         WHERE tenant = $1",
    );
    const GRANTS: Sql = Sql::both(
        "INSERT INTO oauth_grant (tenant, id, client_id, account, patient, scope, auth_time, acr, amr, session, created_at, expires_at) \
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $2) \
         SELECT $1, 'g-' || i, 'television', $3, 'no id!', 'patient/*.rs', $4, 'acr', 'pwd', 's', $4, $5 FROM n",
    );
    let now = world.clock.now();
    let mut tx = world.issuer.db().begin().await.unwrap();
    let made = tx
        .execute(
            GRANTS,
            params![tenant, count, &world.account, now, now + SignedDuration::from_hours(24)],
        )
        .await;
    assert_eq!(made.unwrap(), u64::try_from(count).unwrap());
    tx.execute(DEVICES, params![tenant]).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn t18_a_round_ends_and_what_no_login_wrote_keeps_nothing_from_its_end() {
    let world = world().await;
    // Before all others, and more than are looked at together.
    never_came(&world, "no tenant!", PAGE + 1).await;
    world.clock.advance(SignedDuration::from_secs(1));
    never_came(&world, world.tenant.id.as_str(), PAGE + 1).await;
    world.clock.advance(LIFE);
    let now = world.clock.now();
    let before = world.audit().await.len();
    assert_eq!(lapse(world.issuer.db(), now).await.unwrap(), PAGE.unsigned_abs() + 1);
    assert_eq!(lapse(world.issuer.db(), now).await.unwrap(), 0);
    let lines = world.audit().await;
    assert_eq!(lines.len(), before + 101);
    assert!(lines[before..].iter().all(|line| line == "token-revoked success -"));
}
