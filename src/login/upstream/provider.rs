//! One OpenID provider: what it says of itself, and what it says of a person.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use openidconnect::core::{
    CoreAuthPrompt, CoreAuthenticationFlow, CoreClient, CoreIdTokenVerifier, CoreJsonWebKeySet,
    CoreJwsSigningAlgorithm, CoreProviderMetadata,
};
use openidconnect::{
    AsyncHttpClient, AuthenticationContextClass, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret,
    CsrfToken, HttpRequest, HttpResponse, IssuerUrl, Nonce, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl,
    SignatureVerificationError, TokenResponse as _,
};
use tokio::sync::Mutex;
use url::Url;

use super::Failure;
use crate::config::{self, Server, TenantId};

/// A whole exchange with the provider.
const WAIT: Duration = Duration::from_secs(5);
/// The largest answer.
const BYTES: usize = 256 * 1024;
/// What the provider says of itself is asked again after this.
const FRESH: Duration = Duration::from_secs(3600);
/// When it cannot be asked, the old answer counts for so long.
const KEPT: Duration = Duration::from_secs(24 * 3600);
/// After a failure nobody waits for it again for so long; and keys are not fetched again sooner.
const PAUSE: Duration = Duration::from_secs(5);

/// Algorithms of an id token: signatures with a public key only.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 7] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// A provider with what is known of it.
#[derive(Debug)]
pub(super) struct Provider {
    settings: config::Upstream,
    issuer: IssuerUrl,
    redirect: RedirectUrl,
    http: Http,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    metadata: Option<(Arc<CoreProviderMetadata>, Instant)>,
    failed_at: Option<Instant>,
    keys_at: Option<Instant>,
}

/// What goes to the provider and has to come back in the id token.
pub(super) struct Secrets {
    pub state: String,
    pub nonce: String,
    pub verifier: String,
}

/// Who came back.
#[derive(Debug)]
pub(super) struct Person {
    pub subject: String,
    pub acr: Option<String>,
    /// When they logged in there, as the provider says.
    pub auth_time: Option<Timestamp>,
}

/// How far the provider's clock may be from ours.
const SKEW: i64 = 60;

impl Person {
    /// Whether the login at the provider is at most so many seconds old. One that was asked and does not say is none
    /// (OpenID Connect Core §3.1.3.7, 13).
    pub fn is_young(&self, max_age: Option<i64>, now: Timestamp) -> bool {
        let age = |at: Timestamp| now.duration_since(at).as_secs();
        max_age.is_none_or(|most| {
            self.auth_time
                .is_some_and(|at| (-SKEW..=most.saturating_add(SKEW)).contains(&age(at)))
        })
    }
}

impl Provider {
    /// `None` if its authorities cannot be used: it answers nobody.
    pub fn new(settings: &config::Upstream, server: &Server, tenant: &TenantId) -> Option<Self> {
        let redirect = format!("{}/login/upstream/return", server.issuer(tenant.as_str()));
        Some(Self {
            http: Http(http(settings)?),
            settings: settings.clone(),
            issuer: IssuerUrl::new(settings.issuer.clone()).ok()?,
            redirect: RedirectUrl::new(redirect).ok()?,
            known: Mutex::default(),
        })
    }

    pub fn issuer(&self) -> &str {
        &self.settings.issuer
    }

    /// Where a browser is sent, so that the page may name it.
    pub async fn origin(&self) -> Result<String, Failure> {
        let metadata = self.metadata().await?;
        Ok(metadata.authorization_endpoint().url().origin().ascii_serialization())
    }

    /// The address that the browser is sent to.
    pub async fn authorization(&self, secrets: &Secrets, fresh: bool, max_age: Option<i64>) -> Result<Url, Failure> {
        let metadata = self.metadata().await?;
        let client = CoreClient::from_provider_metadata((*metadata).clone(), self.client_id(), Some(self.secret()))
            .set_redirect_uri(self.redirect.clone());
        let (state, nonce) = (secrets.state.clone(), secrets.nonce.clone());
        let verifier = PkceCodeVerifier::new(secrets.verifier.clone());
        let mut asked = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                move || CsrfToken::new(state),
                move || Nonce::new(nonce),
            )
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        for level in self.settings.enough() {
            asked = asked.add_auth_context_value(AuthenticationContextClass::new(level.clone()));
        }
        if fresh {
            asked = asked.add_prompt(CoreAuthPrompt::Login);
        }
        if let Some(seconds) = max_age {
            // It has to say when the person logged in, then.
            asked = asked.set_max_age(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)));
        }
        Ok(asked.url().0)
    }

    /// Exchanges the code, and checks everything that the id token says.
    pub async fn person(&self, code: String, secrets: &Secrets, now: Timestamp) -> Result<Person, Failure> {
        let metadata = self.metadata().await?;
        let client = CoreClient::from_provider_metadata((*metadata).clone(), self.client_id(), Some(self.secret()))
            .set_redirect_uri(self.redirect.clone());
        let exchange = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|_| Failure::Answer("no-token-endpoint"))?
            .set_pkce_verifier(PkceCodeVerifier::new(secrets.verifier.clone()));
        let answer = exchange.request_async(&self.http).await.map_err(|error| match error {
            openidconnect::RequestTokenError::Request(_) => Failure::Unavailable,
            openidconnect::RequestTokenError::ServerResponse(_) => Failure::Answer("code-refused"),
            _ => Failure::Answer("token-answer"),
        })?;
        let token = answer.id_token().ok_or(Failure::Answer("no-id-token"))?;
        let nonce = Nonce::new(secrets.nonce.clone());
        let (mut keys, mut again) = (metadata.jwks().clone(), true);
        loop {
            let verifier = self.verifier(keys, now);
            match token.claims(&verifier, &nonce) {
                Ok(claims) => {
                    let person = Person {
                        subject: claims.subject().to_string(),
                        acr: claims.auth_context_ref().map(|acr| acr.to_string()),
                        auth_time: claims
                            .auth_time()
                            .and_then(|at| Timestamp::from_second(at.timestamp()).ok()),
                    };
                    return self.suffices(person);
                }
                // The provider signs with a key that was not there when we asked.
                Err(ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey))
                    if again =>
                {
                    again = false;
                    keys = self.new_keys(&metadata).await?;
                }
                Err(error) => return Err(Failure::Answer(reason(&error))),
            }
        }
    }

    fn suffices(&self, person: Person) -> Result<Person, Failure> {
        let enough = self.settings.enough();
        let told = |acr: &String| enough.contains(acr);
        if enough.is_empty() || person.acr.as_ref().is_some_and(told) {
            return Ok(person);
        }
        Err(Failure::Level)
    }

    fn verifier(&self, keys: CoreJsonWebKeySet, now: Timestamp) -> CoreIdTokenVerifier<'static> {
        let issuer = self.issuer.clone();
        let at = chrono::DateTime::from_timestamp(now.as_second(), 0).unwrap_or_default();
        CoreIdTokenVerifier::new_confidential_client(self.client_id(), self.secret(), issuer, keys)
            .set_allowed_algs(ALGORITHMS)
            .set_time_fn(move || at)
    }

    fn client_id(&self) -> ClientId {
        ClientId::new(self.settings.client_id.clone())
    }

    fn secret(&self) -> ClientSecret {
        ClientSecret::new(self.settings.client_secret.expose().clone())
    }

    /// What the provider says of itself: from memory for an hour, and for a day while it cannot be reached.
    async fn metadata(&self) -> Result<Arc<CoreProviderMetadata>, Failure> {
        let mut known = self.known.lock().await;
        if let Some((metadata, at)) = &known.metadata
            && at.elapsed() < FRESH
        {
            return Ok(Arc::clone(metadata));
        }
        let old = known.metadata.as_ref().filter(|(_, at)| at.elapsed() < KEPT);
        let old = old.map(|(metadata, _)| Arc::clone(metadata));
        if known.failed_at.is_some_and(|at| at.elapsed() < PAUSE) {
            return old.ok_or(Failure::Unavailable);
        }
        let issuer = self.issuer.clone();
        // It checks that the document is this issuer's own.
        match CoreProviderMetadata::discover_async(issuer, &self.http).await {
            Ok(found) => {
                let found = Arc::new(found);
                known.metadata = Some((Arc::clone(&found), Instant::now()));
                known.failed_at = None;
                Ok(found)
            }
            Err(error) => {
                known.failed_at = Some(Instant::now());
                tracing::warn!(cause = discovery(&error), "an OpenID provider does not say what it is");
                old.ok_or(Failure::Unavailable)
            }
        }
    }

    /// Fetches the keys once more, and not again for a moment: a token with a made-up key costs one fetch.
    async fn new_keys(&self, metadata: &CoreProviderMetadata) -> Result<CoreJsonWebKeySet, Failure> {
        let mut known = self.known.lock().await;
        let tried = known.keys_at.is_some_and(|at| at.elapsed() < PAUSE);
        if tried {
            let now = known.metadata.as_ref().map(|(known, _)| known.jwks().clone());
            return now.ok_or(Failure::Unavailable);
        }
        known.keys_at = Some(Instant::now());
        let keys = CoreJsonWebKeySet::fetch_async(metadata.jwks_uri(), &self.http)
            .await
            .map_err(|_| Failure::Unavailable)?;
        let renewed = metadata.clone().set_jwks(keys.clone());
        known.metadata = Some((Arc::new(renewed), Instant::now()));
        Ok(keys)
    }
}

/// A word for the audit line; the error's own text may quote the token.
fn reason(error: &ClaimsVerificationError) -> &'static str {
    match error {
        ClaimsVerificationError::Expired(_) => "expired",
        ClaimsVerificationError::InvalidAudience(_) => "audience",
        ClaimsVerificationError::InvalidIssuer(_) => "issuer",
        ClaimsVerificationError::InvalidNonce(_) => "nonce",
        ClaimsVerificationError::SignatureVerification(_) => "signature",
        _ => "id-token",
    }
}

fn discovery<E: std::error::Error>(error: &openidconnect::DiscoveryError<E>) -> &'static str {
    match error {
        openidconnect::DiscoveryError::Parse(_) => "no JSON",
        openidconnect::DiscoveryError::Request(_) => "not reached",
        openidconnect::DiscoveryError::Response(..) => "another answer than 200",
        openidconnect::DiscoveryError::Validation(_) => "another issuer",
        _ => "other",
    }
}

fn http(settings: &config::Upstream) -> Option<reqwest::Client> {
    // reqwest takes the process's provider; another part of the program may have set the same one before.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .timeout(WAIT)
        .connect_timeout(WAIT)
        // An answer from elsewhere would be somebody else's word.
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy();
    if let Some(authorities) = &settings.ca {
        let certificates: Result<Vec<_>, _> = authorities
            .certificates()
            .iter()
            .map(|authority| reqwest::Certificate::from_der(authority))
            .collect();
        builder = builder.tls_certs_only(certificates.ok()?);
    }
    builder.build().ok()
}

/// How openidconnect reaches the network.
#[derive(Clone, Debug)]
struct Http(reqwest::Client);

#[derive(Debug, thiserror::Error)]
#[error("the provider could not be reached")]
struct Unreached;

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = Unreached;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Unreached>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let request = reqwest::Request::try_from(request).map_err(|_| Unreached)?;
            let mut response = self.0.execute(request).await.map_err(|_| Unreached)?;
            let mut body = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(|_| Unreached)? {
                body.extend_from_slice(&chunk);
                if body.len() > BYTES {
                    return Err(Unreached);
                }
            }
            let mut answer = HttpResponse::new(body);
            *answer.status_mut() = response.status();
            *answer.headers_mut() = response.headers().clone();
            Ok(answer)
        })
    }
}

/// The providers of all tenants.
pub(super) type Providers = HashMap<TenantId, Provider>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a14_a_login_at_the_provider_is_as_young_as_the_app_asks_or_none() {
        let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        let since = |seconds: i64| Person {
            subject: "s".to_owned(),
            acr: None,
            auth_time: Some(now - jiff::SignedDuration::from_secs(seconds)),
        };
        let silent = Person {
            auth_time: None,
            ..since(0)
        };
        assert!(silent.is_young(None, now) && since(1_000_000).is_young(None, now));
        assert!(!silent.is_young(Some(1_000_000), now), "asked and not told");
        assert!(since(160).is_young(Some(100), now), "a minute for clocks that differ");
        assert!(!since(161).is_young(Some(100), now));
        assert!(since(60).is_young(Some(0), now) && !since(61).is_young(Some(0), now));
        assert!(!since(-61).is_young(Some(100), now), "a login that is still to come");
    }
}
