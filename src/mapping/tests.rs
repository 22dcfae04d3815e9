use std::sync::LazyLock;

use super::*;
use crate::profile::Registry;

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::builtin);

/// Writes the expected outcome beside every example, after a change of a map that was meant.
#[test]
#[ignore = "rewrites the expected outcomes in mappings/"]
fn the_expected_outcomes_are_rewritten() {
    let mut files = Files::default();
    files.override_with("mappings".as_ref()).unwrap();
    let plan = plan(&files);
    for map in plan.map_names() {
        for (path, text) in files.below(&format!("{map}/"), ".in.json") {
            let outcome = example::outcome(&plan, map, &serde_json::from_str(text).unwrap());
            let (ending, value) = example::expected_form(&outcome);
            let stem = path.trim_end_matches(".in.json");
            for other in ["out", "dropped", "refused"] {
                let _ = std::fs::remove_file(format!("mappings/{stem}.{other}.json"));
            }
            std::fs::write(format!("mappings/{stem}.{ending}.json"), format!("{value:#}\n")).unwrap();
        }
    }
}

fn plan(files: &Files) -> Plan {
    Plan::load(files, &REGISTRY).unwrap_or_else(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        panic!("{}", lines.join("\n"))
    })
}

#[test]
fn the_maps_of_the_program_have_no_problem_and_every_example_comes_out_as_written() {
    let report = check(&Files::builtin(), &REGISTRY);
    assert!(report.ok, "{}", report.text);
}
