//! The architecture as tests: which module may use which, and which crate, word or length stays where.
//!
//! A failure reads `src/fhir/x.rs:3: fhir uses http, which stands below it in src/lib.rs`.
//!
//! # Design
//! The order of the `pub mod` lines in `src/lib.rs` is the law; this file only reads it. Each rule is a function from one
//! file to its breaches, so each rule is also shown to fail on a bad snippet. Test modules, at the foot of a file or in a
//! file of their own, keep the import law, but may read the environment and write SQL.

mod broken;
mod long;
mod source;

use std::path::Path;

use long::LONG;
use source::{Source, read, without_tests};

/// Files above this many lines need a line in [`LONG`].
const LINES: usize = 400;

/// Crates that live in one corner: crate, the places where it may be named.
const CORNERS: &[(&str, &[&str])] = &[
    ("axum", &["http/", "ecd/mock/", "ecd/mock.rs"]),
    ("fhirbolt", &["fhir/model.rs", "fhir/model/"]),
    ("sqlx", &["db/", "db.rs", "store.rs", "resource/search/sql.rs"]),
];

/// Modules that stay pure, and the crates that they may not name.
const PURE: (&[&str], &[&str]) = (&["fhir", "profile", "mapping"], &["sqlx", "axum", "reqwest", "tokio"]);

/// One broken rule, ready to print.
type Breach = String;

/// A path in the code: what it starts with and where.
struct Use {
    line: usize,
    name: String,
}

fn modules(lib: &str) -> Vec<String> {
    let declared = lib.lines().filter_map(|line| line.trim().strip_prefix("pub mod "));
    declared
        .map(|rest| rest.trim_end_matches([';', ' ', '{']).to_owned())
        .collect()
}

/// The top module of a file: `ecd/ons/mod.rs` belongs to `ecd`.
fn top(path: &str) -> &str {
    path.split('/').next().unwrap_or(path).trim_end_matches(".rs")
}

/// How deep the file's own module lies: `clock.rs` and `ecd/mod.rs` are 1, `ecd/ons.rs` is 2.
fn depth(path: &str) -> usize {
    let parts = path.split('/').count();
    if path.ends_with("/mod.rs") { parts - 1 } else { parts }
}

/// Names and signs of the code, with their lines.
fn tokens(code: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    for (number, line) in code.lines().enumerate() {
        let mut word = String::new();
        for c in line.chars().chain([' ']) {
            if c.is_alphanumeric() || c == '_' {
                word.push(c);
                continue;
            }
            if !word.is_empty() {
                found.push((number + 1, std::mem::take(&mut word)));
            }
            if !c.is_whitespace() {
                found.push((number + 1, c.to_string()));
            }
        }
    }
    found
}

/// The modules of this crate that the code names through `crate::`, `inzage::` or enough `super::`.
fn own_uses(code: &str, file_depth: usize) -> Vec<Use> {
    let tokens = tokens(code);
    let word = |at: usize| tokens.get(at).map_or("", |(_, word)| word.as_str());
    let path_sep = |at: usize| word(at) == ":" && word(at + 1) == ":";
    let (mut found, mut inline, mut braces) = (Vec::new(), Vec::new(), 0_usize);
    let mut at = 0;
    while at < tokens.len() {
        match word(at) {
            "{" => {
                braces += 1;
                if at >= 2 && word(at - 2) == "mod" {
                    inline.push(braces);
                }
            }
            "}" => {
                if inline.last() == Some(&braces) {
                    inline.pop();
                }
                braces = braces.saturating_sub(1);
            }
            "crate" | "inzage" if path_sep(at + 1) => names_after(&tokens, at + 3, &mut found),
            "super" if at < 2 || !path_sep(at - 2) => {
                let mut supers = 1;
                while path_sep(at + 1) && word(at + 3) == "super" {
                    (supers, at) = (supers + 1, at + 3);
                }
                if path_sep(at + 1) && supers == file_depth + inline.len() {
                    names_after(&tokens, at + 3, &mut found);
                }
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// The first name of a path, or the first name of each branch of a `{…}` group.
fn names_after(tokens: &[(usize, String)], from: usize, found: &mut Vec<Use>) {
    let mut push = |at: usize| {
        if let Some((line, name)) = tokens.get(at) {
            let (line, name) = (*line, name.clone());
            found.push(Use { line, name });
        }
    };
    if tokens.get(from).is_none_or(|(_, word)| word != "{") {
        return push(from);
    }
    let mut depth = 0_usize;
    for at in from..tokens.len() {
        match tokens[at].1.as_str() {
            "{" => {
                depth += 1;
                if depth == 1 {
                    push(at + 1);
                }
            }
            "}" => depth -= 1,
            "," if depth == 1 && tokens.get(at + 1).is_some_and(|(_, word)| word != "}") => push(at + 1),
            _ => {}
        }
        if depth == 0 {
            return;
        }
    }
}

/// Lines on which the crate `name` starts a path.
fn crate_uses(code: &str, name: &str) -> Vec<usize> {
    let tokens = tokens(code);
    let word = |at: usize| tokens.get(at).map_or("", |(_, word)| word.as_str());
    let starts = |at: usize| at < 2 || word(at - 1) != ":" || word(at - 2) != ":";
    (0..tokens.len())
        .filter(|at| word(*at) == name && starts(*at))
        .filter(|at| word(at + 1) == ":" && word(at + 2) == ":" || *at > 0 && word(at - 1) == "use")
        .map(|at| tokens[at].0)
        .collect()
}

fn import_law(path: &str, source: &Source, order: &[String]) -> Vec<Breach> {
    let place = |name: &str| order.iter().position(|module| module == name);
    let own = top(path);
    if own == "main" || own == "lib" {
        return Vec::new();
    }
    let Some(own_place) = place(own) else {
        return vec![format!("src/{path}: {own} is not a module of src/lib.rs")];
    };
    let mut breaches = Vec::new();
    for Use { line, name } in own_uses(&source.code, depth(path)) {
        let Some(used) = place(&name) else { continue };
        if used > own_place {
            breaches.push(format!(
                "src/{path}:{line}: {own} uses {name}, which stands below it in src/lib.rs"
            ));
        } else if own == "conformance" && name != own && name != "fhir" {
            breaches.push(format!(
                "src/{path}:{line}: conformance uses {name}; it may use fhir only"
            ));
        }
    }
    breaches
}

fn stays_in(path: &str, places: &[&str]) -> bool {
    places.iter().any(|place| match place.ends_with('/') {
        true => path.starts_with(place),
        false => path == *place || (*place == "store.rs" && path.ends_with("/store.rs")),
    })
}

fn crate_corners(path: &str, source: &Source) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for (name, places) in CORNERS.iter().filter(|(_, places)| !stays_in(path, places)) {
        for line in crate_uses(&source.code, name) {
            breaches.push(format!("src/{path}:{line}: {name} stays in {places:?}"));
        }
    }
    let (modules, banned) = PURE;
    for name in banned.iter().filter(|_| modules.contains(&top(path))) {
        for line in crate_uses(&source.code, name) {
            breaches.push(format!(
                "src/{path}:{line}: {} is pure and may not use {name}",
                top(path)
            ));
        }
    }
    breaches
}

fn sql_places(path: &str, source: &Source) -> Vec<Breach> {
    if stays_in(path, CORNERS[2].1) {
        return Vec::new();
    }
    let tests_from = without_tests(&source.code).lines().count();
    let verbs = ["SELECT ", "INSERT ", "UPDATE ", "DELETE FROM "];
    let sql = |text: &str| {
        verbs
            .iter()
            .any(|verb| text.replace('\n', " ").trim_start().starts_with(verb))
    };
    let found = source
        .texts
        .iter()
        .filter(|(line, text)| *line <= tests_from && sql(text));
    found
        .map(|(line, _)| format!("src/{path}:{line}: SQL stays in store.rs, db/ and resource/search/sql.rs"))
        .collect()
}

/// Paths that only one module may write.
fn one_owner(path: &str, source: &Source) -> Vec<Breach> {
    let rules: &[(&str, &str, &[&str])] = &[
        (
            "config",
            "the environment is read in config/ only",
            &["std::env::", "use std::env"],
        ),
        (
            "clock",
            "the current time comes from clock::Clock only",
            &["Timestamp::now(", "Zoned::now(", "SystemTime"],
        ),
    ];
    let code = without_tests(&source.code);
    let mut breaches = Vec::new();
    for (_, why, words) in rules.iter().filter(|(owner, ..)| top(path) != *owner) {
        for (number, line) in code.lines().enumerate() {
            if words.iter().any(|word| line.contains(word)) {
                breaches.push(format!("src/{path}:{}: {why}", number + 1));
            }
        }
    }
    breaches
}

fn lengths(files: &[(String, usize)], allowed: &[(&str, usize, &str)]) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for (path, lines) in files.iter().filter(|(_, lines)| *lines > LINES) {
        match allowed.iter().find(|(listed, ..)| listed == path) {
            None => breaches.push(format!("{path} has {lines} lines: split it, or list it with a reason")),
            Some((_, most, _)) if lines > most => breaches.push(format!("{path} grew from {most} to {lines} lines")),
            Some(_) => {}
        }
    }
    for (path, _, reason) in allowed {
        if !files.iter().any(|(file, lines)| file == path && *lines > LINES) {
            breaches.push(format!("{path} is short or gone: take it off the list"));
        }
        if reason.is_empty() {
            breaches.push(format!("{path} is listed without a reason"));
        }
    }
    breaches
}

/// All Rust files below `root`, as paths from it with their content, in order.
fn rust_files(root: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the source tree is readable") {
            let path = entry.expect("a folder entry is readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                let name = path.strip_prefix(root).expect("the file lies below the root");
                let text = std::fs::read_to_string(&path).expect("a source file is UTF-8");
                found.push((name.to_string_lossy().into_owned(), text));
            }
        }
    }
    found.sort();
    found
}

/// The files that a `#[cfg(test)] mod name;` brings in.
fn test_files(path: &str, code: &str) -> Vec<String> {
    let folder = match path.rsplit_once('/') {
        _ if path == "lib.rs" || path == "main.rs" => String::new(),
        Some((folder, "mod.rs")) => format!("{folder}/"),
        _ => format!("{}/", path.trim_end_matches(".rs")),
    };
    let mut lines = code.lines().map(str::trim);
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        if line != "#[cfg(test)]" {
            continue;
        }
        let declared = lines.next().and_then(|next| next.strip_suffix(';'));
        if let Some((_, name)) = declared.and_then(|next| next.rsplit_once("mod ")) {
            found.push(format!("{folder}{name}.rs"));
            found.push(format!("{folder}{name}/mod.rs"));
        }
    }
    found
}

fn check_all(rule: impl Fn(&str, &Source) -> Vec<Breach>) {
    check_files(rule, |_| true);
}

/// As [`check_all`], but without the files that hold tests only.
fn check_code(rule: impl Fn(&str, &Source) -> Vec<Breach>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let tests: Vec<String> = rust_files(&root)
        .iter()
        .flat_map(|(path, text)| test_files(path, &read(text).code))
        .collect();
    let below = |path: &str, test: &String| path.starts_with(&format!("{}/", test.trim_end_matches(".rs")));
    check_files(rule, |path| !tests.iter().any(|test| test == path || below(path, test)));
}

fn check_files(rule: impl Fn(&str, &Source) -> Vec<Breach>, with: impl Fn(&str) -> bool) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = rust_files(&root);
    assert!(files.len() > 10, "the source tree was found");
    let wanted = files.iter().filter(|(path, _)| with(path));
    let breaches: Vec<Breach> = wanted.flat_map(|(path, text)| rule(path, &read(text))).collect();
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

#[test]
fn a_module_uses_only_the_modules_above_it() {
    let order = modules(include_str!("../../src/lib.rs"));
    check_all(|path, source| import_law(path, source, &order));
}

#[test]
fn each_crate_stays_in_its_corner() {
    check_all(crate_corners);
}

#[test]
fn sql_stays_in_the_stores() {
    check_code(sql_places);
}

#[test]
fn the_environment_and_the_time_have_one_owner() {
    check_code(one_owner);
}

#[test]
fn material_outside_the_project_is_looked_for_in_one_place() {
    const PLACE: &str = "tests/gateway/support/shared.rs";
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let names = [concat!("INZAGE", "_SHARED"), concat!("../", "shared\"")];
    let mut found = Vec::new();
    for folder in ["src", "tests"] {
        for (path, text) in rust_files(&root.join(folder)) {
            if names.iter().any(|name| text.contains(name)) {
                found.push(format!("{folder}/{path}"));
            }
        }
    }
    assert_eq!(found, [PLACE], "what is skipped is said by its helper alone");
}

#[test]
fn files_are_short_or_listed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["src", "tests"] {
        for (path, text) in rust_files(&root.join(folder)) {
            files.push((format!("{folder}/{path}"), text.lines().count()));
        }
    }
    let breaches = lengths(&files, LONG);
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}
