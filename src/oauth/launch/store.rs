//! Launches in the database; each as its SHA-256.

use jiff::Timestamp;

use super::{Context, Launch};
use crate::config::TenantId;
use crate::db::{self, Conn, Tx, params, statements};
use crate::fhir::types::Id;
use crate::secret::{hex, sha256};

statements! {
    INSERT = both(
        "INSERT INTO oauth_launch (tenant, key, client_id, account, patient, context, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)"
    );
    FIND = both(
        "SELECT account, patient, context FROM oauth_launch \
         WHERE tenant = $1 AND key = $2 AND client_id = $3 AND expires_at > $4 AND used_at IS NULL"
    );
    USE = both("UPDATE oauth_launch SET used_at = $3 WHERE tenant = $1 AND key = $2 AND used_at IS NULL");
    PURGE = both("DELETE FROM oauth_launch WHERE expires_at < $1");
}

/// What a launch is kept under.
pub(super) fn key(value: &str) -> String {
    hex(&sha256(value.as_bytes()))
}

/// A launch as it is kept.
pub(super) struct Made<'a> {
    pub(super) client_id: &'a str,
    pub(super) account: Option<&'a str>,
    pub(super) patient: Option<&'a Id>,
    pub(super) context: &'a Context,
    pub(super) expires_at: Timestamp,
}

pub(super) async fn insert(tx: &mut Tx, tenant: &TenantId, key: &str, made: &Made<'_>) -> Result<(), db::Error> {
    tx.execute(
        INSERT,
        params![
            tenant.as_str(),
            key,
            made.client_id,
            made.account,
            made.patient.map(Id::as_str),
            serde_json::to_string(made.context).expect("a context is JSON"),
            made.expires_at,
        ],
    )
    .await?;
    Ok(())
}

/// A launch of this app that was not used and has not expired.
pub(in crate::oauth) async fn find(
    conn: &mut Conn,
    tenant: &TenantId,
    client_id: &str,
    value: &str,
    now: Timestamp,
) -> Result<Option<Launch>, db::Error> {
    let key = key(value);
    let row = conn.row(FIND, params![tenant.as_str(), &key, client_id, now]).await?;
    Ok(row.and_then(|row| {
        Some(Launch {
            key,
            account: row.opt_text(0),
            patient: row.opt_text(1),
            context: serde_json::from_str(row.str(2)).ok()?,
        })
    }))
}

/// Whether this call is the one that used it.
pub(in crate::oauth) async fn use_up(
    tx: &mut Tx,
    tenant: &TenantId,
    launch: &Launch,
    now: Timestamp,
) -> Result<bool, db::Error> {
    Ok(tx.execute(USE, params![tenant.as_str(), &launch.key, now]).await? == 1)
}

/// Forgets what expired before this time. How many rows.
pub(in crate::oauth) async fn purge(tx: &mut Tx, before: Timestamp) -> Result<u64, db::Error> {
    tx.execute(PURGE, params![before]).await
}
