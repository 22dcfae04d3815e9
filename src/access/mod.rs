//! Who may see what: `decide(caller, interaction)` gives [`Visible`] or a refusal, and nothing is read without a `Visible`.
//!
//! # Design
//! [`Visible`] has private fields and is made only here. `resource::{read, search, …}` cannot be called without one, so a read
//! that nobody decided on does not compile. It becomes part of the SQL of every path; nothing is filtered afterwards.

mod visible;

pub use visible::{Narrowing, Visible};
