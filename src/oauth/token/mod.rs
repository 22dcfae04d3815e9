//! stub
mod check;

pub use check::{Checked, check};
