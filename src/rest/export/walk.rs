//! What belongs into a file, page by page, each resource once.
//!
//! # Design
//! Several filters of one type are alternatives. They are walked one after the other, and of each page is left out what one of the
//! filters before it has given already: that is asked of the database for the ids of the page, so it takes the memory of a page
//! however much there is.

use std::collections::HashSet;

use crate::access::Visible;
use crate::db::{self, Conn};
use crate::fhir::search::{Filter, Query};
use crate::fhir::types::Id;
use crate::resource::{self, Cursor, Page, Stored};

/// A walk, and where it has come.
pub(super) struct Walk {
    queries: Vec<Query>,
    /// Which of them is walked now.
    at: usize,
    after: Option<Cursor>,
}

impl Walk {
    pub(super) fn new(queries: Vec<Query>) -> Self {
        Self {
            queries,
            at: 0,
            after: None,
        }
    }

    /// The next page, which may be empty; `None`: that was all.
    pub(super) async fn page(&mut self, conn: &mut Conn, visible: &Visible) -> Result<Option<Vec<Stored>>, db::Error> {
        let (before, now) = self.queries.split_at(self.at);
        let Some(query) = now.first() else { return Ok(None) };
        let page = Page {
            size: query.count,
            after: self.after.take(),
        };
        let found = resource::search(conn, visible, query, &page).await?;
        let mut entries = found.entries;
        for query in before {
            let given = given(conn, visible, query, &entries).await?;
            entries.retain(|entry| !given.contains(&entry.id));
        }
        self.after = found.next;
        if self.after.is_none() {
            self.at += 1;
        }
        Ok(Some(entries))
    }
}

/// Which of these the query finds.
async fn given(
    conn: &mut Conn,
    visible: &Visible,
    query: &Query,
    entries: &[Stored],
) -> Result<HashSet<Id>, db::Error> {
    let ids: Vec<Id> = entries.iter().map(|entry| entry.id.clone()).collect();
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    let page = Page {
        size: ids.len(),
        after: None,
    };
    let mut among = query.clone();
    among.filters.push(Filter::Id(ids));
    let found = resource::search(conn, visible, &among, &page).await?;
    Ok(found.entries.into_iter().map(|entry| entry.id).collect())
}
