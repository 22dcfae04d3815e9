//! `[tenant.<id>.ons]`, `.caress`, `.folder` and `.fhir`: where the dossiers of a tenant come from.

use std::collections::BTreeSet;

use url::Url;

use super::reader::Reader;
use super::{CaressSource, CaressWeb, FolderForm, FolderSource, OnsList, OnsSource, Source, fhir};
use crate::secret::Secret;

/// Whoever guesses it can make us read, though not what we read.
const SHORTEST_SECRET: usize = 16;

/// A section, and what reads it.
type Section = (&'static str, fn(&mut Reader, &str) -> Option<Source>);

/// The source of a tenant, if it has one; the outer `None` when it cannot be read.
pub(super) fn read(reader: &mut Reader, name: &str) -> Option<Option<Source>> {
    let sections: [Section; 4] = [
        ("ons", |reader, name| {
            ons(reader, name).map(|source| Source::Ons(Box::new(source)))
        }),
        ("caress", |reader, name| caress(reader, name).map(Source::Caress)),
        ("folder", |reader, name| folder(reader, name).map(Source::Folder)),
        ("fhir", |reader, name| {
            fhir::read(reader, name).map(|source| Source::Fhir(Box::new(source)))
        }),
    ];
    let mut found: Option<(&str, Option<Source>)> = None;
    for (section, read) in sections {
        if !reader.has(&format!("tenant.{name}.{section}")) {
            continue;
        }
        // The reference shows all of them; a tenant has one.
        if let Some((first, _)) = &found
            && name != "<id>"
        {
            let message = format!("a tenant has one source: remove this section or {first}");
            reader.problem(&format!("tenant.{name}.{section}"), message);
        }
        let source = read(reader, name);
        found = found.or(Some((section, source)));
    }
    match found {
        None => Some(None),
        Some((_, source)) => source.map(Some),
    }
}

fn ons(reader: &mut Reader, name: &str) -> Option<OnsSource> {
    let at = |key: &str| format!("tenant.{name}.ons.{key}");
    let base_url = https(reader, &at("base_url"), "the Ons API, for example https://api.ons.io/");
    let ca_file = reader.path(
        &at("ca_file"),
        "PEM of the authority that signed the server's certificate",
    );
    let certificate_file = reader.path(&at("certificate_file"), "PEM of the client certificate");
    let key_file = reader.path(&at("key_file"), "PEM of its private key");
    let words = reader.list(
        &at("without"),
        "lists that the certificate has no right to, separated by commas: careproviders, client_employee_relations, insurances, agreement, omaha",
    );
    let mut without = BTreeSet::new();
    for word in words {
        match OnsList::parse(&word) {
            Some(list) => drop(without.insert(list)),
            None => reader.problem(
                &at("without"),
                format!("`{word}` cannot be left out; known are careproviders, client_employee_relations, insurances, agreement, omaha"),
            ),
        }
    }
    let webhook_secret = webhook_secret(reader, &at("webhook_secret_file"));
    let user_agent = reader.text(
        &at("user_agent"),
        "",
        "connector/version+address, instead of the program's own",
    );
    let identity = reader.text(&at("identity_user_name"), "", "X-Cupido-User-Name of each request");
    let active = reader.text(
        &at("identity_active"),
        "",
        "X-Cupido-Active-Identity; needs identity_user_name",
    );
    if identity.is_empty() && !active.is_empty() {
        reader.problem(&at("identity_active"), "needs identity_user_name beside it".to_owned());
    }
    let parallel = reader.number(&at("parallel"), 4, 1..=4, "requests open at once; Ons admits four");
    let budget = reader.number(
        &at("budget_seconds"),
        10_000,
        60..=86_400,
        "request time a day; from nine tenths of it on only essential requests are made",
    );
    let back = reader.number(&at("agenda_days_back"), 90, 0..=730, "days of the agenda before today");
    let ahead = reader.number(
        &at("agenda_days_ahead"),
        180,
        1..=730,
        "days of the agenda from today on",
    );
    let compare_days = reader.number(
        &at("compare_days"),
        1,
        1..=31,
        "every so many days everything is read and compared: Ons does not tell of every deletion",
    );
    let text = |text: String| (!text.is_empty()).then_some(text);
    Some(OnsSource {
        without,
        webhook_secret: webhook_secret?,
        user_agent,
        identity_user_name: text(identity),
        identity_active: text(active),
        parallel: usize::try_from(parallel).unwrap_or(4),
        budget_seconds: budget.unsigned_abs(),
        agenda: (back, ahead),
        compare_days,
        ..OnsSource::new(base_url?, ca_file?, certificate_file?, key_file?)
    })
}

/// The address of a product that knows us by our certificate.
fn https(reader: &mut Reader, key: &str, meaning: &'static str) -> Option<Url> {
    let url: Option<Url> = reader.value(key, "", "an https URL", meaning);
    if let Some(url) = &url
        && (url.scheme() != "https" || url.host().is_none())
    {
        let message = "must begin with https://: the product knows us by our certificate".to_owned();
        reader.problem(key, message);
    }
    url
}

/// The secret, if there is a file of one; the outer `None` when it cannot be used.
fn webhook_secret(reader: &mut Reader, key: &str) -> Option<Option<Secret<String>>> {
    let meaning = "a file with the secret that Ons signs webhooks with; without it there are no webhooks";
    if !reader.has_key(key) {
        reader.optional_path(key, meaning);
        return Some(None);
    }
    let secret = reader.secret_file(key, meaning)?;
    if secret.expose().len() < SHORTEST_SECRET {
        let message = format!("must hold a secret of at least {SHORTEST_SECRET} characters, chosen at random");
        reader.problem(key, message);
        return None;
    }
    Some(Some(secret))
}

fn caress(reader: &mut Reader, name: &str) -> Option<CaressSource> {
    let at = |key: &str| format!("tenant.{name}.caress.{key}");
    let has_url = reader.has_key(&at("base_url"));
    let is_reference = name == "<id>";
    if has_url && reader.has_key(&at("drop_dir")) && !is_reference {
        reader.problem(
            &at("drop_dir"),
            "dossiers come out of drops or over the web: remove this setting or base_url".to_owned(),
        );
    }
    let web = (has_url || is_reference).then(|| caress_web(reader, name));
    if has_url && !is_reference {
        return web.flatten().map(|web| CaressSource::Web(Box::new(web)));
    }
    let drop_dir = reader.path(
        &at("drop_dir"),
        "the folder where drops of Caress arrive, with manifest.json; the form of the files is our assumption",
    );
    drop_dir.map(CaressSource::Drop)
}

fn caress_web(reader: &mut Reader, name: &str) -> Option<CaressWeb> {
    let at = |key: &str| format!("tenant.{name}.caress.{key}");
    let base_url = https(
        reader,
        &at("base_url"),
        "Caress over the web instead of drops; its lists are our assumption, but for the employees",
    );
    let ca_file = reader.path(
        &at("ca_file"),
        "PEM of the authority that signed the server's certificate",
    );
    let certificate_file = reader.path(&at("certificate_file"), "PEM of the client certificate");
    let key_file = reader.path(&at("key_file"), "PEM of its private key");
    let username = reader.text(&at("username"), "", "the user of HTTP Basic and of SOAP sessions");
    let password = reader.secret_file(&at("password_file"), "a file with the password of HTTP Basic");
    let meaning = "a file with the password of SOAP sessions, encrypted by the supplier; with it staff come over SOAP";
    let has_soap = reader.has_key(&at("soap_password_file")) || name == "<id>";
    let soap_password = has_soap.then(|| reader.secret_file(&at("soap_password_file"), meaning));
    if username.is_empty() {
        reader.problem(&at("username"), "is missing: expected the name of a user".to_owned());
    }
    Some(CaressWeb {
        base_url: base_url?,
        ca_file: ca_file?,
        certificate_file: certificate_file?,
        key_file: key_file?,
        username,
        password: password?,
        soap_password: match soap_password {
            Some(found) => Some(found?),
            None => None,
        },
    })
}

fn folder(reader: &mut Reader, name: &str) -> Option<FolderSource> {
    let at = |key: &str| format!("tenant.{name}.folder.{key}");
    let dir = reader.path(&at("dir"), "the folder where files of lines arrive, with manifest.json");
    let form = match reader
        .text(&at("form"), "ons", "which maps read the records: ons or fhir")
        .as_str()
    {
        "ons" => Some(FolderForm::Ons),
        "fhir" => Some(FolderForm::Fhir),
        _ => {
            reader.problem(&at("form"), "is not known: expected ons or fhir".to_owned());
            None
        }
    };
    Some(FolderSource { dir: dir?, form: form? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Problem};

    fn loaded(sections: &str) -> Result<Config, Vec<Problem>> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("master.key"), "07".repeat(32)).unwrap();
        std::fs::write(dir.path().join("master.short"), "too short").unwrap();
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
        assert!(matches!(source, CaressSource::Drop(dir) if dir.ends_with("drops") && dir.is_absolute()));
        let both = caress + "[tenant.topaz.ons]\nbase_url = \"https://api.example/\"\n";
        let problems = loaded(&both).unwrap_err();
        assert!(
            problems.iter().any(|problem| problem.key == "tenant.topaz.caress"),
            "{problems:?}"
        );
    }

    #[test]
    fn caress_comes_out_of_drops_or_over_the_web() {
        let web = "[tenant.topaz.caress]\nbase_url = \"https://topaz.example/\"\nca_file = \"ca.pem\"\nusername = \"inzage\"\n\
                   certificate_file = \"own.pem\"\nkey_file = \"own.key\"\npassword_file = \"master.key\"\n";
        let config = loaded(web).unwrap();
        let Some(Source::Caress(CaressSource::Web(source))) = &config.tenant("topaz").unwrap().source else {
            panic!("the source is Caress over the web");
        };
        assert!(source.soap_password.is_none() && !format!("{source:?}").contains("0707"));
        let problems = loaded(&format!("{web}drop_dir = \"drops\"\n")).unwrap_err();
        assert!(
            problems.iter().any(|it| it.key == "tenant.topaz.caress.drop_dir"),
            "{problems:?}"
        );
        let problems = loaded(&web.replace("username = \"inzage\"\n", "")).unwrap_err();
        assert!(
            problems.iter().any(|it| it.key == "tenant.topaz.caress.username"),
            "{problems:?}"
        );
    }

    #[test]
    fn the_settings_of_ons_have_defaults_and_a_short_secret_is_refused() {
        let ons = "[tenant.topaz.ons]\nbase_url = \"https://api.example/\"\nca_file = \"ca\"\ncertificate_file = \"c\"\n\
                   key_file = \"k\"\n";
        let config = loaded(ons).unwrap();
        let tenant = config.tenant("topaz").unwrap();
        let Some(Source::Ons(source)) = &tenant.source else {
            panic!("the source is Ons");
        };
        assert!(source.webhook_secret.is_none() && source.identity_user_name.is_none());
        assert_eq!(
            (source.parallel, source.budget_seconds, source.compare_days),
            (4, 10_000, 1)
        );
        assert_eq!(tenant.agenda_days(), (90, 180));
        let short = format!("{ons}webhook_secret_file = \"master.short\"\nidentity_active = \"3\"\nparallel = 5\n");
        let problems = loaded(&short).unwrap_err();
        let keys: Vec<_> = problems.iter().map(|problem| problem.key.as_str()).collect();
        assert_eq!(
            keys,
            [
                "tenant.topaz.ons.webhook_secret_file",
                "tenant.topaz.ons.identity_active",
                "tenant.topaz.ons.parallel"
            ]
        );
    }

    #[test]
    fn a_folder_is_a_source_of_one_of_two_forms() {
        let form = |form: &str| loaded(&format!("[tenant.topaz.folder]\ndir = \"export\"\nform = \"{form}\"\n"));
        let config = form("fhir").unwrap();
        let Some(Source::Folder(source)) = &config.tenant("topaz").unwrap().source else {
            panic!("the source is a folder");
        };
        assert!(source.dir.ends_with("export") && source.form == FolderForm::Fhir);
        assert_eq!(form("caress").unwrap_err()[0].key, "tenant.topaz.folder.form");
    }
}
