//! A flow: whose it is, and how far it has come.

use jiff::Timestamp;

use super::session::{self, Session};
use super::step::{Facts, Step, next};
use super::{At, Login, Refused, store, terms, upstream};
use crate::account::{self, Account};
use crate::consent::{self, Right};
use crate::db::{Conn, Tx};
use crate::fhir::types::Id;
use crate::oauth::acr;
use crate::oauth::request::{self, Prompt, Request};
use crate::secret::{hex, mac, same, sha256};

/// What is known of one person's way through the login.
#[derive(Clone, Debug)]
pub struct Flow {
    pub id: String,
    /// The authorization request that it answers.
    pub request: String,
    pub client_id: String,
    pub account: Option<String>,
    pub password_at: Option<Timestamp>,
    pub second_at: Option<Timestamp>,
    /// With what it was shown: `sms`, `otp` or `recovery`.
    pub method: Option<String>,
    /// The trusted browser that stood in for the code.
    pub device: Option<String>,
    /// The session that vouches for the person.
    pub session: Option<String>,
    pub patient: Option<Id>,
    /// The app wants a login of its own: an older session does not count.
    pub fresh: bool,
    pub expires_at: Timestamp,
    pub done: bool,
}

/// A flow with everything that the next step depends on.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) flow: Flow,
    pub(super) request: Request,
    /// With the password's hash.
    pub(super) account: Option<(Account, String)>,
    pub(super) session: Option<Session>,
    pub(super) rights: Vec<Right>,
    pub(super) step: Step,
}

impl Standing {
    /// The account of a step that comes after the password.
    pub(super) fn account(&self) -> Result<&Account, Refused> {
        self.account
            .as_ref()
            .map(|(account, _)| account)
            .ok_or(Refused::OtherStep)
    }

    /// The right to the client that was chosen.
    pub(super) fn right(&self, patient: &Id) -> Option<&Right> {
        self.rights.iter().find(|right| right.patient == *patient)
    }
}

/// What is kept of a browser's cookie.
pub(super) fn browser_hash(cookie: &str) -> [u8; 32] {
    sha256(cookie.as_bytes())
}

/// Whether this session may stand in for a login in this flow, if it is of the person whom the app expects.
fn vouches(request: &Request, session: &Session, now: Timestamp) -> bool {
    let young = request
        .max_age
        .is_none_or(|seconds| now.duration_since(session.started_at).as_secs() < seconds);
    // A weaker login than the app asks for does not stand in for one: the person shows more.
    let sure = acr::meets(request.acr_values.as_deref().unwrap_or_default(), session.acr());
    young && sure && !wants_fresh(request)
}

pub(super) fn wants_fresh(request: &Request) -> bool {
    request.asks(Prompt::Login) || request.asks(Prompt::SelectAccount)
}

impl Login {
    /// Whether this session may stand in for a login in this flow.
    pub(super) fn counts(&self, request: &Request, session: &Session, now: Timestamp) -> bool {
        self.is_expected(request, &session.account) && vouches(request, session, now)
    }

    /// Whether this is the person whom the app named by an earlier id token.
    pub(super) fn is_expected(&self, request: &Request, account: &str) -> bool {
        let subject = || self.subjects.of(&request.tenant, account);
        request.hint.as_ref().is_none_or(|hint| *hint == subject())
    }

    /// What a form of this flow carries besides the flow's id.
    pub(super) fn form(&self, flow: &str) -> String {
        hex(&mac(&self.form_key, &[flow.as_bytes()]))
    }

    /// The hash of the browser's cookie, if the form is of the flow that it names.
    fn form_of(&self, at: &At) -> Result<[u8; 32], Refused> {
        let cookie = at.browser.as_deref().ok_or(Refused::Gone)?;
        if same(self.form(&at.flow).as_bytes(), at.form.as_bytes()) {
            Ok(browser_hash(cookie))
        } else {
            Err(Refused::Forged)
        }
    }

    /// The flow of a form, to look at.
    pub(super) async fn look(&self, conn: &mut Conn, at: &At, now: Timestamp) -> Result<Flow, Refused> {
        let browser = self.form_of(at)?;
        let flow = store::find_flow(conn, &at.tenant.id, &at.flow, &browser, now).await?;
        flow.filter(|flow| !flow.done).ok_or(Refused::Gone)
    }

    /// The flow of a form, held until the end of the transaction.
    pub(super) async fn open(&self, tx: &mut Tx, at: &At, now: Timestamp) -> Result<Flow, Refused> {
        let browser = self.form_of(at)?;
        let flow = store::hold_flow(tx, &at.tenant.id, &at.flow, &browser, now).await?;
        flow.filter(|flow| !flow.done).ok_or(Refused::Gone)
    }

    /// How things stand with a flow.
    pub(super) async fn standing(
        &self,
        conn: &mut Conn,
        at: &At,
        flow: Flow,
        now: Timestamp,
    ) -> Result<Standing, Refused> {
        let tenant = &at.tenant;
        let request = request::load(conn, &tenant.id, &flow.request, now)
            .await?
            .ok_or(Refused::Gone)?;
        let session = match &flow.session {
            // It vouches in its own browser only: the flow's cookie may be one that somebody planted there.
            Some(id) => session::of_cookie(conn, &tenant.id, at.session.as_deref(), now)
                .await?
                .filter(|session| session.id == *id && Some(&session.account) == flow.account.as_ref()),
            None => None,
        };
        let (account, rights) = match &flow.account {
            Some(id) => (
                account::find(conn, &tenant.id, id).await?,
                consent::rights(conn, tenant, id, now).await?,
            ),
            None => (None, Vec::new()),
        };
        let terms = match &account {
            Some((account, _)) => terms::open(conn, tenant, &account.id, now).await?.is_some(),
            None => false,
        };
        let facts = Facts {
            flow: &flow,
            account: account.as_ref().map(|(account, _)| account),
            session: session.as_ref(),
            terms,
            rights: &rights,
            needs_patient: request.needs_patient(),
            launch: request.launch.as_ref(),
            levels: request.acr_values.as_deref().unwrap_or_default(),
        };
        let step = next(facts, &tenant.policy, now);
        Ok(Standing {
            flow,
            request,
            account,
            session,
            rights,
            step,
        })
    }

    /// How things stand with the flow of a form, which must be at the step that `fits`.
    pub(super) async fn at_step(
        &self,
        tx: &mut Tx,
        at: &At,
        now: Timestamp,
        fits: impl FnOnce(&Step) -> bool,
    ) -> Result<Standing, Refused> {
        let flow = self.open(tx, at, now).await?;
        let standing = self.standing(tx, at, flow, now).await?;
        if fits(&standing.step) {
            Ok(standing)
        } else {
            Err(Refused::OtherStep)
        }
    }

    /// When authentication is complete, makes the session that vouches from now on; the value of its cookie.
    pub(super) async fn establish(
        &self,
        tx: &mut Tx,
        at: &At,
        flow: &Flow,
        now: Timestamp,
    ) -> Result<(Option<String>, Step), Refused> {
        let cookie = at.browser.as_deref().map(browser_hash).ok_or(Refused::Gone)?;
        let flow = store::find_flow(tx, &at.tenant.id, &flow.id, &cookie, now)
            .await?
            .ok_or(Refused::Gone)?;
        let standing = self.standing(tx, at, flow, now).await?;
        if matches!(
            standing.step,
            Step::Password | Step::SecondFactor | Step::ChangePassword | Step::Terms
        ) {
            return Ok((None, standing.step));
        }
        if let Some(old) = session::of_cookie(tx, &at.tenant.id, at.session.as_deref(), now).await? {
            session::store::end_session(tx, &at.tenant.id, &old.id, now).await?;
        }
        let account = standing.account()?.id.clone();
        let session = Session {
            id: self.random.uuid_v7(now).to_string(),
            account: account.clone(),
            // `auth_time`: when the person was known, whatever they read since.
            started_at: standing.flow.second_at.or(standing.flow.password_at).unwrap_or(now),
            second: standing.flow.second_at.is_some(),
            second_at: standing.flow.second_at,
            method: standing.flow.method.clone(),
            device: standing.flow.device.clone(),
            used_at: now,
            ended: false,
        };
        let value = self.random.token();
        session::store::new_session(tx, &at.tenant.id, &session, &sha256(value.as_bytes())).await?;
        let month = at.tenant.today(now).strftime("%Y-%m").to_string();
        session::store::count(tx, &at.tenant.id, &month).await?;
        store::vouch(tx, &at.tenant.id, &standing.flow.id, &account, &session.id).await?;
        upstream::store::carry(tx, &at.tenant.id, &standing.flow.id, &account, &session.id).await?;
        Ok((Some(value), standing.step))
    }
}
