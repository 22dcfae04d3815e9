//! All SQL of exports.

use jiff::Timestamp;

use super::{Asked, Job, State};
use crate::config::TenantId;
use crate::db::{self, Conn, Row, Tx, params, statements};

statements! {
    INSERT = both(
        "INSERT INTO export_job (tenant, id, client_id, scopes, request, asked, state, progress, output, started_at, held_until,
         expires_at) VALUES ($1, $2, $3, $4, $5, $6, 'waiting', '', '[]', $7, 0, $8)"
    );
    COUNT = both(
        "SELECT count(*), COALESCE(SUM(CASE WHEN client_id = $2 THEN 1 ELSE 0 END), 0) FROM export_job
         WHERE tenant = $1 AND expires_at > $3"
    );
    /// Two that count at the same time would both find room.
    LOCK = each("SELECT 1", "SELECT pg_advisory_xact_lock(hashtext('export_job'))");
    FIND = both(
        "SELECT id, tenant, client_id, scopes, request, asked, state, progress, output, started_at, held_until, expires_at
         FROM export_job WHERE tenant = $1 AND id = $2 AND client_id = $3 AND expires_at > $4
         AND EXISTS (SELECT 1 FROM oauth_app p WHERE p.tenant = $1 AND p.client_id = $3 AND p.disabled_at IS NULL)"
    );
    CLAIM = each(
        "UPDATE export_job SET state = 'working', held_until = $2 WHERE (tenant, id) = (
             SELECT tenant, id FROM export_job WHERE expires_at > $1
             AND (state = 'waiting' OR state = 'working' AND held_until <= $1) ORDER BY started_at LIMIT 1
         ) RETURNING id, tenant, client_id, scopes, request, asked, state, progress, output, started_at, held_until, expires_at",
        "UPDATE export_job SET state = 'working', held_until = $2 WHERE (tenant, id) = (
             SELECT tenant, id FROM export_job WHERE expires_at > $1
             AND (state = 'waiting' OR state = 'working' AND held_until <= $1) ORDER BY started_at LIMIT 1
             FOR UPDATE SKIP LOCKED
         ) RETURNING id, tenant, client_id, scopes, request, asked, state, progress, output, started_at, held_until, expires_at",
    );
    HOLD = both(
        "UPDATE export_job SET progress = $4, held_until = $5
         WHERE tenant = $1 AND id = $2 AND state = 'working' AND held_until = $3"
    );
    END = both(
        "UPDATE export_job SET state = $4, output = $5
         WHERE tenant = $1 AND id = $2 AND state = 'working' AND held_until = $3"
    );
    DELETE = both("DELETE FROM export_job WHERE tenant = $1 AND id = $2 AND client_id = $3 AND expires_at > $4");
    EXPIRED = both("DELETE FROM export_job WHERE expires_at <= $1");
}

/// How many a tenant and an app of it have.
pub(super) struct Counted {
    pub tenant: i64,
    pub client: i64,
}

pub(super) async fn count(tx: &mut Tx, tenant: &TenantId, client: &str, now: Timestamp) -> Result<Counted, db::Error> {
    tx.row(LOCK, params![]).await?;
    let row = tx.row(COUNT, params![tenant.as_str(), client, now]).await?;
    Ok(row.map_or(Counted { tenant: 0, client: 0 }, |row| Counted {
        tenant: row.int(0),
        client: row.int(1),
    }))
}

pub(super) async fn insert(tx: &mut Tx, job: &Job) -> Result<(), db::Error> {
    let asked = job.asked.to_text();
    let values = params![
        &job.tenant,
        &job.id,
        &job.client_id,
        &job.scopes,
        &job.request,
        &asked,
        job.started_at,
        job.expires_at
    ];
    tx.execute(INSERT, values).await.map(drop)
}

/// An app's own, as long as it has not expired.
pub(super) async fn find(
    conn: &mut Conn,
    tenant: &TenantId,
    id: &str,
    client: &str,
    now: Timestamp,
) -> Result<Option<Job>, db::Error> {
    let row = conn.row(FIND, params![tenant.as_str(), id, client, now]).await?;
    Ok(row.and_then(|row| job(&row)))
}

/// The oldest that nobody works on, held until `until`.
pub(crate) async fn claim(tx: &mut Tx, now: Timestamp, until: Timestamp) -> Result<Option<Job>, db::Error> {
    let row = tx.row(CLAIM, params![now, until]).await?;
    Ok(row.and_then(|row| job(&row)))
}

/// `false`: it is gone, or somebody else holds it.
pub(super) async fn hold(tx: &mut Tx, job: &Job, progress: &str, until: Timestamp) -> Result<bool, db::Error> {
    let values = params![&job.tenant, &job.id, job.held_until, progress, until];
    Ok(tx.execute(HOLD, values).await? > 0)
}

pub(super) async fn end(tx: &mut Tx, job: &Job, state: &str, output: &str) -> Result<bool, db::Error> {
    let values = params![&job.tenant, &job.id, job.held_until, state, output];
    Ok(tx.execute(END, values).await? > 0)
}

pub(super) async fn delete(
    tx: &mut Tx,
    tenant: &TenantId,
    id: &str,
    client: &str,
    now: Timestamp,
) -> Result<bool, db::Error> {
    Ok(tx.execute(DELETE, params![tenant.as_str(), id, client, now]).await? > 0)
}

pub(super) async fn expired(tx: &mut Tx, now: Timestamp) -> Result<u64, db::Error> {
    tx.execute(EXPIRED, params![now]).await
}

/// `None` for a row that this version cannot read: as good as gone.
fn job(row: &Row) -> Option<Job> {
    let output = || serde_json::from_str(row.str(8)).ok();
    Some(Job {
        id: row.text(0),
        tenant: row.text(1),
        client_id: row.text(2),
        scopes: row.text(3),
        request: row.text(4),
        asked: Asked::from_text(row.str(5))?,
        state: match row.str(6) {
            "done" => State::Done(output()?),
            "failed" => State::Failed,
            _ => State::UnderWay { progress: row.text(7) },
        },
        started_at: row.time(9),
        held_until: row.time(10),
        expires_at: row.time(11),
    })
}
