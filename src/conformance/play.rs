//! Plays one case against one tenant: step by step, up to the first failure.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::backend::{Backend, Key};
use super::case::{Authorize, Case, Login, Step, Until};
use super::client::{Answer, Body, Browser};
use super::report::Outcome;
use super::template::Variables;
use super::walk::{Visitor, walk};
use super::world::{App, Tenant};
use super::{compare, expect};

/// What a login asks for when the case does not say.
const SCOPE: &str = "openid fhirUser launch/patient offline_access patient/*.rs";

/// How long something may take that is polled.
const POLLED: Duration = Duration::from_secs(30);

const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Why a step did not pass.
enum Stop {
    Failed(String),
    /// The target lacks what the case needs.
    Skipped(String),
}

impl From<String> for Stop {
    fn from(reason: String) -> Self {
        Self::Failed(reason)
    }
}

/// What a case is played against, and when.
pub(super) struct Target<'a> {
    pub tenant: &'a Tenant,
    pub outbox: Option<&'a Path>,
    pub backend_key: Option<&'a Key>,
    pub now: Timestamp,
}

/// One play of one case.
pub(super) struct Play<'a> {
    target: Target<'a>,
    browser: &'a mut Browser,
    variables: Variables,
    answers: BTreeMap<String, Answer>,
    seed: [u8; 32],
    drawn: u64,
}

impl<'a> Play<'a> {
    /// `seed` must differ for every play: states and PKCE verifiers come from it.
    pub(super) fn new(target: Target<'a>, browser: &'a mut Browser, seed: [u8; 32]) -> Self {
        let tenant = target.tenant;
        let mut variables = Variables::default();
        variables.set("tenant", &tenant.id);
        variables.set("fhir", tenant.fhir.trim_end_matches('/'));
        variables.set("issuer", &tenant.issuer);
        if let Ok(issuer) = Url::parse(&tenant.issuer) {
            variables.set("origin", issuer.origin().ascii_serialization());
            variables.set("issuer_path", issuer.path().trim_end_matches('/'));
        }
        let answers = BTreeMap::new();
        Self {
            target,
            browser,
            variables,
            answers,
            seed,
            drawn: 0,
        }
    }

    pub(super) async fn run(mut self, case: &Case) -> Outcome {
        self.browser.forget();
        for (number, step) in case.steps.iter().enumerate() {
            match self.step(step).await {
                Ok(()) => {}
                Err(Stop::Failed(reason)) => {
                    return Outcome::Failed {
                        step: number + 1,
                        reason,
                    };
                }
                Err(Stop::Skipped(reason)) => return Outcome::Skipped { reason },
            }
        }
        Outcome::Passed
    }

    async fn step(&mut self, step: &Step) -> Result<(), Stop> {
        if let Some([left, right]) = &step.same {
            let answer = |name: &String| self.answers.get(name).ok_or(format!("no step is named {name}"));
            return Ok(compare::same(answer(left)?, answer(right)?)?);
        }
        let answer = if let Some(login) = &step.login {
            self.login(login).await?
        } else if let Some(backend) = &step.backend {
            self.backend(backend).await?
        } else if let Some(authorize) = &step.authorize {
            let url = self.authorize_url(authorize)?;
            self.browser
                .send(Method::GET, url, self.headers(step)?, Body::None)
                .await?
        } else {
            self.polled(step).await?
        };
        expect::check(&step.expect, &answer, &self.variables)?;
        for (name, pointer) in &step.save {
            let body = answer.json()?;
            let value = body.pointer(pointer).and_then(serde_json::Value::as_str);
            self.variables
                .set(name, value.ok_or(format!("there is no text at {pointer:?} to keep"))?);
        }
        for (name, header) in &step.save_header {
            let value = answer
                .header(header)
                .ok_or(format!("there is no header {header} to keep"))?;
            self.variables.set(name, value);
        }
        if let Some(name) = &step.name {
            self.answers.insert(name.clone(), answer);
        }
        Ok(())
    }

    /// The request, again and again while the answer says that it is not ready.
    async fn polled(&mut self, step: &Step) -> Result<Answer, Stop> {
        let begun = std::time::Instant::now();
        loop {
            let answer = self.request(step).await?;
            if !step.poll.contains(&answer.status) || begun.elapsed() > POLLED {
                return Ok(answer);
            }
            let wait = answer.header("retry-after").and_then(|seconds| seconds.parse().ok());
            tokio::time::sleep(Duration::from_secs(wait.unwrap_or(1).clamp(1, 5))).await;
        }
    }

    async fn request(&mut self, step: &Step) -> Result<Answer, Stop> {
        let (method, url) = match (&step.get, &step.post, &step.request) {
            (Some(url), ..) => (Method::GET, url),
            (_, Some(url), _) => (Method::POST, url),
            (.., Some(request)) => {
                let method = request
                    .method
                    .parse()
                    .map_err(|_| format!("{} is no method", request.method))?;
                (method, &request.url)
            }
            _ => return Err(Stop::Failed("the step has no action".to_owned())),
        };
        let url = self.fill(url)?;
        let url = Url::parse(&url).map_err(|_| Stop::Failed("the address is not absolute".to_owned()))?;
        let body = match (&step.form, &step.body) {
            (Some(form), _) => {
                let fields = form.iter().map(|(name, value)| Ok((name.clone(), self.fill(value)?)));
                Body::Form(fields.collect::<Result<_, Stop>>()?)
            }
            (None, Some(text)) => Body::Raw(self.fill(text)?),
            (None, None) => Body::None,
        };
        Ok(self.browser.send(method, url, self.headers(step)?, body).await?)
    }

    fn headers(&self, step: &Step) -> Result<HeaderMap, Stop> {
        let mut headers = HeaderMap::new();
        let wrong = |name: &str| Stop::Failed(format!("header {name} cannot be sent"));
        for (name, value) in &step.headers {
            let parsed: HeaderName = name.parse().map_err(|_| wrong(name))?;
            headers.insert(parsed, self.fill(value)?.parse().map_err(|_| wrong(name))?);
        }
        if let Some(name) = &step.bearer {
            let token = self.fill(&format!("{{{name}.access_token}}"))?;
            let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| wrong("authorization"))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        Ok(headers)
    }

    /// A valid request of the app, changed as the case says. Sets `{state}`, `{verifier}`, `{redirect_uri}`.
    fn authorize_url(&mut self, authorize: &Authorize) -> Result<Url, Stop> {
        let redirect = self.redirect(&authorize.app)?;
        let (state, verifier) = (self.draw(), self.draw());
        let challenge = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()));
        for (name, value) in [("state", &state), ("verifier", &verifier), ("redirect_uri", &redirect)] {
            self.variables.set(name, value);
        }
        self.variables.set("challenge", &challenge);
        let fhir = self.fill("{fhir}")?;
        let mut query: BTreeMap<&str, String> = BTreeMap::from([
            ("response_type", "code".to_owned()),
            ("client_id", authorize.app.clone()),
            ("redirect_uri", redirect),
            ("scope", SCOPE.to_owned()),
            ("state", state),
            ("aud", fhir),
            ("code_challenge", challenge),
            ("code_challenge_method", "S256".to_owned()),
        ]);
        for (name, value) in &authorize.set {
            query.insert(name, self.fill(value)?);
        }
        query.retain(|name, _| !authorize.drop.iter().any(|dropped| dropped == name));
        match query.get("state") {
            Some(state) => self.variables.set("state", state),
            None => self.variables.unset("state"),
        }
        let endpoint = self.fill("{issuer}/oauth/authorize")?;
        Url::parse_with_params(&endpoint, query).map_err(|_| Stop::Failed("the issuer is not absolute".to_owned()))
    }

    async fn login(&mut self, login: &Login) -> Result<Answer, Stop> {
        let tenant = self.target.tenant;
        let Some((person, patient)) = tenant.account(login.account) else {
            return Err(Stop::Skipped(format!(
                "the target has no account of kind {:?}",
                login.account
            )));
        };
        let app = self.app(&login.app)?;
        let mut set = login.set.clone();
        set.extend(login.scope.iter().map(|scope| ("scope".to_owned(), scope.clone())));
        let drop = Vec::new();
        let url = self.authorize_url(&Authorize {
            app: login.app.clone(),
            set,
            drop,
        })?;
        let redirect = self.fill("{redirect_uri}")?;
        self.browser.forget();
        let visitor = Visitor {
            username: login.username.as_deref().unwrap_or(&person.username),
            password: login.password.as_deref().unwrap_or(&person.password),
            patient,
            decision: login.decision,
            until: login.until,
            redirect: &redirect,
            outbox: self.target.outbox,
        };
        let answer = walk(self.browser, url, &visitor).await?;
        self.variables.set(format!("{}.patient", login.name), patient);
        if login.until == Until::Password {
            return Ok(answer);
        }
        let back = answer
            .location()
            .ok_or_else(|| "the login did not lead back to the app".to_owned())?;
        for (name, value) in back.query_pairs().filter(|(name, _)| name == "code" || name == "error") {
            self.variables.set(format!("{}.{name}", login.name), value);
        }
        for name in ["verifier", "redirect_uri", "state"] {
            let value = self.fill(&format!("{{{name}}}"))?;
            self.variables.set(format!("{}.{name}", login.name), value);
        }
        if login.until == Until::Redirect {
            return Ok(answer);
        }
        self.exchange(&login.name, &app).await
    }

    async fn exchange(&mut self, name: &str, app: &App) -> Result<Answer, Stop> {
        let mut form = vec![("grant_type".to_owned(), "authorization_code".to_owned())];
        for (field, variable) in [
            ("code", "code"),
            ("redirect_uri", "redirect_uri"),
            ("code_verifier", "verifier"),
        ] {
            form.push((field.to_owned(), self.fill(&format!("{{{name}.{variable}}}"))?));
        }
        form.push(("client_id".to_owned(), app.client_id.clone()));
        form.extend(
            app.client_secret
                .iter()
                .map(|secret| ("client_secret".to_owned(), secret.clone())),
        );
        let url = self.fill("{issuer}/oauth/token")?;
        let url = Url::parse(&url).map_err(|_| "the issuer is not absolute".to_owned())?;
        let answer = self.browser.post_form(url, form).await?;
        if answer.status != 200 {
            return Err(Stop::Failed(format!(
                "the token endpoint answered with status {}",
                answer.status
            )));
        }
        let body = answer.json()?;
        for field in ["access_token", "refresh_token", "id_token", "scope", "patient"] {
            if let Some(value) = body.get(field).and_then(serde_json::Value::as_str) {
                self.variables.set(format!("{name}.{field}"), value);
            }
        }
        Ok(answer)
    }

    /// Sets `{assertion}`.
    async fn backend(&mut self, backend: &Backend) -> Result<Answer, Stop> {
        self.app(&backend.app)?;
        let key = self.target.backend_key;
        let key = key.ok_or_else(|| Stop::Skipped("the private key of the backend app is not known".to_owned()))?;
        let (endpoint, jti) = (self.fill("{issuer}/oauth/token")?, self.draw());
        let jwt = backend.assertion(key, &endpoint, &jti, self.target.now, |text| self.fill(text))?;
        let jwt = jwt.ok_or_else(|| "the key does not sign".to_owned())?;
        self.variables.set("assertion", &jwt);
        let mut form = BTreeMap::from([
            ("grant_type".to_owned(), "client_credentials".to_owned()),
            ("client_assertion_type".to_owned(), ASSERTION.to_owned()),
            ("client_assertion".to_owned(), jwt),
        ]);
        form.extend(backend.scope.iter().map(|scope| ("scope".to_owned(), scope.clone())));
        for (name, value) in &backend.form {
            form.insert(name.clone(), self.fill(value)?);
        }
        form.retain(|_, value| !value.is_empty());
        let url = Url::parse(&endpoint).map_err(|_| "the issuer is not absolute".to_owned())?;
        let body = Body::Form(form.into_iter().collect());
        let answer = self.browser.send(Method::POST, url, HeaderMap::new(), body).await?;
        if let Some(name) = backend.name.as_ref().filter(|_| answer.status == 200) {
            let body = answer.json()?;
            let token = body["access_token"]
                .as_str()
                .ok_or_else(|| "there is no access_token".to_owned())?;
            self.variables.set(format!("{name}.access_token"), token);
        }
        Ok(answer)
    }

    fn app(&self, client_id: &str) -> Result<App, Stop> {
        let app = self.target.tenant.app(client_id).cloned();
        app.ok_or_else(|| Stop::Skipped(format!("the target has no app {client_id}")))
    }

    fn redirect(&self, client_id: &str) -> Result<String, Stop> {
        let redirect = self.app(client_id)?.redirect();
        redirect.ok_or_else(|| Stop::Skipped(format!("the app {client_id} has no redirect address")))
    }

    fn fill(&self, text: &str) -> Result<String, Stop> {
        let missing = |name| Stop::Failed(format!("there is no variable {name}"));
        self.variables.fill(text).map_err(missing)
    }

    /// 256 bits that nobody else has, as 43 base64url characters.
    fn draw(&mut self) -> String {
        self.drawn += 1;
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(&self.seed);
        context.update(&self.drawn.to_be_bytes());
        URL_SAFE_NO_PAD.encode(context.finish())
    }
}
