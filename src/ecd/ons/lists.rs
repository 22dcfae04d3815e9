//! Care plans and agenda: the product has no stream of them, so each client's list is asked for.

use futures::StreamExt as _;
use serde_json::Value;

use super::goals::Goals;
use super::join::Names;
use super::pull::{Ending, Run, Stop};
use super::repair;
use super::transport::Target;
use crate::ecd::{Error, Event, Kind};

const CARE_PLANS: (&str, &str) = ("/v0/administration/dossier/care_plans/by_client/{id}", "carePlans");
const AGENDA: (&str, &str) = ("/v0/agenda/clients/{id}/agenda_occurrences", "agendaOccurrences");

/// Clients whose lists are read ahead of the reader; the permits bound what is really open.
const CLIENTS_AHEAD: usize = 4;

impl Run {
    /// Care plans and agenda: one list per client, several clients ahead, delivered in order.
    pub(super) async fn lists(&self, names: &Names) -> Result<Goals, Stop> {
        let mut goals = Goals::default();
        let mut ahead = futures::stream::iter(self.pull.clients.clone())
            .map(|client: String| async move {
                let plans = self.list(CARE_PLANS, &client).await;
                let agenda = self.list(AGENDA, &client).await;
                (client, plans, agenda)
            })
            .buffered(CLIENTS_AHEAD);
        while let Some((client, plans, agenda)) = ahead.next().await {
            for (kind, list) in [(Kind::CarePlan, plans), (Kind::AgendaOccurrence, agenda)] {
                let part = match list {
                    Ok(list) => self.one_list(kind, &client, list, names, &mut goals).await,
                    Err(error) => Err(Stop::Failed(error)),
                };
                if kind == Kind::CarePlan && matches!(part, Err(Stop::Failed(_))) {
                    goals.miss(&client);
                }
                self.go_on(kind, Some(client.clone()), part).await?;
            }
        }
        Ok(goals)
    }

    async fn list(&self, (path, wrapper): (&'static str, &'static str), client: &str) -> Result<Vec<Value>, Error> {
        if client.is_empty() || !client.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Error::Shape {
                path,
                problem: "the key of the client is not a number",
            });
        }
        let query = if path == AGENDA.0 {
            vec![
                ("from", self.pull.agenda.start.to_string()),
                ("to", self.pull.agenda.end.to_string()),
                // Appointments without the client are asked for as well: one that changes to that has to be withdrawn
                // by rule, not by chance.
                ("require_client_present", "false".to_owned()),
            ]
        } else {
            Vec::new()
        };
        let target = Target {
            path,
            id: client,
            query,
        };
        self.transport.list(&target, wrapper).await
    }

    async fn one_list(
        &self,
        kind: Kind,
        client: &str,
        list: Vec<Value>,
        names: &Names,
        goals: &mut Goals,
    ) -> Result<(), Stop> {
        let number: u64 = client.parse().map_err(|_| {
            Stop::Failed(Error::Shape {
                path: CARE_PLANS.0,
                problem: "the key of the client is out of range",
            })
        })?;
        let mut ending = Ending::Whole;
        for mut body in list {
            repair::record(kind, &mut body);
            if kind == Kind::AgendaOccurrence {
                names.join_agenda(&mut body, number);
            } else {
                names.join(&mut body);
            }
            if body.get("clientId").and_then(Value::as_u64) != Some(number) {
                // Without its key: it may be the key of a good record in the other client's dossier.
                let reason = "belongs to another client than the one asked for";
                self.bad(kind, None, "/clientId", reason, &mut ending).await?;
                continue;
            }
            if kind == Kind::CarePlan {
                goals.keep(CARE_PLANS.0, number, &body).map_err(Stop::Failed)?;
            }
            let entries = body
                .get("carePlanEntries")
                .and_then(Value::as_array)
                .into_iter()
                .flatten();
            let version = repair::version(entries.chain([&body]));
            self.deliver(kind, Some(client.to_owned()), version, body, &mut ending)
                .await?;
        }
        match ending {
            Ending::Whole => {
                let client = client.to_owned();
                self.send(Event::Complete { kind, client }).await
            }
            Ending::Holed => Err(Stop::Failed(Error::Shape {
                path: if kind == Kind::CarePlan { CARE_PLANS.0 } else { AGENDA.0 },
                problem: "a record without a key, or of another client",
            })),
        }
    }
}
