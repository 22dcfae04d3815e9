//! What an account may still see: asked before every use of a token, so that an end is an end at the next request.

use jiff::Timestamp;

use crate::account::{self, State};
use crate::config::Tenant;
use crate::consent::{self, Right};
use crate::db::{self, Conn};
use crate::fhir::types::Id;

/// The rights in force of an active account; `None` when the account is not active, when nothing is left to see, or when the
/// client in the launch context is not among what is left.
pub(super) async fn rights(
    conn: &mut Conn,
    tenant: &Tenant,
    account: &str,
    patient: Option<&Id>,
    now: Timestamp,
) -> Result<Option<Vec<Right>>, db::Error> {
    let active = match account::find(conn, &tenant.id, account).await? {
        Some((found, _)) => match found.state {
            State::Active => true,
            State::Expected | State::MustChangePassword | State::Locked | State::Closed => false,
        },
        None => false,
    };
    match active {
        true => left(conn, tenant, account, patient, now).await,
        false => Ok(None),
    }
}

/// The same of an account that is active.
pub(super) async fn left(
    conn: &mut Conn,
    tenant: &Tenant,
    account: &str,
    patient: Option<&Id>,
    now: Timestamp,
) -> Result<Option<Vec<Right>>, db::Error> {
    let rights = consent::rights(conn, tenant, account, now).await?;
    let sees = patient.is_none_or(|patient| rights.iter().any(|right| right.patient == *patient));
    Ok((sees && !rights.is_empty()).then_some(rights))
}
