//! Search by type.

use std::collections::BTreeSet;

use super::{Answer, Call, Done, Error, Rest, line, link};
use crate::access::{self, Clients, Interaction, Visible};
use crate::audit::{Action, What};
use crate::fhir::bundle::{Bundle, Kind};
use crate::fhir::search::{BadParam, Filter, Handling, Query, Setting, Summary};
use crate::fhir::types::{Id, ResourceType};
use crate::resource::{self, Cursor, Found, Page};

/// A search as it came in.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub kind: ResourceType,
    /// Decoded names and values, from the URL and, for POST, from the form.
    pub pairs: &'a [(String, String)],
    pub handling: Handling,
}

/// The search itself and, on a page after the first, how it was reached.
struct Asked {
    query: Query,
    page: Page,
    /// The sealed link that asked for this page.
    link: Option<String>,
}

impl Rest {
    /// One page of a search.
    pub async fn search(&self, call: &Call<'_>, request: Request<'_>) -> Result<Answer, Error> {
        let kind = request.kind;
        let mut what = What {
            kind: Some(kind),
            ..What::default()
        };
        let found = async {
            let visible = access::decide(call.caller, &Interaction::Search(kind))?;
            let asked = self.asked(call, &request)?;
            what.query = line::query(&asked.query.used);
            let found = resource::search(&mut *self.db.read().await?, &visible, &asked.query, &asked.page).await?;
            Ok(Done {
                answer: Answer::Bundle(self.bundle(call, &asked, &found)),
                patients: searched(&visible, &asked.query, &found),
            })
        };
        let found = found.await;
        self.audited(call, Action::Search, what, found).await
    }

    fn asked(&self, call: &Call<'_>, request: &Request<'_>) -> Result<Asked, Error> {
        if request.kind == ResourceType::Person {
            // There is none in the store: a Person is made when it is read.
            return Err(Error::NotFound);
        }
        readable(request.pairs)?;
        let base = self.base(call);
        let setting = Setting {
            zone: &call.caller.tenant.zone,
            base: &base,
            now: self.clock.now(),
        };
        let parse = |pairs: &[(String, String)], handling| Query::parse(request.kind, pairs, handling, &setting);
        let Some((_, sealed)) = request.pairs.iter().find(|(name, _)| name == link::NAME) else {
            if link::written(request.pairs).len() > link::MAX_QUERY {
                let name = request.pairs.first().map_or("", |pair| &pair.0);
                let name = name.chars().take(64).collect();
                let reason = "the search is too long: send fewer or shorter parameters";
                return Err(BadParam { name, reason }.into());
            }
            let query = parse(request.pairs, request.handling)?;
            let page = Page {
                size: query.count,
                after: None,
            };
            return Ok(Asked {
                query,
                page,
                link: None,
            });
        };
        let opened = self.open(call, request.kind.as_str(), sealed)?;
        let query = parse(&opened.pairs, Handling::Lenient)?;
        let page = Page {
            size: query.count,
            after: Some(Cursor::from_bytes(&opened.place).ok_or(Error::Link)?),
        };
        let link = Some(sealed.clone());
        Ok(Asked { query, page, link })
    }

    fn bundle(&self, call: &Call<'_>, asked: &Asked, found: &Found) -> Vec<u8> {
        let (kind, used) = (asked.query.kind, &asked.query.used);
        let base = self.base(call);
        let page = |sealed: &str| format!("{base}/{kind}?{}={sealed}", link::NAME);
        let first = match link::written(used) {
            none if none.is_empty() => format!("{base}/{kind}"),
            written => format!("{base}/{kind}?{written}"),
        };
        let mut bundle = Bundle::new(Kind::Searchset);
        bundle.link("self", asked.link.as_deref().map_or_else(|| first.clone(), page));
        bundle.link("first", first);
        if let Some(next) = &found.next {
            bundle.link("next", page(&self.seal(call, kind.as_str(), used, &next.to_bytes())));
        }
        // A search that fits on one page is counted without being asked.
        let whole = asked.page.after.is_none() && found.next.is_none() && asked.query.summary == Summary::False;
        if let Some(total) = found.total.or(whole.then_some(found.entries.len() as u64)) {
            bundle.total(total);
        }
        for entry in &found.entries {
            bundle.found(&format!("{base}/{}/{}", entry.kind, entry.id), &entry.body);
        }
        bundle.into_bytes()
    }
}

/// Whose dossiers were searched: the visible clients, less those that the search itself left out. Of a search over everybody,
/// those of whom something was found.
fn searched(visible: &Visible, query: &Query, found: &Found) -> Vec<Id> {
    if *visible.clients() == Clients::All {
        let met = found.entries.iter().filter_map(|entry| entry.patient.clone());
        return met.collect::<BTreeSet<_>>().into_iter().collect();
    }
    let asked = |id: &&Id| {
        query.filters.iter().all(|filter| match filter {
            Filter::Patient(only) => only.contains(id),
            _ => true,
        })
    };
    visible.patients().iter().filter(asked).cloned().collect()
}

/// What is not UTF-8 came out of the decoder as a replacement character, and PostgreSQL holds no NUL: neither is a value of
/// anything that is stored.
pub(super) fn readable(pairs: &[(String, String)]) -> Result<(), BadParam> {
    let broken = |text: &str| text.contains(['\u{fffd}', '\0']);
    match pairs.iter().find(|(name, value)| broken(name) || broken(value)) {
        Some((name, _)) => Err(BadParam {
            name: name
                .chars()
                .filter(|c| !broken(c.encode_utf8(&mut [0; 4])))
                .take(64)
                .collect(),
            reason: "send text in UTF-8, percent-encoded, and no NUL",
        }),
        None => Ok(()),
    }
}
