//! The strict guard in front of every JSON body that comes from outside.

/// Why a body is refused, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at {pointer} (byte {offset})")]
pub struct Refused {
    pub kind: Fault,
    /// JSON pointer (RFC 6901) of the place; empty for the whole body.
    pub pointer: String,
    pub offset: usize,
}

/// What is wrong with the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("not JSON")]
    Syntax,
}

/// The guarded document.
pub fn parse(bytes: &[u8]) -> Result<serde_json::Value, Refused> {
    serde_json::from_slice(bytes).map_err(|_| Refused { kind: Fault::Syntax, pointer: String::new(), offset: 0 })
}
