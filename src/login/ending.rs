//! What ends with a session and with a password: the grants of apps.

use super::world::{World, world};
use crate::oauth::grant;

/// Logs in, gives the app what it asks for, and signs out.
async fn granted(world: &World, scope: &str) {
    let mut browser = world.browser_for(scope, &[]).await;
    browser.log_in("m.bakker").await;
    let scopes: Vec<&str> = scope.split(' ').collect();
    browser.allow(&scopes).await.unwrap();
    let mut at = browser.at();
    at.form = world.login.own(&browser.at()).await.unwrap().unwrap().form;
    world.login.sign_out(at).await.unwrap().unwrap();
}

async fn living(world: &World) -> usize {
    let mut read = world.db.read().await.unwrap();
    let (account, _) = crate::account::by_name(&mut read, &world.tenant.id, "m.bakker")
        .await
        .unwrap()
        .unwrap();
    grant::living(&mut read, &world.tenant.id, &account.id, world.now())
        .await
        .unwrap()
        .len()
}

#[tokio::test]
async fn signing_out_ends_what_an_app_got_for_while_the_person_is_there() {
    let world = world(|_| {}).await;
    granted(&world, "launch/patient patient/*.rs online_access").await;
    assert_eq!(living(&world).await, 0);
}

#[tokio::test]
async fn signing_out_leaves_what_an_app_got_for_when_the_person_is_away() {
    let world = world(|_| {}).await;
    granted(&world, "launch/patient patient/*.rs offline_access").await;
    assert_eq!(living(&world).await, 1);
}
