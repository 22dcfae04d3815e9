//! `inzage sync`: one run by hand, and what an operator sees and decides between runs.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;

use super::bars::Bars;
use super::cli::{At, SyncCommand, SyncOptions, Waiting};
use super::connect::connector;
use super::definitions::Definitions;
use super::operate::{find, open};
use crate::clock::Clock;
use crate::config::{Config, Source, Tenant};
use crate::db::Db;
use crate::ecd::Kind;
use crate::secret::{MacKey, Random};
use crate::sync::{self, Decision, Report, Sync, Want};

/// Between two attempts to begin while another sync is under way.
const AGAIN: Duration = Duration::from_secs(1);

pub(super) async fn run(options: SyncOptions) -> anyhow::Result<ExitCode> {
    match options.command {
        None => Box::pin(once(options)).await,
        Some(SyncCommand::Held { what, after }) => held(&what, after.as_deref()).await,
        Some(SyncCommand::Confirm { what, keep }) => {
            let decision = if keep { Decision::Keep } else { Decision::Remove };
            Box::pin(confirm(&what, decision)).await
        }
        Some(SyncCommand::Quarantine { what, after }) => quarantine(&what, after.as_deref()).await,
        Some(SyncCommand::Replay { at, tenant }) => {
            let options = SyncOptions {
                command: None,
                at,
                tenant: Some(tenant),
                full: false,
                client: None,
                dry_run: false,
                wait: 0,
            };
            several(options, Want::Quarantined).await
        }
        Some(SyncCommand::Status(at)) => status(&at).await,
    }
}

async fn once(options: SyncOptions) -> anyhow::Result<ExitCode> {
    let want = match &options.client {
        Some(client) => Want::Client(client.clone()),
        None if options.full => Want::Everything,
        None => Want::Changes,
    };
    several(options, want).await
}

async fn several(options: SyncOptions, want: Want) -> anyhow::Result<ExitCode> {
    let (config, db) = open(&options.at).await?;
    let tenants: Vec<Arc<Tenant>> = match &options.tenant {
        Some(name) => vec![Arc::clone(find(&config, name)?)],
        None => config
            .tenants
            .iter()
            .filter(|tenant| tenant.source.is_some())
            .map(Arc::clone)
            .collect(),
    };
    let definitions = Definitions::of(&config, &tenants)?;
    let mut is_complete = true;
    for tenant in tenants {
        let patience = Duration::from_secs(options.wait);
        let engine = Engine::new(&config, &db, &tenant, &Clock::System, &Random::Os, &definitions)?;
        let report = patiently(&engine, &want, options.dry_run, patience).await?;
        let note = if options.dry_run {
            " (dry run: nothing was written)"
        } else {
            ""
        };
        say!("{}{note}\n{report}", tenant.id);
        is_complete &= report.is_complete();
    }
    db.close().await;
    Ok(if is_complete {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

/// One run, as soon as no other one is under way.
pub(super) async fn patiently(
    engine: &Engine<'_>,
    want: &Want,
    dry: bool,
    patience: Duration,
) -> anyhow::Result<Report> {
    let until = tokio::time::Instant::now() + patience;
    let (tenant, mut is_told) = (engine.tenant, false);
    loop {
        let bars = Bars::new(tenant.id.as_str());
        let show = |progress| bars.show(progress);
        let done = if dry {
            engine.sync().dry_run(want.clone(), &show).await
        } else {
            engine.sync().run(want.clone(), &show).await
        };
        bars.finish();
        match done {
            Err(held @ sync::Error::Held(_)) if tokio::time::Instant::now() < until => {
                if !is_told {
                    eprintln!("{}: {held}; waiting", tenant.id);
                    is_told = true;
                }
                tokio::time::sleep(AGAIN).await;
            }
            Err(sync::Error::Held(held)) => {
                // Whoever was killed could not let it go: its hold ends by itself.
                let left = held.until.duration_since(engine.clock.now()).as_secs().max(0) + 5;
                let remedy = format!(
                    "the sync of {} did not begin: another one of this source is under way, or was killed a moment ago; wait for it \
                     with --wait {left}, see `inzage sync status`",
                    tenant.id
                );
                return Err(anyhow::Error::new(sync::Error::Held(held)).context(remedy));
            }
            done => return done.with_context(|| format!("the sync of {} ended early", tenant.id)),
        }
    }
}

/// What a run borrows.
pub(super) struct Engine<'a> {
    db: &'a Db,
    tenant: &'a Arc<Tenant>,
    clock: &'a Clock,
    random: &'a Random,
    config: &'a Config,
    connector: Box<dyn crate::ecd::Connector>,
    profiles: Arc<crate::profile::Registry>,
    plan: Arc<crate::mapping::Plan>,
}

impl<'a> Engine<'a> {
    pub(super) fn new(
        config: &'a Config,
        db: &'a Db,
        tenant: &'a Arc<Tenant>,
        clock: &'a Clock,
        random: &'a Random,
        definitions: &Definitions,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            db,
            tenant,
            clock,
            random,
            config,
            connector: connector(config, tenant, clock, random)?,
            profiles: Arc::clone(&definitions.profiles),
            plan: Arc::clone(definitions.plan(&tenant.id)?),
        })
    }

    fn sync(&self) -> Sync<'_> {
        Sync {
            db: self.db,
            clock: self.clock,
            random: self.random,
            tenant: self.tenant,
            connector: &*self.connector,
            plan: Arc::clone(&self.plan),
            profiles: Arc::clone(&self.profiles),
            ids: ids(self.config, self.tenant),
            spool_dir: &self.config.server.spool_dir,
        }
    }
}

fn ids(config: &Config, tenant: &Tenant) -> MacKey {
    config.master.mac_key(&format!("resource-id:{}", tenant.id))
}

/// One run for one tenant, with progress bars on a terminal, until `stop`.
pub(super) async fn sync_tenant(
    engine: &Engine<'_>,
    want: Want,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<Report> {
    let tenant = engine.tenant;
    let bars = Bars::new(tenant.id.as_str());
    let report = engine
        .sync()
        .run_until(want, &|progress| bars.show(progress), stop)
        .await;
    bars.finish();
    report.with_context(|| format!("the sync of {} ended early", tenant.id))
}

/// The tenant, the name of its source and the kind that was asked for.
fn what<'c>(config: &'c Config, what: &Waiting) -> anyhow::Result<(&'c Arc<Tenant>, &'static str, Option<Kind>)> {
    let tenant = find(config, &what.tenant)?;
    let source = tenant.source.as_ref().map(Source::name);
    let source = source.with_context(|| format!("tenant {} has no source", tenant.id))?;
    let kind = match &what.kind {
        None => None,
        Some(name) => Some(Kind::from_name(name).with_context(|| {
            let known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
            format!("--kind {name}: expected one of {}", known.join(", "))
        })?),
    };
    Ok((tenant, source, kind))
}

/// `KIND/KEY`; a key may hold a slash.
fn place(after: Option<&str>) -> anyhow::Result<Option<(String, String)>> {
    let Some(after) = after else {
        return Ok(None);
    };
    let (kind, key) = after.split_once('/').context("--after: expected KIND/KEY")?;
    Ok(Some((kind.to_owned(), key.to_owned())))
}

async fn held(waiting: &Waiting, after: Option<&str>) -> anyhow::Result<ExitCode> {
    let (config, db) = open(&waiting.at).await?;
    let (tenant, source, kind) = what(&config, waiting)?;
    let mut read = db.read().await?;
    for held in sync::held_kinds(&mut read, &tenant.id, source).await? {
        eprintln!("{} of {} wait since {:.0}", held.count, held.kind, held.since);
    }
    let page = sync::held(&mut read, &tenant.id, source, kind, place(after)?.as_ref()).await?;
    drop(read);
    for held in &page {
        say!("{}\t{}\t{}\t{:.0}", held.kind, held.key, held.cause, held.at);
    }
    if let Some(last) = page.last().filter(|_| page.len() >= 1_000) {
        eprintln!("there may be more: --after {}/{}", last.kind, last.key);
    }
    db.close().await;
    Ok(ExitCode::SUCCESS)
}

async fn confirm(waiting: &Waiting, decision: Decision) -> anyhow::Result<ExitCode> {
    let (config, db) = open(&waiting.at).await?;
    let (tenant, _, kind) = what(&config, waiting)?;
    let definitions = Definitions::of(&config, std::slice::from_ref(tenant))?;
    let engine = Engine::new(&config, &db, tenant, &Clock::System, &Random::Os, &definitions)?;
    let decided = engine.sync().decide(kind, decision).await?;
    match decision {
        Decision::Remove => say!(
            "{} records removed, {} resources withdrawn",
            decided.records,
            decided.withdrawn
        ),
        Decision::Keep => say!("{} records kept", decided.records),
    }
    db.close().await;
    Ok(ExitCode::SUCCESS)
}

async fn quarantine(waiting: &Waiting, after: Option<&str>) -> anyhow::Result<ExitCode> {
    let (config, db) = open(&waiting.at).await?;
    let (tenant, source, kind) = what(&config, waiting)?;
    let ids = ids(&config, tenant);
    let mut read = db.read().await?;
    let page = sync::quarantined(&mut read, &tenant.id, source, kind, place(after)?.as_ref()).await?;
    drop(read);
    for line in &page {
        let reference = sync::reference(&ids, source, &line.kind, &line.key);
        let pointer = if line.pointer.is_empty() { "/" } else { &line.pointer };
        say!(
            "{reference}\t{}\t{}\t{:.0}\t{pointer}\t{}",
            line.kind,
            line.key,
            line.at,
            line.reason
        );
    }
    if let Some(last) = page.last().filter(|_| page.len() >= 1_000) {
        eprintln!("there may be more: --after {}/{}", last.kind, last.key);
    }
    db.close().await;
    Ok(ExitCode::SUCCESS)
}

async fn status(at: &At) -> anyhow::Result<ExitCode> {
    let (config, db) = open(at).await?;
    let now = Clock::System.now();
    let mut read = db.read().await?;
    let statuses = sync::statuses(&mut read).await?;
    for tenant in &config.tenants {
        let Some(source) = tenant.source.as_ref().map(Source::name) else {
            continue;
        };
        let status = statuses
            .iter()
            .find(|status| status.tenant == tenant.id.as_str() && status.source == source)
            .cloned()
            .unwrap_or_default();
        let state = &status.state;
        let as_of = state
            .as_of
            .map_or_else(|| "never read whole".to_owned(), |at| format!("as of {at:.0}"));
        say!("{}\t{source}\t{as_of}\tcircuit {}", tenant.id, state.circuit(now));
        if let Some(problem) = &state.problem {
            let next = state
                .retry_at
                .map(|at| format!(", next attempt at {at:.0}"))
                .unwrap_or_default();
            say!("  {} failed in a row{next}: {problem}", state.failures);
        }
        for (words, counts) in [
            ("removals wait", &status.held),
            ("records in quarantine", &status.quarantine),
        ] {
            for (kind, count) in counts {
                say!("  {count} {words} ({kind})");
            }
        }
        if let Some(held) = sync::holder(&mut read, &tenant.id, source, now).await? {
            say!("  a sync is under way: {held}");
        }
    }
    drop(read);
    db.close().await;
    Ok(ExitCode::SUCCESS)
}
