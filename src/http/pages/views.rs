//! The pages as templates. Every value is escaped; no page has a script.

use super::browser::Browser;
use super::device_text::Texts as DeviceTexts;
use super::info::Board;
use super::info_text::Texts as InfoTexts;
use super::look::Look;
use super::own_text::Texts as OwnTexts;
use super::own_views::Way;
use super::text::Language;

/// What every page has around its content.
pub(super) struct Shell {
    pub(super) lang: &'static str,
    pub(super) tenant_id: String,
    pub(super) tenant_name: String,
    pub(super) title: String,
    pub(super) failed: bool,
    pub(super) other_language: Option<String>,
    pub(super) other_code: &'static str,
    /// The words of the links at the foot; of the terms where there are any.
    pub(super) help: &'static str,
    pub(super) terms: Option<&'static str>,
    look: Look,
    language: Language,
    /// The links that switch how it looks.
    pub(super) looks: Vec<(String, &'static str)>,
    /// The classes of the page.
    pub(super) classes: &'static str,
}

impl Shell {
    pub(super) fn new(browser: &Browser, language: Language, title: &str, failed: bool) -> Self {
        Self {
            lang: language.code(),
            tenant_id: browser.tenant.id.to_string(),
            tenant_name: browser.tenant.name.clone(),
            title: title.to_owned(),
            failed,
            other_language: None,
            other_code: language.other().code(),
            help: language.info_texts().help,
            terms: (!browser.tenant.policy.terms.is_empty()).then_some(language.info_texts().terms),
            look: browser.look(),
            language,
            looks: Vec::new(),
            classes: browser.look().classes(),
        }
    }

    /// With links to the same page in the other language and in another look.
    pub(super) fn switched_at(mut self, path: &str) -> Self {
        self.looks = self.look.switches(self.language, path);
        self.other_language = Some(format!("{path}lang={}", self.other_code));
        self
    }
}

/// The hidden fields.
pub(super) struct Hidden {
    pub(super) request: String,
    pub(super) flow: String,
    pub(super) csrf: String,
}

pages! {
    Password("password.html") {
        form: Hidden, problem: Option<String>, intro: String, by_email: bool, o: &'static OwnTexts, username: String, board: Option<Board>,
        i: &'static InfoTexts, show: (bool, String), registers: bool,
    }
    /// The button that asks for a code.
    CodeRequest("code_request.html") {
        form: Hidden, problem: Option<String>, intro: String, may_send: bool, o: &'static OwnTexts, ways: Vec<Way>,
    }
    Code("code.html") {
        form: Hidden, problem: Option<String>, intro: String, label: String, reference: String,
        may_trust: bool, again_text: Option<String>, may_send: bool,
        o: &'static OwnTexts, ways: Vec<Way>,
    }
    NewPassword("new_password.html") {
        form: Hidden, problem: Option<String>, username: String, rules: Vec<String>, new_is_wrong: bool,
    }
    Client("client.html") { form: Hidden, problem: Option<String>, people: Vec<Person>, hello: String }
    Approve("approve.html") {
        form: Hidden, problem: Option<String>, warning: Option<&'static str>, about: Option<String>, scopes: Vec<Offer>,
        hello: String,
    }
    /// The way in by an OpenID provider.
    Upstream("upstream.html") { form: Hidden, board: Option<Board>, intro: String, button: String, password: Option<String> }
    /// A page that only says something.
    Message("message.html") { text: String, request_id: Option<String> }
    /// The code that a device shows.
    Device("device.html") { d: &'static DeviceTexts, problem: Option<String>, code: String }
    /// Whether an app may log the person out.
    Logout("logout.html") { csrf: String, hidden: Vec<(&'static str, String)> }
    Account("account.html") { o: &'static OwnTexts, own: Option<Own> }
}

/// Somebody whose dossier can be chosen.
pub(super) struct Person {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) born: Option<String>,
    pub(super) role: &'static str,
}

/// A scope that can be unselected.
pub(super) struct Offer {
    /// The scope; several that read alike, with spaces between them.
    pub(super) value: String,
    pub(super) title: String,
    pub(super) more: String,
    pub(super) offline: bool,
    pub(super) parts: Option<Parts>,
}

/// Parts of a scope that can be chosen by themselves.
pub(super) struct Parts {
    pub(super) title: &'static str,
    /// Whether they are selected at first.
    pub(super) selected: bool,
    /// Scope or scopes, and words.
    pub(super) pieces: Vec<(String, String)>,
}

/// The account of who is logged in.
pub(super) struct Own {
    pub(super) hello: String,
    pub(super) username: String,
    pub(super) csrf: String,
    pub(super) apps: Vec<GivenApp>,
    pub(super) logins: Vec<String>,
    pub(super) devices: Vec<TrustedDevice>,
}

/// A browser that needs no code.
pub(super) struct TrustedDevice {
    pub(super) id: String,
    pub(super) words: String,
    pub(super) button: String,
}

/// An app with access.
pub(super) struct GivenApp {
    pub(super) client_id: String,
    pub(super) name: String,
    pub(super) times: String,
    pub(super) scopes: Vec<String>,
    pub(super) button: String,
}
