//! Mock Caress: writes the dossiers of a [`Population`] as a drop, the same people in the files of the other product, and serves
//! them in the product's own styles ([`start`]).
//!
//! ```no_run
//! # fn example() -> std::io::Result<()> {
//! use inzage::ecd::mock::{Population, caress};
//! let population = Population::generate(20, 1, jiff::civil::date(2026, 11, 22));
//! let now = "2026-11-22T07:00:00+01:00".parse().expect("a time");
//! caress::write(&population, "/tmp/drop".as_ref(), "treant", now)
//! # }
//! ```
//!
//! # Design
//! The drop has the habits of the product that the connector must undo, and its limits: what it has no column for is not
//! written. Where the other product closes a part, this one can only close the whole: a SOEP report with a closed part is
//! confidential, a hidden line of a plan is not in the drop. Some texts are RTF and one row of each twenty comes twice, the
//! older first or last. The manifest is renamed into place after the files.

use std::io;
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;

use super::{Population, Shelf};
use crate::ecd::caress::{
    CONTRACT,
    columns::{DELETED, TABLES, Table},
};
use crate::secret::{hex, sha256};

mod forms;
mod around;
mod client;
mod records;
mod serve;
mod soap;
mod text;

pub(super) use serve::violation;
pub use serve::{Options, Running, Served, USER, start};

/// The files that a delta narrows to what changed; the others are small, or their rows go without a word.
const NARROWED: [(&str, Shelf); 3] = [
    ("clienten.csv", Shelf::Clients),
    ("contactpersonen.csv", Shelf::Relations),
    ("rapportages.csv", Shelf::Reports),
];

/// Writes a full drop into `dir`.
///
/// # Errors
/// When a file cannot be written.
pub fn write(population: &Population, dir: &Path, tenant: &str, now: Timestamp) -> io::Result<()> {
    write_since(population, dir, tenant, now, None)
}

/// Writes a drop of what changed at or after `since`, the moment of the drop before it; without it a full one.
///
/// # Errors
/// When a file cannot be written.
pub fn write_since(
    population: &Population,
    dir: &Path,
    tenant: &str,
    now: Timestamp,
    since: Option<Timestamp>,
) -> io::Result<()> {
    std::fs::create_dir_all(dir)?;
    let mut files = Vec::new();
    let mut put = |table: &Table, rows: &[Vec<String>], is_delta: bool| {
        let bytes = csv(table, rows)?;
        place(dir, table.file, &bytes)?;
        files.push(json!({
            "name": table.file, "rows": rows.len(), "sha256": hex(&sha256(&bytes)),
            "mode": if is_delta { "delta" } else { "full" },
        }));
        io::Result::Ok(())
    };
    for table in TABLES {
        let since = since.filter(|_| NARROWED.iter().any(|(file, _)| *file == table.file));
        put(table, &records::of(table, population, since), since.is_some())?;
    }
    if let Some(since) = since {
        let gone = NARROWED.iter().flat_map(|(file, shelf)| {
            let keys = population.removed(*shelf, since).into_iter();
            keys.map(|key| vec![key, (*file).to_owned(), "2026-01-01-12.00.00.000000".to_owned()])
        });
        put(&DELETED, &gone.collect::<Vec<_>>(), true)?;
    }
    let zone = TimeZone::get("Europe/Amsterdam").map_err(io::Error::other)?;
    let written = |at: Timestamp| {
        at.to_zoned(zone.clone())
            .strftime("%Y-%m-%dT%H:%M:%S%.f%:z")
            .to_string()
    };
    let manifest = json!({
        "contract": CONTRACT, "tenant": tenant, "encoding": "UTF-8", "delimiter": ";",
        "generated_at": written(now), "since": since.map(written), "files": files,
    });
    place(dir, "manifest.json", format!("{manifest:#}").as_bytes())
}

/// A reader sees the old file or the new one, never a half.
fn place(dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let aside = dir.join(format!(".{name}.new"));
    std::fs::write(&aside, bytes)?;
    std::fs::rename(aside, dir.join(name))
}

fn csv(table: &Table, rows: &[Vec<String>]) -> io::Result<Vec<u8>> {
    let mut writer = csv::WriterBuilder::new()
        .delimiter(b';')
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    writer.write_record(table.columns.iter().map(|(name, _)| name))?;
    for row in rows {
        writer.write_record(row)?;
    }
    writer.into_inner().map_err(|error| io::Error::other(error.to_string()))
}
