//! Accounts and their counters in the database.

use jiff::{SignedDuration, Timestamp};

use super::link::Sealed;
use super::throttle::{Limits, Tries};
use super::{Account, Ready, State, name_key};
use crate::config::TenantId;
use crate::db::{self, Conn, Row, Tx, Unique, params, statements};

/// One user name, one account (a tenant).
pub(super) const USERNAME: Unique = Unique {
    name: "account_username",
    columns: "account.tenant, account.username_key",
};

statements! {
    INSERT = both(
        "INSERT INTO account (tenant, id, username, username_key, name, state, password, password_expires_at, \
         mobile, mobile_hint, mobile_key, email, created_at, changed_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13)"
    );
    BY_NAME = both(
        "SELECT id, username, name, state, password_expires_at, mobile, mobile_hint, mobile_key, password, email, mobile_changed_at \
         FROM account WHERE tenant = $1 AND username_key = $2"
    );
    FIND = both(
        "SELECT id, username, name, state, password_expires_at, mobile, mobile_hint, mobile_key, password, email, mobile_changed_at \
         FROM account WHERE tenant = $1 AND id = $2"
    );
    /// A closed account stays closed.
    SET_STATE = both(
        "UPDATE account SET state = $3, changed_at = $4 WHERE tenant = $1 AND id = $2 AND state <> 'closed'"
    );
    REGISTERED = both(
        "UPDATE account SET state = 'must-change-password', mobile = $3, mobile_hint = $4, mobile_key = $5, changed_at = $6 \
         WHERE tenant = $1 AND id = $2 AND state = 'expected'"
    );
    KEEP_OLD = both(
        "INSERT INTO account_old_password (tenant, account, replaced_at, password) \
         SELECT tenant, id, $3, password FROM account WHERE tenant = $1 AND id = $2 AND password = $4"
    );
    CHANGE_PASSWORD = both(
        "UPDATE account SET password = $4, state = 'active', password_expires_at = NULL, changed_at = $5 \
         WHERE tenant = $1 AND id = $2 AND password = $3 AND state IN ('active', 'must-change-password')"
    );
    OLD_PASSWORDS = both(
        "SELECT password FROM account_old_password WHERE tenant = $1 AND account = $2 ORDER BY replaced_at DESC LIMIT $3"
    );
    FORGET_OLD = both(
        "DELETE FROM account_old_password WHERE tenant = $1 AND account = $2 AND replaced_at NOT IN \
         (SELECT replaced_at FROM account_old_password WHERE tenant = $1 AND account = $2 \
          ORDER BY replaced_at DESC LIMIT $3)"
    );
    TRIES = both("SELECT failures, last_at, until FROM account_attempt WHERE tenant = $1 AND bucket = $2");
    /// One statement: between an insert and a look the row could be deleted, and then nothing would be held.
    HOLD = both(
        "INSERT INTO account_attempt (tenant, bucket, failures, last_at, until) VALUES ($1, $2, 0, 0, 0) \
         ON CONFLICT (tenant, bucket) DO UPDATE SET failures = account_attempt.failures RETURNING failures, last_at, until"
    );
    COUNT = both(
        "UPDATE account_attempt SET failures = $3, last_at = $4, until = $5 WHERE tenant = $1 AND bucket = $2"
    );
    CLEAR = both("DELETE FROM account_attempt WHERE tenant = $1 AND bucket = $2");
    /// Passes over what somebody holds just now: it is not old, and who clears waits for nobody.
    CLEAR_OLD = each(
        "DELETE FROM account_attempt WHERE last_at < $1 AND until < $1",
        "DELETE FROM account_attempt WHERE (tenant, bucket) IN \
         (SELECT tenant, bucket FROM account_attempt WHERE last_at < $1 AND until < $1 FOR UPDATE SKIP LOCKED)",
    );
}

fn account(row: &Row) -> Account {
    Account {
        id: row.text(0),
        username: row.text(1),
        name: row.text(2),
        // A word that this version does not know opens nothing.
        state: State::parse(row.str(3)).unwrap_or(State::Locked),
        password_expires_at: row.opt_time(4),
        mobile: row.bytes(5),
        mobile_hint: row.text(6),
        mobile_key: row.bytes(7),
        email: row.opt_bytes(9),
        mobile_changed_at: row.opt_time(10),
    }
}

pub(super) async fn insert(tx: &mut Tx, tenant: &TenantId, new: &Ready, now: Timestamp) -> Result<(), db::Error> {
    tx.execute(
        INSERT,
        params![
            tenant.as_str(),
            &new.id,
            &new.username,
            &new.username_key,
            &new.name,
            new.state.as_str(),
            &new.password,
            new.password_expires_at,
            &new.mobile[..],
            &new.mobile_hint,
            &new.mobile_key,
            new.email.clone(),
            now,
        ],
    )
    .await?;
    Ok(())
}

/// The account with this user name (in any case of letters) and its password's hash.
pub async fn by_name(
    conn: &mut Conn,
    tenant: &TenantId,
    username: &str,
) -> Result<Option<(Account, String)>, db::Error> {
    let row = conn.row(BY_NAME, params![tenant.as_str(), name_key(username)]).await?;
    Ok(row.map(|row| (account(&row), row.text(8))))
}

/// The account with this id and its password's hash.
pub async fn find(conn: &mut Conn, tenant: &TenantId, id: &str) -> Result<Option<(Account, String)>, db::Error> {
    let row = conn.row(FIND, params![tenant.as_str(), id]).await?;
    Ok(row.map(|row| (account(&row), row.text(8))))
}

/// Locks, opens or closes an account; whether there is one that was not closed before.
pub async fn set_state(
    tx: &mut Tx,
    tenant: &TenantId,
    id: &str,
    state: State,
    now: Timestamp,
) -> Result<bool, db::Error> {
    let changed = tx
        .execute(SET_STATE, params![tenant.as_str(), id, state.as_str(), now])
        .await?;
    Ok(changed > 0)
}

/// Somebody who was expected gave their number; the first password comes next. `false`: nobody is expected any more.
pub async fn registered(
    tx: &mut Tx,
    tenant: &TenantId,
    id: &str,
    number: &Sealed,
    now: Timestamp,
) -> Result<bool, db::Error> {
    let Sealed { sealed, hint, key } = number;
    let changed = tx
        .execute(REGISTERED, params![tenant.as_str(), id, &sealed[..], hint, key, now])
        .await?;
    Ok(changed > 0)
}

/// Puts a new hash in the place of `old` and makes the account active; `false` if the password was changed meanwhile or the
/// account may not be used. The last `history` passwords are remembered.
pub async fn change_password(
    tx: &mut Tx,
    tenant: &TenantId,
    id: &str,
    old: &str,
    new: &str,
    history: usize,
    now: Timestamp,
) -> Result<bool, db::Error> {
    tx.execute(KEEP_OLD, params![tenant.as_str(), id, now, old]).await?;
    let changed = tx
        .execute(CHANGE_PASSWORD, params![tenant.as_str(), id, old, new, now])
        .await?;
    tx.execute(FORGET_OLD, params![tenant.as_str(), id, limit(history)])
        .await?;
    Ok(changed > 0)
}

/// The hashes of the last `history` replaced passwords.
pub async fn old_passwords(
    conn: &mut Conn,
    tenant: &TenantId,
    id: &str,
    history: usize,
) -> Result<Vec<String>, db::Error> {
    let rows = conn
        .rows(OLD_PASSWORDS, params![tenant.as_str(), id, limit(history)])
        .await?;
    Ok(rows.iter().map(|row| row.text(0)).collect())
}

fn limit(history: usize) -> i64 {
    i64::try_from(history.min(24)).unwrap_or(24)
}

fn counter(row: &Row) -> Tries {
    Tries {
        failures: row.int(0),
        last_at: row.time(1),
        until: row.time(2),
    }
}

/// The counter `bucket` as it stands.
pub async fn tries(conn: &mut Conn, tenant: &TenantId, bucket: &str) -> Result<Tries, db::Error> {
    let row = conn.row(TRIES, params![tenant.as_str(), bucket]).await?;
    Ok(row.map_or_else(Tries::default, |row| counter(&row)))
}

/// The counter `bucket`, held until the end of the transaction: nobody else counts on it meanwhile.
pub async fn hold(tx: &mut Tx, tenant: &TenantId, bucket: &str) -> Result<Tries, db::Error> {
    let row = tx.row(HOLD, params![tenant.as_str(), bucket]).await?;
    Ok(row.map_or_else(Tries::default, |row| counter(&row)))
}

/// Counts one failure and says how long the next try has to wait.
pub async fn failed(
    tx: &mut Tx,
    tenant: &TenantId,
    bucket: &str,
    limits: &Limits,
    now: Timestamp,
) -> Result<Option<SignedDuration>, db::Error> {
    let tries = hold(tx, tenant, bucket).await?.failed(limits, now);
    tx.execute(
        COUNT,
        params![tenant.as_str(), bucket, tries.failures, tries.last_at, tries.until],
    )
    .await?;
    Ok(tries.wait(now))
}

/// Forgets the failures: the right password or code came.
pub async fn succeeded(tx: &mut Tx, tenant: &TenantId, bucket: &str) -> Result<(), db::Error> {
    tx.execute(CLEAR, params![tenant.as_str(), bucket]).await?;
    Ok(())
}

/// Drops counters that nobody touched since `before`; how many.
pub async fn drop_old_tries(tx: &mut Tx, before: Timestamp) -> Result<u64, db::Error> {
    tx.execute(CLEAR_OLD, params![before]).await
}

#[cfg(test)]
mod tests;
