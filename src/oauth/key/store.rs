//! Signing keys in the database.

use jiff::Timestamp;

use super::Kept;
use crate::config::TenantId;
use crate::db::{self, Conn, Tx, params, statements};

statements! {
    PUBLISHED = both(
        "SELECT ordinal, kid, sealed, sign_from FROM oauth_key \
         WHERE tenant = $1 AND (publish_until IS NULL OR publish_until > $2) ORDER BY ordinal DESC LIMIT 20"
    );
    INSERT = both(
        "INSERT INTO oauth_key (tenant, ordinal, kid, sealed, sign_from) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING"
    );
    RETIRE = both(
        "UPDATE oauth_key SET publish_until = $3 WHERE tenant = $1 AND ordinal < $2 AND publish_until IS NULL"
    );
}

pub(super) async fn published(conn: &mut Conn, tenant: &TenantId, now: Timestamp) -> Result<Vec<Kept>, db::Error> {
    let rows = conn.rows(PUBLISHED, params![tenant.as_str(), now]).await?;
    Ok(rows
        .iter()
        .map(|row| Kept {
            ordinal: row.int(0),
            kid: row.text(1),
            sealed: row.bytes(2),
            sign_from: row.time(3),
        })
        .collect())
}

/// Whether it was added; another replica may have taken the ordinal.
pub(super) async fn insert(tx: &mut Tx, tenant: &TenantId, key: &Kept) -> Result<bool, db::Error> {
    let changed = tx
        .execute(
            INSERT,
            params![tenant.as_str(), key.ordinal, &key.kid, &key.sealed[..], key.sign_from],
        )
        .await?;
    Ok(changed == 1)
}

/// The keys before this one are published until then.
pub(super) async fn retire(tx: &mut Tx, tenant: &TenantId, before: i64, until: Timestamp) -> Result<(), db::Error> {
    tx.execute(RETIRE, params![tenant.as_str(), before, until]).await?;
    Ok(())
}
