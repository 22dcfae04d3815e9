//! Used assertions in the database.

use jiff::Timestamp;

use crate::config::TenantId;
use crate::db::{self, Conn, Tx, params, statements};

statements! {
    USE = both(
        "INSERT INTO oauth_assertion (tenant, client_id, jti, expires_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"
    );
    PURGE = both("DELETE FROM oauth_assertion WHERE expires_at < $1");
}

/// Whether this is the first time that the app shows this `jti`. The connection is in a transaction, which has to commit.
pub(super) async fn first(
    conn: &mut Conn,
    tenant: &TenantId,
    client_id: &str,
    jti: &[u8; 32],
    until: Timestamp,
) -> Result<bool, db::Error> {
    let written = conn
        .execute(USE, params![tenant.as_str(), client_id, jti, until])
        .await?;
    Ok(written == 1)
}

/// Forgets what expired before this time. How many rows.
pub(in crate::oauth::token) async fn purge(tx: &mut Tx, before: Timestamp) -> Result<u64, db::Error> {
    tx.execute(PURGE, params![before]).await
}
