//! Settings that cannot work, as `inzage check` meets them.

use super::*;
use crate::config::Draft;

/// A folder with an authority, two certificates of it with their keys, and texts that are none.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    for name in ["ca", "one", "other"] {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(vec![format!("{name}.example")]).unwrap();
        write(&format!("{name}.pem"), &certificate.self_signed(&key).unwrap().pem());
        write(&format!("{name}.key"), &key.serialize_pem());
    }
    write("none.pem", "nothing");
    write("password", "secret");
    dir
}

/// What is told of a tenant `topaz` with this section, as line and key; line 1 is the section's head.
fn told(dir: &Path, section: &str) -> Vec<(Option<usize>, String)> {
    let draft = Draft::read(&dir.join("inzage.toml"), section, std::iter::empty());
    let tenant = draft.tenants.first().unwrap();
    let source = tenant.source.as_ref().unwrap();
    match build(&draft.places, tenant, source, &Clock::System, &Random::Os) {
        Ok(_) => Vec::new(),
        Err(problems) => problems
            .into_iter()
            .map(|problem| (problem.line, problem.key))
            .collect(),
    }
}

fn ons(ca: &str, certificate: &str, key: &str, more: &str) -> String {
    format!(
        "[tenant.topaz.ons]\nbase_url = \"https://ecd.example/\"\nca_file = \"{ca}\"\ncertificate_file = \"{certificate}\"\n\
         key_file = \"{key}\"\n{more}"
    )
}

fn at(line: usize, setting: &str) -> (Option<usize>, String) {
    (Some(line), format!("tenant.topaz.{setting}"))
}

#[test]
fn a_source_in_order_has_a_connector() {
    let dir = folder();
    for section in [
        ons("ca.pem", "one.pem", "one.key", ""),
        ons(
            "ca.pem",
            "one.pem",
            "one.key",
            "user_agent = \"x/1+a@b.example\"\nidentity_user_name = \"inzage\"\n",
        ),
        ons("ca.pem", "one.pem", "one.key", "").replace(".ons]", ".caress]")
            + "username = \"inzage\"\npassword_file = \"password\"\n",
        "[tenant.topaz.caress]\ndrop_dir = \"drops\"\n".to_owned(),
        "[tenant.topaz.folder]\ndir = \"lines\"\n".to_owned(),
        "[tenant.topaz.fhir]\nbase_url = \"https://ecd.example/\"\nca_file = \"ca.pem\"\ntoken_file = \"password\"\n"
            .to_owned(),
    ] {
        assert_eq!(told(dir.path(), &section), [], "{section}");
    }
}

#[test]
fn each_file_that_cannot_be_used_is_told_at_once_with_its_line() {
    let dir = folder();
    for (section, wanted) in [
        (
            ons("nowhere.pem", "one.pem", "nowhere.key", ""),
            vec![at(3, "ons.ca_file"), at(5, "ons.key_file")],
        ),
        (ons("ca.pem", "one.pem", "other.key", ""), vec![at(5, "ons.key_file")]),
        (
            ons("none.pem", "none.pem", "none.pem", ""),
            vec![at(3, "ons.ca_file"), at(4, "ons.certificate_file"), at(5, "ons.key_file")],
        ),
        (
            ons("none.pem", "nowhere.pem", "one.key", ""),
            vec![at(4, "ons.certificate_file"), at(3, "ons.ca_file")],
        ),
        (
            ons("ca.pem", "one.pem", "other.key", "").replace(".ons]", ".caress]")
                + "username = \"inzage\"\npassword_file = \"password\"\n",
            vec![at(5, "caress.key_file")],
        ),
        (
            "[tenant.topaz.fhir]\nbase_url = \"http://ecd.example/\"\nca_file = \"nowhere.pem\"\ntoken_file = \"password\"\n"
                .to_owned(),
            vec![at(3, "fhir.ca_file"), at(2, "fhir.base_url")],
        ),
        (
            ons("ca.pem", "one.pem", "one.key", "identity_user_name = \"a\\u0000b\"\n"),
            vec![at(1, "ons.identity")],
        ),
    ] {
        assert_eq!(told(dir.path(), &section), wanted, "{section}");
    }
}

#[test]
fn an_address_in_the_clear_is_refused_by_the_configuration_itself() {
    let dir = folder();
    let section = ons("ca.pem", "one.pem", "one.key", "").replace("https:", "http:");
    let draft = Draft::read(&dir.path().join("inzage.toml"), &section, std::iter::empty());
    let problem = draft
        .problems
        .iter()
        .find(|problem| problem.key == "tenant.topaz.ons.base_url");
    assert_eq!(problem.unwrap().line, Some(2));
    // And by the connector, should one come by another way.
    assert_eq!(told(dir.path(), &section), [at(2, "ons.base_url")]);
}
