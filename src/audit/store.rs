//! All SQL of the audit lines.

use jiff::Timestamp;

use super::Entry;
use super::chain::{Head, Line};
use crate::config::TenantId;
use crate::db::{Conn, Db, Dialect, Error, Param, Row, Tx, params, statements};

statements! {
    FIRST = both("INSERT INTO audit_head (tenant, seq, hash) VALUES ($1, 0, $2) ON CONFLICT DO NOTHING");
    /// Locks the chain until the transaction ends; on SQLite the writing transaction is the lock.
    LOCK = each(
        "SELECT seq, hash FROM audit_head WHERE tenant = $1",
        "SELECT seq, hash FROM audit_head WHERE tenant = $1 FOR UPDATE",
    );
    HEAD = both("SELECT seq, hash FROM audit_head WHERE tenant = $1");
    ANY = both("SELECT seq FROM audit_head LIMIT 1");
    MOVE = both("UPDATE audit_head SET seq = $2, hash = $3 WHERE tenant = $1");
    AFTER = both(
        "SELECT seq, at, action, outcome, reason, account, client_id, grant_id, role, type, resource, version, query, patient, \
         request, network, hash FROM audit_line WHERE tenant = $1 AND seq > $2 ORDER BY seq LIMIT $3"
    );
}

macro_rules! insert {
    ($before:literal) => {
        concat!(
            $before,
            "INSERT INTO audit_line (tenant, seq, at, action, outcome, reason, account, client_id, grant_id, role, ",
            "type, resource, version, query, patient, request, network, hash)"
        )
    };
}

const INSERT: &str = insert!("");
const COLUMNS: usize = 18;

/// Around the rows of [`append_to`]. The head is locked before a line is written, as in [`append`]: the other way round two
/// replicas would wait for each other.
const APPEND: (&str, &str) = (
    insert!(
        "WITH held AS (SELECT seq FROM audit_head WHERE tenant = $19 AND seq = $20 AND hash = $21 FOR UPDATE), written AS ("
    ),
    "WHERE EXISTS (SELECT FROM held)) \
     UPDATE audit_head SET seq = $22, hash = $23 WHERE tenant = $19 AND EXISTS (SELECT FROM held)",
);

/// Adds the lines of one tenant to its chain; its new end.
pub(super) async fn append(tx: &mut Tx, tenant: &TenantId, entries: &[(&Entry, Timestamp)]) -> Result<Head, Error> {
    let head = lock(tx, tenant).await?;
    let (lines, head) = chained(tenant, head, entries);
    tx.insert_many(INSERT, "", COLUMNS, &bound(tenant, &lines)).await?;
    tx.execute(MOVE, params![tenant.as_str(), head.seq, head.hash]).await?;
    Ok(head)
}

/// Adds the lines in one round trip if `known` is still the end of the chain; `None` if it is not, or where there are no round
/// trips.
pub(super) async fn append_to(
    db: &Db,
    tenant: &TenantId,
    known: &Head,
    entries: &[(&Entry, Timestamp)],
) -> Result<Option<Head>, Error> {
    if db.dialect() == Dialect::Sqlite {
        return Ok(None);
    }
    let (lines, head) = chained(tenant, known.clone(), entries);
    let more = params![tenant.as_str(), known.seq, &known.hash, head.seq, &head.hash];
    let moved = db.insert_alone(APPEND, COLUMNS, &bound(tenant, &lines), more).await?;
    Ok((moved == Some(1)).then_some(head))
}

/// The lines in their places after `head`, and the new end.
fn chained(tenant: &TenantId, mut head: Head, entries: &[(&Entry, Timestamp)]) -> (Vec<(Line, [u8; 32])>, Head) {
    let mut lines = Vec::with_capacity(entries.len());
    for (entry, at) in entries {
        let mut patients = entry.patients.iter().map(|id| Some(id.as_str()));
        let first = patients.next().unwrap_or(None);
        for patient in std::iter::once(first).chain(patients) {
            let line = line(entry, head.seq + 1, *at, patient);
            head = Head {
                seq: line.seq,
                hash: line.hash(tenant, &head.hash),
            };
            lines.push((line, head.hash));
        }
    }
    (lines, head)
}

fn bound<'a>(tenant: &'a TenantId, lines: &'a [(Line, [u8; 32])]) -> Vec<Param<'a>> {
    lines
        .iter()
        .flat_map(|(line, hash)| values(tenant, line, hash))
        .collect()
}

async fn lock(tx: &mut Tx, tenant: &TenantId) -> Result<Head, Error> {
    if let Some(row) = tx.row(LOCK, params![tenant.as_str()]).await? {
        return Ok(read_head(&row, 0));
    }
    tx.execute(FIRST, params![tenant.as_str(), Head::EMPTY.hash]).await?;
    let row = tx.row(LOCK, params![tenant.as_str()]).await?;
    Ok(row.map_or(Head::EMPTY, |row| read_head(&row, 0)))
}

pub(super) async fn head(conn: &mut Conn, tenant: &TenantId) -> Result<Option<Head>, Error> {
    let row = conn.row(HEAD, params![tenant.as_str()]).await?;
    Ok(row.map(|row| read_head(&row, 0)))
}

pub(super) async fn any(conn: &mut Conn) -> Result<(), Error> {
    conn.row(ANY, params![]).await.map(drop)
}

/// At most `count` lines after `seq`, in order, each with its stored hash.
pub(super) async fn after(
    conn: &mut Conn,
    tenant: &TenantId,
    seq: i64,
    count: i64,
) -> Result<Vec<(Line, Vec<u8>)>, Error> {
    let rows = conn.rows(AFTER, params![tenant.as_str(), seq, count]).await?;
    Ok(rows.iter().map(|row| (read_line(row), row.bytes(16))).collect())
}

fn line(entry: &Entry, seq: i64, at: Timestamp, patient: Option<&str>) -> Line {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    Line {
        seq,
        at,
        action: entry.action.code().to_owned(),
        outcome: entry.outcome.code().to_owned(),
        reason: owned(entry.outcome.reason()),
        account: entry.who.account.clone(),
        client_id: entry.who.client_id.clone(),
        grant: entry.who.grant.clone(),
        role: owned(entry.who.role),
        kind: entry.what.kind.map(|kind| kind.as_str().to_owned()),
        resource: entry.what.id.as_ref().map(ToString::to_string),
        version: entry.what.version,
        query: entry.what.query.clone(),
        patient: owned(patient),
        request: entry.request.map(|id| id.to_string()),
        network: entry.network.map(|network| network.to_string()),
    }
}

fn values<'a>(tenant: &'a TenantId, line: &'a Line, hash: &'a [u8; 32]) -> [Param<'a>; COLUMNS] {
    [
        tenant.as_str().into(),
        line.seq.into(),
        line.at.into(),
        (&line.action).into(),
        (&line.outcome).into(),
        line.reason.as_deref().into(),
        line.account.as_deref().into(),
        line.client_id.as_deref().into(),
        line.grant.as_deref().into(),
        line.role.as_deref().into(),
        line.kind.as_deref().into(),
        line.resource.as_deref().into(),
        line.version.into(),
        line.query.as_deref().into(),
        line.patient.as_deref().into(),
        line.request.as_deref().into(),
        line.network.as_deref().into(),
        hash.into(),
    ]
}

fn read_head(row: &Row, at: usize) -> Head {
    Head {
        seq: row.int(at),
        // A hash of another length is a broken one; the walk finds it.
        hash: row.bytes(at + 1).try_into().unwrap_or([0; 32]),
    }
}

fn read_line(row: &Row) -> Line {
    Line {
        seq: row.int(0),
        at: row.time(1),
        action: row.text(2),
        outcome: row.text(3),
        reason: row.opt_text(4),
        account: row.opt_text(5),
        client_id: row.opt_text(6),
        grant: row.opt_text(7),
        role: row.opt_text(8),
        kind: row.opt_text(9),
        resource: row.opt_text(10),
        version: row.opt_int(11),
        query: row.opt_text(12),
        patient: row.opt_text(13),
        request: row.opt_text(14),
        network: row.opt_text(15),
    }
}
