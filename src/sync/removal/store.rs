//! The SQL of removals that wait for an operator.

use jiff::Timestamp;

use super::Cause;
use crate::config::TenantId;
use crate::db::{Conn, Error, Param, Row, Tx, params, statements};
use crate::ecd::Kind;

/// Held removals that are read together.
const PAGE: i64 = 1_000;

statements! {
    PUBLISHED = both(
        "SELECT count(*) FROM (SELECT 1 AS one FROM source_record
         WHERE tenant = $1 AND source = $2 AND kind = $3 AND resources <> '' LIMIT $4) AS counted",
    );
    LATELY = both(
        "SELECT CAST(coalesce(sum(count), 0) AS BIGINT) FROM removal_lately
         WHERE tenant = $1 AND source = $2 AND kind = $3 AND hour > $4",
    );
    NOTE = both(
        "INSERT INTO removal_lately (tenant, source, kind, hour, count) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (tenant, source, kind, hour) DO UPDATE SET count = removal_lately.count + excluded.count",
    );
    FORGET = both("DELETE FROM removal_lately WHERE tenant = $1 AND source = $2 AND hour <= $3");
    AFTER = both(
        "SELECT kind, key, cause, held_at FROM held_removal WHERE tenant = $1 AND source = $2
         AND (kind > $3 OR kind = $3 AND key > $4) AND ($5 = '' OR kind = $5) ORDER BY kind, key LIMIT $6",
    );
    KINDS = both(
        "SELECT kind, count(*), min(held_at) FROM held_removal WHERE tenant = $1 AND source = $2
         GROUP BY kind ORDER BY kind",
    );
    LET_GO = each(
        "DELETE FROM held_removal WHERE tenant = $1 AND source = $2 AND kind = $3
         AND key IN (SELECT value FROM json_each($4))",
        "DELETE FROM held_removal WHERE tenant = $1 AND source = $2 AND kind = $3 AND key = ANY($4)",
    );
}

/// A removal that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub kind: String,
    pub key: String,
    /// `absent`, `deleted` or `outside`.
    pub cause: String,
    /// Since when.
    pub at: Timestamp,
}

/// How many removals of a kind wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldKind {
    pub kind: String,
    pub count: i64,
    /// Since when the oldest waits.
    pub since: Timestamp,
}

/// How many records of a kind are published, counted up to `most`.
pub(super) async fn published(
    conn: &mut Conn,
    tenant: &TenantId,
    source: &str,
    kind: Kind,
    most: u64,
) -> Result<u64, Error> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let row = conn
        .row(PUBLISHED, params![tenant.as_str(), source, kind.as_str(), most])
        .await?;
    Ok(row.map_or(0, |row| u64::try_from(row.int(0)).unwrap_or(0)))
}

/// How many of a kind webhooks removed after this hour.
pub(super) async fn lately(
    conn: &mut Conn,
    tenant: &TenantId,
    source: &str,
    kind: Kind,
    after: i64,
) -> Result<u64, Error> {
    let row = conn
        .row(LATELY, params![tenant.as_str(), source, kind.as_str(), after])
        .await?;
    Ok(row.map_or(0, |row| u64::try_from(row.int(0)).unwrap_or(0)))
}

/// Adds to what webhooks removed in this hour.
pub(super) async fn note(
    tx: &mut Tx,
    tenant: &TenantId,
    source: &str,
    kind: Kind,
    hour: i64,
    count: u64,
) -> Result<(), Error> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    tx.execute(NOTE, params![tenant.as_str(), source, kind.as_str(), hour, count])
        .await?;
    Ok(())
}

/// Forgets what webhooks removed up to this hour.
pub(super) async fn forget(tx: &mut Tx, tenant: &TenantId, source: &str, hour: i64) -> Result<(), Error> {
    tx.execute(FORGET, params![tenant.as_str(), source, hour]).await?;
    Ok(())
}

/// The removals that wait, by kind and key, at most a thousand; more after the last one's kind and key.
pub async fn held(
    conn: &mut Conn,
    tenant: &TenantId,
    source: &str,
    kind: Option<Kind>,
    after: Option<&(String, String)>,
) -> Result<Vec<Held>, Error> {
    let (last_kind, last_key) = after.map_or(("", ""), |(kind, key)| (kind, key));
    let kind = kind.map_or("", Kind::as_str);
    let rows = conn
        .rows(AFTER, params![tenant.as_str(), source, last_kind, last_key, kind, PAGE])
        .await?;
    let held = |row: &Row| Held {
        kind: row.text(0),
        key: row.text(1),
        cause: row.text(2),
        at: row.time(3),
    };
    Ok(rows.iter().map(held).collect())
}

/// What waits, counted by kind.
pub async fn held_kinds(conn: &mut Conn, tenant: &TenantId, source: &str) -> Result<Vec<HeldKind>, Error> {
    let rows = conn.rows(KINDS, params![tenant.as_str(), source]).await?;
    let kind = |row: &Row| HeldKind {
        kind: row.text(0),
        count: row.int(1),
        since: row.time(2),
    };
    Ok(rows.iter().map(kind).collect())
}

pub(super) async fn hold(
    tx: &mut Tx,
    tenant: &TenantId,
    source: &str,
    lines: impl Iterator<Item = (Kind, &str, Cause)>,
    now: Timestamp,
) -> Result<(), Error> {
    let values: Vec<Param<'_>> = lines
        .flat_map(|(kind, key, cause)| {
            [
                Param::from(tenant.as_str()),
                Param::from(source),
                Param::from(kind.as_str()),
                Param::from(key),
                Param::from(cause.code()),
                Param::from(now),
            ]
        })
        .collect();
    tx.insert_many(
        "INSERT INTO held_removal (tenant, source, kind, key, cause, held_at)",
        "ON CONFLICT (tenant, source, kind, key) DO UPDATE SET cause = excluded.cause",
        6,
        &values,
    )
    .await?;
    Ok(())
}

/// These wait no longer: they are gone, or back.
pub(in crate::sync) async fn let_go(
    tx: &mut Tx,
    tenant: &TenantId,
    source: &str,
    kind: Kind,
    keys: &[String],
) -> Result<(), Error> {
    tx.execute(LET_GO, params![tenant.as_str(), source, kind.as_str(), keys])
        .await?;
    Ok(())
}
