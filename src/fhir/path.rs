//! Element paths, and the small path language of search parameters.

use serde_json::Value;

/// Why a path is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at byte {offset}")]
pub struct PathError {
    pub reason: &'static str,
    pub offset: usize,
}

/// One step of an element path: `performer[0]` is the name `performer` and the index 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub name: String,
    pub index: Option<usize>,
}

/// An element path such as `performer[0].display`, relative to a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElementPath {
    pub steps: Vec<Step>,
}

impl ElementPath {
    pub fn parse(_text: &str) -> Result<Self, PathError> {
        Err(PathError { reason: "not built yet", offset: 0 })
    }
}

/// A compiled search parameter expression.
#[derive(Clone, Debug)]
pub struct Expression;

impl Expression {
    pub fn compile(_text: &str) -> Result<Self, PathError> {
        Err(PathError { reason: "not built yet", offset: 0 })
    }

    /// Every value that the expression selects in the resource, in document order.
    pub fn eval<'v>(&self, _resource: &'v Value) -> Vec<&'v Value> {
        Vec::new()
    }
}
