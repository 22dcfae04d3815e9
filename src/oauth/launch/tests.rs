//! Launches from the portal's wish to the app's token, and everything that is wrong with them.

use super::*;
use crate::oauth::code::Code;
use crate::oauth::request::Begun;
use crate::oauth::scope::LAUNCHES;
use crate::oauth::testing::{NATIVE, REDIRECT, SERVER, World, body, exchange, pair, posted};

const SCOPE: &str = "launch openid fhirUser patient/*.rs offline_access";

async fn bearer(world: &World, scopes: &str) -> String {
    let mut tx = world.issuer.db().begin().await.unwrap();
    let bearer = token::plant(&mut tx, &world.tenant.id, "demo-backend", scopes, world.clock.now()).await;
    tx.commit().await.unwrap();
    bearer
}

async fn ask(world: &World, bearer: &str, body: &Value) -> Answer {
    let body = body.to_string();
    create(
        &world.issuer,
        &world.tenant,
        (bearer, By::Bearer),
        body.as_bytes(),
        None,
    )
    .await
    .unwrap()
}

async fn made(world: &World, body: &Value) -> String {
    match ask(world, &bearer(world, LAUNCHES).await, body).await {
        Answer::Made(made) => made["launch"].as_str().unwrap().to_owned(),
        other => panic!("{other:?}"),
    }
}

/// The error of a request that is sent back to the app.
async fn refused(world: &World, changes: &[(&str, &str)]) -> Option<String> {
    match world.begin(changes).await {
        Begun::Refused(to) => pair(&to, "error"),
        _ => None,
    }
}

#[tokio::test]
async fn l01_l05_t09_n02_what_the_portal_says_goes_with_the_token_and_is_told_again() {
    let world = World::new().await;
    let launch = made(
        &world,
        &json!({
            "client_id": NATIVE, "username": "anna", "patient": "p2", "intent": "show-plan", "need_patient_banner": false,
            "fhirContext": [{"reference": "CarePlan/77"}],
        }),
    )
    .await;
    let request = world.request(&[("launch", launch.as_str()), ("scope", SCOPE)]).await;
    assert_eq!(request.launched_patient(), Some("p2"));
    assert!(request.launch.as_ref().unwrap().is_for(&world.account));
    let mut approval = world.approval(&request);
    approval.patient = Id::parse("p2");
    let to = world.approve(&request, approval).await.unwrap();
    let code = pair(&to, "code").unwrap();
    let first = body(world.post(&exchange(&code)).await);
    let again = body(world.refresh(first["refresh_token"].as_str().unwrap()).await);
    let basic = format!("Bearer {}", again["access_token"].as_str().unwrap());
    let about = posted(Some(basic), &[("token", again["access_token"].as_str().unwrap())]);
    let told = body(token::introspect(&world.issuer, &world.tenant, about).await.unwrap());
    for answer in [&first, &again, &told] {
        assert_eq!(answer["patient"], "p2");
        assert_eq!(answer["need_patient_banner"], false);
        assert_eq!(answer["intent"], "show-plan");
        assert_eq!(answer["fhirContext"], json!([{"reference": "CarePlan/77"}]));
        assert_eq!(
            answer["smart_style_url"],
            "https://gateway.example/topaz/oauth/style.json"
        );
    }
    assert!(first["scope"].as_str().unwrap().starts_with("launch "));
    let lines = world.audit().await;
    assert_eq!(lines[0], "launch-created success -");
}

#[tokio::test]
async fn a08_c19_a_launch_works_once_for_its_app_within_five_minutes() {
    let world = World::new().await;
    let body = json!({"client_id": NATIVE});
    let launch = made(&world, &body).await;
    let with = [("launch", launch.as_str()), ("scope", SCOPE)];
    // A look at the page does not use it up; of two approvals one counts.
    let (one, two) = (world.request(&with).await, world.request(&with).await);
    world.approve(&one, world.approval(&one)).await.unwrap();
    let second = world.approve(&two, world.approval(&two)).await;
    assert!(matches!(second, Err(Error::Answered)), "{second:?}");
    let invalid = Some(Code::InvalidRequest.as_str().to_owned());
    assert_eq!(refused(&world, &with).await, invalid, "used");
    assert_eq!(
        refused(&world, &[("launch", "made-up"), ("scope", SCOPE)]).await,
        invalid
    );
    let other = made(&world, &json!({"client_id": SERVER})).await;
    assert_eq!(
        refused(&world, &[("launch", &other), ("scope", SCOPE)]).await,
        invalid,
        "of another app"
    );
    let late = made(&world, &body).await;
    world.clock.advance(LIFE);
    assert_eq!(
        refused(&world, &[("launch", &late), ("scope", SCOPE)]).await,
        invalid,
        "expired"
    );
    // Without a launch there is no such scope.
    let request = world.request(&[("scope", SCOPE)]).await;
    assert!(!request.scopes.has(&Scope::Launch));
    let only = refused(&world, &[("scope", "launch")]).await;
    assert_eq!(only.as_deref(), Some(Code::InvalidScope.as_str()));
}

#[tokio::test]
async fn l01_a_launch_counts_only_with_the_scope_launch() {
    let world = World::new().await;
    let app = "without-launch";
    let metadata = json!({
        "client_id": app, "client_name": "W", "redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none",
        "scope": "openid fhirUser launch/patient patient/*.rs",
    });
    let mut tx = world.issuer.db().begin().await.unwrap();
    let (settings, now) = (&world.config.oauth, world.clock.now());
    app::register(
        &mut tx,
        &world.tenant.id,
        &metadata,
        settings,
        now,
        world.issuer.random(),
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    let without = "openid fhirUser patient/*.rs";
    let scope = Some(Code::InvalidScope.as_str().to_owned());
    let request = Some(Code::InvalidRequest.as_str().to_owned());
    for (client, asked) in [(NATIVE, without), (app, SCOPE), (app, without)] {
        let launch = made(&world, &json!({"client_id": client})).await;
        let with = |launch| [("client_id", client), ("launch", launch), ("scope", asked)];
        assert_eq!(refused(&world, &with(&launch)).await, scope, "{client} {asked}");
        assert_eq!(refused(&world, &with("made-up")).await, request, "{client} {asked}");
    }
}

#[tokio::test]
async fn l01_only_a_portal_that_was_registered_for_it_launches_apps() {
    let world = World::new().await;
    let body = json!({"client_id": NATIVE});
    let person = world.tokens("patient/*.rs").await;
    for (bearer, answer) in [
        ("unknown".to_owned(), Answer::Refused(token::Refused::Unknown)),
        (bearer(&world, "system/*.rs").await, Answer::InsufficientScope),
        (
            person["access_token"].as_str().unwrap().to_owned(),
            Answer::InsufficientScope,
        ),
    ] {
        let before = world.audit().await.len();
        assert_eq!(ask(&world, &bearer, &body).await, answer);
        // The line of an unknown token is the edge's, which writes it for every endpoint.
        let line = ["launch-created refused scope"];
        let told = match answer {
            Answer::Refused(_) => &[][..],
            _ => &line[..],
        };
        assert_eq!(world.audit().await[before..], *told);
    }
    // A person cannot give an app this, whatever it was registered with.
    let request = world.request(&[("scope", &format!("patient/*.rs {LAUNCHES}"))]).await;
    assert_eq!(request.scopes.to_string(), "patient/*.rs");
}

#[tokio::test]
async fn t10_a_wrong_description_is_told_with_every_fault() {
    let world = World::new().await;
    let bearer = bearer(&world, LAUNCHES).await;
    for (member, value) in [
        ("client_id", json!("no-such-app")),
        ("client_id", json!("demo-backend")),
        ("client_id", json!(7)),
        ("patient", json!("no id!")),
        ("intent", json!("")),
        ("need_patient_banner", json!("yes")),
        ("encounter", json!("e1")),
        ("fhirContext", json!({})),
        ("fhirContext", json!(["CarePlan/1"])),
        ("fhirContext", json!([{}])),
        (
            "fhirContext",
            json!([{"reference": "https://other.example/CarePlan/1"}]),
        ),
        ("fhirContext", json!([{"reference": "Unknown/1"}])),
        (
            "fhirContext",
            json!([{"reference": "CarePlan/1", "canonical": "https://x.example/p"}]),
        ),
        ("fhirContext", json!([{"reference": "CarePlan/1", "role": ""}])),
        ("fhirContext", json!([{"reference": "CarePlan/1", "role": "mine"}])),
        ("fhirContext", json!([{"reference": "Patient/p1"}])),
        ("fhirContext", json!([{"reference": "Encounter/e1", "role": "launch"}])),
        (
            "fhirContext",
            json!([{"identifier": {"value": "1"}, "type": "Unknown"}]),
        ),
        ("fhirContext", json!([{"identifier": {}}])),
        ("fhirContext", json!([{"canonical": "PlanDefinition/1"}])),
    ] {
        let mut body = json!({"client_id": NATIVE});
        body[member] = value.clone();
        let Answer::Wrong(problems) = ask(&world, &bearer, &body).await else {
            panic!("{member} {value}")
        };
        assert!(
            problems.iter().any(|problem| problem.starts_with(member)),
            "{problems:?}"
        );
    }
    let lines = world.audit().await;
    let refused = lines
        .iter()
        .filter(|line| *line == "launch-created refused description");
    assert_eq!(refused.count(), 20, "a line for each of them: {lines:?}");
    let both = json!({"client_id": NATIVE, "patient": "!", "intent": 1});
    assert!(matches!(ask(&world, &bearer, &both).await, Answer::Wrong(problems) if problems.len() == 2));
    let good = json!({"client_id": NATIVE, "fhirContext": [
        {"reference": "Patient/p2", "role": "https://inzage.example/role/sibling"},
        {"canonical": "https://x.example/PlanDefinition/1", "type": "PlanDefinition"},
        {"identifier": {"system": "https://x.example", "value": "1"}, "type": "Task"},
    ]});
    assert!(matches!(ask(&world, &bearer, &good).await, Answer::Made(_)));
    for bytes in [&b"[]"[..], b"{", b"", b"{\"client_id\":\"a\",\"client_id\":\"b\"}"] {
        let answer = create(&world.issuer, &world.tenant, (&bearer, By::Bearer), bytes, None)
            .await
            .unwrap();
        assert!(matches!(answer, Answer::Wrong(_)));
    }
}

#[tokio::test]
async fn l07_an_app_is_launched_for_an_appointment_or_a_care_plan() {
    let world = World::new().await;
    let bearer = bearer(&world, LAUNCHES).await;
    for reference in ["Appointment/a-1", "CarePlan/c-1", "QuestionnaireResponse/q-1"] {
        let context = json!([{"reference": reference}]);
        let body = json!({"client_id": NATIVE, "patient": "p1", "intent": "prepare", "fhirContext": context});
        let Answer::Made(made) = ask(&world, &bearer, &body).await else {
            panic!("{reference}")
        };
        let launch = made["launch"].as_str().unwrap();
        let code = world
            .code(&[("launch", launch), ("scope", "launch patient/*.rs")])
            .await;
        let tokens = crate::oauth::testing::body(world.post(&crate::oauth::testing::exchange(&code)).await);
        assert_eq!(
            (&tokens["fhirContext"], &tokens["intent"]),
            (&context, &json!("prepare")),
            "{reference}"
        );
        assert_eq!(tokens["patient"], "p1");
    }
}
