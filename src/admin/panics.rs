//! What a panic leaves in the log: where it was, and not a word of what it says.
//!
//! # Design
//! The text of a panic can hold what the code had in its hands: an `expect` on an error prints the error, a slice out of
//! bounds prints the text that it was cut from. The place in the code is enough to find it.

use std::panic::PanicHookInfo;

/// From now on panics go to the log as a place.
pub fn quiet() {
    std::panic::set_hook(Box::new(|info| {
        tracing::error!(panic.at = place(info), "a task panicked");
    }));
}

/// `src/http/edge.rs:12:5`
fn place(info: &PanicHookInfo<'_>) -> String {
    info.location()
        .map_or_else(|| "unknown".to_owned(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn a_panic_is_told_by_its_place_and_not_by_its_words() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let (list, before) = (Arc::clone(&told), std::panic::take_hook());
        std::panic::set_hook(Box::new(move |info| {
            if info.location().is_some_and(|at| at.file().ends_with("panics.rs")) {
                list.lock().unwrap().push(place(info));
            }
        }));
        let _ = std::panic::catch_unwind(|| panic!("mevrouw Bakker"));
        std::panic::set_hook(before);
        let told = told.lock().unwrap();
        assert_eq!(told.len(), 1);
        assert!(
            told[0].contains("panics.rs:") && !told[0].contains("Bakker"),
            "{told:?}"
        );
    }
}
