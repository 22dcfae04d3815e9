//! The cost of reading a source, by day.

use jiff::civil::Date;

use crate::config::TenantId;
use crate::db::{Conn, Error, Tx, params, statements};
use crate::ecd::Spent;

statements! {
    OF_DAY = both("SELECT requests, milliseconds FROM source_cost WHERE tenant = $1 AND source = $2 AND day = $3");
    ADD = both(
        "INSERT INTO source_cost (tenant, source, day, requests, milliseconds) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (tenant, source, day) DO UPDATE SET requests = source_cost.requests + excluded.requests,
         milliseconds = source_cost.milliseconds + excluded.milliseconds"
    );
}

/// What was spent on a local day.
pub async fn of_day(conn: &mut Conn, tenant: &TenantId, source: &str, day: Date) -> Result<Spent, Error> {
    let row = conn
        .row(OF_DAY, params![tenant.as_str(), source, day.to_string()])
        .await?;
    Ok(row.map_or_else(Spent::default, |row| Spent {
        requests: row.int(0).unsigned_abs(),
        throttled: 0,
        milliseconds: row.int(1).unsigned_abs(),
    }))
}

pub(super) async fn add(tx: &mut Tx, tenant: &TenantId, source: &str, day: Date, spent: &Spent) -> Result<(), Error> {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let (requests, milliseconds) = (number(spent.requests), number(spent.milliseconds));
    let values = params![tenant.as_str(), source, day.to_string(), requests, milliseconds];
    tx.execute(ADD, values).await?;
    Ok(())
}
