//! What apps were given, as the person who gave it sees it.

pub(crate) mod store;

use jiff::Timestamp;

pub use store::given;

use crate::oauth::scope::Scopes;

/// One approval that was not taken back.
#[derive(Clone, Debug)]
pub struct Given {
    pub client_id: String,
    /// Of the app.
    pub name: String,
    pub scopes: Scopes,
    pub since: Timestamp,
    /// When the app last asked for an access token.
    pub used: Timestamp,
}
