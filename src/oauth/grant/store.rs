//! Grants, codes and tokens in the database; every secret as its SHA-256.

use jiff::Timestamp;

use super::{Code, CodeState, Grant, Refresh, RefreshState, State, Why};
use crate::config::TenantId;
use crate::db::{self, Conn, Row, Tx, params, statements};
use crate::fhir::types::{Id, ResourceType};
use crate::oauth::scope::Scopes;

statements! {
    INSERT_GRANT = both(
        "INSERT INTO oauth_grant (tenant, id, client_id, account, patient, fhir_user, scope, nonce, auth_time, acr, amr, session, \
         created_at, expires_at, context) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
    );
    GRANT = both(
        "SELECT id, client_id, account, patient, fhir_user, scope, nonce, auth_time, acr, amr, session, expires_at, revoked_at, \
         context FROM oauth_grant WHERE tenant = $1 AND id = $2"
    );
    REVOKE = both(
        "UPDATE oauth_grant SET revoked_at = $3, revoked_why = $4 WHERE tenant = $1 AND id = $2 AND revoked_at IS NULL"
    );
    REVOKE_ACCOUNT = both(
        "UPDATE oauth_grant SET revoked_at = $3, revoked_why = $4 \
         WHERE tenant = $1 AND account = $2 AND revoked_at IS NULL \
         RETURNING id"
    );
    REVOKE_APP = both(
        "UPDATE oauth_grant SET revoked_at = $4, revoked_why = $5 \
         WHERE tenant = $1 AND account = $2 AND client_id = $3 AND revoked_at IS NULL"
    );
    REVOKE_CLIENT = both(
        "UPDATE oauth_grant SET revoked_at = $3, revoked_why = $4 WHERE tenant = $1 AND client_id = $2 AND revoked_at IS NULL"
    );
    ONLINE = both(
        "SELECT id, scope FROM oauth_grant WHERE tenant = $1 AND session = $2 AND revoked_at IS NULL AND expires_at > $3 LIMIT 1000"
    );
    LIVING = both(
        "SELECT id, client_id, account, patient, fhir_user, scope, nonce, auth_time, acr, amr, session, expires_at, revoked_at, \
         context FROM oauth_grant WHERE tenant = $1 AND account = $2 AND revoked_at IS NULL AND expires_at > $3 ORDER BY created_at, id LIMIT 1000"
    );
    INSERT_CODE = both(
        "INSERT INTO oauth_code (tenant, hash, grant_id, client_id, redirect_uri, challenge, expires_at, jkt) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
    );
    CODE = both(
        "SELECT grant_id, client_id, redirect_uri, challenge, expires_at, used_at, jkt FROM oauth_code WHERE tenant = $1 AND hash = $2"
    );
    USE_CODE = both("UPDATE oauth_code SET used_at = $3 WHERE tenant = $1 AND hash = $2 AND used_at IS NULL");
    INSERT_ACCESS = both(
        "INSERT INTO oauth_access (tenant, hash, grant_id, scope, expires_at, jkt) VALUES ($1, $2, $3, $4, $5, $6)"
    );
    ACCESS = both("SELECT grant_id, scope, expires_at, jkt FROM oauth_access WHERE tenant = $1 AND hash = $2");
    DELETE_ACCESS = both("DELETE FROM oauth_access WHERE tenant = $1 AND hash = $2");
    /// An access token with all that its check needs but the rights; the app has to be there still.
    PRESENTED = both(
        "SELECT a.scope, a.expires_at, g.id, g.client_id, g.account, g.patient, g.fhir_user, g.expires_at, a.jkt, g.acr, g.auth_time \
         FROM oauth_access a JOIN oauth_grant g ON g.tenant = a.tenant AND g.id = a.grant_id \
         JOIN oauth_app p ON p.tenant = g.tenant AND p.client_id = g.client_id \
         WHERE a.tenant = $1 AND a.hash = $2 AND g.revoked_at IS NULL AND p.disabled_at IS NULL"
    );
    INSERT_REFRESH = both(
        "INSERT INTO oauth_refresh (tenant, hash, grant_id, expires_at, jkt) VALUES ($1, $2, $3, $4, $5)"
    );
    REFRESH = both("SELECT grant_id, expires_at, rotated_at, jkt FROM oauth_refresh WHERE tenant = $1 AND hash = $2");
    ROTATE = both("UPDATE oauth_refresh SET rotated_at = $3 WHERE tenant = $1 AND hash = $2 AND rotated_at IS NULL");
    PURGE_CODE = both("DELETE FROM oauth_code WHERE expires_at < $1");
    PURGE_ACCESS = both("DELETE FROM oauth_access WHERE expires_at < $1");
    PURGE_REFRESH = both("DELETE FROM oauth_refresh WHERE expires_at < $1");
    PURGE_GRANT = both("DELETE FROM oauth_grant WHERE expires_at < $1");
}

pub(crate) async fn insert_grant(
    tx: &mut Tx,
    tenant: &TenantId,
    grant: &Grant,
    now: Timestamp,
) -> Result<(), db::Error> {
    let context = grant.context.as_ref();
    let context = context.map(|context| serde_json::to_string(context).expect("a context is JSON"));
    let fhir_user = grant.fhir_user.as_ref().map(|(kind, id)| format!("{kind}/{id}"));
    tx.execute(
        INSERT_GRANT,
        params![
            tenant.as_str(),
            &grant.id,
            &grant.client_id,
            &grant.account,
            grant.patient.as_ref().map(Id::as_str),
            fhir_user,
            grant.scopes.to_string(),
            grant.nonce.as_deref(),
            grant.auth_time,
            &grant.acr,
            grant.amr.join(" "),
            &grant.session,
            now,
            grant.expires_at,
            context,
        ],
    )
    .await?;
    Ok(())
}

/// The grant, revoked or not. A row that cannot be read is no grant.
pub(crate) async fn grant(conn: &mut Conn, tenant: &TenantId, id: &str) -> Result<Option<Grant>, db::Error> {
    let row = conn.row(GRANT, params![tenant.as_str(), id]).await?;
    Ok(row.and_then(|row| read_grant(&row, 0)))
}

/// What this account gave to apps and did not take back.
pub(crate) async fn living(
    conn: &mut Conn,
    tenant: &TenantId,
    account: &str,
    now: Timestamp,
) -> Result<Vec<Grant>, db::Error> {
    let rows = conn.rows(LIVING, params![tenant.as_str(), account, now]).await?;
    Ok(rows.iter().filter_map(|row| read_grant(row, 0)).collect())
}

/// The grant whose columns begin at this one.
pub(in crate::oauth) fn read_grant(row: &Row, at: usize) -> Option<Grant> {
    Some(Grant {
        id: row.text(at),
        client_id: row.text(at + 1),
        account: row.text(at + 2),
        patient: read_id(row.opt_text(at + 3))?,
        fhir_user: read_reference(row.opt_text(at + 4))?,
        scopes: Scopes::parse(row.str(at + 5)).ok()?,
        nonce: row.opt_text(at + 6),
        auth_time: row.time(at + 7),
        acr: row.text(at + 8),
        amr: row.str(at + 9).split_whitespace().map(str::to_owned).collect(),
        session: row.text(at + 10),
        expires_at: row.time(at + 11),
        state: match row.opt_int(at + 12) {
            None => State::Active,
            Some(_) => State::Revoked,
        },
        context: match row.opt_text(at + 13) {
            None => None,
            Some(text) => Some(serde_json::from_str(&text).ok()?),
        },
    })
}

/// Outer `None`: it cannot be read, and nothing may be concluded from its absence.
fn read_id(text: Option<String>) -> Option<Option<Id>> {
    match text {
        None => Some(None),
        Some(text) => Id::parse(&text).map(Some),
    }
}

fn read_reference(text: Option<String>) -> Option<Option<(ResourceType, Id)>> {
    match text {
        None => Some(None),
        Some(text) => {
            let (kind, id) = text.split_once('/')?;
            Some(Some((kind.parse().ok()?, Id::parse(id)?)))
        }
    }
}

/// Whether it was active until now.
pub(crate) async fn revoke(
    tx: &mut Tx,
    tenant: &TenantId,
    id: &str,
    why: Why,
    now: Timestamp,
) -> Result<bool, db::Error> {
    let changed = tx
        .execute(REVOKE, params![tenant.as_str(), id, now, why.as_str()])
        .await?;
    Ok(changed > 0)
}

pub(crate) async fn revoke_account(
    tx: &mut Tx,
    tenant: &TenantId,
    account: &str,
    why: Why,
    now: Timestamp,
) -> Result<Vec<String>, db::Error> {
    let rows = tx
        .rows(REVOKE_ACCOUNT, params![tenant.as_str(), account, now, why.as_str()])
        .await?;
    Ok(rows.iter().map(|row| row.text(0)).collect())
}

pub(crate) async fn revoke_app(
    tx: &mut Tx,
    tenant: &TenantId,
    account: &str,
    client_id: &str,
    now: Timestamp,
) -> Result<u64, db::Error> {
    let why = Why::Person.as_str();
    tx.execute(REVOKE_APP, params![tenant.as_str(), account, client_id, now, why])
        .await
}

/// Everything that was given to an app.
pub(crate) async fn revoke_client(
    tx: &mut Tx,
    tenant: &TenantId,
    client_id: &str,
    why: Why,
    now: Timestamp,
) -> Result<(), db::Error> {
    let params = params![tenant.as_str(), client_id, now, why.as_str()];
    tx.execute(REVOKE_CLIENT, params).await?;
    Ok(())
}

/// The active grants of a browser session with their scopes.
pub(crate) async fn of_session(
    conn: &mut Conn,
    tenant: &TenantId,
    session: &str,
    now: Timestamp,
) -> Result<Vec<(String, Scopes)>, db::Error> {
    let rows = conn.rows(ONLINE, params![tenant.as_str(), session, now]).await?;
    Ok(rows
        .iter()
        .map(|row| (row.text(0), Scopes::parse(row.str(1)).unwrap_or_default()))
        .collect())
}

pub(crate) async fn insert_code(tx: &mut Tx, tenant: &TenantId, hash: &[u8; 32], code: &Code) -> Result<(), db::Error> {
    tx.execute(
        INSERT_CODE,
        params![
            tenant.as_str(),
            hash,
            &code.grant_id,
            &code.client_id,
            &code.redirect_uri,
            &code.challenge,
            code.expires_at,
            code.jkt.as_deref(),
        ],
    )
    .await?;
    Ok(())
}

pub(crate) async fn code(conn: &mut Conn, tenant: &TenantId, hash: &[u8; 32]) -> Result<Option<Code>, db::Error> {
    let row = conn.row(CODE, params![tenant.as_str(), hash]).await?;
    Ok(row.map(|row| Code {
        grant_id: row.text(0),
        client_id: row.text(1),
        redirect_uri: row.text(2),
        challenge: row.text(3),
        jkt: row.opt_text(6),
        expires_at: row.time(4),
        state: row.opt_int(5).map_or(CodeState::Waiting, |_| CodeState::Used),
    }))
}

/// Whether this call is the one that used it.
pub(crate) async fn use_code(
    tx: &mut Tx,
    tenant: &TenantId,
    hash: &[u8; 32],
    now: Timestamp,
) -> Result<bool, db::Error> {
    Ok(tx.execute(USE_CODE, params![tenant.as_str(), hash, now]).await? == 1)
}

/// An access token as it is kept.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub(crate) grant_id: String,
    pub(crate) scopes: Scopes,
    pub(crate) expires_at: Timestamp,
    /// The key that it is bound to.
    pub(crate) jkt: Option<String>,
}

pub(crate) async fn insert_access(
    tx: &mut Tx,
    tenant: &TenantId,
    hash: &[u8; 32],
    access: &Access,
) -> Result<(), db::Error> {
    let scope = access.scopes.to_string();
    tx.execute(
        INSERT_ACCESS,
        params![
            tenant.as_str(),
            hash,
            &access.grant_id,
            scope,
            access.expires_at,
            access.jkt.as_deref()
        ],
    )
    .await?;
    Ok(())
}

pub(crate) async fn access(conn: &mut Conn, tenant: &TenantId, hash: &[u8; 32]) -> Result<Option<Access>, db::Error> {
    let row = conn.row(ACCESS, params![tenant.as_str(), hash]).await?;
    Ok(row.and_then(|row| {
        Some(Access {
            grant_id: row.text(0),
            scopes: Scopes::parse(row.str(1)).ok()?,
            expires_at: row.time(2),
            jkt: row.opt_text(3),
        })
    }))
}

pub(crate) async fn delete_access(tx: &mut Tx, tenant: &TenantId, hash: &[u8; 32]) -> Result<(), db::Error> {
    tx.execute(DELETE_ACCESS, params![tenant.as_str(), hash]).await?;
    Ok(())
}

/// A presented access token whose grant is active and whose app exists.
#[derive(Clone, Debug)]
pub(crate) struct Presented {
    pub(crate) scopes: Scopes,
    pub(crate) expires_at: Timestamp,
    pub(crate) grant: String,
    pub(crate) client_id: String,
    pub(crate) account: String,
    pub(crate) patient: Option<Id>,
    pub(crate) fhir_user: Option<(ResourceType, Id)>,
    pub(crate) jkt: Option<String>,
    pub(crate) acr: String,
    pub(crate) auth_time: Timestamp,
}

pub(crate) async fn presented(
    conn: &mut Conn,
    tenant: &TenantId,
    hash: &[u8; 32],
) -> Result<Option<Presented>, db::Error> {
    let row = conn.row(PRESENTED, params![tenant.as_str(), hash]).await?;
    Ok(row.and_then(|row| {
        Some(Presented {
            scopes: Scopes::parse(row.str(0)).ok()?,
            expires_at: row.time(1).min(row.time(7)),
            grant: row.text(2),
            client_id: row.text(3),
            account: row.text(4),
            patient: read_id(row.opt_text(5))?,
            fhir_user: read_reference(row.opt_text(6))?,
            jkt: row.opt_text(8),
            acr: row.text(9),
            auth_time: row.time(10),
        })
    }))
}

pub(crate) async fn insert_refresh(
    tx: &mut Tx,
    tenant: &TenantId,
    hash: &[u8; 32],
    refresh: &Refresh,
) -> Result<(), db::Error> {
    let (grant, jkt) = (&refresh.grant_id, refresh.jkt.as_deref());
    let params = params![tenant.as_str(), hash, grant, refresh.expires_at, jkt];
    tx.execute(INSERT_REFRESH, params).await?;
    Ok(())
}

pub(crate) async fn refresh(conn: &mut Conn, tenant: &TenantId, hash: &[u8; 32]) -> Result<Option<Refresh>, db::Error> {
    let row = conn.row(REFRESH, params![tenant.as_str(), hash]).await?;
    Ok(row.as_ref().map(read_refresh))
}

/// The refresh token whose columns the row begins with.
pub(in crate::oauth) fn read_refresh(row: &Row) -> Refresh {
    Refresh {
        grant_id: row.text(0),
        jkt: row.opt_text(3),
        expires_at: row.time(1),
        state: row.opt_time(2).map_or(RefreshState::Current, RefreshState::Rotated),
    }
}

/// Whether this call is the one that rotated it.
pub(crate) async fn rotate(tx: &mut Tx, tenant: &TenantId, hash: &[u8; 32], now: Timestamp) -> Result<bool, db::Error> {
    Ok(tx.execute(ROTATE, params![tenant.as_str(), hash, now]).await? == 1)
}

/// Deletes what expired before this time. How many rows.
pub(crate) async fn purge(tx: &mut Tx, before: Timestamp) -> Result<u64, db::Error> {
    let mut gone = 0;
    for statement in [PURGE_CODE, PURGE_ACCESS, PURGE_REFRESH, PURGE_GRANT] {
        gone += tx.execute(statement, params![before]).await?;
    }
    Ok(gone)
}
