//! Insurances, and the insurers in them.
//!
//! # Design
//! Of this stream only the changes are in public material, so a full pull asks for what changed since the beginning of time.
//! ASSUMPTION: that is every insurance that still exists; as with reports, a deletion is told by absence alone.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::pull::{Ending, Head, Run};
use super::repair;
use super::transport::Target;
use crate::ecd::Kind;
use crate::ecd::task::Stop;

const INSURANCES: (&str, &str) = ("/v0/xstream/insurances/updates", "insurances");
const BEGINNING: &str = "1970-01-01T00:00:00.000";

impl Run {
    /// The stream is left out: what it brought before goes.
    pub(super) async fn no_insurances(&self) -> Result<(), Stop> {
        self.close(Kind::Insurance, Ending::Whole).await?;
        self.close(Kind::Insurer, Ending::Whole).await
    }

    pub(super) async fn insurances(&self) -> Result<(), Stop> {
        let since = self.since().unwrap_or_else(|| BEGINNING.to_owned());
        let target = Target::stream(INSURANCES.0, Some(&since));
        let mut rows = self.transport.rows(&target, INSURANCES.1).await.map_err(Stop::Failed)?;
        let (mut ending, mut of_insurers) = (Ending::Whole, Ending::Whole);
        let mut insurers: BTreeMap<String, Value> = BTreeMap::new();
        while let Some(row) = rows.next().await.map_err(Stop::Failed)? {
            let head = Head::of(&row);
            let owner = head.as_ref().and_then(|head| head.client_object_id);
            let Some(client) = self.owned(Kind::Insurance, owner, head).await? else {
                continue;
            };
            let Some(mut body) = self.parse(Kind::Insurance, row, &mut ending).await? else {
                continue;
            };
            repair::record(Kind::Insurance, &mut body);
            if let Some((code, insurer)) = insurer(&body) {
                insurers.insert(code, insurer);
            }
            let version = repair::version([&body]);
            self.deliver(Kind::Insurance, client, version, body, &mut ending)
                .await?;
        }
        self.close(Kind::Insurance, ending).await?;
        if ending == Ending::Holed {
            of_insurers = Ending::Holed;
        }
        for insurer in insurers.into_values() {
            self.deliver(Kind::Insurer, None, String::new(), insurer, &mut of_insurers)
                .await?;
        }
        self.close(Kind::Insurer, of_insurers).await
    }
}

/// The insurer of an insurance as a record of its own; its number in the list of insurers is the key.
fn insurer(insurance: &Value) -> Option<(String, Value)> {
    let insurer = insurance.get("insurer")?;
    let field = |name: &str| insurer.get(name).and_then(Value::as_str).map(str::trim);
    let code = field("uzoviCode").filter(|code| !code.is_empty())?;
    let body = json!({"id": code, "organizationName": field("organizationName")});
    Some((code.to_owned(), body))
}
