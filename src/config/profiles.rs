//! `[profiles]`: definitions besides those that are part of the program.

use std::path::PathBuf;

use super::reader::Reader;

/// Where further StructureDefinitions and ValueSets are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profiles {
    /// A folder in the form of `profiles/`: differentials of the operator's own.
    pub dir: Option<PathBuf>,
    /// R4 packages, for example nl-core: folders or `.tgz` files, each before those that build on it.
    pub packages: Vec<PathBuf>,
}

pub(super) fn read(reader: &mut Reader) -> Profiles {
    Profiles {
        dir: reader.optional_path(
            "profiles.dir",
            "a folder with StructureDefinitions and ValueSets of your own",
        ),
        packages: reader.paths(
            "profiles.packages",
            "R4 packages (folder or .tgz) whose profiles are checked where a resource claims them, for example nl-core",
        ),
    }
}
