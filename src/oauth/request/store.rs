//! Authorization requests in the database.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Asked, Launch, Prompt, Request, app};
use crate::config::TenantId;
use crate::db::{self, Conn, Tx, params, statements};
use crate::oauth::scope::Scopes;

statements! {
    INSERT = both("INSERT INTO oauth_request (tenant, id, client_id, body, expires_at) VALUES ($1, $2, $3, $4, $5)");
    FIND = both(
        "SELECT client_id, body, expires_at FROM oauth_request \
         WHERE tenant = $1 AND id = $2 AND expires_at > $3 AND answered_at IS NULL"
    );
    /// Answered requests too, until they expire: for the page that posts an answer.
    FIND_ANSWERED = both(
        "SELECT client_id, body, expires_at FROM oauth_request \
         WHERE tenant = $1 AND id = $2 AND expires_at > $3 AND answered_at IS NOT NULL"
    );
    ANSWER = both(
        "UPDATE oauth_request SET answered_at = $3 WHERE tenant = $1 AND id = $2 AND answered_at IS NULL AND expires_at > $3"
    );
    PURGE = both("DELETE FROM oauth_request WHERE expires_at < $1");
}

#[derive(Serialize, Deserialize)]
struct Body {
    scope: String,
    prompt: Vec<Prompt>,
    max_age: Option<i64>,
    login_hint: Option<String>,
    ui_locales: Option<String>,
    acr_values: Option<String>,
    #[serde(default)]
    hint: Option<String>,
    #[serde(default)]
    launch: Option<Launch>,
    asked: Asked,
}

pub(in crate::oauth) async fn insert(tx: &mut Tx, request: &Request) -> Result<(), db::Error> {
    let body = Body {
        scope: request.scopes.to_string(),
        prompt: request.prompt.clone(),
        max_age: request.max_age,
        login_hint: request.login_hint.clone(),
        ui_locales: request.ui_locales.clone(),
        acr_values: request.acr_values.clone(),
        hint: request.hint.clone(),
        launch: request.launch.clone(),
        asked: request.asked.clone(),
    };
    tx.execute(
        INSERT,
        params![
            request.tenant.as_str(),
            &request.id,
            &request.app.client_id,
            serde_json::to_string(&body).expect("a request is JSON"),
            request.expires_at,
        ],
    )
    .await?;
    Ok(())
}

pub(super) async fn find(
    conn: &mut Conn,
    tenant: &TenantId,
    id: &str,
    now: Timestamp,
) -> Result<Option<Request>, db::Error> {
    read(conn, FIND, tenant, id, now).await
}

/// A request that was answered and has not expired.
pub(crate) async fn answered(
    conn: &mut Conn,
    tenant: &TenantId,
    id: &str,
    now: Timestamp,
) -> Result<Option<Request>, db::Error> {
    read(conn, FIND_ANSWERED, tenant, id, now).await
}

async fn read(
    conn: &mut Conn,
    statement: db::Sql,
    tenant: &TenantId,
    id: &str,
    now: Timestamp,
) -> Result<Option<Request>, db::Error> {
    let Some(row) = conn.row(statement, params![tenant.as_str(), id, now]).await? else {
        return Ok(None);
    };
    let Ok(body) = serde_json::from_str::<Body>(row.str(1)) else {
        return Ok(None);
    };
    let (Ok(scopes), Some(app)) = (
        Scopes::parse(&body.scope),
        app::store::find(conn, tenant, row.str(0)).await?,
    ) else {
        return Ok(None);
    };
    Ok(Some(Request {
        id: id.to_owned(),
        tenant: tenant.clone(),
        app,
        scopes,
        prompt: body.prompt,
        max_age: body.max_age,
        login_hint: body.login_hint,
        ui_locales: body.ui_locales,
        acr_values: body.acr_values,
        hint: body.hint,
        launch: body.launch,
        expires_at: row.time(2),
        asked: body.asked,
    }))
}

/// Whether this call is the one that answered it.
pub(super) async fn answer(tx: &mut Tx, request: &Request, now: Timestamp) -> Result<bool, db::Error> {
    let changed = tx
        .execute(ANSWER, params![request.tenant.as_str(), &request.id, now])
        .await?;
    Ok(changed == 1)
}

/// Deletes what expired before this time.
pub(crate) async fn purge(tx: &mut Tx, before: Timestamp) -> Result<u64, db::Error> {
    tx.execute(PURGE, params![before]).await
}
