//! What apps were given, in the database.

use jiff::Timestamp;

use super::Given;
use crate::config::TenantId;
use crate::db::{self, Conn, params, statements};
use crate::oauth::scope::Scopes;

statements! {
    GIVEN = both(
        "SELECT g.client_id, p.name, g.scope, g.created_at, \
         (SELECT max(r.rotated_at) FROM oauth_refresh r WHERE r.tenant = g.tenant AND r.grant_id = g.id) \
         FROM oauth_grant g JOIN oauth_app p ON p.tenant = g.tenant AND p.client_id = g.client_id \
         WHERE g.tenant = $1 AND g.account = $2 AND g.revoked_at IS NULL AND g.expires_at > $3 AND p.disabled_at IS NULL \
         ORDER BY g.created_at, g.id LIMIT 1000"
    );
}

/// What an account gave to apps that are still there, the oldest first.
pub async fn given(conn: &mut Conn, tenant: &TenantId, account: &str, now: Timestamp) -> Result<Vec<Given>, db::Error> {
    let rows = conn.rows(GIVEN, params![tenant.as_str(), account, now]).await?;
    Ok(rows
        .iter()
        .filter_map(|row| {
            Some(Given {
                client_id: row.text(0),
                name: row.text(1),
                scopes: Scopes::parse(row.str(2)).ok()?,
                since: row.time(3),
                used: row.opt_time(4).unwrap_or(row.time(3)),
            })
        })
        .collect())
}
