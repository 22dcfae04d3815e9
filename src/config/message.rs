//! `[sms]` and `[mail]`: how messages leave.
//!
//! ```toml
//! [sms]
//! transport  = "cm"
//! from       = "Topaz"
//! token_file = "cm.token"
//! [sms.fallback]                # tried when the first cannot
//! transport  = "spryng"
//! from       = "Topaz"
//! token_file = "spryng.token"
//!
//! [mail]
//! transport     = "smtp"
//! host          = "mail.example"
//! from          = "Topaz <portaal@topaz.example>"
//! username      = "portaal"
//! password_file = "mail.password"
//! ```

use std::path::PathBuf;

use url::Url;

use super::reader::Reader;
use crate::secret::Secret;

/// `[sms]`
#[derive(Clone, Debug)]
pub struct Sms {
    pub transport: Transport,
}

/// How messages leave.
#[derive(Clone, Debug)]
pub enum Transport {
    /// One JSON object a line in `DIR/sms.jsonl` and `DIR/mail.jsonl`: demo and tests only.
    Drawer { dir: PathBuf },
    /// In the order in which they are tried; never empty.
    Providers(Vec<Provider>),
}

/// A company that sends SMS.
#[derive(Clone, Debug)]
pub struct Provider {
    pub kind: ProviderKind,
    /// Ends with a slash.
    pub base_url: Url,
    /// What the telephone shows as the sender.
    pub from: String,
    pub token: Secret<String>,
    /// Twilio's Account SID; empty elsewhere.
    pub account: String,
    /// With what the provider signs its reports; Twilio uses the token.
    pub signing: Option<Secret<String>>,
}

/// Whose API it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProviderKind {
    Cm,
    Spryng,
    MessageBird,
    Twilio,
}

impl ProviderKind {
    pub const ALL: [Self; 4] = [Self::Cm, Self::Spryng, Self::MessageBird, Self::Twilio];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cm => "cm",
            Self::Spryng => "spryng",
            Self::MessageBird => "messagebird",
            Self::Twilio => "twilio",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Where the API is, as the providers document it.
    const fn address(self) -> &'static str {
        match self {
            Self::Cm => "https://gw.messaging.cm.com/",
            Self::Spryng => "https://rest.spryngsms.com/",
            Self::MessageBird => "https://rest.messagebird.com/",
            Self::Twilio => "https://api.twilio.com/",
        }
    }
}

/// `[mail]`
#[derive(Clone, Debug)]
pub enum Mail {
    /// Into the drawer of the SMS.
    Drawer,
    Smtp(Smtp),
    /// Nobody gets mail: notices go by SMS, and there are no links.
    Nowhere,
}

/// A mail server.
#[derive(Clone, Debug)]
pub struct Smtp {
    pub host: String,
    pub port: u16,
    pub encryption: Encryption,
    /// `Topaz <portaal@topaz.example>`
    pub from: String,
    pub login: Option<(String, Secret<String>)>,
    /// PEM of an authority that is trusted besides the public ones.
    pub ca: Option<String>,
}

/// How mail is kept from others on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// From the first byte.
    Tls,
    /// After STARTTLS, which must succeed.
    StartTls,
    /// None: a server on this machine.
    Loopback,
}

pub(super) fn mail(reader: &mut Reader, sms: Option<&Sms>) -> Option<Mail> {
    let is_drawer = sms.is_none_or(|sms| matches!(sms.transport, Transport::Drawer { .. }));
    let default = if is_drawer { "drawer" } else { "none" };
    let transport = reader.text(
        "mail.transport",
        default,
        "how mail leaves: smtp, drawer (beside the drawer of SMS), or none",
    );
    match transport.as_str() {
        "smtp" => smtp(reader).map(Mail::Smtp),
        _ if reader.shows_all() => {
            smtp(reader);
            None
        }
        "drawer" if is_drawer => Some(Mail::Drawer),
        "none" => Some(Mail::Nowhere),
        _ => {
            let message = "expected smtp, none, or drawer where SMS go to a drawer".to_owned();
            reader.problem("mail.transport", message);
            None
        }
    }
}

fn smtp(reader: &mut Reader) -> Option<Smtp> {
    let host = reader.text("mail.host", "", "the mail server");
    let word = reader.text(
        "mail.security",
        "tls",
        "tls, starttls, or none for a server on this machine",
    );
    let is_here = matches!(host.as_str(), "127.0.0.1" | "::1" | "localhost");
    let encryption = match word.as_str() {
        "tls" => Some(Encryption::Tls),
        "starttls" => Some(Encryption::StartTls),
        "none" if is_here => Some(Encryption::Loopback),
        _ => None,
    };
    if encryption.is_none() {
        let message = "expected tls or starttls; none is for 127.0.0.1 only".to_owned();
        reader.problem("mail.security", message);
    }
    let usual = if word == "starttls" { 587 } else { 465 };
    let port = reader.number(
        "mail.port",
        usual,
        1..=65_535,
        "its port: 465 for tls, 587 for starttls",
    );
    let from = reader.text("mail.from", "", "the sender, for example Topaz <portaal@topaz.example>");
    if host.is_empty() && !reader.shows_all() {
        reader.problem("mail.host", "is missing: expected the name of a mail server".to_owned());
    }
    if !from.contains('@') && !reader.shows_all() {
        reader.problem("mail.from", "is missing: expected a mail address".to_owned());
    }
    let username = reader.text("mail.username", "", "the name to log in with; none without");
    let login = if username.is_empty() && !reader.shows_all() {
        None
    } else {
        let password = reader.secret_file("mail.password_file", "a file with its password")?;
        Some((username, password))
    };
    let ca = match reader.optional_path(
        "mail.ca_file",
        "PEM of an authority that is trusted besides the public ones",
    ) {
        Some(path) => match std::fs::read_to_string(&path) {
            Ok(pem) => Some(pem),
            Err(error) => {
                let message = format!("{} cannot be read ({})", path.display(), error.kind());
                reader.problem("mail.ca_file", message);
                None
            }
        },
        None => None,
    };
    Some(Smtp {
        host,
        port: u16::try_from(port).ok()?,
        encryption: encryption?,
        from,
        login,
        ca,
    })
}

pub(super) fn sms(reader: &mut Reader) -> Option<Sms> {
    let transport = reader.text(
        "sms.transport",
        "drawer",
        "how SMS leave: cm, spryng, messagebird, twilio, or drawer (files, for tests and demo)",
    );
    if transport == "drawer" && !reader.shows_all() {
        let dir = reader.path("sms.dir", "the folder of the drawer")?;
        return Some(Sms {
            transport: Transport::Drawer { dir },
        });
    }
    if reader.shows_all() {
        reader.path("sms.dir", "the folder of the drawer");
    }
    let first = provider(reader, "sms", &transport);
    let mut providers = Vec::new();
    if reader.has("sms.fallback") || reader.shows_all() {
        let second = reader.text(
            "sms.fallback.transport",
            "",
            "the provider that is tried when the first cannot",
        );
        providers.push(provider(reader, "sms.fallback", &second)?);
    }
    providers.insert(0, first?);
    Some(Sms {
        transport: Transport::Providers(providers),
    })
}

fn provider(reader: &mut Reader, section: &str, name: &str) -> Option<Provider> {
    let at = |key: &str| format!("{section}.{key}");
    let kind = ProviderKind::parse(name);
    if kind.is_none() && !reader.shows_all() {
        let message = "is not known: expected cm, spryng, messagebird, twilio or drawer".to_owned();
        reader.problem(&at("transport"), message);
        return None;
    }
    let kind = kind.unwrap_or(ProviderKind::Cm);
    let base_url = reader.value::<Url>(
        &at("base_url"),
        kind.address(),
        "an http(s) URL",
        "where the provider's API is",
    );
    let from = reader.text(&at("from"), "", "what the telephone shows as the sender");
    let digits = from.strip_prefix('+').unwrap_or(&from);
    let is_number = (4..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    let is_name = (1..=11).contains(&from.len()) && from.bytes().all(|b| b.is_ascii_alphanumeric());
    if !is_number && !is_name && !reader.shows_all() {
        let message = "expected a name of at most 11 letters and digits, or a number".to_owned();
        reader.problem(&at("from"), message);
    }
    let token = reader.secret_file(&at("token_file"), "a file with the provider's key or token");
    let account = reader.text(&at("account"), "", "Twilio's Account SID");
    if kind == ProviderKind::Twilio && account.is_empty() {
        reader.problem(&at("account"), "is missing: expected Twilio's Account SID".to_owned());
    }
    let signing = if reader.has_key(&at("signing_key_file")) || reader.shows_all() {
        reader.secret_file(
            &at("signing_key_file"),
            "a file with the key that signs status reports (messagebird); without it none is believed",
        )
    } else {
        None
    };
    let mut base_url = base_url?;
    if !matches!(base_url.scheme(), "http" | "https") || base_url.cannot_be_a_base() {
        reader.problem(&at("base_url"), "expected an http(s) URL".to_owned());
        return None;
    }
    if !base_url.path().ends_with('/') {
        base_url.set_path(&format!("{}/", base_url.path()));
    }
    Some(Provider {
        kind,
        base_url,
        from,
        token: token?,
        account,
        signing,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Problem};

    fn loaded(sms: &str) -> Result<Config, Vec<Problem>> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("master.key"), "07".repeat(32)).unwrap();
        std::fs::write(dir.path().join("token"), "geheim\n").unwrap();
        let text = format!(
            "[server]\npublic_url = \"https://gateway.example/\"\n[secrets]\nmaster_key_file = \"master.key\"\n\
             [tenant.topaz]\nname = \"Topaz\"\n[sms]\n{sms}"
        );
        Config::read(&dir.path().join("inzage.toml"), &text, std::iter::empty())
    }

    #[test]
    fn two_providers_are_tried_in_order() {
        let config = loaded(
            "transport = \"cm\"\nfrom = \"Topaz\"\ntoken_file = \"token\"\n[sms.fallback]\ntransport = \"twilio\"\n\
             base_url = \"http://127.0.0.1:9\"\naccount = \"AC1\"\nfrom = \"+31612345678\"\ntoken_file = \"token\"\n",
        )
        .unwrap();
        let Transport::Providers(providers) = &config.sms.transport else {
            panic!("not a drawer")
        };
        let kinds: Vec<_> = providers.iter().map(|provider| provider.kind).collect();
        assert_eq!(kinds, [ProviderKind::Cm, ProviderKind::Twilio]);
        assert_eq!(providers[0].base_url.as_str(), "https://gw.messaging.cm.com/");
        assert_eq!(providers[1].base_url.as_str(), "http://127.0.0.1:9/");
        assert_eq!(providers[0].token.expose(), "geheim");
    }

    #[test]
    fn mail_goes_where_it_is_told_and_never_in_clear_to_another_machine() {
        let drawer = "dir = \"outbox\"\n[mail]\n";
        assert!(matches!(loaded(drawer).unwrap().mail, Mail::Drawer));
        let smtp = |more: &str| loaded(&format!("{drawer}transport = \"smtp\"\nfrom = \"a@b.example\"\n{more}"));
        let Mail::Smtp(found) = smtp("host = \"mail.example\"\nsecurity = \"starttls\"\n").unwrap().mail else {
            panic!("a mail server")
        };
        assert_eq!((found.port, found.encryption), (587, Encryption::StartTls));
        let here = smtp("host = \"127.0.0.1\"\nport = 2525\nsecurity = \"none\"\n").unwrap();
        assert!(matches!(
            here.mail,
            Mail::Smtp(Smtp {
                encryption: Encryption::Loopback,
                ..
            })
        ));
        for (more, key) in [
            ("host = \"mail.example\"\nsecurity = \"none\"\n", "mail.security"),
            ("", "mail.host"),
            ("host = \"mail.example\"\nusername = \"u\"\n", "mail.password_file"),
        ] {
            let problems = smtp(more).unwrap_err();
            assert!(problems.iter().any(|problem| problem.key == key), "{problems:?}");
        }
        let real = "transport = \"cm\"\nfrom = \"Topaz\"\ntoken_file = \"token\"\n";
        assert!(matches!(loaded(real).unwrap().mail, Mail::Nowhere));
        assert!(loaded(&format!("{real}[mail]\ntransport = \"drawer\"\n")).is_err());
    }

    #[test]
    fn what_is_wrong_with_a_provider_is_told_with_its_key() {
        for (sms, key) in [
            ("transport = \"pigeon\"\n", "sms.transport"),
            (
                "transport = \"cm\"\nfrom = \"Zorggroep Topaz\"\ntoken_file = \"token\"\n",
                "sms.from",
            ),
            ("transport = \"cm\"\nfrom = \"Topaz\"\n", "sms.token_file"),
            (
                "transport = \"twilio\"\nfrom = \"Topaz\"\ntoken_file = \"token\"\n",
                "sms.account",
            ),
            (
                "transport = \"cm\"\nfrom = \"Topaz\"\ntoken_file = \"token\"\nbase_url = \"ftp://x/\"\n",
                "sms.base_url",
            ),
        ] {
            let problems = loaded(sms).unwrap_err();
            assert!(problems.iter().any(|problem| problem.key == key), "{sms}: {problems:?}");
        }
    }
}
