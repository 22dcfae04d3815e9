//! Who is around the clients: two lists, put together as the files of a drop are.
//!
//! # Design
//! - ASSUMPTION: both lists, with the columns of the drop; a product that has none of them answers 404 to both. Then there is nothing of
//!   these kinds, as of every other kind without a list.
//! - A client is shown with the general practitioner, so a list that could not be read leaves clients and care teams as they are
//!   ([`Event::Open`]): only what must not be seen any more goes. One list that is not there beside one that is counts as not read.

use super::lists::{self, CIRCLE};
use super::pull::Run;
use crate::ecd::caress::around::{Around, Composed};
use crate::ecd::caress::dossier::Joined;
use crate::ecd::caress::pull::checked;
use crate::ecd::task::Stop;
use crate::ecd::{Error, Event, Kind};

/// What the two lists told.
pub(super) enum Circle {
    Told(Around),
    /// The product has no such lists.
    Nowhere,
    Unread(Error),
}

impl Circle {
    /// A record of a client: it waits for what could not be read.
    pub(super) fn of(&self, event: Event) -> Event {
        match self {
            Self::Unread(_) => event.open(),
            Self::Told(_) | Self::Nowhere => event,
        }
    }
}

impl Run {
    pub(super) async fn circle(&self) -> Result<Circle, Stop> {
        let (mut around, mut absent) = (Around::default(), Vec::new());
        for list in &CIRCLE {
            let members = match lists::read(&self.http, list, None).await {
                Ok(members) => members,
                Err(error @ Error::Status { status: 404, .. }) => {
                    absent.push(error);
                    continue;
                }
                Err(error) if error.is_fatal() => return Err(error.into()),
                Err(error) => return Ok(Circle::Unread(error)),
            };
            for member in &members {
                let row = member.row(list.table);
                let taken = around.add(list.table, &row, &self.pull.clients, self.pull.today);
                if taken.is_none() {
                    return Ok(Circle::Unread(Error::Shape {
                        path: list.path,
                        problem: "a member does not say of which client it is",
                    }));
                }
            }
        }
        Ok(match absent.pop() {
            None => Circle::Told(around),
            Some(_) if absent.len() + 1 == CIRCLE.len() => Circle::Nowhere,
            Some(error) => Circle::Unread(error),
        })
    }

    /// Hands on the records of this kind: care providers, or the care team of each client.
    pub(super) async fn around(
        &self,
        kind: Kind,
        circle: &mut Circle,
        version: &str,
        joined: &Joined,
    ) -> Result<(), Stop> {
        match circle {
            Circle::Told(around) => {
                for record in around.records(kind, &self.pull.clients, &|employee| joined.name(employee)) {
                    let Composed { key, client, body } = record;
                    let event = checked(&self.contracts, kind, Some(key), client, version, body);
                    self.send(event).await?;
                }
            }
            Circle::Nowhere => {}
            Circle::Unread(error) => {
                let (client, error) = (None, error.clone());
                return self.send(Event::Failed { kind, client, error }).await;
            }
        }
        self.send(Event::StreamComplete { kind }).await
    }
}
