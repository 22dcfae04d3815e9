//! The rows of one file: read twice, once to count and to find duplicates, once to hand on.
//!
//! # Design
//! A file may be larger than memory. Of the first reading only a key, a stamp and a place stay for each row. The second
//! reads through the same handle, so a file that is replaced meanwhile is not half of the one and half of the other.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Seek as _};

use csv::{Reader, ReaderBuilder, StringRecord};
use serde_json::{Map, Value};

use super::columns::{Cell, Table};
use super::{broken, cell, rtf};
use crate::ecd::Error;

/// A field that is not what its column holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// JSON pointer.
    pub pointer: String,
    pub reason: &'static str,
}

/// A file of a drop whose rows are in order.
#[derive(Debug)]
pub(super) struct Rows {
    table: &'static Table,
    file: File,
    /// Where each column of the table stands in the file.
    places: Vec<usize>,
    /// Number of rows, duplicates included.
    pub count: u64,
    /// Of each key that occurs more than once, the row that counts.
    newest: HashMap<Box<str>, u64>,
}

/// One row.
pub(super) struct Row<'a> {
    table: &'static Table,
    places: &'a [usize],
    record: &'a StringRecord,
}

impl Rows {
    /// Reads the file once.
    pub fn open(table: &'static Table, file: File) -> Result<Self, Error> {
        let mut rows = Self {
            table,
            file,
            places: Vec::new(),
            count: 0,
            newest: HashMap::new(),
        };
        let mut reader = rows.reader()?;
        let header = reader.headers().map_err(|error| unreadable(table, &error))?.clone();
        for (name, _) in table.columns {
            let place = header.iter().position(|column| column.trim() == *name);
            rows.places
                .push(place.ok_or_else(|| broken(table.file, format!("column {name} is missing")))?);
        }
        let mut first: HashMap<Box<str>, (Box<str>, u64)> = HashMap::new();
        let mut record = StringRecord::new();
        while reader
            .read_record(&mut record)
            .map_err(|error| unreadable(table, &error))?
        {
            let row = rows.row(&record);
            if let Some(key) = row.key() {
                let stamp = table.stamp.map_or("", |stamp| row.text(stamp));
                match first.get_mut(key) {
                    Some((known, place)) => {
                        // The stamps have one width, so they sort as text.
                        if stamp >= &**known {
                            (*known, *place) = (stamp.into(), rows.count);
                        }
                        let place = *place;
                        rows.newest.insert(key.into(), place);
                    }
                    None => {
                        first.insert(key.into(), (stamp.into(), rows.count));
                    }
                }
            }
            rows.count += 1;
        }
        Ok(rows)
    }

    fn reader(&self) -> Result<Reader<BufReader<File>>, Error> {
        let io = |error: std::io::Error| broken(self.table.file, format!("cannot be read ({})", error.kind()));
        let mut file = self.file.try_clone().map_err(io)?;
        file.rewind().map_err(io)?;
        Ok(ReaderBuilder::new()
            .delimiter(b';')
            .flexible(false)
            .from_reader(BufReader::with_capacity(1 << 16, file)))
    }

    fn row<'a>(&'a self, record: &'a StringRecord) -> Row<'a> {
        Row {
            table: self.table,
            places: &self.places,
            record,
        }
    }

    /// Gives each row once; of duplicates the newest.
    pub fn each<E: From<Error>>(&self, mut take: impl FnMut(&Row<'_>) -> Result<(), E>) -> Result<(), E> {
        let mut reader = self.reader()?;
        let mut record = StringRecord::new();
        let mut number = 0;
        while reader
            .read_record(&mut record)
            .map_err(|error| unreadable(self.table, &error))?
        {
            let row = self.row(&record);
            let newest = row.key().and_then(|key| self.newest.get(key));
            if newest.is_none_or(|newest| *newest == number) {
                take(&row)?;
            }
            number += 1;
        }
        if number != self.count {
            return Err(broken(self.table.file, "changed while it was read").into());
        }
        Ok(())
    }
}

fn unreadable(table: &Table, error: &csv::Error) -> Error {
    // The header is record 0. Lines would mislead: a text may have several.
    let row = error.position().map_or(0, csv::Position::record);
    let problem = match error.kind() {
        csv::ErrorKind::Utf8 { .. } => "is not UTF-8",
        csv::ErrorKind::UnequalLengths { .. } => "has not as many fields as the header",
        _ => "cannot be read",
    };
    broken(table.file, format!("row {row} {problem}"))
}

impl Row<'_> {
    /// The field of this column, as it stands there.
    pub fn text(&self, column: &str) -> &str {
        let at = self.table.columns.iter().position(|(name, _)| *name == column);
        at.and_then(|at| self.record.get(self.places[at]))
            .unwrap_or_default()
            .trim()
    }

    /// The key of the row: its first column, where the rows have one.
    pub fn key(&self) -> Option<&str> {
        let (name, cell) = self.table.columns[0];
        let text = self.text(name);
        match cell {
            Cell::Id => cell::key(text),
            Cell::Owner => None,
            _ => (1..=20).contains(&text.len()).then_some(text),
        }
    }

    /// The row as a record: empty fields are absent.
    pub fn body(&self) -> Result<Map<String, Value>, Fault> {
        let mut body = Map::new();
        for (name, cell) in self.table.columns {
            let text = self.text(name);
            let fault = |reason| Fault {
                pointer: format!("/{name}"),
                reason,
            };
            let value = if *cell == Cell::Rich {
                self.rich(text).map_err(fault)?
            } else {
                cell::read(*cell, text).map_err(fault)?
            };
            if let Some(value) = value {
                let name = if *cell == Cell::Id { "id" } else { name };
                body.insert(name.to_owned(), value);
            }
        }
        Ok(body)
    }

    fn rich(&self, text: &str) -> Result<Option<Value>, &'static str> {
        let is_rtf = match self.text("TekstFormaat") {
            "RTF" => true,
            // A text that is RTF all the same must not be shown with its codes.
            "PlainText" | "" => text.starts_with("{\\rtf"),
            _ => return Err("TekstFormaat: expected PlainText or RTF"),
        };
        if !is_rtf || text.is_empty() {
            return cell::read(Cell::Text, text);
        }
        let plain = rtf::to_text(text).ok_or("expected RTF that is whole")?;
        Ok((!plain.is_empty()).then(|| plain.into()))
    }
}
