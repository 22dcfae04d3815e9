//! What is told of a plan elsewhere, joined to it: that the client agreed, and the ratings of the Omaha System.
//!
//! # Design
//! - **Asked of the plans that can be shown**, in force or over, of clients who were asked for; a draft stays inside. What was told of a
//!   plan that is over is remembered ([`super::kept`]), so that it costs its requests once.
//! - **Nobody waits for it but the plan itself.** A plan of which something could not be asked is [`Event::Open`](crate::ecd::Event): what
//!   it no longer shows goes, and the rest of it stays as it was until the next pull. Drafts, plans that are gone and the goals in all of
//!   them are told as ever.
//! - The first failure ends the asking for this client, and the plan in force comes before those that are over: a path that is down costs
//!   one request a client, and an old plan never holds back the new one.
//! - A pull asks as long as the day has time. A look does not wait for tomorrow: its event comes once.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::agreements::AGREEMENT;
use super::omaha::{self, Ratings};
use super::pull::Run;
use super::repair;
use crate::config::OnsList;
use crate::ecd::{Error, Reach};

/// Why the plans of a client are read.
pub(super) enum Errand<'a> {
    /// In a pull, which has read the client's forms.
    Pull(&'a Result<Vec<Value>, Error>),
    /// Because a webhook told of them.
    Look,
}

/// A client's list as it is delivered.
#[derive(Default)]
pub(super) struct Listed {
    pub(super) records: Vec<Value>,
    /// The ids of those of which not everything could be asked.
    pub(super) open: BTreeSet<u64>,
    /// Why.
    pub(super) failed: Option<Error>,
}

impl From<Vec<Value>> for Listed {
    fn from(records: Vec<Value>) -> Self {
        Self {
            records,
            ..Self::default()
        }
    }
}

/// A plan of this client that can be shown, and what was found out.
pub(super) struct Shown {
    pub(super) id: u64,
    pub(super) is_over: bool,
    pub(super) version: String,
    agreed: Option<bool>,
    pub(super) ratings: Option<Ratings>,
}

impl Shown {
    fn of(client: &str, plan: &Value, without: &BTreeSet<OnsList>) -> Option<Self> {
        let owner = plan.get("clientId").and_then(Value::as_u64).map(|id| id.to_string());
        let is_over = match plan.get("status").and_then(Value::as_str) {
            Some("ACTIVE") => false,
            Some("OLD") => true,
            _ => return None,
        };
        let lines = plan.get("carePlanEntries").and_then(Value::as_array);
        let is_rated = !without.contains(&OnsList::Omaha) && omaha::has_areas(plan);
        (owner.as_deref() == Some(client)).then_some(Self {
            id: plan.get("id").and_then(Value::as_u64)?,
            is_over,
            version: repair::version(lines.into_iter().flatten().chain([plan])),
            agreed: without.contains(&OnsList::Agreement).then_some(false),
            ratings: (!is_rated).then(Ratings::default),
        })
    }

    fn is_open(&self) -> bool {
        self.agreed.is_none() || self.ratings.is_none()
    }
}

impl Run {
    /// The plans of a client with what is told of them elsewhere.
    pub(super) async fn joined(&self, client: &str, mut plans: Vec<Value>, errand: Errand<'_>) -> Listed {
        let shown = plans.iter().filter_map(|plan| Shown::of(client, plan, &self.without));
        let mut shown: Vec<Shown> = shown.collect();
        let failed = self.ask(client, &mut shown, &errand).await.err();
        for plan in &mut plans {
            clear(plan);
            let id = plan.get("id").and_then(Value::as_u64);
            let Some(one) = shown.iter().find(|one| Some(one.id) == id) else {
                continue;
            };
            if one.agreed == Some(true) {
                plan["akkoord"] = true.into();
            }
            if let Some(ratings) = &one.ratings {
                omaha::join(plan, ratings);
            }
        }
        let open = shown.iter().filter(|one| one.is_open()).map(|one| one.id);
        Listed {
            open: open.collect(),
            records: plans,
            failed,
        }
    }

    async fn ask(&self, client: &str, shown: &mut [Shown], errand: &Errand<'_>) -> Result<(), Error> {
        for one in shown.iter_mut().filter(|one| one.is_over) {
            let kept = self.kept();
            one.agreed = one.agreed.or_else(|| kept.agreed(one.id, &one.version));
            if one.ratings.is_none() && self.pull.reach != Reach::Full {
                one.ratings = kept.rated(one.id, &one.version).cloned();
            }
        }
        self.agree(client, shown.iter_mut().filter(|one| !one.is_over), errand)
            .await?;
        self.rate(client, shown, errand).await?;
        self.agree(client, shown.iter_mut().filter(|one| one.is_over), errand)
            .await
    }

    async fn agree<'s>(
        &self,
        client: &str,
        shown: impl Iterator<Item = &'s mut Shown> + Send,
        errand: &Errand<'_>,
    ) -> Result<(), Error> {
        for one in shown.filter(|one| one.agreed.is_none()) {
            self.in_time(AGREEMENT, errand)?;
            let agreed = self.is_agreed(client, one.id).await?;
            self.kept().keep_agreed(one.id, &one.version, agreed);
            one.agreed = Some(agreed);
        }
        Ok(())
    }

    /// Whether this can be asked today.
    pub(super) fn in_time(&self, path: &'static str, errand: &Errand<'_>) -> Result<(), Error> {
        match errand {
            Errand::Pull(_) if !self.transport.has_time() => Err(Error::Budget { path }),
            _ => Ok(()),
        }
    }
}

/// Fields of these names that the source sends are not ours.
fn clear(plan: &mut Value) {
    let drop_from =
        |object: Option<&mut Map<String, Value>>, name| drop(object.map(|object| object.shift_remove(name)));
    drop_from(plan.as_object_mut(), "akkoord");
    for line in omaha::lines_mut(plan) {
        drop_from(line.as_object_mut(), "omaha");
    }
}
