//! Who asks: clients with an account, an app, and an access token got as an app gets it.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inzage::account::{self, Hasher, Keys};
use inzage::clock::Clock;
use inzage::consent::{self, NewRight, Parts, Role};
use inzage::fhir::types::{Id, ResourceType};
use inzage::mapping::resource_id;
use inzage::oauth::code::Code;
use inzage::oauth::request::{Approval, Begun};
use inzage::oauth::token::{Answer, Form, Posted};
use inzage::oauth::{self, Issuer, key, request, token};
use inzage::secret::{Random, Secret, sha256};
use serde_json::json;

use super::world::World;

/// As many people read at once; each in a dossier of his own.
const MOST: usize = 32;
/// The first clients of the mock have a part to play (one is dead); those behind them are ordinary.
const CAST: usize = 10;
/// The app, and one whose id tokens are signed by ES256.
pub const APP: &str = "bench";
pub const APP_ES256: &str = "bench-es256";
const CALLBACK: &str = "http://127.0.0.1/callback";
const SCOPE: &str = "openid fhirUser launch/patient patient/*.rs offline_access";

/// A client who reads his own dossier.
#[derive(Clone, Debug)]
pub struct Person {
    pub patient: Id,
    account: String,
}

/// Gives every client of the source somebody who may see him, so that all of them are loaded; some get an account.
pub async fn register(world: &World) -> Vec<Person> {
    let (clock, random) = (Clock::System, Random::Os);
    let (tenant, ids) = (world.tenant(), world.ids());
    let keys = Keys::new(&world.config.master);
    let hasher = Hasher::new(&world.config.master, &random);
    let mut people = Vec::new();
    let skipped = if world.options.clients > CAST + MOST { CAST } else { 0 };
    for (number, client) in world.clients().enumerate() {
        let patient = resource_id(&ids, &["ons", "client", &client.to_string()]);
        let right = NewRight {
            patient: patient.clone(),
            source_client: client.to_string(),
            role: Role::Client,
            related: None,
            parts: Parts::ALL,
        };
        let has_account = number >= skipped && people.len() < MOST;
        let ready = if has_account {
            let new = account::New {
                username: format!("client-{client}"),
                password: Secret::new(random.token()),
                mobile: format!("06{client:08}"),
                name: "Een Client".to_owned(),
                email: None,
                first_login: false,
            };
            let ready = new.prepare(tenant, &keys, &hasher, clock.now(), &random).await;
            Some(ready.expect("the account is in order"))
        } else {
            None
        };
        let mut tx = world.db.begin().await.expect("the database takes writes");
        let account = match &ready {
            Some(ready) => account::create(&mut tx, tenant, ready, clock.now())
                .await
                .expect("the name is free"),
            None => format!("nobody-{client}"),
        };
        let granted = consent::grant(&mut tx, &tenant.id, &account, &right, clock.now()).await;
        granted.expect("the right is new");
        tx.commit().await.expect("the database takes writes");
        if has_account {
            people.push(Person { patient, account });
        }
    }
    let mut tx = world.db.begin().await.expect("the database takes writes");
    for (app, alg) in [(APP, "RS256"), (APP_ES256, "ES256")] {
        let metadata = json!({
            "client_id": app, "client_name": "Bench", "application_type": "native", "redirect_uris": [CALLBACK],
            "token_endpoint_auth_method": "none", "scope": SCOPE, "id_token_signed_response_alg": alg,
        });
        let registered = oauth::app::register(
            &mut tx,
            &tenant.id,
            &metadata,
            &world.config.oauth,
            clock.now(),
            &random,
        )
        .await;
        registered.expect("the metadata is in order");
    }
    tx.commit().await.expect("the database takes writes");
    people
}

/// What an app holds.
#[derive(Clone)]
pub struct Tokens {
    pub access: String,
    pub refresh: String,
}

impl Person {
    /// A new access token. `None` for who has no access.
    pub async fn token(&self, world: &World) -> Option<String> {
        self.tokens(world).await.map(|tokens| tokens.access)
    }

    /// New tokens: request, approval, code, exchange. `None` for who has no access.
    pub async fn tokens(&self, world: &World) -> Option<Tokens> {
        self.tokens_of(world, APP).await
    }

    /// The same for one of the two apps.
    pub async fn tokens_of(&self, world: &World, app: &str) -> Option<Tokens> {
        let (clock, random) = (Clock::System, Random::Os);
        let issuer = Issuer::new(&world.config, world.db.clone(), clock.clone(), random.clone());
        let tenant = world.tenant();
        key::generate(&issuer, &tenant.id).await.expect("there is a key");
        let verifier = random.token();
        let challenge = URL_SAFE_NO_PAD.encode(sha256(verifier.as_bytes()));
        let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect()
        };
        let asked = pairs(&[
            ("response_type", "code"),
            ("client_id", app),
            ("redirect_uri", CALLBACK),
            ("scope", SCOPE),
            ("state", &random.token()),
            ("aud", &issuer.fhir_base(&tenant.id)),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        let begun = request::begin(&issuer, &tenant.id, asked, None)
            .await
            .expect("the request is stored");
        let Begun::Stored(request) = begun else {
            panic!("the request is in order: {begun:?}")
        };
        let approval = Approval {
            account: self.account.clone(),
            patient: Some(self.patient.clone()),
            scopes: request.scopes.clone(),
            fhir_user: Some((ResourceType::Patient, self.patient.clone())),
            auth_time: clock.now(),
            acr: "1".to_owned(),
            amr: vec!["pwd".to_owned()],
            session: random.token(),
        };
        let mut tx = world.db.begin().await.expect("the database takes writes");
        let back = request::approve(&mut tx, &request, approval, clock.now(), &random)
            .await
            .expect("it is approved");
        tx.commit().await.expect("the database takes writes");
        let code = back
            .query_pairs()
            .find(|(name, _)| name == "code")
            .expect("a code")
            .1
            .into_owned();
        let form = pairs(&[
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", CALLBACK),
            ("client_id", app),
            ("code_verifier", &verifier),
        ]);
        let posted = Posted {
            form: Form::new(form).expect("no doubles"),
            authorization: None,
            proof: None,
            origin: None,
        };
        match token::answer(&issuer, &Arc::clone(tenant), posted)
            .await
            .expect("the exchange works")
        {
            Answer::Body(body) => {
                let token = |name: &str| body[name].as_str().expect("a token").to_owned();
                Some(Tokens {
                    access: token("access_token"),
                    refresh: token("refresh_token"),
                })
            }
            // Who left the organisation long ago has no access any more.
            Answer::Refused(refusal) if refusal.code == Code::InvalidGrant => None,
            Answer::Created(_) => panic!("a token endpoint makes nothing"),
            Answer::Refused(refusal) => panic!("{refusal:?}"),
        }
    }
}
