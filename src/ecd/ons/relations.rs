//! Contact relations: two streams of the source that become one kind of record.

use std::collections::HashSet;

use serde_json::Value;

use super::join::{Addresses, Wanted};
use super::pull::{Ending, Head, Run};
use super::repair;
use super::rows::Row;
use super::transport::Target;
use crate::ecd::task::Stop;
use crate::ecd::{Error, Kind};

const RELATIONS: (&str, &str) = ("/v0/xstream/relations/data", "clientContactRelations");
const RELATION_UPDATES: (&str, &str) = ("/v0/xstream/relations/updates", "clientContactRelations");
const ADDRESSES: (&str, &str) = (
    "/v0/xstream/client_contact_relation_addresses/data",
    "clientContactRelationAddresses",
);
const ADDRESS_UPDATES: (&str, &str) = (
    "/v0/xstream/client_contact_relation_addresses/updates",
    "clientContactRelationAddresses",
);

impl Run {
    /// Contact relations with their addresses, two streams of the source.
    ///
    /// Either may change alone, and the other half is needed then as well. So a partial pull first asks both for their
    /// changes, and only if there are any reads the two streams and delivers the relations that changed.
    pub(super) async fn relations(&self) -> Result<(), Stop> {
        let wanted = match self.since() {
            None => Wanted::Every,
            Some(since) => {
                let mut changed = HashSet::new();
                for (path, wrapper) in [RELATION_UPDATES, ADDRESS_UPDATES] {
                    let target = Target::stream(path, Some(&since));
                    let mut rows = self.transport.rows(&target, wrapper).await.map_err(Stop::Failed)?;
                    while let Some(row) = rows.next().await.map_err(Stop::Failed)? {
                        let head = Head::of(&row);
                        let Some(relation) = head.and_then(|head| head.client_contact_relation_id.or(head.id)) else {
                            // Passed over it would never come again: the next pull asks for what is newer.
                            return Err(Stop::Failed(Error::Shape {
                                path,
                                problem: "a change that does not say of which relation",
                            }));
                        };
                        changed.insert(relation);
                    }
                }
                if changed.is_empty() {
                    return Ok(());
                }
                Wanted::Changed(changed)
            }
        };
        let addresses = self.addresses(&wanted).await?;
        let mut rows = self
            .transport
            .rows(&Target::stream(RELATIONS.0, None), RELATIONS.1)
            .await
            .map_err(Stop::Failed)?;
        let mut ending = Ending::Whole;
        while let Some(row) = rows.next().await.map_err(Stop::Failed)? {
            let head = Head::of(&row);
            if head.as_ref().and_then(|head| head.id).is_some_and(|id| !wanted.has(id)) {
                continue;
            }
            let owner = head.as_ref().and_then(|head| head.client_object_id);
            let Some(client) = self.owned(Kind::ContactRelation, owner, head).await? else {
                continue;
            };
            let Some(mut body) = self.parse(Kind::ContactRelation, row, &mut ending).await? else {
                continue;
            };
            addresses.join(&mut body);
            repair::record(Kind::ContactRelation, &mut body);
            let joined = body.get("addresses").and_then(Value::as_array).into_iter().flatten();
            let version = repair::version(joined.chain([&body]));
            self.deliver(Kind::ContactRelation, client, version, body, &mut ending)
                .await?;
        }
        self.close(Kind::ContactRelation, ending).await
    }

    pub(super) async fn addresses(&self, wanted: &Wanted) -> Result<Addresses, Stop> {
        let mut addresses = Addresses::default();
        let mut rows = self
            .transport
            .rows(&Target::stream(ADDRESSES.0, None), ADDRESSES.1)
            .await
            .map_err(Stop::Failed)?;
        while let Some(row) = rows.next().await.map_err(Stop::Failed)? {
            let Some(relation) = Head::of(&row).and_then(|head| head.client_contact_relation_id) else {
                // Whose address this is cannot be told; a relation without it would look as if it had none.
                return Err(Stop::Failed(Error::Shape {
                    path: ADDRESSES.0,
                    problem: "an address without its relation",
                }));
            };
            if !wanted.has(relation) {
                continue;
            }
            let line = match row {
                Row::Line(line) => line,
                Row::Value(value) => value.to_string().into(),
                Row::TooLong | Row::Unfit(_) => continue,
            };
            let limit = self.transport.limits.join_bytes;
            addresses
                .keep(ADDRESSES.0, relation, &line, limit)
                .map_err(Stop::Failed)?;
        }
        Ok(addresses)
    }
}
