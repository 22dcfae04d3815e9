//! Authenticator apps and recovery codes in the database.

use jiff::Timestamp;

use crate::config::TenantId;
use crate::db::{self, Conn, Tx, params, statements};

statements! {
    NEW_TOTP = both(
        "INSERT INTO account_totp (tenant, account, sealed, created_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (tenant, account) DO UPDATE SET sealed = excluded.sealed, created_at = excluded.created_at \
         WHERE account_totp.confirmed_at IS NULL"
    );
    TOTP = both("SELECT sealed, confirmed_at FROM account_totp WHERE tenant = $1 AND account = $2");
    CONFIRM = both(
        "UPDATE account_totp SET confirmed_at = $3 WHERE tenant = $1 AND account = $2 AND confirmed_at IS NULL"
    );
    USE_STEP = both(
        "UPDATE account_totp SET last_step = $3 WHERE tenant = $1 AND account = $2 AND last_step < $3"
    );
    DROP_TOTP = both("DELETE FROM account_totp WHERE tenant = $1 AND account = $2");
    NEW_CODE = both(
        "INSERT INTO account_recovery_code (tenant, account, code_mac, created_at) VALUES ($1, $2, $3, $4)"
    );
    DROP_CODES = both("DELETE FROM account_recovery_code WHERE tenant = $1 AND account = $2");
    CODES_LEFT = both(
        "SELECT COUNT(*) FROM account_recovery_code WHERE tenant = $1 AND account = $2 AND used_at IS NULL"
    );
    USE_CODE = both(
        "UPDATE account_recovery_code SET used_at = $4 \
         WHERE tenant = $1 AND account = $2 AND code_mac = $3 AND used_at IS NULL"
    );
}

/// Keeps a secret that is still to be confirmed; a confirmed one stays as it is.
pub async fn new_totp(
    tx: &mut Tx,
    tenant: &TenantId,
    account: &str,
    sealed: Vec<u8>,
    now: Timestamp,
) -> Result<(), db::Error> {
    tx.execute(NEW_TOTP, params![tenant.as_str(), account, sealed, now])
        .await?;
    Ok(())
}

/// The sealed secret, and whether it was confirmed.
pub async fn totp(conn: &mut Conn, tenant: &TenantId, account: &str) -> Result<Option<(Vec<u8>, bool)>, db::Error> {
    let row = conn.row(TOTP, params![tenant.as_str(), account]).await?;
    Ok(row.map(|row| (row.bytes(0), row.opt_int(1).is_some())))
}

/// Whether there was one that waited.
pub async fn confirm(tx: &mut Tx, tenant: &TenantId, account: &str, now: Timestamp) -> Result<bool, db::Error> {
    Ok(tx.execute(CONFIRM, params![tenant.as_str(), account, now]).await? > 0)
}

/// Uses a time step up; `false` if it or a later one was used.
pub async fn use_step(tx: &mut Tx, tenant: &TenantId, account: &str, step: i64) -> Result<bool, db::Error> {
    Ok(tx.execute(USE_STEP, params![tenant.as_str(), account, step]).await? > 0)
}

pub async fn drop_totp(tx: &mut Tx, tenant: &TenantId, account: &str) -> Result<bool, db::Error> {
    Ok(tx.execute(DROP_TOTP, params![tenant.as_str(), account]).await? > 0)
}

/// Puts new codes in the place of all old ones.
pub async fn new_codes(
    tx: &mut Tx,
    tenant: &TenantId,
    account: &str,
    macs: &[[u8; 32]],
    now: Timestamp,
) -> Result<(), db::Error> {
    tx.execute(DROP_CODES, params![tenant.as_str(), account]).await?;
    for mac in macs {
        tx.execute(NEW_CODE, params![tenant.as_str(), account, mac, now])
            .await?;
    }
    Ok(())
}

pub async fn codes_left(conn: &mut Conn, tenant: &TenantId, account: &str) -> Result<i64, db::Error> {
    let row = conn.row(CODES_LEFT, params![tenant.as_str(), account]).await?;
    Ok(row.map_or(0, |row| row.int(0)))
}

/// Uses a code up; `false` if there is no such code or it was used.
pub async fn use_code(
    tx: &mut Tx,
    tenant: &TenantId,
    account: &str,
    mac: &[u8; 32],
    now: Timestamp,
) -> Result<bool, db::Error> {
    Ok(tx
        .execute(USE_CODE, params![tenant.as_str(), account, mac, now])
        .await?
        > 0)
}
