//! SMART scopes, v1 and v2, parsed once. No scope means no access.
//!
//! ```
//! use inzage::fhir::types::ResourceType::{CarePlan, Observation};
//! use inzage::oauth::scope::{Action, Context, Scopes};
//! let scopes = Scopes::parse("openid patient/Observation.rs?category=vital-signs patient/CarePlan.read").unwrap();
//! assert_eq!(scopes.to_string(), "openid patient/Observation.rs?category=vital-signs patient/CarePlan.read");
//! assert_eq!(scopes.allow(Context::Patient, Action::Read, CarePlan), Some(vec![]));
//! assert_eq!(scopes.allow(Context::Patient, Action::Create, CarePlan), None);
//! let only = vec![vec![("category".to_owned(), "vital-signs".to_owned())]];
//! assert_eq!(scopes.allow(Context::Patient, Action::Search, Observation), Some(only));
//! ```
//!
//! # Design
//! A scope that this server does not know is dropped, as RFC 6749 §3.3 allows, because real apps ask for every type that they
//! can show; the answer names what was granted. A scope that would mean *less* if a part of it were ignored is refused:
//! a modifier, a chain or an unknown parameter behind `?`. What was asked in v1 words is given back in v1 words.
//!
//! The algebra has three operations: [`Scopes::within`] (asked and allowed), [`Scopes::covers`] (is this no more than that)
//! and [`Scopes::keep`] (the person unselects). None of them can make a set wider; property tests hold them to it.

mod algebra;
mod choice;
mod parse;
#[cfg(test)]
mod tests;

use std::fmt;

pub use choice::{Choice, Detail, Pieces};

use crate::fhir::types::ResourceType;

/// What is done to a resource: the letters of a v2 scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Create = 1,
    /// read, vread, history of one resource
    Read = 2,
    Update = 4,
    Delete = 8,
    /// search by type
    Search = 16,
}

/// A set of [`Action`]s; never empty in a parsed scope.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Actions(u8);

impl Actions {
    const LETTERS: [(Action, char); 5] = [
        (Action::Create, 'c'),
        (Action::Read, 'r'),
        (Action::Update, 'u'),
        (Action::Delete, 'd'),
        (Action::Search, 's'),
    ];
    const READ: Self = Self(Action::Read as u8 | Action::Search as u8);
    const WRITE: Self = Self(Action::Create as u8 | Action::Update as u8 | Action::Delete as u8);
    const ALL: Self = Self(Self::READ.0 | Self::WRITE.0);

    pub fn has(self, action: Action) -> bool {
        self.0 & action as u8 != 0
    }

    fn iter(self) -> impl Iterator<Item = Action> {
        Self::LETTERS
            .into_iter()
            .map(|(action, _)| action)
            .filter(move |action| self.has(*action))
    }
}

impl fmt::Display for Actions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (action, letter) in Self::LETTERS {
            if self.has(action) {
                write!(f, "{letter}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Actions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Actions({self})")
    }
}

/// Whose data a scope is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    Patient,
    User,
    System,
}

impl Context {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Patient => "patient",
            Self::User => "user",
            Self::System => "system",
        }
    }
}

/// Of this server's own making: SMART leaves open how a portal asks for a launch.
pub const LAUNCHES: &str = "urn:inzage:scope:launches";

/// One parsed scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    OpenId,
    FhirUser,
    Profile,
    /// The refresh token outlives the browser session.
    OfflineAccess,
    /// The refresh token ends with the browser session.
    OnlineAccess,
    /// The app wants to know which client the person chose.
    LaunchPatient,
    /// The app was launched by a portal and wants to know what the portal said.
    Launch,
    /// A portal may launch apps.
    Launches,
    Data(Data),
}

/// A scope over resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Data {
    pub context: Context,
    /// `None` is `*`: every type, also those that are added later.
    pub kind: Option<ResourceType>,
    pub actions: Actions,
    /// Granular parameters, all of which have to match; only on a named type.
    pub filters: Vec<(String, String)>,
    form: Form,
}

/// In which words the scope was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    V1,
    V2,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OpenId => "openid",
            Self::FhirUser => "fhirUser",
            Self::Profile => "profile",
            Self::OfflineAccess => "offline_access",
            Self::OnlineAccess => "online_access",
            Self::LaunchPatient => "launch/patient",
            Self::Launch => "launch",
            Self::Launches => LAUNCHES,
            Self::Data(data) => return data.fmt(f),
        })
    }
}

impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind.map_or("*", ResourceType::as_str);
        write!(f, "{}/{kind}.", self.context.as_str())?;
        match self.form {
            Form::V1 if self.actions == Actions::READ => f.write_str("read")?,
            Form::V1 if self.actions == Actions::WRITE => f.write_str("write")?,
            Form::V1 => f.write_str("*")?,
            Form::V2 => write!(f, "{}", self.actions)?,
        }
        for (at, (name, value)) in self.filters.iter().enumerate() {
            let joint = if at == 0 { '?' } else { '&' };
            write!(f, "{joint}{name}={value}")?;
        }
        Ok(())
    }
}

/// Why a scope text is refused as a whole: `invalid_scope`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    #[error("the scope parameter holds a character that RFC 6749 does not allow, or is longer than 4096 characters")]
    Characters,
    #[error("the scope parameter holds more than 100 scopes")]
    TooMany,
    #[error(
        "a scope with search parameters may use only category, code, status and type where the resource type has them, without modifiers or chains"
    )]
    Filter,
}

/// A parsed scope string, in the order it was asked, without doubles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(Vec<Scope>);

impl Scopes {
    /// Everything that this server can grant to anybody: what discovery lists.
    pub const SUPPORTED: &'static str = "openid fhirUser profile launch launch/patient offline_access online_access patient/*.rs user/*.rs system/*.rs \
         urn:inzage:scope:launches";

    /// What this server can grant at all.
    pub fn supported() -> Self {
        Self::parse(Self::SUPPORTED).expect("the supported scopes are scopes")
    }

    /// Reads a scope string. Unknown scopes are dropped.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        parse::scopes(text)
    }

    /// Reads what an app asks for itself, and gives what of it `allowed` admits. An app that acts in its own name is made by
    /// somebody who knows what it needs, so a word that means nothing here, or gives nothing, is refused instead of dropped.
    pub fn for_itself(text: &str, allowed: &Self) -> Option<Self> {
        let mut granted: Vec<Scope> = Vec::new();
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            let one = Self::parse(word).ok()?.of_a_backend().within(allowed);
            if one.is_empty() || granted.len() > parse::MOST {
                return None;
            }
            for scope in one.0 {
                if !granted.contains(&scope) {
                    granted.push(scope);
                }
            }
        }
        (!granted.is_empty()).then_some(Self(granted))
    }

    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn has(&self, scope: &Scope) -> bool {
        self.0.contains(scope)
    }

    /// The scopes over resources.
    pub fn data(&self) -> impl Iterator<Item = &Data> {
        self.0.iter().filter_map(|scope| match scope {
            Scope::Data(data) => Some(data),
            _ => None,
        })
    }

    /// Whether these scopes mean nothing without a client in context: asked for outright, or implied by a `patient/` scope,
    /// because many apps do not ask for `launch/patient`.
    pub fn needs_patient(&self) -> bool {
        self.has(&Scope::LaunchPatient) || self.data().any(|data| data.context == Context::Patient)
    }

    /// What the scopes of this context say about `action` on `kind`: `None` is nothing, an empty list is everything, otherwise
    /// alternatives of granular parameters.
    pub fn allow(&self, context: Context, action: Action, kind: ResourceType) -> Option<Vec<Vec<(String, String)>>> {
        let mut alternatives = Vec::new();
        for data in self.data().filter(|data| data.reaches(context, action, kind)) {
            if data.filters.is_empty() {
                return Some(Vec::new());
            }
            alternatives.push(data.filters.clone());
        }
        (!alternatives.is_empty()).then_some(alternatives)
    }

    /// With a parameter on every scope that allows `action`, also where no app can ask for one.
    #[cfg(test)]
    pub(crate) fn narrowed(mut self, action: Action, name: &str, value: &str) -> Self {
        for scope in &mut self.0 {
            if let Scope::Data(data) = scope
                && data.actions.has(action)
            {
                data.filters.push((name.to_owned(), value.to_owned()));
            }
        }
        self
    }

    /// The scopes for which `wanted` says yes: what the person left selected.
    #[must_use]
    pub fn keep(&self, wanted: impl FnMut(&&Scope) -> bool) -> Self {
        Self(self.0.iter().filter(wanted).cloned().collect())
    }
}

impl Data {
    fn reaches(&self, context: Context, action: Action, kind: ResourceType) -> bool {
        self.context == context && self.actions.has(action) && self.kind.is_none_or(|own| own == kind)
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, scope) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(" ")?;
            }
            scope.fmt(f)?;
        }
        Ok(())
    }
}
