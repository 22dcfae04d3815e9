//! What a whole login leaves in the log, and what hostile forms get.

use std::sync::{Arc, Mutex};

use tracing_subscriber::EnvFilter;

use super::*;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_whole_login_leaves_no_name_secret_or_code_in_the_log_at_any_level() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_env_filter(EnvFilter::new("inzage=trace"))
        .with_writer(move || writer.clone())
        .finish();
    // See the same in `http::tests`: with two subscribers tracing asks every one of them.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let guard = tracing::subscriber::set_default(subscriber);
    let (world, mut browser) = usual().await;
    crate::oauth::key::generate(&world.issuer, &world.tenant.id)
        .await
        .unwrap();
    let request = world
        .request(
            "openid fhirUser launch/patient patient/*.rs offline_access",
            &[("login_hint", "m.bakker")],
        )
        .await;
    let page = browser.get(&format!("/topaz/login?request={request}")).await;
    let form = page.form("username");
    let page = browser
        .submit(&form, &[("username", "m.bakker"), ("password", "geheim-maar-fout")])
        .await;
    let page = browser
        .submit(
            &page.form("username"),
            &[("username", "m.bakker"), ("password", PASSWORD)],
        )
        .await;
    let code = world.newest_code().await;
    let number = world.messages().await.last().unwrap()["to"]
        .as_str()
        .unwrap()
        .to_owned();
    let page = browser.submit(&page.form("otp"), &[("otp", "123")]).await;
    let page = browser.submit(&page.form("otp"), &[("otp", &code)]).await;
    let sent = browser.submit(&page.form("decision"), &[("decision", "allow")]).await;
    let to = url::Url::parse(sent.header("location")).unwrap();
    let given = to
        .query_pairs()
        .find(|(name, _)| name == "code")
        .unwrap()
        .1
        .into_owned();
    let exchange = Serializer::new(String::new())
        .extend_pairs([
            ("grant_type", "authorization_code"),
            ("client_id", &world.app),
            ("code", &given),
            ("redirect_uri", "http://127.0.0.1:4711/callback"),
            ("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
        ])
        .finish();
    let tokens = browser.post("/topaz/oauth/token", exchange).await;
    assert_eq!(tokens.status, StatusCode::OK, "{}", tokens.body);
    let tokens: serde_json::Value = serde_json::from_str(&tokens.body).unwrap();
    let token = |name: &str| tokens[name].as_str().unwrap().to_owned();
    for path in [
        "/topaz/fhir/Patient/p1",
        "/topaz/fhir/Observation?identifier=999911120",
        "/topaz/oauth/userinfo",
    ] {
        let bearer = format!("Bearer {}", token("access_token"));
        browser
            .send(Request::get(path).header("authorization", bearer), String::new())
            .await;
    }
    browser.get("/topaz/account").await;
    let secrets: Vec<String> = browser.jar.values().filter(|value| value.len() > 10).cloned().collect();
    assert_eq!(secrets.len(), 2);
    drop(guard);

    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(text.lines().count() > 10, "{text}");
    let own = ["access_token", "refresh_token", "id_token"].map(token);
    let plain = [
        "bakker",
        "Bakker",
        PASSWORD,
        "geheim-maar-fout",
        "999911120",
        "callback",
        &code,
        &number[3..],
        &given,
        &request,
    ];
    for private in plain.into_iter().chain(secrets.iter().chain(&own).map(String::as_str)) {
        assert!(!text.contains(private), "{private} in {text}");
    }
}

#[tokio::test]
async fn d6_bytes_that_no_database_stores_are_refused_before_it_sees_them() {
    let (world, mut browser) = usual().await;
    let gone = browser.get("/topaz/login?request=a%00b").await;
    assert_eq!(gone.status, StatusCode::GONE);
    let request = world.request("launch/patient patient/*.rs", &[]).await;
    let page = browser.get(&format!("/topaz/login?request={request}")).await;
    let form = page.form("username");
    let answer = browser
        .post(&form.action, form.fill(&[("username", "m\0b"), ("password", PASSWORD)]))
        .await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    for form in ["grant_type=refresh_token&refresh_token=x&client_id=%00", "token=%00"] {
        for path in ["/topaz/oauth/token", "/topaz/oauth/revoke", "/topaz/oauth/introspect"] {
            let answer = browser.post(path, form.to_owned()).await;
            assert!(answer.status.is_client_error(), "{path} {form}: {}", answer.status);
        }
    }
    // `Basic base64("%00:x")`
    let basic = Request::post("/topaz/oauth/token")
        .header("authorization", "Basic JTAwOng=")
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    let answer = browser
        .send(basic, "grant_type=refresh_token&refresh_token=x".to_owned())
        .await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a16_two_tabs_keep_apart_and_a_form_of_one_is_none_of_the_other() {
    let (world, mut browser) = usual().await;
    let asked = [
        "launch/patient patient/Observation.rs",
        "launch/patient patient/Goal.rs",
    ];
    let mut paths = Vec::new();
    for scope in asked {
        paths.push(format!("/topaz/login?request={}", world.request(scope, &[]).await));
    }
    // Both are open before anybody logs in.
    let first = browser.get(&paths[0]).await.form("username");
    let second = browser.get(&paths[1]).await.form("username");
    let value = |form: &super::browser::Form, name: &str| form.fields(name)[0].get("value").to_owned();
    assert_ne!(value(&first, "flow"), value(&second, "flow"));
    // A form with the word of the other one.
    let mixed = first
        .fill(&[("username", "m.bakker"), ("password", PASSWORD)])
        .replace(&value(&first, "csrf"), &value(&second, "csrf"));
    assert_eq!(browser.post(&first.action, mixed).await.status, StatusCode::FORBIDDEN);

    let planted = browser.jar.clone();
    let page = browser
        .submit(&first, &[("username", "m.bakker"), ("password", PASSWORD)])
        .await;
    assert_ne!(
        browser.jar["ix-topaz"], planted["ix-topaz"],
        "the cookie changes with the password"
    );
    let code = world.newest_code().await;
    let first = browser.submit(&page.form("otp"), &[("otp", &code)]).await;
    assert!(!planted.contains_key("session-topaz") && browser.jar.contains_key("session-topaz"));
    // The other tab is reloaded: its own request, approved by the same session.
    let second = browser.get(&paths[1]).await;
    assert!(first.body.contains("Rapportages en metingen") && !first.body.contains("Doelen"));
    assert!(second.body.contains("Doelen") && !second.body.contains("Rapportages"));
    for (page, scope) in [(second, asked[1]), (first, asked[0])] {
        let sent = browser.submit(&page.form("decision"), &[("decision", "allow")]).await;
        assert_eq!(tokens(&world, &mut browser, &sent).await["scope"], scope);
    }
    // Whoever planted the old cookie has nothing with it.
    browser.jar = planted;
    let page = browser.get(&paths[0]).await;
    assert_eq!(page.status, StatusCode::GONE);
}

#[tokio::test]
async fn c16_c22_an_approval_takes_no_form_from_elsewhere_or_of_before_and_always_answers_with_303() {
    let (world, mut browser) = usual().await;
    let request = world.request("openid launch/patient patient/*.rs", &[]).await;
    let page = browser.get(&format!("/topaz/login?request={request}")).await;
    let form = page.form("username");
    let filled = form.fill(&[("username", "m.bakker"), ("password", PASSWORD)]);
    let sent = browser.post(&form.action, filled).await;
    // 307 and 308 would send the password on.
    assert_eq!(sent.status, StatusCode::SEE_OTHER);
    let page = browser.get(sent.header("location")).await;
    let code = world.newest_code().await;
    let page = browser.submit(&page.form("otp"), &[("otp", &code)]).await;
    assert!(
        page.header("content-security-policy")
            .contains("frame-ancestors 'none'")
    );
    let form = page.form("decision");
    let filled = form.fill(&[("decision", "allow")]);
    let foreign = Request::post(&form.action)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header("sec-fetch-site", "cross-site");
    let csrf = form.fields("csrf")[0].get("value").to_owned();
    for refused in [
        browser.send(foreign, filled.clone()).await,
        browser.post(&form.action, filled.replace(&csrf, "")).await,
        browser
            .post(&form.action, filled.replace(&csrf, &"a".repeat(csrf.len())))
            .await,
    ] {
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        assert_eq!(refused.header("location"), "");
    }
    let sent = browser.post(&form.action, filled.clone()).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER);
    assert!(sent.header("location").contains("code="));
    let replayed = browser.post(&form.action, filled).await;
    assert_eq!(replayed.status, StatusCode::GONE);
    assert_eq!(replayed.header("location"), "");
}
