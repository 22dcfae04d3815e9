//! Mailed links in the database.

use jiff::Timestamp;

use super::{Link, Purpose};
use crate::config::TenantId;
use crate::db::{self, Conn, Tx, params, statements};

statements! {
    NEW = both(
        "INSERT INTO account_link (tenant, hash, account, purpose, sealed, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)"
    );
    // An older link for the same thing no longer counts.
    REPLACE = both(
        "UPDATE account_link SET used_at = $4 \
         WHERE tenant = $1 AND account = $2 AND purpose = $3 AND used_at IS NULL AND account <> ''"
    );
    FIND = both(
        "SELECT account, purpose, sealed FROM account_link \
         WHERE tenant = $1 AND hash = $2 AND used_at IS NULL AND expires_at > $3 AND account <> ''"
    );
    USE = both(
        "UPDATE account_link SET used_at = $3 \
         WHERE tenant = $1 AND hash = $2 AND used_at IS NULL AND expires_at > $3 AND account <> ''"
    );
    END_ALL = both("UPDATE account_link SET used_at = $3 WHERE tenant = $1 AND account = $2 AND used_at IS NULL");
    DROP_OLD = both("DELETE FROM account_link WHERE expires_at < $1");

    NEW_MOBILE = both(
        "INSERT INTO account_new_mobile (tenant, account, session, sealed, created_at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (tenant, account) DO UPDATE SET session = excluded.session, sealed = excluded.sealed, \
         created_at = excluded.created_at"
    );
    MOBILE = both(
        "SELECT sealed FROM account_new_mobile WHERE tenant = $1 AND account = $2 AND session = $3 AND created_at > $4"
    );
    DROP_MOBILE = both("DELETE FROM account_new_mobile WHERE tenant = $1 AND account = $2");
    DROP_MOBILES = both("DELETE FROM account_new_mobile WHERE created_at < $1");
    SET_MOBILE = both(
        "UPDATE account SET mobile = $3, mobile_hint = $4, mobile_key = $5, changed_at = $6, mobile_changed_at = $6 \
         WHERE tenant = $1 AND id = $2"
    );
    SET_EMAIL = both("UPDATE account SET email = $3, changed_at = $4 WHERE tenant = $1 AND id = $2");
}

/// Writes a link; `account` is empty for a name that does not exist.
pub(super) async fn insert(
    tx: &mut Tx,
    tenant: &TenantId,
    link: &Link,
    hash: &[u8; 32],
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<(), db::Error> {
    let purpose = link.purpose.as_str();
    tx.execute(REPLACE, params![tenant.as_str(), &link.account, purpose, now])
        .await?;
    let values = params![
        tenant.as_str(),
        hash,
        &link.account,
        purpose,
        link.sealed.clone(),
        now,
        expires_at,
    ];
    tx.execute(NEW, values).await?;
    Ok(())
}

pub(super) async fn find(
    conn: &mut Conn,
    tenant: &TenantId,
    hash: &[u8; 32],
    now: Timestamp,
) -> Result<Option<Link>, db::Error> {
    let row = conn.row(FIND, params![tenant.as_str(), hash, now]).await?;
    Ok(row.and_then(|row| {
        Some(Link {
            account: row.text(0),
            purpose: Purpose::parse(row.str(1))?,
            sealed: row.opt_bytes(2),
        })
    }))
}

/// Uses a link up; `false` if it does not count any more.
pub(super) async fn consume(
    tx: &mut Tx,
    tenant: &TenantId,
    hash: &[u8; 32],
    now: Timestamp,
) -> Result<bool, db::Error> {
    Ok(tx.execute(USE, params![tenant.as_str(), hash, now]).await? > 0)
}

/// Ends every link of the account: it was closed, or its password changed.
pub async fn end_all(tx: &mut Tx, tenant: &TenantId, account: &str, now: Timestamp) -> Result<(), db::Error> {
    tx.execute(END_ALL, params![tenant.as_str(), account, now]).await?;
    tx.execute(DROP_MOBILE, params![tenant.as_str(), account]).await?;
    Ok(())
}

/// Keeps a new number until its code comes back in the same session.
pub async fn new_mobile(
    tx: &mut Tx,
    tenant: &TenantId,
    account: &str,
    session: &str,
    sealed: Vec<u8>,
    now: Timestamp,
) -> Result<(), db::Error> {
    tx.execute(NEW_MOBILE, params![tenant.as_str(), account, session, sealed, now])
        .await?;
    Ok(())
}

pub async fn mobile(
    conn: &mut Conn,
    tenant: &TenantId,
    account: &str,
    session: &str,
    since: Timestamp,
) -> Result<Option<Vec<u8>>, db::Error> {
    let row = conn
        .row(MOBILE, params![tenant.as_str(), account, session, since])
        .await?;
    Ok(row.map(|row| row.bytes(0)))
}

/// The number that codes go to from now on.
pub async fn set_mobile(
    tx: &mut Tx,
    tenant: &TenantId,
    account: &str,
    number: &super::Sealed,
    now: Timestamp,
) -> Result<(), db::Error> {
    tx.execute(
        SET_MOBILE,
        params![
            tenant.as_str(),
            account,
            number.sealed.clone(),
            &number.hint,
            number.key,
            now
        ],
    )
    .await?;
    tx.execute(DROP_MOBILE, params![tenant.as_str(), account]).await?;
    Ok(())
}

pub async fn set_email(
    tx: &mut Tx,
    tenant: &TenantId,
    account: &str,
    sealed: Vec<u8>,
    now: Timestamp,
) -> Result<(), db::Error> {
    tx.execute(SET_EMAIL, params![tenant.as_str(), account, sealed, now])
        .await?;
    Ok(())
}

pub async fn drop_old(tx: &mut Tx, before: Timestamp) -> Result<u64, db::Error> {
    let links = tx.execute(DROP_OLD, params![before]).await?;
    Ok(links + tx.execute(DROP_MOBILES, params![before]).await?)
}
