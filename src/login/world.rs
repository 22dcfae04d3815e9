//! A small world for tests: one organisation, one app, accounts with rights, and a browser that walks through the steps.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use super::device::Agent;
use super::{Ask, At, Entered, Login, Moved, Page, Refused, Typing, Visit};
use crate::account::{self, New};
use crate::audit::Origin;
use crate::clock::Clock;
use crate::config::{Config, Front, Mail, Policy, Server, Sms, Tenant, TenantId, Transport};
use crate::consent::{self, NewRight, Parts, Role};
use crate::db::fresh::fresh;
use crate::db::{Db, Sql, params};
use crate::fhir::types::Id;
use crate::notify::{self, Drawer};
use crate::oauth::request::Begun;
use crate::oauth::{Issuer, app, request};
use crate::secret::{MasterKey, Random, Secret};

pub(crate) const PASSWORD: &str = "een regen dag in mei";
const AUDIT: Sql = Sql::both("SELECT action, outcome, reason FROM audit_line ORDER BY seq");

/// One organisation and everything around it.
pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) config: Config,
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) login: Login,
    pub(crate) issuer: Issuer,
    pub(crate) app: String,
}

/// A world in which `m.bakker` is a client, `r.smit` represents two clients, `n.nieuw` logs in for the first time, and
/// `o.oud` has no rights any more.
pub(crate) async fn world(change: impl FnOnce(&mut Policy)) -> World {
    let (dir, db) = fresh().await;
    let mut policy = Policy::default();
    change(&mut policy);
    let tenant = Arc::new(Tenant {
        id: TenantId::parse("topaz").unwrap(),
        name: "Topaz".to_owned(),
        zone: jiff::tz::TimeZone::get("Europe/Amsterdam").unwrap(),
        policy,
        source: None,
        map_patches: None,
    });
    let config = Config {
        server: Server {
            listen: "127.0.0.1:0".parse().unwrap(),
            admin_listen: "127.0.0.1:0".parse().unwrap(),
            public_url: "http://127.0.0.1:8080/".parse().unwrap(),
            spool_dir: std::path::PathBuf::new(),
            front: Front::default(),
        },
        database: Secret::new(String::new()),
        master: MasterKey::new(&[9; 32]),
        mail: Mail::Drawer,
        profiles: crate::config::Profiles::default(),
        places: crate::config::Places::default(),
        sms: Sms {
            transport: Transport::Drawer {
                dir: dir.path().join("outbox"),
            },
        },
        oauth: crate::config::OAuth::default(),
        tenants: vec![Arc::clone(&tenant)],
    };
    let clock = Clock::fixed("2026-11-22T10:00:00Z".parse().unwrap());
    let metadata = json!({
        "client_name": "Proefapp",
        "redirect_uris": ["http://127.0.0.1/callback"],
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
        "scope": "openid fhirUser profile launch launch/patient offline_access patient/*.rs user/*.rs",
    });
    let mut tx = db.begin().await.unwrap();
    let made = app::register(&mut tx, &tenant.id, &metadata, &config.oauth, clock.now(), &Random::Os)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let world = World {
        login: Login::new(&config, db.clone(), clock.clone(), Random::Os),
        issuer: Issuer::new(&config, db.clone(), clock.clone(), Random::Os),
        app: made["client_id"].as_str().unwrap().to_owned(),
        dir,
        db,
        clock,
        config,
        tenant,
    };
    world.account("m.bakker", &["p1"], Role::Client, false).await;
    world
        .account("r.smit", &["p1", "p2"], Role::Representative, false)
        .await;
    world.account("n.nieuw", &["p3"], Role::Client, true).await;
    world.account("o.oud", &[], Role::Contact, false).await;
    world
}

impl World {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) async fn account(&self, username: &str, patients: &[&str], role: Role, first_login: bool) -> String {
        let number = patients.len() + username.bytes().map(usize::from).sum::<usize>();
        let new = New {
            username: username.to_owned(),
            password: Secret::new(PASSWORD.to_owned()),
            mobile: format!("06{number:08}"),
            name: format!("Mevrouw {username}"),
            email: None,
            first_login,
        };
        let (keys, hasher) = (&self.login.keys, &self.login.hasher);
        let ready = new
            .prepare(&self.tenant, keys, hasher, self.now(), &Random::Os)
            .await
            .unwrap();
        let mut tx = self.db.begin().await.unwrap();
        let id = account::create(&mut tx, &self.tenant, &ready, self.now())
            .await
            .unwrap();
        for patient in patients {
            let right = NewRight {
                patient: Id::parse(patient).unwrap(),
                source_client: format!("ecd-{patient}"),
                role,
                related: Id::parse("rp"),
                parts: Parts::ALL,
            };
            consent::grant(&mut tx, &self.tenant.id, &id, &right, self.now())
                .await
                .unwrap();
        }
        tx.commit().await.unwrap();
        id
    }

    /// The id of an account.
    pub(crate) async fn account_of(&self, username: &str) -> String {
        let mut read = self.db.read().await.unwrap();
        let found = account::by_name(&mut read, &self.tenant.id, username).await.unwrap();
        found.unwrap().0.id
    }

    /// What an app sends to the authorization endpoint.
    pub(crate) fn parameters(&self, scope: &str, more: &[(&str, &str)]) -> Vec<(String, String)> {
        let pairs = [
            ("response_type", "code"),
            ("client_id", &self.app),
            ("redirect_uri", "http://127.0.0.1:4711/callback"),
            ("scope", scope),
            ("state", "abc"),
            ("aud", "http://127.0.0.1:8080/topaz/fhir"),
            ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
            ("code_challenge_method", "S256"),
        ];
        let pairs = pairs.iter().chain(more);
        pairs
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    /// The id of a stored request.
    pub(crate) async fn request(&self, scope: &str, more: &[(&str, &str)]) -> String {
        let parameters = self.parameters(scope, more);
        match request::begin(&self.issuer, &self.tenant.id, parameters, None)
            .await
            .unwrap()
        {
            Begun::Stored(request) => request.id,
            other => panic!("the request was not stored: {other:?}"),
        }
    }

    /// Every SMS so far.
    pub(crate) async fn messages(&self) -> Vec<serde_json::Value> {
        let dir = self.dir.path().join("outbox");
        let drawer = notify::Transport::Drawer(Drawer { dir: dir.clone() });
        let outbox = self.login.outbox.clone();
        notify::run(self.db.clone(), self.clock.clone(), outbox, drawer, async {}).await;
        let text = std::fs::read_to_string(dir.join("sms.jsonl")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Gives an account an address.
    pub(crate) async fn address(&self, username: &str, email: &str) -> account::Account {
        let mut tx = self.db.begin().await.unwrap();
        let (found, _) = account::by_name(&mut tx, &self.tenant.id, username)
            .await
            .unwrap()
            .unwrap();
        let sealed = self
            .login
            .keys
            .seal_contact(&self.tenant.id, &found, email, &Random::Os);
        account::link::store::set_email(&mut tx, &self.tenant.id, &found.id, sealed, self.now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        found
    }

    /// Every mail so far.
    pub(crate) async fn mails(&self) -> Vec<serde_json::Value> {
        self.messages().await;
        let text = std::fs::read_to_string(self.dir.path().join("outbox/mail.jsonl")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The token of the newest link.
    pub(crate) async fn newest_link(&self) -> String {
        let mails = self.mails().await;
        let mut links = mails.iter().filter_map(|mail| mail["code"].as_str());
        let link = links.next_back().expect("a mail with a link was sent");
        link.split_once("token=").unwrap().1.to_owned()
    }

    /// The secret part of the newest SMS.
    pub(crate) async fn newest_code(&self) -> String {
        let messages = self.messages().await;
        let mut codes = messages.iter().filter_map(|message| message["code"].as_str());
        codes.next_back().expect("an SMS with a code was sent").to_owned()
    }

    /// `action outcome reason` of every audit line.
    pub(crate) async fn audit(&self) -> Vec<String> {
        let rows = self.db.read().await.unwrap().rows(AUDIT, params![]).await.unwrap();
        rows.iter()
            .map(|row| {
                format!(
                    "{} {} {}",
                    row.text(0),
                    row.text(1),
                    row.opt_text(2).unwrap_or_default()
                )
            })
            .collect()
    }

    /// A browser that opens the login page of a new request.
    pub(crate) async fn browser(&self) -> Browser<'_> {
        self.browser_for("openid fhirUser launch/patient patient/*.rs offline_access", &[])
            .await
    }

    pub(crate) async fn browser_for(&self, scope: &str, more: &[(&str, &str)]) -> Browser<'_> {
        let mut browser = Browser {
            world: self,
            ix: None,
            session: None,
            device: None,
            request: self.request(scope, more).await,
            flow: String::new(),
            form: String::new(),
        };
        browser.look().await.unwrap();
        browser
    }
}

/// One browser with its cookies, at one flow.
#[derive(Clone)]
pub(crate) struct Browser<'w> {
    pub(crate) world: &'w World,
    pub(crate) ix: Option<String>,
    pub(crate) session: Option<String>,
    pub(crate) device: Option<String>,
    pub(crate) request: String,
    pub(crate) flow: String,
    pub(crate) form: String,
}

impl Browser<'_> {
    pub(crate) fn at(&self) -> At {
        At {
            tenant: Arc::clone(&self.world.tenant),
            flow: self.flow.clone(),
            form: self.form.clone(),
            browser: self.ix.clone(),
            session: self.session.clone(),
            device: self.device.clone(),
            agent: Agent::of("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
            origin: Origin {
                request: uuid::Uuid::nil(),
                network: None,
            },
        }
    }

    pub(crate) async fn look(&mut self) -> Result<Visit, Refused> {
        let visit = self.world.login.visit(self.at(), self.request.clone()).await?;
        if let Visit::Page(page) = &visit {
            if let Some(cookie) = &page.browser {
                self.ix = Some(cookie.clone());
            }
            self.flow.clone_from(&page.flow);
            self.form.clone_from(&page.form);
        }
        Ok(visit)
    }

    pub(crate) async fn page(&mut self) -> Box<Page> {
        match self.look().await.unwrap() {
            Visit::Page(page) => page,
            Visit::ToApp(to) => panic!("sent to {to}"),
        }
    }

    pub(crate) async fn ask(&mut self) -> Ask {
        self.page().await.ask
    }

    pub(crate) fn keep(&mut self, moved: Moved) -> Moved {
        self.ix = moved.browser.clone().or(self.ix.take());
        self.session = moved.session.clone().or(self.session.take());
        self.device = moved.device.clone().or(self.device.take());
        moved
    }

    pub(crate) async fn password(&mut self, username: &str, password: &str) -> Result<Moved, Refused> {
        // Messages that wait together leave side by side: without this, the newest code could be of another login.
        self.world.messages().await;
        let secret = Secret::new(password.to_owned());
        let moved = self
            .world
            .login
            .password(self.at(), username.to_owned(), secret)
            .await?;
        Ok(self.keep(moved))
    }

    pub(crate) async fn code(&mut self, otp: &str) -> Result<Moved, Refused> {
        let entered = Entered::new(otp, Typing::Sms);
        let moved = self.world.login.enter_code(self.at(), entered, false).await?;
        Ok(self.keep(moved))
    }

    pub(crate) async fn second(&mut self, otp: &str, how: Typing) -> Result<Moved, Refused> {
        let entered = Entered::new(otp, how);
        let moved = self.world.login.enter_code(self.at(), entered, false).await?;
        Ok(self.keep(moved))
    }

    /// Password and SMS code, and from now on this browser is trusted.
    pub(crate) async fn log_in_trusting(&mut self, username: &str) {
        self.password(username, PASSWORD).await.unwrap();
        let code = self.world.newest_code().await;
        let entered = Entered::new(&code, Typing::Sms);
        let moved = self.world.login.enter_code(self.at(), entered, true).await.unwrap();
        self.keep(moved);
    }

    /// The same browser, at the login of another request.
    pub(crate) async fn again(&self) -> Self {
        let scope = "openid fhirUser launch/patient patient/*.rs offline_access";
        let mut again = self.clone();
        again.session = None;
        again.request = self.world.request(scope, &[("prompt", "login")]).await;
        again.look().await.unwrap();
        again
    }

    pub(crate) async fn change(&mut self, current: &str, new: &str, again: &str) -> Result<Moved, Refused> {
        let [current, new, again] = [current, new, again].map(|text| Secret::new(text.to_owned()));
        let moved = self.world.login.change_password(self.at(), current, new, again).await?;
        Ok(self.keep(moved))
    }

    pub(crate) async fn choose(&mut self, patient: &str) -> Result<Moved, Refused> {
        self.world.login.choose(self.at(), Id::parse(patient)).await
    }

    pub(crate) async fn allow(&mut self, scopes: &[&str]) -> Result<Moved, Refused> {
        let left = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        self.world
            .login
            .decide(
                self.at(),
                super::Decision::Allow(left, crate::oauth::scope::Detail::Whole),
            )
            .await
    }

    /// Password and SMS code.
    pub(crate) async fn log_in(&mut self, username: &str) {
        self.password(username, PASSWORD).await.unwrap();
        let code = self.world.newest_code().await;
        self.code(&code).await.unwrap();
    }
}
