//! The Person that stands for somebody with more than one client.

use serde_json::{Value, json};

use crate::consent::{self, Parts, Role};
use crate::fhir::types::ResourceType;
use crate::http::world::{World, id};
use crate::profile::{Registry, is_valid};

/// `both` represents `a` and `b`, and is Person `me`.
async fn world() -> World {
    let world = World::new().await;
    for patient in ["a", "b"] {
        world.right("both", patient, Role::Representative, Parts::ALL).await;
    }
    world
}

async fn token(world: &World, patient: Option<&str>, scopes: &str) -> String {
    let me = (ResourceType::Person, id("me"));
    world.token_as(("app", "both"), patient, me, scopes).await
}

fn links(person: &Value) -> Vec<&str> {
    let links = person["link"].as_array().unwrap().iter();
    links
        .map(|link| link["target"]["reference"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn o03_a_representative_of_two_clients_reads_a_person_that_links_to_both_contacts() {
    let world = world().await;
    let token = token(&world, None, "openid fhirUser").await;
    let answer = world.get("/topaz/fhir/Person/me", &token).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!((answer.header("etag"), answer.header("last-modified")), ("", ""));
    let person = answer.json();
    assert_eq!(person["name"], json!([{ "text": "both" }]));
    assert_eq!(
        links(&person),
        ["RelatedPerson/contact-of-a", "RelatedPerson/contact-of-b"]
    );
    let issues = Registry::builtin().check(&person);
    assert!(is_valid(&issues), "{issues:#?}");
    let line = world.lines().await.pop().unwrap();
    assert_eq!(line[0].as_deref(), Some("read"));
    assert_eq!(line[1].as_deref(), Some("success"));
    assert_eq!(line[3].as_deref(), Some("me"));
}

#[tokio::test]
async fn a_person_is_read_and_not_searched_as_the_capability_statement_says() {
    let world = world().await;
    let token = token(&world, None, "openid fhirUser user/*.rs").await;
    for path in ["/topaz/fhir/Person", "/topaz/fhir/Person?_id=me"] {
        world.get(path, &token).await.outcome(404, "not-found");
    }
    let statement = world.get("/topaz/fhir/metadata", "").await.json();
    let types = statement["rest"][0]["resource"].as_array().unwrap();
    let person = types.iter().find(|one| one["type"] == "Person").unwrap();
    assert_eq!(person["interaction"], json!([{ "code": "read" }]));
}

#[tokio::test]
async fn s04_the_person_in_a_token_of_one_client_says_nothing_of_the_other() {
    let world = world().await;
    for (scopes, seen) in [
        ("openid fhirUser launch/patient", 1),
        ("openid fhirUser patient/*.rs", 1),
        ("openid fhirUser user/*.rs", 2),
    ] {
        let token = token(&world, Some("a"), scopes).await;
        let person = world.get("/topaz/fhir/Person/me", &token).await.json();
        assert_eq!(links(&person).len(), seen, "{scopes}");
        assert_eq!(links(&person)[0], "RelatedPerson/contact-of-a");
    }
}

#[tokio::test]
async fn a_right_that_ended_is_gone_from_the_person_at_the_next_read() {
    let world = world().await;
    let tenant = world.app.config.tenant("topaz").unwrap().clone();
    let mut tx = world.db().begin().await.unwrap();
    consent::end(&mut tx, &tenant.id, "both", &id("b"), world.clock.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let token = token(&world, None, "openid fhirUser").await;
    let person = world.get("/topaz/fhir/Person/me", &token).await.json();
    assert_eq!(links(&person), ["RelatedPerson/contact-of-a"]);
}

#[tokio::test]
async fn nobody_reads_the_person_of_somebody_else_and_none_without_the_scope() {
    let world = world().await;
    let other = world.client("c", "openid fhirUser user/*.rs").await;
    world
        .get("/topaz/fhir/Person/me", &other)
        .await
        .outcome(404, "not-found");
    let mine = token(&world, None, "openid fhirUser user/Patient.rs").await;
    world
        .get("/topaz/fhir/Person/you", &mine)
        .await
        .outcome(403, "forbidden");
    for scopes in ["openid user/Patient.rs", "openid fhirUser"] {
        let token = token(&world, None, scopes).await;
        let path = if scopes.contains("fhirUser") {
            "/topaz/fhir/Person/me/_history"
        } else {
            "/topaz/fhir/Person/me"
        };
        let status = world.get(path, &token).await.status;
        assert!(status == 403 || status == 404, "{scopes}: {status}");
    }
}
