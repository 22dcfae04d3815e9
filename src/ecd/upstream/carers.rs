//! The carers whom a client's resources name: read once a run, by their ids.

use std::collections::{BTreeMap, BTreeSet};

use super::pull::{Found, List, Run, list};
use super::repair;
use crate::ecd::task::Stop;
use crate::ecd::{Event, Kind};

pub(super) const CARERS: List = list(Kind::Employee, "Practitioner", "/Practitioner?_id={ids}", "_id");

/// Carers that are asked for at once.
const CARERS_AT_ONCE: usize = 50;

/// What a run knows of the carers that were named so far.
#[derive(Default)]
pub(super) struct Carers {
    /// Names by id; none for a carer whom the server does not have or does not name.
    pub(super) names: BTreeMap<String, Option<String>>,
    /// Something was not read, so there may be more.
    pub(super) is_partial: bool,
}

impl Run {
    /// Reads the carers whom these resources name and who were not read yet.
    pub(super) async fn carers(&self, found: &[Found], carers: &mut Carers) -> Result<(), Stop> {
        let kind = CARERS.kind;
        let mut keys = Vec::new();
        for resource in found.iter().flat_map(|one| one.resources.iter().flatten()) {
            repair::keys_of(resource, CARERS.name, &mut keys);
        }
        let keys: BTreeSet<&str> = keys
            .into_iter()
            .filter(|key| !carers.names.contains_key(*key))
            .collect();
        let keys: Vec<&str> = keys.into_iter().collect();
        for some in keys.chunks(CARERS_AT_ONCE) {
            match self.search(&CARERS, vec![(CARERS.parameter, some.join(","))]).await {
                Err(error) if error.is_fatal() => return Err(Stop::Failed(error)),
                Err(error) => {
                    carers.is_partial = true;
                    let client = None;
                    self.send(Event::Failed { kind, client, error }).await?;
                }
                Ok(those) => {
                    for mut carer in those {
                        repair::resource(&mut carer, self.transport.base(), None);
                        let key = carer["id"].as_str().filter(|key| some.contains(key)).map(str::to_owned);
                        let Some(key) = key else {
                            carers.is_partial = true;
                            self.bad(kind, "another carer than those asked for").await?;
                            continue;
                        };
                        // What a label holds back must not come out beside the references to it.
                        let is_labelled = carer.pointer("/meta/security/0").is_some();
                        let name = repair::full_name(&carer).filter(|_| !is_labelled);
                        carers.names.insert(key, name);
                        carers.is_partial |= !self.record(kind, None, carer).await?;
                    }
                }
            }
            for key in some {
                carers.names.entry((*key).to_owned()).or_default();
            }
        }
        Ok(())
    }
}
