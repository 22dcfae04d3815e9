//! `[tenant.<id>.sync]`: at which hours of the day a tenant's dossiers are fetched.

use super::reader::Reader;

/// Whole local hours, in order, each once; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slots(Vec<i8>);

impl Default for Slots {
    fn default() -> Self {
        Self(vec![7, 11, 15, 19, 23])
    }
}

impl Slots {
    /// These hours; what is no hour of a day is why not.
    pub fn new(hours: &[i64]) -> Result<Self, String> {
        let mut slots = Vec::with_capacity(hours.len());
        for hour in hours {
            match i8::try_from(*hour) {
                Ok(hour @ 0..24) if !slots.contains(&hour) => slots.push(hour),
                Ok(0..24) => return Err(format!("{hour} stands there twice")),
                _ => return Err(format!("{hour} is no hour of the day: expected 0 to 23")),
            }
        }
        slots.sort_unstable();
        match slots.is_empty() {
            true => Err("there must be at least one hour, or nothing is ever fetched".to_owned()),
            false => Ok(Self(slots)),
        }
    }

    pub fn hours(&self) -> &[i8] {
        &self.0
    }

    /// The last of the day, when few people use the source: it compares everything.
    pub fn last(&self) -> i8 {
        self.0.last().copied().unwrap_or(23)
    }
}

pub(super) fn read(reader: &mut Reader, tenant: &str) -> Slots {
    let key = format!("tenant.{tenant}.sync.slots");
    let is_set = reader.has_key(&key);
    let words = reader.list(
        &key,
        "local hours at which dossiers are fetched, [7, 11, 15, 19, 23] unless others stand here: 1 to 24 of them; the last one compares everything",
    );
    if !is_set {
        return Slots::default();
    }
    let hours: Result<Vec<i64>, String> = words
        .iter()
        .map(|word| {
            word.parse()
                .map_err(|_| format!("`{word}` is no whole hour: expected 0 to 23"))
        })
        .collect();
    hours.and_then(|hours| Slots::new(&hours)).unwrap_or_else(|problem| {
        reader.problem(&key, problem);
        Slots::default()
    })
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Problem};

    fn slots(text: &str) -> Result<Vec<i8>, Vec<Problem>> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("master.key"), "07".repeat(32)).unwrap();
        let text = format!(
            "[server]\npublic_url = \"https://gateway.example/\"\n[secrets]\nmaster_key_file = \"master.key\"\n\
             [sms]\ndir = \"outbox\"\n[tenant.topaz]\nname = \"Topaz\"\n{text}"
        );
        let config = Config::read(&dir.path().join("inzage.toml"), &text, std::iter::empty())?;
        Ok(config.tenant("topaz").unwrap().policy.slots.hours().to_vec())
    }

    #[test]
    fn a_tenant_chooses_its_hours() {
        assert_eq!(slots("").unwrap(), [7, 11, 15, 19, 23]);
        assert_eq!(slots("[tenant.topaz.sync]\nslots = [18, 6]\n").unwrap(), [6, 18]);
        assert_eq!(
            slots("[tenant.topaz.sync]\nslots = [\"07\", \"23\"]\n").unwrap(),
            [7, 23]
        );
        let all: Vec<String> = (0..24).map(|hour| hour.to_string()).collect();
        assert_eq!(
            slots(&format!("[tenant.topaz.sync]\nslots = [{}]\n", all.join(", ")))
                .unwrap()
                .len(),
            24
        );
    }

    #[test]
    fn what_is_no_list_of_hours_is_told_with_its_line() {
        for (wrong, says) in [
            ("[]", "at least one"),
            ("[24]", "24 is no hour"),
            ("[-1]", "-1 is no hour"),
            ("[7, 7]", "7 stands there twice"),
            ("[\"7:30\"]", "`7:30` is no whole hour"),
            ("[7.5]", "cannot stand here"),
            ("[[7]]", "cannot stand here"),
        ] {
            let problems = slots(&format!("[tenant.topaz.sync]\nslots = {wrong}\n")).unwrap_err();
            let problem = problems.iter().find(|problem| problem.key == "tenant.topaz.sync.slots");
            let problem = problem.unwrap_or_else(|| panic!("{wrong}: {problems:?}"));
            assert!(problem.message.contains(says), "{wrong}: {problem:?}");
            assert_eq!(problem.line, Some(10), "{wrong}");
        }
    }
}
