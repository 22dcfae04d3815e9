//! The outbox in the database.

use jiff::Timestamp;

use super::Channel;
use crate::config::TenantId;
use crate::db::{self, Conn, Tx, params, statements};

statements! {
    INSERT = both(
        "INSERT INTO outbox (id, tenant, channel, sealed, created_at, expires_at, not_before) \
         VALUES ($1, $2, $3, $4, $5, $6, $5)"
    );
    DUE = both(
        "SELECT id, tenant, sealed, expires_at, attempts FROM outbox \
         WHERE state = 'waiting' AND channel = $2 AND not_before <= $1 ORDER BY not_before LIMIT 32"
    );
    CLAIM = both(
        "UPDATE outbox SET attempts = attempts + 1, not_before = $3 \
         WHERE id = $1 AND state = 'waiting' AND not_before <= $2"
    );
    FINISH = both("UPDATE outbox SET state = $2, sealed = $3 WHERE id = $1 AND state = 'waiting'");
    RETRY = both("UPDATE outbox SET not_before = $2 WHERE id = $1 AND state = 'waiting'");
    SMS_SINCE = both(
        "SELECT COUNT(*) FROM outbox WHERE tenant = $1 AND channel = 'sms' AND created_at > $2"
    );
    REPORTED = both("UPDATE outbox SET delivery = $2 WHERE id = $1 AND channel = 'sms' AND state = 'sent'");
    FORGET = both("DELETE FROM outbox WHERE state <> 'waiting' AND created_at < $1");
}

/// A message that is due.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) id: String,
    pub(super) tenant: String,
    pub(super) sealed: Vec<u8>,
    pub(super) expires_at: Timestamp,
    pub(super) attempts: i64,
}

/// How a message ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Sent,
    Expired,
    Failed,
}

pub(super) async fn insert(
    tx: &mut Tx,
    id: &str,
    tenant: &TenantId,
    channel: Channel,
    sealed: &[u8],
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<(), db::Error> {
    let values = params![id, tenant.as_str(), channel.as_str(), sealed, now, expires_at];
    tx.execute(INSERT, values).await?;
    Ok(())
}

pub(super) async fn due(conn: &mut Conn, channel: Channel, now: Timestamp) -> Result<Vec<Waiting>, db::Error> {
    let rows = conn.rows(DUE, params![now, channel.as_str()]).await?;
    Ok(rows
        .iter()
        .map(|row| Waiting {
            id: row.text(0),
            tenant: row.text(1),
            sealed: row.bytes(2),
            expires_at: row.time(3),
            attempts: row.int(4),
        })
        .collect())
}

/// Takes a message for this process until `until`; `false` if another replica was first.
pub(super) async fn claim(tx: &mut Tx, id: &str, now: Timestamp, until: Timestamp) -> Result<bool, db::Error> {
    Ok(tx.execute(CLAIM, params![id, now, until]).await? > 0)
}

/// Ends a message and wipes its body.
pub(super) async fn finish(tx: &mut Tx, id: &str, end: End) -> Result<(), db::Error> {
    let state = match end {
        End::Sent => "sent",
        End::Expired => "expired",
        End::Failed => "failed",
    };
    tx.execute(FINISH, params![id, state, &b""[..]]).await?;
    Ok(())
}

pub(super) async fn retry(tx: &mut Tx, id: &str, at: Timestamp) -> Result<(), db::Error> {
    tx.execute(RETRY, params![id, at]).await?;
    Ok(())
}

/// How many SMS the organisation asked for since `since`.
pub async fn sms_since(conn: &mut Conn, tenant: &TenantId, since: Timestamp) -> Result<i64, db::Error> {
    let row = conn.row(SMS_SINCE, params![tenant.as_str(), since]).await?;
    Ok(row.map_or(0, |row| row.int(0)))
}

/// Notes what a provider says became of a message; whether there is such a message.
pub(super) async fn reported(tx: &mut Tx, id: &str, delivery: &str) -> Result<bool, db::Error> {
    Ok(tx.execute(REPORTED, params![id, delivery]).await? > 0)
}

/// Drops what ended before `before`; how many.
pub async fn forget(tx: &mut Tx, before: Timestamp) -> Result<u64, db::Error> {
    tx.execute(FORGET, params![before]).await
}
