//! Whose dossier an app gets, and what the person is told about it.

use serde_json::json;

use super::browser::Answer;
use super::*;
use crate::consent::{self, NewRight, Parts, Role};
use crate::fhir::types::{Id, ResourceType};
use crate::login::world::World;
use crate::resource::{self, Draft};

const SCOPE: &str = "openid launch/patient patient/*.rs";

/// The client as the store has them.
async fn stored(world: &World, patient: &str, name: &str, born: &str) {
    let body = json!({
        "resourceType": "Patient", "id": patient, "meta": {},
        "name": [{ "use": "official", "text": name }], "birthDate": born,
    });
    let draft = Draft {
        kind: ResourceType::Patient,
        id: Id::parse(patient).unwrap(),
        patient: Id::parse(patient),
        body: body.to_string(),
    };
    let mut tx = world.db.begin().await.unwrap();
    resource::put(&mut tx, &world.tenant, world.now(), &[draft])
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

async fn log_in(world: &World, browser: &mut Browser, username: &str, request: &str) -> Answer {
    let page = browser.get(&format!("/topaz/login?request={request}")).await;
    let form = page.form("username");
    let page = browser
        .submit(&form, &[("username", username), ("password", PASSWORD)])
        .await;
    let code = world.newest_code().await;
    browser.submit(&page.form("otp"), &[("otp", &code)]).await
}

#[tokio::test]
async fn l02_the_picker_names_each_client_in_force_and_takes_no_other() {
    let (world, mut browser) = usual().await;
    stored(&world, "p1", "Maria de Vries", "1941-11-03").await;
    stored(&world, "p2", "Jan Jansen", "1939-02-01").await;
    stored(&world, "p9", "Kees Voorbij", "1930-01-01").await;
    let mut tx = world.db.begin().await.unwrap();
    let (account, _) = crate::account::by_name(&mut tx, &world.tenant.id, "r.smit")
        .await
        .unwrap()
        .unwrap();
    let over = NewRight {
        patient: Id::parse("p9").unwrap(),
        source_client: "ecd-p9".to_owned(),
        role: Role::Contact,
        related: Id::parse("rp"),
        parts: Parts::ALL,
    };
    consent::grant(&mut tx, &world.tenant.id, &account.id, &over, world.now())
        .await
        .unwrap();
    consent::end(&mut tx, &world.tenant.id, &account.id, &over.patient, world.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();

    // A patient/ scope asks for the choice as well as launch/patient does.
    for scope in [SCOPE, "openid patient/Observation.rs", "launch/patient openid"] {
        let mut browser = Browser::new(&world);
        let request = world.request(scope, &[]).await;
        let page = log_in(&world, &mut browser, "r.smit", &request).await;
        let form = page.form("patient");
        let listed: Vec<&str> = form.fields("patient").iter().map(|field| field.get("value")).collect();
        assert_eq!(listed, ["p1", "p2"], "{scope}");
        world.clock.advance(jiff::SignedDuration::from_mins(20));
    }
    let request = world.request(SCOPE, &[]).await;
    let page = log_in(&world, &mut browser, "r.smit", &request).await;
    let form = page.form("patient");
    for shown in [
        "Maria de Vries",
        "03-11-1941",
        "Jan Jansen",
        "01-02-1939",
        "u bent vertegenwoordiger, Topaz",
    ] {
        assert!(page.body.contains(shown), "{shown}");
    }
    assert!(!page.body.contains("Voorbij"), "what ended is not shown");
    // One group with a name, a label for each radio (every page is looked at for that), one button: keyboard and reader do.
    assert!(page.body.contains("<fieldset") && page.body.contains("<legend>"));
    assert!(form.fields("patient").iter().all(|field| field.get("type") == "radio"));
    for forged in ["p9", "p3", "", "nothing"] {
        let filled = form
            .fill(&[("patient", "p1")])
            .replace("patient=p1", &format!("patient={forged}"));
        let answer = browser.post(&form.action, filled).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{forged}");
    }
    // Whom nothing can be chosen for is not asked.
    let mut other = Browser::new(&world);
    let request = world.request(SCOPE, &[]).await;
    log_in(&world, &mut other, "m.bakker", &request).await.form("decision");
    world.clock.advance(jiff::SignedDuration::from_mins(20));
    let mut everybodys = Browser::new(&world);
    let request = world.request("openid user/Patient.rs", &[]).await;
    log_in(&world, &mut everybodys, "r.smit", &request)
        .await
        .form("decision");
}

#[tokio::test]
async fn l03_another_client_is_chosen_without_a_password_and_the_first_app_keeps_its_own() {
    let (world, mut browser) = usual().await;
    crate::oauth::key::generate(&world.issuer, &world.tenant.id)
        .await
        .unwrap();
    stored(&world, "p1", "Maria de Vries", "1941-11-03").await;
    stored(&world, "p2", "Jan Jansen", "1939-02-01").await;
    let request = world.request(SCOPE, &[]).await;
    let page = log_in(&world, &mut browser, "r.smit", &request).await;
    let page = browser.submit(&page.form("patient"), &[("patient", "p1")]).await;
    let sent = browser.submit(&page.form("decision"), &[("decision", "allow")]).await;
    let first = tokens(&world, &mut browser, &sent).await;
    assert_eq!(first["patient"], "p1");

    // The session vouches: the choice comes at once.
    let request = world.request(SCOPE, &[]).await;
    let page = browser.get(&format!("/topaz/login?request={request}")).await;
    let page = browser.submit(&page.form("patient"), &[("patient", "p2")]).await;
    let sent = browser.submit(&page.form("decision"), &[("decision", "allow")]).await;
    let second = tokens(&world, &mut browser, &sent).await;
    assert_eq!(second["patient"], "p2");
    for (tokens, own, other) in [(&first, "p1", "p2"), (&second, "p2", "p1")] {
        let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
        for (patient, status) in [(own, StatusCode::OK), (other, StatusCode::NOT_FOUND)] {
            let asked = Request::get(format!("/topaz/fhir/Patient/{patient}")).header("authorization", &bearer);
            assert_eq!(
                browser.send(asked, String::new()).await.status,
                status,
                "{own} {patient}"
            );
        }
    }
    // Another account: from the password on.
    let request = world.request(SCOPE, &[("prompt", "select_account")]).await;
    let page = browser.get(&format!("/topaz/login?request={request}")).await;
    page.form("username");
}

#[tokio::test]
async fn s09_a_wildcard_is_told_to_hold_for_what_is_added_later() {
    let (world, mut browser) = usual().await;
    for (scope, lang, told) in [
        (
            "launch/patient patient/*.rs",
            "nl",
            Some("Ook soorten gegevens die er later bij komen."),
        ),
        (
            "launch/patient patient/*.read",
            "nl",
            Some("Ook soorten gegevens die er later bij komen."),
        ),
        ("user/*.rs", "en", Some("Also kinds of data that are added later.")),
        ("launch/patient patient/Observation.rs patient/Goal.rs", "nl", None),
    ] {
        let request = world.request(scope, &[("prompt", "consent")]).await;
        let path = format!("/topaz/login?request={request}&lang={lang}");
        let mut page = browser.get(&path).await;
        if page.body.contains("name=\"password\"") {
            log_in(&world, &mut browser, "m.bakker", &request).await;
            page = browser.get(&path).await;
        }
        page.form("decision");
        match told {
            Some(told) => assert!(page.body.contains(told), "{scope}"),
            None => assert!(!page.body.contains("later bij komen"), "{scope}"),
        }
    }
}

#[tokio::test]
async fn f07_signing_out_ends_what_was_not_given_for_later_at_the_next_request() {
    for by_app in [false, true] {
        let (world, mut browser) = usual().await;
        crate::oauth::key::generate(&world.issuer, &world.tenant.id)
            .await
            .unwrap();
        stored(&world, "p1", "Maria de Vries", "1941-11-03").await;
        let request = world.request(SCOPE, &[]).await;
        let page = log_in(&world, &mut browser, "m.bakker", &request).await;
        let sent = browser.submit(&page.form("decision"), &[("decision", "allow")]).await;
        let tokens = tokens(&world, &mut browser, &sent).await;
        let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
        let read = || Request::get("/topaz/fhir/Patient/p1").header("authorization", &bearer);
        // From now on this process remembers for a moment that the token is good.
        assert_eq!(browser.send(read(), String::new()).await.status, StatusCode::OK);
        if by_app {
            let hint = tokens["id_token"].as_str().unwrap();
            let page = browser.get(&format!("/topaz/oauth/logout?id_token_hint={hint}")).await;
            assert!(page.body.contains("U bent uitgelogd"), "{}", page.body);
        } else {
            let form = browser.get("/topaz/account").await.form("csrf");
            browser.post("/topaz/account/sign-out", form.fill(&[])).await;
        }
        assert_eq!(
            browser.send(read(), String::new()).await.status,
            StatusCode::UNAUTHORIZED
        );
    }
}

#[tokio::test]
async fn s11_what_reads_alike_is_shown_once_and_given_together() {
    let (world, mut browser) = usual().await;
    let asked = "launch/patient patient/Questionnaire.rs patient/Goal.rs patient/QuestionnaireResponse.rs";
    for (left, given) in [
        (None, asked),
        (
            Some("patient/Questionnaire.rs patient/QuestionnaireResponse.rs"),
            "launch/patient patient/Questionnaire.rs patient/QuestionnaireResponse.rs",
        ),
        (Some("patient/Goal.rs"), "launch/patient patient/Goal.rs"),
    ] {
        // Neither the session nor the approval of an earlier round answers for this one.
        let request = world.request(asked, &[("prompt", "login consent")]).await;
        let page = log_in(&world, &mut browser, "m.bakker", &request).await;
        assert_eq!(page.body.matches("Formulieren").count(), 1, "{}", page.body);
        let form = page.form("decision");
        let values: Vec<String> = form
            .fields("scope")
            .iter()
            .map(|field| field.get("value").to_owned())
            .collect();
        let forms = "patient/Questionnaire.rs patient/QuestionnaireResponse.rs";
        assert_eq!(values, [forms, "patient/Goal.rs"]);
        let body = form.fill(&[("decision", "allow")]);
        let body = match left {
            None => body,
            Some(left) => {
                let pairs = url::form_urlencoded::parse(body.as_bytes());
                let kept = pairs.filter(|(name, value)| name != "scope" || value == left);
                url::form_urlencoded::Serializer::new(String::new())
                    .extend_pairs(kept)
                    .finish()
            }
        };
        let sent = browser.post(&form.action, body).await;
        assert_eq!(tokens(&world, &mut browser, &sent).await["scope"], given);
        world.clock.advance(jiff::SignedDuration::from_mins(2));
    }
    let request = world
        .request("launch/patient patient/*.rs", &[("prompt", "login consent")])
        .await;
    let page = log_in(&world, &mut browser, "m.bakker", &request).await;
    assert_eq!(page.body.matches("Formulieren").count(), 1, "{}", page.body);
}
