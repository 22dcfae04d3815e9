//! The refresh of tokens in few statements: one look before the transaction, and many rotations in one.

use std::collections::HashSet;

use jiff::Timestamp;

use super::Renewal;
use crate::config::TenantId;
use crate::db::{self, Conn, Param, Tx, params, statements};
use crate::oauth::app::{self, App};
use crate::oauth::grant::store::{read_grant, read_refresh};
use crate::oauth::grant::{Grant, Refresh};
use crate::secret::hex;

statements! {
    /// A refresh token with its grant and its app, both in force, if the account is active.
    FOUND = both(
        "SELECT r.grant_id, r.expires_at, r.rotated_at, r.jkt, \
         g.id, g.client_id, g.account, g.patient, g.fhir_user, g.scope, g.nonce, g.auth_time, g.acr, g.amr, g.session, \
         g.expires_at, g.revoked_at, g.context, \
         p.client_id, p.name, p.kind, p.secret_hash, p.jwks, p.redirect_uris, p.scope, p.grants, p.jwks_uri, p.demands, \
         p.id_token_alg, p.logout_uris \
         FROM oauth_refresh r JOIN oauth_grant g ON g.tenant = r.tenant AND g.id = r.grant_id \
         JOIN oauth_app p ON p.tenant = g.tenant AND p.client_id = g.client_id \
         JOIN account a ON a.tenant = g.tenant AND a.id = g.account \
         WHERE r.tenant = $1 AND r.hash = $2 AND g.revoked_at IS NULL AND p.disabled_at IS NULL AND a.state = 'active'"
    );
    /// Those of these tokens, by their hashes in hexadecimal, that nobody rotated and whose grants nobody took back.
    ROTATE = each(
        "UPDATE oauth_refresh SET rotated_at = $3 \
         WHERE tenant = $1 AND hash IN (SELECT unhex(value) FROM json_each($2)) AND rotated_at IS NULL \
         AND EXISTS (SELECT 1 FROM oauth_grant g WHERE g.tenant = oauth_refresh.tenant AND g.id = oauth_refresh.grant_id \
         AND g.revoked_at IS NULL) RETURNING hash",
        "UPDATE oauth_refresh SET rotated_at = $3 \
         WHERE tenant = $1 AND hash = ANY(ARRAY(SELECT decode(one, 'hex') FROM unnest($2::text[]) one)) AND rotated_at IS NULL \
         AND EXISTS (SELECT 1 FROM oauth_grant g WHERE g.tenant = oauth_refresh.tenant AND g.id = oauth_refresh.grant_id \
         AND g.revoked_at IS NULL) RETURNING hash",
    );
}

const INSERT_ACCESS: &str = "INSERT INTO oauth_access (tenant, hash, grant_id, scope, expires_at, jkt)";
const INSERT_REFRESH: &str = "INSERT INTO oauth_refresh (tenant, hash, grant_id, expires_at, jkt)";

/// A refresh token with whose it is.
pub(super) struct Found {
    pub(super) refresh: Refresh,
    pub(super) grant: Grant,
    pub(super) app: App,
}

/// `None` also where a row cannot be read.
pub(super) async fn found(conn: &mut Conn, tenant: &TenantId, hash: &[u8; 32]) -> Result<Option<Found>, db::Error> {
    let row = conn.row(FOUND, params![tenant.as_str(), hash]).await?;
    Ok(row.and_then(|row| {
        Some(Found {
            refresh: read_refresh(&row),
            grant: read_grant(&row, 4)?,
            app: app::store::read(&row, 18)?,
        })
    }))
}

/// Rotates these tokens; the hashes of those that this call is the one to rotate.
pub(super) async fn rotate(
    tx: &mut Tx,
    tenant: &TenantId,
    hashes: impl Iterator<Item = [u8; 32]>,
    now: Timestamp,
) -> Result<HashSet<[u8; 32]>, db::Error> {
    let hashes: Vec<String> = hashes.map(|hash| hex(&hash)).collect();
    let rows = tx.rows(ROTATE, params![tenant.as_str(), hashes, now]).await?;
    Ok(rows.iter().filter_map(|row| row.bytes(0).try_into().ok()).collect())
}

/// Keeps the tokens of these renewals of one tenant.
pub(super) async fn keep(tx: &mut Tx, tenant: &TenantId, renewals: &[&Renewal]) -> Result<(), db::Error> {
    let access: Vec<Param<'_>> = renewals
        .iter()
        .flat_map(|renewal| -> [Param<'_>; 6] {
            let access = &renewal.access;
            [
                tenant.as_str().into(),
                (&renewal.access_hash).into(),
                (&access.grant_id).into(),
                access.scopes.to_string().into(),
                access.expires_at.into(),
                access.jkt.as_deref().into(),
            ]
        })
        .collect();
    tx.insert_many(INSERT_ACCESS, "", 6, &access).await?;
    let refresh: Vec<Param<'_>> = renewals
        .iter()
        .flat_map(|renewal| -> [Param<'_>; 5] {
            let refresh = &renewal.refresh;
            [
                tenant.as_str().into(),
                (&renewal.refresh_hash).into(),
                (&refresh.grant_id).into(),
                refresh.expires_at.into(),
                refresh.jkt.as_deref().into(),
            ]
        })
        .collect();
    tx.insert_many(INSERT_REFRESH, "", 5, &refresh).await?;
    Ok(())
}
