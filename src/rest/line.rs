//! What of a request enters its audit line.

use crate::audit::Who;
use crate::consent::Role;
use crate::fhir::types::Id;
use crate::oauth::Caller;

/// Parameters whose values are codes, dates or numbers. Of all others only the name is kept: an identifier is a BSN, a name is a
/// name.
const CODED: &[&str] = &[
    "category",
    "clinical-status",
    "code",
    "date",
    "lifecycle-status",
    "status",
    "type",
    "_count",
    "_lastUpdated",
    "_sort",
    "_summary",
    "_total",
];

pub(super) fn who(caller: &Caller, patients: &[Id]) -> Who {
    Who {
        account: caller.account.clone(),
        client_id: Some(caller.client_id.clone()),
        grant: Some(caller.grant.clone()),
        role: match caller.account {
            Some(_) => role(caller, patients),
            None => Some("app"),
        },
    }
}

/// The role towards these clients, if it is the same towards all of them.
fn role(caller: &Caller, patients: &[Id]) -> Option<&'static str> {
    let of = |patient: &Id| {
        caller
            .rights
            .iter()
            .find(|right| right.patient == *patient)
            .map(|right| right.role)
    };
    let first = of(patients.first()?)?;
    patients
        .iter()
        .all(|patient| of(patient) == Some(first))
        .then_some(match first {
            Role::Client => "client",
            Role::Contact => "contact",
            Role::Representative => "representative",
        })
}

/// `code=11591000146107&date=ge2026-03-01&patient`: names, and values where they are coded.
pub(super) fn query(used: &[(String, String)]) -> Option<String> {
    let parts: Vec<String> = used
        .iter()
        .map(|(name, value)| {
            let plain = name.split(':').next().unwrap_or(name);
            if CODED.contains(&plain) && is_coded(value) {
                format!("{name}={value}")
            } else {
                name.clone()
            }
        })
        .collect();
    (!parts.is_empty()).then(|| parts.join("&"))
}

fn is_coded(value: &str) -> bool {
    value.len() <= 128
        && value
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.,:|/+".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_values_stay_out_of_the_line() {
        let used = [
            ("date", "ge2026-03-01"),
            ("identifier", "http://fhir.nl/fhir/NamingSystem/bsn|999911120"),
            ("code:not", "http://snomed.info/sct|11591000146107"),
            ("code", "mevrouw Bakker"),
            ("patient", "Patient/a"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(
            query(&used).as_deref(),
            Some("date=ge2026-03-01&identifier&code:not=http://snomed.info/sct|11591000146107&code&patient")
        );
        assert_eq!(query(&[]), None);
    }
}
