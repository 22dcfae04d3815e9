//! All SQL of logins by way of a provider.

use jiff::Timestamp;

use crate::config::TenantId;
use crate::db::{self, Conn, Tx, Unique, params, statements};

statements! {
    BEGIN = both(
        "INSERT INTO login_upstream (tenant, flow, state, browser, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (tenant, flow) DO UPDATE SET state = excluded.state, browser = excluded.browser, account = NULL, acr = NULL,
         session = NULL, created_at = excluded.created_at, expires_at = excluded.expires_at"
    );
    USE = both(
        "UPDATE login_upstream SET state = NULL WHERE tenant = $1 AND state = $2 AND browser = $3 AND expires_at > $4
         RETURNING flow"
    );
    CAME_BACK = both("UPDATE login_upstream SET account = $3, acr = $4 WHERE tenant = $1 AND flow = $2");
    CARRY = both(
        "UPDATE login_upstream SET session = $4 WHERE tenant = $1 AND flow = $2 AND account = $3 AND session IS NULL"
    );
    CLEAR = both("DELETE FROM login_upstream WHERE tenant = $1 AND flow = $2");
    OF_SESSION = both("SELECT acr FROM login_upstream WHERE tenant = $1 AND session = $2");
    DROP_OLD = both("DELETE FROM login_upstream WHERE created_at < $1");
    LINK = both(
        "INSERT INTO account_upstream (tenant, issuer, subject, account, linked_at) VALUES ($1, $2, $3, $4, $5)"
    );
    LINKED = both("SELECT account FROM account_upstream WHERE tenant = $1 AND issuer = $2 AND subject = $3");
}

const SUBJECT: Unique = Unique {
    name: "account_upstream_pkey",
    columns: "account_upstream.tenant, account_upstream.issuer, account_upstream.subject",
};
const ACCOUNT: Unique = Unique {
    name: "account_upstream_account",
    columns: "account_upstream.tenant, account_upstream.issuer, account_upstream.account",
};

/// The browser is sent away; an earlier way of the same flow counts no more.
pub(super) async fn begin(
    tx: &mut Tx,
    tenant: &TenantId,
    flow: &str,
    state: &[u8; 32],
    browser: &[u8; 32],
    (now, until): (Timestamp, Timestamp),
) -> Result<(), db::Error> {
    let values = params![tenant.as_str(), flow, state, browser, now, until];
    tx.execute(BEGIN, values).await.map(drop)
}

/// The flow of a state that comes back to the browser it was given to; a second time there is none.
pub(super) async fn used(
    tx: &mut Tx,
    tenant: &TenantId,
    state: &[u8; 32],
    browser: &[u8; 32],
    now: Timestamp,
) -> Result<Option<String>, db::Error> {
    let row = tx.row(USE, params![tenant.as_str(), state, browser, now]).await?;
    Ok(row.map(|row| row.text(0)))
}

pub(super) async fn came_back(
    tx: &mut Tx,
    tenant: &TenantId,
    flow: &str,
    account: &str,
    acr: &str,
) -> Result<(), db::Error> {
    tx.execute(CAME_BACK, params![tenant.as_str(), flow, account, acr])
        .await
        .map(drop)
}

/// The session that came of the flow keeps the provider's level, if the flow went by way of it for this account.
pub(in crate::login) async fn carry(
    tx: &mut Tx,
    tenant: &TenantId,
    flow: &str,
    account: &str,
    session: &str,
) -> Result<(), db::Error> {
    tx.execute(CARRY, params![tenant.as_str(), flow, account, session])
        .await
        .map(drop)
}

/// A password was right in this flow: what a provider said earlier is void.
pub(in crate::login) async fn clear(tx: &mut Tx, tenant: &TenantId, flow: &str) -> Result<(), db::Error> {
    tx.execute(CLEAR, params![tenant.as_str(), flow]).await.map(drop)
}

/// The level that the provider told for this session, '' if it told none; `None`: the session began with a password.
pub(in crate::login) async fn of_session(
    conn: &mut Conn,
    tenant: &TenantId,
    session: &str,
) -> Result<Option<String>, db::Error> {
    let row = conn.row(OF_SESSION, params![tenant.as_str(), session]).await?;
    Ok(row.map(|row| row.opt_text(0).unwrap_or_default()))
}

pub(in crate::login) async fn drop_old(tx: &mut Tx, before: Timestamp) -> Result<u64, db::Error> {
    tx.execute(DROP_OLD, params![before]).await
}

/// Why two cannot be linked.
#[derive(Debug, thiserror::Error)]
pub enum NotLinked {
    #[error("this subject is linked to an account already")]
    Subject,
    #[error("this account is linked to another subject of the provider")]
    Account,
    #[error(transparent)]
    Database(#[from] db::Error),
}

/// Links somebody at the provider with an account.
pub async fn link(
    tx: &mut Tx,
    tenant: &TenantId,
    (issuer, subject): (&str, &str),
    account: &str,
    now: Timestamp,
) -> Result<(), NotLinked> {
    let values = params![tenant.as_str(), issuer, subject, account, now];
    match tx.execute(LINK, values).await {
        Ok(_) => Ok(()),
        Err(error) if error.violates(&SUBJECT) => Err(NotLinked::Subject),
        Err(error) if error.violates(&ACCOUNT) => Err(NotLinked::Account),
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn linked(
    conn: &mut Conn,
    tenant: &TenantId,
    issuer: &str,
    subject: &str,
) -> Result<Option<String>, db::Error> {
    let row = conn.row(LINKED, params![tenant.as_str(), issuer, subject]).await?;
    Ok(row.map(|row| row.text(0)))
}
