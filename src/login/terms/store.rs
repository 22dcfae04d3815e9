//! Agreements in the database.

use jiff::Timestamp;

use crate::config::TenantId;
use crate::db::{Conn, Error, Tx, params, statements};

statements! {
    ACCEPTED = both("SELECT 1 FROM terms_accepted WHERE tenant = $1 AND account = $2 AND version = $3");
    ACCEPT = both(
        "INSERT INTO terms_accepted (tenant, account, version, accepted_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (tenant, account, version) DO NOTHING"
    );
}

pub(super) async fn accepted(conn: &mut Conn, tenant: &TenantId, account: &str, version: &str) -> Result<bool, Error> {
    let row = conn.row(ACCEPTED, params![tenant.as_str(), account, version]).await?;
    Ok(row.is_some())
}

/// Who agreed before, in another tab, agreed then.
pub(super) async fn accept(
    tx: &mut Tx,
    tenant: &TenantId,
    account: &str,
    version: &str,
    now: Timestamp,
) -> Result<(), Error> {
    tx.execute(ACCEPT, params![tenant.as_str(), account, version, now])
        .await?;
    Ok(())
}
