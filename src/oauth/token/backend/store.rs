//! Tokens of apps in their own name, in the database; each as its SHA-256.

use jiff::Timestamp;

use super::Kept;
use crate::config::TenantId;
use crate::db::{self, Conn, Tx, params, statements};
use crate::oauth::scope::Scopes;

statements! {
    INSERT = both(
        "INSERT INTO oauth_own_access (tenant, hash, client_id, scope, issued_at, expires_at, jkt) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)"
    );
    /// The app has to be there still.
    PRESENTED = both(
        "SELECT o.client_id, o.scope, o.issued_at, o.expires_at, o.jkt FROM oauth_own_access o \
         JOIN oauth_app p ON p.tenant = o.tenant AND p.client_id = o.client_id \
         WHERE o.tenant = $1 AND o.hash = $2 AND p.disabled_at IS NULL AND p.grants = 'backend'"
    );
    DELETE = both("DELETE FROM oauth_own_access WHERE tenant = $1 AND hash = $2");
    PURGE = both("DELETE FROM oauth_own_access WHERE expires_at < $1");
}

pub(super) async fn insert(tx: &mut Tx, tenant: &TenantId, hash: &[u8; 32], own: &Kept) -> Result<(), db::Error> {
    let scope = own.scopes.to_string();
    tx.execute(
        INSERT,
        params![
            tenant.as_str(),
            hash,
            &own.client_id,
            scope,
            own.issued_at,
            own.expires_at,
            own.jkt.as_deref()
        ],
    )
    .await?;
    Ok(())
}

/// A token whose app exists, expired or not. A row that cannot be read is no token.
pub(in crate::oauth::token) async fn presented(
    conn: &mut Conn,
    tenant: &TenantId,
    hash: &[u8; 32],
) -> Result<Option<Kept>, db::Error> {
    let row = conn.row(PRESENTED, params![tenant.as_str(), hash]).await?;
    Ok(row.and_then(|row| {
        Some(Kept {
            client_id: row.text(0),
            scopes: Scopes::parse(row.str(1)).ok()?,
            issued_at: row.time(2),
            expires_at: row.time(3),
            jkt: row.opt_text(4),
        })
    }))
}

pub(in crate::oauth::token) async fn delete(tx: &mut Tx, tenant: &TenantId, hash: &[u8; 32]) -> Result<(), db::Error> {
    tx.execute(DELETE, params![tenant.as_str(), hash]).await?;
    Ok(())
}

/// Forgets what expired before this time. How many rows.
pub(in crate::oauth::token) async fn purge(tx: &mut Tx, before: Timestamp) -> Result<u64, db::Error> {
    tx.execute(PURGE, params![before]).await
}
