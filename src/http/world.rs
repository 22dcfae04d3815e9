//! A small gateway for the tests of this module: two tenants, one app, a few people and dossiers.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{AUTHORIZATION, HeaderMap};
use axum::http::{Method, Request, StatusCode};
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::App;
use crate::clock::Clock;
use crate::config::{
    Config, Front, Limits, Mail, NetworkLimits, OnsSource, Policy, Proxies, Server, Sms, Source, Tenant, TenantId,
    Transport,
};
use crate::consent::{self, NewRight, Parts, Role};
use crate::db::fresh::fresh;
use crate::db::{Db, Sql, params};
use crate::fhir::types::{Id, ResourceType};
use crate::oauth;
use crate::oauth::grant::{Grant, State, store};
use crate::oauth::scope::Scopes;
use crate::resource::{self, Draft};
use crate::secret::{MasterKey, Random, Secret, sha256};

const LINES: Sql = Sql::both(
    "SELECT action, outcome, reason, resource, patient, query, role, client_id FROM audit_line WHERE tenant = $1 ORDER BY seq",
);
const ACCOUNT: Sql = Sql::both(
    "INSERT INTO account (tenant, id, username, username_key, name, state, password, mobile, mobile_hint, mobile_key, created_at, \
     changed_at) VALUES ($1, $2, $2, $2, $2, 'active', '', $3, '', $3, $4, $4) ON CONFLICT DO NOTHING",
);
const BREAK_AUDIT: Sql = Sql::both("ALTER TABLE audit_line RENAME TO audit_line_gone");

pub(super) struct World {
    _dir: tempfile::TempDir,
    pub(super) app: App,
    pub(super) clock: Clock,
    routes: Router,
}

/// An answer, read whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// One audit line: action, outcome, reason, resource, patient, query, role, app.
pub(super) type Line = [Option<String>; 8];

pub(super) fn id(text: &str) -> Id {
    Id::parse(text).unwrap()
}

impl World {
    pub(super) async fn new() -> Self {
        Self::with_routes(super::router).await
    }

    pub(super) async fn with_routes(routes: impl FnOnce(App) -> Router) -> Self {
        Self::with_config(routes, config(Limits::NONE, NetworkLimits::NONE)).await
    }

    /// One that refuses what is too much; the others do not, because their clock stands still.
    pub(super) async fn limited(limits: Limits, network: NetworkLimits) -> Self {
        Self::with_config(super::router, config(limits, network)).await
    }

    async fn with_config(routes: impl FnOnce(App) -> Router, config: Config) -> Self {
        let (dir, db) = fresh().await;
        let clock = Clock::fixed("2026-11-22T10:00:00Z".parse().unwrap());
        let random = Random::seeded(5);
        let app = App::new(config, db, clock.clone(), random);
        let world = Self {
            routes: routes(app.clone()),
            _dir: dir,
            app,
            clock,
        };
        world.register().await;
        world
    }

    pub(super) fn db(&self) -> &Db {
        &self.app.db
    }

    async fn register(&self) {
        let metadata = json!({
            "client_id": "app",
            "client_name": "App",
            "redirect_uris": ["https://app.example/cb"],
            "token_endpoint_auth_method": "none",
            "scope": "openid fhirUser launch/patient patient/*.rs user/*.rs",
        });
        let mut tx = self.db().begin().await.unwrap();
        let now = self.clock.now();
        for tenant in ["topaz", "amaris"] {
            let tenant = TenantId::parse(tenant).unwrap();
            oauth::app::register(&mut tx, &tenant, &metadata, &self.app.config.oauth, now, &Random::Os)
                .await
                .unwrap();
        }
        tx.commit().await.unwrap();
    }

    /// Gives the account a right to a client of topaz; there is such an account from then on.
    pub(super) async fn right(&self, account: &str, patient: &str, role: Role, parts: Parts) {
        let right = NewRight {
            patient: id(patient),
            source_client: patient.to_owned(),
            role,
            related: (role != Role::Client).then(|| id(&format!("contact-of-{patient}"))),
            parts,
        };
        self.right_of(account, &right).await;
    }

    /// Gives the account this right to a client of topaz.
    pub(super) async fn right_of(&self, account: &str, right: &NewRight) {
        let tenant = TenantId::parse("topaz").unwrap();
        let mut tx = self.db().begin().await.unwrap();
        let now = self.clock.now();
        tx.execute(ACCOUNT, params![tenant.as_str(), account, Vec::<u8>::new(), now])
            .await
            .unwrap();
        consent::grant(&mut tx, &tenant, account, right, now).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// An access token of `account` in the context of `patient`.
    pub(super) async fn token(&self, account: &str, patient: &str, scopes: &str) -> String {
        let own = (ResourceType::Patient, id(patient));
        self.token_as(("app", account), Some(patient), own, scopes).await
    }

    /// An access token of this app and account, who is `fhir_user`, in the context of `patient` or of nobody.
    pub(super) async fn token_as(
        &self,
        (client_id, account): (&str, &str),
        patient: Option<&str>,
        fhir_user: (ResourceType, Id),
        scopes: &str,
    ) -> String {
        let tenant = TenantId::parse("topaz").unwrap();
        let (token, now) = (Random::Os.token(), self.clock.now());
        let expires_at = now + jiff::SignedDuration::from_hours(1_000);
        let grant = Grant {
            id: Random::Os.token(),
            client_id: client_id.to_owned(),
            account: account.to_owned(),
            patient: patient.map(id),
            fhir_user: Some(fhir_user),
            scopes: Scopes::parse(scopes).unwrap(),
            nonce: None,
            auth_time: now,
            acr: "1".to_owned(),
            amr: vec!["pwd".to_owned()],
            session: "session".to_owned(),
            expires_at,
            context: None,
            state: State::Active,
        };
        let access = store::Access {
            grant_id: grant.id.clone(),
            scopes: grant.scopes.clone(),
            expires_at,
            jkt: None,
        };
        let mut tx = self.db().begin().await.unwrap();
        store::insert_grant(&mut tx, &tenant, &grant, now).await.unwrap();
        store::insert_access(&mut tx, &tenant, &sha256(token.as_bytes()), &access)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        token
    }

    /// An access token of an app in its own name.
    pub(super) async fn own_token(&self, scopes: &str) -> String {
        let tenant = TenantId::parse("topaz").unwrap();
        let metadata = json!({
            "client_id": "backend", "client_name": "B", "grant_types": ["client_credentials"], "scope": "system/*.rs",
            "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://backend.example/jwks",
        });
        let (mut tx, now) = (self.db().begin().await.unwrap(), self.clock.now());
        // A second token is of the same app.
        if oauth::app::find(&mut tx, &tenant, "backend").await.unwrap().is_none() {
            oauth::app::register(&mut tx, &tenant, &metadata, &self.app.config.oauth, now, &Random::Os)
                .await
                .unwrap();
        }
        let token = oauth::token::plant(&mut tx, &tenant, "backend", scopes, now).await;
        tx.commit().await.unwrap();
        token
    }

    /// The client himself, with everything, and his token.
    pub(super) async fn client(&self, patient: &str, scopes: &str) -> String {
        let account = format!("account-{patient}");
        self.right(&account, patient, Role::Client, Parts::ALL).await;
        self.token(&account, patient, scopes).await
    }

    /// Stores an observation of `patient` on a day of November.
    pub(super) async fn observation(&self, patient: &str, name: &str, day: u8) {
        let body = json!({
            "resourceType": "Observation",
            "id": name,
            "meta": {},
            "status": "final",
            "code": { "coding": [{ "system": "http://snomed.info/sct", "code": "11591000146107" }] },
            "subject": { "reference": format!("Patient/{patient}") },
            "effectiveDateTime": format!("2026-11-{day:02}T10:00:00+01:00"),
            "performer": [{ "reference": "Practitioner/nurse" }],
            "valueString": format!("rapportage {name} on {day}"),
        });
        self.put(ResourceType::Observation, Some(patient), name, &body).await;
    }

    pub(super) async fn put(&self, kind: ResourceType, patient: Option<&str>, name: &str, body: &Value) {
        let draft = Draft {
            kind,
            id: id(name),
            patient: patient.map(id),
            body: body.to_string(),
        };
        let tenant = self.app.config.tenant("topaz").unwrap().clone();
        let mut tx = self.db().begin().await.unwrap();
        resource::put(&mut tx, &tenant, self.clock.now(), &[draft])
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    pub(super) async fn get(&self, path: &str, token: &str) -> Answer {
        self.with(Method::GET, path, token, &[]).await
    }

    pub(super) async fn with(&self, method: Method, path: &str, token: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !token.is_empty() {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.routes.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: to_bytes(body, usize::MAX).await.unwrap().to_vec(),
        }
    }

    pub(super) async fn lines(&self) -> Vec<Line> {
        let rows = self
            .db()
            .read()
            .await
            .unwrap()
            .rows(LINES, params!["topaz"])
            .await
            .unwrap();
        rows.iter()
            .map(|row| std::array::from_fn(|at| row.opt_text(at)))
            .collect()
    }

    /// From now on no audit line can be written.
    pub(super) async fn break_audit(&self) {
        let mut tx = self.db().begin().await.unwrap();
        tx.execute(BREAK_AUDIT, params![]).await.unwrap();
        tx.commit().await.unwrap();
    }
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Without what differs between two requests in any case.
    pub(super) fn comparable(mut self) -> Self {
        self.headers.remove("x-request-id");
        self.headers.remove("date");
        self
    }

    /// The URL of a Bundle's link, as a path.
    pub(super) fn link(&self, relation: &str) -> Option<String> {
        let bundle = self.json();
        let links = bundle["link"].as_array()?.clone();
        let link = links.iter().find(|link| link["relation"] == relation)?;
        Some(
            link["url"]
                .as_str()?
                .strip_prefix("https://gateway.example")
                .unwrap()
                .to_owned(),
        )
    }

    pub(super) fn ids(&self) -> Vec<String> {
        let bundle = self.json();
        let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
        entries
            .iter()
            .map(|entry| entry["resource"]["id"].as_str().unwrap().to_owned())
            .collect()
    }

    /// It is an OperationOutcome of this kind.
    pub(super) fn outcome(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/fhir+json");
        let value = self.json();
        assert_eq!(value["resourceType"], "OperationOutcome");
        assert_eq!(value["issue"][0]["code"], code, "{value}");
    }
}

/// The secret of topaz for webhooks.
pub(super) const HOOK_SECRET: &str = "a secret of topaz and its Ons";

/// An Ons that is nowhere.
fn source() -> Source {
    let nowhere = "https://localhost:1/".parse().unwrap();
    Source::Ons(Box::new(OnsSource {
        webhook_secret: Some(Secret::new(HOOK_SECRET.to_owned())),
        compare_days: 7,
        ..OnsSource::new(nowhere, "ca.pem".into(), "client.pem".into(), "client.key.pem".into())
    }))
}

fn config(limits: Limits, network: NetworkLimits) -> Config {
    let tenant = |id: &str, name: &str| {
        std::sync::Arc::new(Tenant {
            id: TenantId::parse(id).unwrap(),
            name: name.to_owned(),
            zone: TimeZone::get("Europe/Amsterdam").unwrap(),
            policy: Policy {
                limits,
                ..Policy::default()
            },
            source: (id == "topaz").then(source),
            map_patches: None,
        })
    };
    let local = "127.0.0.1:0".parse().unwrap();
    let mut proxies = Proxies::default();
    proxies.trusted.push("10.0.0.0/8".parse().unwrap());
    let transport = Transport::Drawer { dir: ".".into() };
    Config {
        server: Server {
            listen: local,
            admin_listen: local,
            public_url: "https://gateway.example/".parse().unwrap(),
            spool_dir: std::path::PathBuf::new(),
            front: Front {
                proxies,
                limits: network,
                ..Front::default()
            },
        },
        database: Secret::new(String::new()),
        master: MasterKey::new(&[1; 32]),
        mail: Mail::Drawer,
        profiles: crate::config::Profiles::default(),
        places: crate::config::Places::default(),
        sms: Sms { transport },
        oauth: crate::config::OAuth::default(),
        tenants: vec![tenant("topaz", "Topaz"), tenant("amaris", "Amaris")],
    }
}
