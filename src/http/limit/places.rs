//! Places to work in: a few a key, and a short wait for one.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a request may wait for a place. A page of an app that asks for ten things at once should not fail for it.
const WAIT: Duration = Duration::from_secs(2);
/// For each place so many may wait.
const WAITING: usize = 8;

/// Who works and who waits, by key. Holds only keys with a request under way.
#[derive(Clone, Debug)]
pub(super) struct Places {
    desks: Arc<Mutex<HashMap<u64, Desk>>>,
    wait: Duration,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            desks: Arc::default(),
            wait: WAIT,
        }
    }
}

#[derive(Debug)]
struct Desk {
    places: Arc<Semaphore>,
    /// At work or waiting.
    present: usize,
}

/// A place at work; it is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
    _present: Present,
}

#[derive(Debug)]
struct Present {
    all: Places,
    key: u64,
}

impl Drop for Present {
    fn drop(&mut self) {
        let mut desks = self.all.desks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut desk) = desks.entry(self.key) {
            desk.get_mut().present -= 1;
            if desk.get().present == 0 {
                desk.remove();
            }
        }
    }
}

impl Places {
    /// One of `most` places, at once or soon; `None`: too many wait already, or none came free.
    pub async fn take(&self, key: u64, most: u32) -> Option<Place> {
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        let (places, present) = {
            let mut desks = self.desks.lock().unwrap_or_else(PoisonError::into_inner);
            let desk = desks.entry(key).or_insert_with(|| Desk {
                places: Arc::new(Semaphore::new(most)),
                present: 0,
            });
            if desk.present >= most.saturating_mul(1 + WAITING) {
                return None;
            }
            desk.present += 1;
            let all = self.clone();
            (Arc::clone(&desk.places), Present { all, key })
        };
        let permit = tokio::time::timeout(self.wait, places.acquire_owned()).await.ok()?;
        Some(Place {
            _permit: permit.expect("the semaphore is never closed"),
            _present: present,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn f10_a_few_work_some_wait_and_the_rest_is_refused() {
        let places = Places {
            wait: Duration::from_millis(500),
            ..Places::default()
        };
        let mut working = Vec::new();
        for _ in 0..4 {
            working.push(places.take(1, 4).await.unwrap());
        }
        assert!(places.take(2, 4).await.is_some(), "another key has its own");
        assert!(places.take(1, 4).await.is_none(), "nobody left within the wait");

        let waiting: Vec<_> = (0..32)
            .map(|_| {
                tokio::spawn({
                    let places = places.clone();
                    async move { places.take(1, 4).await.is_some() }
                })
            })
            .collect();
        tokio::task::yield_now().await;
        let started = tokio::time::Instant::now();
        assert!(places.take(1, 4).await.is_none());
        assert!(
            started.elapsed() < Duration::from_millis(250),
            "too many wait already: at once"
        );
        drop(working);
        for one in waiting {
            assert!(one.await.unwrap(), "a place came free");
        }
        assert!(
            places.desks.lock().unwrap().is_empty(),
            "nobody is there, nothing is kept"
        );
    }
}
