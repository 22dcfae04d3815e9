//! What a person sees and changes of their own account: the apps that have access, and the logins.
//!
//! # Design
//! The session says who it is, and each form carries the MAC of that session; a form of another session or another site
//! changes nothing. Withdrawing also forgets what was approved, so the app has to ask again.

use jiff::Timestamp;

use super::device::Device;
use super::session::{self, Session};
use super::{At, Login, Refused, device, store};
use crate::account;
use crate::audit::{self, Action, Entry, Outcome, Who};
use crate::oauth::grant::{self, Given};

/// How many logins are shown.
const LOGINS: i64 = 10;

/// The account of who is logged in in this browser.
#[derive(Clone)]
pub struct Own {
    pub name: String,
    /// What the person types as their name.
    pub username: String,
    /// What the forms of the page carry.
    pub form: String,
    /// What apps were given, the oldest first.
    pub given: Vec<Given>,
    /// The newest first.
    pub logins: Vec<PastLogin>,
    /// The trusted browsers, and whether it is the one that looks.
    pub devices: Vec<(Device, bool)>,
}

impl std::fmt::Debug for Own {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Own(…)")
    }
}

/// One login of the past month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PastLogin {
    pub at: Timestamp,
    /// With the SMS code.
    pub second: bool,
    /// On a trusted device, without a code.
    pub device: bool,
    pub now: Now,
}

/// What became of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Now {
    /// It is the one that looks.
    Here,
    /// It goes on in another browser.
    Elsewhere,
    Over,
}

impl Login {
    /// The account page; `None` for who is not logged in.
    pub async fn own(&self, at: &At) -> Result<Option<Own>, Refused> {
        let (now, tenant) = (self.now(), &at.tenant.id);
        let mut read = self.db.read().await?;
        let Some(here) = session::of_cookie(&mut read, tenant, at.session.as_deref(), now).await? else {
            return Ok(None);
        };
        let Some((account, _)) = account::find(&mut read, tenant, &here.account).await? else {
            return Ok(None);
        };
        let given = grant::given(&mut read, tenant, &account.id, now).await?;
        let logins = session::store::newest(&mut read, tenant, &account.id, LOGINS).await?;
        let devices = device::list(&mut read, at, &account.id, now).await?;
        Ok(Some(Own {
            name: account.name,
            username: account.username,
            form: self.form(&here.id),
            given,
            devices,
            logins: logins.iter().map(|login| past(login, &here, now)).collect(),
        }))
    }

    /// Takes back what one app got, or with `None` every app. Returns the ids of the grants that ended.
    pub async fn withdraw(&self, at: At, client_id: Option<String>) -> Result<Vec<String>, Refused> {
        let login = self.clone();
        self.whole(async move {
            let (now, tenant) = (login.now(), &at.tenant.id);
            let mut tx = login.db.begin().await?;
            let here = login.here(&mut tx, &at, now).await?;
            let living = grant::living(&mut tx, tenant, &here.account, now).await?;
            let mut apps: Vec<&str> = living.iter().map(|grant| grant.client_id.as_str()).collect();
            apps.retain(|app| client_id.as_deref().is_none_or(|wanted| wanted == *app));
            apps.sort_unstable();
            apps.dedup();
            for app in &apps {
                grant::revoke_app(&mut tx, tenant, &here.account, app, now).await?;
                store::forget_approvals(&mut tx, tenant, &here.account, app).await?;
                let patients: Vec<_> = living
                    .iter()
                    .filter(|grant| grant.client_id == *app)
                    .filter_map(|grant| grant.patient.clone())
                    .collect();
                let who = Who {
                    account: Some(here.account.clone()),
                    client_id: Some((*app).to_owned()),
                    ..Who::default()
                };
                let entry = Entry::new(tenant.clone(), Action::TokenRevoked, Outcome::Success)
                    .by(who)
                    .about(&patients)
                    .from(at.origin);
                audit::write(&mut tx, &entry, now).await?;
            }
            tx.commit().await?;
            let ended = living.iter().filter(|grant| apps.contains(&grant.client_id.as_str()));
            Ok(ended.map(|grant| grant.id.clone()).collect())
        })
        .await
    }
}

fn past(login: &Session, here: &Session, now: Timestamp) -> PastLogin {
    PastLogin {
        at: login.started_at,
        second: login.second,
        device: login.device.is_some(),
        now: match login.alive(now) {
            _ if login.id == here.id => Now::Here,
            true => Now::Elsewhere,
            false => Now::Over,
        },
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::login::world::{Browser, World, world};
    use crate::login::{Ask, Visit};

    const SCOPE: &str = "openid launch/patient patient/*.rs offline_access";

    /// Somebody who logged in and gave the app access.
    async fn given(world: &World) -> Browser<'_> {
        let mut browser = world.browser_for(SCOPE, &[]).await;
        browser.log_in("m.bakker").await;
        browser.allow(&["patient/*.rs", "offline_access"]).await.unwrap();
        browser
    }

    async fn own(world: &World, browser: &Browser<'_>) -> Own {
        world.login.own(&browser.at()).await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn p03_the_account_shows_what_apps_got_and_where_the_person_logged_in() {
        let world = world(|_| {}).await;
        let first = given(&world).await;
        world.clock.advance(SignedDuration::from_mins(1));
        let mut second = world.browser_for(SCOPE, &[("prompt", "consent")]).await;
        second.log_in("m.bakker").await;
        let own = own(&world, &second).await;
        assert_eq!(own.name, "Mevrouw m.bakker");
        assert_eq!(own.given.len(), 1);
        let app = &own.given[0];
        assert_eq!(
            (app.name.as_str(), app.client_id.as_str()),
            ("Proefapp", world.app.as_str())
        );
        assert_eq!(app.since, world.now() - SignedDuration::from_mins(1));
        assert!(app.scopes.to_string().contains("patient/*.rs"));
        let states: Vec<Now> = own.logins.iter().map(|login| login.now).collect();
        assert_eq!(states, [Now::Here, Now::Elsewhere]);
        assert!(own.logins.iter().all(|login| login.second));
        let seen = world.login.own(&first.at()).await.unwrap().unwrap();
        assert_eq!(seen.logins[1].now, Now::Here);
    }

    #[tokio::test]
    async fn a20_a_withdrawn_app_has_nothing_and_has_to_ask_again() {
        let world = world(|_| {}).await;
        let browser = given(&world).await;
        let mut at = browser.at();
        at.form = own(&world, &browser).await.form;
        let ended = world.login.withdraw(at.clone(), Some(world.app.clone())).await.unwrap();
        assert_eq!(ended.len(), 1);
        assert!(own(&world, &browser).await.given.is_empty());
        // Once more, there is nothing left to withdraw.
        assert!(world.login.withdraw(at, None).await.unwrap().is_empty());
        let lines = world.audit().await;
        assert_eq!(lines.last().unwrap().trim(), "token-revoked success");
        let mut again = browser.clone();
        again.request = world.request(SCOPE, &[]).await;
        let Visit::Page(page) = again.look().await.unwrap() else {
            panic!("the app got access without a question")
        };
        assert!(matches!(page.ask, Ask::Approve { .. }), "{:?}", page.ask);
    }

    #[tokio::test]
    async fn nobody_withdraws_without_the_form_of_their_own_session() {
        let world = world(|_| {}).await;
        let browser = given(&world).await;
        world
            .account("v.vreemd", &["p9"], crate::consent::Role::Client, false)
            .await;
        let mut stranger = world.browser_for(SCOPE, &[]).await;
        stranger.log_in("v.vreemd").await;
        let mut at = browser.at();
        at.form = own(&world, &stranger).await.form;
        assert!(matches!(world.login.withdraw(at, None).await, Err(Refused::Forged)));
        let mut at = stranger.at();
        at.form = own(&world, &stranger).await.form;
        let ended = world.login.withdraw(at.clone(), Some(world.app.clone())).await.unwrap();
        assert!(ended.is_empty());
        assert_eq!(own(&world, &browser).await.given.len(), 1);
        at.session = None;
        assert!(matches!(world.login.withdraw(at, None).await, Err(Refused::Gone)));
    }
}
