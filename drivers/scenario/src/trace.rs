//! Churn read from a file.
//!
//! A line has three words: the time in seconds, the number of the node, and `join`, `leave` or
//! `crash`; `up` and `down`, as measured traces call them, are a join and a crash. What begins with
//! `#` is a comment.

use core::time::Duration;

use machine::Instant;

use crate::churn::{Change, What};

/// A line that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TraceError {
    /// It does not have three words.
    #[error("line {line}: {found} words; a line is TIME NODE join|leave|crash")]
    Words {
        /// The line, from 1.
        line: usize,
        /// How many it has.
        found: usize,
    },
    /// The time is no number of seconds.
    #[error("line {line}: {word:?} is no time in seconds")]
    Time {
        /// The line, from 1.
        line: usize,
        /// What stands there.
        word: String,
    },
    /// The node is no number.
    #[error("line {line}: {word:?} is no number of a node")]
    Node {
        /// The line, from 1.
        line: usize,
        /// What stands there.
        word: String,
    },
    /// What the node does is not known.
    #[error("line {line}: {word:?} is not join, leave, crash, up or down")]
    What {
        /// The line, from 1.
        line: usize,
        /// What stands there.
        word: String,
    },
}

/// Reads the text of a file; the changes come in the order of time.
///
/// # Errors
/// When a line cannot be used; the first such line is told.
pub fn read_trace(text: &str) -> Result<Vec<Change>, TraceError> {
    let lines = (1..).zip(text.lines().map(str::trim));
    let lines = lines.filter(|(_, text)| !(text.is_empty() || text.starts_with('#')));
    let changes = lines.map(|(line, text)| read_line(line, text));
    let mut changes = changes.collect::<Result<Vec<_>, _>>()?;
    changes.sort_unstable();
    Ok(changes)
}

fn read_line(line: usize, text: &str) -> Result<Change, TraceError> {
    let words: Vec<_> = text.split_whitespace().collect();
    let &[time, node, what] = words.as_slice() else {
        let found = words.len();
        return Err(TraceError::Words { line, found });
    };
    let seconds = time.parse().ok();
    let after = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let bad_time = || TraceError::Time {
        line,
        word: time.into(),
    };
    let at = Instant::ZERO + after.ok_or_else(bad_time)?;
    let bad_node = |_| TraceError::Node {
        line,
        word: node.into(),
    };
    let node = node.parse().map_err(bad_node)?;
    let what = match what {
        "join" | "up" => What::Join,
        "leave" => What::Leave,
        "crash" | "down" => What::Crash,
        word => {
            let word = word.into();
            return Err(TraceError::What { line, word });
        }
    };
    Ok(Change { at, node, what })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_read_in_the_order_of_time() {
        let changes = read_trace("# measured\n2.5 7 down\n\n1 3 join\n1 2 leave\n");
        let seconds = |seconds| Instant::ZERO + Duration::from_secs_f64(seconds);
        let change = |at, node, what| Change {
            at: seconds(at),
            node,
            what,
        };
        let expected = vec![
            change(1.0, 2, What::Leave),
            change(1.0, 3, What::Join),
            change(2.5, 7, What::Crash),
        ];
        assert_eq!(changes, Ok(expected));
    }

    #[test]
    fn bad_lines_are_told() {
        let error = |text| read_trace(text).expect_err("a bad line").to_string();
        assert_eq!(
            error("1 2 join\n1 2"),
            "line 2: 2 words; a line is TIME NODE join|leave|crash"
        );
        assert_eq!(error("-1 2 join"), "line 1: \"-1\" is no time in seconds");
        assert_eq!(error("nan 2 join"), "line 1: \"nan\" is no time in seconds");
        assert_eq!(error("1 x join"), "line 1: \"x\" is no number of a node");
        assert_eq!(
            error("1 2 jump"),
            "line 1: \"jump\" is not join, leave, crash, up or down"
        );
    }
}
