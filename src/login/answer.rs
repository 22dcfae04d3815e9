//! The last steps: which client it is about, and what the app may see.
//!
//! # Design
//! What the person unselects is not granted; what was not asked cannot be added. A decision is remembered for the pair of app
//! and client, and asked again when the app asks for more or after some months.

use jiff::{SignedDuration, Timestamp};

use super::flow::Standing;
use super::{At, Login, Moved, Refused, Step, line, store, upstream};
use crate::audit::{self, Action, Outcome};
use crate::config::Tenant;
use crate::consent::{Right, Role};
use crate::db::Tx;
use crate::fhir::types::{Id, ResourceType};
use crate::oauth::acr;
use crate::oauth::code::Refusal;
use crate::oauth::request::{self, Approval, DENIED, LOGIN_REQUIRED, Request, UNMET};
use crate::oauth::scope::{Detail, Scope, Scopes};
use crate::secret::{hex, mac};

/// After this a remembered approval is asked again.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(90 * 24);

/// What the person decided about the app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// These scopes were left selected, as they stand in the form.
    Allow(Vec<String>, Detail),
    Deny,
}

/// Whether the person may unselect this scope. The others say who the person is, or carry no data.
pub fn optional(scope: &Scope) -> bool {
    matches!(scope, Scope::Data(_) | Scope::OfflineAccess)
}

impl Login {
    /// Chooses the client that the app will see.
    pub async fn choose(&self, at: At, patient: Option<Id>) -> Result<Moved, Refused> {
        let login = self.clone();
        self.whole(async move {
            let now = login.now();
            let mut tx = login.db.begin().await?;
            let fits = |step: &Step| matches!(step, Step::ChooseClient | Step::Approve(Some(_)));
            let standing = login.at_step(&mut tx, &at, now, fits).await?;
            let account = Some(standing.account()?.id.as_str());
            let chosen = patient.as_ref().and_then(|patient| standing.right(patient));
            let outcome = match chosen {
                Some(_) => Outcome::Success,
                None => Outcome::Refused("not-a-client-of-the-account"),
            };
            let mut entry = line(&at, &standing.flow, Action::PatientChosen, outcome, account);
            if let Some(right) = chosen {
                store::choose(&mut tx, &at.tenant.id, &standing.flow.id, &right.patient).await?;
                entry.who.role = Some(right.role.as_str());
                entry = entry.about(std::slice::from_ref(&right.patient));
            }
            audit::write(&mut tx, &entry, now).await?;
            tx.commit().await?;
            if chosen.is_some() {
                Ok(Moved::default())
            } else {
                Err(Refused::Client)
            }
        })
        .await
    }

    /// Answers the app.
    pub async fn decide(&self, at: At, decision: Decision) -> Result<Moved, Refused> {
        let login = self.clone();
        self.whole(async move {
            let now = login.now();
            let mut tx = login.db.begin().await?;
            let fits = |step: &Step| matches!(step, Step::Approve(_));
            let standing = login.at_step(&mut tx, &at, now, fits).await?;
            let to_app = match decision {
                Decision::Deny => {
                    let account = standing.account()?.id.clone();
                    let client_id = &standing.flow.client_id;
                    store::forget_approvals(&mut tx, &at.tenant.id, &account, client_id).await?;
                    finish(&mut tx, &at.tenant, &standing, now).await?;
                    let to_app = request::deny(&mut tx, &standing.request, DENIED, now).await?;
                    let entry = line(&at, &standing.flow, Action::Declined, Outcome::Success, Some(&account));
                    audit::write(&mut tx, &entry, now).await?;
                    to_app
                }
                Decision::Allow(left, detail) => {
                    let scopes = standing.request.scopes.choose(&left, detail, optional);
                    if standing.request.scopes.data().next().is_some() && scopes.data().next().is_none() {
                        return Err(Refused::NoScope);
                    }
                    login.approve(&mut tx, &at, &standing, scopes, now).await?
                }
            };
            tx.commit().await?;
            Ok(Moved {
                to_app: Some(to_app),
                ..Moved::default()
            })
        })
        .await
    }

    /// Makes the grant, remembers the decision, ends the flow.
    pub(super) async fn approve(
        &self,
        tx: &mut Tx,
        at: &At,
        standing: &Standing,
        scopes: Scopes,
        now: Timestamp,
    ) -> Result<url::Url, Refused> {
        let (Step::Approve(patient), Some(session)) = (&standing.step, &standing.session) else {
            return Err(Refused::OtherStep);
        };
        let account = &standing.account()?.id;
        let (acr, amr) = match upstream::store::of_session(tx, &at.tenant.id, &session.id).await? {
            Some(told) => upstream::context(&told, session),
            None => (
                session.acr().to_owned(),
                session.amr().iter().map(|method| (*method).to_owned()).collect(),
            ),
        };
        if let Some(refusal) = self.unmet(&standing.request, account, &acr) {
            finish(tx, &at.tenant, standing, now).await?;
            let to_app = request::deny(tx, &standing.request, refusal, now).await?;
            let outcome = Outcome::Refused(refusal.code.as_str());
            let entry = line(at, &standing.flow, Action::Approved, outcome, Some(account));
            audit::write(tx, &entry, now).await?;
            return Ok(to_app);
        }
        let right = match patient {
            Some(patient) => standing.right(patient),
            None => standing
                .rights
                .iter()
                .find(|right| right.role == Role::Client)
                .or(standing.rights.first()),
        };
        let decided = store::Decided {
            account,
            client_id: &standing.flow.client_id,
            patient: patient.as_ref(),
            asked: standing.request.scopes.to_string(),
            granted: scopes.to_string(),
        };
        store::remember(tx, &at.tenant.id, decided, now).await?;
        finish(tx, &at.tenant, standing, now).await?;
        let approval = Approval {
            account: account.clone(),
            patient: patient.clone(),
            scopes,
            fhir_user: right.and_then(|right| self.fhir_user(&at.tenant, account, right, &standing.rights)),
            auth_time: session.started_at,
            acr,
            amr,
            session: session.id.clone(),
        };
        let to_app = request::approve(tx, &standing.request, approval, now, &self.random).await?;
        let mut entry = line(at, &standing.flow, Action::Approved, Outcome::Success, Some(account));
        entry.who.role = right.map(|right| right.role.as_str());
        let entry = entry.about(patient.as_slice());
        audit::write(tx, &entry, now).await?;
        Ok(to_app)
    }

    /// Why the app gets nothing though the person agreed: it is another person than it named, or the login was weaker than it
    /// asked (OpenID Connect Core §3.1.2.1, RFC 9470 §5). A hint that cannot be read only keeps a session from vouching.
    fn unmet(&self, request: &Request, account: &str, got: &str) -> Option<Refusal> {
        let hinted = request.hint.as_ref().is_some_and(|hint| !hint.is_empty());
        if hinted && !self.is_expected(request, account) {
            return Some(LOGIN_REQUIRED);
        }
        let wanted = request.acr_values.as_deref().unwrap_or_default();
        (!acr::meets(wanted, got)).then_some(UNMET)
    }

    /// What an earlier decision says about this request, if it says everything.
    pub(super) async fn remembered(
        &self,
        tx: &mut crate::db::Conn,
        tenant: &Tenant,
        standing: &Standing,
        now: Timestamp,
    ) -> Result<Option<Scopes>, Refused> {
        let Step::Approve(patient) = &standing.step else {
            return Ok(None);
        };
        let account = &standing.account()?.id;
        let client_id = &standing.flow.client_id;
        let earlier = store::approval(tx, &tenant.id, account, client_id, patient.as_ref()).await?;
        let Some((asked, granted, decided_at)) = earlier else {
            return Ok(None);
        };
        let (Ok(asked), Ok(granted)) = (Scopes::parse(&asked), Scopes::parse(&granted)) else {
            return Ok(None);
        };
        let wanted = &standing.request.scopes;
        let same = wanted.iter().all(|scope| asked.has(scope));
        let young = now.duration_since(decided_at) < REMEMBERED;
        // Pieces of what was asked count as well as the whole.
        let scopes = granted.within(wanted);
        let enough = wanted.data().next().is_none() || scopes.data().next().is_some();
        Ok((same && young && enough).then_some(scopes))
    }

    /// The resource that stands for the person who is logged in: the client, the contact of one client, or, for who reaches
    /// more than one, the Person that links to those contacts.
    fn fhir_user(&self, tenant: &Tenant, account: &str, right: &Right, all: &[Right]) -> Option<(ResourceType, Id)> {
        match (right.role, all) {
            (Role::Client, _) => Some((ResourceType::Patient, right.patient.clone())),
            // A contact whom the ECD does not tell apart is nobody that could be read.
            (Role::Contact | Role::Representative, _) if right.related.is_none() => None,
            (Role::Contact | Role::Representative, [] | [_]) => {
                Some((ResourceType::RelatedPerson, right.related.clone()?))
            }
            (Role::Contact | Role::Representative, _) => {
                let key = mac(&self.person_key, &[tenant.id.as_str().as_bytes(), account.as_bytes()]);
                Some((ResourceType::Person, Id::parse(&hex(&key[..16]))?))
            }
        }
    }
}

pub(super) async fn finish(tx: &mut Tx, tenant: &Tenant, standing: &Standing, now: Timestamp) -> Result<(), Refused> {
    if store::finish(tx, &tenant.id, &standing.flow.id, now).await? {
        Ok(())
    } else {
        Err(Refused::Gone)
    }
}
