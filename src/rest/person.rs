//! The Person: somebody with an account who stands for more than one client.
//!
//! ```json
//! { "resourceType": "Person", "id": "5d1c…", "name": [{ "text": "Anna de Wit" }],
//!   "link": [{ "target": { "reference": "RelatedPerson/a" } }, { "target": { "reference": "RelatedPerson/b" } }] }
//! ```
//!
//! # Design
//! The ECD knows a contact of a client, once for each client; that these are one person is known here alone, as the rights of
//! an account. So the resource is made out of the rights at the moment of the request: a right that ended is gone from it at
//! the next read, and nothing has to be kept equal. It has no versions for the same reason.
//!
//! It shows no more than the caller sees: the links are those of the clients in [`Visible`], which for a token of one client is
//! that client. Only the person's own token finds it.

use serde_json::{Value, json};

use super::{Answer, Call, Done, Error, Rest};
use crate::access::Visible;
use crate::account;
use crate::consent::{Right, Role};
use crate::fhir::terms::OWN_PROFILES;
use crate::fhir::types::{Id, ResourceType};

impl Rest {
    /// The Person of this id, if it is the one behind the token.
    pub(super) async fn person(&self, call: &Call<'_>, visible: &Visible, id: &Id) -> Result<Done, Error> {
        let caller = call.caller;
        let own = caller
            .fhir_user
            .as_ref()
            .is_some_and(|(kind, user)| *kind == ResourceType::Person && user == id);
        let narrowing = visible.narrowing(ResourceType::Person).ok_or(Error::NotFound)?;
        // No scope narrows a Person but that of its own id; one that did would have to be matched here.
        let by_id = |(name, value): &(String, String)| name == "_id" && value == id.as_str();
        let open = narrowing.is_empty() || narrowing.iter().any(|all| all.iter().all(by_id));
        let seen: Vec<&Right> = caller
            .rights
            .iter()
            .filter(|right| visible.patients().contains(&right.patient))
            .collect();
        let links: Vec<Value> = seen.iter().filter_map(|right| link(right)).collect();
        if !own || !open || links.is_empty() {
            return Err(Error::NotFound);
        }
        let mut conn = self.db.read().await?;
        let account = caller.account.as_deref().ok_or(Error::NotFound)?;
        let (account, _) = account::find(&mut conn, visible.tenant(), account)
            .await?
            .ok_or(Error::NotFound)?;
        let body = json!({
            "resourceType": "Person",
            "id": id.as_str(),
            "meta": { "profile": [format!("{OWN_PROFILES}inzage-Persoon")] },
            "active": true,
            "name": [{ "text": account.name }],
            "link": links,
        });
        Ok(Done {
            answer: Answer::Made(body.to_string()),
            patients: seen.iter().map(|right| right.patient.clone()).collect(),
        })
    }
}

/// What stands for the person in one client's dossier.
fn link(right: &Right) -> Option<Value> {
    let (kind, id) = match right.role {
        Role::Client => (ResourceType::Patient, &right.patient),
        Role::Contact | Role::Representative => (ResourceType::RelatedPerson, right.related.as_ref()?),
    };
    Some(json!({ "target": { "reference": format!("{kind}/{id}") } }))
}
