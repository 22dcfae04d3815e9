//! What comes next: the one exit of every step.
//!
//! # Design
//! Pure: out of facts comes a step.

use jiff::Timestamp;

use super::Flow;
use super::session::Session;
use crate::account::{Account, State};
use crate::config::{Policy, SmsWhen};
use crate::consent::Right;
use crate::fhir::types::Id;
use crate::oauth::acr;
use crate::oauth::launch::Launch;

/// What the person has to do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Password,
    SecondFactor,
    ChangePassword,
    /// To agree to the organisation's terms.
    Terms,
    /// There is nobody whose dossier this account may see (any more).
    NoAccess,
    ChooseClient,
    /// About this client, or about none if the app asks for none.
    Approve(Option<Id>),
    Done,
}

/// What is known about the person in a flow.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    pub flow: &'a Flow,
    /// The flow's account.
    pub account: Option<&'a Account>,
    /// The flow's session, if it is alive.
    pub session: Option<&'a Session>,
    /// Whether there are terms to agree to.
    pub terms: bool,
    /// The rights in force.
    pub rights: &'a [Right],
    /// Whether the app asks about one client.
    pub needs_patient: bool,
    /// What the portal said that launched the app.
    pub launch: Option<&'a Launch>,
    /// The levels that the app asks for, separated by spaces.
    pub levels: &'a str,
}

/// The next step.
pub fn next(facts: Facts<'_>, policy: &Policy, now: Timestamp) -> Step {
    let Facts { flow, rights, .. } = facts;
    if flow.done {
        return Step::Done;
    }
    let Some(account) = facts.account.filter(|account| account.usable(now)) else {
        return Step::Password;
    };
    let (password, second, device) = match (&flow.session, facts.session) {
        // The session vouches; when it has ended, nothing does.
        (Some(_), Some(session)) => (true, session.second, session.device.is_some()),
        (Some(_), None) => (false, false, false),
        (None, _) => (
            flow.password_at.is_some(),
            flow.second_at.is_some(),
            flow.device.is_some(),
        ),
    };
    if !password {
        return Step::Password;
    }
    // Whoever still has a password of somebody else's choice has to show the telephone, on any device.
    // So has everybody when the app asks for a surer login than a trusted browser is.
    let trusted = device && account.state == State::Active && acr::meets(facts.levels, acr::DEVICE);
    if !(second || trusted && devices_count(policy)) {
        return Step::SecondFactor;
    }
    if account.state == State::MustChangePassword {
        return Step::ChangePassword;
    }
    if facts.terms {
        return Step::Terms;
    }
    // A launch of another person opens nothing here.
    if rights.is_empty() || facts.launch.is_some_and(|launch| !launch.is_for(&account.id)) {
        return Step::NoAccess;
    }
    if !facts.needs_patient {
        return Step::Approve(None);
    }
    if let Some(launched) = facts.launch.and_then(|launch| launch.patient.as_deref()) {
        // The portal has this client in view; the rights decide whether the person may see them.
        let right = rights.iter().find(|right| right.patient.as_str() == launched);
        return right.map_or(Step::NoAccess, |right| Step::Approve(Some(right.patient.clone())));
    }
    let chosen = match (&flow.patient, rights) {
        (_, [only]) => Some(&only.patient),
        (Some(chosen), _) => rights
            .iter()
            .map(|right| &right.patient)
            .find(|patient| *patient == chosen),
        (None, _) => None,
    };
    match chosen {
        Some(patient) => Step::Approve(Some(patient.clone())),
        None => Step::ChooseClient,
    }
}

/// Whether a trusted browser may stand in for the code.
fn devices_count(policy: &Policy) -> bool {
    match policy.sms.when {
        SmsWhen::EveryLogin => false,
        SmsWhen::NewDevice | SmsWhen::NewDeviceOrDays(_) => true,
    }
}
