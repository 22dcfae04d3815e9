//! What the authorization server can do, as documents for apps. Only what is true is listed.
//!
//! # Design
//! One set of facts, three documents: SMART's own, OpenID Connect's and RFC 8414's. The latter two are the same bytes, so they
//! cannot contradict each other. All addresses are absolute and come from the configured public address, never from a
//! request's `Host`.

use serde_json::{Value, json};

use super::scope::Scopes;
use super::token::ALGORITHMS;
use super::{Issuer, acr, device, dpop};
use crate::config::{Registration, SigningAlg, Tenant, TenantId};

/// `capabilities`, <https://hl7.org/fhir/smart-app-launch/conformance.html>
const CAPABILITIES: [&str; 17] = [
    "launch-standalone",
    "launch-ehr",
    "authorize-post",
    "client-public",
    "client-confidential-symmetric",
    "client-confidential-asymmetric",
    "sso-openid-connect",
    "context-standalone-patient",
    "context-ehr-patient",
    "context-banner",
    "context-style",
    "permission-offline",
    "permission-online",
    "permission-patient",
    "permission-user",
    "permission-v1",
    "permission-v2",
];

/// Below the issuer: who the organisation is, for apps that show many.
pub const BRANDS_PATH: &str = "/.well-known/user-access-brands";

/// The addresses of one tenant, for discovery and for the CapabilityStatement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    pub issuer: String,
    pub authorize: String,
    pub token: String,
    pub introspect: String,
    pub revoke: String,
    pub jwks: String,
    pub userinfo: String,
    /// Where an app pushes a request (RFC 9126).
    pub push: String,
    /// Where a device without a browser asks for its codes (RFC 8628).
    pub device: String,
    /// Where an app registers itself (RFC 7591), at tenants that offer it.
    pub register: String,
    /// Where an app sends a browser to log its person out.
    pub logout: String,
    /// Where a portal asks for a launch.
    pub launch: String,
    /// The colours of the pages, for apps that want to look alike.
    pub style: String,
    /// Where a person sees and withdraws what apps got.
    pub manage: String,
}

impl Addresses {
    pub fn of(issuer: &Issuer, tenant: &TenantId) -> Self {
        let base = issuer.url(tenant);
        let endpoint = |name: &str| format!("{base}/oauth/{name}");
        Self {
            authorize: endpoint("authorize"),
            token: endpoint("token"),
            introspect: endpoint("introspect"),
            revoke: endpoint("revoke"),
            jwks: endpoint("jwks"),
            userinfo: endpoint("userinfo"),
            push: endpoint("par"),
            device: endpoint("device_authorization"),
            register: endpoint("register"),
            logout: endpoint("logout"),
            launch: endpoint("launch"),
            style: endpoint("style.json"),
            manage: format!("{base}/account"),
            issuer: base,
        }
    }
}

fn supported() -> Vec<&'static str> {
    // The scopes that are asked most are named beside the wildcards: apps look for them literally.
    let mut scopes: Vec<&str> = Scopes::SUPPORTED.split(' ').collect();
    scopes.extend(["patient/*.read", "user/*.read", "system/*.read"]);
    scopes
}

fn shared(issuer: &Issuer, tenant: &Tenant) -> Value {
    let at = Addresses::of(issuer, &tenant.id);
    let mut document = json!({
        "issuer": at.issuer,
        "authorization_endpoint": at.authorize,
        "token_endpoint": at.token,
        "jwks_uri": at.jwks,
        "introspection_endpoint": at.introspect,
        "revocation_endpoint": at.revoke,
        "pushed_authorization_request_endpoint": at.push,
        "require_pushed_authorization_requests": false,
        "device_authorization_endpoint": at.device,
        "scopes_supported": supported(),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "form_post"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials", device::GRANT_TYPE],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt"],
        "introspection_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
        "revocation_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"],
        "revocation_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
        "authorization_response_iss_parameter_supported": true,
        "dpop_signing_alg_values_supported": dpop::ALGORITHMS,
        "acr_values_supported": acr::levels(tenant),
        "protected_resources": [issuer.fhir_base(&tenant.id)],
    });
    if tenant.policy.registration == Registration::Approval {
        document["registration_endpoint"] = json!(at.register);
    }
    document
}

/// `/{tenant}/fhir/.well-known/smart-configuration`
pub fn smart(issuer: &Issuer, tenant: &Tenant) -> Value {
    let mut document = shared(issuer, tenant);
    document["management_endpoint"] = json!(Addresses::of(issuer, &tenant.id).manage);
    document["capabilities"] = json!(CAPABILITIES);
    document["associated_endpoints"] = json!([{
        "url": format!("{}/app-state", issuer.url(&tenant.id)), "capabilities": ["smart-app-state"]
    }]);
    document["user_access_brand_bundle"] = json!(format!("{}{BRANDS_PATH}", issuer.url(&tenant.id)));
    if let Some(identifier) = tenant.policy.brand.identifier() {
        document["user_access_brand_identifier"] = json!({"system": "urn:ietf:rfc:3986", "value": identifier});
    }
    document
}

/// `/{tenant}/.well-known/openid-configuration` and `oauth-authorization-server`
pub fn openid(issuer: &Issuer, tenant: &Tenant) -> Value {
    let mut document = shared(issuer, tenant);
    let at = Addresses::of(issuer, &tenant.id);
    let more = json!({
        "userinfo_endpoint": at.userinfo,
        "end_session_endpoint": at.logout,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": SigningAlg::ALL.map(SigningAlg::as_str),
        "claim_types_supported": ["normal"],
        "claims_supported": ["iss", "sub", "aud", "azp", "exp", "iat", "auth_time", "nonce", "acr", "amr", "at_hash", "sid", "fhirUser", "name"],
        "claims_parameter_supported": false,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "ui_locales_supported": ["nl", "en"],
    });
    if let (Value::Object(document), Value::Object(more)) = (&mut document, more) {
        document.extend(more);
    }
    document
}

/// `smart_style_url`, <https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html#styling>
pub fn style() -> Value {
    json!({
        "color_background": "#ffffff",
        "color_error": "#b00020",
        "color_highlight": "#0b5fa5",
        "color_modal_backdrop": "rgba(0, 0, 0, 0.4)",
        "color_success": "#1b6e2d",
        "color_text": "#1b1b1b",
        "dim_border_radius": "4px",
        "dim_font_size": "18px",
        "dim_spacing_size": "16px",
        "font_family_body": "system-ui, sans-serif",
        "font_family_heading": "system-ui, sans-serif",
    })
}

/// Where [`protected_resource`] is: between host and path of the resource (RFC 9728 §3).
pub fn resource_metadata(issuer: &Issuer, tenant: &TenantId) -> String {
    let base = issuer.fhir_base(tenant);
    let path = base
        .find("://")
        .and_then(|at| base[at + 3..].find('/').map(|more| at + 3 + more));
    let (host, path) = base.split_at(path.unwrap_or(base.len()));
    format!("{host}/.well-known/oauth-protected-resource{path}")
}

/// `/.well-known/oauth-protected-resource/{tenant}/fhir`, RFC 9728
pub fn protected_resource(issuer: &Issuer, tenant: &Tenant) -> Value {
    json!({
        "resource": issuer.fhir_base(&tenant.id),
        "resource_name": tenant.name,
        "authorization_servers": [issuer.url(&tenant.id)],
        "scopes_supported": supported(),
        "bearer_methods_supported": ["header"],
        "dpop_signing_alg_values_supported": dpop::ALGORITHMS,
        "dpop_bound_access_tokens_required": false,
        "tls_client_certificate_bound_access_tokens": false,
    })
}
