//! What an operator adds to the definitions, as it was written.

use serde_json::Value;

use super::definition::Origin;
use super::package::is_r4;

/// The definitions of an operator as JSON, for whoever hands them on: see [`super::Registry::load_for_serving`].
#[derive(Debug, Default)]
pub struct More {
    /// Those of a folder in the form of `profiles/`.
    pub own: Vec<Value>,
    /// Those of R4 packages, in the order of the packages.
    pub packages: Vec<Value>,
}

impl More {
    /// Takes what a file of an operator says.
    pub(super) fn take(&mut self, json: &Value, origin: Origin) {
        if is_r4(json) {
            match origin {
                Origin::Own => self.own.push(json.clone()),
                Origin::Package => self.packages.push(json.clone()),
                // Those are of the program alone.
                Origin::Type => {}
            }
        }
    }
}
