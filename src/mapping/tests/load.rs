//! What is wrong in a map is told at load, all at once, with file, line, element and remedy.

use super::*;

pub(super) fn problems(files: &Files) -> Vec<String> {
    match Plan::load_with(files, &ELEMENTS) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

/// The problems of one line of `set`, which is line 9 of its file.
fn problems_of(line: &str) -> Vec<String> {
    let map = format!("{}\n[resource.set]\n{line}\n", HEAD.trim());
    let mut files = files(&map);
    files.add(
        "x/y.source.json",
        r#"{"properties": {"id": {}, "client": {}, "a": {"enum": ["rood", "blauw"]}}}"#,
    );
    let found = problems(&files);
    assert!(found.iter().all(|one| one.starts_with("x/y.toml:9: ")), "{found:#?}");
    found
}

#[test]
fn each_fault_of_a_line_has_its_own_message_and_remedy() {
    for (line, wanted) in [
        (r#""valueString" = { upper = "a" }"#, "no verb in `upper`"),
        (
            r#""valueString" = { copy = "a", bool = "a" }"#,
            "exactly one verb, here are `copy`, `bool`",
        ),
        (r#""valueStrin" = { copy = "a" }"#, "has no element `valueStrin`"),
        (r#""code" = { copy = "a" }"#, "use `concept`"),
        (r#""valueString" = { instant = "a" }"#, "use `copy`"),
        (r#""issued" = { const = true }"#, "does not fit"),
        (
            r#""performer" = { reference = "none", display = "a" }"#,
            "write `performer[0]`",
        ),
        (r#""code[0]" = { concept = "a" }"#, "write it without brackets"),
        (
            r#""code" = { concept = "a", table = "smell" }"#,
            "no table `smell`; there are `colour`",
        ),
        (
            r#""code" = { concept = "a", table = "colour" }"#,
            "may say `blauw`, which the table `colour` does not have",
        ),
        (r#""valueString" = { copy = "b" }"#, "no field `b`"),
        (r#""valueString" = { copy = "a..b" }"#, "is not a path"),
        (
            r#""valueString" = { copy = "a", whn = { field = "a", is = 1 } }"#,
            "`whn` has no meaning here",
        ),
        (
            r#""valueString" = { copy = "a", when = { field = "a" } }"#,
            "a condition is",
        ),
        (
            r#""valueString" = { copy = "a", when = { field = "a", is = 1, not = 2 } }"#,
            "a condition is",
        ),
        (
            r#""valueString" = { copy = "a", when = { field = "a", outside = "moon" } }"#,
            "a condition is",
        ),
        (
            r#""code" = { const = { coding = [{ code = "x" }] } }"#,
            "a coding has `system`",
        ),
        (
            r#""code" = { const = { codings = [] } }"#,
            "has no element `code.codings`",
        ),
        (
            r#""subject" = { reference = "Moon", key = ["x", "y", "a"] }"#,
            "the server keeps no Moon",
        ),
        (r#""subject" = { reference = "Patient", key = ["x", "a"] }"#, "a key is"),
        (r#""subject" = { reference = "Patient" }"#, "a reference needs"),
        (r#""valueQuantity" = { quantity = "a", unit = "kg" }"#, "a quantity has"),
        (r#""effectivePeriod" = { period = "a" }"#, "write `period = "),
        (r#""note" = { each = "a" }"#, "`each` needs `set`"),
        (r#""id" = { copy = "a" }"#, "the program writes this itself"),
        (r#""note[100].text" = { text = "a" }"#, "a number from 0 to 99"),
    ] {
        let found = problems_of(line);
        assert!(found.iter().any(|one| one.contains(wanted)), "{line}: {found:#?}");
    }
}

#[test]
fn every_problem_of_every_file_is_told_at_once_in_the_order_of_the_lines() {
    let mut files = files(&format!(
        "{}\n[resource.set]\n\"none\" = {{ copy = \"a\" }}\n\"code\" = {{ copy = \"a\" }}\n[unknown]\n",
        HEAD.trim()
    ));
    files.add("x/z.toml", "map = \"x/other\"\n");
    files.add("x/bad.toml", "map = \nthis is no toml\n");
    files.add("tables/broken.json", "{");
    let found = problems(&files);
    let places: Vec<&str> = found.iter().map(|one| one.split_once(": ").unwrap().0).collect();
    assert_eq!(
        places,
        [
            "tables/broken.json:1",
            "x/bad.toml:1",
            "x/bad.toml:2",
            "x/y.toml:9",
            "x/y.toml:10",
            "x/y.toml:11",
            "x/z.toml:1",
            "x/z.toml:1"
        ],
        "{found:#?}"
    );
}

#[test]
fn an_element_is_set_once() {
    let found = problems(&files(&format!(
        "{HEAD}[resource.set]\n\"code.text\" = {{ copy = \"a\" }}\n\"code\" = {{ concept = \"a\" }}\n"
    )));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].contains("`code` is set twice"), "{found:#?}");
}

#[test]
fn a_rule_that_tests_nothing_and_a_list_that_is_not_there_are_told() {
    let found = problems(&files(&format!(
        "{HEAD}each = \"none\"\n[resource.set]\n\"status\" = {{ const = \"final\" }}\n\
         [[drop]]\nrule = \"all\"\nreason = \"?\"\nwhen = []\n[list.a]\nin = \"b\"\nfrom = \"x\"\n"
    )));
    let all = found.join("\n");
    for wanted in ["must test something", "no `[list.none]` above", "no `[list.b]` above"] {
        assert!(all.contains(wanted), "{wanted}: {all}");
    }
}

#[test]
fn the_version_tells_another_map_patch_or_table() {
    let base = files(&format!("{HEAD}[resource.set]\n\"status\" = {{ const = \"final\" }}\n"));
    let version = |files: &Files| small_plan(files).version("x/y").unwrap().to_owned();
    let mut patched = base.clone();
    patched.add_patch("x/y.toml", "about = \"other\"\n");
    let mut tabled = base.clone();
    tabled.add("tables/colour.json", &TABLE.replace("Red", "RED"));
    assert_eq!(version(&base), version(&base));
    assert_ne!(version(&base), version(&patched));
    assert_ne!(version(&base), version(&tabled));
}

#[test]
fn a_folder_overrides_and_patches_the_files_of_the_program() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("x")).unwrap();
    std::fs::write(dir.path().join("x/y.toml"), "about = \"from disk\"\n").unwrap();
    std::fs::write(dir.path().join("x/notes.txt"), "not ours").unwrap();
    let mut patched = files(&format!("{HEAD}[resource.set]\n\"status\" = {{ const = \"final\" }}\n"));
    let mut replaced = patched.clone();
    patched.patch_with(dir.path()).unwrap();
    assert!(explain(&small_plan(&patched), "x/y").text.contains("from disk"));
    replaced.override_with(dir.path()).unwrap();
    assert!(!problems(&replaced).is_empty());
}
