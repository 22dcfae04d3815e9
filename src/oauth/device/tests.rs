mod ended;

use std::sync::Arc;

use futures::future::join_all;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::*;
use crate::oauth::request::{DENIED as NO, deny};
use crate::oauth::testing::{BASE, NATIVE, World, body, error, posted};
use crate::oauth::{app, grant, token};
use crate::secret::Random;

const TELEVISION: &str = "television";
const SCOPE: &str = "openid launch/patient patient/*.rs offline_access";

async fn world() -> World {
    let world = World::new().await;
    let metadata = json!({
        "client_id": TELEVISION, "client_name": "Televisie", "token_endpoint_auth_method": "none",
        "grant_types": [GRANT_TYPE, "refresh_token"],
    });
    let mut tx = world.issuer.db().begin().await.unwrap();
    let now = world.clock.now();
    let made = app::register(
        &mut tx,
        &world.tenant.id,
        &metadata,
        &world.config.oauth,
        now,
        &Random::Os,
    )
    .await;
    assert_eq!(made.unwrap()["grant_types"], json!([GRANT_TYPE, "refresh_token"]));
    tx.commit().await.unwrap();
    world
}

impl World {
    async fn codes(&self, changes: &[(&str, &str)]) -> Answer {
        let usual = [("client_id", TELEVISION), ("scope", SCOPE)];
        let kept = usual
            .iter()
            .filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
        let pairs: Vec<(&str, &str)> = kept.chain(changes).copied().collect();
        begin(&self.issuer, &self.tenant, posted(None, &pairs)).await.unwrap()
    }

    async fn type_in(&self, code: &str) -> Option<Request> {
        let mut tx = self.issuer.db().begin().await.unwrap();
        let code = UserCode::parse(code).unwrap();
        let found = typed(&mut tx, &self.issuer, &self.tenant.id, &code).await.unwrap();
        tx.commit().await.unwrap();
        found
    }

    async fn poll(&self, device_code: &str) -> Answer {
        let pairs = [
            ("grant_type", GRANT_TYPE),
            ("client_id", TELEVISION),
            ("device_code", device_code),
        ];
        self.post(&pairs).await
    }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}"))
}

#[tokio::test]
async fn t18_a_device_gets_its_tokens_when_the_person_has_approved_and_once() {
    let world = world().await;
    let codes = body(world.codes(&[]).await);
    assert_eq!(codes["verification_uri"], "https://gateway.example/topaz/device");
    let complete = format!(
        "https://gateway.example/topaz/device?user_code={}",
        text(&codes, "user_code")
    );
    assert_eq!(codes["verification_uri_complete"], complete);
    assert_eq!((&codes["expires_in"], &codes["interval"]), (&json!(600), &json!(5)));
    let device_code = text(&codes, "device_code");
    let before = world.audit().await.len();
    assert_eq!(error(world.poll(device_code).await), "authorization_pending");
    assert_eq!(world.audit().await.len(), before, "a device that waits leaves no line");

    let request = world.type_in(text(&codes, "user_code")).await.unwrap();
    assert!(request.is_for_a_device() && request.asks(request::Prompt::Consent));
    let url = world.approve(&request, world.approval(&request)).await.unwrap();
    assert!(
        url.as_str().starts_with("https://gateway.example/topaz/device/done?"),
        "{url}"
    );
    assert!(!url.as_str().contains("code="), "{url}");
    let tokens = body(world.poll(device_code).await);
    assert_eq!((&tokens["patient"], &tokens["scope"]), (&json!("p1"), &json!(SCOPE)));
    assert!(world.accepted(text(&tokens, "access_token")).await);
    let renewed = body(world.refresh(text(&tokens, "refresh_token")).await);
    assert!(world.accepted(text(&renewed, "access_token")).await);
    // Whoever comes with the code again shows that two hold it.
    assert_eq!(error(world.poll(device_code).await), "invalid_grant");
    assert!(!world.accepted(text(&renewed, "access_token")).await);
    assert_eq!(
        world.audit().await.last().unwrap(),
        "token-issued refused device-code-replayed"
    );
    let [account, app, grant] = world.named().await;
    assert_eq!(
        (account, app.as_deref()),
        (Some(world.account.clone()), Some(TELEVISION))
    );
    assert!(grant.is_some(), "the line names the grant that ended");
}

#[tokio::test]
async fn t18_a_device_that_asks_too_often_waits_longer_and_codes_expire() {
    let world = world().await;
    let codes = body(world.codes(&[]).await);
    let device_code = text(&codes, "device_code");
    let ask = async |after: i64| {
        world.clock.advance(SignedDuration::from_secs(after));
        error(world.poll(device_code).await)
    };
    assert_eq!(ask(0).await, "authorization_pending");
    assert_eq!(ask(4).await, "slow_down");
    assert_eq!(ask(5).await, "slow_down", "now it is ten seconds");
    assert_eq!(ask(15).await, "authorization_pending");
    let request = world.type_in(text(&codes, "user_code")).await.unwrap();
    world.clock.advance(SignedDuration::from_mins(10));
    assert_eq!(ask(0).await, "expired_token");
    assert!(world.type_in(text(&codes, "user_code")).await.is_none());
    assert!(matches!(
        world.approve(&request, world.approval(&request)).await,
        Err(Error::Answered)
    ));
}

#[tokio::test]
async fn t18_a_no_is_told_to_the_device() {
    let world = world().await;
    let codes = body(world.codes(&[]).await);
    let request = world.type_in(text(&codes, "user_code")).await.unwrap();
    let mut tx = world.issuer.db().begin().await.unwrap();
    let url = deny(&mut tx, &request, NO, world.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    assert!(url.as_str().contains("error=access_denied"), "{url}");
    assert_eq!(error(world.poll(text(&codes, "device_code")).await), "access_denied");
    assert!(world.type_in(text(&codes, "user_code")).await.is_none());
}

#[tokio::test]
async fn t18_who_types_a_code_again_takes_it_from_who_typed_it_before() {
    let world = world().await;
    let codes = body(world.codes(&[]).await);
    let first = world.type_in(text(&codes, "user_code")).await.unwrap();
    let second = world.type_in(text(&codes, "user_code")).await.unwrap();
    assert!(matches!(
        world.approve(&first, world.approval(&first)).await,
        Err(Error::Answered)
    ));
    world.approve(&second, world.approval(&second)).await.unwrap();
    body(world.poll(text(&codes, "device_code")).await);
}

#[tokio::test]
async fn t18_only_an_app_that_was_registered_for_it_and_asks_for_something_gets_codes() {
    let world = world().await;
    for (changes, code) in [
        (&[("client_id", NATIVE)][..], "unauthorized_client"),
        (&[("client_id", "nobody")], "invalid_client"),
        (&[("client_id", "")], "invalid_client"),
        (&[("scope", "")], "invalid_scope"),
        (&[("scope", "offline_access")], "invalid_scope"),
        (&[("resource", "https://gateway.example/amaris/fhir")], "invalid_target"),
        (&[("aud", "https://elsewhere.example")], "invalid_request"),
        (&[("aud", BASE)], "no error"),
    ] {
        assert_eq!(error(world.codes(changes).await), code, "{changes:?}");
    }
    let lines = world.audit().await;
    assert_eq!(lines.len(), 8, "one for each: {lines:?}");
    let codes = body(world.codes(&[]).await);
    let ask = async |client: &str, device_code: &str| {
        let pairs = [
            ("grant_type", GRANT_TYPE),
            ("client_id", client),
            ("device_code", device_code),
        ];
        error(world.post(&pairs).await)
    };
    assert_eq!(ask(NATIVE, text(&codes, "device_code")).await, "invalid_grant");
    assert_eq!(ask(TELEVISION, "made-up").await, "invalid_grant");
    assert_eq!(ask(TELEVISION, "").await, "invalid_request");
    assert_eq!(ask("", text(&codes, "device_code")).await, "invalid_client");
    // Of another tenant it is nothing.
    let other = posted(
        None,
        &[
            ("grant_type", GRANT_TYPE),
            ("client_id", NATIVE),
            ("device_code", text(&codes, "device_code")),
        ],
    );
    assert_eq!(
        error(token::answer(&world.issuer, &world.other, other).await.unwrap()),
        "invalid_grant"
    );
}

/// On SQLite, with its one writer, no such race can be lost: see [`crate::db::fresh`].
#[tokio::test]
async fn t18_of_fifty_who_ask_at_once_after_the_approval_one_gets_tokens() {
    let world = Arc::new(world().await);
    let codes = body(world.codes(&[]).await);
    let request = world.type_in(text(&codes, "user_code")).await.unwrap();
    world.approve(&request, world.approval(&request)).await.unwrap();
    let device_code: Arc<str> = text(&codes, "device_code").into();
    let mut asking = JoinSet::new();
    for _ in 0..50 {
        let (world, device_code) = (Arc::clone(&world), Arc::clone(&device_code));
        asking.spawn(async move { error(world.poll(&device_code).await) });
    }
    let answers = asking.join_all().await;
    assert_eq!(
        answers.iter().filter(|answer| **answer == "no error").count(),
        1,
        "{answers:?}"
    );
    assert!(
        answers
            .iter()
            .all(|answer| ["no error", "invalid_grant"].contains(answer)),
        "{answers:?}"
    );
    // The others show that many hold the code.
    assert_eq!(world.living().await, 0);
}

impl World {
    /// How many grants of the person are in force.
    async fn living(&self) -> usize {
        let mut read = self.issuer.db().read().await.unwrap();
        let found = grant::living(&mut read, &self.tenant.id, &self.account, self.clock.now()).await;
        found.unwrap().len()
    }
}

#[tokio::test]
async fn t18_a_device_that_does_not_wait_any_more_gets_no_request() {
    let world = world().await;
    let codes = body(world.codes(&[]).await);
    let key = hex(&sha256(text(&codes, "device_code").as_bytes()));
    let request = world.type_in(text(&codes, "user_code")).await.unwrap();
    let mut tx = world.issuer.db().begin().await.unwrap();
    assert!(store::ask(&mut tx, &world.tenant.id, &key, &request.id).await.unwrap());
    drop(tx);
    world.approve(&request, world.approval(&request)).await.unwrap();
    let mut tx = world.issuer.db().begin().await.unwrap();
    assert!(!store::ask(&mut tx, &world.tenant.id, &key, &request.id).await.unwrap());
}

#[test]
fn t18_a_user_code_is_eight_consonants_however_it_is_typed() {
    for random in [Random::seeded(1), Random::Os] {
        for _ in 0..50 {
            let code = UserCode::new(&random);
            let shown = code.shown();
            assert_eq!(shown.len(), 9);
            assert!(
                shown.chars().all(|c| c == '-' || LETTERS.contains(&(c as u8))),
                "{shown}"
            );
            for typed in [
                shown.clone(),
                shown.to_lowercase(),
                shown.replace('-', ""),
                format!(" {} ", shown.replace('-', " - ")),
            ] {
                assert!(UserCode::parse(&typed) == Some(code.clone()), "{typed}");
            }
        }
    }
    for bad in [
        "",
        "BCDF-GHJ",
        "BCDF-GHJKL",
        "ACDF-GHJK",
        "BCDF-GHJ1",
        "BCDF_GHJK",
        &"B".repeat(100),
    ] {
        assert!(UserCode::parse(bad).is_none(), "{bad}");
    }
}

#[tokio::test]
async fn t18_no_more_than_a_thousand_devices_of_one_app_wait() {
    let world = world().await;
    let mut tx = world.issuer.db().begin().await.unwrap();
    for at in 0..MOST - 5 {
        let device = store::Device {
            key: format!("key-{at}"),
            client_id: TELEVISION.to_owned(),
            scopes: crate::oauth::scope::Scopes::parse("openid").unwrap(),
            state: store::State::Waiting,
            pause: PAUSE,
            polled_at: None,
            expires_at: world.clock.now() + LIFE,
        };
        store::insert(&mut tx, &world.tenant.id, &device, &format!("user-{at}"))
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    let answers = join_all((0..20).map(|_| world.codes(&[]))).await;
    let full = answers
        .into_iter()
        .map(error)
        .filter(|told| *told == "temporarily_unavailable");
    assert_eq!(full.count(), 15, "many at once do not get past it either");
    assert_eq!(error(world.codes(&[]).await), "temporarily_unavailable");
    world.clock.advance(LIFE);
    body(world.codes(&[]).await);
}
