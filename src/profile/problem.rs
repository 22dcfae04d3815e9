//! A fault in a file that the program reads: a definition or a mapping file.
//!
//! ```
//! # use inzage::profile::Problem;
//! let problem = Problem {
//!     file: "ons/report.toml".to_owned(),
//!     line: 9,
//!     element: "valueStrin".to_owned(),
//!     message: "no such element".to_owned(),
//!     remedy: Some("did you mean `valueString`?".to_owned()),
//! };
//! assert_eq!(
//!     problem.to_string(),
//!     "ons/report.toml:9: valueStrin: no such element; did you mean `valueString`?"
//! );
//! ```

use std::fmt;

/// What is wrong in a file of definitions, where, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Problem {
    pub file: String,
    pub line: usize,
    /// Empty where it is about the whole file.
    pub element: String,
    pub message: String,
    /// What to do about it, where that can be said apart from what is wrong.
    pub remedy: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.file, self.line)?;
        if !self.element.is_empty() {
            write!(f, "{}: ", self.element)?;
        }
        f.write_str(&self.message)?;
        match &self.remedy {
            Some(remedy) => write!(f, "; {remedy}"),
            None => Ok(()),
        }
    }
}
