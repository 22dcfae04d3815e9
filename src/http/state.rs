//! What every handler may reach.

use std::sync::Arc;

use crate::audit::Recorder;
use crate::clock::Clock;
use crate::config::Config;
use crate::db::Db;
use crate::http::age::Ages;
use crate::http::demo::Demo;
use crate::http::edge::Gate;
use crate::http::fhir::Documents;
use crate::http::limit::Limiter;
use crate::login::Login;
use crate::oauth::Issuer;
use crate::rest::{Rest, Served};
use crate::secret::Random;
use crate::sync::hooks::Inbox;

/// The running gateway; cheap to clone.
#[derive(Clone, Debug)]
pub struct App(Arc<Parts>);

/// The parts of a running gateway. Each slice adds its own.
#[derive(Debug)]
pub struct Parts {
    pub config: Config,
    pub db: Db,
    pub clock: Clock,
    pub random: Random,
    pub recorder: Recorder,
    pub issuer: Issuer,
    pub rest: Rest,
    /// CapabilityStatements, made once.
    pub documents: Documents,
    pub gate: Gate,
    pub limiter: Limiter,
    /// How old each tenant's data is.
    pub ages: Ages,
    /// Only in `inzage demo`.
    pub demo: Option<Demo>,
    pub login: Login,
    /// What sources tell by webhook.
    pub hooks: Inbox,
}

impl App {
    /// One that serves the program's own definitions, whatever the configuration adds.
    #[cfg(test)]
    pub(crate) fn new(config: Config, db: Db, clock: Clock, random: Random) -> Self {
        let served = Served::new(&crate::profile::More::default(), &std::collections::HashMap::new());
        Self::with(config, db, clock, random, &served, None)
    }

    /// `demo`: the demo's own pages. Starts the audit writer, so it needs a runtime.
    pub fn with(config: Config, db: Db, clock: Clock, random: Random, served: &Served, demo: Option<Demo>) -> Self {
        let recorder = Recorder::start(db.clone(), clock.clone());
        Self(Arc::new(Parts {
            issuer: Issuer::new(&config, db.clone(), clock.clone(), random.clone()),
            rest: Rest::new(&config, db.clone(), recorder.clone(), clock.clone(), random.clone()),
            documents: Documents::new(&config, served, clock.now()),
            gate: Gate::default(),
            limiter: Limiter::new(config.server.front.limits),
            ages: Ages::default(),
            demo,
            recorder,
            hooks: Inbox::start(db.clone(), clock.clone()),
            login: Login::new(&config, db.clone(), clock.clone(), random.clone()),
            config,
            db,
            clock,
            random,
        }))
    }
}

impl std::ops::Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
