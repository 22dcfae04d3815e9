//! What a tenant may change, what it may not, and what it is told of a slip.

use super::load::problems;
use super::*;

const SWITCH: &str = "[[drop]]\nrule = \"hidden\"\nreason = \"hidden\"\nwhen = { field = \"hidden\", not = false }\n";

#[test]
fn a_patch_changes_adds_and_removes_lines() {
    let mut files = files(&format!(
        "{HEAD}[resource.set]\n\"valueString\" = {{ text = \"a\", required = true }}\n\"status\" = {{ const = \"final\" }}\n{SWITCH}"
    ));
    files.add_patch(
        "x/y.toml",
        "[resource.one.set]\n\"valueString\" = { copy = \"b\" }\n\"status\" = { remove = true }\n\
         \"issued\" = { instant = \"at\" }\n[drop.late]\nreason = \"late\"\nwhen = { field = \"late\", is = true }\n",
    );
    let plan = small_plan(&files);
    let record = json!({"id": 1, "client": 2, "hidden": false, "b": "B", "at": "2026-01-01T00:00:00Z"});
    let Outcome::Mapped(resources) = run(&plan, &record) else {
        panic!("not mapped")
    };
    assert_eq!(resources[0].resource["valueString"], "B");
    assert!(resources[0].resource.get("status").is_none());
    assert!(resources[0].resource["issued"].is_string());
    let late = json!({"id": 1, "client": 2, "hidden": false, "late": true});
    assert!(matches!(run(&plan, &late), Outcome::Dropped { rule, .. } if rule == "late"));
}

#[test]
fn a_patch_cannot_open_what_the_map_withholds() {
    for patch in [
        "[drop.hidden]\nwhen = { field = \"hidden\", is = true }\n",
        "[drop.hidden]\nremove = true\n",
        "[drop]\nremove = true\n",
        "drop = 1\n",
        "[[drop]]\nrule = \"hidden\"\nreason = \"?\"\nwhen = { field = \"a\", is = 1 }\n",
    ] {
        let mut files = files(&format!(
            "{HEAD}[resource.set]\n\"status\" = {{ const = \"final\" }}\n{SWITCH}"
        ));
        files.add_patch("x/y.toml", patch);
        let found = problems(&files);
        assert!(
            found.iter().any(|one| one.starts_with("patch of x/y.toml:")),
            "{patch}: {found:#?}"
        );
    }
}

#[test]
fn a_patch_of_no_map_and_a_fault_in_a_patch_are_told_with_the_place_in_the_patch() {
    let mut files = files(&format!("{HEAD}[resource.set]\n\"status\" = {{ const = \"final\" }}\n"));
    files.add_patch("x/none.toml", "a = 1\n");
    files.add_patch("x/y.toml", "[resource.one.set]\n\n\"none\" = { copy = \"a\" }\n");
    let found = problems(&files);
    assert!(
        found.iter().any(|one| one.starts_with("patch of x/none.toml:1: ")),
        "{found:#?}"
    );
    assert!(
        found.iter().any(|one| one.starts_with("patch of x/y.toml:3: none: ")),
        "{found:#?}"
    );
}

const TWO: &str = "[resource.set]\n\"valueString\" = { text = \"a\" }\n\"status\" = { const = \"final\" }\n";

fn of_patch(patch: &str) -> Vec<String> {
    let mut files = files(&format!("{HEAD}{TWO}{SWITCH}"));
    files.add_patch("x/y.toml", patch);
    problems(&files)
}

#[test]
fn a_patch_of_what_is_not_there_is_told_with_place_and_remedy() {
    for (patch, wanted) in [
        (
            "[resource.one.set]\n\"valueStrin\" = { remove = true }\n",
            "patch of x/y.toml:2: resource.one.set.valueStrin: there is no such line to remove; did you mean `valueString`?",
        ),
        (
            "[resource.oen.set]\n\"status\" = { const = \"final\" }\n",
            "patch of x/y.toml:1: resource.oen: the map has no resource `oen`; did you mean `one`?",
        ),
        (
            "[resource.one.set]\n\n\"status\" = null\n",
            "patch of x/y.toml:3: not TOML: ",
        ),
        (
            "[[drop]]\nrule = \"hidden\"\nreason = \"?\"\nwhen = { field = \"a\", is = 1 }\n",
            "patch of x/y.toml:1: drop.hidden: a patch can only add drop rules; to withhold less",
        ),
        (
            "[list]\nremove = true\n",
            "patch of x/y.toml:1: list: a patch can only add drop rules",
        ),
    ] {
        let found = of_patch(patch);
        assert_eq!(found.len(), 1, "one slip, one message: {found:#?}");
        assert!(found[0].starts_with(wanted), "{found:#?}");
    }
    assert!(
        of_patch("[resource.one.set]\n\"status\" = null\n")[0].ends_with("a patch deletes with `{ remove = true }`")
    );
    let mut files = files(&format!("{HEAD}{TWO}"));
    files.add_patch("x/z.toml", "a = 1\n");
    assert!(problems(&files)[0].ends_with("the patch would do nothing; did you mean `x/y`?"));
}

#[test]
fn a_patch_of_one_line_keeps_the_others_also_where_an_element_has_the_name_of_a_verb() {
    let mut files = files(&format!(
        "{HEAD}[resource.set]\n\"code\" = {{ concept = \"a\" }}\n\"status\" = {{ const = \"final\" }}\n\
         \"text\" = {{ text = \"a\" }}\n\"performer\" = {{ each = \"b\", value = {{ reference = \"none\", display = \"n\" }} }}\n"
    ));
    files.add_patch(
        "x/y.toml",
        "[resource.one.set]\n\"valueString\" = { text = \"b[0].n\" }\n",
    );
    let record = json!({"id": 1, "client": 2, "a": "A", "b": [{"n": "N"}]});
    let Outcome::Mapped(resources) = run(&small_plan(&files), &record) else {
        panic!("not mapped")
    };
    let resource = &resources[0].resource;
    for element in ["code", "status", "text", "performer", "valueString"] {
        assert!(resource.get(element).is_some(), "{element} is lost: {resource:#}");
    }
}

#[test]
fn a_patched_value_of_each_member_replaces_the_line_whole() {
    let mut files = files(&format!(
        "{HEAD}[resource.set]\n\"status\" = {{ const = \"final\" }}\n\
         \"performer\" = {{ each = \"b\", value = {{ reference = \"none\", display = \"n\", when = {{ field = \"k\", is = 1 }} }} }}\n\
         \"component\" = {{ each = \"b\", set = {{ \"valueString\" = {{ copy = \"n\" }}, \"code.text\" = {{ copy = \"m\" }} }} }}\n"
    ));
    files.add_patch(
        "x/y.toml",
        "[resource.one.set.performer]\nvalue = { reference = \"none\", display = \"m\" }\n\
         [resource.one.set.component.set]\n\"valueString\" = { text = \"m\" }\n",
    );
    let record = json!({"id": 1, "client": 2, "b": [{"n": "N", "m": "M", "k": 0}]});
    let Outcome::Mapped(resources) = run(&small_plan(&files), &record) else {
        panic!("not mapped")
    };
    let resource = &resources[0].resource;
    assert_eq!(
        resource["performer"],
        json!([{"display": "M"}]),
        "the condition of the line before is gone with it"
    );
    assert_eq!(
        resource["component"],
        json!([{"valueString": "M", "code": {"text": "M"}}]),
        "a `set` is merged line by line"
    );
}

#[test]
fn a_file_takes_the_place_of_a_map_when_it_says_which() {
    let map = format!("{HEAD}{TWO}{SWITCH}");
    let own = |replaces: &str| {
        format!("replaces = \"{replaces}\"\n{HEAD}[resource.set]\n\"status\" = {{ const = \"final\" }}\n")
    };
    let with = |replaces: &str| {
        let mut files = files(&map);
        files.add_patch("x/y.toml", &own(replaces));
        files
    };
    let found = problems(&with("0000"));
    assert_eq!(found.len(), 1, "{found:#?}");
    let print = patch::print_of(&map);
    assert!(
        found[0].contains(&format!("write `replaces = \"{print}\"`")),
        "{found:#?}"
    );
    // The rule of the map is gone, on purpose; the lines too.
    let Outcome::Mapped(resources) = run(&small_plan(&with(&print)), &json!({"id": 1, "client": 2, "a": "b"})) else {
        panic!("not mapped")
    };
    assert!(resources[0].resource.get("valueString").is_none());
    // A release that brings another map stops the start.
    let mut files = files(&format!("{map}\n# new\n"));
    files.add_patch("x/y.toml", &own(&print));
    assert_eq!(problems(&files).len(), 1);
}

#[test]
fn a_code_table_is_patched_code_by_code() {
    let mut files = files(&format!(
        "{HEAD}[resource.set]\n\"code\" = {{ concept = \"c\", table = \"colour\", unknown = \"omit\" }}\n\"valueString\" = {{ text = \"c\" }}\n"
    ));
    let code = |files: &Files, colour: &str| {
        let Outcome::Mapped(resources) = run(&small_plan(files), &json!({"id": 1, "client": 2, "c": colour})) else {
            panic!("not mapped")
        };
        resources[0].resource["code"]["coding"][0]["code"]
            .as_str()
            .map(str::to_owned)
    };
    let plain = small_plan(&files).version("x/y").unwrap().to_owned();
    files.add_patch(
        "tables/colour.json",
        r#"{"group": [{"target": "urn:colour", "element": [
            {"code": "paars", "target": [{"code": "purple", "display": "Purple"}]},
            {"code": "rood", "target": [{"code": "crimson", "display": "Crimson"}]},
            {"code": "kg", "target": null}]}]}"#,
    );
    assert_eq!(code(&files, "paars").as_deref(), Some("purple"));
    assert_eq!(code(&files, "rood").as_deref(), Some("crimson"));
    assert_eq!(code(&files, "g").as_deref(), Some("g"), "the others stay");
    assert_eq!(code(&files, "kg"), None);
    assert_ne!(
        small_plan(&files).version("x/y").unwrap(),
        plain,
        "what was mapped is mapped anew"
    );
    assert!(
        files.tables().any(|table| table.contains("crimson")),
        "and it is served"
    );
}

#[test]
fn a_slip_in_the_patch_of_a_table_is_told_with_its_file_and_element() {
    for (patch, wanted) in [
        ("{\n\"group\": [", "patch of tables/colour.json:2: not JSON"),
        (
            r#"{"group": [{"target": "urn:colour", "element": [{"code": "rod", "target": null}]}]}"#,
            "patch of tables/colour.json:1: group[urn:colour].element[rod]: there is no such member to remove; did you mean `rood`?",
        ),
        (
            r#"{"group": [{"element": []}]}"#,
            "patch of tables/colour.json:1: group: each member needs `target`",
        ),
        (
            r#"{"titel": null}"#,
            "patch of tables/colour.json:1: titel: there is nothing here to remove",
        ),
        (
            r#"{"group": [{"target": "urn:colour", "element": [{"code": "blauw", "target": [{"code": "blue"}]}]}]}"#,
            "patch of tables/colour.json:1: group[0].element[4]: each `target` needs `code` and `display`",
        ),
    ] {
        let mut files = files(&format!("{HEAD}{TWO}"));
        files.add_patch("tables/colour.json", patch);
        let found = problems(&files);
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(found[0].starts_with(wanted), "{found:#?}");
    }
}

#[test]
fn a_file_that_patches_nothing_is_told() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("x")).unwrap();
    std::fs::write(dir.path().join("x/y.json"), r#"{"resource": {"one": null}}"#).unwrap();
    std::fs::write(dir.path().join("notes.md"), "for people").unwrap();
    let mut files = files(&format!("{HEAD}{TWO}"));
    files.patch_with(dir.path()).unwrap();
    let found = problems(&files);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].contains("x/y.json:1: patches nothing: a patch of a map is TOML"),
        "{found:#?}"
    );
}
