//! The step before any data: the person agrees to the organisation's terms, or the app gets nothing.
//!
//! # Design
//! Each person agrees for themselves, once a version. Without that there is no session either, so the account page with its names of clients
//! stays closed as well. A version that begins to hold while somebody is logged in is asked at their next login; what apps
//! hold goes on until then. What was agreed to is a line of its own with its time, and an audit line.

pub(crate) mod store;

use std::sync::Arc;

use jiff::Timestamp;

use super::answer::finish;
use super::{At, Login, Moved, Refused, Step, line};
use crate::audit::{self, Action, Outcome};
use crate::config::{Tenant, TermsVersion};
use crate::db::{Conn, Error};
use crate::oauth::request::{self, DENIED};

/// The version that this account has still to agree to.
pub(super) async fn open<'t>(
    conn: &mut Conn,
    tenant: &'t Tenant,
    account: &str,
    now: Timestamp,
) -> Result<Option<&'t Arc<TermsVersion>>, Error> {
    let Some(version) = tenant.terms_at(now) else {
        return Ok(None);
    };
    let agreed = store::accepted(conn, &tenant.id, account, &version.id).await?;
    Ok((!agreed).then_some(version))
}

impl Login {
    /// The person agrees to the version that was shown, or does not: then the app hears so.
    pub async fn agree(&self, at: At, version: String, agreed: bool) -> Result<Moved, Refused> {
        let login = self.clone();
        self.whole(async move {
            let (now, tenant) = (login.now(), &at.tenant);
            let mut tx = login.db.begin().await?;
            let standing = login.at_step(&mut tx, &at, now, |step| *step == Step::Terms).await?;
            // Another version begins to hold at midnight: nobody agrees to what they did not see.
            let asked = tenant.terms_at(now).ok_or(Refused::OtherStep)?.id.clone();
            if asked != version {
                return Err(Refused::OtherStep);
            }
            let account = standing.account()?.id.clone();
            let outcome = if agreed {
                Outcome::Success
            } else {
                Outcome::Refused("not-agreed")
            };
            let entry = line(&at, &standing.flow, Action::TermsAccepted, outcome, Some(&account));
            audit::write(&mut tx, &entry, now).await?;
            let moved = if agreed {
                store::accept(&mut tx, &tenant.id, &account, &version, now).await?;
                let session = match standing.session {
                    Some(_) => None,
                    None => login.establish(&mut tx, &at, &standing.flow, now).await?.0,
                };
                Moved {
                    session,
                    ..Moved::default()
                }
            } else {
                finish(&mut tx, tenant, &standing, now).await?;
                let to_app = request::deny(&mut tx, &standing.request, DENIED, now).await?;
                Moved {
                    to_app: Some(to_app),
                    ..Moved::default()
                }
            };
            tx.commit().await?;
            Ok(moved)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use jiff::SignedDuration;

    use super::*;
    use crate::config::Terms;
    use crate::login::world::{Browser, World, world};
    use crate::login::{Ask, Visit};

    /// Terms of the day before yesterday and of tomorrow; what each is known by.
    async fn with_terms() -> (World, [String; 2]) {
        let mut world = world(|_| {}).await;
        let today = world.tenant.today(world.now());
        let folder = tempfile::tempdir().unwrap();
        let [old, new] = [-2, 1].map(|days| today + jiff::Span::new().days(days));
        for day in [old, new] {
            std::fs::write(folder.path().join(format!("{day}.nl.txt")), format!("Van {day}.")).unwrap();
        }
        let terms = Terms::of_folder(Path::new(folder.path())).unwrap();
        let ids = [old, new].map(|day| terms.current(day).unwrap().id.clone());
        Arc::make_mut(&mut world.tenant).policy.terms = terms;
        (world, ids)
    }

    async fn agree(browser: &mut Browser<'_>, version: &str, agreed: bool) -> Result<Moved, Refused> {
        let moved = browser
            .world
            .login
            .agree(browser.at(), version.to_owned(), agreed)
            .await?;
        Ok(browser.keep(moved))
    }

    async fn told(world: &World) -> Vec<String> {
        let mut lines = world.audit().await;
        lines.retain(|line| line.starts_with("terms-accepted"));
        lines
    }

    #[tokio::test]
    async fn s1_1_s1_42_nobody_gets_a_session_before_they_agree_and_each_agrees_once() {
        let (world, [version, _]) = with_terms().await;
        for username in ["m.bakker", "r.smit"] {
            let mut browser = world.browser().await;
            browser.log_in(username).await;
            assert!(matches!(browser.ask().await, Ask::Terms(shown) if shown.id == version));
            assert!(browser.session.is_none(), "the account page is closed as well");
            assert!(world.login.own(&browser.at()).await.unwrap().is_none());
            let early = world
                .login
                .choose(browser.at(), crate::fhir::types::Id::parse("p1"))
                .await;
            assert!(matches!(early, Err(Refused::OtherStep)));
            agree(&mut browser, &version, true).await.unwrap();
            assert!(browser.session.is_some());
            assert!(!matches!(browser.ask().await, Ask::Terms(_)), "the login goes on");
            // From another browser, on another day of the same version.
            let mut again = browser.again().await;
            again.log_in(username).await;
            assert!(!matches!(again.ask().await, Ask::Terms(_)));
        }
        assert_eq!(told(&world).await, ["terms-accepted success "; 2]);
    }

    #[tokio::test]
    async fn who_does_not_agree_sends_the_app_away_and_is_asked_again() {
        let (world, [version, _]) = with_terms().await;
        let mut browser = world.browser().await;
        browser.log_in("m.bakker").await;
        let to_app = agree(&mut browser, &version, false).await.unwrap().to_app.unwrap();
        assert!(to_app.query().unwrap().contains("error=access_denied"), "{to_app}");
        assert!(browser.session.is_none());
        let mut again = browser.again().await;
        again.log_in("m.bakker").await;
        assert!(matches!(again.ask().await, Ask::Terms(_)));
        assert_eq!(told(&world).await, ["terms-accepted refused not-agreed"]);
    }

    #[tokio::test]
    async fn s1_4_a_new_version_is_asked_from_its_day_on_and_nobody_agrees_to_one_that_was_not_shown() {
        let (world, [old, new]) = with_terms().await;
        let mut browser = world.browser().await;
        browser.log_in("m.bakker").await;
        assert!(matches!(agree(&mut browser, &new, true).await, Err(Refused::OtherStep)));
        agree(&mut browser, &old, true).await.unwrap();
        world.clock.advance(SignedDuration::from_hours(24));
        let mut again = browser.again().await;
        again.log_in("m.bakker").await;
        assert!(matches!(again.ask().await, Ask::Terms(shown) if shown.id == new));
        assert!(matches!(agree(&mut again, &old, true).await, Err(Refused::OtherStep)));
        agree(&mut again, &new, true).await.unwrap();
        assert_eq!(told(&world).await.len(), 2);
    }

    #[tokio::test]
    async fn an_app_that_may_show_no_page_is_told_that_the_person_has_to_do_something() {
        let (world, [old, _]) = with_terms().await;
        // Five minutes before midnight in the Netherlands.
        let midnight = world.tenant.today(world.now()).tomorrow().unwrap();
        let midnight = midnight.to_zoned(world.tenant.zone.clone()).unwrap().timestamp();
        let before = midnight.duration_since(world.now()) - SignedDuration::from_mins(5);
        world.clock.advance(before);
        let mut browser = world.browser().await;
        browser.log_in("m.bakker").await;
        agree(&mut browser, &old, true).await.unwrap();
        for (minutes, error) in [(1, "consent_required"), (5, "interaction_required")] {
            world.clock.advance(SignedDuration::from_mins(minutes));
            let mut silent = browser.clone();
            silent.request = world
                .request("openid launch/patient patient/*.rs", &[("prompt", "none")])
                .await;
            match silent.look().await.unwrap() {
                Visit::ToApp(to) => assert!(to.query().unwrap().contains(&format!("error={error}")), "{to}"),
                Visit::Page(page) => panic!("{page:?}"),
            }
        }
    }

    #[tokio::test]
    async fn reading_the_terms_makes_the_login_no_younger() {
        let (world, [version, _]) = with_terms().await;
        let mut browser = world.browser().await;
        browser.log_in("m.bakker").await;
        let shown = world.now();
        world.clock.advance(SignedDuration::from_mins(9));
        agree(&mut browser, &version, true).await.unwrap();
        let mut read = world.db.read().await.unwrap();
        let session =
            crate::login::session::of_cookie(&mut read, &world.tenant.id, browser.session.as_deref(), world.now());
        let session = session.await.unwrap().unwrap();
        assert_eq!(
            (session.started_at, session.used_at),
            (shown, world.now()),
            "and it is in use"
        );
    }
}
