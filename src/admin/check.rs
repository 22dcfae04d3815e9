//! `inzage check`: would the gateway start, and would a sync begin?
//!
//! # Design
//! Everything that `serve` and `sync` make out of files is made here too, and nothing is asked of a source: profiles, maps, connectors,
//! certificates, the ways out for messages. A fault in one part keeps no other part from being looked at, so that one run tells
//! everything; only what cannot be judged without a faulty part is left out. Nothing is changed, least of all the database: a schema
//! that is behind is told and left to `inzage migrate`.

use std::fmt::Display;
use std::process::ExitCode;
use std::sync::Arc;

use super::cli::At;
use super::definitions::{patched, policy};
use super::{connect, key};
use crate::clock::Clock;
use crate::config::{self, Config, Draft, Source, Tenant};
use crate::db::{self, Db};
use crate::ecd::ons::certificate;
use crate::http::tls::{self, Tls, WARN_DAYS, days_left};
use crate::mapping::{Files, Plan};
use crate::notify::Transport;
use crate::profile::Registry;
use crate::secret::Random;

/// What was found.
#[derive(Debug, Default)]
struct Found {
    problems: Vec<String>,
    /// What works and is worth a look.
    warnings: Vec<String>,
    notes: Vec<String>,
}

impl Found {
    fn problem(&mut self, problem: impl Display) {
        let line = problem.to_string();
        if !self.problems.contains(&line) {
            self.problems.push(line);
        }
    }

    fn problems<T: Display>(&mut self, problems: impl IntoIterator<Item = T>) {
        problems.into_iter().for_each(|problem| self.problem(problem));
    }
}

pub(super) async fn run(at: &At) -> anyhow::Result<ExitCode> {
    let clock = Clock::System;
    let draft = Draft::load(&at.config);
    let mut found = Found::default();
    found.problems(&draft.problems);
    definitions(&draft, &mut found);
    for tenant in &draft.tenants {
        if let Some(of) = &tenant.source {
            source(&draft, tenant, of, &clock, &mut found);
        }
    }
    for tenant in &draft.tenants {
        news(&draft, tenant, &mut found).await;
    }
    front(&draft, &clock, &mut found);
    if let Some(config) = &draft.whole
        && let Err(error) = Transport::new(config)
    {
        let error = anyhow::Error::new(error);
        found.problem(format!("{}: messages cannot be sent: {error:#}", at.config.display()));
    }
    Box::pin(database(&draft, &mut found)).await;
    if let Some(config) = draft.whole.as_ref().filter(|_| found.problems.is_empty()) {
        found.notes.push(format!(
            "{}: {} tenant(s), sources, profiles and maps are in order",
            at.config.display(),
            config.tenants.len()
        ));
        for tenant in &config.tenants {
            let deviations = tenant.policy.deviations();
            let lines = deviations.iter().map(|deviation| format!("{}: {deviation}", tenant.id));
            found.notes.extend(lines);
        }
    }
    Ok(shown(&found))
}

fn shown(found: &Found) -> ExitCode {
    for note in &found.notes {
        say!("{note}");
    }
    for warning in &found.warnings {
        eprintln!("inzage: {warning}");
    }
    if found.problems.is_empty() {
        return ExitCode::SUCCESS;
    }
    eprintln!("inzage: {} problem(s):", found.problems.len());
    for problem in &found.problems {
        eprintln!("{problem}");
    }
    ExitCode::from(1)
}

/// Profiles, then the maps over them, then what the tenants make of the maps.
fn definitions(draft: &Draft, found: &mut Found) {
    let profiles = match Registry::load(draft.profiles.dir.as_deref(), &draft.profiles.packages) {
        Ok(profiles) => profiles,
        Err(problems) => return found.problems(problems),
    };
    let shared = Plan::load(&Files::builtin(), &profiles).map(Arc::new);
    if let Err(problems) = &shared {
        found.problems(problems);
    }
    for tenant in &draft.tenants {
        let own = match &tenant.map_patches {
            None => shared.as_ref().ok().cloned(),
            Some(_) => patches(draft, tenant, &profiles, found),
        };
        if let Some(own) = own {
            found.problems(policy(&draft.places, tenant, &own));
        }
    }
}

/// The maps with the patches of a tenant, if they are right.
fn patches(draft: &Draft, tenant: &Tenant, profiles: &Registry, found: &mut Found) -> Option<Arc<Plan>> {
    let files = match patched(Files::builtin(), tenant) {
        Ok(files) => files,
        Err(error) => {
            let key = format!("tenant.{}.map_patches", tenant.id);
            found.problem(draft.places.problem(&key, format!("{error:#}")));
            return None;
        }
    };
    match Plan::load(&files, profiles) {
        Ok(plan) => Some(Arc::new(plan)),
        Err(problems) => {
            let lines = problems
                .iter()
                .map(|problem| format!("tenant {}: {problem}", tenant.id));
            found.problems(lines);
            None
        }
    }
}

/// The connector that a run would have, and when its certificate ends.
fn source(draft: &Draft, tenant: &Tenant, source: &Source, clock: &Clock, found: &mut Found) {
    if let Err(problems) = connect::build(&draft.places, tenant, source, clock, &Random::Os) {
        // What the configuration itself is told of is not told again in other words.
        let known = |key: &str| draft.problems.iter().any(|known| known.key == key);
        return found.problems(problems.into_iter().filter(|problem| !known(&problem.key)));
    }
    if let Some((setting, dir)) = connect::folder(source)
        && !dir.is_dir()
    {
        let key = format!("tenant.{}.{setting}", tenant.id);
        let message = format!("{} is no folder: make it, or correct the path", dir.display());
        found.problem(draft.places.problem(&key, message));
    }
    let now = clock.now();
    match super::ons::certificate_ends(tenant) {
        Ok(None) => {}
        Ok(Some(end)) => {
            let warning = certificate::warning(end, now);
            match (warning, end > now) {
                (Some(ended), false) => found.problem(format!("{}: {ended}", tenant.id)),
                (Some(ends), true) => found.warnings.push(format!("{}: {ends}", tenant.id)),
                (None, _) => {
                    let date = end.strftime("%Y-%m-%d");
                    found
                        .notes
                        .push(format!("{}: the certificate is good until {date}", tenant.id));
                }
            }
        }
        Err(error) => found.problem(format!("{}: {error:#}", tenant.id)),
    }
}

/// Whether the login page can show the news as it is now. A login goes on without it, so this stops no start.
async fn news(draft: &Draft, tenant: &Tenant, found: &mut Found) {
    let help = &tenant.policy.help;
    for (setting, path) in [("news_file", &help.news_file), ("news_file_en", &help.news_file_en)] {
        let Some(path) = path else { continue };
        let message = match config::news(path).await {
            Err(problem) => format!("{problem}: the login page shows no news"),
            Ok(_) if std::fs::metadata(path).is_ok_and(|file| file.len() > config::MOST_NEWS) => format!(
                "{} is longer than {} bytes: the login page shows the beginning",
                path.display(),
                config::MOST_NEWS
            ),
            Ok(_) => continue,
        };
        let key = format!("tenant.{}.help.{setting}", tenant.id);
        found.warnings.push(draft.places.problem(&key, message).to_string());
    }
}

/// The gateway's own certificate, or the proxy in its place.
fn front(draft: &Draft, clock: &Clock, found: &mut Found) {
    let Some(server) = &draft.server else { return };
    let Some(settings) = &server.front.tls else {
        if server.is_https() && server.front.proxies.trusted.is_empty() {
            found.warnings.push(
                "server.public_url is https, but there is neither [server.tls] nor server.trusted_proxies: behind a proxy that is \
                 not named every request counts as the proxy's own"
                    .to_owned(),
            );
        }
        return;
    };
    let host = server.public_url.host_str().unwrap_or_default();
    match Tls::load(settings, host, clock.now()) {
        Ok(tls) => {
            let days = days_left(tls.ends_at(), clock.now());
            let end = format!("the certificate ends at {}, in {days} days", tls.ends_at());
            found.notes.push(end);
            if days < WARN_DAYS {
                let soon = "the certificate ends soon: renew it (the files are read again when they change)";
                found.warnings.push(soon.to_owned());
            }
        }
        Err(problem) => {
            let is_key = match &problem {
                tls::Problem::Unreadable { file, .. } | tls::Problem::NoKey(file) => *file == settings.key_file,
                tls::Problem::Mismatch(_) => true,
                _ => false,
            };
            let file = if is_key { "key_file" } else { "certificate_file" };
            let key = format!("server.tls.{file}");
            found.problem(draft.places.problem(&key, problem.to_string()));
        }
    }
}

/// Whether the database is there, its schema is of this program, and keys are in it.
async fn database(draft: &Draft, found: &mut Found) {
    let Some(url) = &draft.database else { return };
    let is_production = draft.server.as_ref().is_some_and(|server| server.is_https());
    match looked(url.expose()).await {
        Ok(None) => {
            found
                .notes
                .push("the database does not exist yet; it is made at the first start".to_owned());
            if is_production {
                let all: Vec<&str> = draft.tenants.iter().map(|tenant| tenant.id.as_str()).collect();
                if let Some(remedy) = key::remedy(&all) {
                    found.problem(remedy);
                }
            }
        }
        Ok(Some((db, behind))) => {
            if behind > 0 {
                let note = format!("the schema is {behind} migration(s) behind; run `inzage migrate`");
                found.notes.push(note);
            }
            if let Some(config) = draft.whole.as_ref().filter(|_| is_production) {
                keys(config, &db, behind, found).await;
            }
            db.close().await;
        }
        Err(error) => {
            let missing = matches!(&error, db::Error::Statement { code, .. } if code == "3D000");
            let text = if missing {
                "the database does not exist: make it with createdb".to_owned()
            } else {
                format!("the database cannot be opened: {error}")
            };
            let key = ["database.url_file", "database.url"];
            let key = key
                .into_iter()
                .find(|key| draft.places.has(key))
                .unwrap_or("database.url");
            found.problem(draft.places.problem(key, text));
        }
    }
}

async fn looked(url: &str) -> Result<Option<(Db, usize)>, db::Error> {
    let Some(db) = Db::look(url).await? else {
        return Ok(None);
    };
    let behind = db.behind().await?;
    Ok(Some((db, behind)))
}

/// A gateway in production does not start without keys; one for a trial makes them itself.
async fn keys(config: &Config, db: &Db, behind: usize, found: &mut Found) {
    match key::without(config, db).await {
        Ok(None) => {}
        Ok(Some(remedy)) => found.problem(remedy),
        // In an old schema the keys may have stood elsewhere.
        Err(_) if behind > 0 => {}
        Err(error) => found.problem(format!("the signing keys cannot be read: {error:#}")),
    }
}
