//! For which server the tokens are.

use super::given::Given;
use crate::config::TenantId;
use crate::oauth::Issuer;
use crate::oauth::code::{Code, Refusal};
use crate::oauth::scope::Scopes;

/// A token for dossiers is asked for this tenant's FHIR base and no other (SMART App Launch, `aud`; RFC 8707, `resource`).
pub(super) fn audience(
    given: &Given<'_>,
    scopes: &Scopes,
    (issuer, tenant): (&Issuer, &TenantId),
) -> Result<(), Refusal> {
    let ours = |uri: &str| issuer.is_fhir_base(tenant, uri);
    // RFC 8707 §2: there may be several; each has to be the one that there is.
    let mut resources = given.all("resource").peekable();
    let named = resources.peek().is_some().then(|| resources.all(ours));
    match (given.get("aud"), named) {
        (Some(aud), Some(resource)) if ours(aud) != resource => Err(Refusal::new(
            Code::InvalidTarget,
            "aud and resource contradict each other",
        )),
        (Some(aud), _) if ours(aud) => Ok(()),
        (None, Some(true)) => Ok(()),
        (Some(_), _) => Err(Refusal::new(
            Code::InvalidRequest,
            "aud: give the FHIR base that discovery was read from",
        )),
        (None, Some(false)) => Err(Refusal::new(
            Code::InvalidTarget,
            "resource: give the FHIR base of this server",
        )),
        (None, None) if scopes.needs_patient() || scopes.data().next().is_some() => Err(Refusal::new(
            Code::InvalidRequest,
            "aud: required; give the FHIR base of this server",
        )),
        (None, None) => Ok(()),
    }
}
