//! The page on which the client or a representative decides who else may look into the dossier.

use axum::http::StatusCode;
use axum::response::Response;

use super::browser::Browser;
use super::fields::Fields;
use super::own_views::{Dossier, Looker, PartBox, Share};
use super::text::Language;
use super::views::Shell;
use super::{people, render};
use crate::consent::{Part, Parts, Right, Role};
use crate::fhir::types::Id;
use crate::http::App;
use crate::login::act::share::{self, Shared};
use crate::login::{At, Refused};
use crate::oauth::token;

/// The box that hands over the management.
const MANAGE: &str = "beheer";
/// What the read of the clients' names is told as, where an app would stand.
const READER: &str = "account";

/// Saves what the form says of one person.
pub(super) async fn save(app: &App, at: At, fields: &Fields) -> Result<(), Refused> {
    let patient = Id::parse(fields.text("patient")).ok_or(Refused::OtherStep)?;
    let parts = match fields.text("do") {
        "save" => Some(asked(fields)),
        "end" => None,
        _ => return Err(Refused::OtherStep),
    };
    let grants = app
        .login
        .share(at, patient, fields.text("account").to_owned(), parts)
        .await?;
    token::forget(&app.issuer, &grants);
    Ok(())
}

fn asked(fields: &Fields) -> Parts {
    let asked: Vec<Part> = Part::ALL
        .into_iter()
        .filter(|part| fields.text(part.as_str()) == "yes")
        .collect();
    let manage = if fields.text(MANAGE) == "yes" {
        Parts::MANAGE
    } else {
        Parts::default()
    };
    Parts::of(&asked).and(manage)
}

/// The page, for who is logged in with a fresh second factor.
pub(super) async fn page(
    app: &App,
    browser: &Browser,
    account: &str,
    csrf: String,
    shell: Shell,
    (status, problem): (StatusCode, Option<String>),
) -> Response {
    let dossiers = match dossiers(app, browser, account).await {
        Ok(dossiers) => dossiers,
        Err(refused) => return render::failure(browser, &refused),
    };
    let language = browser.language(None);
    let view = Share {
        shell,
        t: language.texts(),
        o: language.own_texts(),
        problem,
        csrf,
        dossiers,
    };
    render::html(browser, status, "", &view)
}

async fn dossiers(app: &App, browser: &Browser, account: &str) -> Result<Vec<Dossier>, Refused> {
    let language = browser.language(None);
    let shared = app.login.shared(&browser.at("", "")).await?.ok_or(Refused::Gone)?;
    let rights: Vec<Right> = shared.iter().map(|shared| shared.right.clone()).collect();
    let clients = people::of(app, browser, (account, READER), &rights, language).await?;
    let named = shared.into_iter().zip(clients);
    Ok(named
        .map(|(shared, client)| {
            dossier(
                language,
                share::to_give(&browser.tenant, &shared.right),
                shared,
                client.name,
            )
        })
        .collect())
}

fn dossier(language: Language, mine: Parts, shared: Shared, name: String) -> Dossier {
    let people = shared.people.into_iter();
    Dossier {
        patient: shared.right.patient.to_string(),
        name,
        people: people.map(|person| looker(language, mine, person)).collect(),
    }
}

fn looker(language: Language, mine: Parts, person: share::Looker) -> Looker {
    let changeable = person.role == Role::Contact;
    let parts = Part::ALL.into_iter().filter(|part| mine.has(*part));
    let manage = mine.manage().then(|| PartBox {
        name: MANAGE,
        text: language.own_texts().share_manage,
        open: person.parts.manage(),
    });
    Looker {
        role: language.looker(person.role),
        end: changeable.then(|| language.share_end(&person.name)),
        parts: parts
            .map(|part| PartBox {
                name: part.as_str(),
                text: language.part(part),
                open: person.parts.has(part),
            })
            .chain(manage)
            .collect(),
        account: person.account,
        name: person.name,
    }
}
