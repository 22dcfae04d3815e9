//! Looking at the flow: which page comes now, or where to send the browser when nothing is left to ask.
//!
//! # Design
//! Every step answers with "back to the page of the flow", and this is that page. So a reload, a second tab and the way back
//! from an error all show what is really next.

use std::fmt;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use url::Url;

use super::answer::{finish, optional};
use super::challenge::{State, resend_wait};
use super::flow::{Standing, browser_hash, wants_fresh};
use super::session::{self, Session};
use super::{At, Flow, Login, Refused, Step, challenge, line, store};
use crate::account::Account;
use crate::account::factor::{self, Factors};
use crate::audit::{self, Action, Outcome};
use crate::config::{SmsWhen, Tenant, TermsVersion};
use crate::consent::Right;
use crate::db::{Conn, Tx};
use crate::oauth::code::Refusal;
use crate::oauth::request::{self, CONSENT_REQUIRED, DENIED, INTERACTION_REQUIRED, LOGIN_REQUIRED, Prompt, Request};
use crate::oauth::scope::Scope;

/// What the browser gets.
pub enum Visit {
    /// Nothing is left to ask.
    ToApp(Url),
    Page(Box<Page>),
}

/// The address of an answer holds a code.
impl fmt::Debug for Visit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ToApp(_) => f.write_str("ToApp(…)"),
            Self::Page(page) => page.fmt(f),
        }
    }
}

/// A page of the flow.
pub struct Page {
    /// A new value for the browser's cookie.
    pub browser: Option<String>,
    /// The hidden fields of the form.
    pub flow: String,
    pub form: String,
    pub request: Request,
    /// Who it is, once the password was right.
    pub account: Option<String>,
    pub name: Option<String>,
    pub username: Option<String>,
    pub ask: Ask,
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page").field("ask", &self.ask).finish_non_exhaustive()
    }
}

/// What the page asks.
#[derive(Debug)]
pub enum Ask {
    Password,
    Code(Code),
    NewPassword,
    Terms(Arc<TermsVersion>),
    NoAccess,
    Client(Vec<Right>),
    Approve { right: Option<Right>, scopes: Vec<Scope> },
}

/// How it stands with the SMS code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// The number with most digits hidden.
    pub hint: String,
    /// The reference of the code that may be entered now.
    pub reference: Option<String>,
    /// Whether a code was sent that no longer counts.
    pub over: bool,
    /// When a new code may be asked for: now, after this time, or not in this login.
    pub again: Again,
    pub valid_seconds: i64,
    /// Whether this browser can be trusted from now on.
    pub may_trust: bool,
    /// What there is besides SMS.
    pub factors: Factors,
    /// No provider takes SMS at the moment.
    pub down: bool,
}

/// Whether a new code may be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    Now,
    After(SignedDuration),
    Never,
}

impl Login {
    /// Shows where the login for `request` stands in this browser. Of `at` the hidden fields are not needed.
    pub async fn visit(&self, at: At, request: String) -> Result<Visit, Refused> {
        if request.len() > 64 || request.contains('\0') {
            return Err(Refused::Gone);
        }
        let now = self.now();
        if let Some(cookie) = &at.browser {
            let mut read = self.db.read().await?;
            let browser = browser_hash(cookie);
            if let Some(flow) = store::flow_of_request(&mut read, &at.tenant.id, &request, &browser, now).await?
                && !flow.done
            {
                let standing = self.standing(&mut read, &at, flow, now).await?;
                if !self.goes_on_by_itself(&mut read, &at, &standing, now).await? {
                    return Ok(Visit::Page(Box::new(
                        self.page(&mut read, &at.tenant, standing, now).await?,
                    )));
                }
            }
        }
        let login = self.clone();
        self.whole(async move { login.go_on(&at, &request, now).await }).await
    }

    /// Whether there is something to do before a page can be shown.
    async fn goes_on_by_itself(
        &self,
        conn: &mut Conn,
        at: &At,
        standing: &Standing,
        now: Timestamp,
    ) -> Result<bool, Refused> {
        if standing.request.asks(Prompt::None) {
            return Ok(true);
        }
        Ok(match standing.step {
            Step::Password => session::of_cookie(conn, &at.tenant.id, at.session.as_deref(), now)
                .await?
                .is_some_and(|session| self.counts(&standing.request, &session, now)),
            Step::Approve(_) if !standing.request.asks(Prompt::Consent) => {
                self.remembered(conn, &at.tenant, standing, now).await?.is_some()
            }
            _ => false,
        })
    }

    /// Begins the flow if it is new, lets a live session vouch, and answers the app if nothing has to be asked.
    async fn go_on(&self, at: &At, request: &str, now: Timestamp) -> Result<Visit, Refused> {
        let mut tx = self.db.begin().await?;
        let asked = request::load(&mut tx, &at.tenant.id, request, now)
            .await?
            .ok_or(Refused::Gone)?;
        let session = session::of_cookie(&mut tx, &at.tenant.id, at.session.as_deref(), now)
            .await?
            .filter(|session| self.counts(&asked, session, now));
        let (cookie, new) = match &at.browser {
            Some(cookie) if cookie.len() <= 64 => (cookie.clone(), false),
            _ => (self.random.token(), true),
        };
        let flow = self.begin(&mut tx, at, &asked, &cookie, session.as_ref(), now).await?;
        let mut standing = self.standing(&mut tx, at, flow, now).await?;
        if let (Step::Password, Some(session)) = (&standing.step, &session) {
            store::vouch(&mut tx, &at.tenant.id, &standing.flow.id, &session.account, &session.id).await?;
            let flow = Flow {
                account: Some(session.account.clone()),
                session: Some(session.id.clone()),
                ..standing.flow
            };
            standing = self.standing(&mut tx, at, flow, now).await?;
        }
        if let Some(session) = &standing.session {
            session::store::use_session(&mut tx, &at.tenant.id, &session.id, now).await?;
        }
        let remembered = match standing.step {
            Step::Approve(_) if !asked.asks(Prompt::Consent) => {
                self.remembered(&mut tx, &at.tenant, &standing, now).await?
            }
            _ => None,
        };
        if let Some(scopes) = remembered {
            let to_app = self.approve(&mut tx, at, &standing, scopes, now).await?;
            tx.commit().await?;
            return Ok(Visit::ToApp(to_app));
        }
        if asked.asks(Prompt::None) {
            let to_app = silently_refused(&mut tx, at, &standing, now).await?;
            tx.commit().await?;
            return Ok(Visit::ToApp(to_app));
        }
        let mut page = self.page(&mut tx, &at.tenant, standing, now).await?;
        tx.commit().await?;
        page.browser = new.then_some(cookie);
        Ok(Visit::Page(Box::new(page)))
    }

    async fn begin(
        &self,
        tx: &mut Tx,
        at: &At,
        request: &Request,
        cookie: &str,
        session: Option<&Session>,
        now: Timestamp,
    ) -> Result<Flow, Refused> {
        let new = Flow {
            id: self.random.token(),
            request: request.id.clone(),
            client_id: request.app.client_id.clone(),
            account: session.map(|session| session.account.clone()),
            password_at: None,
            second_at: None,
            method: None,
            device: None,
            session: session.map(|session| session.id.clone()),
            patient: None,
            fresh: wants_fresh(request),
            expires_at: request.expires_at,
            done: false,
        };
        let browser = browser_hash(cookie);
        store::new_flow(tx, &at.tenant.id, &new, &browser, now).await?;
        // A reload, or the same address in a second tab, finds the flow that is there.
        store::flow_of_request(tx, &at.tenant.id, &request.id, &browser, now)
            .await?
            .filter(|flow| !flow.done)
            .ok_or(Refused::Gone)
    }

    async fn page(
        &self,
        conn: &mut Conn,
        tenant: &Tenant,
        standing: Standing,
        now: Timestamp,
    ) -> Result<Page, Refused> {
        let ask = match &standing.step {
            Step::Password => Ask::Password,
            Step::SecondFactor => {
                let account = standing.account()?;
                Ask::Code(self.code_of(conn, tenant, &standing.flow.id, account, now).await?)
            }
            Step::ChangePassword => Ask::NewPassword,
            Step::Terms => Ask::Terms(Arc::clone(tenant.terms_at(now).ok_or(Refused::Gone)?)),
            Step::NoAccess => Ask::NoAccess,
            Step::ChooseClient => Ask::Client(standing.rights.clone()),
            Step::Approve(patient) => Ask::Approve {
                right: patient.as_ref().and_then(|patient| standing.right(patient)).cloned(),
                scopes: standing
                    .request
                    .scopes
                    .iter()
                    .filter(|scope| optional(scope))
                    .cloned()
                    .collect(),
            },
            Step::Done => return Err(Refused::Gone),
        };
        let account = match ask {
            Ask::Password => None,
            _ => standing.account.as_ref().map(|(account, _)| account),
        };
        Ok(Page {
            browser: None,
            form: self.form(&standing.flow.id),
            flow: standing.flow.id,
            account: account.map(|account| account.id.clone()),
            name: account.map(|account| account.name.clone()),
            username: account.map(|account| account.username.clone()),
            request: standing.request,
            ask,
        })
    }

    /// How it stands with the codes of a flow, or of the account page.
    pub(super) async fn code_of(
        &self,
        conn: &mut Conn,
        tenant: &Tenant,
        flow: &str,
        account: &Account,
        now: Timestamp,
    ) -> Result<Code, Refused> {
        let policy = &tenant.policy.sms;
        let sent = challenge::store::challenges(conn, &tenant.id, flow, &account.id).await?;
        let count = i64::try_from(sent.len()).unwrap_or(i64::MAX);
        let newest = sent.first();
        let again = match newest {
            _ if count >= policy.sends_per_login => Again::Never,
            None => Again::Now,
            Some(last) => {
                let wait = resend_wait(policy, count) - now.duration_since(last.created_at);
                if wait.is_positive() {
                    Again::After(wait)
                } else {
                    Again::Now
                }
            }
        };
        let open = newest.filter(|code| matches!(code.state(policy.attempts, now), State::Open { .. }));
        Ok(Code {
            hint: account.mobile_hint.clone(),
            reference: open.map(|code| code.reference.clone()),
            over: newest.is_some() && open.is_none(),
            again,
            valid_seconds: policy.valid_seconds,
            may_trust: policy.when != SmsWhen::EveryLogin,
            factors: Factors {
                app: self
                    .app_of(conn, &tenant.id, account)
                    .await?
                    .is_some_and(|app| app.confirmed),
                recovery: factor::store::codes_left(conn, &tenant.id, &account.id).await?,
            },
            down: self.outbox.sms_is_down(),
        })
    }
}

/// `prompt=none`: no page may be shown, so the app is told what would be needed.
async fn silently_refused(tx: &mut Tx, at: &At, standing: &Standing, now: Timestamp) -> Result<Url, Refused> {
    let (refusal, reason): (Refusal, _) = match standing.step {
        Step::Password | Step::SecondFactor | Step::ChangePassword | Step::Done => (LOGIN_REQUIRED, "login-required"),
        Step::NoAccess => (DENIED, "no-access"),
        Step::Terms | Step::ChooseClient => (INTERACTION_REQUIRED, "interaction-required"),
        Step::Approve(_) => (CONSENT_REQUIRED, "consent-required"),
    };
    finish(tx, &at.tenant, standing, now).await?;
    let to_app = request::deny(tx, &standing.request, refusal, now).await?;
    let account = standing.flow.account.as_deref();
    let entry = line(at, &standing.flow, Action::Approved, Outcome::Refused(reason), account);
    audit::write(tx, &entry, now).await?;
    Ok(to_app)
}
