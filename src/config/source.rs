//! `[tenant.<id>.ons]` and `[tenant.<id>.caress]`: where the dossiers of a tenant come from.

use std::collections::BTreeSet;

use super::reader::Reader;
use super::{CaressSource, OnsList, OnsSource, Source};

/// The source of a tenant, if it has one; the outer `None` when it cannot be read.
pub(super) fn read(reader: &mut Reader, name: &str) -> Option<Option<Source>> {
    let has_ons = reader.has(&format!("tenant.{name}.ons"));
    let has_caress = reader.has(&format!("tenant.{name}.caress"));
    // The reference shows both; a tenant has one.
    if has_ons && has_caress && name != "<id>" {
        reader.problem(
            &format!("tenant.{name}.caress"),
            "a tenant has one source: remove this section or ons".to_owned(),
        );
    }
    let caress = has_caress.then(|| caress(reader, name));
    let ons = has_ons.then(|| ons(reader, name));
    match (ons, caress) {
        (Some(source), _) => Some(Some(Source::Ons(source?))),
        (None, Some(source)) => Some(Some(Source::Caress(source?))),
        (None, None) => Some(None),
    }
}

fn ons(reader: &mut Reader, name: &str) -> Option<OnsSource> {
    let at = |key: &str| format!("tenant.{name}.ons.{key}");
    let base_url = reader.value(
        &at("base_url"),
        "",
        "an https URL",
        "the Ons API, for example https://api.ons.io/",
    );
    let ca_file = reader.path(
        &at("ca_file"),
        "PEM of the authority that signed the server's certificate",
    );
    let certificate_file = reader.path(&at("certificate_file"), "PEM of the client certificate");
    let key_file = reader.path(&at("key_file"), "PEM of its private key");
    let words = reader.list(
        &at("without"),
        "lists that the certificate has no right to, separated by commas: careproviders, client_employee_relations, insurances",
    );
    let mut without = BTreeSet::new();
    for word in words {
        match OnsList::parse(&word) {
            Some(list) => drop(without.insert(list)),
            None => reader.problem(
                &at("without"),
                format!("`{word}` cannot be left out; known are careproviders, client_employee_relations, insurances"),
            ),
        }
    }
    Some(OnsSource {
        base_url: base_url?,
        ca_file: ca_file?,
        certificate_file: certificate_file?,
        key_file: key_file?,
        without,
    })
}

fn caress(reader: &mut Reader, name: &str) -> Option<CaressSource> {
    let drop_dir = reader.path(
        &format!("tenant.{name}.caress.drop_dir"),
        "the folder where drops of Caress arrive, with manifest.json; the form of the files is our assumption",
    );
    Some(CaressSource { drop_dir: drop_dir? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Problem};

    fn loaded(sections: &str) -> Result<Config, Vec<Problem>> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("master.key"), "07".repeat(32)).unwrap();
        let text = format!(
            "[server]\npublic_url = \"https://gateway.example/\"\n[secrets]\nmaster_key_file = \"master.key\"\n\
             [sms]\ndir = \"outbox\"\n[tenant.topaz]\nname = \"Topaz\"\n{sections}"
        );
        Config::read(&dir.path().join("inzage.toml"), &text, std::iter::empty())
    }

    #[test]
    fn only_known_lists_can_be_left_out() {
        let ons = |without: &str| {
            let files = "ca_file = \"ca.pem\"\ncertificate_file = \"c.pem\"\nkey_file = \"k.pem\"\n";
            let url = "base_url = \"https://api.example/\"\n";
            loaded(&format!("[tenant.topaz.ons]\n{url}{files}without = {without}\n"))
        };
        let config = ons("[\"careproviders\", \"insurances\"]").unwrap();
        let Some(Source::Ons(source)) = &config.tenant("topaz").unwrap().source else {
            panic!("the source is Ons");
        };
        assert_eq!(
            source.without,
            BTreeSet::from([OnsList::CareProviders, OnsList::Insurances])
        );
        let problems = ons("[\"reports\"]").unwrap_err();
        assert_eq!(problems[0].key, "tenant.topaz.ons.without");
        assert!(
            problems[0].message.contains("client_employee_relations"),
            "{problems:?}"
        );
    }

    #[test]
    fn a_tenant_has_one_source() {
        let caress = "[tenant.topaz.caress]\ndrop_dir = \"drops\"\n".to_owned();
        let config = loaded(&caress).unwrap();
        let Some(Source::Caress(source)) = &config.tenant("topaz").unwrap().source else {
            panic!("the source is Caress");
        };
        assert!(source.drop_dir.ends_with("drops") && source.drop_dir.is_absolute());
        let both = caress + "[tenant.topaz.ons]\nbase_url = \"https://api.example/\"\n";
        let problems = loaded(&both).unwrap_err();
        assert!(
            problems.iter().any(|problem| problem.key == "tenant.topaz.caress"),
            "{problems:?}"
        );
    }
}
