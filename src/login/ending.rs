//! What ends with a password and with an account: logins, trusted browsers, mailed links and the grants of apps.
//!
//! # Design
//! One function for every way to a new password and for closing, so that none of them forgets one of the four. Whoever calls
//! it also makes the process forget the tokens of the grants it returns (`oauth::token::forget`), after the commit.

use jiff::Timestamp;

use super::device;
use super::session::{self, Session};
use crate::account::link;
use crate::config::TenantId;
use crate::db::{self, Tx};
use crate::oauth::grant;

/// Ends every login of the account but `keep`, and everything that opens one. Returns the ids of the grants that ended.
pub(super) async fn end_logins(
    tx: &mut Tx,
    tenant: &TenantId,
    account: &str,
    keep: Option<&Session>,
    now: Timestamp,
) -> Result<Vec<String>, db::Error> {
    match keep {
        Some(session) => session::store::end_others(tx, tenant, account, &session.id, now).await?,
        None => session::store::end_sessions(tx, tenant, account, now).await?,
    };
    device::store::end_all(tx, tenant, account, now).await?;
    link::store::end_all(tx, tenant, account, now).await?;
    grant::revoke_account(tx, tenant, account, now).await
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::account::{self, State};
    use crate::config::SmsWhen;
    use crate::db::{Sql, params};
    use crate::login::world::{Browser, PASSWORD, World, world};
    use crate::secret::Secret;

    const DEVICES: Sql = Sql::both("SELECT COUNT(*) FROM login_device WHERE ended_at IS NULL");
    const OTHER: &str = "een heel andere regendag";

    /// What ends every login.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Way {
        OwnPassword,
        Link,
        Forced,
        Closing,
    }

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

    /// Goes that way; the grants that it names.
    async fn go(way: Way, world: &World, browser: &Browser<'_>) -> Vec<String> {
        let login = &world.login;
        let mut at = browser.at();
        at.form = login.acting(&at).await.unwrap().unwrap().form;
        let [current, new, again] = [PASSWORD, OTHER, OTHER].map(|text| Secret::new(text.to_owned()));
        match way {
            Way::OwnPassword => login.change_own_password(at, current, new, again).await.unwrap(),
            Way::Closing => login.close_account(at).await.unwrap(),
            Way::Link => {
                let (name, address) = ("m.bakker".to_owned(), "m.bakker@example.org".to_owned());
                login.forgot(at.clone(), name, address).await.unwrap();
                let link = world.newest_link().await;
                login.choose_password(at, link, new, again).await.unwrap()
            }
            Way::Forced => {
                let mut tx = world.db.begin().await.unwrap();
                let (found, _) = account::by_name(&mut tx, &world.tenant.id, "m.bakker")
                    .await
                    .unwrap()
                    .unwrap();
                let forced = State::MustChangePassword;
                account::set_state(&mut tx, &world.tenant.id, &found.id, forced, world.now())
                    .await
                    .unwrap();
                tx.commit().await.unwrap();
                world.clock.advance(SignedDuration::from_mins(2));
                let mut other = browser.again().await;
                other.log_in("m.bakker").await;
                other.change(PASSWORD, OTHER, OTHER).await.unwrap().ended
            }
        }
    }

    #[tokio::test]
    async fn every_new_password_and_closing_end_logins_browsers_links_and_apps() {
        for way in [Way::OwnPassword, Way::Link, Way::Forced, Way::Closing] {
            let world = world(|policy| policy.sms.when = SmsWhen::NewDeviceOrDays(90)).await;
            let tenant = &world.tenant.id;
            let id = world.address("m.bakker", "m.bakker@example.org").await.id;
            let mut elsewhere = world.browser().await;
            elsewhere.log_in_trusting("m.bakker").await;
            world.clock.advance(SignedDuration::from_mins(2));
            let mut here = world.browser().await;
            here.log_in_trusting("m.bakker").await;
            here.allow(&["patient/*.rs", "offline_access"]).await.unwrap();
            let mut tx = world.db.begin().await.unwrap();
            let (account, _) = account::find(&mut tx, tenant, &id).await.unwrap().unwrap();
            let invited = world.login.invite(&mut tx, &world.tenant, &account, world.now()).await;
            assert!(invited.unwrap());
            let given = grant::living(&mut tx, tenant, &id, world.now()).await.unwrap();
            tx.commit().await.unwrap();
            let link = world.newest_link().await;

            let ended = go(way, &world, &here).await;
            assert_eq!(ended, [given[0].id.as_str()], "{way:?}");
            assert_eq!(living(&world).await, 0, "{way:?}");
            assert!(world.login.open_link(tenant, &link).await.unwrap().is_none(), "{way:?}");
            let acting = async |browser: &Browser<'_>| world.login.acting(&browser.at()).await.unwrap().is_some();
            assert!(!acting(&elsewhere).await, "{way:?}");
            assert_eq!(acting(&here).await, way == Way::OwnPassword, "{way:?}");
            let row = world.db.read().await.unwrap().row(DEVICES, params![]).await;
            assert_eq!(row.unwrap().unwrap().int(0), 0, "{way:?}");
        }
    }
}
