//! What a person approved, and the states of the codes and tokens that stand on it.
//!
//! # Design
//! Pure rules: each answers what may happen next or why not; `store.rs` makes the step once, by one conditional `UPDATE`.
//! The times: RFC 9700, and three months between two uses of a refresh token as patient apps are promised.

pub(crate) mod given;
pub(crate) mod store;

use jiff::{SignedDuration, Timestamp};

pub use given::{Given, given};

use super::launch::Context;
use super::scope::{Scope, Scopes};
use crate::config::TenantId;
use crate::db::{self, Conn, Tx};
use crate::fhir::types::{Id, ResourceType};
use crate::secret::{same, sha256};

pub const CODE_LIFE: SignedDuration = SignedDuration::from_secs(60);
/// An access token of an app that cannot keep a secret.
pub const ACCESS_LIFE_PUBLIC: SignedDuration = SignedDuration::from_mins(5);
pub const ACCESS_LIFE_CONFIDENTIAL: SignedDuration = SignedDuration::from_mins(10);
/// Three months have at most 92 days.
pub const REFRESH_IDLE: SignedDuration = SignedDuration::from_hours(93 * 24);
/// After this a person logs in again, whatever the app does.
pub const OFFLINE_LIFE: SignedDuration = SignedDuration::from_hours(180 * 24);
/// As long as a browser session can last.
pub const ONLINE_LIFE: SignedDuration = SignedDuration::from_hours(12);
/// A grant without a refresh token needs to outlive its code and one access token.
pub const ONCE_LIFE: SignedDuration = SignedDuration::from_hours(1);
/// How long the same answer is given again for a refresh token that was just rotated: an answer got lost, or two pages asked.
pub const GRACE: SignedDuration = SignedDuration::from_secs(10);

/// One approval by one person for one app.
#[derive(Clone, Debug)]
pub struct Grant {
    pub id: String,
    pub client_id: String,
    pub account: String,
    pub patient: Option<Id>,
    pub fhir_user: Option<(ResourceType, Id)>,
    pub scopes: Scopes,
    pub nonce: Option<String>,
    pub auth_time: Timestamp,
    pub acr: String,
    pub amr: Vec<String>,
    /// The browser session, for `sid` and for sign-out.
    pub session: String,
    pub expires_at: Timestamp,
    /// What the portal said that launched the app.
    pub context: Option<Context>,
    pub state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Active,
    Revoked,
}

/// Takes back every grant of an account: its password was changed, it was locked or closed. Returns their ids.
pub async fn revoke_account(
    tx: &mut Tx,
    tenant: &TenantId,
    account: &str,
    now: Timestamp,
) -> Result<Vec<String>, db::Error> {
    store::revoke_account(tx, tenant, account, Why::Account, now).await
}

/// The person takes back what one app got.
pub async fn revoke_app(
    tx: &mut Tx,
    tenant: &TenantId,
    account: &str,
    client_id: &str,
    now: Timestamp,
) -> Result<u64, db::Error> {
    store::revoke_app(tx, tenant, account, client_id, now).await
}

/// The browser session ended: what was not given for offline use ends with it. Returns the ids of the grants that ended.
pub async fn end_session(
    tx: &mut Tx,
    tenant: &TenantId,
    session: &str,
    now: Timestamp,
) -> Result<Vec<String>, db::Error> {
    let mut ended = Vec::new();
    for (id, scopes) in store::of_session(tx, tenant, session, now).await? {
        if !scopes.has(&Scope::OfflineAccess) && store::revoke(tx, tenant, &id, Why::SignedOut, now).await? {
            ended.push(id);
        }
    }
    Ok(ended)
}

/// What an account gave to apps and did not take back: for the page where a person sees it.
pub async fn living(
    conn: &mut Conn,
    tenant: &TenantId,
    account: &str,
    now: Timestamp,
) -> Result<Vec<Grant>, db::Error> {
    store::living(conn, tenant, account, now).await
}

/// Why a grant was revoked; the word stands in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Its code came twice.
    CodeReplayed,
    /// Its device came when the code had expired, or never.
    CodeExpired,
    /// A refresh token came back after it was rotated.
    RefreshReused,
    /// The app gave it back (RFC 7009).
    App,
    /// The person took it back.
    Person,
    SignedOut,
    /// Password changed, account locked or closed.
    Account,
}

impl Why {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CodeReplayed => "code-replayed",
            Self::CodeExpired => "code-expired",
            Self::RefreshReused => "refresh-reused",
            Self::App => "app",
            Self::Person => "person",
            Self::SignedOut => "signed-out",
            Self::Account => "account",
        }
    }
}

impl Grant {
    /// Whether tokens may still come from it.
    pub fn lives(&self, now: Timestamp) -> bool {
        self.state == State::Active && now < self.expires_at
    }

    pub fn refreshes(&self) -> bool {
        self.scopes.refreshes()
    }
}

/// Until when a grant with these scopes lasts. `offline_access` survives the browser session, `online_access` does not.
pub fn expiry(scopes: &Scopes, auth_time: Timestamp, now: Timestamp) -> Timestamp {
    if scopes.has(&Scope::OfflineAccess) {
        now + OFFLINE_LIFE
    } else if scopes.has(&Scope::OnlineAccess) {
        auth_time + ONLINE_LIFE
    } else {
        now + ONCE_LIFE
    }
}

/// An authorization code as it is kept.
#[derive(Clone, Debug)]
pub struct Code {
    pub grant_id: String,
    pub client_id: String,
    pub redirect_uri: String,
    /// BASE64URL(SHA-256(code_verifier)), RFC 7636 §4.2
    pub challenge: String,
    /// The key that the tokens will be bound to (`dpop_jkt`, RFC 9449 §10).
    pub jkt: Option<String>,
    pub expires_at: Timestamp,
    pub state: CodeState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeState {
    Waiting,
    Used,
}

/// Why a code is not exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeRefused {
    /// Another app's: nothing happens to it.
    Foreign,
    /// It came before: everything that it gave is taken back.
    Replayed,
    Expired,
    Redirect,
    Verifier,
    /// It is for another key than the app holds.
    Key,
}

impl Code {
    /// Whether the code may be exchanged now by this app with what it presents.
    pub fn exchange(
        &self,
        client_id: &str,
        redirect_uri: &str,
        verifier: &str,
        jkt: Option<&str>,
        now: Timestamp,
    ) -> Result<(), CodeRefused> {
        if self.client_id != client_id {
            Err(CodeRefused::Foreign)
        } else if self.state == CodeState::Used {
            Err(CodeRefused::Replayed)
        } else if now >= self.expires_at {
            Err(CodeRefused::Expired)
        } else if self.redirect_uri != redirect_uri {
            Err(CodeRefused::Redirect)
        } else if !verifies(verifier, &self.challenge) {
            Err(CodeRefused::Verifier)
        } else if self.jkt.is_some() && self.jkt.as_deref() != jkt {
            Err(CodeRefused::Key)
        } else {
            Ok(())
        }
    }
}

/// Whether `challenge` is the S256 of `verifier`, and `verifier` is one (RFC 7636 §4.1: 43 to 128 unreserved characters).
fn verifies(verifier: &str, challenge: &str) -> bool {
    use base64::Engine as _;
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    if !(43..=128).contains(&verifier.len()) || !verifier.bytes().all(unreserved) {
        return false;
    }
    let hashed = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(sha256(verifier.as_bytes()));
    same(hashed.as_bytes(), challenge.as_bytes())
}

/// A refresh token as it is kept.
#[derive(Clone, Debug)]
pub struct Refresh {
    pub grant_id: String,
    /// The key of a public app that it is bound to.
    pub jkt: Option<String>,
    pub expires_at: Timestamp,
    pub state: RefreshState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshState {
    Current,
    Rotated(Timestamp),
}

/// What a presented refresh token gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// A successor.
    Rotate,
    /// The answer that its successor was given in, once more.
    Repeat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshRefused {
    Expired,
    /// Two parties hold the family: it is revoked.
    Reused,
}

impl Refresh {
    pub fn turn(&self, now: Timestamp) -> Result<Turn, RefreshRefused> {
        match self.state {
            _ if now >= self.expires_at => Err(RefreshRefused::Expired),
            RefreshState::Current => Ok(Turn::Rotate),
            RefreshState::Rotated(at) if now.duration_since(at) <= GRACE => Ok(Turn::Repeat),
            RefreshState::Rotated(_) => Err(RefreshRefused::Reused),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-22T10:00:00Z".parse().unwrap()
    }

    /// The pair of RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn code() -> Code {
        Code {
            grant_id: "g".to_owned(),
            client_id: "app".to_owned(),
            redirect_uri: "https://app.example/cb".to_owned(),
            challenge: CHALLENGE.to_owned(),
            jkt: None,
            expires_at: now() + CODE_LIFE,
            state: CodeState::Waiting,
        }
    }

    #[test]
    fn a09_a_code_is_bound_to_app_address_verifier_and_a_minute() {
        let uri = "https://app.example/cb";
        assert_eq!(code().exchange("app", uri, VERIFIER, None, now()), Ok(()));
        let late = now() + CODE_LIFE;
        let cases = [
            ("other", uri, VERIFIER, now(), CodeRefused::Foreign),
            ("app", "https://app.example/cb/", VERIFIER, now(), CodeRefused::Redirect),
            ("app", uri, VERIFIER, late, CodeRefused::Expired),
            ("app", uri, CHALLENGE, now(), CodeRefused::Verifier),
            ("app", uri, "", now(), CodeRefused::Verifier),
        ];
        for (client, uri, verifier, at, refused) in cases {
            assert_eq!(code().exchange(client, uri, verifier, None, at), Err(refused));
        }
        let used = Code {
            state: CodeState::Used,
            ..code()
        };
        let replayed = used.exchange("app", uri, VERIFIER, None, now());
        assert_eq!(replayed, Err(CodeRefused::Replayed));
        let foreign = used.exchange("other", uri, VERIFIER, None, now());
        assert_eq!(foreign, Err(CodeRefused::Foreign));
        let bound = Code {
            jkt: Some("key".to_owned()),
            ..code()
        };
        assert_eq!(bound.exchange("app", uri, VERIFIER, Some("key"), now()), Ok(()));
        for jkt in [None, Some("other")] {
            assert_eq!(bound.exchange("app", uri, VERIFIER, jkt, now()), Err(CodeRefused::Key));
        }
    }

    #[test]
    fn t04_c3_a_verifier_has_43_to_128_unreserved_characters() {
        let challenge = |verifier: &str| {
            use base64::Engine as _;
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(sha256(verifier.as_bytes()))
        };
        for length in [43, 128] {
            let good = "a".repeat(length);
            assert!(verifies(&good, &challenge(&good)), "{length}");
        }
        for bad in [
            "a".repeat(42),
            "a".repeat(129),
            format!("{} ", "a".repeat(43)),
            "é".repeat(30),
        ] {
            assert!(!verifies(&bad, &challenge(&bad)), "{bad}");
        }
    }

    #[test]
    fn f04_a_rotated_refresh_token_repeats_for_ten_seconds_and_then_betrays_a_thief() {
        let refresh = |state| Refresh {
            grant_id: "g".to_owned(),
            jkt: None,
            expires_at: now() + REFRESH_IDLE,
            state,
        };
        assert_eq!(refresh(RefreshState::Current).turn(now()), Ok(Turn::Rotate));
        let rotated = refresh(RefreshState::Rotated(now()));
        assert_eq!(rotated.turn(now() + GRACE), Ok(Turn::Repeat));
        let later = now() + GRACE + SignedDuration::from_micros(1);
        assert_eq!(rotated.turn(later), Err(RefreshRefused::Reused));
        assert_eq!(rotated.turn(now() + REFRESH_IDLE), Err(RefreshRefused::Expired));
    }

    #[test]
    fn f05_a_refresh_token_lasts_three_months_between_two_uses() {
        let scopes = |text: &str| Scopes::parse(text).unwrap();
        let hours = |text: &str| expiry(&scopes(text), now(), now()).duration_since(now()).as_hours();
        assert!(REFRESH_IDLE.as_hours() >= 92 * 24);
        assert_eq!(hours("openid offline_access online_access"), 180 * 24);
        assert_eq!(hours("openid online_access"), 12);
        assert_eq!(hours("openid"), 1);
    }
}
