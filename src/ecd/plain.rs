//! Files that somebody else puts into a folder: a name that stays in it, and a file that is one.

use std::fs::File;
use std::io;
use std::path::Path;

/// A name that stays in its folder.
pub(super) fn is_name(name: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    (1..=100).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(is_plain)
}

/// Opens what is neither a link nor a pipe: the one may lead out of the folder, the other may never end.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let no_file = || io::Error::other("not a plain file");
    if !std::fs::symlink_metadata(path)?.is_file() {
        return Err(no_file());
    }
    let file = File::open(path)?;
    // It may have been put into the place of the file meanwhile.
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(no_file())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_in_its_folder() {
        for good in ["report.ndjson", "clienten.csv", "a-1_b"] {
            assert!(is_name(good), "{good}");
        }
        let long = "a".repeat(101);
        for bad in [
            "",
            ".",
            "..",
            ".hidden",
            "../report.ndjson",
            "a/b",
            "a\\b",
            "a b",
            "é",
            "a\0b",
            &long,
        ] {
            assert!(!is_name(bad), "{bad}");
        }
    }

    #[test]
    fn a_link_or_a_folder_is_not_opened() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "x").unwrap();
        assert!(open(&file).is_ok());
        assert!(open(dir.path()).is_err());
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert!(open(&link).is_err());
        assert!(open(&dir.path().join("nothing")).is_err());
    }
}
