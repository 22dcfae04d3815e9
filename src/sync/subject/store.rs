//! The SQL of subjects: who had a key last.

use std::collections::HashMap;

use crate::config::TenantId;
use crate::db::{Conn, Error, Tx, params, statements};
use crate::ecd::Kind;

statements! {
    LAST = each(
        "SELECT key, client, generation FROM source_gone WHERE tenant = $1 AND source = $2 AND kind = $3
         AND key IN (SELECT value FROM json_each($4))",
        "SELECT key, client, generation FROM source_gone
         WHERE tenant = $1 AND source = $2 AND kind = $3 AND key = ANY($4)",
    );
    /// Of a record that is about to be forgotten. Where the client is part of the key there is nothing to remember.
    LEAVE = both(
        "INSERT INTO source_gone (tenant, source, kind, key, client, generation)
         SELECT tenant, source, kind, key, client, generation FROM source_record
         WHERE tenant = $1 AND source = $2 AND kind = $3 AND key = $4
         AND client IS NOT NULL AND client <> key AND substr(key, 1, length(client) + 1) <> client || '/'
         ON CONFLICT (tenant, source, kind, key) DO UPDATE
         SET client = excluded.client, generation = excluded.generation",
    );
}

/// Whose each of these keys was when the source had it last, and its generation.
pub(super) async fn last(
    conn: &mut Conn,
    tenant: &TenantId,
    source: &str,
    kind: Kind,
    keys: &[String],
) -> Result<HashMap<String, (String, i64)>, Error> {
    let rows = conn
        .rows(LAST, params![tenant.as_str(), source, kind.as_str(), keys])
        .await?;
    Ok(rows
        .iter()
        .map(|row| (row.text(0), (row.text(1), row.int(2))))
        .collect())
}

/// Keeps the subject of a record that goes.
pub(in crate::sync) async fn leave(
    tx: &mut Tx,
    tenant: &TenantId,
    source: &str,
    kind: Kind,
    key: &str,
) -> Result<(), Error> {
    tx.execute(LEAVE, params![tenant.as_str(), source, kind.as_str(), key])
        .await?;
    Ok(())
}
