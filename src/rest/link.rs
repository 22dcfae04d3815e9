//! Page links: where the next page begins, sealed for the one who got it.
//!
//! # Design
//! A link holds the whole search and the place where the page ended, encrypted, so that it shows no id, date or client, and
//! bound to tenant, grant, scopes, client in context and path, so that it opens only for the token family it was made for. It
//! gives no access by itself: rights are decided anew on every page.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use url::form_urlencoded;

use super::{Call, Error, Rest};

/// The parameter that carries a link.
pub(super) const NAME: &str = "_page";

/// How long a link works.
const LIFE: SignedDuration = SignedDuration::from_hours(24);

/// The longest search, written out, that still fits into a link of less than 8 kB.
pub(super) const MAX_QUERY: usize = 5_000;

/// What a link holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub pairs: Vec<(String, String)>,
    pub place: Vec<u8>,
}

impl Rest {
    /// The value of [`NAME`] for the page of `path` (`Observation`, `Goal/a/_history`) after `place`.
    pub(super) fn seal(&self, call: &Call<'_>, path: &str, pairs: &[(String, String)], place: &[u8]) -> String {
        let written = written(pairs);
        let mut plain = Vec::with_capacity(12 + place.len() + written.len());
        plain.extend_from_slice(&self.clock.now().as_microsecond().to_be_bytes());
        plain.extend_from_slice(&u32::try_from(place.len()).unwrap_or(u32::MAX).to_be_bytes());
        plain.extend_from_slice(place);
        plain.extend_from_slice(written.as_bytes());
        URL_SAFE_NO_PAD.encode(self.links.seal(&self.random, &bound(call, path), &plain))
    }

    pub(super) fn open(&self, call: &Call<'_>, path: &str, sealed: &str) -> Result<Link, Error> {
        let sealed = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| Error::Link)?;
        let plain = self.links.open(&bound(call, path), &sealed).ok_or(Error::Link)?;
        let (made, link) = read(&plain).ok_or(Error::Link)?;
        let age = self.clock.now().duration_since(made);
        if age < LIFE { Ok(link) } else { Err(Error::Link) }
    }
}

fn read(plain: &[u8]) -> Option<(Timestamp, Link)> {
    let (made, rest) = plain.split_first_chunk::<8>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (place, pairs) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    let link = Link {
        pairs: form_urlencoded::parse(pairs).into_owned().collect(),
        place: place.to_vec(),
    };
    Some((Timestamp::from_microsecond(i64::from_be_bytes(*made)).ok()?, link))
}

/// What has to be the same when the link comes back.
fn bound(call: &Call<'_>, path: &str) -> Vec<u8> {
    let caller = call.caller;
    let parts = [
        caller.tenant.id.as_str(),
        &caller.grant,
        &caller.scopes.to_string(),
        caller.patient.as_ref().map_or("", |id| id.as_str()),
        path,
    ];
    parts.join("\n").into_bytes()
}

/// The pairs as a query string.
pub(super) fn written(pairs: &[(String, String)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}
