//! One file of a full drop with the same file of the deltas laid over it.

use std::collections::HashMap;

use super::columns::DELETED;
use super::manifest::broken;
use super::rows::{Row, Rows};
use crate::ecd::Error;

/// The rows of one file through a chain of drops. A place is that of a drop in the chain, oldest first.
#[derive(Debug, Default)]
pub(super) struct Layers {
    layers: Vec<(usize, Rows)>,
    /// The last layer over the first in which a key stands.
    latest: HashMap<Box<str>, usize>,
    /// The last drop that says of a key that it is gone.
    gone: HashMap<Box<str>, usize>,
}

impl Layers {
    /// Lays a file over the others, or in their place when it holds everything.
    pub fn add(&mut self, place: usize, mut rows: Rows, is_full: bool) {
        let keys = rows.take_keys();
        if is_full {
            self.layers.clear();
            self.latest.clear();
        } else {
            self.latest.extend(keys.into_iter().map(|key| (key, place)));
        }
        self.layers.push((place, rows));
    }

    pub fn delete(&mut self, key: Box<str>, place: usize) {
        self.gone.insert(key, place);
    }

    /// The keys that are gone and did not come back.
    pub fn gone(&self) -> impl Iterator<Item = &str> {
        let base = self.layers.first().map_or(0, |(place, _)| *place);
        let gone = self.gone.iter().map(|(key, place)| (&**key, *place));
        let still = move |(key, place): &(&str, usize)| {
            *place >= base && self.latest.get(*key).is_none_or(|latest| latest <= place)
        };
        gone.filter(still).map(|(key, _)| key)
    }

    /// Gives each row once: the newest, unless it is gone. What a drop both tells and deletes is gone.
    pub fn each<E: From<Error>>(&self, mut take: impl FnMut(&Row<'_>) -> Result<(), E>) -> Result<(), E> {
        for (place, rows) in &self.layers {
            rows.each(|row| {
                let is_old = row.key().is_some_and(|key| {
                    self.latest.get(key).is_some_and(|latest| latest > place)
                        || self.gone.get(key).is_some_and(|gone| gone >= place)
                });
                if is_old { Ok(()) } else { take(row) }
            })?;
        }
        Ok(())
    }
}

/// The tombstones of one drop: file and key.
pub(super) fn deleted(rows: &Rows) -> Result<Vec<(String, Box<str>)>, Error> {
    let mut found = Vec::new();
    rows.every(|number, row| {
        let file = row.text("Bestand");
        match row.key().filter(|_| file.ends_with(".csv") && row.body().is_ok()) {
            Some(key) => found.push((file.to_owned(), key.into())),
            None => {
                let problem = format!("row {} is not a file, a key and a moment", number + 1);
                return Err(broken(DELETED.file, problem, "Have the supplier write a new drop"));
            }
        }
        Ok(())
    })?;
    Ok(found)
}
