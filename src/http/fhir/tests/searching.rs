//! Pages and parameters of a search.

use super::*;

#[tokio::test]
async fn pages_are_stable_while_data_comes_in_and_links_show_nothing() {
    let (world, token) = world().await;
    let mut page = world.get("/topaz/fhir/Observation?_count=1&_sort=-date", &token).await;
    assert_eq!(page.json()["total"], json!(null));
    let mut found = page.ids();
    world.observation("a", "a4", 4).await;
    world.observation("a", "a0", 1).await;
    while let Some(next) = page.link("next") {
        let sealed = next.split_once("?_page=").unwrap().1;
        assert!(
            sealed
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        );
        page = world.get(&next, &token).await;
        assert_eq!(page.link("self").unwrap(), next);
        assert_eq!(
            page.link("first").unwrap(),
            "/topaz/fhir/Observation?_count=1&_sort=-date"
        );
        found.extend(page.ids());
    }
    assert_eq!(found, ["a3", "a2", "a1"]);
}

#[tokio::test]
async fn a_page_link_opens_only_for_whom_it_was_made() {
    let (world, token) = world().await;
    let next = world
        .get("/topaz/fhir/Observation?_count=1", &token)
        .await
        .link("next")
        .unwrap();
    let other = world.client("b", ALL).await;
    let same_person = world.token("account-a", "a", ALL).await;
    for stranger in [&other, &same_person] {
        world.get(&next, stranger).await.outcome(410, "expired");
    }
    let moved = next.replace("/Observation?", "/Goal?");
    world.get(&moved, &token).await.outcome(410, "expired");
    world
        .get("/topaz/fhir/Observation?_page=AAAA", &token)
        .await
        .outcome(410, "expired");
    assert_eq!(world.get(&next, &token).await.status, StatusCode::OK);
    world.clock.advance(jiff::SignedDuration::from_hours(24));
    world.get(&next, &token).await.outcome(410, "expired");
}

#[tokio::test]
async fn a_search_by_form_is_the_same_search() {
    let (world, token) = world().await;
    let post = |kind: &'static str, body: &'static str| {
        let request = Request::post("/topaz/fhir/Observation/_search")
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", kind);
        world.send(request.body(Body::from(body)).unwrap())
    };
    let form = "application/x-www-form-urlencoded";
    let by_form = post(form, "date=ge2026-11-02").await;
    let by_url = world.get("/topaz/fhir/Observation?date=ge2026-11-02", &token).await;
    assert_eq!(by_form.ids(), ["a3", "a2"]);
    assert_eq!(by_form.body, by_url.body);
    post("application/json", "{}").await.outcome(415, "not-supported");
    post(form, "date=soup").await.outcome(400, "invalid");
    let large: &'static str = "x".repeat(2 * 1024 * 1024).leak();
    post(form, large).await.outcome(413, "too-long");
    let long: &'static str = format!("_id={}", "x,".repeat(3_000)).leak();
    post(form, long).await.outcome(400, "invalid");
}

#[tokio::test]
async fn b5_an_unknown_parameter_is_refused_when_strict_and_left_out_when_lenient() {
    let (world, token) = world().await;
    let path = "/topaz/fhir/Observation?foo=bar&status=final";
    let strict = [("prefer", "handling=strict")];
    let refused = world.with(Method::GET, path, &token, &strict).await;
    refused.outcome(400, "invalid");
    assert!(refused.text().contains("foo"));
    let lenient = world.get(path, &token).await;
    assert_eq!(lenient.ids().len(), 3);
    assert_eq!(lenient.link("self").unwrap(), "/topaz/fhir/Observation?status=final");
}

#[tokio::test]
async fn what_is_no_text_is_refused_by_name_and_finds_nothing_by_chance() {
    let (world, token) = world().await;
    for query in ["code=%FF", "code=%00", "subject=a%C3"] {
        let name = query.split_once('=').unwrap().0;
        let answer = world.get(&format!("/topaz/fhir/Observation?{query}"), &token).await;
        answer.outcome(400, "invalid");
        let outcome = answer.json();
        let told = outcome["issue"][0]["diagnostics"].as_str().unwrap();
        assert!(told.contains(&format!("Parameter {name}: ")), "{told}");
    }
    let answer = world
        .get("/topaz/fhir/Observation?_has:Goal:subject:status=x", &token)
        .await;
    answer.outcome(400, "invalid");
    let answer = world.get("/topaz/fhir/Observation?_count=99999999999", &token).await;
    assert_eq!(answer.status, 200, "as many as there are, at most a page");
}
