//! What every handler may reach.

use std::sync::Arc;

use crate::clock::Clock;
use crate::config::Config;
use crate::db::Db;
use crate::oauth::Issuer;
use crate::secret::Random;

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
    pub issuer: Issuer,
}

impl App {
    pub fn new(config: Config, db: Db, clock: Clock, random: Random) -> Self {
        Self(Arc::new(Parts {
            issuer: Issuer::new(&config, db.clone(), clock.clone(), random.clone()),
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
