//! Apps in the database.

use jiff::Timestamp;

use super::{App, Demands, Grants, Kind, PublicKeys};
use crate::config::{SigningAlg, TenantId};
use crate::db::{self, Conn, Param, Row, Tx, Unique, params, statements};
use crate::oauth::scope::Scopes;

statements! {
    FIND = both(
        "SELECT client_id, name, kind, secret_hash, jwks, redirect_uris, scope, grants, jwks_uri, demands, id_token_alg, logout_uris FROM oauth_app \
         WHERE tenant = $1 AND client_id = $2 AND disabled_at IS NULL"
    );
    INSERT = both(
        "INSERT INTO oauth_app (tenant, client_id, name, kind, secret_hash, jwks, redirect_uris, scope, grants, metadata, \
         jwks_uri, demands, id_token_alg, logout_uris, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
    );
    REPLACE = both(
        "UPDATE oauth_app SET name = $3, kind = $4, secret_hash = $5, jwks = $6, redirect_uris = $7, scope = $8, grants = $9, \
         metadata = $10, jwks_uri = $11, demands = $12, id_token_alg = $13, logout_uris = $14 \
         WHERE tenant = $1 AND client_id = $2 AND disabled_at IS NULL"
    );
    DELETE_ORIGINS = both("DELETE FROM oauth_app_origin WHERE tenant = $1 AND client_id = $2");
    INSERT_ORIGIN = both(
        "INSERT INTO oauth_app_origin (tenant, origin, client_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
    );
    DISABLE = both(
        "UPDATE oauth_app SET disabled_at = $3 WHERE tenant = $1 AND client_id = $2 AND disabled_at IS NULL"
    );
    LIST = both(
        "SELECT client_id, name, kind, secret_hash, jwks, redirect_uris, scope, grants, jwks_uri, demands, id_token_alg, logout_uris FROM oauth_app \
         WHERE tenant = $1 AND disabled_at IS NULL ORDER BY client_id LIMIT 1000"
    );
    ORIGIN = both(
        "SELECT 1 FROM oauth_app_origin o JOIN oauth_app a ON a.tenant = o.tenant AND a.client_id = o.client_id \
         WHERE o.tenant = $1 AND o.origin = $2 AND a.disabled_at IS NULL LIMIT 1"
    );
}

const PUSHED: &str = "pushed";
const DPOP: &str = "dpop";
const ON_DEVICES: &str = "device";

/// The client_id is taken.
pub(crate) const TAKEN: Unique = Unique {
    name: "oauth_app_id",
    columns: "oauth_app.tenant, oauth_app.client_id",
};

/// The app, unless it is disabled. A row that cannot be read is no app.
pub async fn find(conn: &mut Conn, tenant: &TenantId, client_id: &str) -> Result<Option<App>, db::Error> {
    let row = conn.row(FIND, params![tenant.as_str(), client_id]).await?;
    Ok(row.and_then(|row| read(&row, 0)))
}

/// The apps of a tenant that are not disabled, by client_id.
pub async fn list(conn: &mut Conn, tenant: &TenantId) -> Result<Vec<App>, db::Error> {
    let rows = conn.rows(LIST, params![tenant.as_str()]).await?;
    Ok(rows.iter().filter_map(|row| read(row, 0)).collect())
}

/// The app whose columns begin at this one.
pub(in crate::oauth) fn read(row: &Row, at: usize) -> Option<App> {
    let kind = match row.str(at + 2) {
        "public" => Kind::Public,
        "secret" => Kind::Secret(row.opt_bytes(at + 3)?.try_into().ok()?),
        "key" => Kind::Key(match (row.opt_text(at + 4), row.opt_text(at + 8)) {
            (Some(keys), None) => PublicKeys::Given(keys),
            (None, Some(address)) => PublicKeys::At(address),
            _ => return None,
        }),
        _ => return None,
    };
    Some(App {
        client_id: row.text(at),
        name: row.text(at + 1),
        kind,
        redirect_uris: serde_json::from_str(row.str(at + 5)).ok()?,
        scopes: Scopes::parse(row.str(at + 6)).ok()?,
        grants: match row.str(at + 7) {
            "person" => Grants::Person,
            "backend" => Grants::Backend,
            _ => return None,
        },
        demands: Demands {
            pushed: row.str(at + 9).split(' ').any(|word| word == PUSHED),
            dpop: row.str(at + 9).split(' ').any(|word| word == DPOP),
        },
        on_devices: row.str(at + 9).split(' ').any(|word| word == ON_DEVICES),
        logout_uris: serde_json::from_str(row.str(at + 11)).ok()?,
        id_token_alg: match row.opt_text(at + 10) {
            None => None,
            Some(alg) => Some(SigningAlg::parse(&alg)?),
        },
    })
}

/// An app as its columns say it.
struct Columns<'a> {
    kind: &'static str,
    secret: Option<Vec<u8>>,
    jwks: Option<&'a str>,
    jwks_uri: Option<&'a str>,
    grants: &'static str,
    demands: String,
    redirect_uris: String,
    logout_uris: String,
    scopes: String,
}

impl<'a> Columns<'a> {
    fn of(app: &'a App) -> Self {
        let (kind, secret, jwks, jwks_uri) = match &app.kind {
            Kind::Public => ("public", None, None, None),
            Kind::Secret(hash) => ("secret", Some(hash.to_vec()), None, None),
            Kind::Key(PublicKeys::Given(keys)) => ("key", None, Some(keys.as_str()), None),
            Kind::Key(PublicKeys::At(address)) => ("key", None, None, Some(address.as_str())),
        };
        let words = [
            (app.demands.pushed, PUSHED),
            (app.demands.dpop, DPOP),
            (app.on_devices, ON_DEVICES),
        ];
        let demands: Vec<&str> = words
            .into_iter()
            .filter_map(|(said, word)| said.then_some(word))
            .collect();
        Self {
            kind,
            secret,
            jwks,
            jwks_uri,
            grants: match app.grants {
                Grants::Person => "person",
                Grants::Backend => "backend",
            },
            demands: demands.join(" "),
            redirect_uris: list_of(&app.redirect_uris),
            logout_uris: list_of(&app.logout_uris),
            scopes: app.scopes.to_string(),
        }
    }

    /// In the order of [`INSERT`], which adds when it was made, and of [`REPLACE`].
    fn values(&'a self, tenant: &'a TenantId, app: &'a App, metadata: &'a str) -> Vec<Param<'a>> {
        params![
            tenant.as_str(),
            &app.client_id,
            &app.name,
            self.kind,
            self.secret.clone(),
            self.jwks,
            &self.redirect_uris,
            &self.scopes,
            self.grants,
            metadata,
            self.jwks_uri,
            &self.demands,
            app.id_token_alg.map(SigningAlg::as_str),
            &self.logout_uris,
        ]
        .to_vec()
    }
}

fn list_of(texts: &[String]) -> String {
    serde_json::to_string(texts).expect("texts are JSON")
}

pub(crate) async fn insert(
    tx: &mut Tx,
    tenant: &TenantId,
    app: &App,
    origins: &[String],
    metadata: &str,
    now: Timestamp,
) -> Result<(), db::Error> {
    let columns = Columns::of(app);
    let mut values = columns.values(tenant, app, metadata);
    values.push(now.into());
    tx.execute(INSERT, &values).await?;
    insert_origins(tx, tenant, app, origins).await
}

/// Puts another registration in the place of an app's.
pub(super) async fn replace(
    tx: &mut Tx,
    tenant: &TenantId,
    app: &App,
    origins: &[String],
    metadata: &str,
) -> Result<(), db::Error> {
    let columns = Columns::of(app);
    tx.execute(REPLACE, &columns.values(tenant, app, metadata)).await?;
    tx.execute(DELETE_ORIGINS, params![tenant.as_str(), &app.client_id])
        .await?;
    insert_origins(tx, tenant, app, origins).await
}

async fn insert_origins(tx: &mut Tx, tenant: &TenantId, app: &App, origins: &[String]) -> Result<(), db::Error> {
    for origin in origins {
        tx.execute(INSERT_ORIGIN, params![tenant.as_str(), origin, &app.client_id])
            .await?;
    }
    Ok(())
}

/// Disables an app: from now on it does not exist, and its tokens end. Whether there was such an app.
pub(super) async fn disable(
    tx: &mut Tx,
    tenant: &TenantId,
    client_id: &str,
    now: Timestamp,
) -> Result<bool, db::Error> {
    let changed = tx.execute(DISABLE, params![tenant.as_str(), client_id, now]).await?;
    Ok(changed > 0)
}

pub(crate) async fn origin_allowed(conn: &mut Conn, tenant: &TenantId, origin: &str) -> Result<bool, db::Error> {
    Ok(conn.row(ORIGIN, params![tenant.as_str(), origin]).await?.is_some())
}
