//! What happens at the source, and what goes wrong on the way.

use inzage::ecd::mock::Shelf;
use inzage::ecd::mock::ons::Fault;
use inzage::secret::Random;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::Model;

/// Choices that a seed repeats.
pub(super) struct Dice(pub(super) Random);

impl Dice {
    pub(super) fn below(&self, count: usize) -> usize {
        usize::try_from(u64::from_be_bytes(self.0.bytes()) % count.max(1) as u64).unwrap()
    }

    pub(super) fn one<'a, T>(&self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// In `percent` of all cases.
    pub(super) fn is(&self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

impl Model {
    fn anybody(&self) -> u64 {
        let is_ours = self.others.is_empty() || self.dice.is(75);
        *self
            .dice
            .one(if is_ours { &self.clients[..] } else { &self.others[..] })
    }

    fn some(&self, shelf: Shelf) -> Option<Value> {
        let of = self.dossiers.population.of(shelf, *self.dice.one(&self.clients));
        (!of.is_empty()).then(|| self.dice.one(&of).clone())
    }

    fn change(&mut self, shelf: Shelf, record: &Value, change: impl FnOnce(&mut Value)) {
        let key = key(record);
        if shelf == Shelf::Reports {
            self.earlier.entry(key.clone()).or_default().push(record.to_string());
        }
        let now = self.dossiers.clock.now();
        assert!(
            self.dossiers
                .population
                .write(now, |edit| edit.change(shelf, &key, change))
        );
        self.tell(shelf, "UPDATE", record);
    }

    fn put(&mut self, shelf: Shelf, record: Value) {
        let now = self.dossiers.clock.now();
        self.tell(shelf, "CREATE", &record);
        self.dossiers.population.write(now, |edit| edit.put(shelf, record));
    }

    fn remove(&mut self, shelf: Shelf, record: &Value) {
        let (now, key) = (self.dossiers.clock.now(), key(record));
        self.dossiers.population.write(now, |edit| edit.remove(shelf, &key));
        self.tell(shelf, "DELETE", record);
    }

    /// More that happens: states of plans, the agenda, contacts, and what somebody takes back.
    pub(super) fn happen_besides(&mut self) {
        self.dossiers.clock.advance(SignedDuration::from_secs(61));
        let now = self.dossiers.clock.now();
        let number = self.more.below(1_000_000);
        let some = |model: &Self, shelf: Shelf| {
            let of = model.dossiers.population.of(shelf, *model.more.one(&model.clients));
            (!of.is_empty()).then(|| model.more.one(&of).clone())
        };
        match self.more.below(6) {
            0 => {
                if let Some(plan) = some(self, Shelf::CarePlans) {
                    let status = *self.more.one(&["DRAFT", "ACTIVE", "OLD"][..]);
                    // A report is not told again because the plan of its goal is another one.
                    self.unheard = true;
                    self.change(Shelf::CarePlans, &plan, |plan| plan["status"] = json!(status));
                }
            }
            1 => {
                if let Some(one) = some(self, Shelf::Agenda) {
                    self.change(Shelf::Agenda, &one, |one| {
                        one["private"] = json!(one["private"] != true)
                    });
                }
            }
            2 => {
                if let Some(one) = some(self, Shelf::Agenda) {
                    let day = format!("2026-12-{:02}", 1 + number % 12);
                    self.change(Shelf::Agenda, &one, |one| {
                        for end in ["startsAt", "endsAt"] {
                            let time = one[end].as_str().unwrap()[10..].to_owned();
                            one[end] = json!(format!("{day}{time}"));
                        }
                    });
                }
            }
            3 => {
                if let Some(contact) = some(self, Shelf::Relations) {
                    let name = format!("Contact {number}");
                    self.change(Shelf::Relations, &contact, |contact| contact["lastName"] = json!(name));
                }
            }
            number => {
                let (shelf, name) = match number {
                    4 => (Shelf::Reports, "Dossier.Report"),
                    _ => (Shelf::Forms, "Survey.SurveyResult"),
                };
                if let Some(record) = some(self, shelf) {
                    self.next_key += 1;
                    let at = now.to_string();
                    let client = ["clientId", "clientObjectId"].map(|field| record[field].as_u64());
                    let row = json!({"id": self.next_key, "clientId": client[0].or(client[1]), "resourceName": name,
                        "resourceId": key(&record), "recipientGroup": "client", "sharedAt": at, "unsharedAt": at});
                    self.dossiers
                        .population
                        .write(now, |edit| edit.put(Shelf::Releases, row));
                }
            }
        }
    }

    /// Something happens in the ECD.
    pub(super) fn happen(&mut self) {
        self.dossiers.clock.advance(SignedDuration::from_secs(61));
        let number = self.dice.below(1_000_000);
        let (word, name) = (format!("Verhaal {number}."), format!("van Naam {number}"));
        self.words.insert(word.clone());
        let Some(report) = self.some(Shelf::Reports) else {
            return;
        };
        match self.dice.below(16) {
            0..=3 => self.change(Shelf::Reports, &report, |report| report["comment"] = json!(word)),
            4 => self.change(Shelf::Reports, &report, |report| {
                report["hidden"] = json!(report["hidden"] != true);
            }),
            5 => self.change(Shelf::Reports, &report, |report| {
                report["confidential"] = json!(report["confidential"] != true);
            }),
            6 | 7 => {
                let to = self.anybody();
                self.change(Shelf::Reports, &report, |report| report["clientId"] = json!(to));
            }
            8 | 9 => {
                let mut new = report;
                self.next_key += 1;
                new["id"] = json!(self.next_key);
                new["clientId"] = json!(self.anybody());
                new["comment"] = json!(word);
                self.put(Shelf::Reports, new);
            }
            10 => {
                self.earlier.remove(&key(&report));
                self.remove(Shelf::Reports, &report);
                if self.dice.is(40) {
                    // The key goes to somebody else.
                    let mut new = report;
                    new["clientId"] = json!(self.anybody());
                    new["comment"] = json!(word);
                    self.put(Shelf::Reports, new);
                }
            }
            11 => {
                if let Some(client) = self.some(Shelf::Clients) {
                    self.change(Shelf::Clients, &client, |client| client["lastName"] = json!(name));
                }
            }
            12 => {
                let employees = self.dossiers.population.all(Shelf::Employees);
                let employee = self.dice.one(&employees).clone();
                self.unheard = true;
                self.change(Shelf::Employees, &employee, |employee| {
                    employee["lastName"] = json!(name)
                });
            }
            13 => {
                if let Some(plan) = self.some(Shelf::CarePlans) {
                    self.remove(Shelf::CarePlans, &plan);
                    if self.dice.is(70) {
                        self.put(Shelf::CarePlans, plan);
                    }
                }
            }
            14 => {
                if let Some(appointment) = self.some(Shelf::Agenda) {
                    self.remove(Shelf::Agenda, &appointment);
                }
            }
            _ => {
                if let Some(relation) = self.some(Shelf::Relations) {
                    self.remove(Shelf::Relations, &relation);
                }
            }
        }
    }

    /// Reports in any order, some twice and some in earlier versions as well.
    pub(super) fn shuffled(&self) -> Fault {
        let mut lines: Vec<String> = Vec::new();
        for text in self.dossiers.population.texts(Shelf::Reports, None) {
            let text = String::from_utf8(text.to_vec()).unwrap();
            let report: Value = serde_json::from_str(&text).unwrap();
            // Of a client who was not asked for a connector says nothing, so that what the source says of them twice cannot be settled.
            let is_ours = |report: &Value| self.clients.contains(&report["clientId"].as_u64().unwrap());
            if is_ours(&report) {
                let earlier = self.earlier.get(&key(&report)).into_iter().flatten();
                let earlier = earlier.filter(|text| is_ours(&serde_json::from_str(text).unwrap()));
                lines.extend(earlier.filter(|_| self.dice.is(50)).cloned());
            }
            if self.dice.is(5) {
                lines.push(text.clone());
            }
            lines.push(text);
        }
        for place in (1..lines.len()).rev() {
            lines.swap(place, self.dice.below(place + 1));
        }
        Fault::Instead(lines.join("\n") + "\n")
    }

    pub(super) fn fault(&self) {
        let paths = [
            "/v0/xstream/clients",
            "/v0/xstream/relations",
            "/v0/xstream/reports",
            "/v0/xstream/employees",
            "/v0/administration/dossier/care_plans",
            "/v0/agenda",
        ];
        let path = *self.dice.one(&paths[..]);
        let bytes = self.dice.below(4_000);
        let kinds = [
            // Lines that end early at the end of a line look whole: only a list shows it.
            if path.contains("xstream") {
                Fault::Break(bytes)
            } else {
                Fault::Cut(bytes)
            },
            Fault::Break(self.dice.below(4_000)),
            Fault::Page,
            Fault::Status(*self.dice.one(&[403, 429, 500, 503][..])),
            Fault::MediaType,
        ];
        let times = u32::try_from(1 + self.dice.below(3)).unwrap();
        let fault = self.dice.one(&kinds[..]).clone();
        self.dossiers.mock.faults.add(path, fault, times);
    }
}

pub(super) fn key(record: &Value) -> String {
    match &record["id"] {
        Value::String(text) => text.clone(),
        number => number.to_string(),
    }
}
