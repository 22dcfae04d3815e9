//! The rows of one file: read twice, once to count and to find duplicates, once to hand on.
//!
//! # Design
//! A file may be larger than memory. Of the first reading only a key, a stamp and a place stay for each row. Both readings go
//! through the same handle and both are hashed, so a file that is replaced or written over meanwhile is found out before
//! anything of the drop is published. A row has a largest size: a quote that is never closed would make one row of the rest.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read, Seek as _};

use aws_lc_rs::digest;
use csv::{Reader, ReaderBuilder, StringRecord};
use serde_json::{Map, Value};

use super::columns::{Cell, Table};
use super::manifest::broken;
use super::{cell, rtf};
use crate::ecd::Error;
use crate::secret::hex;

/// Largest row.
const ROW_BYTES: u64 = 4 << 20;

const AGAIN: &str = "Have the supplier write a new drop; the format is described in mappings/README.md";

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
    /// Folder and file, for messages.
    place: String,
    sha256: String,
    /// Where each column of the table stands in the file.
    places: Vec<usize>,
    /// Number of rows, duplicates included.
    pub count: u64,
    /// Of each key that occurs more than once, the row that counts.
    newest: HashMap<Box<str>, u64>,
    keys: HashSet<Box<str>>,
}

/// One row.
pub(super) struct Row<'a> {
    table: &'static Table,
    fields: Fields<'a>,
}

/// Where the fields of a row stand.
enum Fields<'a> {
    /// In a record of the file, each column of the table at its place.
    File {
        places: &'a [usize],
        record: &'a StringRecord,
    },
    /// In the order of the table's columns.
    Ordered(&'a [String]),
}

/// A file that hashes what is read of it and ends a row that grows too long.
struct Metered {
    file: File,
    digest: digest::Context,
    spare: u64,
    is_spent: bool,
}

impl Read for Metered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.digest.update(&buffer[..count]);
        match self.spare.checked_sub(count as u64) {
            Some(spare) => self.spare = spare,
            None => {
                self.is_spent = true;
                return Err(io::Error::other("the row is too long"));
            }
        }
        Ok(count)
    }
}

impl Rows {
    /// Reads the file once.
    pub fn open(table: &'static Table, file: File, place: &str, sha256: &str) -> Result<Self, Error> {
        let mut rows = Self {
            table,
            file,
            place: place.to_owned(),
            sha256: sha256.to_ascii_lowercase(),
            places: Vec::new(),
            count: 0,
            newest: HashMap::new(),
            keys: HashSet::new(),
        };
        let mut reader = rows.reader()?;
        let header = match reader.headers() {
            Ok(header) => header.clone(),
            Err(error) => return Err(rows.unreadable(&error, reader.get_ref())),
        };
        for (name, _) in table.columns {
            let at = header.iter().position(|column| column.trim() == *name);
            let missing = || broken(place, format!("column {name} is missing"), AGAIN);
            rows.places.push(at.ok_or_else(missing)?);
        }
        let mut first: HashMap<Box<str>, (Box<str>, u64)> = HashMap::new();
        let mut newest = HashMap::new();
        let mut count = 0;
        rows.every(|number, row| {
            count = number + 1;
            if let Some(key) = row.key() {
                let stamp = table.stamp.map_or("", |stamp| row.text(stamp));
                match first.get_mut(key) {
                    Some((known, place)) => {
                        // The stamps have one width, so they sort as text.
                        if stamp >= &**known {
                            (*known, *place) = (stamp.into(), number);
                        }
                        newest.insert(key.into(), *place);
                    }
                    None => {
                        first.insert(key.into(), (stamp.into(), number));
                    }
                }
            }
            Ok::<_, Error>(())
        })?;
        (rows.count, rows.newest) = (count, newest);
        rows.keys = first.into_keys().collect();
        Ok(rows)
    }

    /// Takes the keys of all rows out.
    pub fn take_keys(&mut self) -> HashSet<Box<str>> {
        std::mem::take(&mut self.keys)
    }

    fn reader(&self) -> Result<Reader<Metered>, Error> {
        let io = |error: io::Error| broken(&self.place, format!("cannot be read ({})", error.kind()), AGAIN);
        let mut file = self.file.try_clone().map_err(io)?;
        file.rewind().map_err(io)?;
        let metered = Metered {
            file,
            digest: digest::Context::new(&digest::SHA256),
            spare: ROW_BYTES,
            is_spent: false,
        };
        Ok(ReaderBuilder::new()
            .delimiter(b';')
            .flexible(false)
            .buffer_capacity(1 << 16)
            .from_reader(metered))
    }

    fn row<'a>(&'a self, record: &'a StringRecord) -> Row<'a> {
        Row {
            table: self.table,
            fields: Fields::File {
                places: &self.places,
                record,
            },
        }
    }

    /// Gives every row with its place, duplicates included.
    pub fn every<E: From<Error>>(&self, mut take: impl FnMut(u64, &Row<'_>) -> Result<(), E>) -> Result<(), E> {
        let mut reader = self.reader()?;
        let mut record = StringRecord::new();
        let mut number = 0;
        loop {
            reader.get_mut().spare = ROW_BYTES;
            match reader.read_record(&mut record) {
                Ok(true) => take(number, &self.row(&record))?,
                Ok(false) => break,
                Err(error) => return Err(self.unreadable(&error, reader.get_ref()).into()),
            }
            number += 1;
        }
        if hex(reader.into_inner().digest.finish().as_ref()) != self.sha256 {
            let remedy =
                "Have the supplier write each drop into a folder of its own, and never change one that is there";
            return Err(broken(&self.place, "changed while it was read", remedy).into());
        }
        Ok(())
    }

    /// Gives each row once; of duplicates the newest.
    pub fn each<E: From<Error>>(&self, mut take: impl FnMut(&Row<'_>) -> Result<(), E>) -> Result<(), E> {
        self.every(|number, row| {
            let newest = row.key().and_then(|key| self.newest.get(key));
            match newest.is_none_or(|newest| *newest == number) {
                true => take(row),
                false => Ok(()),
            }
        })
    }

    fn unreadable(&self, error: &csv::Error, source: &Metered) -> Error {
        // The header is record 0. Lines would mislead: a text may have several.
        let row = error.position().map_or(0, csv::Position::record);
        let problem = match error.kind() {
            csv::ErrorKind::Utf8 { .. } => "is not UTF-8",
            csv::ErrorKind::UnequalLengths { .. } => "has not as many fields as the header",
            _ if source.is_spent => return self.too_long(),
            _ => "cannot be read",
        };
        broken(&self.place, format!("row {row} {problem}"), AGAIN)
    }

    fn too_long(&self) -> Error {
        let problem = format!("a row is longer than {ROW_BYTES} bytes: a quote may not be closed");
        broken(&self.place, problem, AGAIN)
    }
}

impl<'a> Row<'a> {
    /// Fields that come from elsewhere, in the order of the table's columns.
    pub fn of(table: &'static Table, fields: &'a [String]) -> Self {
        let fields = Fields::Ordered(fields);
        Self { table, fields }
    }

    /// The field of this column, as it stands there.
    pub fn text(&self, column: &str) -> &str {
        let at = self.table.columns.iter().position(|(name, _)| *name == column);
        let text = at.and_then(|at| match &self.fields {
            Fields::File { places, record } => record.get(places[at]),
            Fields::Ordered(fields) => fields.get(at).map(String::as_str),
        });
        text.unwrap_or_default().trim()
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
