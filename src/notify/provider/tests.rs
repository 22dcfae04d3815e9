//! Each adapter against a loopback server that answers as the provider documents, and the order in which they are tried.

use serde_json::{Value, json};
use wiremock::matchers::{body_json, body_string_contains, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::secret::Secret;

const OUT: Outgoing<'_> = Outgoing {
    reference: "01890f4e-0000-7000-8000-000000000001",
    to: "+31612345678",
    text: "Topaz: uw inlogcode is 4821-639174.",
    seconds: 300,
    report_to: None,
};

fn provider(kind: ProviderKind, server: &MockServer) -> Provider {
    Provider {
        kind,
        base_url: format!("{}/", server.uri()).parse().unwrap(),
        from: "Topaz".to_owned(),
        token: Secret::new("geheim".to_owned()),
        account: "AC1".to_owned(),
        signing: None,
    }
}

fn reports(provider: &Provider) -> Option<String> {
    Some(format!("https://gateway.example/hooks/sms/{}", provider.kind.as_str()))
}

fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

async fn answers(server: &MockServer, status: u16, body: Value) {
    server.reset().await;
    let answer = ResponseTemplate::new(status).set_body_json(body);
    Mock::given(method("POST")).respond_with(answer).mount(server).await;
}

/// How the gateway sees what one provider answers.
async fn seen(kind: ProviderKind, server: &MockServer) -> Answer {
    let provider = provider(kind, server);
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let http = Client::builder().timeout(LONGEST).no_proxy().build().unwrap();
    ask(request(&http, &provider, OUT), &provider).await
}

#[tokio::test]
async fn cm_gets_its_token_in_the_body_and_answers_with_an_error_code() {
    let server = MockServer::start().await;
    let expected = json!({"messages": {"authentication": {"producttoken": "geheim"}, "msg": [{
        "allowedChannels": ["SMS"], "from": "Topaz", "to": [{"number": "0031612345678"}],
        "body": {"type": "auto", "content": OUT.text}, "reference": OUT.reference, "validity": "300s"}]}});
    let taken = json!({"details": "Created 1 message(s)", "errorCode": 0, "messages": [
        {"to": "0031612345678", "status": "Accepted", "reference": OUT.reference, "parts": 1, "messageErrorCode": 0}]});
    Mock::given(method("POST"))
        .and(path("/v1.0/message"))
        .and(body_json(expected))
        .respond_with(ResponseTemplate::new(200).set_body_json(taken))
        .mount(&server)
        .await;
    assert_eq!(seen(ProviderKind::Cm, &server).await, Answer::Taken);
    for (status, code, means) in [
        (401, 101, Answer::Account("account")),
        (402, 102, Answer::Account("account")),
        (400, 303, Answer::Never("number-or-text")),
        (500, 500, Answer::Later("refused")),
        (400, 401, Answer::Later("refused")),
    ] {
        answers(
            &server,
            status,
            json!({"details": "…", "errorCode": code, "messages": []}),
        )
        .await;
        assert_eq!(seen(ProviderKind::Cm, &server).await, means, "{code}");
    }
}

#[tokio::test]
async fn spryng_gets_a_bearer_key_and_answers_with_the_message() {
    let server = MockServer::start().await;
    let expected = json!({"body": OUT.text, "originator": "Topaz", "recipients": ["31612345678"], "encoding": "plain",
        "route": "business", "reference": OUT.reference});
    Mock::given(method("POST"))
        .and(path("/v1/messages"))
        .and(header("authorization", "Bearer geheim"))
        .and(body_json(expected))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"id": "9dbc5ffb", "reference": OUT.reference})))
        .mount(&server)
        .await;
    assert_eq!(seen(ProviderKind::Spryng, &server).await, Answer::Taken);
    for (status, means) in [
        (401, Answer::Account("account")),
        (422, Answer::Never("refused")),
        (429, Answer::Later("too-many")),
        (503, Answer::Later("failed")),
    ] {
        answers(&server, status, json!({"message": "…"})).await;
        assert_eq!(seen(ProviderKind::Spryng, &server).await, means, "{status}");
    }
}

#[tokio::test]
async fn messagebird_gets_an_access_key_and_answers_with_the_recipients() {
    let server = MockServer::start().await;
    let expected = json!({"originator": "Topaz", "recipients": "31612345678", "body": OUT.text,
        "reference": OUT.reference, "validity": 300, "datacoding": "plain"});
    let taken = json!({"id": "e8077d803532c0b5937c639b60216938", "href": "https://rest.messagebird.com/messages/e80",
        "recipients": {"totalSentCount": 1, "items": [{"recipient": 31_612_345_678_i64, "status": "sent"}]}});
    Mock::given(method("POST"))
        .and(path("/messages"))
        .and(header("authorization", "AccessKey geheim"))
        .and(body_json(expected))
        .respond_with(ResponseTemplate::new(201).set_body_json(taken))
        .mount(&server)
        .await;
    assert_eq!(seen(ProviderKind::MessageBird, &server).await, Answer::Taken);
    for (status, code, means) in [
        (401, 2, Answer::Account("account")),
        (422, 25, Answer::Account("balance")),
        (422, 9, Answer::Never("refused")),
        (500, 99, Answer::Later("failed")),
    ] {
        answers(&server, status, json!({"errors": [{"code": code, "description": "…"}]})).await;
        assert_eq!(seen(ProviderKind::MessageBird, &server).await, means, "{code}");
    }
}

#[tokio::test]
async fn twilio_gets_a_form_with_basic_authentication_and_is_told_to_keep_nothing() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/2010-04-01/Accounts/AC1/Messages.json"))
        .and(header("authorization", "Basic QUMxOmdlaGVpbQ=="))
        .and(body_string_contains("To=%2B31612345678&From=Topaz&Body=Topaz%3A+uw"))
        .and(body_string_contains(
            "ValidityPeriod=300&ContentRetention=discard&AddressRetention=obfuscate",
        ))
        .respond_with(ResponseTemplate::new(201).set_body_json(json!({"sid": "SM1", "status": "queued"})))
        .mount(&server)
        .await;
    assert_eq!(seen(ProviderKind::Twilio, &server).await, Answer::Taken);
    for (status, code, means) in [
        (401, 20_003, Answer::Account("account")),
        (400, 21_211, Answer::Never("number")),
        (400, 21_610, Answer::Never("number")),
        (400, 21_408, Answer::Later("refused")),
        (429, 20_429, Answer::Later("too-many")),
        (503, 20_500, Answer::Later("failed")),
    ] {
        answers(&server, status, json!({"code": code, "message": "…", "status": status})).await;
        assert_eq!(seen(ProviderKind::Twilio, &server).await, means, "{code}");
    }
}

/// A first provider that answers badly and a second one that takes everything.
async fn two(status: u16) -> (MockServer, MockServer, Providers) {
    let (first, second) = (MockServer::start().await, MockServer::start().await);
    answers(&first, status, json!({})).await;
    answers(&second, 200, json!({"id": "1"})).await;
    let list = [
        provider(ProviderKind::MessageBird, &first),
        provider(ProviderKind::Spryng, &second),
    ];
    let providers = Providers::new(&list, reports).unwrap();
    (first, second, providers)
}

async fn calls(server: &MockServer) -> usize {
    server.received_requests().await.unwrap().len()
}

#[tokio::test]
async fn the_next_provider_gets_what_the_first_cannot_take_and_a_failing_one_rests() {
    let (first, second, providers) = two(503).await;
    for _ in 0..5 {
        providers.send(OUT, now()).await.unwrap();
    }
    assert_eq!((calls(&first).await, calls(&second).await), (3, 5));
    // With the same reference each time, and with the address for reports where the provider takes one.
    for request in first.received_requests().await.unwrap() {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(body["reference"], OUT.reference);
        assert_eq!(body["reportUrl"], "https://gateway.example/hooks/sms/messagebird");
    }
    // After its rest it gets one message; it is well again.
    let later = now() + REST;
    answers(&first, 201, json!({"id": "1"})).await;
    for _ in 0..2 {
        providers.send(OUT, later).await.unwrap();
    }
    assert_eq!((calls(&first).await, calls(&second).await), (2, 5));
}

#[tokio::test]
async fn an_account_that_is_closed_rests_at_once_and_a_wrong_number_is_nobodys_fault() {
    let (first, second, providers) = two(401).await;
    for _ in 0..3 {
        providers.send(OUT, now()).await.unwrap();
    }
    assert_eq!((calls(&first).await, calls(&second).await), (1, 3));
    let (first, second, providers) = two(422).await;
    for _ in 0..5 {
        assert_eq!(providers.send(OUT, now()).await, Err(Refused::ForGood));
    }
    assert_eq!((calls(&first).await, calls(&second).await), (5, 0));
    assert!(!providers.down(now()));
}

#[tokio::test]
async fn when_nobody_takes_it_the_message_waits_and_the_page_can_tell() {
    let (_first, second, providers) = two(500).await;
    answers(&second, 500, json!({})).await;
    assert!(!providers.down(now()));
    for _ in 0..3 {
        assert_eq!(providers.send(OUT, now()).await, Err(Refused::ForNow));
    }
    assert!(providers.down(now()));
    assert!(!providers.down(now() + REST), "somebody is tried again after the rest");
}

#[tokio::test]
async fn a_provider_that_hangs_costs_three_seconds_and_no_more() {
    let (first, second, providers) = two(200).await;
    first.reset().await;
    let slow = ResponseTemplate::new(201).set_delay(Duration::from_secs(30));
    Mock::given(method("POST")).respond_with(slow).mount(&first).await;
    let started = std::time::Instant::now();
    providers.send(OUT, now()).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(6), "{:?}", started.elapsed());
    assert_eq!(calls(&second).await, 1);
}
