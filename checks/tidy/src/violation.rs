//! What a rule says when a source breaks it: where, what, and what to do about it.

use std::fmt;

/// Names one place that breaks one rule.
///
/// It prints as `path:line: what, and what to do`, which editors and terminals turn into a link.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    path: String,
    line: usize,
    what: String,
}

impl Violation {
    /// Blames `line` (counted from 1) of the file at `path`.
    pub(crate) fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line,
            what: what.into(),
        }
    }

    /// Blames the file at `path` as a whole: for what is missing, no line is guilty.
    pub(crate) fn of_file(path: &str, what: impl Into<String>) -> Self {
        Self::new(path, 1, what)
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}
