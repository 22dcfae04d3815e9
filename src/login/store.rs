//! Flows and approvals in the database.

use jiff::Timestamp;

use super::Flow;
use crate::config::TenantId;
use crate::db::{self, Conn, Row, Tx, params, statements};
use crate::fhir::types::Id;

statements! {
    NEW_FLOW = both(
        "INSERT INTO login_flow (tenant, id, request, client_id, browser, account, session, fresh, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (tenant, request, browser) DO NOTHING"
    );
    FLOW = both(
        "SELECT id, request, client_id, account, password_at, second_at, session, patient, fresh, expires_at, done_at, device, method \
         FROM login_flow WHERE tenant = $1 AND id = $2 AND browser = $3 AND expires_at > $4"
    );
    FLOW_OF_REQUEST = both(
        "SELECT id, request, client_id, account, password_at, second_at, session, patient, fresh, expires_at, done_at, device, method \
         FROM login_flow WHERE tenant = $1 AND request = $2 AND browser = $3 AND expires_at > $4"
    );
    HOLD_FLOW = each(
        "SELECT id, request, client_id, account, password_at, second_at, session, patient, fresh, expires_at, done_at, device, method \
         FROM login_flow WHERE tenant = $1 AND id = $2 AND browser = $3 AND expires_at > $4",
        "SELECT id, request, client_id, account, password_at, second_at, session, patient, fresh, expires_at, done_at, device, method \
         FROM login_flow WHERE tenant = $1 AND id = $2 AND browser = $3 AND expires_at > $4 FOR UPDATE",
    );
    PASSWORD_RIGHT = both(
        "UPDATE login_flow SET account = $3, password_at = $4, second_at = NULL, session = NULL, patient = NULL, device = NULL, method = NULL \
         WHERE tenant = $1 AND id = $2"
    );
    KNOWN_DEVICE = both("UPDATE login_flow SET device = $3 WHERE tenant = $1 AND id = $2");
    NEW_BROWSER = both("UPDATE login_flow SET browser = $3 WHERE tenant = $1 AND browser = $2");
    SECOND_RIGHT = both("UPDATE login_flow SET second_at = $3, method = $4 WHERE tenant = $1 AND id = $2");
    VOUCH = both("UPDATE login_flow SET account = $3, session = $4 WHERE tenant = $1 AND id = $2");
    CHOOSE = both("UPDATE login_flow SET patient = $3 WHERE tenant = $1 AND id = $2");
    FINISH = both("UPDATE login_flow SET done_at = $3 WHERE tenant = $1 AND id = $2 AND done_at IS NULL");

    APPROVAL = both(
        "SELECT asked, granted, decided_at FROM login_approval \
         WHERE tenant = $1 AND account = $2 AND client_id = $3 AND patient = $4"
    );
    REMEMBER = both(
        "INSERT INTO login_approval (tenant, account, client_id, patient, asked, granted, decided_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (tenant, account, client_id, patient) \
         DO UPDATE SET asked = excluded.asked, granted = excluded.granted, decided_at = excluded.decided_at"
    );
    FORGET_APPROVALS = both("DELETE FROM login_approval WHERE tenant = $1 AND account = $2 AND client_id = $3");

    DROP_FLOWS = both("DELETE FROM login_flow WHERE expires_at < $1");
}

fn flow(row: &Row) -> Flow {
    Flow {
        id: row.text(0),
        request: row.text(1),
        client_id: row.text(2),
        account: row.opt_text(3),
        password_at: row.opt_time(4),
        second_at: row.opt_time(5),
        session: row.opt_text(6),
        patient: row.opt_text(7).and_then(|text| Id::parse(&text)),
        fresh: row.bool(8),
        expires_at: row.time(9),
        done: row.opt_int(10).is_some(),
        device: row.opt_text(11),
        method: row.opt_text(12),
    }
}

/// Writes a flow, unless this browser has one for the same request already.
pub(super) async fn new_flow(
    tx: &mut Tx,
    tenant: &TenantId,
    new: &Flow,
    browser: &[u8; 32],
    now: Timestamp,
) -> Result<(), db::Error> {
    let (account, session) = (new.account.as_deref(), new.session.as_deref());
    tx.execute(
        NEW_FLOW,
        params![
            tenant.as_str(),
            &new.id,
            &new.request,
            &new.client_id,
            browser,
            account,
            session,
            new.fresh,
            now,
            new.expires_at,
        ],
    )
    .await?;
    Ok(())
}

/// The flow with this id, if it is this browser's and not too old.
pub(super) async fn find_flow(
    conn: &mut Conn,
    tenant: &TenantId,
    id: &str,
    browser: &[u8; 32],
    now: Timestamp,
) -> Result<Option<Flow>, db::Error> {
    let row = conn.row(FLOW, params![tenant.as_str(), id, browser, now]).await?;
    Ok(row.as_ref().map(flow))
}

/// The same, held until the end of the transaction.
pub(super) async fn hold_flow(
    tx: &mut Tx,
    tenant: &TenantId,
    id: &str,
    browser: &[u8; 32],
    now: Timestamp,
) -> Result<Option<Flow>, db::Error> {
    let row = tx.row(HOLD_FLOW, params![tenant.as_str(), id, browser, now]).await?;
    Ok(row.as_ref().map(flow))
}

pub(super) async fn flow_of_request(
    conn: &mut Conn,
    tenant: &TenantId,
    request: &str,
    browser: &[u8; 32],
    now: Timestamp,
) -> Result<Option<Flow>, db::Error> {
    let row = conn
        .row(FLOW_OF_REQUEST, params![tenant.as_str(), request, browser, now])
        .await?;
    Ok(row.as_ref().map(flow))
}

/// Whatever was known before is forgotten: this is who the person is.
pub(super) async fn password_right(
    tx: &mut Tx,
    tenant: &TenantId,
    flow: &str,
    account: &str,
    now: Timestamp,
) -> Result<(), db::Error> {
    tx.execute(PASSWORD_RIGHT, params![tenant.as_str(), flow, account, now])
        .await?;
    Ok(())
}

/// This trusted browser stands in for the code.
pub(super) async fn known_device(tx: &mut Tx, tenant: &TenantId, flow: &str, device: &str) -> Result<(), db::Error> {
    tx.execute(KNOWN_DEVICE, params![tenant.as_str(), flow, device]).await?;
    Ok(())
}

/// Gives every flow of a browser its new cookie.
pub(super) async fn new_browser(
    tx: &mut Tx,
    tenant: &TenantId,
    old: &[u8; 32],
    new: &[u8; 32],
) -> Result<(), db::Error> {
    tx.execute(NEW_BROWSER, params![tenant.as_str(), old, new]).await?;
    Ok(())
}

/// The second factor was shown with this method.
pub(super) async fn second_right(
    tx: &mut Tx,
    tenant: &TenantId,
    flow: &str,
    method: &str,
    now: Timestamp,
) -> Result<(), db::Error> {
    tx.execute(SECOND_RIGHT, params![tenant.as_str(), flow, now, method])
        .await?;
    Ok(())
}

/// From now on the session says who the person is.
pub(super) async fn vouch(
    tx: &mut Tx,
    tenant: &TenantId,
    flow: &str,
    account: &str,
    session: &str,
) -> Result<(), db::Error> {
    tx.execute(VOUCH, params![tenant.as_str(), flow, account, session])
        .await?;
    Ok(())
}

pub(super) async fn choose(tx: &mut Tx, tenant: &TenantId, flow: &str, patient: &Id) -> Result<(), db::Error> {
    tx.execute(CHOOSE, params![tenant.as_str(), flow, patient.as_str()])
        .await?;
    Ok(())
}

/// Ends the flow; `false` if somebody else just did.
pub(super) async fn finish(tx: &mut Tx, tenant: &TenantId, flow: &str, now: Timestamp) -> Result<bool, db::Error> {
    Ok(tx.execute(FINISH, params![tenant.as_str(), flow, now]).await? > 0)
}

/// What was asked, what was granted and when, the last time this was decided.
pub(super) async fn approval(
    conn: &mut Conn,
    tenant: &TenantId,
    account: &str,
    client_id: &str,
    patient: Option<&Id>,
) -> Result<Option<(String, String, Timestamp)>, db::Error> {
    let patient = patient.map_or("", Id::as_str);
    let row = conn
        .row(APPROVAL, params![tenant.as_str(), account, client_id, patient])
        .await?;
    Ok(row.map(|row| (row.text(0), row.text(1), row.time(2))))
}

/// An approval to remember.
pub(super) struct Decided<'a> {
    pub(super) account: &'a str,
    pub(super) client_id: &'a str,
    pub(super) patient: Option<&'a Id>,
    pub(super) asked: String,
    pub(super) granted: String,
}

pub(super) async fn remember(
    tx: &mut Tx,
    tenant: &TenantId,
    decided: Decided<'_>,
    now: Timestamp,
) -> Result<(), db::Error> {
    let patient = decided.patient.map_or("", Id::as_str);
    tx.execute(
        REMEMBER,
        params![
            tenant.as_str(),
            decided.account,
            decided.client_id,
            patient,
            decided.asked,
            decided.granted,
            now,
        ],
    )
    .await?;
    Ok(())
}

/// Forgets what was approved for this app: the person refused it or took it back.
pub async fn forget_approvals(tx: &mut Tx, tenant: &TenantId, account: &str, client_id: &str) -> Result<(), db::Error> {
    tx.execute(FORGET_APPROVALS, params![tenant.as_str(), account, client_id])
        .await?;
    Ok(())
}

pub(super) async fn drop_old(tx: &mut Tx, before: Timestamp) -> Result<u64, db::Error> {
    tx.execute(DROP_FLOWS, params![before]).await
}
