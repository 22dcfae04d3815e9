//! Registration by the person: whom the organisation expects asks for the link that it would otherwise send.
//!
//! # Design
//! Out of a signed form staff write down whom they expect: an account without password or number, with its rights
//! (`inzage account expect`). The person gives mail address and mobile number, and both have to be those that the ECD knows of
//! them. Then the link to choose a password goes to that address and the code of the first login to that number, so who knows
//! both of somebody else gets nowhere. Whoever asks sees the same page after the same work, as with a forgotten password.

use jiff::Timestamp;

use super::{At, Login, Refused};
use crate::account::link::{self, Link, Purpose};
use crate::account::{self, Account, Number, State, name_key};
use crate::audit::{self, Action, Entry, Outcome};
use crate::consent::{self, Right};
use crate::db::Tx;
use crate::secret::same;

use super::recover::{NAME, NETWORK};

/// What the person gives.
#[derive(Clone)]
pub struct Asked {
    pub email: String,
    pub mobile: Number,
}

impl std::fmt::Debug for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Asked(…)")
    }
}

/// Somebody who may register, and the dossiers that wait for them.
#[derive(Clone, Debug)]
pub struct Expected {
    account: Account,
    pub rights: Vec<Right>,
}

/// What the ECD knows of how to reach somebody.
#[derive(Clone, Default)]
pub struct Reach {
    pub emails: Vec<String>,
    pub numbers: Vec<String>,
}

impl std::fmt::Debug for Reach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reach(…)")
    }
}

impl Reach {
    /// Whether it is the same person: the number has to be there, and the address where the ECD has any.
    fn fits(&self, asked: &Asked) -> bool {
        let same_number = |number: &String| {
            let number = Number::parse(number);
            number.is_some_and(|number| same(number.as_str().as_bytes(), asked.mobile.as_str().as_bytes()))
        };
        let wanted = name_key(&asked.email);
        let same_address = |email: &String| same(name_key(email).as_bytes(), wanted.as_bytes());
        self.numbers.iter().any(same_number) && (self.emails.is_empty() || self.emails.iter().any(same_address))
    }
}

impl Login {
    /// Counts the try, and says who is expected under this address.
    pub async fn expected(&self, at: &At, asked: &Asked) -> Result<Option<Expected>, Refused> {
        let (login, at, asked) = (self.clone(), at.clone(), asked.clone());
        self.whole(async move {
            let (now, tenant) = (login.now(), &at.tenant.id);
            let mut tx = login.db.begin().await?;
            let name = format!("register:{}", login.keys.name_bucket(tenant, &asked.email));
            let network = at.origin.network.map(|network| format!("register:net:{network}"));
            for (bucket, limits) in network.iter().map(|bucket| (bucket, &NETWORK)).chain([(&name, &NAME)]) {
                if let Some(wait) = account::store::hold(&mut tx, tenant, bucket).await?.wait(now) {
                    return Err(Refused::Wait(wait));
                }
                account::store::failed(&mut tx, tenant, bucket, limits, now).await?;
            }
            let found = account::by_name(&mut tx, tenant, &asked.email).await?;
            let id = found
                .as_ref()
                .map(|(account, _)| account.id.clone())
                .unwrap_or_default();
            let rights = consent::rights(&mut tx, &at.tenant, &id, now).await?;
            tx.commit().await?;
            let waits = |account: &Account| matches!(account.state, State::Expected | State::MustChangePassword);
            let account = found.map(|(account, _)| account).filter(waits);
            Ok(account.map(|account| Expected { account, rights }))
        })
        .await
    }

    /// Mails the link to choose a password to who is expected, if the ECD knows the person by what they gave.
    pub async fn register(
        &self,
        at: At,
        asked: Asked,
        expected: Option<Expected>,
        known: Vec<Reach>,
    ) -> Result<(), Refused> {
        let login = self.clone();
        self.whole(async move {
            let (now, tenant) = (login.now(), &at.tenant);
            let fits = known.iter().any(|reach| reach.fits(&asked));
            let patients: Vec<_> = expected
                .iter()
                .flat_map(|expected| &expected.rights)
                .map(|right| right.patient.clone())
                .collect();
            let known = expected.as_ref().map(|expected| expected.account.id.clone());
            let mut tx = login.db.begin().await?;
            let account = match expected.filter(|_| fits) {
                Some(expected) => login.begun(&mut tx, &at, &asked, expected.account, now).await?,
                None => None,
            };
            let link = Link {
                account: account.as_ref().map(|account| account.id.clone()).unwrap_or_default(),
                purpose: Purpose::Invite,
                sealed: None,
            };
            let secret = link::create(&mut tx, &tenant.id, &link, now, &login.random).await?;
            let outcome = if account.is_some() {
                login
                    .mail_link(&mut tx, tenant, &asked.email, link.purpose, &secret, now)
                    .await?;
                Outcome::Success
            } else {
                login.mail_nobody(&mut tx, tenant, &secret, now).await?;
                Outcome::Refused(if known.is_some() {
                    "not-as-the-ecd-says"
                } else {
                    "not-expected"
                })
            };
            let mut line = Entry::new(tenant.id.clone(), Action::Registered, outcome)
                .about(&patients)
                .from(at.origin);
            line.who.account = known;
            line.what.query = tenant.policy.terms.privacy_read();
            audit::write(&mut tx, &line, now).await?;
            tx.commit().await?;
            login.outbox.wake();
            Ok(())
        })
        .await
    }

    /// The account as it is now: with its number, and waiting for a password. `None`: somebody else was first.
    async fn begun(
        &self,
        tx: &mut Tx,
        at: &At,
        asked: &Asked,
        account: Account,
        now: Timestamp,
    ) -> Result<Option<Account>, Refused> {
        let tenant = &at.tenant.id;
        if account.state == State::Expected {
            let sealed = self.keys.seal_number(tenant, &account, &asked.mobile, &self.random);
            account::store::registered(tx, tenant, &account.id, &sealed, now).await?;
        }
        let found = account::find(tx, tenant, &account.id).await?;
        Ok(found
            .map(|(account, _)| account)
            .filter(|account| account.state == State::MustChangePassword)
            .filter(|account| account.mobile_key == self.keys.number_key(&asked.mobile)))
    }
}
