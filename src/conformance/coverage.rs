//! `conformance/coverage.md`: which requirement is shown by which case. Generated; a test compares it with the file.

use std::fmt::Write as _;

use super::requirements::{Requirement, Set, Status};

/// The page for these sets.
pub fn render(sets: &[Set]) -> String {
    let mut page = String::from(
        "# Coverage\n\nGenerated from `requirements/*.csv`; do not edit. \
         `INZAGE_BLESS=1 cargo test --test gateway coverage` writes it again.\n\n\
         | set | requirements | done | partial | open | excluded | with a case or test |\n|---|---|---|---|---|---|---|\n",
    );
    for set in sets {
        let count = |status| set.requirements.iter().filter(|row| row.status == status).count();
        let shown = set
            .requirements
            .iter()
            .filter(|row| row.cases().next().is_some())
            .count();
        let statuses = [Status::Done, Status::Partial, Status::Open, Status::Excluded];
        let [done, partial, open, excluded] = statuses.map(count);
        let total = set.requirements.len();
        let _ = writeln!(
            page,
            "| {} | {total} | {done} | {partial} | {open} | {excluded} | {shown} |",
            set.name
        );
    }
    for set in sets {
        let _ = write!(page, "\n## {}\n", set.name);
        for area in areas(set) {
            let _ = write!(
                page,
                "\n### {area}\n\n| id | requirement | status | shown by |\n|---|---|---|---|\n"
            );
            for row in set.requirements.iter().filter(|row| row.area == area) {
                line(&mut page, row);
            }
        }
    }
    page
}

fn line(page: &mut String, row: &Requirement) {
    let mark = row.mark.as_deref().map(|mark| format!(" {mark}")).unwrap_or_default();
    let cases: Vec<String> = row.cases().map(|case| format!("`{case}`")).collect();
    let (id, title, status) = (&row.id, row.title.replace('|', "\\|"), row.status.as_str());
    let _ = writeln!(page, "| {id}{mark} | {title} | {status} | {} |", cases.join(" "));
}

fn areas(set: &Set) -> Vec<&str> {
    let mut areas: Vec<&str> = set.requirements.iter().map(|row| row.area.as_str()).collect();
    areas.sort_unstable();
    areas.dedup();
    areas
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_counted_and_listed_by_area() {
        let row = |id: &str, status, cases: &str| Requirement {
            id: id.to_owned(),
            mark: Some("M".to_owned()),
            title: "A | B".to_owned(),
            area: "login".to_owned(),
            status,
            cases: cases.to_owned(),
        };
        let requirements = vec![row("A1", Status::Done, "login/01-x"), row("A2", Status::Open, "")];
        let page = render(&[Set {
            name: "smart".to_owned(),
            requirements,
        }]);
        assert!(page.contains("| smart | 2 | 1 | 0 | 1 | 0 | 1 |"), "{page}");
        assert!(
            page.contains("### login") && page.contains("| A1 M | A \\| B | done | `login/01-x` |"),
            "{page}"
        );
    }
}
