//! The requirement sets, the cases and the generated coverage page say the same.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use inzage::conformance::requirements::{Requirement, Set, Status};
use inzage::conformance::{case, coverage, expected, requirements};

use crate::support::shared::shared;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance")
}

fn sets() -> Vec<Set> {
    requirements::load(&folder().join("requirements")).expect("the requirement sets can be read")
}

fn set(name: &str) -> Set {
    sets()
        .into_iter()
        .find(|set| set.name == name)
        .expect("the set is there")
}

fn ids(set: &Set) -> BTreeSet<String> {
    set.requirements.iter().map(|row| row.id.clone()).collect()
}

/// A text that the sets were made of.
fn origin(file: &str) -> Option<String> {
    let path = shared(&format!("requirements/{file}"))?;
    Some(std::fs::read_to_string(path).expect("what is there can be read"))
}

#[test]
fn the_sets_have_every_requirement_once() {
    for (name, count) in [("portal", 191), ("smart", 150)] {
        let set = set(name);
        assert_eq!(set.requirements.len(), count, "{name}");
        assert_eq!(ids(&set).len(), count, "{name} has an id twice");
        let titles: BTreeSet<_> = set.requirements.iter().map(|row| &row.title).collect();
        assert_eq!(titles.len(), count, "{name} has a title twice");
        for row in &set.requirements {
            assert!(!row.title.is_empty() && !row.area.is_empty(), "{name}:{}", row.id);
            assert!(
                row.status != Status::Done || row.cases().next().is_some(),
                "{} is done without a case",
                row.id
            );
        }
    }
    assert!(
        set("smart")
            .requirements
            .iter()
            .all(|row| row.mark.as_deref().is_some_and(|mark| "MSB".contains(mark)))
    );
}

#[test]
fn the_portal_set_is_the_whole_list() {
    let Some(text) = origin("portal-features.json") else {
        return;
    };
    let rows: Vec<serde_json::Value> = serde_json::from_str(&text).expect("the list is JSON");
    let listed = rows
        .iter()
        .map(|row| row["id"].as_str().expect("a row has an id").to_owned());
    assert_eq!(ids(&set("portal")), listed.collect());
}

#[test]
fn the_smart_set_is_the_whole_checklist() {
    let Some(text) = origin("smart.md") else { return };
    let from = text.find("### 1.1 ").expect("the checklist starts at 1.1");
    let to = text.find("### 1.13").expect("the checklist ends before 1.13");
    let id = regex::Regex::new(r"(?m)(?:^|[ ,])([DATFONSBCLUPK]\d\d) ").expect("the pattern is fixed");
    let listed = id.captures_iter(&text[from..to]).map(|found| found[1].to_owned());
    assert_eq!(ids(&set("smart")), listed.collect());
}

#[test]
fn cases_and_requirements_name_each_other() {
    let cases = case::built_in().expect("the cases load");
    let claims = |case: &case::Case| -> Vec<(String, String)> {
        case.requirements
            .iter()
            .map(|requirement| (requirement.clone(), case.id.clone()))
            .collect()
    };
    let claimed: BTreeSet<(String, String)> = cases.iter().flat_map(claims).collect();
    let mut listed = BTreeSet::new();
    for set in sets() {
        for row in &set.requirements {
            for case in row.cases().filter(|case| !case.starts_with("test:")) {
                listed.insert((format!("{}:{}", set.name, row.id), case.to_owned()));
            }
        }
    }
    let only_claimed: Vec<_> = claimed.difference(&listed).collect();
    let only_listed: Vec<_> = listed.difference(&claimed).collect();
    assert!(only_claimed.is_empty(), "add to the cases column: {only_claimed:?}");
    assert!(only_listed.is_empty(), "no such claim in a case file: {only_listed:?}");
}

#[test]
fn expected_failures_are_cases() {
    let cases = case::built_in().expect("the cases load");
    let list = expected::Expected::built_in().expect("the list loads");
    let unknown: Vec<_> = list
        .cases()
        .filter(|id| !cases.iter().any(|case| case.id == *id))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn the_coverage_page_is_up_to_date() {
    let page = coverage::render(&sets());
    let path = folder().join("coverage.md");
    if std::env::var_os("INZAGE_BLESS").is_some() {
        std::fs::write(&path, &page).expect("the page can be written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == page, "run INZAGE_BLESS=1 cargo test --test gateway coverage");
}

/// A test of the crate or of this binary.
struct Test {
    /// `oauth::grant::tests::f05_a_refresh_token_lasts`
    path: String,
    name: String,
    /// The lines right above it.
    above: Vec<String>,
}

fn tests() -> Vec<Test> {
    fn sources(folder: &Path, modules: &[String], found: &mut Vec<(String, String)>) {
        for entry in std::fs::read_dir(folder).expect("the folder can be read") {
            let path = entry.expect("the folder can be read").path();
            let name = path.file_stem().expect("it has a name").to_string_lossy().into_owned();
            let mut modules = modules.to_vec();
            if !["mod", "lib", "main"].contains(&name.as_str()) {
                modules.push(name);
            }
            if path.is_dir() {
                sources(&path, &modules, found);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                let text = std::fs::read_to_string(&path).expect("the file can be read");
                found.push((modules.join("::"), text));
            }
        }
    }
    let mut files = Vec::new();
    for folder in ["src", "tests/gateway"] {
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &[], &mut files);
    }
    let mut found = Vec::new();
    for (module, text) in &files {
        let mut inside = "";
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        for (at, line) in lines.iter().enumerate() {
            if *line == "mod tests {" {
                inside = "::tests";
            }
            let function = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
            let Some((name, _)) = function.and_then(|rest| rest.split_once('(')) else {
                continue;
            };
            let above = lines[..at].iter().rev();
            let above = above.take_while(|line| line.starts_with("///") || line.starts_with("#["));
            let above: Vec<String> = above.map(|line| (*line).to_owned()).collect();
            let is_test = |line: &String| line.starts_with("#[") && (line.contains("test]") || line.contains("test("));
            if above.iter().any(is_test) {
                found.push(Test {
                    path: format!("{module}{inside}::{name}"),
                    name: name.to_owned(),
                    above,
                });
            }
        }
    }
    found
}

/// The tests that a row names, by their paths.
fn named(row: &Requirement) -> impl Iterator<Item = &str> {
    row.cases().filter_map(|case| case.strip_prefix("test:"))
}

#[test]
fn every_test_that_a_requirement_names_is_there() {
    let known: BTreeSet<String> = tests().into_iter().map(|test| test.path).collect();
    let sets = sets();
    let rows = sets
        .iter()
        .flat_map(|set| set.requirements.iter().map(move |row| (&set.name, row)));
    let listed: Vec<_> = rows
        .flat_map(|(set, row)| named(row).map(move |path| (set, &row.id, path)))
        .collect();
    let gone: Vec<_> = listed.iter().filter(|(_, _, path)| !known.contains(*path)).collect();
    assert!(gone.is_empty(), "these are no tests: {gone:?}");
    assert!(listed.len() > 300, "only {} were found", listed.len());
}

/// The id of each of these cases stands in the name or the doc of every test that shows it.
#[test]
fn every_fault_of_a_source_is_a_test_that_says_so() {
    let tests = tests();
    let set = set("source");
    let expected = [
        "F11", "F12", "F13", "F14", "F15", "F16", "F17", "F18", "F22", "F23", "I8",
    ];
    assert_eq!(ids(&set), expected.map(str::to_owned).into());
    for row in &set.requirements {
        assert!(row.cases().next().is_some(), "{} has no test", row.id);
        assert_eq!(
            named(row).count(),
            row.cases().count(),
            "{} names what is no test",
            row.id
        );
        for path in named(row) {
            let test = tests.iter().find(|test| test.path == path);
            let test = test.unwrap_or_else(|| panic!("{path} is not there"));
            let is_named = test.name.starts_with(&format!("{}_", row.id.to_lowercase()));
            let says = |line: &String| line.starts_with("///") && line.contains(&row.id);
            assert!(
                is_named || test.above.iter().any(says),
                "{path} does not say {}",
                row.id
            );
        }
    }
}

/// A report of a run says by the names alone what it shows.
#[test]
fn every_requirement_of_smart_stands_in_the_name_of_a_test_or_in_a_case() {
    let is_named = |row: &Requirement| {
        let id = row.id.to_lowercase();
        row.cases().any(|case| !case.starts_with("test:"))
            || named(row).any(|path| path.split([':', '_']).any(|part| part == id) || is_within(&id, path))
    };
    let set = set("smart");
    let done = set.requirements.iter().filter(|row| row.status == Status::Done);
    let unnamed: Vec<_> = done.filter(|row| !is_named(row)).map(|row| &row.id).collect();
    assert!(unnamed.is_empty(), "name a test for {unnamed:?}");
}

/// `d01_to_d07_…` holds d03.
fn is_within(id: &str, path: &str) -> bool {
    let name = path.rsplit("::").next().unwrap_or(path);
    let mut parts = name.splitn(4, '_');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(from), Some("to"), Some(to)) => from.get(..1) == id.get(..1) && from <= id && id <= to,
        _ => false,
    }
}

/// Why a requirement, or a part of one, does not apply.
#[derive(serde::Deserialize)]
struct Excluded {
    id: String,
    /// What of it; without, all of it.
    part: Option<String>,
    reason: String,
}

#[test]
fn what_is_excluded_says_why_and_nothing_else_does() {
    #[derive(serde::Deserialize)]
    struct List {
        requirement: Vec<Excluded>,
    }
    let text = std::fs::read_to_string(folder().join("excluded.toml")).expect("the list is there");
    let list: List = toml::from_str(&text).expect("the list is TOML");
    let mut whole = BTreeSet::new();
    for excluded in &list.requirement {
        assert!(excluded.reason.len() > 20, "{}: say why", excluded.id);
        if excluded.part.is_none() {
            assert!(whole.insert(excluded.id.clone()), "{} twice", excluded.id);
        }
    }
    let mut known = BTreeSet::new();
    let mut marked = BTreeSet::new();
    for set in sets() {
        for row in &set.requirements {
            let id = format!("{}:{}", set.name, row.id);
            if row.status == Status::Excluded {
                marked.insert(id.clone());
            }
            known.insert(id);
        }
    }
    assert_eq!(whole, marked);
    for excluded in &list.requirement {
        assert!(known.contains(&excluded.id), "{} is no requirement", excluded.id);
    }
}
