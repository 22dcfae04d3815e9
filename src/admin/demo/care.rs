//! The kind of care of the demo's organisations: nursing homes. The maps name home care, and a tenant says its own in a patch.
//!
//! # Design
//! ASSUMPTION: 4700. The public lists of AGB numbers name kinds of care by two digits, 47 for nursing homes of both sorts; that
//! the code has two zeros more is taken from 7500 for home care.

use std::path::Path;

use anyhow::Context as _;

use crate::mapping::Files;

/// The folder of the patches, beside `inzage.toml`.
pub(super) const FOLDER: &str = "demo-patches";

const PATCH: &str = r#"# Written by `inzage demo` at every start.
[every.set]
"meta.tag[0]" = { const = { system = "urn:oid:2.16.840.1.113883.2.4.6.7", code = "4700", display = "Gecombineerde verpleeginrichtingen" } }
"#;

/// Writes a patch for each map into the data folder.
pub(super) fn write(data: &Path) -> anyhow::Result<()> {
    let folder = data.join(FOLDER);
    for map in Files::builtin().map_names() {
        let file = folder.join(format!("{map}.toml"));
        let told = || format!("{} cannot be written", file.display());
        if let Some(inside) = file.parent() {
            std::fs::create_dir_all(inside).with_context(told)?;
        }
        std::fs::write(&file, PATCH).with_context(told)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ecd::mock::{Population, Shelf};
    use crate::mapping::{Context, Outcome, Plan, ReportTypes};
    use crate::profile::Registry;
    use crate::secret::MacKey;

    #[test]
    fn the_reports_of_a_nursing_home_are_not_tagged_as_home_care() {
        let dir = tempfile::tempdir().unwrap();
        // A second start writes the same again.
        write(dir.path()).unwrap();
        write(dir.path()).unwrap();
        let mut files = Files::builtin();
        files.patch_with(&dir.path().join(FOLDER)).unwrap();
        let plan = Plan::load(&files, &Registry::builtin()).unwrap();
        let population = Population::generate(10, 7, jiff::civil::date(2026, 11, 22));
        let (key, zone) = (MacKey::new(b"test"), jiff::tz::TimeZone::UTC);
        let context = Context {
            key: &key,
            zone: &zone,
            report_types: ReportTypes::Every,
        };
        let mut seen = 0;
        for mut report in population.of(Shelf::Reports, population.cast().everything) {
            report["employee"] = json!({"id": 1, "name": "A. Bakker"});
            let Outcome::Mapped(resources) = plan.run("ons/report", &report, &context) else {
                continue;
            };
            for one in resources {
                assert_eq!(one.resource["meta"]["tag"][0]["code"], "4700");
                seen += 1;
            }
        }
        assert!(seen > 50, "{seen}");
    }
}
