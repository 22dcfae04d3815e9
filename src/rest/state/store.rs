//! What apps keep, in the database.

use jiff::Timestamp;

use crate::account;
use crate::config::TenantId;
use crate::db::{self, Conn, Tx, params, statements};

/// Nobody can ask for it any more: its app ended; or, about a client, every right to that client; or, about anybody else, the
/// account that wrote it.
macro_rules! ended {
    () => {
        "(NOT EXISTS (SELECT 1 FROM oauth_app p \
         WHERE p.tenant = app_state.tenant AND p.client_id = app_state.client_id AND p.disabled_at IS NULL) \
         OR (SUBSTR(app_state.subject, 1, 8) = 'Patient/' AND NOT EXISTS (SELECT 1 FROM consent_right r \
         WHERE r.tenant = app_state.tenant AND r.patient = SUBSTR(app_state.subject, 9) AND r.ended_at IS NULL)) \
         OR (SUBSTR(app_state.subject, 1, 8) <> 'Patient/' AND EXISTS (SELECT 1 FROM account a \
         WHERE a.tenant = app_state.tenant AND a.id = app_state.account AND a.state = 'closed')))"
    };
}

statements! {
    INSERT = both(
        "INSERT INTO app_state (tenant, account, id, client_id, subject, code, version, body, changed_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
    );
    UPDATE = both(
        "UPDATE app_state SET version = $4, body = $5, changed_at = $6, account = $8 \
         WHERE tenant = $1 AND id = $2 AND client_id = $3 AND version = $7"
    );
    DELETE = both("DELETE FROM app_state WHERE tenant = $1 AND id = $2 AND client_id = $3 AND version = $4");
    ONE = both(
        "SELECT id, account, subject, code, version, body FROM app_state WHERE tenant = $1 AND id = $2 AND client_id = $3"
    );
    FIND = both(
        "SELECT id, account, subject, code, version, body FROM app_state \
         WHERE tenant = $1 AND client_id = $2 AND subject = $3 AND code = $4 ORDER BY id LIMIT $5"
    );
    COUNT = both("SELECT COUNT(*) FROM app_state WHERE tenant = $1 AND client_id = $2 AND subject = $3");
    ENDED = both(concat!(
        "SELECT tenant, id, client_id, account, subject FROM app_state WHERE (tenant, id) > ($1, $2) AND ",
        ended!(),
        " ORDER BY tenant, id LIMIT $3"
    ));
    FORGET = both(concat!("DELETE FROM app_state WHERE tenant = $1 AND id = $2 AND ", ended!()));
}

/// One state; its body is sealed.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) id: String,
    /// Whose token wrote it; empty: an app in its own name.
    pub(super) account: String,
    /// `Type/id`, or empty.
    pub(super) subject: String,
    pub(super) code: String,
    pub(super) version: i64,
    pub(super) body: Vec<u8>,
}

fn read(row: &db::Row) -> Row {
    Row {
        id: row.text(0),
        account: row.text(1),
        subject: row.text(2),
        code: row.text(3),
        version: row.int(4),
        body: row.bytes(5),
    }
}

pub(super) async fn insert(
    tx: &mut Tx,
    tenant: &TenantId,
    client_id: &str,
    row: &Row,
    now: Timestamp,
) -> Result<bool, db::Error> {
    let params = params![
        tenant.as_str(),
        &row.account,
        &row.id,
        client_id,
        &row.subject,
        &row.code,
        row.version,
        row.body.clone(),
        now,
    ];
    Ok(tx.execute(INSERT, params).await? == 1)
}

/// Puts a version in the place of the one before. Whether that one was there.
pub(super) async fn update(
    tx: &mut Tx,
    tenant: &TenantId,
    client_id: &str,
    row: &Row,
    now: Timestamp,
) -> Result<bool, db::Error> {
    let params = params![
        tenant.as_str(),
        &row.id,
        client_id,
        row.version,
        row.body.clone(),
        now,
        row.version - 1,
        &row.account,
    ];
    Ok(tx.execute(UPDATE, params).await? == 1)
}

/// Whether this version was there.
pub(super) async fn delete(
    tx: &mut Tx,
    tenant: &TenantId,
    client_id: &str,
    id: &str,
    version: i64,
) -> Result<bool, db::Error> {
    let params = params![tenant.as_str(), id, client_id, version];
    Ok(tx.execute(DELETE, params).await? == 1)
}

pub(super) async fn one(
    conn: &mut Conn,
    tenant: &TenantId,
    client_id: &str,
    id: &str,
) -> Result<Option<Row>, db::Error> {
    let row = conn.row(ONE, params![tenant.as_str(), id, client_id]).await?;
    Ok(row.as_ref().map(read))
}

pub(super) async fn find(
    conn: &mut Conn,
    tenant: &TenantId,
    client_id: &str,
    subject: &str,
    code: &str,
    most: i64,
) -> Result<Vec<Row>, db::Error> {
    let rows = conn
        .rows(FIND, params![tenant.as_str(), client_id, subject, code, most])
        .await?;
    Ok(rows.iter().map(read).collect())
}

/// Until the end of the transaction nobody else adds to what the app keeps about this subject.
pub(super) async fn hold(tx: &mut Tx, tenant: &TenantId, client_id: &str, subject: &str) -> Result<(), db::Error> {
    account::store::hold(tx, tenant, &format!("app-state:{client_id}:{subject}")).await?;
    Ok(())
}

pub(super) async fn count(
    conn: &mut Conn,
    tenant: &TenantId,
    client_id: &str,
    subject: &str,
) -> Result<i64, db::Error> {
    let row = conn.row(COUNT, params![tenant.as_str(), client_id, subject]).await?;
    Ok(row.map_or(0, |row| row.int(0)))
}

/// Where a page of what ended came to its end: tenant and id.
pub(super) type Place = (String, String);

/// A state that nobody can ask for any more, as it stands in the database.
pub(super) struct Ended {
    pub(super) tenant: String,
    pub(super) id: String,
    pub(super) client_id: String,
    pub(super) account: String,
    pub(super) subject: String,
}

/// What ended and stands after `place`.
pub(super) async fn ended(conn: &mut Conn, (tenant, id): &Place, most: i64) -> Result<Vec<Ended>, db::Error> {
    let rows = conn.rows(ENDED, params![tenant, id, most]).await?;
    let read = |row: &db::Row| Ended {
        tenant: row.text(0),
        id: row.text(1),
        client_id: row.text(2),
        account: row.text(3),
        subject: row.text(4),
    };
    Ok(rows.iter().map(read).collect())
}

/// Deletes one of them. Whether it was there still, and at its end.
pub(super) async fn forget(tx: &mut Tx, ended: &Ended) -> Result<bool, db::Error> {
    Ok(tx.execute(FORGET, params![&ended.tenant, &ended.id]).await? == 1)
}
