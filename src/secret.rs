//! Secrets that neither print nor serialise, the passed random generator, and the keyed hashes of codes and tokens.
//!
//! ```
//! use inzage::secret::{Random, Secret};
//! let random = Random::seeded(1);
//! assert_eq!(random.digits(6).len(), 6);
//! assert_eq!(format!("{:?}", Secret::new("hunter2".to_owned())), "Secret(…)");
//! ```
//!
//! # Design
//! Hashes and MACs come from aws-lc-rs, which also signs and speaks TLS: one provider in the whole binary.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::{constant_time, digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use zeroize::Zeroize;

/// A value that is wiped when dropped and that shows nothing in `Debug`.
#[derive(Clone)]
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself; each call is a place to review.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl<'de, T: Zeroize + serde::Deserialize<'de>> serde::Deserialize<'de> for Secret<T> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        T::deserialize(from).map(Self)
    }
}

/// The random generator that is passed to every rule that needs one.
#[derive(Clone)]
pub enum Random {
    /// The operating system's generator.
    Os,
    /// A repeatable one, for tests and demo content. Never for secrets of a served gateway.
    Seeded(Arc<Mutex<StdRng>>),
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Os => "Random::Os",
            Self::Seeded(_) => "Random::Seeded",
        })
    }
}

impl Random {
    pub fn seeded(seed: u64) -> Self {
        Self::Seeded(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    /// Fills `into` with random bytes.
    pub fn fill(&self, into: &mut [u8]) {
        match self {
            Self::Os => aws_lc_rs::rand::fill(into).expect("the operating system gives random bytes"),
            Self::Seeded(rng) => rng.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(into),
        }
    }

    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// 256 bits as 43 base64url characters: access tokens, codes, links, cookies.
    pub fn token(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes::<32>())
    }

    /// `count` decimal digits, each equally likely (rejection sampling).
    pub fn digits(&self, count: usize) -> String {
        let mut digits = String::with_capacity(count);
        while digits.len() < count {
            let [byte] = self.bytes::<1>();
            if byte < 250 {
                digits.push(char::from(b'0' + byte % 10));
            }
        }
        digits
    }

    /// A UUID version 7 (RFC 9562 §5.7): for what is born in the gateway.
    pub fn uuid_v7(&self, now: Timestamp) -> uuid::Uuid {
        let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &self.bytes::<10>()).into_uuid()
    }
}

/// A key for [`mac`]; never printed.
#[derive(Clone)]
pub struct MacKey(hmac::Key);

impl MacKey {
    pub fn new(bytes: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey(…)")
    }
}

/// HMAC-SHA256 over the parts, each with its length in front, so that `("ab","c")` and `("a","bc")` differ.
pub fn mac(key: &MacKey, parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(&key.0);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    context.sign().as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// HMAC-SHA512 (RFC 2104) of `body` with a key that is shared with somebody else: webhooks.
pub fn hmac_sha512(key: &Secret<String>, body: &[u8]) -> [u8; 64] {
    let key = hmac::Key::new(hmac::HMAC_SHA512, key.expose().as_bytes());
    hmac::sign(&key, body)
        .as_ref()
        .try_into()
        .expect("SHA-512 has 64 bytes")
}

/// SHA-256 of `bytes`: how tokens are kept at rest.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest::digest(&digest::SHA256, bytes)
        .as_ref()
        .try_into()
        .expect("SHA-256 has 32 bytes")
}

/// Compares without telling where the first difference is.
pub fn same(a: &[u8], b: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(a, b).is_ok()
}

/// The one key of a deployment, out of a file; every other symmetric key is derived from it by purpose.
#[derive(Clone)]
pub struct MasterKey(MacKey);

impl MasterKey {
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(MacKey::new(bytes))
    }

    /// A MAC key for one purpose, for example `"sms-code"` or `"resource-id:topaz"`.
    pub fn mac_key(&self, purpose: &str) -> MacKey {
        MacKey::new(&mac(&self.0, &[b"mac", purpose.as_bytes()]))
    }

    /// An encryption key for one purpose, for example `"outbox"` or `"page-link"`.
    pub fn sealer(&self, purpose: &str) -> Sealer {
        Sealer::new(&mac(&self.0, &[b"seal", purpose.as_bytes()]))
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

/// Authenticated encryption (AES-256-GCM with a random nonce in front) of what must not lie open: outbox bodies, page links.
#[derive(Clone)]
pub struct Sealer(Arc<LessSafeKey>);

impl Sealer {
    fn new(key: &[u8; 32]) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, key).expect("the key has 32 bytes");
        Self(Arc::new(LessSafeKey::new(key)))
    }

    /// Seals `plain`; `bound` must be the same when it is opened (a tenant, a token id).
    pub fn seal(&self, random: &Random, bound: &[u8], plain: &[u8]) -> Vec<u8> {
        let nonce = random.bytes::<12>();
        let mut body = plain.to_vec();
        self.0
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(bound), &mut body)
            .expect("a body in memory is short enough for AES-GCM");
        [&nonce[..], &body].concat()
    }

    /// The plain bytes, if `sealed` was made with this key and the same `bound`.
    pub fn open(&self, bound: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, body) = sealed.split_first_chunk::<12>()?;
        let mut body = body.to_vec();
        let plain = self
            .0
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(bound), &mut body)
            .ok()?;
        Some(plain.to_vec())
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(…)")
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_nothing() {
        assert_eq!(
            format!("{:?}", Some(Secret::new("s3cret".to_owned()))),
            "Some(Secret(…))"
        );
        assert_eq!(format!("{:?}", MacKey::new(b"k")), "MacKey(…)");
    }

    #[test]
    fn a_mac_keeps_its_parts_apart() {
        let key = MacKey::new(b"key");
        assert_ne!(mac(&key, &[b"ab", b"c"]), mac(&key, &[b"a", b"bc"]));
        assert_eq!(mac(&key, &[b"ab", b"c"]), mac(&key, &[b"ab", b"c"]));
    }

    #[test]
    fn what_is_sealed_opens_only_where_it_is_bound() {
        let (sealer, random) = (MasterKey::new(&[7; 32]).sealer("test"), Random::seeded(1));
        let mut sealed = sealer.seal(&random, b"topaz", b"hello");
        assert_eq!(sealer.open(b"topaz", &sealed).as_deref(), Some(&b"hello"[..]));
        assert_eq!(sealer.open(b"amaris", &sealed), None);
        assert_eq!(MasterKey::new(&[7; 32]).sealer("other").open(b"topaz", &sealed), None);
        sealed[14] ^= 1;
        assert_eq!(sealer.open(b"topaz", &sealed), None);
    }

    #[test]
    fn the_shared_hash_is_that_of_rfc_4231() {
        let hash = hmac_sha512(&Secret::new("Jefe".to_owned()), b"what do ya want for nothing?");
        assert_eq!(
            hex(&hash),
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
        );
    }

    #[test]
    fn digits_are_evenly_spread() {
        let random = Random::seeded(7);
        let text = random.digits(20_000);
        for digit in '0'..='9' {
            let seen = text.chars().filter(|c| *c == digit).count();
            assert!((1_800..2_200).contains(&seen), "{digit} came {seen} times");
        }
    }
}
