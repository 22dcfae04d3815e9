//! Registrations in the database.

use jiff::Timestamp;

use super::Kept;
use crate::config::TenantId;
use crate::db::{self, Conn, Row, Tx, params, statements};

statements! {
    INSERT = both(
        "INSERT INTO oauth_registration (tenant, client_id, manage_hash, secret_hash, metadata, created_at, waiting_since) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)"
    );
    FIND = both(
        "SELECT client_id, manage_hash, secret_hash, metadata, waiting_since, approved_at FROM oauth_registration \
         WHERE tenant = $1 AND client_id = $2"
    );
    UPDATE = both(
        "UPDATE oauth_registration SET secret_hash = $3, metadata = $4, waiting_since = $5 WHERE tenant = $1 AND client_id = $2"
    );
    APPROVE = both(
        "UPDATE oauth_registration SET waiting_since = NULL, approved_at = $3 WHERE tenant = $1 AND client_id = $2"
    );
    DELETE = both("DELETE FROM oauth_registration WHERE tenant = $1 AND client_id = $2");
    WAITING = both("SELECT count(*) FROM oauth_registration WHERE tenant = $1 AND waiting_since IS NOT NULL");
    LIST_WAITING = both(
        "SELECT client_id, manage_hash, secret_hash, metadata, waiting_since, approved_at FROM oauth_registration \
         WHERE tenant = $1 AND waiting_since IS NOT NULL ORDER BY waiting_since, client_id LIMIT 1000"
    );
    PURGE = both("DELETE FROM oauth_registration WHERE approved_at IS NULL AND waiting_since < $1");
}

fn read(row: &Row) -> Option<Kept> {
    Some(Kept {
        client_id: row.text(0),
        manage: row.bytes(1).try_into().ok()?,
        secret: match row.opt_bytes(2) {
            None => None,
            Some(hash) => Some(hash.try_into().ok()?),
        },
        metadata: serde_json::from_str(row.str(3)).ok()?,
        waiting_since: row.opt_time(4),
        approved_at: row.opt_time(5),
    })
}

pub(super) async fn insert(tx: &mut Tx, tenant: &TenantId, kept: &Kept, now: Timestamp) -> Result<(), db::Error> {
    tx.execute(
        INSERT,
        params![
            tenant.as_str(),
            &kept.client_id,
            kept.manage,
            kept.secret.map(Vec::from),
            kept.metadata.to_string(),
            now,
            kept.waiting_since,
        ],
    )
    .await?;
    Ok(())
}

pub(super) async fn find(conn: &mut Conn, tenant: &TenantId, client_id: &str) -> Result<Option<Kept>, db::Error> {
    let row = conn.row(FIND, params![tenant.as_str(), client_id]).await?;
    Ok(row.as_ref().and_then(read))
}

pub(super) async fn update(tx: &mut Tx, tenant: &TenantId, kept: &Kept) -> Result<(), db::Error> {
    tx.execute(
        UPDATE,
        params![
            tenant.as_str(),
            &kept.client_id,
            kept.secret.map(Vec::from),
            kept.metadata.to_string(),
            kept.waiting_since,
        ],
    )
    .await?;
    Ok(())
}

pub(super) async fn approve(tx: &mut Tx, tenant: &TenantId, client_id: &str, now: Timestamp) -> Result<(), db::Error> {
    tx.execute(APPROVE, params![tenant.as_str(), client_id, now]).await?;
    Ok(())
}

pub(in crate::oauth::app) async fn delete(tx: &mut Tx, tenant: &TenantId, client_id: &str) -> Result<(), db::Error> {
    tx.execute(DELETE, params![tenant.as_str(), client_id]).await?;
    Ok(())
}

/// How many wait.
pub(super) async fn waiting(conn: &mut Conn, tenant: &TenantId) -> Result<i64, db::Error> {
    let row = conn.row(WAITING, params![tenant.as_str()]).await?;
    Ok(row.map_or(0, |row| row.int(0)))
}

pub(super) async fn list_waiting(conn: &mut Conn, tenant: &TenantId) -> Result<Vec<Kept>, db::Error> {
    let rows = conn.rows(LIST_WAITING, params![tenant.as_str()]).await?;
    Ok(rows.iter().filter_map(read).collect())
}

/// Forgets what has waited since before this time and was never approved. How many rows.
pub(in crate::oauth) async fn purge(tx: &mut Tx, before: Timestamp) -> Result<u64, db::Error> {
    tx.execute(PURGE, params![before]).await
}
