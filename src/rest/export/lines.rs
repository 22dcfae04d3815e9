//! The lines of one file, page by page.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, stream};

use super::super::{Error, Rest};
use super::walk::Walk;
use super::{Job, elements, store};
use crate::access::Visible;
use crate::audit::{Action, Entry, Origin, Outcome, What, Who};
use crate::config::Tenant;
use crate::fhir::types::{Id, ResourceType};
use crate::resource::Stored;

/// How long a page may wait for its turn.
const TURN: Duration = Duration::from_secs(20);

/// A file that is being read.
pub(super) struct File {
    pub rest: Rest,
    pub tenant: Arc<Tenant>,
    pub who: Who,
    pub origin: Origin,
    pub job: Job,
    pub visible: Visible,
    pub kind: ResourceType,
    pub walk: Walk,
}

struct Reading {
    file: File,
    /// Whose dossiers have their audit line for this file.
    told: HashSet<Id>,
}

impl File {
    /// Pages of NDJSON. A connection to the database is held for one page at a time; who reads slowly holds none.
    pub fn lines(self) -> impl Stream<Item = Result<Vec<u8>, Error>> + Send + 'static {
        let reading = Reading {
            file: self,
            told: HashSet::new(),
        };
        stream::try_unfold(reading, |mut reading| async move {
            let page = reading.page().await?;
            Ok(page.map(|page| (page, reading)))
        })
    }
}

impl Reading {
    /// The next page with something on it.
    async fn page(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let entries = loop {
            match self.read().await? {
                None => return Ok(None),
                Some(none) if none.is_empty() => {}
                Some(entries) => break entries,
            }
        };
        let file = &self.file;
        // The clients that this file had nothing of yet: their lines are durable before the page leaves.
        let mut new: Vec<Id> = Vec::new();
        for patient in entries.iter().filter_map(|entry| entry.patient.as_ref()) {
            if self.told.insert(patient.clone()) {
                new.push(patient.clone());
            }
        }
        if !new.is_empty() {
            let what = What {
                kind: Some(file.kind),
                ..What::default()
            };
            let entry = Entry::new(file.tenant.id.clone(), Action::ExportFile, Outcome::Success)
                .by(file.who.clone())
                .on(what)
                .about(&new)
                .from(file.origin);
            file.rest.recorder.record(entry).await?;
        }
        let kind = file.kind;
        let wanted = elements::of(kind, &file.job.asked.elements);
        let mut bytes = Vec::new();
        for entry in entries {
            match &wanted {
                None => bytes.extend_from_slice(entry.body.as_bytes()),
                Some(wanted) => {
                    let part = elements::cut(kind, &entry.body, wanted).ok_or(Error::NotFound)?;
                    bytes.extend_from_slice(part.as_bytes());
                }
            }
            bytes.push(b'\n');
        }
        Ok(Some(bytes))
    }

    async fn read(&mut self) -> Result<Option<Vec<Stored>>, Error> {
        let file = &mut self.file;
        // For a page at a time: a reader that is slow keeps nobody else out.
        let turn = tokio::time::timeout(TURN, file.rest.exports.files.acquire()).await;
        let _turn = turn.map_err(|_| Error::Busy)?.map_err(|_| Error::Busy)?;
        let mut read = file.rest.db.read().await?;
        let (job, now) = (&file.job, file.rest.clock.now());
        // Deleted or expired meanwhile: the rest does not leave.
        store::find(&mut read, &file.tenant.id, &job.id, &job.client_id, now)
            .await?
            .ok_or(Error::NotFound)?;
        Ok(file.walk.page(&mut read, &file.visible).await?)
    }
}
