//! Every way to read: each takes [`Visible`] and puts it into its SQL.

mod cursor;
mod sql;

use jiff::Timestamp;

use super::Stored;
use crate::access::Visible;
use crate::db::{self, Conn, Row};
use crate::fhir::search::{Query, Summary, Total};
use crate::fhir::types::{Id, ResourceType};

pub use cursor::Cursor;

/// Which of the versions of a resource.
#[derive(Clone, Copy)]
enum Which {
    One(i64),
    /// Newest first.
    Many {
        before: Option<i64>,
        size: usize,
    },
}

/// Which page of a search.
#[derive(Clone, Debug)]
pub struct Page {
    /// Entries on it, usually [`Query::count`].
    pub size: usize,
    /// `None` for the first.
    pub after: Option<Cursor>,
}

/// One page of a search.
#[derive(Clone, Debug)]
pub struct Found {
    /// In order; empty with `_summary=count`.
    pub entries: Vec<Stored>,
    pub next: Option<Cursor>,
    /// Only where the query asks for it.
    pub total: Option<u64>,
}

/// One page of the versions of a resource, newest first.
#[derive(Clone, Debug)]
pub struct Versions {
    pub entries: Vec<Stored>,
    /// Pass it as `before` for the next page.
    pub next: Option<i64>,
}

/// The current version, if it exists and is visible.
pub async fn read(
    conn: &mut Conn,
    visible: &Visible,
    kind: ResourceType,
    id: &Id,
) -> Result<Option<Stored>, db::Error> {
    let Some(built) = sql::current(conn.dialect(), visible, kind, id) else {
        return Ok(None);
    };
    let rows = conn.rows_built(built.text, &built.params).await?;
    Ok(rows.first().map(|row| stored(kind, row)))
}

/// One version, if it and the current one exist and are visible.
pub async fn vread(
    conn: &mut Conn,
    visible: &Visible,
    kind: ResourceType,
    id: &Id,
    version: i64,
) -> Result<Option<Stored>, db::Error> {
    let Some(built) = sql::versions(conn.dialect(), visible, kind, id, Which::One(version)) else {
        return Ok(None);
    };
    let rows = conn.rows_built(built.text, &built.params).await?;
    Ok(rows.first().map(|row| stored(kind, row)))
}

/// The versions of a resource, newest first; `None` if it does not exist or is not visible.
pub async fn history(
    conn: &mut Conn,
    visible: &Visible,
    kind: ResourceType,
    id: &Id,
    size: usize,
    before: Option<i64>,
) -> Result<Option<Versions>, db::Error> {
    let which = Which::Many { before, size };
    let Some(built) = sql::versions(conn.dialect(), visible, kind, id, which) else {
        return Ok(None);
    };
    let rows = conn.rows_built(built.text, &built.params).await?;
    if rows.is_empty() {
        return Ok(None);
    }
    let entries: Vec<_> = rows.iter().take(size).map(|row| stored(kind, row)).collect();
    let next = entries.last().filter(|_| rows.len() > size).map(|last| last.version);
    Ok(Some(Versions { entries, next }))
}

/// One page of a search: one statement, and one more for the total if that is asked for.
pub async fn search(conn: &mut Conn, visible: &Visible, query: &Query, page: &Page) -> Result<Found, db::Error> {
    let horizon = page.after.as_ref().map(|cursor| cursor.horizon);
    let counts = query.summary == Summary::Count;
    let mut total = None;
    if counts || query.total == Total::Accurate {
        total = Some(match sql::total(conn.dialect(), visible, query, horizon) {
            None => 0,
            Some(built) => {
                let rows = conn.rows_built(built.text, &built.params).await?;
                rows.first().map_or(0, |row| u64::try_from(row.int(0)).unwrap_or(0))
            }
        });
    }
    let nothing = Found {
        entries: Vec::new(),
        next: None,
        total,
    };
    if counts {
        return Ok(nothing);
    }
    let Some(built) = sql::page(conn.dialect(), visible, query, page) else {
        return Ok(nothing);
    };
    let rows = conn.rows_built(built.text, &built.params).await?;
    let text = rows.first().and_then(|row| row.opt_text(0)).unwrap_or_default();
    let mut lines = lines(query.kind, &text);
    let more = lines.len() > page.size;
    lines.truncate(page.size);
    let next = lines.last().filter(|_| more).map(|(_, place)| place.clone());
    Ok(Found {
        entries: lines.into_iter().map(|(stored, _)| stored).collect(),
        next,
        total,
    })
}

/// The lines of a page, each with the place where a page that it ends would end.
///
/// A page comes as one text, because each row and each value that crosses from the database costs more than what is in it.
/// Its separators are control characters, which neither an id nor JSON can hold as they are.
fn lines(kind: ResourceType, text: &str) -> Vec<(Stored, Cursor)> {
    let line = |line: &str| {
        let mut fields = line.splitn(9, '\u{1f}');
        let mut field = || fields.next().expect("the statement writes nine fields");
        let (id, patient) = (self::id(field()), field());
        let mut number = || field().parse::<i64>().expect("the statement writes numbers here");
        let (version, updated) = (number(), number());
        let cursor = Cursor {
            updated,
            key: number(),
            first: number(),
            second: number(),
            horizon: number(),
            id: id.clone(),
        };
        let stored = Stored {
            kind,
            id,
            patient: Some(patient).filter(|patient| !patient.is_empty()).map(self::id),
            version,
            last_updated: Timestamp::from_microsecond(updated).unwrap_or(Timestamp::MIN),
            body: field().to_owned(),
        };
        (stored, cursor)
    };
    text.split('\u{1e}').filter(|text| !text.is_empty()).map(line).collect()
}

fn stored(kind: ResourceType, row: &Row) -> Stored {
    Stored {
        kind,
        id: id(row.str(0)),
        patient: Some(row.str(1)).filter(|patient| !patient.is_empty()).map(id),
        version: row.int(2),
        last_updated: row.time(3),
        body: row.text(4),
    }
}

fn id(text: &str) -> Id {
    Id::parse(text).expect("only an Id is stored as an id")
}

#[cfg(test)]
mod tests;
