//! Marks: what a resource carries for a token or reference parameter.

/// A 64-bit hash of a parameter's name and one way to ask for a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(pub [u8; 8]);
