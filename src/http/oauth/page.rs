//! The two pages of the authorization endpoint: it is not known where to send an answer, and an answer by `form_post`.

use askama::Template;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};
use axum::response::{Html, IntoResponse, Response};

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<!doctype html>
<html lang="nl">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Inloggen lukt niet</title>
</head>
<body>
<main>
<h1>Inloggen lukt niet</h1>
<p>U wilde inloggen met een app. Er is iets mis met de vraag van de app. Wij weten niet zeker welke app het is. Daarom gaan wij niet verder.</p>
<p>Ga terug naar de app en probeer het opnieuw. Lukt het weer niet? Vraag dan hulp aan de maker van de app.</p>
<section lang="en">
<h2>For the maker of the app</h2>
<p id="error">{{ text }}</p>
</section>
</main>
</body>
</html>
"#
)]
struct Fault {
    text: &'static str,
}

/// A page without a redirect: RFC 6749 §4.1.2.1
pub(super) fn fault(text: &'static str) -> Response {
    shown(
        StatusCode::BAD_REQUEST,
        &Fault { text },
        "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    )
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<!doctype html>
<html lang="nl">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Terug naar de app</title>
</head>
<body>
<main>
<form method="post" action="{{ action }}">
{% for (name, value) in fields %}<input type="hidden" name="{{ name }}" value="{{ value }}">
{% endfor %}<p>Bijna klaar. Gaat u niet vanzelf terug naar de app? Druk dan op de knop.</p>
<button type="submit">Terug naar de app</button>
</form>
</main>
<script nonce="{{ nonce }}">document.forms[0].submit()</script>
</body>
</html>
"#
)]
struct Post<'a> {
    action: &'a str,
    fields: &'a [(String, String)],
    nonce: &'a str,
}

/// A form that sends itself, or is sent by its button where scripts are off.
pub(super) fn post(action: &str, origin: &str, fields: &[(String, String)], nonce: &str) -> Response {
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; form-action {origin}; base-uri 'none'; frame-ancestors 'none'"
    );
    shown(StatusCode::OK, &Post { action, fields, nonce }, &policy)
}

fn shown(status: StatusCode, page: &impl Template, policy: &str) -> Response {
    let Ok(body) = page.render() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let headers = [(CONTENT_SECURITY_POLICY, policy), (CACHE_CONTROL, "no-store")];
    (status, headers, Html(body)).into_response()
}
