//! Apps in the database.

use jiff::Timestamp;

use super::{App, Demands, Grants, Kind, PublicKeys};
use crate::config::TenantId;
use crate::db::{self, Conn, Row, Tx, Unique, params, statements};
use crate::oauth::scope::Scopes;

statements! {
    FIND = both(
        "SELECT client_id, name, kind, secret_hash, jwks, redirect_uris, scope, grants, jwks_uri, demands FROM oauth_app \
         WHERE tenant = $1 AND client_id = $2 AND disabled_at IS NULL"
    );
    INSERT = both(
        "INSERT INTO oauth_app (tenant, client_id, name, kind, secret_hash, jwks, redirect_uris, scope, grants, metadata, \
         created_at, jwks_uri, demands) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
    );
    INSERT_ORIGIN = both(
        "INSERT INTO oauth_app_origin (tenant, origin, client_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
    );
    DISABLE = both(
        "UPDATE oauth_app SET disabled_at = $3 WHERE tenant = $1 AND client_id = $2 AND disabled_at IS NULL"
    );
    LIST = both(
        "SELECT client_id, name, kind, secret_hash, jwks, redirect_uris, scope, grants, jwks_uri, demands FROM oauth_app \
         WHERE tenant = $1 AND disabled_at IS NULL ORDER BY client_id LIMIT 1000"
    );
    ORIGIN = both(
        "SELECT 1 FROM oauth_app_origin o JOIN oauth_app a ON a.tenant = o.tenant AND a.client_id = o.client_id \
         WHERE o.tenant = $1 AND o.origin = $2 AND a.disabled_at IS NULL LIMIT 1"
    );
}

const PUSHED: &str = "pushed";

/// The client_id is taken.
pub(crate) const TAKEN: Unique = Unique {
    name: "oauth_app_id",
    columns: "oauth_app.tenant, oauth_app.client_id",
};

/// The app, unless it is disabled. A row that cannot be read is no app.
pub async fn find(conn: &mut Conn, tenant: &TenantId, client_id: &str) -> Result<Option<App>, db::Error> {
    let row = conn.row(FIND, params![tenant.as_str(), client_id]).await?;
    Ok(row.as_ref().and_then(read))
}

/// The apps of a tenant that are not disabled, by client_id.
pub async fn list(conn: &mut Conn, tenant: &TenantId) -> Result<Vec<App>, db::Error> {
    let rows = conn.rows(LIST, params![tenant.as_str()]).await?;
    Ok(rows.iter().filter_map(read).collect())
}

fn read(row: &Row) -> Option<App> {
    let kind = match row.str(2) {
        "public" => Kind::Public,
        "secret" => Kind::Secret(row.opt_bytes(3)?.try_into().ok()?),
        "key" => Kind::Key(match (row.opt_text(4), row.opt_text(8)) {
            (Some(keys), None) => PublicKeys::Given(keys),
            (None, Some(address)) => PublicKeys::At(address),
            _ => return None,
        }),
        _ => return None,
    };
    Some(App {
        client_id: row.text(0),
        name: row.text(1),
        kind,
        redirect_uris: serde_json::from_str(row.str(5)).ok()?,
        scopes: Scopes::parse(row.str(6)).ok()?,
        grants: match row.str(7) {
            "person" => Grants::Person,
            "backend" => Grants::Backend,
            _ => return None,
        },
        demands: Demands {
            pushed: row.str(9).split(' ').any(|word| word == PUSHED),
        },
    })
}

pub(crate) async fn insert(
    tx: &mut Tx,
    tenant: &TenantId,
    app: &App,
    origins: &[String],
    metadata: &str,
    now: Timestamp,
) -> Result<(), db::Error> {
    let (kind, secret, jwks, jwks_uri) = match &app.kind {
        Kind::Public => ("public", None, None, None),
        Kind::Secret(hash) => ("secret", Some(hash.to_vec()), None, None),
        Kind::Key(PublicKeys::Given(keys)) => ("key", None, Some(keys.as_str()), None),
        Kind::Key(PublicKeys::At(address)) => ("key", None, None, Some(address.as_str())),
    };
    let grants = match app.grants {
        Grants::Person => "person",
        Grants::Backend => "backend",
    };
    tx.execute(
        INSERT,
        params![
            tenant.as_str(),
            &app.client_id,
            &app.name,
            kind,
            secret,
            jwks,
            serde_json::to_string(&app.redirect_uris).expect("texts are JSON"),
            app.scopes.to_string(),
            grants,
            metadata,
            now,
            jwks_uri,
            if app.demands.pushed { PUSHED } else { "" },
        ],
    )
    .await?;
    for origin in origins {
        tx.execute(INSERT_ORIGIN, params![tenant.as_str(), origin, &app.client_id])
            .await?;
    }
    Ok(())
}

/// Disables an app: from now on it does not exist, and its tokens end. Whether there was such an app.
pub async fn disable(tx: &mut Tx, tenant: &TenantId, client_id: &str, now: Timestamp) -> Result<bool, db::Error> {
    let changed = tx.execute(DISABLE, params![tenant.as_str(), client_id, now]).await?;
    Ok(changed > 0)
}

pub(crate) async fn origin_allowed(conn: &mut Conn, tenant: &TenantId, origin: &str) -> Result<bool, db::Error> {
    Ok(conn.row(ORIGIN, params![tenant.as_str(), origin]).await?.is_some())
}
