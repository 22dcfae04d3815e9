//! The SQL of sync: what is known of each source record, and how far a source was read.

use std::collections::HashMap;

use jiff::Timestamp;

use super::Outcome;
use crate::config::TenantId;
use crate::db::{Conn, Error, Param, Row, Tx, params, statements};
use crate::ecd::Kind;

statements! {
    HASHES = each(
        "SELECT key, hash, client, generation FROM source_record WHERE tenant = $1 AND source = $2 AND kind = $3
         AND key IN (SELECT value FROM json_each($4))",
        "SELECT key, hash, client, generation FROM source_record
         WHERE tenant = $1 AND source = $2 AND kind = $3 AND key = ANY($4)",
    );
    KNOWN = each(
        "SELECT key, client, version, resources, hash FROM source_record WHERE tenant = $1 AND source = $2 AND kind = $3
         AND key IN (SELECT value FROM json_each($4))",
        "SELECT key, client, version, resources, hash FROM source_record WHERE tenant = $1 AND source = $2 AND kind = $3
         AND key = ANY($4)",
    );
    OF_CLIENT = both(
        "SELECT key, resources FROM source_record WHERE tenant = $1 AND source = $2 AND client = $3 AND kind = $4",
    );
    SHARED = both(
        "SELECT key, resources FROM source_record WHERE tenant = $1 AND source = $2 AND client IS NULL AND kind = $3",
    );
    /// No content has this hash.
    REOPEN = each(
        "UPDATE source_record SET hash = $5 WHERE tenant = $1 AND source = $2 AND kind = $3
         AND key IN (SELECT value FROM json_each($4))",
        "UPDATE source_record SET hash = $5 WHERE tenant = $1 AND source = $2 AND kind = $3 AND key = ANY($4)",
    );
    FORGET = both("DELETE FROM source_record WHERE tenant = $1 AND source = $2 AND kind = $3 AND key = $4");
    LOADED = both("SELECT client FROM source_client WHERE tenant = $1 AND source = $2");
    /// SQLite plans well without; its statements are simple and its indexes made for them.
    ANALYZE = each("SELECT 1", "ANALYZE resource, resource_link, source_record");
    SINCE = both("SELECT since, rules FROM sync_state WHERE tenant = $1 AND source = $2");
    MARK = both("SELECT mark FROM source_mark WHERE tenant = $1 AND source = $2");
    SET_MARK = both(
        "INSERT INTO source_mark (tenant, source, mark, at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (tenant, source) DO UPDATE SET mark = excluded.mark, at = excluded.at",
    );
}

/// The hash of a record that is not dealt with, whatever it says.
pub(super) const OPEN: &[u8] = &[];

/// What an earlier run published of a record.
#[derive(Debug)]
pub(super) struct Known {
    pub key: String,
    pub client: Option<String>,
    pub version: String,
    pub resources: String,
    pub hash: Vec<u8>,
}

/// A record whose content is already dealt with.
#[derive(Debug)]
pub(super) struct Dealt {
    pub hash: Vec<u8>,
    pub client: Option<String>,
    pub generation: i64,
}

/// What is already dealt with of these records, by key.
pub(super) async fn dealt(
    conn: &mut Conn,
    tenant: &TenantId,
    source: &str,
    kind: Kind,
    keys: &[String],
) -> Result<HashMap<String, Dealt>, Error> {
    let rows = conn
        .rows(HASHES, params![tenant.as_str(), source, kind.as_str(), keys])
        .await?;
    let dealt = |row: &Row| Dealt {
        hash: row.bytes(1),
        client: row.opt_text(2),
        generation: row.int(3),
    };
    Ok(rows.iter().map(|row| (row.text(0), dealt(row))).collect())
}

pub(super) async fn known(
    conn: &mut Conn,
    tenant: &TenantId,
    source: &str,
    kind: Kind,
    keys: &[String],
) -> Result<Vec<Known>, Error> {
    let rows = conn
        .rows(KNOWN, params![tenant.as_str(), source, kind.as_str(), keys])
        .await?;
    let known = |row: &Row| Known {
        key: row.text(0),
        client: row.opt_text(1),
        version: row.text(2),
        resources: row.text(3),
        hash: row.bytes(4),
    };
    Ok(rows.iter().map(known).collect())
}

/// Every record of one kind that is known of one client: key and published resources.
pub(super) async fn of_client(
    conn: &mut Conn,
    tenant: &TenantId,
    source: &str,
    client: &str,
    kind: Kind,
) -> Result<Vec<(String, String)>, Error> {
    let rows = conn
        .rows(OF_CLIENT, params![tenant.as_str(), source, client, kind.as_str()])
        .await?;
    Ok(rows.iter().map(|row| (row.text(0), row.text(1))).collect())
}

/// Every known record of a kind that belongs to no client: key and published resources.
pub(super) async fn shared(
    conn: &mut Conn,
    tenant: &TenantId,
    source: &str,
    kind: Kind,
) -> Result<Vec<(String, String)>, Error> {
    let rows = conn
        .rows(SHARED, params![tenant.as_str(), source, kind.as_str()])
        .await?;
    Ok(rows.iter().map(|row| (row.text(0), row.text(1))).collect())
}

/// One line of [`remember`].
pub(super) struct Line<'a> {
    pub kind: Kind,
    pub key: &'a str,
    pub client: Option<&'a str>,
    pub version: &'a str,
    pub hash: &'a [u8],
    pub outcome: &'a Outcome,
    pub generation: i64,
    pub resources: String,
}

/// Notes what became of records, in the transaction that published them.
pub(super) async fn remember(tx: &mut Tx, tenant: &TenantId, source: &str, lines: &[Line<'_>]) -> Result<(), Error> {
    let values: Vec<Param<'_>> = lines
        .iter()
        .flat_map(|line| {
            [
                Param::from(tenant.as_str()),
                Param::from(source),
                Param::from(line.kind.as_str()),
                Param::from(line.key),
                Param::from(line.client),
                Param::from(line.version),
                Param::from(line.hash),
                Param::from(line.outcome.code()),
                Param::from(line.resources.as_str()),
                Param::from(line.generation),
            ]
        })
        .collect();
    tx.insert_many(
        "INSERT INTO source_record (tenant, source, kind, key, client, version, hash, outcome, resources, generation)",
        "ON CONFLICT (tenant, source, kind, key) DO UPDATE SET client = excluded.client, version = excluded.version,
         hash = excluded.hash, outcome = excluded.outcome, resources = excluded.resources, generation = excluded.generation",
        10,
        &values,
    )
    .await?;
    Ok(())
}

/// These count as not dealt with: they are mapped anew when they come, whether they changed or not.
pub(super) async fn reopen(
    tx: &mut Tx,
    tenant: &TenantId,
    source: &str,
    kind: Kind,
    keys: &[String],
) -> Result<(), Error> {
    tx.execute(REOPEN, params![tenant.as_str(), source, kind.as_str(), keys, OPEN])
        .await?;
    Ok(())
}

pub(super) async fn forget(tx: &mut Tx, tenant: &TenantId, source: &str, kind: Kind, key: &str) -> Result<(), Error> {
    tx.execute(FORGET, params![tenant.as_str(), source, kind.as_str(), key])
        .await?;
    Ok(())
}

pub(super) async fn loaded(conn: &mut Conn, tenant: &TenantId, source: &str) -> Result<Vec<String>, Error> {
    let rows = conn.rows(LOADED, params![tenant.as_str(), source]).await?;
    Ok(rows.iter().map(|row| row.text(0)).collect())
}

pub(super) async fn mark_loaded(
    tx: &mut Tx,
    tenant: &TenantId,
    source: &str,
    clients: &[String],
    now: Timestamp,
) -> Result<(), Error> {
    let values: Vec<Param<'_>> = clients
        .iter()
        .flat_map(|client| {
            [
                Param::from(tenant.as_str()),
                Param::from(source),
                Param::from(client),
                Param::from(now),
            ]
        })
        .collect();
    tx.insert_many(
        "INSERT INTO source_client (tenant, source, client, loaded_at)",
        "ON CONFLICT (tenant, source, client) DO UPDATE SET loaded_at = excluded.loaded_at",
        4,
        &values,
    )
    .await?;
    Ok(())
}

/// Up to when the source was read without a gap, and by which rules everything was decided.
pub(super) async fn since(
    conn: &mut Conn,
    tenant: &TenantId,
    source: &str,
) -> Result<(Option<Timestamp>, String), Error> {
    let row = conn.row(SINCE, params![tenant.as_str(), source]).await?;
    Ok(row.map_or_else(Default::default, |row| (row.opt_time(0), row.text(1))))
}

/// Where the source stood when it was last published.
pub(super) async fn mark(conn: &mut Conn, tenant: &TenantId, source: &str) -> Result<Option<String>, Error> {
    let row = conn.row(MARK, params![tenant.as_str(), source]).await?;
    Ok(row.map(|row| row.text(0)))
}

pub(super) async fn set_mark(
    tx: &mut Tx,
    tenant: &TenantId,
    source: &str,
    mark: &str,
    now: Timestamp,
) -> Result<(), Error> {
    tx.execute(SET_MARK, params![tenant.as_str(), source, mark, now])
        .await?;
    Ok(())
}

/// Counts the tables anew for the planner. PostgreSQL does so itself a minute or two after a load; until then it would plan for
/// the tables as they were, empty, and keep those plans.
pub(super) async fn analyze(tx: &mut Tx) -> Result<(), Error> {
    tx.execute(ANALYZE, params![]).await?;
    Ok(())
}
