//! Mishaps on purpose: a share of a mock's answers goes wrong, as those of products do.
//!
//! ```
//! use inzage::ecd::mock::Mishaps;
//! let mishaps: Mishaps = "20:timeout,half,500".parse().unwrap();
//! assert!("200:timeout".parse::<Mishaps>().is_err() && "5:fire".parse::<Mishaps>().is_err());
//! # drop(mishaps);
//! ```
//!
//! # Design
//! For tests and for integrators (`inzage mock … --faults 10`): the first number is the share of answers in percent, the names
//! narrow the kinds. The draw comes from a generator with a seed, so a run can be repeated. A mishap changes an answer that
//! was right: halves it, doubles or shuffles its records, empties its list. So what a connector is given looks as real as it can.

use std::str::FromStr;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;

use crate::secret::Random;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// No answer before the other side gives up.
    Timeout,
    /// HTTP 500; Caress adds "Access violation at address".
    ServerError,
    /// HTTP 429.
    TooMany,
    /// Status 200 and no JSON.
    Garbage,
    /// The body ends in the middle.
    Half,
    /// Some records come twice.
    Duplicates,
    /// The records come in another order.
    Disorder,
    /// A list that is empty and says nothing.
    Empty,
    /// The answer takes a while.
    Slow,
    /// The handshake offers a certificate of an authority that nobody trusts.
    WrongCertificate,
}

impl Mishap {
    const ALL: [(Self, &'static str); 10] = [
        (Self::Timeout, "timeout"),
        (Self::ServerError, "500"),
        (Self::TooMany, "429"),
        (Self::Garbage, "garbage"),
        (Self::Half, "half"),
        (Self::Duplicates, "duplicates"),
        (Self::Disorder, "disorder"),
        (Self::Empty, "empty"),
        (Self::Slow, "slow"),
        (Self::WrongCertificate, "wrong-certificate"),
    ];
}

/// Which share of the answers goes wrong, and how.
#[derive(Clone, Debug)]
pub struct Mishaps {
    percent: u8,
    kinds: Vec<Mishap>,
    random: Random,
    /// Whether an error of the server is told in the words of Caress.
    is_caress: bool,
    /// How long `Timeout` holds an answer back.
    pub timeout: Duration,
}

impl Default for Mishaps {
    /// None.
    fn default() -> Self {
        Self {
            percent: 0,
            kinds: Vec::new(),
            random: Random::seeded(0),
            is_caress: false,
            timeout: Duration::from_secs(300),
        }
    }
}

impl FromStr for Mishaps {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (percent, names) = text.split_once(':').unwrap_or((text, ""));
        let percent = percent.parse().ok().filter(|percent| *percent <= 100);
        let percent = percent.ok_or("expected a share from 0 to 100, and names behind a colon: 10:timeout,half")?;
        let kinds = if names.is_empty() {
            Mishap::ALL.iter().map(|(kind, _)| *kind).collect()
        } else {
            let known = |name: &str| {
                let found = Mishap::ALL.iter().find(|(_, known)| *known == name.trim());
                found.map(|(kind, _)| *kind).ok_or_else(|| {
                    let names: Vec<_> = Mishap::ALL.iter().map(|(_, name)| *name).collect();
                    format!("{name}: expected {}", names.join(", "))
                })
            };
            names.split(',').map(known).collect::<Result<_, _>>()?
        };
        Ok(Self {
            percent,
            kinds,
            random: Random::seeded(1),
            ..Self::default()
        })
    }
}

impl Mishaps {
    /// The same from another seed.
    #[must_use]
    pub fn seeded(self, seed: u64) -> Self {
        Self {
            random: Random::seeded(seed),
            ..self
        }
    }

    /// The same in the words of Caress.
    pub(super) fn of_caress(self) -> Self {
        Self {
            is_caress: true,
            ..self
        }
    }

    fn number(&self, below: usize) -> usize {
        let draw = u32::from_be_bytes(self.random.bytes()) as usize;
        draw % below.max(1)
    }

    /// What happens to the next answer, if anything; a wrong certificate happens to handshakes alone.
    fn draw(&self, of_handshake: bool) -> Option<Mishap> {
        let fits = |kind: &&Mishap| (**kind == Mishap::WrongCertificate) == of_handshake;
        let kinds: Vec<Mishap> = self.kinds.iter().filter(fits).copied().collect();
        let is_drawn = !kinds.is_empty() && self.number(100) < usize::from(self.percent);
        is_drawn.then(|| kinds[self.number(kinds.len())])
    }

    /// Whether this handshake offers the wrong certificate.
    pub(super) fn spoils_handshake(&self) -> bool {
        self.draw(true).is_some()
    }
}

/// Puts the mishaps between a mock and who asks.
pub(super) async fn layer(State(mishaps): State<Mishaps>, request: Request, next: Next) -> Response {
    let drawn = mishaps.draw(false);
    match drawn {
        None => return next.run(request).await,
        Some(Mishap::Timeout) => tokio::time::sleep(mishaps.timeout).await,
        Some(Mishap::Slow) => tokio::time::sleep(Duration::from_secs(2)).await,
        Some(Mishap::ServerError) if mishaps.is_caress => return super::caress::violation(),
        Some(Mishap::ServerError) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Some(Mishap::TooMany) => return StatusCode::TOO_MANY_REQUESTS.into_response(),
        Some(_) => {}
    }
    let answer = next.run(request).await;
    if answer.status() != StatusCode::OK {
        return answer;
    }
    let (mut parts, body) = answer.into_parts();
    let Ok(body) = axum::body::to_bytes(body, 512 << 20).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let body = match drawn {
        Some(Mishap::Garbage) => {
            parts
                .headers
                .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            Bytes::from_static(b"\x00\xff{\"\xf0\x28\x8c<html>")
        }
        Some(Mishap::Half) => body.slice(..body.len() / 2),
        Some(kind) => changed(kind, &body, &mishaps).map_or(body, Bytes::from),
        None => body,
    };
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(body))
}

/// The answer with its records doubled, shuffled or gone; none where it has no list.
fn changed(kind: Mishap, body: &[u8], mishaps: &Mishaps) -> Option<Vec<u8>> {
    if let Ok(mut answer) = serde_json::from_slice::<Value>(body) {
        edit(kind, list(&mut answer)?, mishaps);
        return serde_json::to_vec(&answer).ok();
    }
    let mut lines: Vec<Vec<u8>> = body.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
    edit(kind, &mut lines, mishaps);
    Some(lines.concat())
}

fn list(answer: &mut Value) -> Option<&mut Vec<Value>> {
    match answer {
        Value::Array(list) => Some(list),
        Value::Object(object) if object.len() == 1 => object.values_mut().next()?.as_array_mut(),
        _ => None,
    }
}

fn edit<T: Clone>(kind: Mishap, list: &mut Vec<T>, mishaps: &Mishaps) {
    match kind {
        Mishap::Duplicates => {
            for place in (0..list.len()).step_by(3) {
                list.push(list[place].clone());
            }
        }
        Mishap::Disorder => {
            for place in (1..list.len()).rev() {
                list.swap(place, mishaps.number(place + 1));
            }
        }
        Mishap::Empty => list.clear(),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_doubled_shuffled_and_emptied_in_each_of_its_forms() {
        let mishaps: Mishaps = "100".parse().unwrap();
        for body in ["[1,2,3,4]", "{\"reports\":[1,2,3,4]}", "1 \n2 \n3 \n4 \n"] {
            let of = |kind| String::from_utf8(changed(kind, body.as_bytes(), &mishaps).unwrap()).unwrap();
            let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
            assert_eq!(digits(&of(Mishap::Duplicates)), "123414", "{body}");
            assert_eq!(digits(&of(Mishap::Empty)), "", "{body}");
            let mut shuffled: Vec<char> = digits(&of(Mishap::Disorder)).chars().collect();
            shuffled.sort_unstable();
            assert_eq!(shuffled, ['1', '2', '3', '4'], "{body}");
        }
    }

    #[test]
    fn the_share_is_kept_and_a_seed_repeats_it() {
        let drawn = |seed| {
            let mishaps = "30".parse::<Mishaps>().unwrap().seeded(seed);
            (0..1000).map(|_| mishaps.draw(false)).collect::<Vec<_>>()
        };
        let first = drawn(3);
        let count = first.iter().flatten().count();
        assert!((240..360).contains(&count), "{count}");
        assert!(first == drawn(3) && first != drawn(4));
        assert!(first.iter().flatten().all(|kind| *kind != Mishap::WrongCertificate));
    }
}
