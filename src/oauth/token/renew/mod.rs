//! A refresh token that nobody rotated yet becomes a new pair, together with those that come at the same time.
//!
//! # Design
//! Almost every refresh is of this kind, and a transaction for each cost a commit and a dozen statements, one after the other because
//! each holds the tenant's audit chain. So everything that has to be known is looked up before, the answer is put together and signed, and
//! one task rotates what has come meanwhile: in one transaction, with the audit lines of all of them. An answer is given out after the
//! commit and not otherwise.
//!
//! The task waits some milliseconds for those that are under way already: the more share a commit, the less there is to do in all.
//! One that is alone waits for nobody.
//!
//! What was looked up may be old by then. That decides nothing: the one `UPDATE` rotates a token that is still there, that nobody
//! rotated and whose grant stands; and whatever an access token opens is asked again at each use. Everything else, and every
//! refusal, is decided in [`super::refresh`] alone, by a transaction of its own: a proof or an assertion, another app's token,
//! one that came before, and what could not be written here.

pub(crate) mod store;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::client::{self, Credentials};
use super::refresh::successor;
use super::{Issued, Posted, issue, who};
use crate::audit::{self, Action, Entry, Outcome};
use crate::clock::Clock;
use crate::config::{Tenant, TenantId};
use crate::db::{self, Db};
use crate::oauth::grant::store::Access;
use crate::oauth::grant::{Refresh, Turn};
use crate::oauth::scope::{Scope, Scopes};
use crate::oauth::{Error, Issuer, key, standing};
use crate::secret::sha256;
use store::Found;

/// How many may wait, and how many go into one commit.
const QUEUE: usize = 1_024;
const BATCH: usize = 64;
/// How long a commit waits for refreshes that are under way.
const LINGER: Duration = Duration::from_millis(4);

/// The task that rotates, from the first refresh on.
#[derive(Debug, Default)]
pub struct Renewals {
    queue: OnceLock<mpsc::Sender<Waiting>>,
    /// As many are being prepared.
    under_way: Arc<AtomicUsize>,
}

/// One that is being prepared, as long as this value is there.
struct UnderWay(Arc<AtomicUsize>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct Waiting {
    renewal: Renewal,
    /// Whether it was rotated.
    done: oneshot::Sender<bool>,
}

/// What is written when a token is rotated.
#[derive(Debug)]
struct Renewal {
    /// Of the token that came.
    hash: [u8; 32],
    access_hash: [u8; 32],
    access: Access,
    refresh_hash: [u8; 32],
    refresh: Refresh,
    entry: Entry,
    at: Timestamp,
}

/// The answer to a refresh that has nothing special; `None`: it has to be looked at more closely.
pub(super) async fn at_once(
    issuer: &Issuer,
    tenant: &Tenant,
    posted: &Posted,
    credentials: &Credentials,
) -> Result<Option<Value>, Error> {
    let under_way = issuer.renewals().enter();
    let Some((renewal, answer)) = prepare(issuer, tenant, posted, credentials).await? else {
        return Ok(None);
    };
    let rotated = issuer.renewals().rotate(issuer, renewal, under_way).await;
    Ok(rotated.then_some(answer))
}

/// What has to be written, and the answer that may be given out after that.
async fn prepare(
    issuer: &Issuer,
    tenant: &Tenant,
    posted: &Posted,
    credentials: &Credentials,
) -> Result<Option<(Renewal, Value)>, Error> {
    let Some(presented) = posted.form.get("refresh_token") else {
        return Ok(None);
    };
    let (hash, now) = (sha256(presented.as_bytes()), issuer.clock().now());
    let mut read = issuer.db().read().await?;
    let Some(found) = store::found(&mut read, &tenant.id, &hash).await? else {
        return Ok(None);
    };
    let Some(scopes) = plain(&found, credentials, posted.form.get("scope"), now) else {
        return Ok(None);
    };
    let Found { grant, app, .. } = found;
    let rights = standing::left(&mut read, tenant, &grant.account, grant.patient.as_ref(), now).await?;
    if rights.is_none() {
        return Ok(None);
    }
    let keys = match scopes.has(&Scope::OpenId) {
        true => Some(key::load_by(&mut read, issuer, &tenant.id).await?),
        false => None,
    };
    drop(read);
    let access_token = successor(issuer, &tenant.id, b"access", presented);
    let refresh_token = successor(issuer, &tenant.id, b"refresh", presented);
    let (access, refresh) = issue::lives(&app, &grant, &scopes, None, now);
    let mut entry = Entry::new(tenant.id.clone(), Action::TokenRefreshed, Outcome::Success)
        .by(who(&grant))
        .about(grant.patient.as_slice());
    if let Some(origin) = posted.origin {
        entry = entry.from(origin);
    }
    let renewal = Renewal {
        hash,
        access_hash: sha256(access_token.as_bytes()),
        refresh_hash: sha256(refresh_token.as_bytes()),
        entry,
        at: now,
        refresh,
        access: access.clone(),
    };
    let issued = Issued {
        grant,
        scopes,
        access_token,
        expires_at: access.expires_at,
        refresh_token: Some(refresh_token),
        first: false,
        alg: app.id_token_alg(tenant),
        jkt: None,
    };
    // Signed before anything is written: a key that does not sign uses no token up.
    let answer = issue::body(issuer, tenant, keys.as_deref(), &issued, now)?;
    Ok(Some((renewal, answer)))
}

/// The scopes of the new tokens, if there is nothing else to decide.
fn plain(found: &Found, credentials: &Credentials, asked: Option<&str>, now: Timestamp) -> Option<Scopes> {
    let Found { refresh, grant, app } = found;
    let is_plain = client::simply_proves(app, credentials)
        && !app.demands.dpop
        && refresh.jkt.is_none()
        && refresh.turn(now) == Ok(Turn::Rotate)
        && grant.lives(now)
        && grant.refreshes();
    let scopes = match asked.map(Scopes::parse) {
        None => Some(grant.scopes.clone()),
        Some(asked) => asked
            .ok()
            .filter(|asked| !asked.is_empty() && grant.scopes.covers(asked)),
    };
    scopes.filter(|_| is_plain)
}

impl Renewals {
    fn enter(&self) -> UnderWay {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        UnderWay(Arc::clone(&self.under_way))
    }

    /// Whether this call is the one that rotated the token; then everything that belongs to it is written.
    async fn rotate(&self, issuer: &Issuer, renewal: Renewal, under_way: UnderWay) -> bool {
        let queue = self.queue.get_or_init(|| {
            let (queue, renewals) = mpsc::channel(QUEUE);
            let under_way = Arc::clone(&self.under_way);
            tokio::spawn(run(issuer.db().clone(), issuer.clock().clone(), renewals, under_way));
            queue
        });
        let (done, rotated) = oneshot::channel();
        let sent = queue.try_send(Waiting { renewal, done });
        drop(under_way);
        // A queue that is full is no reason to fail: what has no place in it goes alone.
        match sent {
            Ok(()) => rotated.await.unwrap_or(false),
            Err(_) => false,
        }
    }
}

/// The task belongs to no request, so a caller that hangs up cancels nothing. It ends with the last issuer.
async fn run(db: Db, clock: Clock, mut renewals: mpsc::Receiver<Waiting>, under_way: Arc<AtomicUsize>) {
    let mut batch = Vec::with_capacity(BATCH);
    while renewals.recv_many(&mut batch, BATCH).await > 0 {
        let until = Instant::now() + LINGER;
        while batch.len() < BATCH && under_way.load(Ordering::Relaxed) > 0 {
            let room = BATCH - batch.len();
            match timeout_at(until, renewals.recv_many(&mut batch, room)).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => break,
            }
        }
        let written = write(&db, &batch, clock.now()).await;
        if let Err(error) = &written {
            // Each is tried alone now, and tells its own error.
            tracing::warn!(%error, renewals = batch.len(), "renewals could not be written together");
        }
        let rotated = written.unwrap_or_default();
        for (at, waiting) in batch.drain(..).enumerate() {
            // Nobody listens when the caller is gone; its tokens stand all the same.
            let _ = waiting.done.send(rotated.get(at).copied().unwrap_or(false));
        }
    }
}

/// Which of them were rotated.
async fn write(db: &Db, batch: &[Waiting], now: Timestamp) -> Result<Vec<bool>, db::Error> {
    // In the order of the tenants' names, so that two replicas never wait for each other's chain.
    let mut tenants: BTreeMap<&TenantId, Vec<usize>> = BTreeMap::new();
    for (at, waiting) in batch.iter().enumerate() {
        tenants.entry(&waiting.renewal.entry.tenant).or_default().push(at);
    }
    let mut rotated = vec![false; batch.len()];
    let mut tx = db.begin().await?;
    for (tenant, places) in &tenants {
        let hashes = places.iter().map(|at| batch[*at].renewal.hash);
        let mut won = store::rotate(&mut tx, tenant, hashes, now).await?;
        // Of two who show the same token the first gets it.
        let winners = places.iter().filter(|at| won.remove(&batch[**at].renewal.hash));
        let winners: Vec<&Renewal> = winners
            .map(|at| {
                rotated[*at] = true;
                &batch[*at].renewal
            })
            .collect();
        store::keep(&mut tx, tenant, &winners).await?;
    }
    // The lines last: each holds the chain of its tenant until the commit.
    for (tenant, places) in &tenants {
        let lines = places.iter().filter(|at| rotated[**at]).map(|at| &batch[*at].renewal);
        let lines: Vec<_> = lines.map(|renewal| (&renewal.entry, renewal.at)).collect();
        if !lines.is_empty() {
            audit::write_together(&mut tx, tenant, &lines).await?;
        }
    }
    tx.commit().await?;
    Ok(rotated)
}
