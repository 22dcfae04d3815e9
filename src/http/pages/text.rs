//! The words on the pages: Dutch and English side by side, plain (B1).
//!
//! # Design
//! One macro makes both tables, so a text cannot exist in one language only. Sentences with a number or a name in them are
//! functions of [`Language`].

use std::fmt::Write as _;

use jiff::SignedDuration;
use jiff::civil::Date;

use crate::account::password::Broken;
use crate::config::Country;
use crate::consent::Role;

/// The language of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    Dutch,
    English,
}

impl Language {
    /// A country and what stands in front of its numbers.
    pub(super) fn country(self, country: Country) -> String {
        let name = match (self, country) {
            (Self::Dutch, Country::Netherlands) => "Nederland",
            (Self::English, Country::Netherlands) => "Netherlands",
            (Self::Dutch, Country::Belgium) => "België",
            (Self::English, Country::Belgium) => "Belgium",
            (Self::Dutch, Country::Germany) => "Duitsland",
            (Self::English, Country::Germany) => "Germany",
        };
        format!("{name} (+{})", country.calling_code())
    }
}

/// A day as people write it: `03-11-1941`.
pub(super) fn day(day: Date) -> String {
    day.strftime("%d-%m-%Y").to_string()
}

macro_rules! texts {
    (fn $of:ident; $($name:ident: $nl:literal, $en:literal;)*) => {
        /// The fixed texts of one language.
        #[derive(Debug)]
        pub(super) struct Texts { $(pub(super) $name: &'static str),* }
        static DUTCH: Texts = Texts { $($name: $nl),* };
        static ENGLISH: Texts = Texts { $($name: $en),* };
        impl $crate::http::pages::text::Language {
            pub(super) fn $of(self) -> &'static Texts {
                match self {
                    Self::Dutch => &DUTCH,
                    Self::English => &ENGLISH,
                }
            }
        }
        #[cfg(test)]
        pub(super) const ALL: &[(&str, &str, &str)] = &[$((stringify!($name), $nl, $en)),*];
    };
}

pub(super) use texts;
texts! {
    fn texts;

    skip: "Naar de inhoud", "Skip to content";
    error: "Fout", "Error";
    other_language: "English", "Nederlands";
    safe: "Deel uw wachtwoord en inlogcode met niemand. Wij vragen er nooit om.",
        "Never share your password or login code. We will never ask for them.";

    login_title: "Inloggen", "Log in";
    username: "Gebruikersnaam", "User name";
    password: "Wachtwoord", "Password";
    login_button: "Inloggen", "Log in";
    login_help: "Lukt het niet? Onderaan bij Hulp staat wat u kunt doen.",
        "Need help? See Help at the foot of this page.";
    news: "Nieuws", "News";

    code_title: "Inlogcode", "Login code";
    request_button: "SMS-inlogcode aanvragen", "Send me a login code";
    code_hint: "Typ alleen de 6 cijfers achter het streepje. Plakken mag ook.",
        "Type only the 6 digits after the dash. You may paste them.";
    code_button: "Verder", "Continue";
    code_over: "Deze code is niet meer geldig. Vraag een nieuwe code aan.",
        "This code is no longer valid. Ask for a new one.";
    again_title: "Geen code gekregen?", "No code received?";
    again_button: "Nieuwe code sturen", "Send a new code";
    again_never: "U kunt nu geen nieuwe code meer aanvragen. Begin opnieuw in uw app.",
        "You cannot ask for another code now. Start again in your app.";

    new_title: "Kies een eigen wachtwoord", "Choose your own password";
    new_intro: "U logt in met een wachtwoord dat u van ons kreeg. Kies nu een wachtwoord dat alleen u weet.",
        "You logged in with a password that we gave you. Now choose one that only you know.";
    current_password: "Wachtwoord dat u van ons kreeg", "Password that we gave you";
    new_password: "Nieuw wachtwoord", "New password";
    new_password_again: "Nieuw wachtwoord, nog een keer", "New password, once more";
    new_tip: "Tip: een zin van een paar woorden is sterk en goed te onthouden.",
        "Tip: a sentence of a few words is strong and easy to remember.";
    new_button: "Wachtwoord opslaan", "Save password";

    client_title: "Van wie wilt u gegevens bekijken?", "Whose information do you want to see?";
    client_intro: "De app krijgt alleen gegevens van de persoon die u kiest.",
        "The app only gets information about the person you choose.";
    client_button: "Verder", "Continue";
    born: "geboren", "born";

    approve_intro: "U bepaalt wat de app mag bekijken. Haal een vinkje weg als u iets niet wilt delen.",
        "You decide what the app may see. Untick what you do not want to share.";
    approve_fixed: "De app krijgt te zien wie u bent.", "The app learns who you are.";
    approve_other: "Niet u? Ga naar uw account om uit te loggen.", "Not you? Go to your account to log out.";
    allow_button: "Toestaan", "Allow";
    deny_button: "Weigeren", "Refuse";
    offline: "Ook als u de app niet gebruikt", "Also when you are not using the app";
    offline_more: "De app mag gegevens blijven ophalen tot u dit stopt, zonder dat u opnieuw inlogt.",
        "The app may keep fetching information until you stop it, without a new login.";

    no_access_title: "U heeft geen toegang meer", "You no longer have access";
    no_access: "Uw account geeft geen toegang tot een dossier. Misschien is de zorg gestopt of is uw toegang ingetrokken. Vraag uw contactpersoon in de zorg als u denkt dat dit niet klopt.",
        "Your account does not give access to a record. Maybe care has ended or your access was withdrawn. Ask your contact person in the care team if you think this is wrong.";
    gone_title: "Deze pagina is verlopen", "This page has expired";
    gone: "Ga terug naar uw app en begin opnieuw met inloggen. Sta cookies toe voor deze site.",
        "Go back to your app and start logging in again. Allow cookies for this site.";
    no_page_title: "Deze pagina is er niet", "There is no such page";
    no_page: "Controleer het adres, of ga terug naar uw app.", "Check the address, or go back to your app.";
    forged_title: "Dit formulier klopt niet", "This form is not valid";
    busy_title: "Het is nu erg druk", "We are very busy";
    busy: "Wacht een paar seconden en probeer het opnieuw.", "Wait a few seconds and try again.";
    broken_title: "Er ging iets mis", "Something went wrong";
    broken: "Dit ligt aan ons. Probeer het later opnieuw.", "This is our fault. Try again later.";
    signed_out_title: "U bent uitgelogd", "You are logged out";
    signed_out: "U kunt dit venster sluiten.", "You can close this window.";
    logout_title: "Uitloggen", "Log out";
    logout_ask: "Een app vraagt of u wilt uitloggen. Wilt u dat?", "An app asks if you want to log out. Do you?";
    logout_wrong: "De vraag van de app om uit te loggen klopt niet. U bent niet uitgelogd.",
        "The request of the app to log you out is not right. You are not logged out.";

    account_title: "Uw account", "Your account";
    account_apps: "Apps met toegang", "Apps with access";
    account_no_apps: "Geen enkele app heeft nu toegang.", "No app has access now.";
    account_withdraw_more: "Trekt u de toegang in? Dan ziet de app vanaf dat moment niets meer. Wat de app al heeft, blijft bij de app.",
        "If you withdraw access, the app sees nothing more from that moment. What the app already has stays with the app.";
    withdraw_all_button: "Toegang van alle apps intrekken", "Withdraw access of all apps";
    account_logins: "Laatste keren ingelogd", "Recent logins";
    account_logins_more: "Was u dit niet? Bel dan uw zorgorganisatie.", "Was this not you? Then call your care organisation.";
    account_none: "U bent niet ingelogd. Log in via uw app.", "You are not logged in. Log in through your app.";
    sign_out_button: "Uitloggen", "Log out";

    credentials: "De gebruikersnaam of het wachtwoord klopt niet.", "The user name or password is wrong.";
    current_wrong: "Het wachtwoord dat u van ons kreeg klopt niet.", "The password that we gave you is wrong.";
    not_a_code: "Dit is geen inlogcode. Typ de 6 cijfers uit de sms.",
        "This is not a login code. Type the 6 digits from the text message.";
    other_code: "Deze code hoort bij een oudere sms. Gebruik de nieuwste sms.",
        "This code belongs to an older message. Use the newest one.";
    different: "De twee nieuwe wachtwoorden zijn niet gelijk.", "The two new passwords are not the same.";
    choose_client: "Kies een persoon uit de lijst.", "Choose a person from the list.";
    approve_types: "Zelf kiezen welke onderdelen", "Choose the parts yourself";
    approve_categories: "Alleen een deel hiervan toestaan", "Allow only a part of this";
    no_scope: "Kies ten minste een onderdeel, of weiger de toegang.", "Choose at least one part, or refuse.";
    no_decision: "Kies: toestaan of weigeren.", "Choose: allow or refuse.";
}

impl Language {
    /// From a code such as `en-GB`; `None` for languages that the pages do not speak.
    pub(super) fn parse(code: &str) -> Option<Self> {
        match code.trim().split(['-', '_', ';']).next()?.to_ascii_lowercase().as_str() {
            "nl" => Some(Self::Dutch),
            "en" => Some(Self::English),
            _ => None,
        }
    }

    /// The first language of a list (`ui_locales`, `Accept-Language`) that the pages speak.
    pub(super) fn first(list: &str, separator: char) -> Option<Self> {
        list.split(separator).take(20).find_map(Self::parse)
    }

    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Dutch => "nl",
            Self::English => "en",
        }
    }

    pub(super) const fn other(self) -> Self {
        match self {
            Self::Dutch => Self::English,
            Self::English => Self::Dutch,
        }
    }

    pub(super) fn pick(self, dutch: String, english: String) -> String {
        match self {
            Self::Dutch => dutch,
            Self::English => english,
        }
    }

    pub(super) fn hello(self, name: &str) -> String {
        self.pick(format!("Ingelogd als {name}"), format!("Logged in as {name}"))
    }

    pub(super) fn login_intro(self, app: &str, tenant: &str) -> String {
        self.pick(
            format!("De app {app} vraagt toegang tot uw gegevens bij {tenant}. Log in om verder te gaan."),
            format!("The app {app} asks for access to your information at {tenant}. Log in to continue."),
        )
    }

    pub(super) fn request_intro(self, number: &str) -> String {
        self.pick(
            format!("Wij sturen een sms met een inlogcode naar {number}."),
            format!("We will send a text message with a login code to {number}."),
        )
    }

    pub(super) fn code_intro(self, number: &str, seconds: i64) -> String {
        let minutes = (seconds / 60).max(1);
        self.pick(
            format!("Wij stuurden een sms naar {number}. De code is {minutes} minuten geldig."),
            format!("We sent a text message to {number}. The code is valid for {minutes} minutes."),
        )
    }

    pub(super) fn code_label(self, reference: &str) -> String {
        self.pick(
            format!("Inlogcode die begint met {reference}"),
            format!("Login code that begins with {reference}"),
        )
    }

    pub(super) fn again_after(self, wait: SignedDuration) -> String {
        let wait = self.span(wait);
        self.pick(
            format!("U kunt over {wait} een nieuwe code aanvragen."),
            format!("You can ask for a new code in {wait}."),
        )
    }

    pub(super) fn wait(self, wait: SignedDuration) -> String {
        let wait = self.span(wait);
        self.pick(
            format!("U heeft te vaak geprobeerd. Wacht {wait} en probeer het dan opnieuw."),
            format!("Too many tries. Wait {wait} and then try again."),
        )
    }

    pub(super) fn wrong_code(self, left: i64) -> String {
        match left {
            ..=0 => self.pick(
                "De code klopt niet. Vraag een nieuwe code aan.".to_owned(),
                "The code is wrong. Ask for a new one.".to_owned(),
            ),
            1 => self.pick(
                "De code klopt niet. U kunt het nog 1 keer proberen.".to_owned(),
                "The code is wrong. You can try once more.".to_owned(),
            ),
            _ => self.pick(
                format!("De code klopt niet. U kunt het nog {left} keer proberen."),
                format!("The code is wrong. You can try {left} more times."),
            ),
        }
    }

    fn span(self, wait: SignedDuration) -> String {
        let seconds = wait.as_secs() + i64::from(wait.subsec_nanos() > 0);
        match seconds {
            ..=1 => self.pick("1 seconde".to_owned(), "1 second".to_owned()),
            2..=90 => self.pick(format!("{seconds} seconden"), format!("{seconds} seconds")),
            _ => {
                let minutes = (seconds + 59) / 60;
                self.pick(format!("{minutes} minuten"), format!("{minutes} minutes"))
            }
        }
    }

    /// What is wrong with a new password, in one sentence a rule.
    pub(super) fn broken(self, broken: &[Broken]) -> String {
        let mut text = String::new();
        for rule in broken {
            let sentence = match rule {
                Broken::TooShort(least) => self.pick(
                    format!("Gebruik ten minste {least} tekens."),
                    format!("Use at least {least} characters."),
                ),
                Broken::TooLong(most) => self.pick(
                    format!("Gebruik hoogstens {most} tekens."),
                    format!("Use at most {most} characters."),
                ),
                rule => self.rule(*rule).to_owned(),
            };
            let _ = write!(text, "{}{sentence}", if text.is_empty() { "" } else { " " });
        }
        text
    }

    fn rule(self, rule: Broken) -> &'static str {
        let (dutch, english) = match rule {
            Broken::TooShort(_) => ("Te kort.", "Too short."),
            Broken::TooLong(_) => ("Te lang.", "Too long."),
            Broken::NoUpper => ("Gebruik ook een hoofdletter.", "Use a capital letter too."),
            Broken::NoLower => ("Gebruik ook een kleine letter.", "Use a small letter too."),
            Broken::NoNonAlpha => (
                "Gebruik ook een cijfer of een ander teken.",
                "Use a digit or another sign too.",
            ),
            Broken::HasUserName => ("Gebruik uw gebruikersnaam niet.", "Do not use your user name."),
            Broken::HasTenantName => (
                "Gebruik de naam van de organisatie niet.",
                "Do not use the organisation's name.",
            ),
            Broken::Common => (
                "Dit wachtwoord is te makkelijk te raden.",
                "This password is too easy to guess.",
            ),
            Broken::Used => (
                "Dit wachtwoord heeft u al eens gebruikt.",
                "You have used this password before.",
            ),
        };
        match self {
            Self::Dutch => dutch,
            Self::English => english,
        }
    }

    /// The rules that a new password has to follow.
    pub(super) fn password_rules(self, policy: &crate::config::PasswordPolicy) -> Vec<String> {
        let mut rules = vec![self.broken(&[Broken::TooShort(
            policy.min_length.max(crate::config::SHORTEST_PASSWORD),
        )])];
        let more = [
            (policy.require_upper, Broken::NoUpper),
            (policy.require_lower, Broken::NoLower),
            (policy.require_non_alpha, Broken::NoNonAlpha),
            (true, Broken::HasUserName),
        ];
        rules.extend(
            more.iter()
                .filter(|(on, _)| *on)
                .map(|(_, rule)| self.rule(*rule).to_owned()),
        );
        rules
    }

    pub(super) fn approve_title(self, app: &str) -> String {
        self.pick(format!("Mag {app} dit bekijken?"), format!("May {app} see this?"))
    }

    pub(super) fn approve_about(self, name: &str) -> String {
        self.pick(
            format!("Het gaat om gegevens van: {name}"),
            format!("It is about: {name}"),
        )
    }

    pub(super) fn role(self, role: Role) -> &'static str {
        let (dutch, english) = match role {
            Role::Client => ("uzelf", "yourself"),
            Role::Contact => ("u bent contactpersoon", "you are a contact person"),
            Role::Representative => ("u bent vertegenwoordiger", "you are the representative"),
        };
        match self {
            Self::Dutch => dutch,
            Self::English => english,
        }
    }

    /// What the client of a right is called as long as the name is not known.
    pub(super) fn nameless(self, at: usize) -> String {
        self.pick(format!("Cliënt {at}"), format!("Client {at}"))
    }
}

/// Texts are there in both languages, in sentences of at most twenty words.
#[cfg(test)]
pub(super) fn are_plain(texts: &[(&str, &str, &str)]) {
    for (name, dutch, english) in texts {
        for text in [dutch, english] {
            assert!(!text.is_empty() && !text.contains("  "), "{name}");
            let sentences = text.split(['.', ':', '?']).map(|part| part.split_whitespace().count());
            assert!(sentences.max().unwrap_or(0) <= 20, "{name}: a sentence is long");
        }
    }
}

#[cfg(test)]
mod tests;
