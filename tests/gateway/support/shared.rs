//! Material outside the project, which tests compare with where it is at hand: `../shared`, or the folder that `INZAGE_SHARED` names.
//!
//! It is looked for here alone, so that every test that goes without it says so in the same words.

use std::path::{Path, PathBuf};

/// A file or folder of it; a test that gets none has nothing to compare with.
pub fn shared(path: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let folder = std::env::var_os("INZAGE_SHARED").map_or_else(beside, PathBuf::from);
    let place = folder.join(path);
    if place.exists() {
        return Some(place);
    }
    println!(
        "skipped: {} is not there (INZAGE_SHARED names the folder)",
        place.display()
    );
    None
}
