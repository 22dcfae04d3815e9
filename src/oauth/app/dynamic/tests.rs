use futures::future::join_all;
use serde_json::json;

use super::*;
use crate::oauth::app;
use crate::oauth::testing::{REDIRECT, World, body, exchange, posted};
use crate::oauth::token;

fn metadata(changes: &Value) -> Vec<u8> {
    let mut metadata = json!({
        "client_name": "Mijn Zorg", "redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none",
        "scope": "openid fhirUser launch/patient patient/*.rs offline_access", "contacts": ["a@app.example"],
    });
    for (name, value) in changes.as_object().unwrap() {
        metadata[name] = value.clone();
    }
    metadata.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    metadata.to_string().into_bytes()
}

impl World {
    async fn registers(&self, changes: &Value) -> Told {
        create(&self.issuer, &self.tenant, &metadata(changes), None)
            .await
            .unwrap()
    }

    async fn asks(&self, made: &Value, ask: Ask) -> Told {
        let (id, token) = (text(made, "client_id"), text(made, "registration_access_token"));
        manage(&self.issuer, &self.tenant, id, token, ask, None).await.unwrap()
    }

    async fn approves(&self, client_id: &str, seen: Option<&str>) -> Result<(), Refused> {
        let mut tx = self.issuer.db().begin().await.unwrap();
        let found = waiting(&mut tx, &self.tenant.id).await.unwrap();
        let found = found.into_iter().find(|one| one.metadata["client_id"] == client_id);
        let looked_at = found.map_or_else(String::new, |one| one.seen);
        let looked_at = seen.unwrap_or(&looked_at);
        let (settings, now, random) = (&self.config.oauth, self.clock.now(), self.issuer.random());
        approve(&mut tx, &self.tenant.id, (client_id, looked_at), settings, now, random).await?;
        tx.commit().await.unwrap();
        Ok(())
    }

    async fn app(&self, client_id: &str) -> Option<App> {
        let mut read = self.issuer.db().read().await.unwrap();
        app::find(&mut read, &self.tenant.id, client_id).await.unwrap()
    }
}

fn text<'a>(body: &'a Value, name: &str) -> &'a str {
    body[name].as_str().unwrap_or_else(|| panic!("{name} in {body}"))
}

fn made(told: Told) -> Value {
    match told {
        Told::Made(made) | Told::Is(made) => made,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn p02_an_app_that_registered_itself_is_none_until_somebody_approves_it() {
    let world = World::new().await;
    let registered = made(world.registers(&json!({})).await);
    let id = text(&registered, "client_id");
    assert_eq!(registered["approval"], "waiting");
    assert_eq!(registered["contacts"], json!(["a@app.example"]));
    assert!(registered.get("client_secret").is_none());
    assert_eq!(
        text(&registered, "registration_client_uri"),
        format!("https://gateway.example/topaz/oauth/register/{id}")
    );
    assert!(world.app(id).await.is_none());
    let begun = world.begin(&[("client_id", id)]).await;
    assert!(matches!(begun, crate::oauth::request::Begun::Page(_)), "{begun:?}");
    // Reading it is free; the organisation sees what it says.
    assert_eq!(made(world.asks(&registered, Ask::Read).await), registered);
    assert!(matches!(world.approves(id, Some("other")).await, Err(Refused::Changed)));
    assert!(matches!(world.approves("app-x", None).await, Err(Refused::NotWaiting)));
    world.approves(id, None).await.unwrap();
    assert!(matches!(world.approves(id, None).await, Err(Refused::NotWaiting)));
    let code = world.code(&[("client_id", id)]).await;
    let pairs = exchange(&code).map(|(name, value)| (name, if name == "client_id" { id } else { value }));
    assert_eq!(body(world.post(&pairs).await)["token_type"], "Bearer");
    let read = made(world.asks(&registered, Ask::Read).await);
    assert_eq!(read["approval"], "approved");
    assert_eq!(
        app::origin_allowed(&world.issuer, &world.tenant.id, "https://app.example")
            .await
            .ok(),
        Some(true)
    );
    let lines = world.audit().await;
    let changed = lines.iter().filter(|line| *line == "app-changed success -");
    assert_eq!(changed.count(), 2, "{lines:?}");
}

#[tokio::test]
async fn p02_a_secret_is_shown_once_and_works_after_the_approval() {
    let world = World::new().await;
    let method = json!({"token_endpoint_auth_method": "client_secret_post"});
    let registered = made(world.registers(&method).await);
    let (id, secret) = (text(&registered, "client_id"), text(&registered, "client_secret"));
    let read = made(world.asks(&registered, Ask::Read).await);
    assert!(read.get("client_secret").is_none() && read["client_secret_expires_at"] == 0);
    world.approves(id, None).await.unwrap();
    for (secret, expected) in [(secret, None), ("wrong", Some("invalid_client"))] {
        let code = world.code(&[("client_id", id)]).await;
        let mut pairs = exchange(&code)
            .map(|(name, value)| (name, if name == "client_id" { id } else { value }))
            .to_vec();
        pairs.push(("client_secret", secret));
        let answer = token::answer(&world.issuer, &world.tenant, posted(None, &pairs))
            .await
            .unwrap();
        let error = match answer {
            token::Answer::Refused(refusal) => Some(refusal.code.as_str()),
            _ => None,
        };
        assert_eq!(error, expected);
    }
    // Nothing that was handed out lies in the database.
    let mut read = world.issuer.db().read().await.unwrap();
    let kept = store::find(&mut read, &world.tenant.id, id).await.unwrap().unwrap();
    let text_of_it = kept.metadata.to_string();
    for handed in ["client_secret", "registration_access_token"] {
        assert!(!text_of_it.contains(text(&registered, handed)), "{handed}");
    }
}

#[tokio::test]
async fn p02_a_change_waits_while_the_app_goes_on_as_it_was_approved() {
    let world = World::new().await;
    let registered = made(world.registers(&json!({})).await);
    let id = text(&registered, "client_id");
    world.approves(id, None).await.unwrap();
    let tokens = {
        let code = world.code(&[("client_id", id)]).await;
        let pairs = exchange(&code).map(|(name, value)| (name, if name == "client_id" { id } else { value }));
        body(world.post(&pairs).await)
    };
    let evil = json!({"client_id": id, "redirect_uris": ["https://evil.example/cb"], "scope": "openid"});
    let changed = made(world.asks(&registered, Ask::Update(metadata(&evil))).await);
    assert_eq!(changed["approval"], "change-waiting");
    assert_eq!(changed["client_id_issued_at"], registered["client_id_issued_at"]);
    let app = world.app(id).await.unwrap();
    assert!(app.redirects_to(REDIRECT) && !app.redirects_to("https://evil.example/cb"));
    let origin = |origin: &'static str| app::origin_allowed(&world.issuer, &world.tenant.id, origin);
    assert!(!origin("https://evil.example").await.unwrap());

    // The organisation looked at one change and the app makes another: that one is not approved.
    let seen = {
        let mut read = world.issuer.db().read().await.unwrap();
        let found = waiting(&mut read, &world.tenant.id).await.unwrap();
        assert!(found[0].known);
        found[0].seen.clone()
    };
    let other = json!({"client_id": id, "redirect_uris": ["https://other.example/cb"], "scope": "openid"});
    made(world.asks(&registered, Ask::Update(metadata(&other))).await);
    assert!(matches!(world.approves(id, Some(&seen)).await, Err(Refused::Changed)));
    assert!(world.accepted(text(&tokens, "access_token")).await);
    world.approves(id, None).await.unwrap();
    let app = world.app(id).await.unwrap();
    assert!(app.redirects_to("https://other.example/cb") && !app.redirects_to(REDIRECT));
    assert!(origin("https://other.example").await.unwrap());
    // It may ask less than before: what it got before ends.
    world.clock.advance(SignedDuration::from_secs(1));
    assert!(!world.accepted(text(&tokens, "access_token")).await);
}

#[tokio::test]
async fn p02_only_the_registration_token_manages_an_app_and_everything_else_is_401_alike() {
    let world = World::new().await;
    let registered = made(world.registers(&json!({})).await);
    let (id, token) = (
        text(&registered, "client_id"),
        text(&registered, "registration_access_token"),
    );
    let other = made(world.registers(&json!({})).await);
    for (tenant, id, token) in [
        (&world.tenant, id, "x"),
        (&world.tenant, id, ""),
        (&world.tenant, id, text(&other, "registration_access_token")),
        (&world.tenant, "app-0000", token),
        (&world.tenant, "app\0", token),
        (&world.tenant, "", token),
        (&world.tenant, &"a".repeat(65), token),
        (&world.tenant, "demo-native", token),
        (&world.other, id, token),
    ] {
        for ask in [Ask::Read, Ask::Delete, Ask::Update(metadata(&json!({"client_id": id})))] {
            let told = manage(&world.issuer, tenant, id, token, ask, None).await.unwrap();
            assert_eq!(told, Told::Unknown);
        }
    }
    world.approves(id, None).await.unwrap();
    assert_eq!(world.asks(&registered, Ask::Delete).await, Told::Gone);
    assert!(world.app(id).await.is_none());
    assert_eq!(world.asks(&registered, Ask::Read).await, Told::Unknown);
    // What the organisation ends, the app cannot bring back.
    let id = text(&other, "client_id");
    world.approves(id, None).await.unwrap();
    let mut tx = world.issuer.db().begin().await.unwrap();
    assert!(
        app::disable(&mut tx, &world.tenant.id, id, world.clock.now())
            .await
            .unwrap()
    );
    tx.commit().await.unwrap();
    assert_eq!(world.asks(&other, Ask::Read).await, Told::Unknown);
}

#[tokio::test]
async fn p02_every_fault_has_the_code_of_rfc_7591() {
    let world = World::new().await;
    let key = json!({"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"});
    let mut private = key.clone();
    private["d"] = json!("AA");
    let signs = json!("private_key_jwt");
    for (changes, code) in [
        (json!({"redirect_uris": []}), "invalid_redirect_uri"),
        (
            json!({"redirect_uris": ["http://app.example/cb"]}),
            "invalid_redirect_uri",
        ),
        (
            json!({"redirect_uris": ["https://app.example/cb#x"]}),
            "invalid_redirect_uri",
        ),
        (
            json!({"redirect_uris": "https://app.example/cb"}),
            "invalid_redirect_uri",
        ),
        (json!({"client_name": ""}), "invalid_client_metadata"),
        (json!({"client_id": "mine"}), "invalid_client_metadata"),
        (json!({"scope": "admin"}), "invalid_client_metadata"),
        (json!({"grant_types": ["password"]}), "invalid_client_metadata"),
        (json!({"response_types": ["token"]}), "invalid_client_metadata"),
        (
            json!({"token_endpoint_auth_method": "tls_client_auth"}),
            "invalid_client_metadata",
        ),
        (json!({"token_endpoint_auth_method": signs}), "invalid_client_metadata"),
        (
            json!({"token_endpoint_auth_method": signs, "jwks": {"keys": [private]}}),
            "invalid_client_metadata",
        ),
        (
            json!({"token_endpoint_auth_method": signs, "jwks": {"keys": [key]}, "jwks_uri": "https://app.example/jwks"}),
            "invalid_client_metadata",
        ),
        (
            json!({"token_endpoint_auth_method": signs, "jwks_uri": "https://127.0.0.1/jwks"}),
            "invalid_client_metadata",
        ),
        (
            json!({"post_logout_redirect_uris": ["http://app.example/"]}),
            "invalid_client_metadata",
        ),
        (
            json!({"software_statement": "eyJhbGciOiJub25lIn0.e30."}),
            "unapproved_software_statement",
        ),
        (json!({"client_uri": "a".repeat(17_000)}), "invalid_client_metadata"),
    ] {
        let told = world.registers(&changes).await;
        let Told::Wrong { code: got, text } = told else {
            panic!("{changes}: {told:?}")
        };
        assert_eq!(got, code, "{changes}: {text}");
    }
    for bytes in [&b""[..], b"[]", b"{", b"{\"a\":1,\"a\":2}", b"\xff"] {
        let told = create(&world.issuer, &world.tenant, bytes, None).await.unwrap();
        assert!(
            matches!(
                told,
                Told::Wrong {
                    code: "invalid_client_metadata",
                    ..
                }
            ),
            "{told:?}"
        );
    }
    let mut read = world.issuer.db().read().await.unwrap();
    assert!(waiting(&mut read, &world.tenant.id).await.unwrap().is_empty());
}

#[tokio::test]
async fn p02_a_hundred_wait_for_thirty_days_and_no_more() {
    let world = World::new().await;
    let first = made(world.registers(&json!({})).await);
    for _ in 1..MOST_WAITING {
        made(world.registers(&json!({})).await);
    }
    assert_eq!(world.registers(&json!({})).await, Told::Full);
    // Nor do many at once get past the bound when a few places are left.
    let mut tx = world.issuer.db().begin().await.unwrap();
    let some = waiting(&mut tx, &world.tenant.id).await.unwrap();
    for one in some
        .iter()
        .filter(|one| one.metadata["client_id"] != first["client_id"])
        .take(5)
    {
        let (id, now) = (text(&one.metadata, "client_id"), world.clock.now());
        assert!(refuse(&mut tx, &world.tenant.id, id, now).await.unwrap());
    }
    tx.commit().await.unwrap();
    let none = json!({});
    let told = join_all((0..20).map(|_| world.registers(&none))).await;
    assert_eq!(told.iter().filter(|told| **told == Told::Full).count(), 15);
    // One that waits may still change what it says, and one that was refused makes room.
    let again = metadata(&json!({"client_id": first["client_id"], "client_name": "Ander"}));
    made(world.asks(&first, Ask::Update(again)).await);
    let mut tx = world.issuer.db().begin().await.unwrap();
    let id = text(&first, "client_id");
    assert!(refuse(&mut tx, &world.tenant.id, id, world.clock.now()).await.unwrap());
    assert!(!refuse(&mut tx, &world.tenant.id, id, world.clock.now()).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(world.asks(&first, Ask::Read).await, Told::Unknown);
    let second = made(world.registers(&json!({})).await);
    world.approves(text(&second, "client_id"), None).await.unwrap();
    world.clock.advance(WAITS + SignedDuration::from_secs(1));
    let mut tx = world.issuer.db().begin().await.unwrap();
    token::purge(&mut tx, world.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    let mut read = world.issuer.db().read().await.unwrap();
    assert!(waiting(&mut read, &world.tenant.id).await.unwrap().is_empty());
    assert!(world.app(text(&second, "client_id")).await.is_some());
}
