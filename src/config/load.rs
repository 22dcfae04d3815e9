//! From `inzage.toml` and the environment to a [`Config`], or to the list of everything that is wrong.

use std::path::Path;
use std::sync::Arc;

use jiff::tz::TimeZone;
use url::Url;

use super::reader::{Problem, Reader, Setting};
use super::{
    Config, Draft, Limits, Server, Tenant, TenantId, brand, front, limits, message, oauth, profiles, rules, slots,
    source, upstream,
};
use crate::secret::{MasterKey, Secret};

impl Config {
    /// Reads a configuration file; the environment (`INZAGE__SECTION__KEY`) lies over it.
    pub fn load(file: &Path) -> Result<Self, Vec<Problem>> {
        let draft = Draft::load(file);
        draft.whole.ok_or(draft.problems)
    }

    /// Reads a configuration text as if it stood in `file`.
    pub fn read(
        file: &Path,
        text: &str,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, Vec<Problem>> {
        let draft = Draft::read(file, text, environment);
        draft.whole.ok_or(draft.problems)
    }
}

/// Every setting with its default and meaning, as the code above reads them.
pub fn reference() -> Vec<Setting> {
    let sample = r#"
[server.tls]
key_file = ""
[tenant."<id>".ons]
base_url = ""
[tenant."<id>".upstream]
name = ""
[tenant."<id>".caress]
drop_dir = ""
[tenant."<id>".folder]
dir = ""
[tenant."<id>".fhir]
base_url = ""
"#;
    let mut reader = Reader::new(Path::new("inzage.toml"), sample, std::iter::empty());
    sections(&mut reader);
    reader.finish().1
}

/// What is there, and the configuration if nothing is missing.
pub(super) fn sections(reader: &mut Reader) -> (Draft, Option<Config>) {
    let server = server(reader);
    let database = database(reader);
    let master = master(reader);
    let sms = message::sms(reader);
    let oauth = oauth::read(reader);
    let ceiling = limits::server(reader);
    let mail = message::mail(reader, sms.as_ref());
    let profiles = profiles::read(reader);
    let names = reader.names("tenant");
    if names.is_empty() {
        reader.problem("tenant", "there is no tenant: add a [tenant.<id>] section".to_owned());
    }
    let tenants: Vec<_> = names
        .iter()
        .filter_map(|name| tenant(reader, name, ceiling))
        .map(Arc::new)
        .collect();
    let draft = Draft {
        server,
        database,
        profiles,
        tenants,
        ..Draft::default()
    };
    let places = reader.places();
    let whole = |draft: &Draft| {
        Some(Config {
            server: draft.server.clone()?,
            database: draft.database.clone()?,
            master: master?,
            sms: sms?,
            oauth,
            mail: mail?,
            profiles: draft.profiles.clone(),
            tenants: draft.tenants.clone(),
            places,
        })
    };
    let whole = whole(&draft);
    (draft, whole)
}

fn server(reader: &mut Reader) -> Option<Server> {
    let address = "an address and port, for example 127.0.0.1:8080";
    let listen = reader.value(
        "server.listen",
        "127.0.0.1:8080",
        address,
        "where apps and browsers connect",
    );
    let admin = reader.value(
        "server.admin_listen",
        "127.0.0.1:8081",
        address,
        "health, metrics and the admin API",
    );
    let url: Option<Url> = reader.value(
        "server.public_url",
        "",
        "the origin that browsers see, for example https://gateway.example/",
        "scheme, host and port as seen from outside",
    );
    if let Some(url) = &url
        && (url.path() != "/" || url.query().is_some() || !matches!(url.scheme(), "http" | "https"))
    {
        reader.problem(
            "server.public_url",
            "must be http(s)://host[:port]/ without a path".to_owned(),
        );
    }
    let spool_dir = reader
        .optional_path(
            "server.spool_dir",
            "where a sync keeps mapped records while it runs; sealed",
        )
        .unwrap_or_else(std::env::temp_dir);
    let front = front::read(reader, url.as_ref().is_none_or(|url| url.scheme() == "https"));
    Some(Server {
        listen: listen?,
        admin_listen: admin?,
        public_url: url?,
        spool_dir,
        front,
    })
}

fn database(reader: &mut Reader) -> Option<Secret<String>> {
    let meaning = "a file that holds the database URL, when it has a password";
    if reader.has_key("database.url_file") {
        return reader.secret_file("database.url_file", meaning);
    }
    let url = reader.text("database.url", "sqlite:inzage.db", "sqlite:PATH or postgres://…");
    if !["sqlite:", "postgres:", "postgresql:"]
        .iter()
        .any(|scheme| url.starts_with(scheme))
    {
        reader.problem("database.url", "must begin with sqlite: or postgres:".to_owned());
    }
    Some(Secret::new(url))
}

fn master(reader: &mut Reader) -> Option<MasterKey> {
    let key = "secrets.master_key_file";
    let text = reader.secret_file(key, "64 hexadecimal digits; `inzage key new` makes the file")?;
    let mut bytes = [0; 32];
    let digits = text.expose().as_bytes();
    let fits = digits.len() == 64
        && digits.chunks(2).zip(&mut bytes).all(|(pair, byte)| {
            std::str::from_utf8(pair)
                .ok()
                .and_then(|pair| u8::from_str_radix(pair, 16).ok())
                .is_some_and(|value| {
                    *byte = value;
                    true
                })
        });
    if !fits {
        reader.problem(
            key,
            "must hold 64 hexadecimal digits: make one with `inzage key new`".to_owned(),
        );
        return None;
    }
    Some(MasterKey::new(&bytes))
}

fn tenant(reader: &mut Reader, name: &str, ceiling: Limits) -> Option<Tenant> {
    let at = |key: &str| format!("tenant.{name}.{key}");
    let id = TenantId::parse(name);
    if id.is_none() && name != "<id>" {
        reader.problem(
            &format!("tenant.{name}"),
            "a tenant id is a lower-case letter and up to 31 letters, digits or hyphens".to_owned(),
        );
    }
    let title = reader.text(&at("name"), name, "what people call the organisation");
    let zone = reader.text(
        &at("timezone"),
        "Europe/Amsterdam",
        "IANA time zone of its days and slots",
    );
    let zone = TimeZone::get(&zone).ok();
    if zone.is_none() {
        reader.problem(&at("timezone"), "is not in the IANA time zone database".to_owned());
    }
    let mut policy = rules::read(reader, name);
    policy.limits = limits::tenant(reader, name, ceiling);
    policy.slots = slots::read(reader, name);
    let map_patches = reader.optional_path(&at("map_patches"), "a folder with the tenant's own patches of the maps");
    policy.upstream = upstream::read(reader, name);
    policy.id_token_alg = oauth::id_token_alg(reader, name);
    policy.registration = oauth::registration(reader, name);
    policy.statement_keys = oauth::statement_keys(reader, name);
    policy.brand = brand::read(reader, name);
    policy.api_login = oauth::login_demand(reader, name, policy.upstream.as_ref());
    let source = source::read(reader, name)?;
    Some(Tenant {
        id: id?,
        name: title,
        zone: zone?,
        policy,
        source,
        map_patches,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SmsWhen;

    fn read(text: &str, environment: &[(&str, &str)]) -> Result<Config, Vec<Problem>> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("master.key"), "07".repeat(32)).unwrap();
        let environment = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::read(&dir.path().join("inzage.toml"), text, environment)
    }

    const GOOD: &str = "\
[server]
public_url = \"https://gateway.example/\"
[secrets]
master_key_file = \"master.key\"
[sms]
dir = \"outbox\"
[tenant.topaz]
name = \"Topaz\"
";

    #[test]
    fn a_short_file_is_enough() {
        let config = read(GOOD, &[]).unwrap();
        let tenant = config.tenant("topaz").unwrap();
        assert_eq!(tenant.name, "Topaz");
        assert_eq!(tenant.policy.sms.when, SmsWhen::EveryLogin);
        assert_eq!(config.server.fhir_base("topaz"), "https://gateway.example/topaz/fhir");
        assert!(config.tenant("treant").is_none());
    }

    #[test]
    fn the_environment_lies_over_the_file() {
        let config = read(GOOD, &[("INZAGE__SERVER__LISTEN", "127.0.0.1:9"), ("PATH", "/bin")]).unwrap();
        assert_eq!(config.server.listen.port(), 9);
    }

    #[test]
    fn no_list_of_report_types_is_another_thing_than_an_empty_one() {
        let types = |text: &str, environment: &[(&str, &str)]| {
            let config = read(&(GOOD.to_owned() + text), environment).unwrap();
            config.tenant("topaz").unwrap().policy.report_types.clone()
        };
        assert_eq!(types("", &[]), None);
        assert_eq!(types("report_types = []\n", &[]), Some(Vec::new()));
        let two = Some(vec!["101".to_owned(), "SOEP".to_owned()]);
        assert_eq!(types("report_types = [\"101\", \"SOEP\"]\n", &[]), two);
        assert_eq!(types("", &[("INZAGE__TENANT__TOPAZ__REPORT_TYPES", "101, SOEP")]), two);
    }

    #[test]
    fn every_problem_is_told_at_once_with_its_line() {
        let text = GOOD
            .replace("https://gateway.example/", "gateway")
            .replace("name = ", "nmae = ")
            + "[tenant.treant]\ntimezone = \"Europe/Utopia\"\npassword.min_length = 5\n";
        let problems = read(&text, &[]).unwrap_err();
        let told: Vec<_> = problems
            .iter()
            .map(|problem| (problem.line, problem.key.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                (Some(2), "server.public_url"),
                (Some(8), "tenant.topaz.nmae"),
                (Some(10), "tenant.treant.timezone"),
                (Some(11), "tenant.treant.password.min_length"),
            ]
        );
    }

    #[test]
    fn a_broken_document_names_its_line() {
        let problems = read("[server\n", &[]).unwrap_err();
        assert_eq!(problems[0].line, Some(1));
        // What is missing from a text that is no TOML is not known.
        let broken = GOOD.replace("dir = \"outbox\"", "dir = outbox");
        let problems = read(&broken, &[]).unwrap_err();
        assert!(
            !problems.is_empty()
                && problems
                    .iter()
                    .all(|problem| problem.key == "toml" && problem.line == Some(6)),
            "{problems:?}"
        );
    }

    #[test]
    fn what_is_missing_is_told_with_the_line_of_its_section() {
        let text = GOOD.replace("topaz]", "Topaz]") + "[tenant.treant.ons]\nbase_url = \"http://api.example/\"\n";
        let problems = read(&text, &[]).unwrap_err();
        let told: Vec<_> = problems
            .iter()
            .map(|problem| (problem.line, problem.key.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                (Some(7), "tenant.Topaz"),
                (Some(9), "tenant.treant.ons.ca_file"),
                (Some(9), "tenant.treant.ons.certificate_file"),
                (Some(9), "tenant.treant.ons.key_file"),
                (Some(10), "tenant.treant.ons.base_url"),
            ]
        );
    }

    #[test]
    fn the_reference_lists_every_setting_once() {
        let reference = reference();
        let keys: std::collections::BTreeSet<_> = reference.iter().map(|setting| &setting.key).collect();
        assert_eq!(keys.len(), reference.len());
        assert!(keys.contains(&"tenant.<id>.ons.base_url".to_owned()), "{keys:?}");
        assert!(keys.contains(&"tenant.<id>.caress.drop_dir".to_owned()), "{keys:?}");
    }
}
