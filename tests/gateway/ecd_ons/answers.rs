//! Answers with status 200 that are no answers: no page of them is read, nothing counts as absent.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::Response;

use super::door::instead;
use super::*;

const JSON: &str = "application/json";
const LINES: &str = "application/x-ndjson";

/// What an answer says of itself, and its bytes.
type Answer = (&'static str, Option<(axum::http::HeaderName, &'static str)>, Vec<u8>);

fn bad() -> Vec<(&'static str, Answer)> {
    let list = r#"{"employees":[{"id":5,"lastName":"Bakker"}],"reports":[],"carePlans":[],"clients":[]}"#;
    let latin = list
        .replace("Bakker", "B\u{e9}ker")
        .chars()
        .map(|c| c as u32 as u8)
        .collect();
    let utf16 = std::iter::once(0xfeff).chain(list.encode_utf16());
    let utf16 = utf16.flat_map(u16::to_le_bytes).collect();
    let xml =
        r#"<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><employees>&e;</employees>"#;
    let page = "<!doctype html><html><body><script>alert(1)</script>Storing</body></html>";
    let gzip = Some((CONTENT_ENCODING, "gzip"));
    vec![
        ("a page for people", ("text/html", None, page.into())),
        ("a page for people that says it is JSON", (JSON, None, page.into())),
        ("a page for people that says it is lines", (LINES, None, page.into())),
        ("XML with an entity", ("application/xml", None, xml.into())),
        ("XML with an entity that says it is JSON", (JSON, None, xml.into())),
        (
            "half of the JSON",
            (JSON, None, list.as_bytes()[..list.len() / 2].to_vec()),
        ),
        ("Latin-1", ("application/json; charset=iso-8859-1", None, latin)),
        ("UTF-16", ("application/json; charset=utf-16", None, utf16)),
        ("garbage called gzip", (JSON, gzip, (0..=255).collect())),
        (
            "more promised than sent",
            (JSON, Some((CONTENT_LENGTH, "100000")), list.into()),
        ),
        ("two answers in one", (JSON, None, format!("{list}{list}").into())),
        ("another list", (JSON, None, r#"{"rows":[]}"#.into())),
        ("nothing", (JSON, None, Vec::new())),
        ("null", (JSON, None, "null".into())),
        ("a key twice", (JSON, None, r#"{"employees":[],"employees":[]}"#.into())),
    ]
}

/// The bad answer to everything, but for the employees if they are `good`.
fn router(answer: Answer, good: bool) -> axum::Router {
    axum::Router::new().fallback(move |request: Request| {
        let (kind, header, body) = answer.clone();
        let is_good = good && request.uri().path().starts_with("/v0/xstream/employees");
        async move {
            if is_good {
                let response = Response::builder().header(CONTENT_TYPE, JSON);
                return response.body(Body::from(r#"{"employees":[]}"#)).unwrap();
            }
            let mut response = Response::builder().header(CONTENT_TYPE, kind);
            if let Some((name, value)) = header {
                response = response.header(name, value);
            }
            response.body(Body::from(body)).unwrap()
        }
    })
}

/// F13: the ECD answers 200 with HTML, truncated JSON, a wrong charset, gzip garbage or another length than it says. I8: with markup
/// that a parser would follow elsewhere.
#[tokio::test]
async fn f13_what_is_no_answer_is_read_as_none_and_nothing_is_absent() {
    let world = world(10).await;
    for (what, answer) in bad() {
        for good in [false, true] {
            let settings = instead(&world, router(answer.clone(), good)).await;
            let brought = bring(&connector(settings), pull(world.everyone(), Reach::Full)).await;
            let is_told = brought.error.is_some() || !brought.failed.is_empty() || !brought.bad.is_empty();
            assert!(is_told, "{what}: nobody noticed");
            assert!(
                brought.records.is_empty() && brought.deleted.is_empty(),
                "{what}: {brought:#?}"
            );
            let whole: Vec<Kind> = brought.streams.into_iter().collect();
            let expected: &[Kind] = if good { &[Kind::Employee] } else { &[] };
            assert_eq!(whole, expected, "{what}");
            assert!(brought.complete.is_empty(), "{what}: {:?}", brought.complete);
        }
    }
}

/// F11: the ECD stops answering in the middle. What it did not say changes nothing; the rest is told as failed.
#[tokio::test]
async fn f11_a_list_that_stops_in_the_middle_is_not_whole() {
    let world = world(10).await;
    let router = axum::Router::new().fallback(|request: Request| async move {
        let path = request.uri().path().to_owned();
        if path.starts_with("/v0/xstream/employees") {
            let response = Response::builder().header(CONTENT_TYPE, JSON);
            return response.body(Body::from(r#"{"employees":[]}"#)).unwrap();
        }
        let head = futures::stream::once(async { Ok::<_, std::io::Error>(r#"{"reports":[{"id":1,"#) });
        let silence = futures::stream::pending();
        let response = Response::builder().header(CONTENT_TYPE, JSON);
        response.body(Body::from_stream(head.chain(silence))).unwrap()
    });
    let mut settings = instead(&world, router).await;
    (settings.limits.list, settings.limits.stream) = (Duration::from_millis(300), Duration::from_millis(300));
    (settings.limits.attempts, settings.limits.failures) = (1, 1_000);
    let client = BTreeSet::from(["10101".to_owned()]);
    let brought = bring(&connector(settings), pull(client, Reach::Full)).await;
    let problems = brought.failed.iter().map(|(_, _, error)| error).chain(&brought.error);
    assert!(problems.clone().count() > 0);
    for error in problems {
        assert!(matches!(error, Error::Timeout { .. } | Error::Shape { .. }), "{error}");
    }
    assert!(brought.records.is_empty() && brought.complete.is_empty());
    assert_eq!(brought.streams.into_iter().collect::<Vec<_>>(), [Kind::Employee]);
}

/// I8: an answer that goes on and on is given up at its limit, whatever it holds, and nothing counts as absent.
#[tokio::test]
async fn i8_an_answer_without_an_end_is_read_up_to_its_limit_and_is_none() {
    let world = world(10).await;
    let router = axum::Router::new().fallback(|request: Request| async move {
        let response = Response::builder().header(CONTENT_TYPE, JSON);
        if request.uri().path().starts_with("/v0/xstream/employees") {
            return response.body(Body::from(r#"{"employees":[]}"#)).unwrap();
        }
        let rows =
            futures::stream::repeat_with(|| Ok::<_, std::io::Error>(r#"{"id":1,"clientId":10101},"#.repeat(100)));
        let start = futures::stream::once(async { Ok(r#"{"reports":["#.to_owned()) });
        response.body(Body::from_stream(start.chain(rows))).unwrap()
    });
    let mut settings = instead(&world, router).await;
    settings.limits.list_bytes = 100_000;
    let client = BTreeSet::from(["10101".to_owned()]);
    let brought = bring(&connector(settings), pull(client.clone(), Reach::Full)).await;
    assert!(brought.failed.len() > 5, "{brought:#?}");
    for (kind, _, error) in &brought.failed {
        assert!(
            matches!(error, Error::TooLarge { limit: 100_000, .. }),
            "{kind:?}: {error}"
        );
    }
    assert!(brought.records.is_empty() && brought.complete.is_empty() && brought.error.is_none());
    assert_eq!(brought.streams.into_iter().collect::<Vec<_>>(), [Kind::Employee]);

    // Of the product itself, lists that are too long: those are none, and the streams come.
    let mut settings = world.settings();
    settings.limits.list_bytes = 300;
    let brought = bring(&connector(settings), pull(client, Reach::Full)).await;
    assert!(!brought.complete.contains(&(Kind::CarePlan, "10101".to_owned())));
    let is_told = |error: &Error| matches!(error, Error::TooLarge { limit: 300, .. });
    assert!(
        brought.failed.iter().any(|(.., error)| is_told(error)),
        "{:?}",
        brought.failed
    );
    assert!(brought.streams.contains(&Kind::ContactRelation));
}
