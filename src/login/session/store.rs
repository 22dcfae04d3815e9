//! Sessions in the database.

use jiff::Timestamp;

use super::Session;
use crate::config::TenantId;
use crate::db::{self, Conn, Row, Tx, params, statements};

statements! {
    NEW_SESSION = both(
        "INSERT INTO login_session (tenant, id, cookie, account, started_at, second, used_at, device, method, second_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $10, $7, $8, $9)"
    );
    SESSION = both(
        "SELECT id, account, started_at, second, used_at, ended_at, device, method, second_at FROM login_session \
         WHERE tenant = $1 AND id = $2"
    );
    SESSION_OF_COOKIE = both(
        "SELECT id, account, started_at, second, used_at, ended_at, device, method, second_at FROM login_session \
         WHERE tenant = $1 AND cookie = $2"
    );
    NEWEST = both(
        "SELECT id, account, started_at, second, used_at, ended_at, device, method, second_at FROM login_session \
         WHERE tenant = $1 AND account = $2 ORDER BY started_at DESC, id LIMIT $3"
    );
    USE_SESSION = both("UPDATE login_session SET used_at = $3 WHERE tenant = $1 AND id = $2 AND used_at < $3");
    END_SESSION = both("UPDATE login_session SET ended_at = $3 WHERE tenant = $1 AND id = $2 AND ended_at IS NULL");
    END_SESSIONS = both(
        "UPDATE login_session SET ended_at = $3 WHERE tenant = $1 AND account = $2 AND ended_at IS NULL"
    );
    SECOND_AGAIN = both(
        "UPDATE login_session SET second = 1, method = $3, second_at = $4 WHERE tenant = $1 AND id = $2"
    );
    OTHERS = both(
        "SELECT id, account, started_at, second, used_at, ended_at, device, method, second_at FROM login_session \
         WHERE tenant = $1 AND account = $2 AND id <> $3 AND ended_at IS NULL ORDER BY started_at DESC, id LIMIT $4"
    );
    END_OTHERS = both(
        "UPDATE login_session SET ended_at = $4 WHERE tenant = $1 AND account = $2 AND id <> $3 AND ended_at IS NULL"
    );
    OF_DEVICE = both(
        "SELECT id FROM login_session WHERE tenant = $1 AND device = $2 AND ended_at IS NULL \
         ORDER BY started_at DESC LIMIT 1000"
    );
    COUNT = both(
        "INSERT INTO login_count (tenant, month, logins) VALUES ($1, $2, 1) \
         ON CONFLICT (tenant, month) DO UPDATE SET logins = login_count.logins + 1"
    );
    COUNTS = both("SELECT month, logins FROM login_count WHERE tenant = $1 ORDER BY month DESC LIMIT 120");
    DROP_SESSIONS = both("DELETE FROM login_session WHERE started_at < $1");
}

fn session_row(row: &Row) -> Session {
    Session {
        id: row.text(0),
        account: row.text(1),
        started_at: row.time(2),
        second: row.bool(3),
        used_at: row.time(4),
        ended: row.opt_int(5).is_some(),
        device: row.opt_text(6),
        method: row.opt_text(7),
        second_at: row.opt_time(8),
    }
}

pub(in crate::login) async fn new_session(
    tx: &mut Tx,
    tenant: &TenantId,
    session: &Session,
    cookie: &[u8; 32],
) -> Result<(), db::Error> {
    tx.execute(
        NEW_SESSION,
        params![
            tenant.as_str(),
            &session.id,
            cookie,
            &session.account,
            session.started_at,
            session.second,
            session.device.as_deref(),
            session.method.as_deref(),
            session.second_at,
            session.used_at,
        ],
    )
    .await?;
    Ok(())
}

/// Counts a login of this month, `2026-11`.
pub(in crate::login) async fn count(tx: &mut Tx, tenant: &TenantId, month: &str) -> Result<(), db::Error> {
    tx.execute(COUNT, params![tenant.as_str(), month]).await?;
    Ok(())
}

/// The months of the last ten years in which there was a login, the newest first, and how many.
pub async fn counts(conn: &mut Conn, tenant: &TenantId) -> Result<Vec<(String, i64)>, db::Error> {
    let rows = conn.rows(COUNTS, params![tenant.as_str()]).await?;
    Ok(rows.iter().map(|row| (row.text(0), row.int(1))).collect())
}

pub(in crate::login) async fn session(
    conn: &mut Conn,
    tenant: &TenantId,
    id: &str,
) -> Result<Option<Session>, db::Error> {
    let row = conn.row(SESSION, params![tenant.as_str(), id]).await?;
    Ok(row.as_ref().map(session_row))
}

pub(in crate::login) async fn session_of_cookie(
    conn: &mut Conn,
    tenant: &TenantId,
    cookie: &[u8; 32],
) -> Result<Option<Session>, db::Error> {
    let row = conn.row(SESSION_OF_COOKIE, params![tenant.as_str(), cookie]).await?;
    Ok(row.as_ref().map(session_row))
}

/// The last logins of an account, the newest first.
pub(in crate::login) async fn newest(
    conn: &mut Conn,
    tenant: &TenantId,
    account: &str,
    most: i64,
) -> Result<Vec<Session>, db::Error> {
    let rows = conn.rows(NEWEST, params![tenant.as_str(), account, most]).await?;
    Ok(rows.iter().map(session_row).collect())
}

pub(in crate::login) async fn use_session(
    tx: &mut Tx,
    tenant: &TenantId,
    id: &str,
    now: Timestamp,
) -> Result<(), db::Error> {
    tx.execute(USE_SESSION, params![tenant.as_str(), id, now]).await?;
    Ok(())
}

pub(in crate::login) async fn end_session(
    tx: &mut Tx,
    tenant: &TenantId,
    id: &str,
    now: Timestamp,
) -> Result<(), db::Error> {
    tx.execute(END_SESSION, params![tenant.as_str(), id, now]).await?;
    Ok(())
}

/// A second factor was shown again.
pub(in crate::login) async fn second_again(
    tx: &mut Tx,
    tenant: &TenantId,
    id: &str,
    method: &str,
    now: Timestamp,
) -> Result<(), db::Error> {
    tx.execute(SECOND_AGAIN, params![tenant.as_str(), id, method, now])
        .await?;
    Ok(())
}

/// Other sessions of the account that have not ended, the newest first.
pub(in crate::login) async fn others(
    conn: &mut Conn,
    tenant: &TenantId,
    account: &str,
    id: &str,
    most: i64,
) -> Result<Vec<Session>, db::Error> {
    let rows = conn.rows(OTHERS, params![tenant.as_str(), account, id, most]).await?;
    Ok(rows.iter().map(session_row).collect())
}

/// Ends every session of the account but this one.
pub(in crate::login) async fn end_others(
    tx: &mut Tx,
    tenant: &TenantId,
    account: &str,
    id: &str,
    now: Timestamp,
) -> Result<u64, db::Error> {
    tx.execute(END_OTHERS, params![tenant.as_str(), account, id, now]).await
}

/// The sessions that this trusted browser vouches for.
pub(in crate::login) async fn of_device(
    conn: &mut Conn,
    tenant: &TenantId,
    device: &str,
) -> Result<Vec<String>, db::Error> {
    let rows = conn.rows(OF_DEVICE, params![tenant.as_str(), device]).await?;
    Ok(rows.iter().map(|row| row.text(0)).collect())
}

/// Ends every session of the account: its password changed, or it was locked or closed.
pub async fn end_sessions(tx: &mut Tx, tenant: &TenantId, account: &str, now: Timestamp) -> Result<u64, db::Error> {
    tx.execute(END_SESSIONS, params![tenant.as_str(), account, now]).await
}

pub(in crate::login) async fn drop_old(tx: &mut Tx, before: Timestamp) -> Result<u64, db::Error> {
    tx.execute(DROP_SESSIONS, params![before]).await
}
