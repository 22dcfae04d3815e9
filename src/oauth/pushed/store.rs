//! Pushed requests in the database.

use jiff::Timestamp;
use url::form_urlencoded;

use crate::config::TenantId;
use crate::db::{self, Conn, Tx, params, statements};
use crate::secret::{hex, sha256};

statements! {
    INSERT = both("INSERT INTO oauth_pushed (tenant, key, client_id, body, expires_at) VALUES ($1, $2, $3, $4, $5)");
    FIND = both(
        "SELECT client_id, body FROM oauth_pushed WHERE tenant = $1 AND key = $2 AND expires_at > $3 AND used_at IS NULL"
    );
    USE = both("UPDATE oauth_pushed SET used_at = $3 WHERE tenant = $1 AND key = $2 AND used_at IS NULL");
    PURGE = both("DELETE FROM oauth_pushed WHERE expires_at < $1");
}

/// A request as it was pushed.
pub(in crate::oauth) struct Pushed {
    pub(in crate::oauth) client_id: String,
    pub(in crate::oauth) parameters: Vec<(String, String)>,
}

/// What a pushed request is kept under.
pub(in crate::oauth) fn key(name: &str) -> String {
    hex(&sha256(name.as_bytes()))
}

pub(super) async fn insert(
    tx: &mut Tx,
    tenant: &TenantId,
    key: &str,
    pushed: &Pushed,
    until: Timestamp,
) -> Result<(), db::Error> {
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(&pushed.parameters)
        .finish();
    tx.execute(INSERT, params![tenant.as_str(), key, &pushed.client_id, body, until])
        .await?;
    Ok(())
}

/// A request that waits.
pub(in crate::oauth) async fn find(
    conn: &mut Conn,
    tenant: &TenantId,
    key: &str,
    now: Timestamp,
) -> Result<Option<Pushed>, db::Error> {
    let row = conn.row(FIND, params![tenant.as_str(), key, now]).await?;
    Ok(row.map(|row| Pushed {
        client_id: row.text(0),
        parameters: form_urlencoded::parse(row.str(1).as_bytes()).into_owned().collect(),
    }))
}

/// Whether this call is the one that used it.
pub(in crate::oauth) async fn use_up(
    tx: &mut Tx,
    tenant: &TenantId,
    key: &str,
    now: Timestamp,
) -> Result<bool, db::Error> {
    Ok(tx.execute(USE, params![tenant.as_str(), key, now]).await? == 1)
}

/// Forgets what expired before this time. How many rows.
pub(in crate::oauth) async fn purge(tx: &mut Tx, before: Timestamp) -> Result<u64, db::Error> {
    tx.execute(PURGE, params![before]).await
}
