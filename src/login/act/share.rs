//! Who else may look into a dossier: seen and changed by the client or a representative.
//!
//! # Design
//! The client and a representative manage the dossier, and, where the organisation allows it, a contact to whom one of them handed
//! that; what they change are the rights of contacts. Who was handed it cannot hand it on. A right of the client or of
//! a representative is the organisation's to give, so it is shown and stays as it is. Nobody gives what they may not see
//! themselves: of parts that are closed to the manager a contact keeps what they had. Everybody who manages the dossier is told
//! of each change, the one who made it too, in the same transaction.

use jiff::{SignedDuration, Timestamp};

use super::entry;
use crate::account::{self, Account, throttle::SHARE};
use crate::audit::{self, Action, Outcome};
use crate::config::Tenant;
use crate::consent::{self, Held, Parts, Right, Role};
use crate::db::{Conn, Tx};
use crate::fhir::types::Id;
use crate::login::notice::Notice;
use crate::login::session;
use crate::login::{At, Login, Refused};
use crate::oauth::grant;

/// A dossier that somebody manages.
#[derive(Clone, Debug)]
pub struct Shared {
    /// The manager's own right.
    pub right: Right,
    /// Everybody else who may look into it, by name.
    pub people: Vec<Looker>,
}

/// Somebody else who may look into a dossier.
#[derive(Clone)]
pub struct Looker {
    pub account: String,
    pub name: String,
    pub role: Role,
    pub parts: Parts,
}

impl std::fmt::Debug for Looker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Looker(…)")
    }
}

impl Login {
    /// The dossiers that who is logged in manages; `None` for who is not logged in. To be shown after a fresh second factor only.
    pub async fn shared(&self, at: &At) -> Result<Option<Vec<Shared>>, Refused> {
        let (now, tenant) = (self.now(), &at.tenant);
        let mut read = self.db.read().await?;
        let Some(session) = session::of_cookie(&mut read, &tenant.id, at.session.as_deref(), now).await? else {
            return Ok(None);
        };
        if !super::is_fresh(&session, now) {
            return Err(Refused::NotFresh);
        }
        let mut shared = Vec::new();
        for right in managed(&mut read, tenant, &session.account, now).await? {
            let mut people = Vec::new();
            for held in consent::held(&mut read, &tenant.id, &right.patient).await? {
                if held.account == session.account {
                    continue;
                }
                let found = account::find(&mut read, &tenant.id, &held.account).await?;
                people.extend(found.map(|(account, _)| Looker {
                    account: account.id,
                    name: account.name,
                    role: held.right.role,
                    parts: held.right.parts,
                }));
            }
            people.sort_by_cached_key(|person| person.name.to_lowercase());
            shared.push(Shared { right, people });
        }
        Ok(Some(shared))
    }

    /// Opens these parts of the dossier to a contact who may look into it, and no others; `None` ends their access. Returns the
    /// ids of the grants of their apps, which the process has to forget.
    pub async fn share(
        &self,
        at: At,
        patient: Id,
        contact: String,
        parts: Option<Parts>,
    ) -> Result<Vec<String>, Refused> {
        let login = self.clone();
        self.whole(async move {
            let (now, tenant) = (login.now(), &at.tenant);
            let mut tx = login.db.begin().await?;
            let here = login.fresh_home(&mut tx, &at, now).await?;
            settled(&here.account, now)?;
            consent::hold(&mut tx, &tenant.id, &patient).await?;
            let managed = managed(&mut tx, tenant, &here.account.id, now).await?;
            let Some(mine) = managed.into_iter().find(|right| right.patient == patient) else {
                return Err(Refused::OtherStep);
            };
            let everybody = consent::held(&mut tx, &tenant.id, &patient).await?;
            let theirs = everybody
                .iter()
                .find(|held| held.account == contact && held.right.role == Role::Contact)
                // Nobody changes what they have themselves.
                .filter(|held| held.account != here.account.id);
            let Some(theirs) = theirs else {
                return Err(Refused::OtherStep);
            };
            let mut right = theirs.right.clone();
            if let Some(parts) = parts {
                let mine = to_give(tenant, &mine);
                right.parts = parts.within(mine).and(right.parts.without(mine));
                if right.parts == theirs.right.parts {
                    return Ok(Vec::new());
                }
            }
            // Each change sends messages, which cost the organisation money and the managers patience.
            let bucket = format!("share:{patient}");
            let tries = account::store::hold(&mut tx, &tenant.id, &bucket).await?;
            if let Some(wait) = tries.wait(now) {
                return Err(Refused::Wait(wait));
            }
            account::store::failed(&mut tx, &tenant.id, &bucket, &SHARE, now).await?;
            // It may have ended meanwhile, with the account of the contact.
            if !consent::end(&mut tx, &tenant.id, &contact, &patient, now).await? {
                return Err(Refused::OtherStep);
            }
            if parts.is_some() {
                consent::grant(&mut tx, &tenant.id, &contact, &right, now).await?;
            }
            login.tell_managers(&mut tx, &at, &everybody, now).await?;
            let line = entry(&at, Action::ConsentChanged, Outcome::Success, &here.account.id)
                .about(std::slice::from_ref(&patient));
            audit::write(&mut tx, &line, now).await?;
            let living = grant::living(&mut tx, &tenant.id, &contact, now).await?;
            tx.commit().await?;
            login.outbox.wake();
            Ok(living.into_iter().map(|grant| grant.id).collect())
        })
        .await
    }

    async fn tell_managers(&self, tx: &mut Tx, at: &At, everybody: &[Held], now: Timestamp) -> Result<(), Refused> {
        let managers = everybody
            .iter()
            .filter(|held| held.right.role.manages() || held.right.parts.manage());
        for held in managers {
            if let Some((account, _)) = account::find(tx, &at.tenant.id, &held.account).await? {
                self.tell(tx, at, &account, Notice::AccessChanged, now).await?;
            }
        }
        Ok(())
    }
}

/// How long after a change of number nothing is changed in what others may see: whoever took over a number would do that first.
const UNSETTLED: SignedDuration = SignedDuration::from_hours(24);

fn settled(account: &Account, now: Timestamp) -> Result<(), Refused> {
    let left = account.mobile_changed_at.map(|at| UNSETTLED - now.duration_since(at));
    match left.filter(|left| left.is_positive()) {
        Some(left) => Err(Refused::NewNumber(left)),
        None => Ok(()),
    }
}

/// The rights of an account by which it manages a dossier.
async fn managed(conn: &mut Conn, tenant: &Tenant, account: &str, now: Timestamp) -> Result<Vec<Right>, Refused> {
    let rights = consent::rights(conn, tenant, account, now).await?;
    Ok(rights.into_iter().filter(Right::manages).collect())
}

/// What somebody with this right gives to a contact: what they see themselves, and the management if it is theirs by role.
pub fn to_give(tenant: &Tenant, right: &Right) -> Parts {
    let hands_over = tenant.policy.accounts.may_delegate && right.role.manages();
    let parts = right.parts.without(Parts::MANAGE);
    if hands_over { parts.and(Parts::MANAGE) } else { parts }
}
