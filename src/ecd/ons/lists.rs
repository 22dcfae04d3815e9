//! Care plans and agenda: the product has no stream of them, so each client's list is asked for.

use std::collections::HashMap;

use futures::StreamExt as _;
use serde_json::Value;

use super::goals::Goals;
use super::history;
use super::join::Names;
use super::plans::{Errand, Listed};
use super::pull::{Ending, Run};
use super::releases::{About, Releases};
use super::repair;
use super::surveys::Surveys;
use super::transport::{Missing, Target};
use crate::ecd::task::Stop;
use crate::ecd::{Error, Event, Kind};

pub(super) const CARE_PLANS: (&str, &str) = ("/v0/administration/dossier/care_plans/by_client/{id}", "carePlans");
pub(super) const SURVEY_RESULTS: (&str, &str) = (
    "/v0/administration/survey_result/survey_results_by_client/{id}",
    "surveyResults",
);
const AGENDA: (&str, &str) = ("/v0/agenda/clients/{id}/agenda_occurrences", "agendaOccurrences");

/// What each client's lists hold, in the order in which they are asked for.
const KINDS: [Kind; 3] = [Kind::CarePlan, Kind::AgendaOccurrence, Kind::SurveyResult];

/// Clients whose lists are read ahead of the reader; the permits bound what is really open.
const CLIENTS_AHEAD: usize = 4;

/// What the lists of clients tell about their reports.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) goals: Goals,
    pub(super) releases: Releases,
    surveys: Surveys,
}

impl Known {
    /// Nothing is known of these clients yet.
    pub(super) fn nothing_of<'a>(clients: impl IntoIterator<Item = &'a String>) -> Self {
        let mut known = Self::default();
        for client in clients {
            known.goals.miss(client);
            known.releases.miss(client);
        }
        known
    }

    /// Joins to a report what is known; false where that cannot be told in this pull.
    pub(super) fn join(&self, client: Option<&str>, report: &mut Value) -> bool {
        self.releases.join(About::Report, client, report) && self.goals.join(client, report)
    }
}

impl Run {
    /// Care plans and agenda: one list per client, several clients ahead, delivered in order.
    pub(super) async fn lists(&self, names: &Names) -> Result<Known, Stop> {
        let mut known = Known::default();
        let mut is_whole = true;
        let mut ahead = futures::stream::iter(self.pull.clients.clone())
            .map(|client: String| async move {
                // What was taken back cannot wait.
                let releases = self.releases(&client).await;
                let plans = self.list_in_time(CARE_PLANS, &client).await;
                let agenda = self.list_in_time(AGENDA, &client).await;
                let forms = self.list_in_time(SURVEY_RESULTS, &client).await;
                let plans = match plans {
                    Ok(plans) => Ok(self.joined(&client, plans, Errand::Pull(&forms)).await),
                    Err(error) => Err(error),
                };
                (
                    client,
                    releases,
                    [plans, agenda.map(Listed::from), forms.map(Listed::from)],
                )
            })
            .buffered(CLIENTS_AHEAD);
        while let Some((client, releases, lists)) = ahead.next().await {
            let released = releases.and_then(|rows| known.releases.keep(&client, &rows, self.news()));
            if let Err(error) = released {
                known.releases.miss(&client);
                let failed = Err(Stop::Failed(error));
                self.go_on(Kind::Report, Some(client.clone()), failed).await?;
            }
            for (kind, list) in KINDS.into_iter().zip(lists) {
                if kind != Kind::AgendaOccurrence && !known.releases.knows(&client) {
                    known.goals.miss(&client);
                    is_whole = false;
                    continue;
                }
                let mut not_asked = None;
                let part = match list {
                    Ok(mut list) => {
                        not_asked = list.failed.take();
                        self.one_list(kind, &client, list, names, &mut known).await
                    }
                    Err(error) => Err(Stop::Failed(error)),
                };
                is_whole &= part.is_ok();
                if kind == Kind::CarePlan && matches!(part, Err(Stop::Failed(_))) {
                    known.goals.miss(&client);
                }
                self.go_on(kind, Some(client.clone()), part).await?;
                self.go_on(
                    kind,
                    Some(client.clone()),
                    not_asked.map_or(Ok(()), |error| Err(error.into())),
                )
                .await?;
            }
        }
        for (version, body) in known.surveys.records() {
            self.deliver(Kind::Survey, None, version, body, &mut Ending::Whole)
                .await?;
        }
        if is_whole && self.news().is_none() {
            self.send(Event::StreamComplete { kind: Kind::Survey }).await?;
        }
        Ok(known)
    }

    /// A list that can wait until tomorrow.
    async fn list_in_time(&self, list: (&'static str, &'static str), client: &str) -> Result<Vec<Value>, Error> {
        if !self.transport.has_time() {
            return Err(Error::Budget { path: list.0 });
        }
        self.list(list, client).await
    }

    pub(super) async fn list(
        &self,
        (path, wrapper): (&'static str, &'static str),
        client: &str,
    ) -> Result<Vec<Value>, Error> {
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
            missing: Missing::Fails,
        };
        self.transport.list(&target, wrapper).await
    }

    pub(super) async fn one_list(
        &self,
        kind: Kind,
        client: &str,
        Listed { mut records, open, .. }: Listed,
        names: &Names,
        known: &mut Known,
    ) -> Result<(), Stop> {
        let number: u64 = client.parse().map_err(|_| {
            Stop::Failed(Error::Shape {
                path: CARE_PLANS.0,
                problem: "the key of the client is out of range",
            })
        })?;
        let mut ending = Ending::Whole;
        for body in &mut records {
            repair::record(kind, body);
            match kind {
                Kind::CarePlan => known.releases.join(About::CarePlan, Some(client), body),
                Kind::SurveyResult => known.releases.join(About::SurveyResult, Some(client), body),
                _ => true,
            };
            if let (Kind::SurveyResult, Value::Object(form)) = (kind, body) {
                let owner = form.get("clientObjectId").cloned().unwrap_or_default();
                form.insert("clientId".to_owned(), owner);
                let author = form.get("employeeObjectId").cloned().unwrap_or_default();
                form.insert("employeeId".to_owned(), author);
            }
        }
        let before = if kind == Kind::CarePlan {
            history::before(&records)
        } else {
            HashMap::new()
        };
        for mut body in records {
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
                known.goals.keep(CARE_PLANS.0, number, &body).map_err(Stop::Failed)?;
                let before = body.get("id").and_then(Value::as_u64).and_then(|id| before.get(&id));
                if let Value::Object(object) = &mut body {
                    // A field of this name that the source sends is not ours.
                    object.shift_remove("vervangt");
                    object.extend(before.map(|before| ("vervangt".to_owned(), (*before).into())));
                }
            }
            let entries = body
                .get("carePlanEntries")
                .and_then(Value::as_array)
                .into_iter()
                .flatten();
            let version = repair::version(entries.chain([&body]));
            if kind == Kind::SurveyResult {
                let kept = known.surveys.keep(SURVEY_RESULTS.0, &version, &body);
                kept.map_err(Stop::Failed)?;
            }
            let is_open = body
                .get("id")
                .and_then(Value::as_u64)
                .is_some_and(|id| open.contains(&id));
            let event = self.told(kind, Some(client.to_owned()), version, body, &mut ending);
            self.send(if is_open { event.open() } else { event }).await?;
        }
        match ending {
            Ending::Whole => {
                let client = client.to_owned();
                self.send(Event::Complete { kind, client }).await
            }
            Ending::Holed => Err(Stop::Failed(Error::Shape {
                path: match kind {
                    Kind::CarePlan => CARE_PLANS.0,
                    Kind::SurveyResult => SURVEY_RESULTS.0,
                    _ => AGENDA.0,
                },
                problem: "a record without a key, or of another client",
            })),
        }
    }
}
