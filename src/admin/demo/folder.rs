//! The data folder: one demo at a time, and what a first start that was cut off left is made anew.
//!
//! # Design
//! Accounts and apps get random secrets that only `demo.json` remembers, and that is written last. Without it nobody was told
//! of them, so the database is of no use. It is removed only where the lock file says that a demo made it: a database of
//! somebody else that happens to lie in the folder stays.

use std::fs::{File, TryLockError};
use std::path::Path;

use anyhow::Context as _;

const LOCK: &str = "demo.lock";
const DATABASE: [&str; 3] = ["inzage.db", "inzage.db-wal", "inzage.db-shm"];

/// Takes the folder for as long as the value lives.
pub(super) fn take(data: &Path, is_ours: bool) -> anyhow::Result<File> {
    let place = data.join(LOCK);
    let was_there = place.exists();
    let is_new = !was_there && DATABASE.iter().all(|file| !data.join(file).exists());
    let mut options = File::options();
    let file = match was_there || is_new {
        true => options.create(true).truncate(false).write(true).open(&place),
        // Not a demo's, or of a version without the file: only locked.
        false => options.read(true).open(data.join(DATABASE[0])),
    };
    let file = file.with_context(|| format!("{} cannot be opened", place.display()))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => anyhow::bail!(
            "another demo works in {}: stop it, or use another --data folder",
            data.display()
        ),
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("{} cannot be locked", place.display()));
        }
    }
    if is_ours && was_there && !data.join("demo.json").exists() {
        for name in DATABASE {
            let old = data.join(name);
            if old.exists() {
                std::fs::remove_file(&old).with_context(|| format!("{} cannot be removed", old.display()))?;
            }
        }
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            std::fs::write(dir.path().join(file), "x").unwrap();
        }
        dir
    }

    #[test]
    fn only_what_a_demo_that_was_cut_off_left_is_removed() {
        for (files, is_ours, stays) in [
            (&["demo.lock", "inzage.db", "inzage.db-wal"][..], true, false),
            (&["demo.lock", "inzage.db"], false, true),
            (&["demo.lock", "inzage.db", "demo.json"], true, true),
            (&["inzage.db", "demo.json"], true, true),
            (&["inzage.db"], true, true),
        ] {
            let dir = folder(files);
            drop(take(dir.path(), is_ours).unwrap());
            assert_eq!(dir.path().join("inzage.db").exists(), stays, "{files:?}");
            // A second time is no other.
            drop(take(dir.path(), is_ours).unwrap());
            assert_eq!(dir.path().join("inzage.db").exists(), stays, "{files:?}");
        }
    }

    #[test]
    fn a_folder_has_one_demo_at_a_time() {
        let dir = folder(&[]);
        let first = take(dir.path(), true).unwrap();
        std::fs::write(dir.path().join("inzage.db"), "x").unwrap();
        let told = take(dir.path(), true).unwrap_err().to_string();
        assert!(told.contains("another demo works in"), "{told}");
        assert!(dir.path().join("inzage.db").exists());
        drop(first);
        assert!(take(dir.path(), true).is_ok());
    }
}
