//! Writes the dossiers of a [`Population`] as a drop of Caress: the same people, in the files of the other product.
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

use super::Population;
use crate::ecd::caress::{
    CONTRACT,
    columns::{TABLES, Table},
};
use crate::secret::{hex, sha256};

mod forms;
mod around;
mod records;
mod text;

/// Writes a full drop into `dir`.
///
/// # Errors
/// When a file cannot be written.
pub fn write(population: &Population, dir: &Path, tenant: &str, now: Timestamp) -> io::Result<()> {
    std::fs::create_dir_all(dir)?;
    let mut files = Vec::new();
    for table in TABLES {
        let rows = records::of(table, population);
        let bytes = csv(table, &rows)?;
        place(dir, table.file, &bytes)?;
        files.push(json!({
            "name": table.file, "rows": rows.len(), "sha256": hex(&sha256(&bytes)), "mode": "full",
        }));
    }
    let zone = TimeZone::get("Europe/Amsterdam").map_err(io::Error::other)?;
    let manifest = json!({
        "contract": CONTRACT, "tenant": tenant, "encoding": "UTF-8", "delimiter": ";",
        "generated_at": now.to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(), "files": files,
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
