//! The one error of every decoder: which field, where, and what is wrong with it.
//!
//! A stranger's mistake must be explainable without the bytes at hand, so the error carries the
//! name the specification gives the field and the offset in the input at which it was read. It is
//! `Copy` and allocates nothing: a flood of nonsense costs no memory.

use core::fmt;

/// Says that bytes are not what the format demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem} at offset {offset}")]
pub struct Malformed {
    /// The field being read, in the words of its specification.
    pub field: &'static str,
    /// Where it stands, in bytes from the start of the input.
    pub offset: usize,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What can be wrong with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// The input ends within the field.
    Missing {
        /// How many bytes more the field needs.
        bytes: usize,
    },
    /// The field announces, or has, more than is allowed.
    TooLong {
        /// Its length in bytes.
        len: u64,
        /// The greatest length allowed.
        max: u64,
    },
    /// More items than are allowed.
    TooMany {
        /// The greatest number allowed.
        max: u64,
    },
    /// More levels of nesting than are allowed.
    TooDeep {
        /// The greatest depth allowed.
        max: u64,
    },
    /// The input goes on after its end.
    Trailing {
        /// How many bytes follow.
        bytes: usize,
    },
    /// A number outside its range.
    OutOfRange {
        /// The number.
        value: i64,
        /// The least allowed.
        min: i64,
        /// The greatest allowed.
        max: i64,
    },
    /// A required entry is not there.
    Absent,
    /// Something else stands there; the text says what is expected.
    Invalid(&'static str),
}

impl Malformed {
    /// Blames `field`, which stands at `offset`.
    #[must_use]
    pub const fn new(field: &'static str, offset: usize, problem: Problem) -> Self {
        Self {
            field,
            offset,
            problem,
        }
    }

    /// Says that something other than `expected` stands at `offset`.
    #[must_use]
    pub const fn invalid(field: &'static str, offset: usize, expected: &'static str) -> Self {
        Self::new(field, offset, Problem::Invalid(expected))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Missing { bytes } => write!(f, "{bytes} {} missing", plural(bytes)),
            Self::TooLong { len, max } => write!(f, "{len} bytes where {max} are allowed"),
            Self::TooMany { max } => write!(f, "more than {max} items"),
            Self::TooDeep { max } => write!(f, "nested more than {max} deep"),
            Self::Trailing { bytes } => write!(f, "{bytes} {} too many", plural(bytes)),
            Self::OutOfRange { value, min, max } => {
                write!(f, "{value} is not between {min} and {max}")
            }
            Self::Absent => f.write_str("absent from the dictionary"),
            Self::Invalid(expected) => write!(f, "expected {expected}"),
        }
    }
}

const fn plural(bytes: usize) -> &'static str {
    if bytes == 1 { "byte" } else { "bytes" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn names_field_problem_and_offset() {
        let missing = Malformed::new("piece length", 7, Problem::Missing { bytes: 3 });
        assert_eq!(
            missing.to_string(),
            "piece length: 3 bytes missing at offset 7"
        );
        let one = Malformed::new("port", 2, Problem::Trailing { bytes: 1 });
        assert_eq!(one.to_string(), "port: 1 byte too many at offset 2");
        let range = Problem::OutOfRange {
            value: -1,
            min: 0,
            max: 9,
        };
        assert_eq!(
            Malformed::new("p", 0, range).to_string(),
            "p: -1 is not between 0 and 9 at offset 0"
        );
        let invalid = Malformed::invalid("bencode", 4, "a digit");
        assert_eq!(invalid.to_string(), "bencode: expected a digit at offset 4");
    }
}
