//! Apps, SMART scopes, grants, tokens, keys, discovery: the authorization server of every tenant.
//!
//! ```no_run
//! # async fn example(issuer: &inzage::oauth::Issuer, tenant: std::sync::Arc<inzage::config::Tenant>) {
//! let caller = inzage::oauth::token::check(issuer, &tenant, "the bearer token").await.unwrap();
//! assert!(caller.is_none());
//! # }
//! ```
//!
//! # Design
//! Each tenant is an issuer of its own: apps, keys, codes and tokens of one mean nothing to another. The life of an
//! authorization: [`request::begin`] checks what an app asks and stores it; `login` takes the person through its steps and
//! calls [`request::approve`], which makes a grant and a code; [`token::answer`] exchanges the code once and renews tokens.
//! The grant is the family of all tokens that come from one approval: revoking it revokes them all.
//!
//! Everything that an app or a browser holds (code, access token, refresh token) is 256 random bits; the database has the
//! SHA-256 of it. Only id tokens are JWTs. A flow that writes runs in a task of its own, so that a caller who hangs up cannot
//! stop it half-way.

pub mod acr;
pub mod app;
pub mod code;
pub mod device;
pub mod discovery;
pub mod dpop;
pub mod grant;
mod issuer;
mod jws;
pub mod key;
pub mod launch;
pub mod logout;
mod published;
pub mod pushed;
pub mod request;
pub mod scope;
mod standing;
mod subject;
#[cfg(test)]
pub(crate) mod testing;
pub mod token;

use std::sync::Arc;

pub use issuer::Issuer;
pub use subject::Subjects;

use crate::audit;
use crate::config::Tenant;
use crate::consent::Right;
use crate::db;
use crate::fhir::types::{Id, ResourceType};
use scope::Scopes;

/// Who stands behind an access token, with the rights in force at this moment.
#[derive(Clone, Debug)]
pub struct Caller {
    pub tenant: Arc<Tenant>,
    /// `None`: no person, but the app in its own name (`client_credentials`). It has no rights of its own and reaches what its
    /// `system/` scopes name.
    pub account: Option<String>,
    pub client_id: String,
    /// The grant that the token came from, or the name of an app that has none: for audit lines and for binding page links.
    pub grant: String,
    pub scopes: Scopes,
    /// The client in the token's launch context; `patient/` scopes reach nobody else.
    pub patient: Option<Id>,
    pub fhir_user: Option<(ResourceType, Id)>,
    /// Every client that the account may see now, after departure and withdrawal.
    pub rights: Vec<Right>,
}

/// A flow could not do its work; the app is told `server_error` or `temporarily_unavailable` and nothing else.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Database(#[from] db::Error),
    /// No line, no data.
    #[error(transparent)]
    Audit(#[from] audit::Error),
    #[error("the signing key of the tenant cannot be used: {0}")]
    Key(&'static str),
    /// The request was answered before, or its 15 minutes are over.
    #[error("the authorization request was already answered or has expired")]
    Answered,
    /// A fault in the caller: an approval that goes beyond what was asked.
    #[error("the approval does not fit the request: {0}")]
    Approval(&'static str),
    #[error("the task that did the work died")]
    Died,
}
