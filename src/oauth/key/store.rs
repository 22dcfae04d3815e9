//! Signing keys in the database.

use jiff::Timestamp;

use super::Kept;
use crate::config::{SigningAlg, TenantId};
use crate::db::{self, Conn, Tx, params, statements};

statements! {
    ALL = both(
        "SELECT ordinal, alg, kid, sealed, made_at, sign_from, publish_until FROM oauth_key \
         WHERE tenant = $1 ORDER BY ordinal DESC LIMIT 200"
    );
    INSERT = both(
        "INSERT INTO oauth_key (tenant, ordinal, alg, kid, sealed, made_at, sign_from) VALUES ($1, $2, $3, $4, $5, $6, $7) \
         ON CONFLICT DO NOTHING"
    );
    PUBLISH_UNTIL = both("UPDATE oauth_key SET publish_until = $3 WHERE tenant = $1 AND ordinal = $2");
    PURGE = both("DELETE FROM oauth_key WHERE publish_until < $1");
}

/// Every key of a tenant, the newest first, with those that are out of use and not deleted yet.
pub(super) async fn all(conn: &mut Conn, tenant: &TenantId) -> Result<Vec<Kept>, db::Error> {
    let rows = conn.rows(ALL, params![tenant.as_str()]).await?;
    Ok(rows
        .iter()
        .filter_map(|row| {
            Some(Kept {
                ordinal: row.int(0),
                // One of a newer version of the program is none of ours.
                alg: SigningAlg::parse(row.str(1))?,
                kid: row.text(2),
                sealed: row.bytes(3),
                made_at: row.time(4),
                sign_from: row.time(5),
                publish_until: row.opt_time(6),
            })
        })
        .collect())
}

/// Whether it was added; somebody else may have taken the ordinal.
pub(super) async fn insert(tx: &mut Tx, tenant: &TenantId, key: &Kept) -> Result<bool, db::Error> {
    let changed = tx
        .execute(
            INSERT,
            params![
                tenant.as_str(),
                key.ordinal,
                key.alg.as_str(),
                &key.kid,
                &key.sealed[..],
                key.made_at,
                key.sign_from
            ],
        )
        .await?;
    Ok(changed == 1)
}

/// Sets until when a key is published; `None`: as long as it signs.
pub(super) async fn publish_until(
    tx: &mut Tx,
    tenant: &TenantId,
    ordinal: i64,
    until: Option<Timestamp>,
) -> Result<(), db::Error> {
    tx.execute(PUBLISH_UNTIL, params![tenant.as_str(), ordinal, until])
        .await?;
    Ok(())
}

/// Deletes keys that were last published before this time. How many rows.
pub(in crate::oauth) async fn purge(tx: &mut Tx, before: Timestamp) -> Result<u64, db::Error> {
    tx.execute(PURGE, params![before]).await
}
