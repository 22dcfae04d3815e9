//! Password hashing: slow on purpose, so bounded.
//!
//! # Design
//! argon2id with 19 MiB, two passes, one lane (the OWASP minimum, some 23 ms of a core). Two at a time, on threads of their
//! own, never on those that serve requests; who would be number fifty in the queue gets "try again" instead. What is hashed
//! is a keyed hash of the password, so that a stolen database alone cannot be guessed at.
//!
//! Tries on one name go one after the other ([`Hasher::lane`]), so that the counter which the first one raised is seen by the
//! second: fifty guesses at once are worth no more than fifty in a row.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use tokio::sync::{Mutex, OwnedMutexGuard, Semaphore};

use super::password;
use crate::secret::{MacKey, MasterKey, Random, Secret, mac, sha256};

const AT_ONCE: usize = 2;
const QUEUE: usize = 50;
const LANES: usize = 64;

/// Too many logins wait already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many logins at once")]
pub struct Busy;

/// Hashes and verifies passwords. Cheap to clone; one for the whole process.
#[derive(Clone, Debug)]
pub struct Hasher(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    pepper: MacKey,
    running: Semaphore,
    waiting: AtomicUsize,
    lanes: Vec<Arc<Mutex<()>>>,
    /// Stands in for the hash of a name that does not exist.
    dummy: String,
    runs: AtomicU64,
}

/// The right to try one name; the next try on it waits for the drop.
#[derive(Debug)]
pub struct Lane {
    hasher: Hasher,
    _turn: OwnedMutexGuard<()>,
}

/// One place in the queue.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(19_456, 2, 1, Some(32)).expect("the parameters are within argon2's bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

impl Hasher {
    pub fn new(master: &MasterKey, random: &Random) -> Self {
        let pepper = master.mac_key("password-pepper");
        let dummy = phc(&pepper, &random.token(), &random.bytes());
        Self(Arc::new(Inner {
            pepper,
            running: Semaphore::new(AT_ONCE),
            waiting: AtomicUsize::new(0),
            lanes: (0..LANES).map(|_| Arc::default()).collect(),
            dummy,
            runs: AtomicU64::new(0),
        }))
    }

    /// How many times argon2 ran: what a test of equal treatment counts.
    pub fn runs(&self) -> u64 {
        self.0.runs.load(Ordering::SeqCst)
    }

    fn place(&self) -> Result<Place<'_>, Busy> {
        let place = Place(&self.0.waiting);
        if self.0.waiting.fetch_add(1, Ordering::SeqCst) >= QUEUE {
            return Err(Busy);
        }
        Ok(place)
    }

    /// Waits for the turn on `bucket`.
    pub async fn lane(&self, bucket: &str) -> Result<Lane, Busy> {
        let _place = self.place()?;
        let at = usize::from(sha256(bucket.as_bytes())[0]) % LANES;
        Ok(Lane {
            _turn: Arc::clone(&self.0.lanes[at]).lock_owned().await,
            hasher: self.clone(),
        })
    }

    /// The PHC string of a new password.
    pub async fn hash(&self, password: &Secret<String>, random: &Random) -> Result<String, Busy> {
        let salt = random.bytes::<16>();
        let password = password.clone();
        self.run(move |inner| phc(&inner.pepper, password.expose(), &salt))
            .await
    }

    /// Whether `password` is the one behind `stored`. Without `stored` the same work is done in vain.
    async fn verify(&self, password: &Secret<String>, stored: Option<String>) -> Result<bool, Busy> {
        let password = password.clone();
        self.run(move |inner| {
            let known = stored.is_some();
            let text = stored.unwrap_or_else(|| inner.dummy.clone());
            // A hash that cannot be read is compared with the dummy, and never fits.
            let (hash, readable) = match PasswordHash::new(&text) {
                Ok(hash) => (hash, true),
                Err(_) => (
                    PasswordHash::new(&inner.dummy).expect("the dummy is a PHC string"),
                    false,
                ),
            };
            let fits = argon2()
                .verify_password(&peppered(&inner.pepper, password.expose()), &hash)
                .is_ok();
            fits && known && readable
        })
        .await
    }

    /// Whether `password` is one of these old ones.
    pub async fn any(&self, password: &Secret<String>, old: Vec<String>) -> Result<bool, Busy> {
        for stored in old {
            if self.verify(password, Some(stored)).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce(&Inner) -> T + Send + 'static) -> Result<T, Busy> {
        let place = self.place()?;
        let permit = self.0.running.acquire().await.map_err(|_| Busy)?;
        drop(place);
        self.0.runs.fetch_add(1, Ordering::SeqCst);
        let inner = Arc::clone(&self.0);
        let done = tokio::task::spawn_blocking(move || work(&inner)).await;
        drop(permit);
        done.map_err(|_| Busy)
    }
}

impl Lane {
    /// See [`Hasher`]: exactly one run of argon2, whatever `stored` is.
    pub async fn verify(&self, password: &Secret<String>, stored: Option<String>) -> Result<bool, Busy> {
        self.hasher.verify(password, stored).await
    }
}

fn peppered(pepper: &MacKey, password: &str) -> [u8; 32] {
    mac(pepper, &[password::normal(password).as_bytes()])
}

fn phc(pepper: &MacKey, password: &str, salt: &[u8; 16]) -> String {
    let hash: PasswordHash = argon2()
        .hash_password_with_salt(&peppered(pepper, password), salt)
        .expect("argon2 hashes 32 bytes with a salt of 16");
    hash.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hasher() -> Hasher {
        Hasher::new(&MasterKey::new(&[1; 32]), &Random::seeded(1))
    }

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    #[tokio::test]
    async fn only_the_right_password_fits_and_each_try_costs_one_run() {
        let hasher = hasher();
        let stored = hasher.hash(&secret("een regen dag"), &Random::seeded(2)).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        let lane = hasher.lane("name:a").await.unwrap();
        for (password, stored, fits) in [
            ("een regen dag", Some(stored.clone()), true),
            ("een regen daG", Some(stored.clone()), false),
            ("een regen dag", None, false),
            ("een regen dag", Some("broken".to_owned()), false),
        ] {
            let before = hasher.runs();
            assert_eq!(lane.verify(&secret(password), stored).await.unwrap(), fits);
            assert_eq!(hasher.runs() - before, 1);
        }
    }

    #[tokio::test]
    async fn a_stolen_database_alone_cannot_be_guessed_at() {
        let stored = hasher()
            .hash(&secret("een regen dag"), &Random::seeded(2))
            .await
            .unwrap();
        let other = Hasher::new(&MasterKey::new(&[2; 32]), &Random::seeded(1));
        assert!(!other.any(&secret("een regen dag"), vec![stored]).await.unwrap());
    }

    #[tokio::test]
    async fn who_would_be_too_far_in_the_queue_is_sent_away() {
        let hasher = hasher();
        let _turn = hasher.lane("same").await.unwrap();
        let waiting: Vec<_> = (0..QUEUE + 5)
            .map(|_| {
                let hasher = hasher.clone();
                tokio::spawn(async move { hasher.lane("same").await.map(drop) })
            })
            .collect();
        tokio::task::yield_now().await;
        drop(_turn);
        let mut refused = 0;
        for task in waiting {
            refused += usize::from(task.await.unwrap().is_err());
        }
        assert_eq!(refused, 5);
    }
}
