//! `inzage serve`: the gateway until it is told to stop.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::cli::At;
use super::definitions::Definitions;
use super::ons;
use super::operate::{load, opened};
use super::sync::{Engine, sync_tenant};
use crate::clock::Clock;
use crate::config::{Config, Source, Tenant};
use crate::db;
use crate::http::tls::Tls;
use crate::http::{self, App};
use crate::notify::{self, Transport};
use crate::oauth::{device, key, token};
use crate::secret::Random;
use crate::sync::{self, Schedule, Step, Want, hooks};

/// Between two looks at the state of the sources.
const LOOK: Duration = Duration::from_secs(30);
/// Before the next attempt when a webhook, an operator or another replica has the source.
const TAKEN: Duration = Duration::from_secs(5);
/// Between two looks at how old the data is.
const AGE: Duration = Duration::from_secs(2);

pub(super) async fn run(at: &At) -> anyhow::Result<ExitCode> {
    let config = load(at)?;
    let (definitions, served) = Definitions::load(&config)?;
    let db = opened(&config).await?;
    let tls = tls(&config, &Clock::System)?.map(Arc::new);
    let (listen, inside) = (config.server.listen, config.server.admin_listen);
    let bind = async |address, key| {
        TcpListener::bind(address)
            .await
            .with_context(|| format!("{key}: {address} is taken or not ours"))
    };
    let (listener, inside) = (
        bind(listen, "server.listen").await?,
        bind(inside, "server.admin_listen").await?,
    );
    // A first key that appears by itself on a database that was put in place by mistake would lock every app out.
    if config.server.is_https()
        && let Some(remedy) = super::key::without(&config, &db).await?
    {
        anyhow::bail!(remedy);
    }
    let app = App::with(config, db, Clock::System, Random::Os, &served, None);
    drop(served);
    until_stopped(app, definitions, listener, inside, tls).await?;
    Ok(ExitCode::SUCCESS)
}

/// The certificate of `[server.tls]`, in order; `None`: there is no such section.
fn tls(config: &Config, clock: &Clock) -> anyhow::Result<Option<Tls>> {
    let Some(settings) = &config.server.front.tls else {
        return Ok(None);
    };
    let host = config.server.public_url.host_str().unwrap_or_default();
    Ok(Some(Tls::load(settings, host, clock.now()).context("server.tls")?))
}

/// Serves both listeners, sends messages and fetches dossiers until SIGTERM or Ctrl-C; then requests under way are finished.
pub(super) async fn until_stopped(
    app: App,
    definitions: Definitions,
    listener: TcpListener,
    inside: TcpListener,
    tls: Option<Arc<Tls>>,
) -> anyhow::Result<()> {
    // Before anybody is answered: without a key there is no id token.
    for tenant in &app.config.tenants {
        let ready = async {
            key::generate(&app.issuer, &tenant.id).await?;
            key::load(&app.issuer, &tenant.id).await
        };
        ready
            .await
            .with_context(|| format!("the signing key of {}", tenant.id))?;
    }
    let stop = CancellationToken::new();
    let transport = Transport::new(&app.config).context("messages cannot be sent")?;
    let messages = tokio::spawn(notify::run(
        app.db.clone(),
        app.clock.clone(),
        app.login.outbox.clone(),
        transport,
        stop.clone().cancelled_owned(),
    ));
    let health = tokio::spawn(http::serve_inside(
        app.clone(),
        inside,
        tls.clone(),
        stop.clone().cancelled_owned(),
    ));
    if let Some(tls) = &tls {
        let watching = Arc::clone(tls).watch(app.clock.clone());
        tokio::spawn(stop.clone().run_until_cancelled_owned(watching));
    }
    // Slots and webhooks map by the same files as long as the process lives.
    let definitions = Arc::new(definitions);
    let syncs: Vec<_> = app
        .config
        .tenants
        .iter()
        .filter(|tenant| tenant.source.is_some())
        .map(|tenant| {
            tokio::spawn(fetch(
                app.clone(),
                Arc::clone(tenant),
                Arc::clone(&definitions),
                stop.clone(),
            ))
        })
        .collect();
    let mut hooks = Vec::new();
    for tenant in app.config.tenants.iter().filter(|tenant| ons::has_hooks(tenant)) {
        let plan = Arc::clone(definitions.plan(&tenant.id)?);
        let follow = ons::follow(app.clone(), Arc::clone(tenant), Arc::clone(&definitions.profiles), plan);
        hooks.push(tokio::spawn(stop.clone().run_until_cancelled_owned(follow)));
    }
    let certificates = tokio::spawn(stop.clone().run_until_cancelled_owned(ons::watch(app.clone())));
    let metrics = tokio::spawn(stop.clone().run_until_cancelled_owned(async {
        loop {
            tokio::time::sleep(Duration::from_secs(5)).await;
            http::inside::tidy();
        }
    }));
    let watching = tokio::spawn(stop.clone().run_until_cancelled_owned(watch(app.clone())));
    let tidying = tokio::spawn(stop.clone().run_until_cancelled_owned(tidy(app.clone())));
    let exports = tokio::spawn(stop.clone().run_until_cancelled_owned(export(app.clone())));
    let gateway = tokio::spawn(http::serve(app.clone(), listener, tls, stop.clone().cancelled_owned()));
    tracing::info!(url = app.config.server.public_url.as_str(), "serving");
    stopped().await?;
    stop.cancel();
    gateway.await.context("the gateway ended badly")?;
    health.await.context("the inner listener ended badly")?;
    metrics.await.context("the metrics ended badly")?;
    exports.await.context("exports ended badly")?;
    watching.await.context("watching the age of the data ended badly")?;
    tidying.await.context("tidying ended badly")?;
    certificates.await.context("watching certificates ended badly")?;
    for sync in syncs {
        sync.await.context("a sync ended badly")?;
    }
    for hook in hooks {
        hook.await.context("following webhooks ended badly")?;
    }
    messages.await.context("the sender ended badly")?;
    app.db.close().await;
    Ok(())
}

/// Forgets every hour what nobody needs any more: ended logins, codes, sessions, tokens, sent messages and states of apps.
async fn tidy(app: App) {
    loop {
        let gone = async {
            let mut gone = app.login.tidy().await?;
            gone += device::lapse(&app.db, app.clock.now()).await?;
            let mut tx = app.db.begin().await?;
            gone += token::purge(&mut tx, app.clock.now()).await?;
            tx.commit().await?;
            gone += app.rest.tidy_app_states().await?;
            gone += hooks::tidy(&app.db, app.clock.now()).await?;
            Ok::<_, db::Error>(gone)
        };
        match gone.await {
            Ok(gone) => tracing::info!(rows = gone, "tidied"),
            Err(error) => tracing::warn!(%error, "could not tidy"),
        }
        tokio::time::sleep(Duration::from_secs(3600)).await;
    }
}

/// Works on bulk exports.
async fn export(app: App) {
    app.rest.work_on_exports(&app.config.tenants).await;
}

/// Reads every few seconds how old the data is, whichever replica fetched it.
async fn watch(app: App) {
    loop {
        let now = app.clock.now();
        if let Err(error) = app.ages.refresh(&app.db, &app.config.tenants, now).await {
            tracing::warn!(%error, "the age of the data could not be read");
        }
        tokio::time::sleep(AGE).await;
    }
}

/// Fetches a tenant's dossiers in each of its slots. A run that fails leaves what is published as it is, and is tried again.
async fn fetch(app: App, tenant: Arc<Tenant>, definitions: Arc<Definitions>, stop: CancellationToken) {
    let Some(source) = tenant.source.as_ref().map(Source::name) else {
        return;
    };
    let mut schedule = None;
    while !stop.is_cancelled() {
        let now = app.clock.now();
        let state = match remembered(&app, &tenant, source).await {
            Ok(state) => state,
            Err(error) => {
                tracing::warn!(tenant = tenant.id.as_str(), %error, "the state of the source could not be read");
                rest(LOOK, &stop).await;
                continue;
            }
        };
        let schedule = schedule.get_or_insert_with(|| {
            let slots = tenant.policy.slots.clone();
            Schedule::new(now, tenant.zone.clone(), slots, tenant.compare_days(), &state)
        });
        match schedule.step(now, &state) {
            Step::Wait(until) => {
                // The process clock decides; a machine that slept or a clock that was set is noticed within half a minute.
                let left = Duration::try_from(now.duration_until(until)).unwrap_or_default();
                rest(left.min(LOOK), &stop).await;
            }
            Step::Run(want) => {
                let result = slot(&app, &tenant, &definitions, want, &stop).await;
                metrics::counter!("inzage_sync_runs_total", "tenant" => tenant.id.to_string(), "result" => result)
                    .increment(1);
                if result == "held" {
                    schedule.held(app.clock.now());
                    rest(TAKEN, &stop).await;
                } else {
                    skipped(&app, &tenant, source, schedule.ended(app.clock.now())).await;
                    if result == "failed" {
                        // It may have failed before it could note when to try again.
                        rest(LOOK, &stop).await;
                    }
                }
            }
        }
    }
}

async fn remembered(app: &App, tenant: &Tenant, source: &str) -> Result<sync::State, db::Error> {
    sync::state(&mut *app.db.read().await?, &tenant.id, source).await
}

async fn rest(time: Duration, stop: &CancellationToken) {
    stop.run_until_cancelled(tokio::time::sleep(time)).await;
}

/// One run; how it ended, in a word.
async fn slot(
    app: &App,
    tenant: &Arc<Tenant>,
    definitions: &Definitions,
    want: Want,
    stop: &CancellationToken,
) -> &'static str {
    let stopped = stop.clone().cancelled_owned();
    let run = async {
        // The connector is new each time: it reads the certificate that is there now.
        let engine = Engine::new(&app.config, &app.db, tenant, &app.clock, &app.random, definitions)?;
        sync_tenant(&engine, want, stopped).await
    };
    match run.await {
        Ok(report) if report.is_complete() => "complete",
        Ok(_) => "partial",
        Err(error) => match error.downcast_ref::<sync::Error>() {
            Some(sync::Error::Held(held)) => {
                tracing::info!(tenant = tenant.id.as_str(), %held, "the source is taken; the slot waits");
                "held"
            }
            Some(sync::Error::Stopped) => "stopped",
            _ => {
                tracing::error!(tenant = tenant.id.as_str(), error = format!("{error:#}"), "sync failed");
                "failed"
            }
        },
    }
}

/// Slots that began while the run was under way.
async fn skipped(app: &App, tenant: &Tenant, source: &str, count: usize) {
    if count == 0 {
        return;
    }
    tracing::warn!(
        tenant = tenant.id.as_str(),
        slots = count,
        "the sync took longer than until the next slot: skipped"
    );
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let noted = async {
        let mut tx = app.db.begin().await?;
        sync::skip(&mut tx, &tenant.id, source, count).await?;
        tx.commit().await
    };
    if let Err(error) = noted.await {
        tracing::warn!(%error, "skipped slots could not be noted");
    }
}

async fn stopped() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => {}
        done = tokio::signal::ctrl_c() => done?,
    }
    Ok(())
}
