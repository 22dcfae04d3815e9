//! The Group of all clients of a tenant.

use serde_json::{Value, json};

use super::super::{Answer, Call, Error, Rest};
use super::in_its_own_name;
use crate::access::{self, Interaction};
use crate::audit::Action;
use crate::fhir::bundle::{Bundle, Kind};
use crate::fhir::search::{Handling, Query};
use crate::fhir::types::ResourceType;
use crate::resource::{self, Page};

/// Its id, in every tenant.
pub const CLIENTS: &str = "clients";

impl Rest {
    /// The one group that there is.
    pub async fn group(&self, call: &Call<'_>, id: &str) -> Result<Answer, Error> {
        let made = match id {
            CLIENTS => self.clients(call).await,
            _ => in_its_own_name(call.caller)
                .map_err(Error::from)
                .and(Err(Error::NotFound)),
        };
        let made = made.map(|group| Answer::Made(group.to_string()));
        self.told(call, Action::Read, None, made).await
    }

    /// A search over groups: the one, unless its `_id` is another.
    pub async fn groups(&self, call: &Call<'_>, pairs: &[(String, String)]) -> Result<Answer, Error> {
        let found = self.clients(call).await.map(|group| {
            let base = self.base(call);
            let mut bundle = Bundle::new(Kind::Searchset);
            let ids = pairs
                .iter()
                .find(|(name, _)| name == "_id")
                .map(|(_, ids)| ids.as_str());
            let asked = ids.map(|ids| format!("?_id={}", if ids == CLIENTS { CLIENTS } else { "" }));
            bundle.link("self", format!("{base}/Group{}", asked.unwrap_or_default()));
            let met = ids.is_none_or(|ids| ids.split(',').any(|id| id == CLIENTS));
            bundle.total(u64::from(met));
            if met {
                bundle.found(&format!("{base}/Group/{CLIENTS}"), &group.to_string());
            }
            Answer::Bundle(bundle.into_bytes())
        });
        self.told(call, Action::Search, None, found).await
    }

    async fn clients(&self, call: &Call<'_>) -> Result<Value, Error> {
        in_its_own_name(call.caller)?;
        let kind = ResourceType::Patient;
        let visible = access::decide(call.caller, &Interaction::Search(kind))?;
        let count = [("_summary".to_owned(), "count".to_owned())];
        let base = self.base(call);
        let query = Query::parse(
            kind,
            &count,
            Handling::Strict,
            &self.setting(&call.caller.tenant, &base),
        )?;
        let page = Page { size: 1, after: None };
        let found = resource::search(&mut *self.db.read().await?, &visible, &query, &page).await?;
        Ok(json!({
            "resourceType": "Group",
            "id": CLIENTS,
            "active": true,
            "type": "person",
            "actual": true,
            "name": format!("Clients of {}", call.caller.tenant.name),
            "quantity": found.total.unwrap_or_default(),
        }))
    }
}
