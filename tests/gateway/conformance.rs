//! The conformance runner against a small server of its own: a good one passes, each fault is found.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::extract::{Form, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use inzage::conformance::{Options, Outcome, Report, run};
use serde_json::{Value, json};

type Fields = BTreeMap<String, String>;

/// What the server does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// The second client's data answers 403 in place of 404.
    Leaks,
    /// The login takes any SMS code and sends none.
    NoSms,
    /// The page after an unknown name reads differently.
    TellsNames,
}

#[derive(Clone)]
struct Server {
    fault: Fault,
    base: String,
    outbox: std::path::PathBuf,
    asked: Arc<Mutex<Fields>>,
}

const CASES: [(&str, &str); 3] = [
    (
        "login/01-tokens",
        "title='Tokens'\nrequirements=['smart:T02']\n[[step]]\nlogin={ account='client', app='demo-native', as='a' }\n\
         [step.expect]\nstatus=[200]\njson={ '/patient'={ is='{a.patient}' } }\n",
    ),
    (
        "login/02-names",
        "title='Names'\nrequirements=['smart:A10']\n[[step]]\nname='w'\nlogin={ account='client', app='demo-native', \
         until='password', password='x', as='a' }\n[[step]]\nname='u'\nlogin={ account='client', app='demo-native', \
         until='password', username='x', as='a' }\n[[step]]\nsame=['w','u']\n",
    ),
    (
        "isolation/01-other",
        "title='Other'\nrequirements=['smart:S04']\n[[step]]\nname='h'\nget='{fhir}/Patient/2'\n[[step]]\nname='n'\n\
         get='{fhir}/Patient/9'\n[[step]]\nsame=['h','n']\n",
    ),
];

async fn authorize(State(server): State<Server>, Query(query): Query<Fields>) -> Redirect {
    *server.asked.lock().expect("no test panicked with it") = query;
    Redirect::to("/login")
}

fn page(text: &str, fields: &str) -> Html<String> {
    Html(format!(
        "<p>{text}</p><form method=\"post\" action=\"/login\">{fields}<button>Verder</button></form>"
    ))
}

fn password_page(text: &str) -> Html<String> {
    page(
        text,
        "<input name=\"username\" id=\"username\"><input name=\"password\" type=\"password\">",
    )
}

async fn login(State(server): State<Server>, Form(form): Form<Fields>) -> Response {
    let field = |name: &str| form.get(name).map(String::as_str);
    match (field("username"), field("password"), field("otp"), field("decision")) {
        (Some("anna"), Some("secret"), ..) => {
            if server.fault != Fault::NoSms {
                let line = json!({"to": "+31600000000", "text": "uw code is 4821-639174", "code": "4821-639174", "at": "now"});
                let kept = std::fs::read_to_string(&server.outbox).unwrap_or_default();
                std::fs::write(&server.outbox, format!("{kept}{line}\n")).expect("the outbox is writable");
            }
            page("4821", "<input name=otp id=otp>").into_response()
        }
        (Some("anna"), ..) => password_page("Onjuist").into_response(),
        (Some(_), ..) if server.fault == Fault::TellsNames => password_page("Onbekend").into_response(),
        (Some(_), ..) => password_page("Onjuist").into_response(),
        (_, _, Some("4821-639174"), _) => {
            page("Mag", "<input type=checkbox name=scope value=a><button name=decision value=deny>Nee</button><button name=decision value=allow>Ja</button>")
                .into_response()
        }
        (.., Some("allow")) => {
            let asked = server.asked.lock().expect("no test panicked with it");
            let back = format!("{}?code=c1&state={}&iss={}", asked["redirect_uri"], asked["state"], server.base);
            Redirect::to(&back).into_response()
        }
        _ => StatusCode::BAD_REQUEST.into_response(),
    }
}

async fn token(State(server): State<Server>, Form(form): Form<Fields>) -> Json<Value> {
    let verifier = form["code_verifier"].as_bytes();
    let asked = server.asked.lock().expect("no test panicked with it");
    let challenge = base64::Engine::encode(
        &base64::engine::general_purpose::URL_SAFE_NO_PAD,
        inzage::secret::sha256(verifier),
    );
    assert_eq!(asked["code_challenge"], challenge);
    Json(json!({"access_token": "t", "token_type": "Bearer", "expires_in": 300, "scope": "a", "patient": "1"}))
}

async fn patient(State(server): State<Server>, axum::extract::Path(id): axum::extract::Path<String>) -> Response {
    let status = if id == "2" && server.fault == Fault::Leaks {
        StatusCode::FORBIDDEN
    } else {
        StatusCode::NOT_FOUND
    };
    (status, [(header::CONTENT_TYPE, "application/fhir+json")], "{}").into_response()
}

async fn report(fault: Fault) -> Report {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for (id, text) in CASES {
        let path = dir.path().join("cases").join(id).with_extension("toml");
        std::fs::create_dir_all(path.parent().expect("a case has an area")).expect("the folder is writable");
        std::fs::write(path, text).expect("the folder is writable");
    }
    std::fs::create_dir(dir.path().join("outbox")).expect("the folder is writable");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("the folder is writable");
    let base = format!("http://{}", listener.local_addr().expect("a bound port"));
    let server = Server {
        fault,
        base: format!("{base}/topaz"),
        outbox: dir.path().join("outbox/sms.jsonl"),
        asked: Arc::default(),
    };
    let router = Router::new()
        .route("/topaz/oauth/authorize", get(authorize))
        .route("/login", get(async || password_page("Welkom")).post(login))
        .route("/topaz/oauth/token", post(token))
        .route("/topaz/fhir/Patient/{id}", get(patient))
        .with_state(server);
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    write_world(dir.path(), &base);
    let mut options = Options::new(
        base.parse().expect("an address"),
        [7; 32],
        "2026-11-22T10:00:00Z".parse().expect("a timestamp"),
    );
    options.cases = Some(dir.path().join("cases"));
    let report = run(options.demo(dir.path())).await.expect("the runner starts");
    serving.abort();
    report
}

fn write_world(dir: &Path, base: &str) {
    let account =
        json!({"username": "anna", "password": "secret", "role": "client", "patients": [{"id": "1", "name": "A"}]});
    let app = json!({"client_id": "demo-native", "redirect_uris": ["http://127.0.0.1/callback"], "kind": "public"});
    let tenant = json!({"id": "topaz", "fhir": format!("{base}/topaz/fhir"), "issuer": format!("{base}/topaz"),
        "accounts": [account], "apps": [app]});
    std::fs::write(
        dir.join("demo.json"),
        json!({"tenants": [tenant], "admin": null}).to_string(),
    )
    .expect("the folder is writable");
}

fn failed(report: &Report) -> Vec<&str> {
    let failed = report
        .results
        .iter()
        .filter(|result| matches!(result.outcome, Outcome::Failed { .. }));
    failed.map(|result| result.case.as_str()).collect()
}

#[tokio::test]
async fn a_good_server_passes() {
    let report = report(Fault::None).await;
    assert!(report.passed(), "{}", report.to_text());
    assert_eq!(report.results.len(), CASES.len());
    let walked = report
        .results
        .iter()
        .find(|result| result.case == "login/01-tokens")
        .unwrap();
    assert!(
        walked
            .exchanges
            .iter()
            .any(|exchange| exchange.path == "/topaz/oauth/token")
    );
}

#[tokio::test]
async fn a_difference_between_hidden_and_absent_is_found() {
    assert_eq!(failed(&report(Fault::Leaks).await), ["isolation/01-other"]);
}

#[tokio::test]
async fn a_difference_between_wrong_and_unknown_is_found() {
    assert_eq!(failed(&report(Fault::TellsNames).await), ["login/02-names"]);
}

#[tokio::test]
async fn a_login_without_its_sms_is_found() {
    let report = report(Fault::NoSms).await;
    assert_eq!(failed(&report), ["login/01-tokens"]);
    assert!(
        report.to_text().contains("no SMS came for this page"),
        "{}",
        report.to_text()
    );
}

#[tokio::test]
async fn a_report_holds_no_password_code_or_token() {
    let report = report(Fault::Leaks).await;
    for form in [report.to_json(), report.to_html(), report.to_junit(), report.to_text()] {
        for secret in ["secret", "639174", "anna", "code_challenge", "c1&"] {
            assert!(!form.contains(secret), "{secret}");
        }
    }
}
