//! A small world for the tests of this module: two tenants, three apps, one account with two clients.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use url::Url;

use super::app::register;
use super::request::{self, Approval, Begun, Request};
use super::token::{self, Answer, Form, Posted};
use super::{Issuer, key};
use crate::account::{self, Hasher, Keys, New, Ready};
use crate::clock::Clock;
use crate::config::{Config, Front, Mail, OAuth, Policy, Server, Sms, Tenant, TenantId, Transport};
use crate::consent::{self, NewRight, Parts, Role};
use crate::db::fresh::fresh;
use crate::db::{self, Conn, params};
use crate::fhir::types::{Id, ResourceType};
use crate::secret::{MasterKey, Random, Secret};

pub(crate) const NATIVE: &str = "demo-native";
pub(crate) const SERVER: &str = "demo-server";
pub(crate) const REDIRECT: &str = "https://app.example/cb?x=1";
/// The pair of RFC 7636, appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(crate) const BASE: &str = "https://gateway.example/topaz/fhir";

pub(crate) struct World {
    _dir: tempfile::TempDir,
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    pub(crate) issuer: Issuer,
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) other: Arc<Tenant>,
    /// Of [`SERVER`].
    pub(crate) secret: String,
    /// The account at both tenants.
    pub(crate) account: String,
}

fn tenant(id: &str) -> Arc<Tenant> {
    Arc::new(Tenant {
        id: TenantId::parse(id).unwrap(),
        name: id.to_owned(),
        zone: TimeZone::get("Europe/Amsterdam").unwrap(),
        policy: Policy::default(),
        source: None,
        map_patches: None,
    })
}

/// An account that is ready to be written. Hashing its password is slow, so no more than one is made.
async fn account(config: &Config, tenant: &Tenant, now: Timestamp) -> Ready {
    let new = New {
        username: "anna".to_owned(),
        password: Secret::new("Een lange zin 1 met woorden".to_owned()),
        mobile: "06-12345678".to_owned(),
        name: "Anna".to_owned(),
        email: None,
        first_login: false,
    };
    let hasher = Hasher::new(&config.master, &Random::Os);
    let keys = Keys::new(&config.master);
    new.prepare(tenant, &keys, &hasher, now, &Random::Os).await.unwrap()
}

fn id(text: &str) -> Id {
    Id::parse(text).unwrap()
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(&OAuth::default()).await
    }

    pub(crate) async fn with(oauth: &OAuth) -> Self {
        // Making keys is slow, and the tests share two.
        static KEYS: [OnceLock<Vec<u8>>; 2] = [const { OnceLock::new() }; 2];
        let world = Self::bare(oauth).await;
        let mut tx = world.issuer.db().begin().await.unwrap();
        for (tenant, key) in [&world.tenant, &world.other].into_iter().zip(&KEYS) {
            let der = key.get_or_init(|| {
                let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
                let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
                der.as_ref().to_vec()
            });
            key::plant(&mut tx, &world.issuer, &tenant.id, der).await;
        }
        tx.commit().await.unwrap();
        world
    }

    pub(crate) async fn without_key() -> Self {
        Self::bare(&OAuth::default()).await
    }

    async fn bare(oauth: &OAuth) -> Self {
        let (dir, db) = fresh().await;
        let clock = Clock::fixed("2026-11-22T10:00:00Z".parse().unwrap());
        let random = Random::Os;
        let (topaz, amaris) = (tenant("topaz"), tenant("amaris"));
        let config = Config {
            server: Server {
                listen: "127.0.0.1:0".parse().unwrap(),
                admin_listen: "127.0.0.1:0".parse().unwrap(),
                public_url: Url::parse("https://gateway.example/").unwrap(),
                spool_dir: PathBuf::new(),
                front: Front::default(),
            },
            database: Secret::new(String::new()),
            master: MasterKey::new(&[7; 32]),
            mail: Mail::Drawer,
            profiles: crate::config::Profiles::default(),
            places: crate::config::Places::default(),
            sms: Sms {
                transport: Transport::Drawer { dir: PathBuf::new() },
            },
            oauth: oauth.clone(),
            tenants: vec![Arc::clone(&topaz), Arc::clone(&amaris)],
        };
        let issuer = Issuer::new(&config, db, clock.clone(), random.clone());
        let (now, mut secret) = (clock.now(), String::new());
        let ready = account(&config, &topaz, now).await;
        let mut made = String::new();
        let mut tx = issuer.db().begin().await.unwrap();
        for tenant in [&topaz, &amaris] {
            for app in apps() {
                let answer = register(&mut tx, &tenant.id, &app, oauth, now, &random).await.unwrap();
                if tenant.id == topaz.id && answer["client_id"] == SERVER {
                    secret = answer["client_secret"].as_str().unwrap().to_owned();
                }
            }
            made = account::create(&mut tx, tenant, &ready, now).await.unwrap();
            for patient in ["p1", "p2"] {
                let right = NewRight {
                    patient: Id::parse(patient).unwrap(),
                    source_client: patient.to_owned(),
                    role: Role::Client,
                    related: None,
                    parts: Parts::ALL,
                };
                consent::grant(&mut tx, &tenant.id, &made, &right, now).await.unwrap();
            }
        }
        tx.commit().await.unwrap();
        Self {
            _dir: dir,
            config,
            clock,
            issuer,
            tenant: topaz,
            other: amaris,
            secret,
            account: made,
        }
    }

    /// Asks with the usual parameters and these changes; an empty value takes one out.
    pub(crate) async fn begin(&self, changes: &[(&str, &str)]) -> Begun {
        let pairs = asked(changes);
        request::begin(&self.issuer, &self.tenant.id, pairs, None)
            .await
            .unwrap()
    }

    pub(crate) async fn request(&self, changes: &[(&str, &str)]) -> Request {
        match self.begin(changes).await {
            Begun::Stored(request) => *request,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn approval(&self, request: &Request) -> Approval {
        Approval {
            account: self.account.clone(),
            patient: request.needs_patient().then(|| id("p1")),
            scopes: request.scopes.clone(),
            fhir_user: Some((ResourceType::Patient, id("p1"))),
            auth_time: self.clock.now(),
            acr: "urn:inzage:acr:pwd+sms".to_owned(),
            amr: ["pwd", "sms", "mfa"].map(str::to_owned).to_vec(),
            session: "session-1".to_owned(),
        }
    }

    pub(crate) async fn approve(&self, request: &Request, approval: Approval) -> Result<Url, super::Error> {
        let mut tx = self.issuer.db().begin().await?;
        let url = request::approve(&mut tx, request, approval, self.clock.now(), self.issuer.random()).await?;
        tx.commit().await?;
        Ok(url)
    }

    /// The code that an approved request gives.
    pub(crate) async fn code(&self, changes: &[(&str, &str)]) -> String {
        let request = self.request(changes).await;
        let url = self.approve(&request, self.approval(&request)).await.unwrap();
        pair(&url, "code").unwrap()
    }

    pub(crate) async fn post(&self, pairs: &[(&str, &str)]) -> Answer {
        self.post_as(None, pairs).await
    }

    pub(crate) async fn post_as(&self, authorization: Option<String>, pairs: &[(&str, &str)]) -> Answer {
        let posted = posted(authorization, pairs);
        token::answer(&self.issuer, &self.tenant, posted).await.unwrap()
    }

    /// The tokens of the public app for these scopes.
    pub(crate) async fn tokens(&self, scope: &str) -> Value {
        let code = self.code(&[("scope", scope)]).await;
        body(self.post(&exchange(&code)).await)
    }

    pub(crate) async fn refresh(&self, token: &str) -> Answer {
        self.post(&[("grant_type", "refresh_token"), ("refresh_token", token)])
            .await
    }

    /// What stands in the audit: action, outcome, reason.
    pub(crate) async fn audit(&self) -> Vec<String> {
        let mut read = self.issuer.db().read().await.unwrap();
        lines(&mut read, &self.tenant.id).await
    }

    /// Whom the newest line names: account, app and grant.
    pub(crate) async fn named(&self) -> [Option<String>; 3] {
        const NEWEST: db::Sql = db::Sql::both(
            "SELECT account, client_id, grant_id FROM audit_line WHERE tenant = $1 ORDER BY seq DESC LIMIT 1",
        );
        let mut read = self.issuer.db().read().await.unwrap();
        let row = read.row(NEWEST, params![self.tenant.id.as_str()]).await.unwrap();
        let row = row.expect("there is a line");
        [row.opt_text(0), row.opt_text(1), row.opt_text(2)]
    }

    pub(crate) async fn accepted(&self, access_token: &str) -> bool {
        token::check(&self.issuer, &self.tenant, access_token)
            .await
            .unwrap()
            .is_some()
    }
}

pub(crate) fn posted(authorization: Option<String>, pairs: &[(&str, &str)]) -> Posted {
    let pairs = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Posted {
        form: Form::new(pairs.collect()).unwrap(),
        authorization,
        proof: None,
        origin: None,
    }
}

pub(crate) fn exchange(code: &str) -> [(&str, &str); 5] {
    [
        ("grant_type", "authorization_code"),
        ("client_id", NATIVE),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ]
}

/// The usual parameters of an authorization request with these changes.
pub(crate) fn asked(changes: &[(&str, &str)]) -> Vec<(String, String)> {
    let usual = [
        ("response_type", "code"),
        ("client_id", NATIVE),
        ("redirect_uri", REDIRECT),
        ("scope", "openid fhirUser launch/patient patient/*.read offline_access"),
        ("state", "s t/a+t&e%"),
        ("aud", BASE),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let mut pairs: Vec<(String, String)> = usual
        .into_iter()
        .filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name))
        .chain(changes.iter().copied())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    pairs.retain(|(_, value)| !value.is_empty());
    pairs
}

/// The first value of a query parameter.
pub(crate) fn pair(url: &Url, wanted: &str) -> Option<String> {
    url.query_pairs()
        .find(|(name, _)| name == wanted)
        .map(|(_, value)| value.into_owned())
}

pub(crate) fn body(answer: Answer) -> Value {
    match answer {
        Answer::Body(body) | Answer::Created(body) => body,
        Answer::Refused(refusal) => panic!("{refusal:?}"),
    }
}

/// The error code of a refusal.
pub(crate) fn error(answer: Answer) -> &'static str {
    match answer {
        Answer::Refused(refusal) => refusal.code.as_str(),
        Answer::Body(_) | Answer::Created(_) => "no error",
    }
}

fn apps() -> [Value; 3] {
    let jwks = json!({"keys": [{"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA", "kid": "1"}]});
    [
        json!({
            "client_id": NATIVE, "client_name": "Mijn Zorg", "token_endpoint_auth_method": "none",
            "redirect_uris": ["http://127.0.0.1/callback", REDIRECT],
        }),
        json!({"client_id": SERVER, "client_name": "Server", "redirect_uris": [REDIRECT]}),
        json!({
            "client_id": "demo-backend", "client_name": "Backend", "grant_types": ["client_credentials"],
            "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks, "scope": "system/*.rs",
        }),
    ]
}

/// The audit lines of a tenant as action, outcome and reason.
async fn lines(conn: &mut Conn, tenant: &TenantId) -> Vec<String> {
    const LINES: db::Sql = db::Sql::both(
        "SELECT action || ' ' || outcome || ' ' || coalesce(reason, '-') FROM audit_line WHERE tenant = $1 ORDER BY seq",
    );
    let rows = conn.rows(LINES, params![tenant.as_str()]).await.unwrap();
    rows.iter().map(|row| row.text(0)).collect()
}

/// The texts of every row of this module's tables.
pub(crate) async fn dump(conn: &mut Conn) -> String {
    const ALL: [db::Sql; 6] = [
        db::Sql::both("SELECT metadata || redirect_uris || scope FROM oauth_app"),
        db::Sql::both("SELECT body FROM oauth_request"),
        db::Sql::both("SELECT id || account || scope || session FROM oauth_grant"),
        db::Sql::both("SELECT grant_id || redirect_uri || challenge FROM oauth_code"),
        db::Sql::both("SELECT grant_id || scope FROM oauth_access"),
        db::Sql::both("SELECT grant_id FROM oauth_refresh"),
    ];
    let mut texts = String::new();
    for sql in ALL {
        for row in conn.rows(sql, params![]).await.unwrap() {
            texts.push_str(row.str(0));
        }
    }
    texts
}
