//! The product that each organisation of the demo keeps its dossiers in: a mock Ons that serves, or a drop of mock Caress.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;

use super::super::mock;
use crate::clock::Clock;
use crate::ecd::mock::{Population, caress, ons};
use crate::http::demo::Drops;

/// Which product an organisation works with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Product {
    Ons,
    Caress,
}

impl Product {
    /// The name in map names and ids.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ons => "ons",
            Self::Caress => "caress",
        }
    }
}

/// The mock of one organisation; it serves until this is dropped.
pub(super) struct Mock {
    pub population: Arc<Population>,
    kind: Kind,
}

enum Kind {
    Ons {
        running: Box<ons::Running>,
        tls_dir: PathBuf,
    },
    Caress {
        drop_dir: PathBuf,
    },
}

impl Mock {
    /// Starts the mock of the organisation `id` under `data`. Every start writes a fresh drop, as every night would.
    pub async fn start(
        product: Product,
        id: &str,
        population: Arc<Population>,
        data: &Path,
        clock: &Clock,
    ) -> anyhow::Result<Self> {
        let dir = data.join(format!("mock-{}", product.name())).join(id);
        std::fs::create_dir_all(&dir).with_context(|| format!("{} cannot be made", dir.display()))?;
        let kind = match product {
            Product::Ons => {
                let address = "127.0.0.1:0".parse().expect("an address");
                let options = ons::Options::new(address, Arc::clone(&population), dir.clone(), clock.clone());
                Kind::Ons {
                    running: Box::new(ons::start(options).await?),
                    tls_dir: dir,
                }
            }
            Product::Caress => {
                caress::write(&population, &dir, id, clock.now())
                    .with_context(|| format!("the drop in {} cannot be written", dir.display()))?;
                Kind::Caress { drop_dir: dir }
            }
        };
        Ok(Self { population, kind })
    }

    /// What writes a new drop on request, where it is a product that drops files.
    pub fn drops(&self) -> Option<Drops> {
        match &self.kind {
            Kind::Ons { .. } => None,
            Kind::Caress { drop_dir } => Some(Drops {
                population: Arc::clone(&self.population),
                dir: drop_dir.clone(),
            }),
        }
    }

    /// The section of `inzage.toml` that reads from it.
    pub fn section(&self, id: &str) -> String {
        match &self.kind {
            Kind::Ons { running, tls_dir } => {
                format!("[tenant.{id}.ons]\n{}", mock::section(&running.url, tls_dir))
            }
            Kind::Caress { drop_dir } => {
                let dir = toml::Value::String(drop_dir.display().to_string());
                format!("[tenant.{id}.caress]\ndrop_dir = {dir}\n")
            }
        }
    }
}
