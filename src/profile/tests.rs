//! Good and deliberately bad resources of every class.

use std::sync::LazyLock;

use super::*;

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::builtin);

#[test]
fn the_built_in_definitions_have_no_problem() {
    if let Err(problems) = Registry::load(None, &[]) {
        panic!(
            "{}",
            problems
                .iter()
                .map(|problem| format!("{problem}\n"))
                .collect::<String>()
        );
    }
    assert_eq!(REGISTRY.unchecked(), &[] as &[String]);
    assert_eq!(REGISTRY.own().count(), 20);
}
