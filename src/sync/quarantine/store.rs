//! The SQL of the quarantine.

use jiff::Timestamp;

use super::Line;
use crate::config::TenantId;
use crate::db::{Conn, Error, Param, Row, Tx, params, statements};
use crate::ecd::Kind;

/// Lines that are read together.
const PAGE: i64 = 1_000;

statements! {
    AFTER = both(
        "SELECT kind, key, pointer, reason, at FROM quarantine WHERE tenant = $1 AND source = $2
         AND (kind > $3 OR kind = $3 AND key > $4) AND ($5 = '' OR kind = $5) ORDER BY kind, key LIMIT $6",
    );
    RELEASE = each(
        "DELETE FROM quarantine WHERE tenant = $1 AND source = $2 AND kind = $3
         AND key IN (SELECT value FROM json_each($4))",
        "DELETE FROM quarantine WHERE tenant = $1 AND source = $2 AND kind = $3 AND key = ANY($4)",
    );
}

/// A record that waits for its source or its map to be put right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    pub kind: String,
    /// Empty where not even a key could be read.
    pub key: String,
    /// The place of the first issue in the record.
    pub pointer: String,
    /// Each issue with the FHIR element; those after the first with their place.
    pub reason: String,
    pub at: Timestamp,
}

fn line(row: &Row) -> Quarantined {
    Quarantined {
        kind: row.text(0),
        key: row.text(1),
        pointer: row.text(2),
        reason: row.text(3),
        at: row.time(4),
    }
}

pub(super) async fn quarantine(
    tx: &mut Tx,
    tenant: &TenantId,
    source: &str,
    lines: &[Line],
    now: Timestamp,
) -> Result<(), Error> {
    let reasons: Vec<String> = lines.iter().map(Line::reason).collect();
    let values: Vec<Param<'_>> = lines
        .iter()
        .zip(&reasons)
        .flat_map(|(line, reason)| {
            [
                Param::from(tenant.as_str()),
                Param::from(source),
                Param::from(line.kind.as_str()),
                Param::from(&line.key),
                Param::from(line.pointer()),
                Param::from(reason),
                Param::from(now),
            ]
        })
        .collect();
    tx.insert_many(
        "INSERT INTO quarantine (tenant, source, kind, key, pointer, reason, at)",
        "ON CONFLICT (tenant, source, kind, key) DO UPDATE
         SET pointer = excluded.pointer, reason = excluded.reason, at = excluded.at",
        7,
        &values,
    )
    .await?;
    Ok(())
}

/// Takes records out of the quarantine.
pub(in crate::sync) async fn release(
    tx: &mut Tx,
    tenant: &TenantId,
    source: &str,
    kind: Kind,
    keys: &[String],
) -> Result<(), Error> {
    tx.execute(RELEASE, params![tenant.as_str(), source, kind.as_str(), keys])
        .await?;
    Ok(())
}

/// The quarantine of a source by kind and key, at most a thousand; more after the last one's kind and key.
pub async fn quarantined(
    conn: &mut Conn,
    tenant: &TenantId,
    source: &str,
    kind: Option<Kind>,
    after: Option<&(String, String)>,
) -> Result<Vec<Quarantined>, Error> {
    let (last_kind, last_key) = after.map_or(("", ""), |(kind, key)| (kind, key));
    let kind = kind.map_or("", Kind::as_str);
    let rows = conn
        .rows(AFTER, params![tenant.as_str(), source, last_kind, last_key, kind, PAGE])
        .await?;
    Ok(rows.iter().map(line).collect())
}
