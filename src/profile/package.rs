//! Reads definitions from files: this project's own, a folder in the same form, and R4 packages.
//!
//! # Design
//! An operator may point at any R4 package, a folder or the `.tgz` of a registry. Its StructureDefinitions, ValueSets and
//! CodeSystems are read; a file of another kind or of another FHIR version is passed over. The size of an archive is
//! bounded while it is unpacked. What is built in is never replaced by a package.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};
use serde_json::Value;

use super::Problem;
use super::definition::Origin;
use super::library::Library;
use super::more::More;
use super::snapshot;
use super::structure::{Structure, Wrong};
use super::table;
use super::value_set::ValueSets;
use crate::secret::{hex, sha256};

static OWN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/profiles");

/// Unpacked bytes of one archive.
const MAX_ARCHIVE: u64 = 512 << 20;
/// Bytes of one definition.
const MAX_FILE: u64 = 32 << 20;

/// `more`: takes what is read besides the program's own.
pub(super) fn library(
    dir: Option<&Path>,
    packages: &[PathBuf],
    mut more: Option<&mut More>,
) -> Result<Library, Vec<Problem>> {
    let mut problems = Vec::new();
    let table = |(element, message): table::Wrong| {
        vec![Problem {
            file: "profiles".into(),
            line: 0,
            element,
            message,
            remedy: None,
        }]
    };
    let mut library = Library::default();
    library.value_sets = ValueSets::builtin().map_err(table)?;
    library.texts = table::texts().map_err(table)?.into_iter().collect();
    for definition in table::definitions().map_err(table)? {
        library.add(definition);
    }
    let own = OWN.files().filter(|file| is_json(file.path()));
    let own = own
        .map(|file| (file.path().display().to_string(), file.contents().to_vec()))
        .collect();
    add(&mut library, own, Origin::Own, None, &mut problems);
    let mut prints = Vec::new();
    if let Some(dir) = dir {
        let files = folder(dir, &mut problems);
        prints.extend(print(&files));
        add(&mut library, files, Origin::Own, more.as_deref_mut(), &mut problems);
    }
    for package in packages {
        let before = problems.len();
        let files = if package.is_dir() {
            folder(package, &mut problems)
        } else {
            archive(package, &mut problems)
        };
        if problems.len() == before && !files.values().any(|bytes| is_definition(bytes)) {
            let message =
                "holds no StructureDefinition, ValueSet or CodeSystem: name the folder or the .tgz of an R4 package";
            problems.push(problem(package, message));
        }
        prints.extend(print(&files));
        add(&mut library, files, Origin::Package, more.as_deref_mut(), &mut problems);
    }
    if !prints.is_empty() {
        library.version = hex(&sha256(&prints));
    }
    if problems.is_empty() {
        Ok(library)
    } else {
        Err(problems)
    }
}

/// The texts of this project's own files.
pub(super) fn own() -> impl Iterator<Item = &'static str> {
    let files = OWN.files().filter(|file| is_json(file.path()));
    files.filter_map(include_dir::File::contents_utf8)
}

/// Of the contents, wherever they lie.
fn print(files: &Files) -> [u8; 32] {
    let prints: Vec<u8> = files.values().flat_map(|bytes| sha256(bytes)).collect();
    sha256(&prints)
}

/// Whether a text says to be one of the resources that are read here, right or not.
fn is_definition(bytes: &[u8]) -> bool {
    let has = |name: &str| bytes.windows(name.len()).any(|part| part == name.as_bytes());
    has("\"resourceType\"")
        && ["\"StructureDefinition\"", "\"ValueSet\"", "\"CodeSystem\""]
            .into_iter()
            .any(has)
}

/// Files by name: definitions are read in a fixed order.
type Files = BTreeMap<String, Vec<u8>>;

fn is_json(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "json")
}

fn problem(path: &Path, message: &str) -> Problem {
    Problem {
        file: path.display().to_string(),
        line: 1,
        element: String::new(),
        message: message.to_owned(),
        remedy: None,
    }
}

fn folder(root: &Path, problems: &mut Vec<Problem>) -> Files {
    let mut files = Files::new();
    let mut todo = vec![root.to_owned()];
    while let Some(dir) = todo.pop() {
        let entries = match std::fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) => {
                problems.push(problem(&dir, &format!("cannot be read: {}", error.kind())));
                continue;
            }
        };
        for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
            if path.is_dir() {
                todo.push(path);
            } else if is_json(&path) {
                match std::fs::read(&path) {
                    Ok(bytes) => drop(files.insert(path.display().to_string(), bytes)),
                    Err(error) => problems.push(problem(&path, &format!("cannot be read: {}", error.kind()))),
                }
            }
        }
    }
    files
}

fn archive(path: &Path, problems: &mut Vec<Problem>) -> Files {
    let mut files = Files::new();
    let mut unpack = || -> std::io::Result<()> {
        let file = std::fs::File::open(path)?;
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file).take(MAX_ARCHIVE));
        for entry in archive.entries()? {
            let entry = entry?;
            let name = entry.path()?.display().to_string();
            if !entry.header().entry_type().is_file() || !name.ends_with(".json") {
                continue;
            }
            let mut bytes = Vec::new();
            entry.take(MAX_FILE).read_to_end(&mut bytes)?;
            files.insert(format!("{}!{name}", path.display()), bytes);
        }
        Ok(())
    };
    if let Err(error) = unpack() {
        problems.push(problem(path, &format!("cannot be unpacked: {}", error.kind())));
    }
    files
}

fn add(library: &mut Library, files: Files, origin: Origin, mut more: Option<&mut More>, problems: &mut Vec<Problem>) {
    let mut structures = Vec::new();
    let mut sources: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for (file, bytes) in files {
        let json: Value = match serde_json::from_slice(&bytes) {
            Ok(json) => json,
            // A package holds other things too; this project's own files must all read.
            Err(_) if origin == Origin::Package && !is_definition(&bytes) => continue,
            Err(error) => {
                problems.push(Problem {
                    file,
                    line: error.line(),
                    element: String::new(),
                    message: "is not JSON".into(),
                    remedy: None,
                });
                continue;
            }
        };
        let kind = json.get("resourceType").and_then(Value::as_str);
        if let (Some(more), Some("StructureDefinition" | "ValueSet" | "CodeSystem")) = (more.as_deref_mut(), kind) {
            more.take(&json, origin);
        }
        match kind {
            Some("StructureDefinition") if is_r4(&json) => match Structure::read(&json, &file, origin) {
                Ok(structure) => {
                    sources.insert(file, bytes);
                    structures.push(structure);
                }
                Err(wrong) => problems.push(locate(&file, &bytes, wrong)),
            },
            Some("ValueSet" | "CodeSystem") => library.value_sets.add(json),
            _ => {}
        }
    }
    resolve(library, structures, &sources, problems);
}

/// Another version of FHIR has other elements.
pub(super) fn is_r4(json: &Value) -> bool {
    json.get("fhirVersion")
        .and_then(Value::as_str)
        .is_none_or(|version| version.starts_with("4.0"))
}

/// Snapshots first, then each differential whose base is known, until nothing is left or nothing moves.
fn resolve(
    library: &mut Library,
    structures: Vec<Structure>,
    sources: &BTreeMap<String, Vec<u8>>,
    problems: &mut Vec<Problem>,
) {
    let (ready, mut waiting): (Vec<_>, Vec<_>) = structures.into_iter().partition(|one| one.base.is_none());
    for structure in ready {
        library.add(structure.definition);
    }
    loop {
        let known = |one: &Structure| one.base.as_deref().is_some_and(|base| library.find(base).is_some());
        let (mut now, later): (Vec<_>, Vec<_>) = waiting.into_iter().partition(known);
        waiting = later;
        if now.is_empty() {
            // What is left has no base: applying it says so.
            now = std::mem::take(&mut waiting);
        }
        if now.is_empty() {
            return;
        }
        for structure in now {
            let file = structure.definition.file.clone();
            match snapshot::expand(structure, library) {
                Ok(definition) => library.add(definition),
                Err(wrongs) => {
                    let bytes = sources.get(&file).map(Vec::as_slice).unwrap_or_default();
                    problems.extend(wrongs.into_iter().map(|wrong| locate(&file, bytes, wrong)));
                }
            }
        }
    }
}

/// The line on which the element is named first.
fn locate(file: &str, bytes: &[u8], wrong: Wrong) -> Problem {
    let text = String::from_utf8_lossy(bytes);
    let named = format!("\"{}\"", wrong.element);
    let line = text
        .lines()
        .position(|line| line.contains(&named))
        .map_or(1, |line| line + 1);
    Problem {
        file: file.to_owned(),
        line,
        element: wrong.element,
        message: wrong.message,
        remedy: None,
    }
}

#[cfg(test)]
mod tests;
