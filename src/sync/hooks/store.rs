//! The jobs of webhooks in the database.

use jiff::Timestamp;

use super::Job;
use crate::config::TenantId;
use crate::db::{Conn, Error, Param, Tx, params, statements};
use crate::ecd::Kind;
use crate::ecd::ons::hook::What;

statements! {
    WAITING = both("SELECT count(*) FROM hook_job WHERE tenant = $1 AND source = $2 AND waiting = 1");
    IS_DUE = both(
        "SELECT 1 FROM hook_job WHERE tenant = $1 AND source = $2 AND waiting = 1 AND due_at <= $3 LIMIT 1"
    );
    CLAIM = both(
        "UPDATE hook_job SET due_at = $4
         WHERE tenant = $1 AND source = $2 AND waiting = 1 AND due_at <= $3 AND (kind, what, key) IN (
             SELECT kind, what, key FROM hook_job
             WHERE tenant = $1 AND source = $2 AND waiting = 1 AND due_at <= $3 ORDER BY due_at, first_at LIMIT 256)
         RETURNING kind, what, key, generation, first_at, attempts"
    );
    FINISH = both(
        "UPDATE hook_job SET waiting = CASE WHEN generation = $6 THEN 0 ELSE 1 END, attempts = 0, runs = runs + 1,
         ran_at = $7, due_at = $7, first_at = $7
         WHERE tenant = $1 AND source = $2 AND kind = $3 AND what = $4 AND key = $5"
    );
    RETRY = both(
        "UPDATE hook_job SET attempts = attempts + 1, due_at = $6
         WHERE tenant = $1 AND source = $2 AND kind = $3 AND what = $4 AND key = $5"
    );
    FORGET = both("DELETE FROM hook_job WHERE waiting = 0 AND ran_at < $1");
    GIVE_UP = both("DELETE FROM hook_job WHERE waiting = 1 AND first_at < $1");
}

/// How many jobs wait.
pub async fn waiting(conn: &mut Conn, tenant: &TenantId, source: &str) -> Result<i64, Error> {
    let row = conn.row(WAITING, params![tenant.as_str(), source]).await?;
    Ok(row.map_or(0, |row| row.int(0)))
}

/// Adds jobs, or wakes those that are there. What was read very often lately waits for `rest` after its last time.
pub(super) async fn put(
    tx: &mut Tx,
    tenant: &TenantId,
    source: &str,
    jobs: &[(Kind, What)],
    now: Timestamp,
) -> Result<(), Error> {
    let values: Vec<Param<'_>> = jobs
        .iter()
        .flat_map(|(kind, what)| {
            let (name, key) = parts(what);
            [
                Param::from(tenant.as_str()),
                Param::from(source),
                Param::from(kind.as_str()),
                Param::from(name),
                Param::from(key),
                Param::from(1_i64),
                Param::from(1_i64),
                Param::from(now),
                Param::from(now),
                Param::from(0_i64),
                Param::from(0_i64),
                Param::from(0_i64),
            ]
        })
        .collect();
    // 20 times quickly, then every five minutes. A job that waits keeps its time: during an outage each event
    // would be one more attempt.
    tx.insert_many(
        "INSERT INTO hook_job (tenant, source, kind, what, key, waiting, generation, first_at, due_at, attempts, runs, ran_at)",
        "ON CONFLICT (tenant, source, kind, what, key) DO UPDATE SET waiting = 1, generation = hook_job.generation + 1,
         first_at = CASE WHEN hook_job.waiting = 1 THEN hook_job.first_at ELSE excluded.first_at END,
         due_at = CASE WHEN hook_job.waiting = 1 THEN hook_job.due_at
                       WHEN hook_job.runs >= 20 AND hook_job.ran_at + 300000000 > excluded.due_at
                       THEN hook_job.ran_at + 300000000
                       ELSE excluded.due_at END",
        12,
        &values,
    )
    .await?;
    Ok(())
}

/// Whether there is anything to do.
pub(super) async fn is_due(conn: &mut Conn, tenant: &TenantId, source: &str, now: Timestamp) -> Result<bool, Error> {
    Ok(conn.row(IS_DUE, params![tenant.as_str(), source, now]).await?.is_some())
}

/// Takes up to 256 jobs for this process until `until`.
pub(super) async fn claim(
    tx: &mut Tx,
    tenant: &TenantId,
    source: &str,
    now: Timestamp,
    until: Timestamp,
) -> Result<Vec<Job>, Error> {
    let rows = tx.rows(CLAIM, params![tenant.as_str(), source, now, until]).await?;
    let job = |row: &crate::db::Row| {
        let key = row.text(2);
        Some(Job {
            kind: Kind::from_name(row.str(0))?,
            what: match row.str(1) {
                "record" => What::Record(key),
                "client" => What::Client(key),
                _ => What::Kind,
            },
            generation: row.int(3),
            first_at: row.time(4),
            attempts: row.int(5),
        })
    };
    Ok(rows.iter().filter_map(job).collect())
}

/// Ends a job, unless there was another event while it was done: then it is due again.
pub(super) async fn finish(
    tx: &mut Tx,
    tenant: &TenantId,
    source: &str,
    job: &Job,
    now: Timestamp,
) -> Result<(), Error> {
    let (name, key) = parts(&job.what);
    let values = params![
        tenant.as_str(),
        source,
        job.kind.as_str(),
        name,
        key,
        job.generation,
        now
    ];
    tx.execute(FINISH, values).await?;
    Ok(())
}

pub(super) async fn retry(tx: &mut Tx, tenant: &TenantId, source: &str, job: &Job, at: Timestamp) -> Result<(), Error> {
    let (name, key) = parts(&job.what);
    tx.execute(
        RETRY,
        params![tenant.as_str(), source, job.kind.as_str(), name, key, at],
    )
    .await?;
    Ok(())
}

/// Drops what was read before `before`; how many.
pub(super) async fn forget(tx: &mut Tx, before: Timestamp) -> Result<u64, Error> {
    tx.execute(FORGET, params![before]).await
}

/// Drops what has been waiting since before `before`; how many.
pub(super) async fn give_up(tx: &mut Tx, before: Timestamp) -> Result<u64, Error> {
    tx.execute(GIVE_UP, params![before]).await
}

fn parts(what: &What) -> (&'static str, &str) {
    match what {
        What::Record(key) => ("record", key),
        What::Client(key) => ("client", key),
        What::Kind => ("kind", ""),
    }
}
