//! Devices that wait for a login, in the database.

use jiff::Timestamp;

use crate::config::TenantId;
use crate::db::{self, Conn, Row, Tx, params, statements};
use crate::oauth::scope::Scopes;

statements! {
    INSERT = both(
        "INSERT INTO oauth_device (tenant, key, user_key, client_id, scope, state, pause, expires_at) \
         VALUES ($1, $2, $3, $4, $5, 'waiting', $6, $7)"
    );
    FIND = both(
        "SELECT key, client_id, scope, state, grant_id, pause, polled_at, expires_at FROM oauth_device \
         WHERE tenant = $1 AND key = $2"
    );
    OF_USER_CODE = both(
        "SELECT key, client_id, scope, state, grant_id, pause, polled_at, expires_at FROM oauth_device \
         WHERE tenant = $1 AND user_key = $2 AND state = 'waiting' AND expires_at > $3"
    );
    WAITING = both("SELECT COUNT(*) FROM oauth_device WHERE tenant = $1 AND client_id = $2 AND expires_at > $3 AND state = 'waiting'");
    ASK = both("UPDATE oauth_device SET request = $3 WHERE tenant = $1 AND key = $2 AND state = 'waiting'");
    ANSWER = both(
        "UPDATE oauth_device SET state = $4, grant_id = $5 \
         WHERE tenant = $1 AND key = $2 AND request = $3 AND state = 'waiting' AND expires_at > $6"
    );
    USE = both("UPDATE oauth_device SET state = 'used' WHERE tenant = $1 AND key = $2 AND state = 'approved'");
    POLLED = both("UPDATE oauth_device SET pause = $3, polled_at = $4 WHERE tenant = $1 AND key = $2");
    /// Approved, and nobody came for it.
    LAPSED = both(
        "SELECT d.tenant, g.id, g.client_id, g.account, g.patient, d.expires_at, d.key FROM oauth_device d \
         JOIN oauth_grant g ON g.tenant = d.tenant AND g.id = d.grant_id \
         WHERE d.expires_at < $1 AND d.state = 'approved' AND g.revoked_at IS NULL AND (d.expires_at, d.key) > ($2, $3) \
         ORDER BY d.expires_at, d.key LIMIT $4"
    );
    /// What was approved stays until its grant has ended.
    PURGE = both(
        "DELETE FROM oauth_device WHERE expires_at < $1 AND (state <> 'approved' OR NOT EXISTS (SELECT 1 FROM oauth_grant g \
         WHERE g.tenant = oauth_device.tenant AND g.id = oauth_device.grant_id AND g.revoked_at IS NULL))"
    );
}

/// A device that waits, or waited.
#[derive(Clone, Debug)]
pub(in crate::oauth) struct Device {
    pub(in crate::oauth) key: String,
    pub(in crate::oauth) client_id: String,
    pub(in crate::oauth) scopes: Scopes,
    pub(in crate::oauth) state: State,
    /// Seconds between two questions.
    pub(in crate::oauth) pause: i64,
    pub(in crate::oauth) polled_at: Option<Timestamp>,
    pub(in crate::oauth) expires_at: Timestamp,
}

/// How far it is; with what the person gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::oauth) enum State {
    Waiting,
    Approved(String),
    Denied,
    Used(String),
}

pub(super) async fn insert(tx: &mut Tx, tenant: &TenantId, device: &Device, user_key: &str) -> Result<(), db::Error> {
    tx.execute(
        INSERT,
        params![
            tenant.as_str(),
            &device.key,
            user_key,
            &device.client_id,
            device.scopes.to_string(),
            device.pause,
            device.expires_at,
        ],
    )
    .await?;
    Ok(())
}

pub(super) async fn find(conn: &mut Conn, tenant: &TenantId, key: &str) -> Result<Option<Device>, db::Error> {
    let row = conn.row(FIND, params![tenant.as_str(), key]).await?;
    Ok(row.as_ref().and_then(read))
}

/// The device that waits with this code.
pub(super) async fn of_user_code(
    conn: &mut Conn,
    tenant: &TenantId,
    user_key: &str,
    now: Timestamp,
) -> Result<Option<Device>, db::Error> {
    let row = conn.row(OF_USER_CODE, params![tenant.as_str(), user_key, now]).await?;
    Ok(row.as_ref().and_then(read))
}

/// A row that cannot be read is no device.
fn read(row: &Row) -> Option<Device> {
    Some(Device {
        key: row.text(0),
        client_id: row.text(1),
        scopes: Scopes::parse(row.str(2)).ok()?,
        state: match (row.str(3), row.opt_text(4)) {
            ("waiting", None) => State::Waiting,
            ("denied", None) => State::Denied,
            ("approved", Some(grant)) => State::Approved(grant),
            ("used", Some(grant)) => State::Used(grant),
            _ => return None,
        },
        pause: row.int(5),
        polled_at: row.opt_time(6),
        expires_at: row.time(7),
    })
}

/// How many of an app wait.
pub(super) async fn waiting(
    conn: &mut Conn,
    tenant: &TenantId,
    client_id: &str,
    now: Timestamp,
) -> Result<i64, db::Error> {
    let row = conn.row(WAITING, params![tenant.as_str(), client_id, now]).await?;
    Ok(row.map_or(0, |row| row.int(0)))
}

/// From now on this request is the one that counts. Whether the device still waited.
pub(super) async fn ask(tx: &mut Tx, tenant: &TenantId, key: &str, request: &str) -> Result<bool, db::Error> {
    Ok(tx.execute(ASK, params![tenant.as_str(), key, request]).await? == 1)
}

/// The person's answer: a grant, or no. Whether the device still waited for it, and for this request.
pub(in crate::oauth) async fn answer(
    tx: &mut Tx,
    tenant: &TenantId,
    key: &str,
    request: &str,
    grant: Option<&str>,
    now: Timestamp,
) -> Result<bool, db::Error> {
    let state = if grant.is_some() { "approved" } else { "denied" };
    let params = params![tenant.as_str(), key, request, state, grant, now];
    Ok(tx.execute(ANSWER, params).await? == 1)
}

/// Whether this call is the one that used it.
pub(super) async fn use_up(tx: &mut Tx, tenant: &TenantId, key: &str) -> Result<bool, db::Error> {
    Ok(tx.execute(USE, params![tenant.as_str(), key]).await? == 1)
}

pub(super) async fn polled(
    tx: &mut Tx,
    tenant: &TenantId,
    key: &str,
    pause: i64,
    now: Timestamp,
) -> Result<(), db::Error> {
    tx.execute(POLLED, params![tenant.as_str(), key, pause, now]).await?;
    Ok(())
}

/// Where a page of them ended: when the device expired, and its key.
pub(super) type Place = (Timestamp, String);

/// Before all of them.
pub(super) const START: Place = (Timestamp::UNIX_EPOCH, String::new());

/// A grant for a device that did not come for it in time, as it stands in the database.
pub(super) struct Lapsed {
    pub(super) tenant: String,
    pub(super) grant: String,
    pub(super) client_id: String,
    pub(super) account: String,
    pub(super) patient: Option<String>,
    place: Place,
}

impl Lapsed {
    pub(super) fn place(&self) -> Place {
        self.place.clone()
    }
}

/// Those that are still in force and stand after `place`, the oldest first.
pub(super) async fn lapsed(
    conn: &mut Conn,
    now: Timestamp,
    (expired_at, key): &Place,
    most: i64,
) -> Result<Vec<Lapsed>, db::Error> {
    let rows = conn.rows(LAPSED, params![now, *expired_at, key, most]).await?;
    let read = |row: &Row| Lapsed {
        tenant: row.text(0),
        grant: row.text(1),
        client_id: row.text(2),
        account: row.text(3),
        patient: row.opt_text(4),
        place: (row.time(5), row.text(6)),
    };
    Ok(rows.iter().map(read).collect())
}

/// Forgets what expired before this time. How many rows.
pub(in crate::oauth) async fn purge(tx: &mut Tx, before: Timestamp) -> Result<u64, db::Error> {
    tx.execute(PURGE, params![before]).await
}
