//! Codes in the database.

use jiff::Timestamp;

use super::Challenge;
use crate::config::TenantId;
use crate::db::{self, Conn, Row, Tx, params, statements};

statements! {
    SUPERSEDE = both(
        "UPDATE login_challenge SET superseded_at = $3 \
         WHERE tenant = $1 AND account = $2 AND flow = $4 AND superseded_at IS NULL AND consumed_at IS NULL"
    );
    NEW_CHALLENGE = both(
        "INSERT INTO login_challenge (tenant, id, flow, account, number_key, reference, code_mac, created_at, expires_at, \
         prefix_key, network) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
    );
    CHALLENGES = both(
        "SELECT id, reference, created_at, expires_at, attempts, consumed_at, superseded_at FROM login_challenge \
         WHERE tenant = $1 AND flow = $2 AND account = $3 ORDER BY created_at DESC, id DESC LIMIT 20"
    );
    SENT_TO_ACCOUNT = both(
        "SELECT created_at FROM login_challenge WHERE tenant = $1 AND account = $2 AND created_at > $3 \
         ORDER BY created_at DESC LIMIT 100"
    );
    SENT_TO_NUMBER = both(
        "SELECT created_at FROM login_challenge WHERE tenant = $1 AND number_key = $2 AND created_at > $3 \
         ORDER BY created_at DESC LIMIT 100"
    );
    SENT_TO_PREFIX = both(
        "SELECT created_at FROM login_challenge WHERE tenant = $1 AND prefix_key = $2 AND created_at > $3 \
         ORDER BY created_at DESC LIMIT $4"
    );
    SENT_FOR_NETWORK = both(
        "SELECT created_at FROM login_challenge WHERE tenant = $1 AND network = $2 AND created_at > $3 \
         ORDER BY created_at DESC LIMIT $4"
    );
    TRY = both(
        "UPDATE login_challenge SET attempts = attempts + 1 WHERE tenant = $1 AND id = $2 AND consumed_at IS NULL \
         AND superseded_at IS NULL AND attempts < $3 AND expires_at > $4 RETURNING code_mac, attempts"
    );
    CONSUME = both(
        "UPDATE login_challenge SET consumed_at = $3 \
         WHERE tenant = $1 AND id = $2 AND consumed_at IS NULL AND superseded_at IS NULL AND expires_at > $3"
    );
    DROP_CHALLENGES = both("DELETE FROM login_challenge WHERE created_at < $1");
}

/// A code that is about to be sent.
pub(in crate::login) struct NewChallenge<'a> {
    pub(in crate::login) id: &'a str,
    pub(in crate::login) flow: &'a str,
    pub(in crate::login) account: &'a str,
    pub(in crate::login) number_key: &'a [u8],
    pub(in crate::login) prefix_key: [u8; 32],
    pub(in crate::login) network: Option<&'a str>,
    pub(in crate::login) reference: &'a str,
    pub(in crate::login) code_mac: [u8; 32],
    pub(in crate::login) expires_at: Timestamp,
}

/// Writes a code; an older one of the same login no longer counts. That of another login, in another app, still does.
pub(in crate::login) async fn new_challenge(
    tx: &mut Tx,
    tenant: &TenantId,
    new: &NewChallenge<'_>,
    now: Timestamp,
) -> Result<(), db::Error> {
    tx.execute(SUPERSEDE, params![tenant.as_str(), new.account, now, new.flow])
        .await?;
    tx.execute(
        NEW_CHALLENGE,
        params![
            tenant.as_str(),
            new.id,
            new.flow,
            new.account,
            new.number_key,
            new.reference,
            new.code_mac,
            now,
            new.expires_at,
            new.prefix_key,
            new.network,
        ],
    )
    .await?;
    Ok(())
}

/// The codes that a flow sent to this account, the newest first.
pub(in crate::login) async fn challenges(
    conn: &mut Conn,
    tenant: &TenantId,
    flow: &str,
    account: &str,
) -> Result<Vec<Challenge>, db::Error> {
    let rows = conn.rows(CHALLENGES, params![tenant.as_str(), flow, account]).await?;
    Ok(rows
        .iter()
        .map(|row| Challenge {
            id: row.text(0),
            reference: row.text(1),
            created_at: row.time(2),
            expires_at: row.time(3),
            attempts: row.int(4),
            consumed: row.opt_int(5).is_some(),
            superseded: row.opt_int(6).is_some(),
        })
        .collect())
}

/// When codes went to this account and to this number since `since`, the newest first.
pub(in crate::login) async fn sent(
    conn: &mut Conn,
    tenant: &TenantId,
    account: &str,
    number_key: &[u8],
    since: Timestamp,
) -> Result<(Vec<Timestamp>, Vec<Timestamp>), db::Error> {
    let times = |rows: Vec<Row>| rows.iter().map(|row| row.time(0)).collect();
    let account = conn
        .rows(SENT_TO_ACCOUNT, params![tenant.as_str(), account, since])
        .await?;
    let number = conn
        .rows(SENT_TO_NUMBER, params![tenant.as_str(), number_key, since])
        .await?;
    Ok((times(account), times(number)))
}

/// The same for all numbers with this beginning; the newest `most`.
pub(in crate::login) async fn sent_to_prefix(
    conn: &mut Conn,
    tenant: &TenantId,
    prefix_key: &[u8; 32],
    since: Timestamp,
    most: i64,
) -> Result<Vec<Timestamp>, db::Error> {
    let values = params![tenant.as_str(), prefix_key, since, most];
    let rows = conn.rows(SENT_TO_PREFIX, values).await?;
    Ok(rows.iter().map(|row| row.time(0)).collect())
}

/// The same for all logins from this network; the newest `most`.
pub(in crate::login) async fn sent_for_network(
    conn: &mut Conn,
    tenant: &TenantId,
    network: &str,
    since: Timestamp,
    most: i64,
) -> Result<Vec<Timestamp>, db::Error> {
    let values = params![tenant.as_str(), network, since, most];
    let rows = conn.rows(SENT_FOR_NETWORK, values).await?;
    Ok(rows.iter().map(|row| row.time(0)).collect())
}

/// Counts a try on an open code, in one statement: its MAC and how many tries were made, this one included.
pub(in crate::login) async fn try_code(
    tx: &mut Tx,
    tenant: &TenantId,
    challenge: &str,
    allowed: i64,
    now: Timestamp,
) -> Result<Option<(Vec<u8>, i64)>, db::Error> {
    let row = tx.row(TRY, params![tenant.as_str(), challenge, allowed, now]).await?;
    Ok(row.map(|row| (row.bytes(0), row.int(1))))
}

/// Uses the code up; `false` if somebody else just did.
pub(in crate::login) async fn consume(
    tx: &mut Tx,
    tenant: &TenantId,
    challenge: &str,
    now: Timestamp,
) -> Result<bool, db::Error> {
    Ok(tx.execute(CONSUME, params![tenant.as_str(), challenge, now]).await? > 0)
}

pub(in crate::login) async fn drop_old(tx: &mut Tx, before: Timestamp) -> Result<u64, db::Error> {
    tx.execute(DROP_CHALLENGES, params![before]).await
}
