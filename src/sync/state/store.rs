//! The SQL of the memory between two runs.

use jiff::Timestamp;

use crate::config::TenantId;
use crate::db::{Conn, Error, Row, Tx, params, statements};

statements! {
    STATE = both(
        "SELECT tenant, source, as_of, compared, started, finished, failures, retry_at, problem, skipped, report
         FROM sync_state WHERE tenant = $1 AND source = $2",
    );
    EVERY = both(
        "SELECT tenant, source, as_of, compared, started, finished, failures, retry_at, problem, skipped, report
         FROM sync_state ORDER BY tenant, source LIMIT 10000",
    );
    HELD = both(
        "SELECT tenant, source, kind, count(*) FROM held_removal GROUP BY tenant, source, kind ORDER BY tenant, source, kind",
    );
    QUARANTINE = both(
        "SELECT tenant, source, kind, count(*) FROM quarantine GROUP BY tenant, source, kind ORDER BY tenant, source, kind",
    );
    BEGIN = both(
        "INSERT INTO sync_state (tenant, source, started, report) VALUES ($1, $2, $3, '')
         ON CONFLICT (tenant, source) DO UPDATE SET started = excluded.started",
    );
    SUCCEED = both(
        "UPDATE sync_state SET since = $3, as_of = coalesce($4, as_of), compared = coalesce($5, compared), finished = $6,
         report = $7, rules = coalesce($8, rules), failures = 0, retry_at = NULL, problem = NULL
         WHERE tenant = $1 AND source = $2",
    );
    /// Of a run that came to its end and did not read everything.
    PART = both(
        "UPDATE sync_state SET finished = $3, report = $4, failures = $5, retry_at = $6, problem = $7
         WHERE tenant = $1 AND source = $2",
    );
    FAIL = both("UPDATE sync_state SET failures = $3, retry_at = $4, problem = $5 WHERE tenant = $1 AND source = $2");
    SKIP = both("UPDATE sync_state SET skipped = skipped + $3 WHERE tenant = $1 AND source = $2");
}

/// What is remembered of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Everything that the source had told by then is published.
    pub as_of: Option<Timestamp>,
    /// Everything was compared then.
    pub compared: Option<Timestamp>,
    /// When the last run began, whatever became of it.
    pub started: Option<Timestamp>,
    /// When the last run that came to its end did so.
    pub finished: Option<Timestamp>,
    /// Runs in a row that failed or read only a part.
    pub failures: i64,
    /// Not before then.
    pub retry_at: Option<Timestamp>,
    /// Why the last run failed; holds nothing of a record.
    pub problem: Option<String>,
    /// Slots that were skipped because a run was still under way or the circuit open.
    pub skipped: i64,
    /// The report of the last run that came to its end, as JSON; empty if there was none.
    pub report: String,
}

fn state(row: &Row) -> State {
    State {
        as_of: row.opt_time(2),
        compared: row.opt_time(3),
        started: row.opt_time(4),
        finished: row.opt_time(5),
        failures: row.int(6),
        retry_at: row.opt_time(7),
        problem: row.opt_text(8),
        skipped: row.int(9),
        report: row.text(10),
    }
}

/// What is remembered of this source; the default if nothing is.
pub async fn read(conn: &mut Conn, tenant: &TenantId, source: &str) -> Result<State, Error> {
    let row = conn.row(STATE, params![tenant.as_str(), source]).await?;
    Ok(row.as_ref().map(state).unwrap_or_default())
}

/// A source as the operator sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    pub tenant: String,
    pub source: String,
    pub state: State,
    /// Removals that wait, by kind.
    pub held: Vec<(String, i64)>,
    /// Records in quarantine, by kind.
    pub quarantine: Vec<(String, i64)>,
}

/// Every source of every tenant that was ever synced.
pub async fn statuses(conn: &mut Conn) -> Result<Vec<Status>, Error> {
    let mut statuses: Vec<Status> = Vec::new();
    for row in conn.rows(EVERY, params![]).await? {
        statuses.push(Status {
            tenant: row.text(0),
            source: row.text(1),
            state: state(&row),
            ..Status::default()
        });
    }
    for row in conn.rows(HELD, params![]).await? {
        of(&mut statuses, &row).held.push((row.text(2), row.int(3)));
    }
    for row in conn.rows(QUARANTINE, params![]).await? {
        of(&mut statuses, &row).quarantine.push((row.text(2), row.int(3)));
    }
    Ok(statuses)
}

fn of<'s>(statuses: &'s mut Vec<Status>, row: &Row) -> &'s mut Status {
    let (tenant, source) = (row.text(0), row.text(1));
    let place = statuses
        .iter()
        .position(|status| status.tenant == tenant && status.source == source);
    let place = place.unwrap_or_else(|| {
        statuses.push(Status {
            tenant,
            source,
            ..Status::default()
        });
        statuses.len() - 1
    });
    &mut statuses[place]
}

pub(in crate::sync) async fn begin(tx: &mut Tx, tenant: &TenantId, source: &str, now: Timestamp) -> Result<(), Error> {
    tx.execute(BEGIN, params![tenant.as_str(), source, now]).await?;
    Ok(())
}

/// What a run that read everything leaves behind.
pub(in crate::sync) struct Success<'a> {
    /// Up to where the source need not be read again.
    pub since: Timestamp,
    pub as_of: Option<Timestamp>,
    pub compared: Option<Timestamp>,
    /// By which rules everything was decided on, where it was.
    pub rules: Option<&'a str>,
    pub report: &'a str,
}

pub(in crate::sync) async fn succeed(
    tx: &mut Tx,
    tenant: &TenantId,
    source: &str,
    success: &Success<'_>,
    now: Timestamp,
) -> Result<(), Error> {
    let Success {
        since,
        as_of,
        compared,
        rules,
        report,
    } = success;
    tx.execute(
        SUCCEED,
        params![tenant.as_str(), source, *since, *as_of, *compared, now, *report, *rules],
    )
    .await?;
    Ok(())
}

/// A run that failed: how many in a row, when the next may begin, and why.
pub(in crate::sync) struct Failure<'a> {
    pub failures: i64,
    pub retry_at: Timestamp,
    pub problem: &'a str,
}

pub(in crate::sync) async fn part(
    tx: &mut Tx,
    tenant: &TenantId,
    source: &str,
    failure: &Failure<'_>,
    report: &str,
    now: Timestamp,
) -> Result<(), Error> {
    let Failure {
        failures,
        retry_at,
        problem,
    } = failure;
    tx.execute(
        PART,
        params![tenant.as_str(), source, now, report, *failures, *retry_at, *problem],
    )
    .await?;
    Ok(())
}

pub(in crate::sync) async fn fail(
    tx: &mut Tx,
    tenant: &TenantId,
    source: &str,
    failure: &Failure<'_>,
) -> Result<(), Error> {
    let Failure {
        failures,
        retry_at,
        problem,
    } = failure;
    tx.execute(FAIL, params![tenant.as_str(), source, *failures, *retry_at, *problem])
        .await?;
    Ok(())
}

/// So many slots passed without a run.
pub async fn skip(tx: &mut Tx, tenant: &TenantId, source: &str, count: i64) -> Result<(), Error> {
    tx.execute(SKIP, params![tenant.as_str(), source, count]).await?;
    Ok(())
}
