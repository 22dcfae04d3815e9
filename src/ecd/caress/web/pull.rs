//! One pull: list after list, in the order of the kinds.

use std::sync::Arc;

use tokio::sync::mpsc::Sender;

use super::circle::Circle;
use super::http::Http;
use super::lists::{self, CLIENT_LIST, FORM_LIST, List, Member, OTHERS, REPORT_LIST, STAFF, TYPES};
use super::{Settings, Staff, soap};
use crate::ecd::caress::columns::{ANSWERS, FORMS, PLAN_LINES, PLANS};
use crate::ecd::caress::dossier::Joined;
use crate::ecd::caress::pull::{event, is_asked};
use crate::ecd::caress::rows::Row;
use crate::ecd::contract::Contracts;
use crate::ecd::task::Stop;
use crate::ecd::{Error, Event, Kind, Pull, Reach, version_of};

pub(super) struct Run {
    pub settings: Arc<Settings>,
    pub http: Arc<Http>,
    pub contracts: Arc<Contracts>,
    pub pull: Pull,
    pub out: Sender<Result<Event, Error>>,
}

impl Run {
    pub async fn all(self) {
        if let Err(Stop::Failed(error)) = self.run().await {
            // Nobody hears it: then nobody needs it.
            let _ = self.out.send(Err(error)).await;
        }
    }

    pub(super) async fn send(&self, event: Event) -> Result<(), Stop> {
        self.out.send(Ok(event)).await.map_err(|_| Stop::Unread)
    }

    async fn run(&self) -> Result<(), Stop> {
        let mut joined = Joined::default();
        // Without the types and the staff no report could be shown as it must be: a failure ends the run.
        let asked = self.version();
        let types = lists::read(&self.http, &TYPES, None).await?;
        for member in &types {
            joined.add_type(&member.row(TYPES.table))?;
        }
        let version = self.version();
        let staff = match &self.settings.staff {
            Staff::Rest => lists::read(&self.http, &STAFF, None).await?,
            Staff::Soap { password } => soap::staff(&self.http, &self.settings.username, password).await?,
        };
        self.hand_on(&STAFF, Kind::Employee, staff, &version, &mut joined, true)
            .await?;
        let asked_circle = self.version();
        let mut circle = self.circle().await?;
        self.around(Kind::CareProvider, &mut circle, &asked_circle, &joined)
            .await?;
        let asked_clients = self.version();
        let clients = lists::read(&self.http, &CLIENT_LIST, None).await?;
        let stays = clients.clone();
        self.hand_on(&CLIENT_LIST, Kind::Stay, stays, &asked_clients, &mut joined, true)
            .await?;
        self.clients(&clients, &asked_clients, &mut joined, &circle).await?;
        self.around(Kind::CareTeam, &mut circle, &asked_circle, &joined).await?;
        for list in &OTHERS {
            let kind = list.table.kind.expect("each of these lists is of a kind");
            self.list(list, kind, None, &mut joined).await?;
        }
        self.hand_on(&TYPES, Kind::Survey, types, &asked, &mut joined, true)
            .await?;
        self.list(&FORM_LIST, Kind::SurveyResult, None, &mut joined).await?;
        for kind in lists::NOWHERE {
            self.send(Event::StreamComplete { kind }).await?;
        }
        self.list(&REPORT_LIST, Kind::Report, self.since(), &mut joined).await
    }

    /// Reads a list and hands it on; one that cannot be read stays as it was.
    async fn list(&self, list: &List, kind: Kind, since: Option<String>, joined: &mut Joined) -> Result<(), Stop> {
        let (version, is_whole) = (self.version(), since.is_none());
        match lists::read(&self.http, list, since).await {
            Ok(members) => self.hand_on(list, kind, members, &version, joined, is_whole).await,
            Err(error) if error.is_fatal() => Err(error.into()),
            Err(error) => {
                let client = None;
                self.send(Event::Failed { kind, client, error }).await
            }
        }
    }

    fn version(&self) -> String {
        version_of(self.settings.clock.now())
    }

    /// Reports are asked for by change. ASSUMPTION: the moment is a local time without an offset.
    fn since(&self) -> Option<String> {
        let Reach::Since(since) = self.pull.reach else {
            return None;
        };
        let from = since.saturating_sub(self.settings.limits.overlap).unwrap_or(since);
        let local = from.to_zoned(self.settings.zone.clone());
        Some(local.strftime("%Y-%m-%dT%H:%M:%S").to_string())
    }

    async fn hand_on(
        &self,
        list: &List,
        kind: Kind,
        members: Vec<Member>,
        version: &str,
        joined: &mut Joined,
        mut is_whole: bool,
    ) -> Result<(), Stop> {
        if *list.table == PLANS {
            for line in members.iter().flat_map(|member| &member.lines) {
                joined.add_line(&Row::of(&PLAN_LINES, line))?;
            }
            members.iter().for_each(|member| joined.add_plan(&member.row(&PLANS)));
            joined.settle();
        }
        if *list.table == FORMS {
            for answer in members.iter().flat_map(|member| &member.lines) {
                joined.add_answer(&Row::of(&ANSWERS, answer))?;
            }
        }
        for member in &members {
            let row = member.row(list.table);
            if is_asked(kind, &row, &self.pull.clients) {
                is_whole &= row.key().is_some();
                // Nobody is around anything but a client.
                let none = |_: &str| Ok(Vec::new());
                let event = event(kind, &row, version, joined, &none, self.pull.today, &self.contracts);
                self.send(event).await?;
            }
        }
        if is_whole {
            self.send(Event::StreamComplete { kind }).await?;
        }
        Ok(())
    }

    /// The clients with who is around them.
    async fn clients(
        &self,
        members: &[Member],
        version: &str,
        joined: &mut Joined,
        circle: &Circle,
    ) -> Result<(), Stop> {
        let (kind, mut is_whole) = (Kind::Client, true);
        for member in members {
            let row = member.row(CLIENT_LIST.table);
            if is_asked(kind, &row, &self.pull.clients) {
                is_whole &= row.key().is_some();
                let providers = |client: &str| match circle {
                    Circle::Told(around) => around.providers_of(client),
                    Circle::Nowhere | Circle::Unread(_) => Ok(Vec::new()),
                };
                let event = event(
                    kind,
                    &row,
                    version,
                    joined,
                    &providers,
                    self.pull.today,
                    &self.contracts,
                );
                self.send(circle.of(event)).await?;
            }
        }
        if is_whole {
            self.send(Event::StreamComplete { kind }).await?;
        }
        Ok(())
    }
}
