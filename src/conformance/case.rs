//! A case: what is asked of the server and what must come back, as data in `conformance/cases/<area>/NN-slug.toml`.
//!
//! ```toml
//! title = "The SMART configuration is JSON"
//! requirements = ["smart:D02"]
//! [[step]]
//! get = "{fhir}/.well-known/smart-configuration"
//! headers = { Accept = "text/html" }
//! [step.expect]
//! status = [200]
//! header = { content-type = "application/json" }
//! ```
//!
//! # Design
//! A closed set of keys: an unknown one stops the load, so that a misspelt expectation cannot pass by never being checked.
//! There are no conditions and no loops; what needs them is a built-in action (`login`, `authorize`).

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::Error;
use super::backend::Backend;

/// One case file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// `area/NN-slug`: the file's path without its ending.
    #[serde(skip)]
    pub id: String,
    pub title: String,
    /// What it shows: `smart:D01`, `portal:S0-9`.
    pub requirements: Vec<String>,
    #[serde(rename = "step")]
    pub steps: Vec<Step>,
}

/// One exchange, or a comparison of two earlier ones. Exactly one of the actions stands in a step.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Step {
    /// Keeps the answer under this name, for `same`.
    pub name: Option<String>,
    pub get: Option<String>,
    pub post: Option<String>,
    /// Any other method: `{ method = "TRACE", url = "…" }`.
    pub request: Option<Request>,
    pub authorize: Option<Authorize>,
    pub login: Option<Login>,
    /// A token request of a backend app.
    pub backend: Option<Backend>,
    /// Two named answers that must be the same to the byte, apart from dates, request ids and form tokens.
    pub same: Option<[String; 2]>,
    pub headers: BTreeMap<String, String>,
    /// Sent as `application/x-www-form-urlencoded`.
    pub form: Option<BTreeMap<String, String>>,
    /// Sent as it stands.
    pub body: Option<String>,
    /// The `access_token` of this earlier login.
    pub bearer: Option<String>,
    pub expect: Expect,
    /// Variable name to JSON pointer in the answer.
    pub save: BTreeMap<String, String>,
    /// Variable name to a header of the answer.
    pub save_header: BTreeMap<String, String>,
    /// Ask again as long as one of these statuses comes, as `Retry-After` says and for half a minute at most.
    pub poll: Vec<u16>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    pub method: String,
    pub url: String,
}

/// A valid authorization request of an app, with changes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authorize {
    pub app: String,
    #[serde(default)]
    pub set: BTreeMap<String, String>,
    #[serde(default)]
    pub drop: Vec<String>,
}

/// Walks the login pages without JavaScript.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    pub account: Account,
    pub app: String,
    #[serde(default)]
    pub scope: Option<String>,
    /// More parameters of the authorization request.
    #[serde(default)]
    pub set: BTreeMap<String, String>,
    #[serde(default)]
    pub until: Until,
    /// Variables `{as.access_token}`, `{as.patient}`, `{as.code}`, … are kept under this name.
    #[serde(rename = "as")]
    pub name: String,
    /// Typed in place of the account's own.
    #[serde(default)]
    pub username: Option<String>,
    #[serde(default)]
    pub password: Option<String>,
    #[serde(default)]
    pub decision: Decision,
}

/// Which of the target's accounts.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Account {
    /// A client who logs in himself.
    Client,
    /// Anybody who may see a client that `client` may not see; that client is chosen.
    OtherClient,
    /// Somebody with two clients or more.
    Representative,
}

/// Where the walk ends.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Until {
    /// After the password was sent: the answer is the next page, or the same one again.
    Password,
    /// When the browser is sent back to the app: the answer is that redirect.
    Redirect,
    /// When the app has its tokens.
    #[default]
    Token,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    #[default]
    Allow,
    Deny,
}

/// What an answer must look like; everything given must hold.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    /// One of these.
    pub status: Vec<u16>,
    /// Header name to the start of its value; `*` accepts any value.
    pub header: BTreeMap<String, String>,
    /// Headers that may not be there.
    pub no_header: Vec<String>,
    /// JSON pointer to what must stand there.
    pub json: BTreeMap<String, Value>,
    /// Texts that may not occur anywhere in the body.
    pub text_absent: Vec<String>,
    /// Sent back to the app with one of these OAuth errors, `state` and `iss`.
    pub redirect_error: Vec<String>,
    /// Either an error page without a redirect, or as `redirect_error`.
    pub refused: Vec<String>,
    /// Lines of JSON, one at least, each a resource of this type.
    pub lines: Option<String>,
    /// A JWK Set with public keys only, unique ids and an RSA key.
    pub jwks: bool,
}

/// What must stand at one JSON pointer.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Value {
    pub is: Option<toml::Value>,
    pub kind: Option<Kind>,
    /// The kind of each entry of a list.
    pub each: Option<Kind>,
    pub contains: Vec<String>,
    pub lacks: Vec<String>,
    pub starts: Option<String>,
    /// An absolute http(s) address.
    pub url: bool,
    /// Nothing may stand there.
    pub absent: bool,
    /// Checked only where something stands there.
    pub optional: bool,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    String,
    Number,
    Boolean,
    Array,
    Object,
}

impl Case {
    /// Reads one case; `id` is its path without the ending.
    pub fn parse(id: &str, text: &str) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Case {
            id: id.to_owned(),
            reason,
        };
        let mut case: Self = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        id.clone_into(&mut case.id);
        if case.requirements.is_empty() || case.steps.is_empty() {
            return Err(wrong("a case names a requirement and has a step".to_owned()));
        }
        for (number, step) in case.steps.iter().enumerate() {
            let actions = [
                step.get.is_some(),
                step.post.is_some(),
                step.request.is_some(),
                step.authorize.is_some(),
            ];
            let actions =
                actions
                    .into_iter()
                    .chain([step.login.is_some(), step.same.is_some(), step.backend.is_some()]);
            if actions.filter(|given| *given).count() != 1 {
                return Err(wrong(format!("step {} needs exactly one action", number + 1)));
            }
        }
        Ok(case)
    }
}

static BUILT_IN: include_dir::Dir<'_> = include_dir::include_dir!("$CARGO_MANIFEST_DIR/conformance/cases");

/// The cases that came with the program, in the order of their ids.
pub fn built_in() -> Result<Vec<Case>, Error> {
    let mut texts = Vec::new();
    for folder in BUILT_IN.dirs() {
        for file in folder.files() {
            texts.push((
                file.path().to_owned(),
                file.contents_utf8().unwrap_or_default().to_owned(),
            ));
        }
    }
    parse_all(texts)
}

/// The cases of a folder `DIR/<area>/NN-slug.toml`.
pub fn load(folder: &Path) -> Result<Vec<Case>, Error> {
    let unreadable = |source| Error::Unreadable {
        path: folder.to_owned(),
        source,
    };
    let mut texts = Vec::new();
    for area in std::fs::read_dir(folder).map_err(unreadable)? {
        let area = area.map_err(unreadable)?.path();
        if !area.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(&area).map_err(unreadable)? {
            let path = file.map_err(unreadable)?.path();
            let text = std::fs::read_to_string(&path).map_err(unreadable)?;
            texts.push((path.strip_prefix(folder).unwrap_or(&path).to_owned(), text));
        }
    }
    parse_all(texts)
}

fn parse_all(mut texts: Vec<(std::path::PathBuf, String)>) -> Result<Vec<Case>, Error> {
    texts.retain(|(path, _)| path.extension().is_some_and(|ext| ext == "toml"));
    texts.sort();
    let cases = texts
        .iter()
        .map(|(path, text)| Case::parse(&path.with_extension("").to_string_lossy(), text));
    cases.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_case_loads() {
        let cases = built_in().unwrap();
        assert!(cases.len() >= 20, "{} cases", cases.len());
    }

    #[test]
    fn a_misspelt_expectation_stops_the_load() {
        let text = "title='t'\nrequirements=['smart:D01']\n[[step]]\nget='{fhir}'\nexpect={ statuss=[200] }";
        let error = Case::parse("a/01-x", text).unwrap_err().to_string();
        assert!(error.contains("a/01-x") && error.contains("statuss"), "{error}");
    }

    #[test]
    fn a_step_has_one_action() {
        let text = "title='t'\nrequirements=['smart:D01']\n[[step]]\nget='{fhir}'\npost='{fhir}'";
        assert!(Case::parse("a/01-x", text).is_err());
        assert!(Case::parse("a/01-x", "title='t'\nrequirements=[]\nstep=[]").is_err());
    }
}
