//! Somebody whom the organisation expects registers, and nobody else does.

use axum::http::StatusCode;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::browser::Answer;
use super::{Browser, with};
use crate::account::{self, State};
use crate::config::{Country, Policy};
use crate::consent::{self, NewRight, Parts, Role};
use crate::fhir::types::{Id, ResourceType};
use crate::login::world::World;
use crate::resource::{self, Draft};
use crate::secret::Random;

const EMAIL: &str = "anna.bos@zorg.example";
const MOBILE: &str = "06-12345678";
const PAGE: &str = "/topaz/register";

fn open(policy: &mut Policy) {
    policy.accounts.self_registration = true;
    policy.sms.countries = Country::ALL.to_vec();
    policy.terms.privacy_url = Some("https://topaz.example/privacy".parse().unwrap());
    policy.terms.privacy_version = Some("2.1".to_owned());
}

/// Who is expected for the dossier p1: under this address, in this role.
async fn expect(world: &World, email: &str, role: Role) {
    let expected = account::Expected {
        email: email.to_owned(),
        name: "Anna Bos".to_owned(),
    };
    let (keys, hasher) = (&world.login.keys, &world.login.hasher);
    let ready = expected
        .prepare(&world.tenant, keys, hasher, world.now(), &Random::Os)
        .await
        .unwrap();
    let mut tx = world.db.begin().await.unwrap();
    let id = account::create(&mut tx, &world.tenant, &ready, world.now())
        .await
        .unwrap();
    let right = NewRight {
        patient: Id::parse("p1").unwrap(),
        source_client: "ecd-p1".to_owned(),
        role,
        related: (role != Role::Client).then(|| Id::parse("anna").unwrap()),
        parts: Parts::ALL,
    };
    consent::grant(&mut tx, &world.tenant.id, &id, &right, world.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

/// How the ECD knows a person of the dossier p1.
async fn known(world: &World, kind: ResourceType, id: &str, telecom: Value) {
    let body = json!({ "resourceType": kind.as_str(), "id": id, "meta": {}, "telecom": telecom });
    let draft = Draft {
        kind,
        id: Id::parse(id).unwrap(),
        patient: Id::parse("p1"),
        body: body.to_string(),
    };
    let mut tx = world.db.begin().await.unwrap();
    resource::put(&mut tx, &world.tenant, world.now(), &[draft])
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

fn ways(number: &str, email: &str) -> Value {
    json!([
        { "system": "phone", "value": "020-1234567" },
        { "system": "phone", "value": number },
        { "system": "email", "value": email },
    ])
}

/// An organisation that expects Anna, whom its ECD knows.
async fn expecting() -> (World, Browser) {
    let (world, browser) = with(open).await;
    expect(&world, EMAIL, Role::Contact).await;
    known(
        &world,
        ResourceType::RelatedPerson,
        "anna",
        ways("+31612345678", "Anna.Bos@zorg.example"),
    )
    .await;
    (world, browser)
}

async fn register(browser: &mut Browser, email: &str, mobile: &str) -> Answer {
    let page = browser.get(PAGE).await;
    let fields = [("email", email), ("mobile", mobile), ("privacy", "read")];
    browser.submit(&page.form("email"), &fields).await
}

async fn state(world: &World, email: &str) -> State {
    let mut read = world.db.read().await.unwrap();
    let found = account::by_name(&mut read, &world.tenant.id, email).await.unwrap();
    found.unwrap().0.state
}

#[tokio::test]
async fn s3_4_s3_26_who_is_expected_registers_once_and_logs_in_with_a_code_to_the_number_of_the_ecd() {
    let (world, mut browser) = expecting().await;
    let request = world.request("openid launch/patient patient/*.rs", &[]).await;
    let login = format!("/topaz/login?request={request}");
    let page = browser.get(&login).await;
    let link = format!("/topaz/register?request={request}");
    assert!(page.body.contains(&format!("href=\"{link}\"")), "s3_9: {}", page.body);
    let page = browser.get(&link).await;
    assert!(page.body.contains(&format!("href=\"{login}\"")), "s3_20: {}", page.body);
    let form = page.form("email");
    assert_eq!(form.fields("mobile")[0].get("autocomplete"), "tel");
    let filled = [("email", EMAIL), ("mobile", MOBILE), ("privacy", "read")];
    let page = browser.submit(&form, &filled).await;
    assert!(
        page.status == StatusCode::OK && page.body.contains("Kijk in uw mail"),
        "{}",
        page.body
    );

    let mail = world.mails().await.pop().unwrap();
    assert_eq!(mail["to"], EMAIL);
    let token = world.newest_link().await;
    // Opening the link changes nothing (scanners do); the button does.
    let page = browser.get(&format!("/topaz/link?token={token}")).await;
    assert_eq!(state(&world, EMAIL).await, State::MustChangePassword);
    let own = "tulpen in de tuin 7";
    let page = browser
        .submit(
            &page.form("new_password"),
            &[("new_password", own), ("new_password_again", own)],
        )
        .await;
    assert!(page.status == StatusCode::OK, "{}", page.body);
    assert_eq!(state(&world, EMAIL).await, State::Active);

    let page = browser.get(&login).await;
    let page = browser
        .submit(&page.form("username"), &[("username", EMAIL), ("password", own)])
        .await;
    let sms = world.messages().await.pop().unwrap();
    assert_eq!(sms["to"], "+31612345678", "s3_25");
    let page = browser
        .submit(&page.form("otp"), &[("otp", sms["code"].as_str().unwrap())])
        .await;
    page.form("decision");
    let lines = world.audit().await;
    let about: Vec<_> = lines
        .iter()
        .filter(|line| line.starts_with("registered") || line.starts_with("system"))
        .collect();
    assert_eq!(
        about,
        ["system success ", "registered success "],
        "the ECD's data was read for it"
    );

    // A second time is no way to another password.
    let before = world.mails().await.len();
    assert_eq!(register(&mut browser, EMAIL, MOBILE).await.status, StatusCode::OK);
    assert_eq!(world.mails().await.len(), before);
}

#[tokio::test]
async fn s3_5_who_is_not_expected_or_not_as_the_ecd_says_sees_the_same_and_gets_nothing() {
    let (world, mut browser) = expecting().await;
    expect(&world, "piet@zorg.example", Role::Client).await;
    known(
        &world,
        ResourceType::Patient,
        "p1",
        ways("0687654321", "een.ander@zorg.example"),
    )
    .await;
    world.address("m.bakker", "m.bakker@zorg.example").await;
    let before = world.audit().await.len();
    let good = register(&mut browser, EMAIL, MOBILE).await;
    let lines = world.audit().await.len() - before;
    let mails = world.mails().await.len();
    for (email, mobile, reason) in [
        ("niemand@zorg.example", MOBILE, "not-expected"),
        ("m.bakker@zorg.example", MOBILE, "not-expected"),
        // The number of somebody else, and an address that the ECD does not know.
        (EMAIL, "0612345679", "not-as-the-ecd-says"),
        ("piet@zorg.example", "0687654321", "not-as-the-ecd-says"),
    ] {
        let before = world.audit().await.len();
        let answer = register(&mut browser, email, mobile).await;
        assert_eq!(world.audit().await.len() - before, lines, "{email}: the same work");
        assert_eq!((answer.status, &answer.body), (good.status, &good.body), "{email}");
        assert_eq!(world.mails().await.len(), mails, "{email}");
        let line = world.audit().await.pop().unwrap();
        assert_eq!(line, format!("registered refused {reason}"), "{email}");
    }
    assert_eq!(state(&world, "piet@zorg.example").await, State::Expected);
    // Nobody logs in with it before.
    let request = world.request("openid launch/patient patient/*.rs", &[]).await;
    let page = browser.get(&format!("/topaz/login?request={request}")).await;
    let page = browser
        .submit(
            &page.form("username"),
            &[("username", "piet@zorg.example"), ("password", "x")],
        )
        .await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_right_that_ended_opens_no_registration() {
    let (world, mut browser) = expecting().await;
    let mut tx = world.db.begin().await.unwrap();
    let (account, _) = account::by_name(&mut tx, &world.tenant.id, EMAIL)
        .await
        .unwrap()
        .unwrap();
    consent::end_all(&mut tx, &world.tenant.id, &account.id, world.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    register(&mut browser, EMAIL, MOBILE).await;
    assert!(world.mails().await.is_empty());
    assert_eq!(state(&world, EMAIL).await, State::Expected);
}

#[tokio::test]
async fn s3_17_s3_19_what_is_typed_wrong_is_said_and_what_was_typed_stays() {
    let (world, mut browser) = expecting().await;
    for (email, mobile, privacy, told) in [
        ("anna.bos", MOBILE, "read", "geen e-mailadres"),
        (EMAIL, "0900-1234", "read", "geen mobiel nummer"),
        (EMAIL, MOBILE, "", "Vink aan"),
    ] {
        let page = browser.get(PAGE).await;
        let fields = [("email", email), ("mobile", mobile), ("privacy", privacy)];
        let page = browser.submit(&page.form("email"), &fields).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{told}");
        assert!(page.body.contains(told), "{}", page.body);
        assert!(page.body.contains(&format!("value=\"{mobile}\"")), "{}", page.body);
    }
    assert!(world.audit().await.iter().all(|line| !line.starts_with("registered")));
    let page = browser.get(PAGE).await;
    for text in [
        "Nederland (+31)",
        "België (+32)",
        "(versie 2.1)",
        "U heeft dit nummer nodig",
        "Vraag uw contactpersoon in de zorg",
    ] {
        assert!(page.body.contains(text), "{text}");
    }
}

#[tokio::test]
async fn s3_17_a_number_of_another_country_is_typed_as_people_write_it_there() {
    let (world, mut browser) = with(open).await;
    expect(&world, EMAIL, Role::Client).await;
    // An ECD without an address: staff wrote it down from the signed form.
    let telecom = json!([{ "system": "phone", "value": "+32470123456" }]);
    known(&world, ResourceType::Patient, "p1", telecom).await;
    let page = browser.get(PAGE).await;
    let fields = [
        ("email", EMAIL),
        ("country", "BE"),
        ("mobile", "0470 12 34 56"),
        ("privacy", "read"),
    ];
    browser.submit(&page.form("email"), &fields).await;
    assert_eq!(world.mails().await.len(), 1);
}

#[tokio::test]
async fn nobody_asks_for_one_address_all_day_and_a_newer_link_ends_the_older_one() {
    let (world, mut browser) = expecting().await;
    for _ in 0..3 {
        world.clock.advance(SignedDuration::from_secs(1));
        assert_eq!(register(&mut browser, EMAIL, MOBILE).await.status, StatusCode::OK);
    }
    let refused = register(&mut browser, EMAIL, MOBILE).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.headers.contains_key("retry-after"));
    let links: Vec<String> = world
        .mails()
        .await
        .iter()
        .filter_map(|mail| Some(mail["code"].as_str()?.split_once("token=")?.1.to_owned()))
        .collect();
    assert_eq!(links.len(), 3);
    let mut open = Vec::new();
    for link in &links {
        open.push(world.login.open_link(&world.tenant.id, link).await.unwrap().is_some());
    }
    assert_eq!(open, [false, false, true], "a newer link ends the older one");
}

#[tokio::test]
async fn where_nobody_registers_there_is_no_such_page() {
    let (_world, mut browser) = with(|_| {}).await;
    let page = browser.get(PAGE).await;
    let none = browser.get("/topaz/registers").await;
    assert_eq!((page.status, page.body), (StatusCode::NOT_FOUND, none.body));
    let posted = browser.post(PAGE, format!("email={EMAIL}")).await;
    assert_eq!(posted.status, StatusCode::NOT_FOUND);
}
