//! The pages on which people change their account, as templates.

use super::own_text::Texts as OwnTexts;
use super::views::Hidden;

pages! {
    /// Asks for a fresh second factor before an act.
    Confirm("own_confirm.html") {
        o: &'static OwnTexts, problem: Option<String>,
        csrf: String, act: &'static str, label: Option<String>, intro: String, again_text: Option<String>,
        may_send: bool, has_app: bool,
    }
    Password("own_password.html") {
        o: &'static OwnTexts, problem: Option<String>, csrf: String, username: String, rules: Vec<String>, new_is_wrong: bool,
    }
    Mobile("own_mobile.html") {
        o: &'static OwnTexts, problem: Option<String>, csrf: String, now: String, waiting: Option<String>,
    }
    Email("own_email.html") { o: &'static OwnTexts, problem: Option<String>, csrf: String }
    Factors("own_factors.html") {
        o: &'static OwnTexts, problem: Option<String>,
        csrf: String, app_on: bool, new_app: Option<(String, String)>, left: Option<String>, codes: Vec<String>,
    }
    Share("own_share.html") { o: &'static OwnTexts, problem: Option<String>, csrf: String, dossiers: Vec<Dossier> }
    Close("own_close.html") { o: &'static OwnTexts, problem: Option<String>, csrf: String }
    Forgot("forgot.html") { o: &'static OwnTexts, problem: Option<String>, by_email: bool }
    /// What a link for a password opens.
    LinkPassword("link_password.html") {
        o: &'static OwnTexts, problem: Option<String>, token: String, username: String, rules: Vec<String>,
    }
    LinkEmail("link_email.html") { o: &'static OwnTexts, problem: Option<String>, token: String }
    /// A code of an app or a recovery code in a login.
    OtherCode("other_code.html") {
        o: &'static OwnTexts, problem: Option<String>, form: Hidden, factor: &'static str, label: &'static str, hint: &'static str, digits: bool,
        may_trust: bool, ways: Vec<Way>,
    }
}

/// Another second factor.
pub(super) struct Way {
    pub(super) href: String,
    pub(super) text: &'static str,
}

/// A dossier and who else may look into it.
pub(super) struct Dossier {
    pub(super) patient: String,
    pub(super) name: String,
    pub(super) people: Vec<Looker>,
}

pub(super) struct Looker {
    pub(super) account: String,
    pub(super) name: String,
    pub(super) role: &'static str,
    /// The parts that the manager may open, as boxes.
    pub(super) parts: Vec<PartBox>,
    /// The words on the button that ends the access; none where it is not theirs to change.
    pub(super) end: Option<String>,
}

pub(super) struct PartBox {
    pub(super) name: &'static str,
    pub(super) text: &'static str,
    pub(super) open: bool,
}
