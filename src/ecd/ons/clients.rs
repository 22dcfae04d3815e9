//! Clients, and the stays that are taken out of them.

use serde_json::Value;

use super::circle::Circles;
use super::pull::{Ending, Head, Run};
use super::transport::Target;
use super::{departure, repair};
use crate::ecd::task::Stop;
use crate::ecd::{Error, Event, Kind, bsn, stay};

const CLIENTS: (&str, &str) = ("/v0/xstream/clients/data", "clients");
const CLIENT_DELETES: (&str, &str) = ("/v0/xstream/clients/deletes", "clients");

impl Run {
    /// Every client asked for, changed or not: a new general practitioner does not change the client of the source.
    pub(super) async fn clients(&self, circles: &Circles) -> Result<(), Stop> {
        let target = Target::stream(CLIENTS.0, None);
        let mut rows = self.transport.rows(&target, CLIENTS.1).await.map_err(Stop::Failed)?;
        let mut ending = Ending::Whole;
        let mut of_stays = Ending::Whole;
        while let Some(row) = rows.next().await.map_err(Stop::Failed)? {
            let head = Head::of(&row).and_then(|head| head.id).map(|id| id.to_string());
            if head.as_ref().is_some_and(|id| !self.pull.clients.contains(id)) {
                continue;
            }
            let Some(mut body) = self.parse(Kind::Client, row, &mut ending).await? else {
                continue;
            };
            if let (Some(client), true) = (&head, bsn::is_wrong(&body["bsn"])) {
                self.doubt(client).await?;
                continue;
            }
            repair::record(Kind::Client, &mut body);
            let version = repair::version([&body]);
            self.stay(head.clone(), version.clone(), &mut body, &mut of_stays)
                .await?;
            if head.as_ref().is_none_or(|client| circles.join(client, &mut body)) {
                self.deliver(Kind::Client, head, version, body, &mut ending).await?;
            } else {
                ending = Ending::Holed;
            }
        }
        if ending == Ending::Holed {
            // A line that could not be read is nobody's client and nobody's stay.
            of_stays = Ending::Holed;
        }
        self.close(Kind::Stay, of_stays).await?;
        self.close(Kind::Client, ending).await?;
        let Some(since) = self.since() else {
            return Ok(());
        };
        let target = Target::stream(CLIENT_DELETES.0, Some(&since));
        let mut rows = self
            .transport
            .rows(&target, CLIENT_DELETES.1)
            .await
            .map_err(Stop::Failed)?;
        while let Some(row) = rows.next().await.map_err(Stop::Failed)? {
            let Some(key) = Head::of(&row).and_then(|head| head.id).map(|id| id.to_string()) else {
                // Passed over it would never come again: the next pull asks for what is newer.
                return Err(Stop::Failed(Error::Shape {
                    path: CLIENT_DELETES.0,
                    problem: "a deletion that does not say of whom",
                }));
            };
            if self.pull.clients.contains(&key) {
                for kind in [Kind::Stay, Kind::Client, Kind::CareTeam] {
                    let key = key.clone();
                    self.send(Event::Deleted { kind, key }).await?;
                }
            }
        }
        Ok(())
    }

    /// Tells of a client who may be somebody else: neither the client nor when care ended is believed.
    pub(super) async fn doubt(&self, client: &str) -> Result<(), Stop> {
        for kind in [Kind::Stay, Kind::Client] {
            let key = Some(client.to_owned());
            self.bad(kind, key, "/bsn", bsn::REASON, &mut Ending::Whole).await?;
        }
        Ok(())
    }

    /// Takes the allocations out of the client: why care ended stays in here.
    pub(super) async fn stay(
        &self,
        client: Option<String>,
        version: String,
        body: &mut Value,
        ending: &mut Ending,
    ) -> Result<(), Stop> {
        let stays = departure::stays(body);
        if let Value::Object(object) = body {
            object.shift_remove("careAllocations");
        }
        match stays {
            Ok((stays, died)) => {
                let stay = stay::record(body["id"].clone(), &stays, died, self.pull.today);
                self.deliver(Kind::Stay, client, version, stay, ending).await
            }
            Err(unclear) => {
                self.bad(Kind::Stay, client, &unclear.pointer, unclear.reason, ending)
                    .await
            }
        }
    }
}
