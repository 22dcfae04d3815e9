//! Help, terms and what stands on the login page.

use axum::http::StatusCode;

use super::{Browser, up_to_the_code, with};
use crate::config::{Help, Policy, Preset, Terms, Upstream, Words};
use crate::login::world::World;
use crate::secret::Secret;

fn words(dutch: &str, english: Option<&str>) -> Option<Words> {
    Some(Words {
        dutch: dutch.to_owned(),
        english: english.map(str::to_owned),
    })
}

fn filled(policy: &mut Policy) {
    let url = |path: &str| Some(format!("https://topaz.example/{path}").parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    for (day, text) in [
        ("2026-01-01", "# Afspraak\n\nDeel niets."),
        ("2026-12-01", "Nieuwe afspraak."),
    ] {
        std::fs::write(folder.path().join(format!("{day}.nl.txt")), text).unwrap();
    }
    std::fs::write(folder.path().join("2026-01-01.en.txt"), "Share nothing.").unwrap();
    let mut terms = Terms::of_folder(folder.path()).unwrap();
    terms.privacy_url = url("privacy");
    terms.privacy_version = Some("2.1".to_owned());
    terms.supplement_to = Some("Algemene Voorwaarden <VVT>".to_owned());
    policy.terms = terms;
    policy.help = Help {
        contact: words("uw EVV", None),
        phone: Some("088 123".to_owned()),
        email: Some("portaal@topaz.example".to_owned()),
        helpdesk: words("de helpdesk", Some("the help desk")),
        manual_url: url("handleiding"),
        manual_version: Some("mei 2026".to_owned()),
        videos_url: url("videos"),
        representation_url: url("vertegenwoordiging"),
        notice: words("Alleen voor cliënten en mantelzorgers.", None),
        reports_to_ward: true,
        ..Help::default()
    };
}

fn provider() -> Upstream {
    Upstream {
        name: "Provider".to_owned(),
        issuer: "https://login.example".to_owned(),
        client_id: "inzage".to_owned(),
        client_secret: Secret::new(String::new()),
        levels: vec!["low".to_owned()],
        minimum: None,
        password: true,
        ca: None,
    }
}

/// The places of these texts in the page, in order.
fn in_order(page: &str, texts: &[&str]) {
    let mut from = 0;
    for text in texts {
        let at = page[from..].find(text);
        from += at.unwrap_or_else(|| panic!("{text} is not there, or before the one above it: {page}"));
    }
}

#[tokio::test]
async fn s1_23_help_says_what_to_read_and_whom_to_ask_first_next_and_last() {
    let (_world, mut browser) = with(filled).await;
    let page = browser.get("/topaz/help").await;
    assert_eq!(page.status, StatusCode::OK);
    in_order(
        &page.body,
        &[
            "href=\"https://topaz.example/handleiding\"",
            "(versie mei 2026)",
            "href=\"https://topaz.example/videos\"",
            "uw EVV",
            "de helpdesk",
            "088 123",
            "mailto:portaal@topaz.example",
            "112",
            "behandelaar",
            "https://topaz.example/vertegenwoordiging",
            "Firefox",
        ],
    );
    let english = browser.get("/topaz/help?lang=en").await;
    // What is Dutch in there says so, for who hears the page.
    in_order(
        &english.body,
        &[
            "First ask <span lang=\"nl\">uw EVV</span>",
            "Then ask <span>the help desk</span>",
        ],
    );
}

/// Which organisations say so, and which do not.
const HOW_TO_READ: [&str; 3] = [
    "Stel vragen over een rapportage aan de afdeling",
    "Een dag zonder rapportage is gewoon",
    "De tijden in de agenda zijn ongeveer",
];

#[tokio::test]
async fn s4_11_s4_12_s4_13_s4_14_amaris_says_how_to_read_the_file() {
    let (_world, mut browser) = with(|policy| *policy = Policy::from(Preset::Amaris)).await;
    let page = browser.get("/topaz/help").await;
    in_order(&page.body, &HOW_TO_READ);
}

#[tokio::test]
async fn an_organisation_that_says_nothing_has_a_help_page_all_the_same() {
    let (_world, mut browser) = with(|_| {}).await;
    let page = browser.get("/topaz/help").await;
    assert!(page.body.contains("uw contactpersoon in de zorg") && !page.body.contains("mailto:"));
    assert!(page.body.contains("niet repareren"), "{}", page.body);
    for text in HOW_TO_READ {
        assert!(!page.body.contains(text), "{text}");
    }
    assert!(!page.body.contains("/topaz/terms"), "no terms, no link");
    let page = browser.get("/topaz/terms").await;
    assert!(page.body.contains("geen voorwaarden"), "{}", page.body);
    assert_eq!(browser.get("/nobody/help").await.status, StatusCode::NOT_FOUND);
}

async fn login_page(world: &World, browser: &mut Browser) -> String {
    let request = world.request("openid launch/patient patient/*.rs", &[]).await;
    browser.get(&format!("/topaz/login?request={request}")).await.body
}

#[tokio::test]
async fn the_login_page_has_news_a_notice_new_terms_and_the_privacy_statement() {
    let news = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(news.path(), "Zondag <b>onderhoud</b>.").unwrap();
    let (world, mut browser) = with(|policy| {
        filled(policy);
        policy.help.news_file = Some(news.path().to_owned());
    })
    .await;
    let page = login_page(&world, &mut browser).await;
    in_order(
        &page,
        &[
            "class=\"news\"",
            "Zondag &#60;b&#62;onderhoud",
            "Nieuwe voorwaarden gelden vanaf 01-12-2026",
            "Alleen voor cliënten en mantelzorgers.",
            "href=\"https://topaz.example/privacy\"",
            "(versie 2.1)",
            "href=\"/topaz/help\"",
            "href=\"/topaz/terms\"",
        ],
    );
    assert!(
        page.contains("Lees onze <a href=\"https://topaz.example/privacy\""),
        "{page}"
    );
    let terms = browser.get("/topaz/terms").await.body;
    in_order(
        &terms,
        &[
            "vanaf 01-01-2026",
            "<h2>Afspraak</h2>",
            "vanaf 01-12-2026",
            "Nieuwe afspraak.",
            "Algemene Voorwaarden &#60;VVT&#62;",
        ],
    );
    let english = browser.get("/topaz/terms?lang=en").await.body;
    in_order(
        &english,
        &[
            "<div>",
            "Share nothing.",
            "<div lang=\"nl\">",
            "Nieuwe afspraak.",
            "<span lang=\"nl\">Algemene",
        ],
    );
    let page = login_page(&world, &mut browser).await;
    in_order(
        &page,
        &[
            "<html lang=\"en\"",
            "<div lang=\"nl\">",
            "Zondag",
            "<span lang=\"nl\">Alleen voor",
        ],
    );
    std::fs::write(news.path(), [0xff]).unwrap();
    assert!(!login_page(&world, &mut browser).await.contains("class=\"news\""));
    std::fs::remove_file(news.path()).unwrap();
    assert!(!login_page(&world, &mut browser).await.contains("class=\"news\""));
}

#[tokio::test]
async fn s3_15_who_logs_in_is_told_before_that_it_is_agreeing_to_the_privacy_statement() {
    let (world, mut browser) = with(|policy| {
        filled(policy);
        policy.terms.login_agrees_to_privacy = true;
    })
    .await;
    let page = login_page(&world, &mut browser).await;
    in_order(
        &page,
        &[
            "Met inloggen gaat u akkoord met onze",
            "https://topaz.example/privacy",
            "(versie 2.1)",
        ],
    );
}

#[tokio::test]
async fn what_is_switched_on_the_page_of_the_password_stays_on_it_where_there_is_a_provider() {
    let (world, mut browser) = with(|policy| policy.upstream = Some(provider())).await;
    let request = world.request("openid launch/patient patient/*.rs", &[]).await;
    let path = format!("/topaz/login?request={request}&with=password");
    let page = browser.get(&path).await;
    let links: Vec<&str> = page
        .body
        .split("href=\"")
        .filter(|link| link.starts_with("/topaz/login?"))
        .collect();
    assert_eq!(links.len(), 4, "language, two looks, show: {}", page.body);
    for link in links {
        let link = link.split('"').next().unwrap().replace("&#38;", "&");
        let page = browser.get(&link).await;
        assert!(page.body.contains("name=\"password\""), "{link}");
    }
}

#[tokio::test]
async fn somebody_reads_the_terms_agrees_and_goes_on() {
    let (world, mut browser) = with(filled).await;
    let page = up_to_the_code(&world, &mut browser, "m.bakker").await;
    let code = world.newest_code().await;
    let page = browser.submit(&page.form("otp"), &[("otp", &code)]).await;
    in_order(
        &page.body,
        &["Gaat u akkoord", "Deel niets.", "Ik ga niet akkoord", "Ik ga akkoord"],
    );
    assert!(browser.get("/topaz/account").await.body.contains("niet ingelogd"));
    // Neither button: the same page, which asks for one.
    let page = browser.submit(&page.form("decision"), &[("decision", "")]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    in_order(&page.body, &["Gaat u akkoord", "role=\"alert\"", "Deel niets."]);
    let page = browser.submit(&page.form("decision"), &[("decision", "allow")]).await;
    assert!(page.body.contains("Rapportages en metingen"), "{}", page.body);
    assert!(browser.get("/topaz/account").await.body.contains("Mevrouw m.bakker"));
}

#[tokio::test]
async fn s3_11_s3_29_contrast_and_large_letters_are_chosen_before_the_login_and_kept() {
    let (world, mut browser) = with(|_| {}).await;
    let request = world.request("openid launch/patient patient/*.rs", &[]).await;
    let path = format!("/topaz/login?request={request}");
    let page = browser.get(&path).await;
    assert!(!page.body.contains("class=\"contrast"), "{}", page.body);
    assert!(
        page.body.contains(&format!("{path}&#38;look=contrast\"")),
        "{}",
        page.body
    );
    browser.get(&format!("{path}&look=contrast")).await;
    let page = browser.get(&path).await;
    assert!(
        page.body.contains("<html lang=\"nl\" class=\"contrast\">"),
        "{}",
        page.body
    );
    assert!(page.body.contains("Gewoon contrast") && page.body.contains("Grote letters"));
    browser.get(&format!("{path}&look=contrast-large")).await;
    // On every other page as well.
    let page = browser.get("/topaz/help").await;
    assert!(page.body.contains("class=\"contrast large\""), "{}", page.body);
    browser.get(&format!("{path}&look=nonsense")).await;
    assert_eq!(browser.jar["look"], "contrast-large", "what is no look changes nothing");
    browser.get(&format!("{path}&look=plain")).await;
    assert!(!browser.get("/topaz/help").await.body.contains("class=\"contrast"));
}

#[tokio::test]
async fn s4_4_the_typed_password_is_shown_to_who_asks_and_hidden_otherwise() {
    let (world, mut browser) = with(|_| {}).await;
    let request = world.request("openid launch/patient patient/*.rs", &[]).await;
    let path = format!("/topaz/login?request={request}");
    for (address, kind) in [
        (path.clone(), "password"),
        (format!("{path}&show=1"), "text"),
        (path.clone(), "password"),
    ] {
        let page = browser.get(&address).await;
        let form = page.form("password");
        let field = form.fields("password")[0];
        assert_eq!(
            (field.get("type"), field.get("autocomplete")),
            (kind, "current-password")
        );
    }
    // A wrong one is never shown again.
    let page = browser.get(&format!("{path}&show=1")).await;
    let form = page.form("password");
    let page = browser
        .submit(&form, &[("username", "m.bakker"), ("password", "Geheim is dit")])
        .await;
    assert!(page.status == StatusCode::UNPROCESSABLE_ENTITY && !page.body.contains("Geheim is dit"));
}
