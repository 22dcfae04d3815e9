//! The versions of one resource.

use super::{Answer, Call, Done, Error, Rest, link};
use crate::access::{self, Interaction};
use crate::audit::{Action, What};
use crate::fhir::bundle::{Bundle, Kind, Version};
use crate::fhir::search::{BadParam, DEFAULT_COUNT, Handling, MAX_COUNT};
use crate::fhir::types::{Id, ResourceType};
use crate::resource::{self, Versions};

/// Which page of the versions.
struct Asked {
    count: usize,
    before: Option<i64>,
    link: Option<String>,
}

impl Rest {
    /// One page of the versions of a resource, newest first. `_count` is the only parameter.
    pub async fn history(
        &self,
        call: &Call<'_>,
        kind: ResourceType,
        id: &Id,
        pairs: &[(String, String)],
        handling: Handling,
    ) -> Result<Answer, Error> {
        let found = async {
            let visible = access::decide(call.caller, &Interaction::Read(kind, id))?;
            let asked = self.page_of_versions(call, kind, id, pairs, handling)?;
            let mut conn = self.db.read().await?;
            let versions = resource::history(&mut conn, &visible, kind, id, asked.count, asked.before).await?;
            drop(conn);
            let versions = versions.ok_or(Error::NotFound)?;
            let patient = versions.entries.first().and_then(|entry| entry.patient.clone());
            Ok(Done {
                answer: Answer::Bundle(self.history_bundle(call, kind, id, &asked, &versions)),
                patients: patient.map_or_else(|| visible.patients().to_vec(), |id| vec![id]),
            })
        };
        let what = What {
            kind: Some(kind),
            id: Some(id.clone()),
            ..What::default()
        };
        self.audited(call, Action::History, what, found.await).await
    }

    fn page_of_versions(
        &self,
        call: &Call<'_>,
        kind: ResourceType,
        id: &Id,
        pairs: &[(String, String)],
        handling: Handling,
    ) -> Result<Asked, Error> {
        let Some((_, sealed)) = pairs.iter().find(|(name, _)| name == link::NAME) else {
            return Ok(Asked {
                count: count(pairs, handling)?,
                before: None,
                link: None,
            });
        };
        let opened = self.open(call, &path(kind, id), sealed)?;
        let before = opened.place.try_into().map_err(|_| Error::Link)?;
        Ok(Asked {
            count: count(&opened.pairs, Handling::Lenient)?,
            before: Some(i64::from_be_bytes(before)),
            link: Some(sealed.clone()),
        })
    }

    fn history_bundle(&self, call: &Call<'_>, kind: ResourceType, id: &Id, asked: &Asked, found: &Versions) -> Vec<u8> {
        let base = self.base(call);
        let (full_url, reference) = (format!("{base}/{kind}/{id}"), format!("{kind}/{id}"));
        let page = |sealed: &str| format!("{full_url}/_history?{}={sealed}", link::NAME);
        let first = format!("{full_url}/_history?_count={}", asked.count);
        let mut bundle = Bundle::new(Kind::History);
        bundle.link("self", asked.link.as_deref().map_or_else(|| first.clone(), page));
        bundle.link("first", first);
        if let Some(next) = found.next {
            let pairs = [("_count".to_owned(), asked.count.to_string())];
            let sealed = self.seal(call, &path(kind, id), &pairs, &next.to_be_bytes());
            bundle.link("next", page(&sealed));
        }
        if asked.before.is_none() && found.next.is_none() {
            bundle.total(found.entries.len() as u64);
        }
        for entry in &found.entries {
            bundle.version(&Version {
                full_url: &full_url,
                reference: &reference,
                version: entry.version,
                last_modified: &entry.last_updated.to_string(),
                body: &entry.body,
            });
        }
        bundle.into_bytes()
    }
}

fn path(kind: ResourceType, id: &Id) -> String {
    format!("{kind}/{id}/_history")
}

fn count(pairs: &[(String, String)], handling: Handling) -> Result<usize, BadParam> {
    let bad = |name: &str, reason| BadParam {
        name: name.chars().take(64).collect(),
        reason,
    };
    let mut count = DEFAULT_COUNT;
    for (name, value) in pairs {
        match (name.as_str(), handling) {
            ("_format" | "_pretty", _) => {}
            ("_count", _) => {
                let asked: usize = value
                    .parse()
                    .map_err(|_| bad(name, "must be a whole number from 1 to 200"))?;
                count = asked.clamp(1, MAX_COUNT);
            }
            // Of FHIR and not offered: an answer that left it out would be a wrong one.
            ("_since" | "_at", _) => return Err(bad(name, "is not supported for a history: send _count only")),
            (_, Handling::Strict) => return Err(bad(name, "is not a parameter of a history: send _count only")),
            (_, Handling::Lenient) => {}
        }
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(name: &str, value: &str, handling: Handling) -> Result<usize, BadParam> {
        count(&[(name.to_owned(), value.to_owned())], handling)
    }

    #[test]
    fn the_page_size_is_bounded() {
        assert_eq!(asked("_count", "1000000", Handling::Strict), Ok(MAX_COUNT));
        assert_eq!(asked("_count", "0", Handling::Strict), Ok(1));
        assert_eq!(asked("_format", "json", Handling::Strict), Ok(DEFAULT_COUNT));
        for value in ["-1", "x", "", "99999999999999999999999"] {
            assert_eq!(asked("_count", value, Handling::Lenient).unwrap_err().name, "_count");
        }
    }

    #[test]
    fn an_unknown_parameter_is_refused_only_when_strict() {
        assert_eq!(asked("_other", "2026", Handling::Lenient), Ok(DEFAULT_COUNT));
        assert_eq!(asked("_other", "2026", Handling::Strict).unwrap_err().name, "_other");
        for handling in [Handling::Lenient, Handling::Strict] {
            for name in ["_since", "_at"] {
                assert_eq!(asked(name, "2026", handling).unwrap_err().name, name);
            }
        }
    }
}
