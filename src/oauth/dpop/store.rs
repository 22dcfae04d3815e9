//! Used proofs in the database.

use jiff::Timestamp;

use super::Proof;
use crate::config::TenantId;
use crate::db::{self, Conn, Tx, params, statements};

statements! {
    USE = both("INSERT INTO oauth_proof (tenant, hash, expires_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING");
    PURGE = both("DELETE FROM oauth_proof WHERE expires_at < $1");
}

/// Whether the proof is shown for the first time. The connection is in a transaction, which has to commit.
pub(in crate::oauth) async fn first(conn: &mut Conn, tenant: &TenantId, proof: &Proof) -> Result<bool, db::Error> {
    let written = conn
        .execute(USE, params![tenant.as_str(), proof.hash, proof.until])
        .await?;
    Ok(written == 1)
}

/// Forgets proofs that have not counted since this time. How many rows.
pub(in crate::oauth) async fn purge(tx: &mut Tx, before: Timestamp) -> Result<u64, db::Error> {
    tx.execute(PURGE, params![before]).await
}
