//! Answers that go wrong on request.
//!
//! # Design
//! A fault waits for the next answers whose path begins with its prefix. This is the place for further kinds: slow
//! bodies, wrong lengths, records out of order.

use std::sync::{Arc, Mutex, PoisonError};

use crate::ecd::mock::Population;

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection breaks after so many bytes of the body.
    Break(usize),
    /// The body ends after so many bytes as if it were whole.
    Cut(usize),
    /// A page for people with status 200.
    Page,
    /// This status and no body.
    Status(u16),
    /// This status, and the wish to be asked again after so many seconds.
    Later(u16, u32),
    /// This status with this body, as `application/json`.
    Answer(u16, String),
    /// JSON under the media type of another format.
    MediaType,
    /// This body instead, under the media type that the path has.
    Instead(String),
    /// This body instead, as `application/json`.
    Json(String),
}

type Change = Box<dyn FnOnce(&Population) + Send>;

/// What happens at the source while somebody reads it.
#[derive(Clone, Default)]
pub struct Meanwhile(Arc<Mutex<Vec<(String, Moment, Change)>>>);

/// When it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// When the next answer of this path is asked for, before it is made.
    Before,
    /// After the first piece of a stream.
    Within,
}

impl std::fmt::Debug for Meanwhile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Meanwhile")
    }
}

impl Meanwhile {
    /// Lets `change` happen once, at the next answer to a path that begins with `prefix`.
    pub fn add(&self, prefix: &str, moment: Moment, change: impl FnOnce(&Population) + Send + 'static) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push((prefix.to_owned(), moment, Box::new(change)));
    }

    /// How many changes still wait.
    pub fn waiting(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    pub(super) fn happens(&self, path: &str, moment: Moment, population: &Population) {
        let change = {
            let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let place = waiting
                .iter()
                .position(|(prefix, at, _)| *at == moment && path.starts_with(prefix.as_str()));
            place.map(|place| waiting.remove(place).2)
        };
        if let Some(change) = change {
            change(population);
        }
    }
}

/// Faults that wait no longer.
#[derive(Debug)]
pub struct SetAside(Vec<Waiting>);

/// The faults of one mock; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<Vec<Waiting>>>);

#[derive(Debug)]
struct Waiting {
    prefix: String,
    fault: Fault,
    times: u32,
}

impl Faults {
    /// Lets the next `times` answers to paths that begin with `prefix` go wrong.
    pub fn add(&self, prefix: &str, fault: Fault, times: u32) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Waiting {
            prefix: prefix.to_owned(),
            fault,
            times,
        });
    }

    /// Nothing goes wrong any more.
    pub fn clear(&self) {
        self.set_aside();
    }

    /// Takes away what waits, to be put back later.
    pub fn set_aside(&self) -> SetAside {
        SetAside(std::mem::take(
            &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner),
        ))
    }

    /// Lets what was set aside wait again.
    pub fn put_back(&self, faults: SetAside) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(faults.0);
    }

    /// The fault for this request, used up by it.
    pub(super) fn take(&self, path: &str) -> Option<Fault> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = waiting.iter().position(|entry| path.starts_with(&entry.prefix))?;
        let entry = &mut waiting[place];
        let fault = entry.fault.clone();
        entry.times = entry.times.saturating_sub(1);
        if entry.times == 0 {
            waiting.remove(place);
        }
        Some(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_used_up() {
        let faults = Faults::default();
        faults.add("/v0/agenda", Fault::Page, 2);
        assert_eq!(faults.take("/ping"), None);
        assert_eq!(faults.take("/v0/agenda/x"), Some(Fault::Page));
        assert_eq!(faults.take("/v0/agenda/y"), Some(Fault::Page));
        assert_eq!(faults.take("/v0/agenda/z"), None);
        faults.add("/v0/agenda", Fault::Page, 1);
        let aside = faults.set_aside();
        assert_eq!(faults.take("/v0/agenda/x"), None);
        faults.put_back(aside);
        assert_eq!(faults.take("/v0/agenda/x"), Some(Fault::Page));
    }
}
