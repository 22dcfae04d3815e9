//! The permits of a certificate: how many requests may be open with it at once, in the whole process.
//!
//! # Design
//! The product counts per certificate, so the semaphore is found by the certificate's hash. Weak entries: when the last
//! connector with a certificate goes, so do its permits.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use tokio::sync::Semaphore;

use crate::secret;

static PERMITS: LazyLock<Mutex<HashMap<[u8; 32], Weak<Semaphore>>>> = LazyLock::new(Mutex::default);

/// The permits of the certificate with these DER bytes; `parallel` counts when the first connector asks.
pub(in crate::ecd) fn of(certificate: &[u8], parallel: usize) -> Arc<Semaphore> {
    let mut permits = PERMITS.lock().unwrap_or_else(PoisonError::into_inner);
    permits.retain(|_, entry| entry.strong_count() > 0);
    let entry = permits.entry(secret::sha256(certificate)).or_default();
    entry.upgrade().unwrap_or_else(|| {
        let fresh = Arc::new(Semaphore::new(parallel.max(1)));
        *entry = Arc::downgrade(&fresh);
        fresh
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connectors_with_one_certificate_share_its_permits() {
        let first = of(b"one", 4);
        let again = of(b"one", 4);
        let other = of(b"two", 4);
        let held = first.try_acquire_many(3).unwrap();
        assert_eq!((again.available_permits(), other.available_permits()), (1, 4));
        drop(held);
        drop((first, again));
        assert_eq!(of(b"one", 2).available_permits(), 2);
    }
}
