//! A checked value: a span of the input, walked on demand.
//!
//! The walks rely on [`parse`](super::parse) having checked the bytes, yet none of them can panic
//! or run on if it had not: each takes what it finds and ends at the end of the span.

use crate::bencode::parse::{Limits, Mode, check};
use crate::malformed::Malformed;
use core::fmt;
use core::ops::Range;

/// A value within some bencode; copying it copies a reference and two offsets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Value<'a> {
    input: &'a [u8],
    start: usize,
    end: usize,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `i3e`
    Integer,
    /// `4:spam`
    String,
    /// `l...e`
    List,
    /// `d...e`
    Dict,
}

impl<'a> Value<'a> {
    /// Wraps a span that [`check`] found to be one value.
    pub(super) const fn from_checked(input: &'a [u8], span: Range<usize>) -> Self {
        Self {
            input,
            start: span.start,
            end: span.end,
        }
    }

    /// Tells what the value is.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self.raw().first() {
            Some(b'i') => Kind::Integer,
            Some(b'l') => Kind::List,
            Some(b'd') => Kind::Dict,
            _ => Kind::String,
        }
    }

    /// Gives the integer, if it is one.
    #[must_use]
    pub fn as_int(self) -> Option<i64> {
        let digits = self.raw().strip_prefix(b"i")?.strip_suffix(b"e")?;
        let (negative, digits) = digits
            .strip_prefix(b"-")
            .map_or((false, digits), |digits| (true, digits));
        // Gathered below zero, where there is one number more.
        let value = digits.iter().try_fold(0i64, |value, digit| {
            value
                .checked_mul(10)?
                .checked_sub(i64::from(digit.wrapping_sub(b'0')))
        })?;
        if negative {
            Some(value)
        } else {
            value.checked_neg()
        }
    }

    /// Gives the bytes, if it is a string.
    #[must_use]
    pub fn as_bytes(self) -> Option<&'a [u8]> {
        if self.kind() != Kind::String {
            return None;
        }
        let raw = self.raw();
        let colon = raw.iter().position(|byte| *byte == b':')?;
        raw.get(colon + 1..)
    }

    /// Gives the text, if it is a string of UTF-8.
    #[must_use]
    pub fn as_str(self) -> Option<&'a str> {
        core::str::from_utf8(self.as_bytes()?).ok()
    }

    /// Walks the values, if it is a list.
    #[must_use]
    pub fn as_list(self) -> Option<Values<'a>> {
        (self.kind() == Kind::List).then(|| self.values())
    }

    /// Walks keys and values in the order in which they stand, if it is a dictionary.
    #[must_use]
    pub fn entries(self) -> Option<Entries<'a>> {
        (self.kind() == Kind::Dict).then(|| self.keys_and_values())
    }

    /// Finds the first value under `key`, if it is a dictionary that has one.
    #[must_use]
    pub fn find(self, key: &[u8]) -> Option<Self> {
        self.entries()?
            .find_map(|(found, value)| (found == key).then_some(value))
    }

    /// Tells which bytes of the input the value takes up.
    #[must_use]
    pub const fn span(self) -> Range<usize> {
        self.start..self.end
    }

    /// Gives those bytes: what a hash of the value is the hash of.
    #[must_use]
    pub fn raw(self) -> &'a [u8] {
        self.input.get(self.span()).unwrap_or_default()
    }

    /// Checks that the value has the one form that [`Mode::Strict`] allows, so that encoding it
    /// anew would give the same bytes.
    ///
    /// # Errors
    /// The first place where it has not.
    pub fn check_strict(self) -> Result<(), Malformed> {
        let unlimited = Limits {
            depth: usize::MAX,
            items: usize::MAX,
        };
        check(self.input, self.start, Mode::Strict, unlimited).map(drop)
    }

    /// Walks the values of what is known to be a list.
    pub(super) const fn values(self) -> Values<'a> {
        Values {
            inside: self.inside(),
        }
    }

    /// Walks the keys and values of what is known to be a dictionary.
    pub(super) const fn keys_and_values(self) -> Entries<'a> {
        Entries {
            inside: self.inside(),
        }
    }

    /// The span between a container's first byte and its last.
    const fn inside(self) -> Self {
        Self {
            input: self.input,
            start: self.start.saturating_add(1),
            end: self.end.saturating_sub(1),
        }
    }

    /// Splits off the first value of a span of several.
    fn split_first(&mut self) -> Option<Self> {
        let length = first_length(self.raw())?;
        let first = Self {
            input: self.input,
            start: self.start,
            end: self.start + length,
        };
        self.start = first.end;
        Some(first)
    }
}

impl fmt::Debug for Value<'_> {
    /// Shows the bytes as bencode is read: printable as they are, others escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Value({}..{}: {})",
            self.start,
            self.end,
            self.raw().escape_ascii()
        )
    }
}

/// The values of a list.
#[derive(Debug, Clone)]
pub struct Values<'a> {
    inside: Value<'a>,
}

impl<'a> Iterator for Values<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        self.inside.split_first()
    }
}

/// The keys and values of a dictionary.
#[derive(Debug, Clone)]
pub struct Entries<'a> {
    inside: Value<'a>,
}

impl<'a> Iterator for Entries<'a> {
    type Item = (&'a [u8], Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let key = self.inside.split_first()?.as_bytes()?;
        Some((key, self.inside.split_first()?))
    }
}

/// How long the first of some values is; `None` when there is none.
fn first_length(values: &[u8]) -> Option<usize> {
    let (mut at, mut depth) = (0usize, 0usize);
    loop {
        match values.get(at)? {
            b'l' | b'd' => {
                depth += 1;
                at += 1;
            }
            b'e' => {
                depth = depth.checked_sub(1)?;
                at += 1;
            }
            b'i' => at += 1 + values.get(at..)?.iter().position(|byte| *byte == b'e')?,
            _ => at = string_end(values, at)?,
        }
        if depth == 0 {
            return (at <= values.len()).then_some(at);
        }
    }
}

fn string_end(values: &[u8], start: usize) -> Option<usize> {
    let mut length = 0usize;
    for (index, byte) in values.get(start..)?.iter().enumerate() {
        match byte {
            b'0'..=b'9' => {
                length = length
                    .checked_mul(10)?
                    .checked_add(usize::from(byte - b'0'))?;
            }
            _ => return (start + index + 1).checked_add(length),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bencode::parse;
    use alloc::vec::Vec;

    fn value(bytes: &[u8]) -> Value<'_> {
        parse(bytes, Mode::Lenient, Limits::FILE).expect("the test's bencode is right")
    }

    #[test]
    fn each_kind_answers_for_itself_only() {
        let int = value(b"i-42e");
        assert_eq!(
            (int.kind(), int.as_int(), int.as_bytes()),
            (Kind::Integer, Some(-42), None)
        );
        let string = value(b"4:spam");
        assert_eq!((string.kind(), string.as_int()), (Kind::String, None));
        assert_eq!(
            (string.as_bytes(), string.as_str()),
            (Some(&b"spam"[..]), Some("spam"))
        );
        assert_eq!(value(b"1:\xff").as_str(), None);
        let list = value(b"li1e0:ld1:a1:bee3:abce");
        let raws: Vec<&[u8]> = list.as_list().expect("a list").map(Value::raw).collect();
        assert_eq!(raws, [&b"i1e"[..], b"0:", b"ld1:a1:bee", b"3:abc"]);
        assert!(list.entries().is_none() && list.find(b"a").is_none());
        assert!(value(b"de").as_list().is_none());
    }

    #[test]
    fn a_dictionary_gives_its_raw_spans() {
        let torrent = value(b"d8:announce3:url4:infod1:bi2e1:ai1eee");
        let info = torrent.find(b"info").expect("an info");
        assert_eq!(info.span(), 22..36);
        assert_eq!(info.raw(), b"d1:bi2e1:ai1ee");
        assert_eq!(info.find(b"a").and_then(Value::as_int), Some(1));
        assert_eq!(info.find(b"c"), None);
    }

    #[test]
    fn of_two_equal_keys_the_first_wins() {
        let dict = value(b"d1:ai1e1:ai2ee");
        assert_eq!(dict.find(b"a").and_then(Value::as_int), Some(1));
        assert_eq!(dict.entries().expect("a dictionary").count(), 2);
    }

    #[test]
    fn lenient_forms_keep_their_meaning() {
        assert_eq!(value(b"i-0e").as_int(), Some(0));
        assert_eq!(value(b"i007e").as_int(), Some(7));
        assert_eq!(value(b"003:abc").as_bytes(), Some(&b"abc"[..]));
    }

    #[test]
    fn offsets_are_those_of_the_whole_input() {
        let list = value(b"l4:spami03ee");
        let int = list
            .as_list()
            .and_then(|mut values| values.nth(1))
            .expect("two values");
        assert_eq!(int.check_strict().expect_err("a leading zero").offset, 7);
    }
}
