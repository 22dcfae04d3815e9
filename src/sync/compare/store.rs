//! When a source was last compared.

use jiff::Timestamp;

use crate::config::TenantId;
use crate::db::{Conn, Error, Tx, params, statements};

statements! {
    LAST = both("SELECT compared_at FROM source_compare WHERE tenant = $1 AND source = $2");
    NOTE = both(
        "INSERT INTO source_compare (tenant, source, compared_at) VALUES ($1, $2, $3)
         ON CONFLICT (tenant, source) DO UPDATE SET compared_at = excluded.compared_at"
    );
}

/// When everything was last read without a gap.
pub async fn last(conn: &mut Conn, tenant: &TenantId, source: &str) -> Result<Option<Timestamp>, Error> {
    let row = conn.row(LAST, params![tenant.as_str(), source]).await?;
    Ok(row.map(|row| row.time(0)))
}

pub(in crate::sync) async fn note(tx: &mut Tx, tenant: &TenantId, source: &str, now: Timestamp) -> Result<(), Error> {
    tx.execute(NOTE, params![tenant.as_str(), source, now]).await?;
    Ok(())
}
