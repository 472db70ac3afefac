//! Walks bencode once and checks all of it.
//!
//! The walk keeps one small frame a level of nesting and nothing an item, so its memory is bounded
//! by [`Limits::depth`].

use crate::bencode::Value;
use crate::malformed::{Malformed, Problem};
use alloc::vec::Vec;
use core::ops::Range;

/// The name under which the syntax itself is blamed.
pub(super) const FIELD: &str = "bencode";

/// How much a decoder forgives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Every value has one form only: for what must be hashed or signed anew, and our own files.
    Strict,
    /// Also takes keys unsorted or twice (the first wins), leading zeros and `-0`, as torrent files
    /// and messages in the wild have them. [`Value::check_strict`] tells which is which.
    Lenient,
}

/// How much a decoder is willing to walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Lists and dictionaries that may be open at once.
    pub depth: usize,
    /// Values, and keys of dictionaries, in all.
    pub items: usize,
}

impl Limits {
    /// For files: 100 levels, and 2,000,000 items, which is a torrent of some 280,000 files.
    pub const FILE: Self = Self {
        depth: 100,
        items: 2_000_000,
    };
    /// For messages of a few kilobytes: 100 levels, 1,000 items.
    pub const MESSAGE: Self = Self {
        depth: 100,
        items: 1_000,
    };
}

/// Reads the one value that takes up all of `bytes`.
///
/// # Errors
/// [`Malformed`] with the offset at which the bytes stop being bencode within `limits`.
pub fn parse(bytes: &[u8], mode: Mode, limits: Limits) -> Result<Value<'_>, Malformed> {
    let (value, used) = parse_prefix(bytes, mode, limits)?;
    match bytes.len() - used {
        0 => Ok(value),
        trailing => Err(Malformed::new(
            FIELD,
            used,
            Problem::Trailing { bytes: trailing },
        )),
    }
}

/// Reads the value at the start of `bytes` and tells how many bytes it takes up: in a message of
/// `ut_metadata` (BEP 9) the payload follows.
///
/// # Errors
/// As [`parse`], but for trailing bytes.
pub fn parse_prefix(
    bytes: &[u8],
    mode: Mode,
    limits: Limits,
) -> Result<(Value<'_>, usize), Malformed> {
    let end = check(bytes, 0, mode, limits)?;
    Ok((Value::from_checked(bytes, 0..end), end))
}

/// Checks the value that begins at `start` and tells where it ends.
pub(super) fn check(
    input: &[u8],
    start: usize,
    mode: Mode,
    limits: Limits,
) -> Result<usize, Malformed> {
    let mut walk = Walk {
        input,
        at: start,
        mode,
        limits,
        items: 0,
        open: Vec::new(),
    };
    walk.item()?;
    while !walk.open.is_empty() {
        walk.item()?;
    }
    Ok(walk.at)
}

/// A list or dictionary whose end has not come yet.
enum Open {
    List,
    /// A dictionary that waits for a key or its end; the last key's bytes, if there was one.
    Key(Range<usize>),
    /// A dictionary that waits for the value of this key.
    Value(Range<usize>),
}

struct Walk<'a> {
    input: &'a [u8],
    at: usize,
    mode: Mode,
    limits: Limits,
    items: usize,
    open: Vec<Open>,
}

impl Walk<'_> {
    /// Steps over a key, a value, or the start or end of a list or dictionary.
    fn item(&mut self) -> Result<(), Malformed> {
        match (self.open.last(), self.input.get(self.at)) {
            (_, None) => Err(self.missing(1)),
            (Some(Open::List | Open::Key(_)), Some(b'e')) => {
                self.at += 1;
                self.open.pop();
                Ok(())
            }
            (Some(Open::Key(previous)), Some(b'0'..=b'9')) => {
                let previous = previous.clone();
                self.key(previous)
            }
            (Some(Open::Key(_)), Some(_)) => Err(self.invalid("a string as key, or the end `e`")),
            (_, Some(first)) => {
                let first = *first;
                self.value(first)
            }
        }
    }

    fn key(&mut self, previous: Range<usize>) -> Result<(), Malformed> {
        self.count()?;
        let start = self.at;
        let key = self.string()?;
        // Before the first key `previous` is empty and begins at 0, where no key's bytes can be.
        if self.mode == Mode::Strict && previous.start > 0 {
            let ascending = self.input.get(previous) < self.input.get(key.clone());
            if !ascending {
                let expected = "keys in ascending order, each once";
                return Err(Malformed::invalid(FIELD, start, expected));
            }
        }
        if let Some(dict) = self.open.last_mut() {
            *dict = Open::Value(key);
        }
        Ok(())
    }

    fn value(&mut self, first: u8) -> Result<(), Malformed> {
        self.count()?;
        if let Some(dict @ Open::Value(_)) = self.open.last_mut()
            && let Open::Value(key) = core::mem::replace(dict, Open::List)
        {
            *dict = Open::Key(key);
        }
        match first {
            b'0'..=b'9' => self.string().map(drop),
            b'i' => self.integer(),
            b'l' => self.enter(Open::List),
            b'd' => self.enter(Open::Key(0..0)),
            _ => Err(self.invalid("a value (a digit, `i`, `l` or `d`)")),
        }
    }

    fn enter(&mut self, container: Open) -> Result<(), Malformed> {
        if self.open.len() >= self.limits.depth {
            let max = self.limits.depth as u64;
            return Err(Malformed::new(FIELD, self.at, Problem::TooDeep { max }));
        }
        self.open.push(container);
        self.at += 1;
        Ok(())
    }

    /// Steps over `<length>:<bytes>` and tells where the bytes are.
    fn string(&mut self) -> Result<Range<usize>, Malformed> {
        let start = self.at;
        let (length, digits) = self.digits("a length below 2^63")?;
        if self.mode == Mode::Strict && digits > 1 && self.input.get(start) == Some(&b'0') {
            return Err(Malformed::invalid(
                FIELD,
                start,
                "a length without leading zeros",
            ));
        }
        self.expect(b':', "a digit or `:`")?;
        let available = self.input.len() - self.at;
        match usize::try_from(length) {
            Ok(length) if length <= available => {
                let content = self.at..self.at + length;
                self.at = content.end;
                Ok(content)
            }
            Ok(length) => Err(self.missing(length - available)),
            Err(_) => Err(self.missing(usize::MAX)),
        }
    }

    /// Steps over `i<decimal>e`.
    fn integer(&mut self) -> Result<(), Malformed> {
        let start = self.at;
        self.at += 1;
        let negative = self.input.get(self.at) == Some(&b'-');
        if negative {
            self.at += 1;
        }
        let first = self.input.get(self.at).copied();
        let (magnitude, digits) = self.digits("an integer between -2^63 and 2^63-1")?;
        if !negative && magnitude > i64::MAX as u64 {
            let expected = "an integer between -2^63 and 2^63-1";
            return Err(Malformed::invalid(FIELD, start, expected));
        }
        let leading_zero = first == Some(b'0') && (digits > 1 || negative);
        if self.mode == Mode::Strict && leading_zero {
            let expected = "an integer without leading zeros or `-0`";
            return Err(Malformed::invalid(FIELD, start, expected));
        }
        self.expect(b'e', "a digit or the integer's end `e`")
    }

    /// Steps over one digit or more; gives their value, at most 2^63, and their number.
    fn digits(&mut self, expected: &'static str) -> Result<(u64, usize), Malformed> {
        let start = self.at;
        let mut value = 0u64;
        while let Some(digit @ b'0'..=b'9') = self.input.get(self.at) {
            value = value
                .checked_mul(10)
                .and_then(|value| value.checked_add(u64::from(digit - b'0')))
                .filter(|value| *value <= 1 << 63)
                .ok_or(Malformed::invalid(FIELD, start, expected))?;
            self.at += 1;
        }
        match (self.at - start, self.input.get(self.at)) {
            (0, None) => Err(self.missing(1)),
            (0, Some(_)) => Err(self.invalid("a digit")),
            (digits, _) => Ok((value, digits)),
        }
    }

    fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), Malformed> {
        match self.input.get(self.at) {
            Some(found) if *found == byte => {
                self.at += 1;
                Ok(())
            }
            Some(_) => Err(self.invalid(expected)),
            None => Err(self.missing(1)),
        }
    }

    fn count(&mut self) -> Result<(), Malformed> {
        self.items += 1;
        if self.items > self.limits.items {
            let max = self.limits.items as u64;
            return Err(Malformed::new(FIELD, self.at, Problem::TooMany { max }));
        }
        Ok(())
    }

    const fn missing(&self, bytes: usize) -> Malformed {
        Malformed::new(FIELD, self.at, Problem::Missing { bytes })
    }

    const fn invalid(&self, expected: &'static str) -> Malformed {
        Malformed::invalid(FIELD, self.at, expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn strict(bytes: &[u8]) -> Result<Value<'_>, Malformed> {
        parse(bytes, Mode::Strict, Limits::FILE)
    }

    fn lenient(bytes: &[u8]) -> Result<Value<'_>, Malformed> {
        parse(bytes, Mode::Lenient, Limits::FILE)
    }

    #[test]
    fn accepts_the_vectors() {
        let vectors: [&[u8]; 9] = [
            b"4:spam",
            b"i3e",
            b"i-3e",
            b"l4:spam4:eggse",
            b"d3:cow3:moo4:spam4:eggse",
            b"d4:spaml1:a1:bee",
            b"0:",
            b"le",
            b"de",
        ];
        for vector in vectors {
            assert_eq!(strict(vector).map(|value| value.raw()), Ok(vector));
            assert_eq!(lenient(vector).map(|value| value.raw()), Ok(vector));
        }
    }

    #[test]
    fn rejects_in_both_modes_what_has_no_meaning() {
        let vectors: [&[u8]; 15] = [
            b"",
            b"ie",
            b"i-e",
            b"-1:a",
            b"di1ei2ee",
            b"1:",
            b"l",
            b"i1",
            b"i+1e",
            b"i 1e",
            b"d1:ae",
            b"i1",
            b"1",
            b"e",
            b"4:spamx",
        ];
        for vector in vectors {
            assert!(strict(vector).is_err(), "{vector:?}");
            assert!(lenient(vector).is_err(), "{vector:?}");
        }
    }

    #[test]
    fn rejects_in_strict_mode_only_what_has_another_form() {
        let vectors: [&[u8]; 6] = [
            b"i-0e",
            b"i03e",
            b"03:abc",
            b"d1:b0:1:a0:e",
            b"d1:a0:1:a0:e",
            b"d1:b0:0:0:e",
        ];
        for vector in vectors {
            assert!(strict(vector).is_err(), "{vector:?}");
            let value = lenient(vector).expect("lenient takes it");
            assert_eq!(value.check_strict(), strict(vector).map(drop));
        }
    }

    #[test]
    fn integers_are_bounded_by_64_bits() {
        assert_eq!(
            strict(b"i9223372036854775807e").map(|v| v.as_int()),
            Ok(Some(i64::MAX))
        );
        assert_eq!(
            strict(b"i-9223372036854775808e").map(|v| v.as_int()),
            Ok(Some(i64::MIN))
        );
        for over in [
            &b"i9223372036854775808e"[..],
            b"i-9223372036854775809e",
            b"i99999999999999999999e",
        ] {
            assert!(lenient(over).is_err());
        }
    }

    #[test]
    fn a_length_is_checked_against_the_input() {
        let missing =
            |offset, bytes| Some(Malformed::new(FIELD, offset, Problem::Missing { bytes }));
        assert_eq!(strict(b"l6:spame").err(), missing(3, 1));
        assert_eq!(strict(b"l5:spame").err(), missing(8, 1));
        assert_eq!(
            strict(b"9223372036854775807:").err(),
            missing(20, i64::MAX as usize)
        );
    }

    #[test]
    fn limits_hold() {
        let deep = |depth: usize| [b"l".repeat(depth), b"e".repeat(depth)].concat();
        assert!(strict(&deep(100)).is_ok());
        let error = strict(&deep(101)).expect_err("one level too many");
        assert_eq!(
            error,
            Malformed::new(FIELD, 100, Problem::TooDeep { max: 100 })
        );
        assert!(strict(&b"l".repeat(1 << 20)).is_err());

        let limits = Limits { depth: 1, items: 3 };
        assert!(parse(b"d1:ai1ee", Mode::Strict, limits).is_ok());
        let error = parse(b"li1ei2ei3ee", Mode::Strict, limits).expect_err("four items");
        assert_eq!(error, Malformed::new(FIELD, 7, Problem::TooMany { max: 3 }));
    }

    #[test]
    fn a_prefix_leaves_the_payload() {
        let message = b"d5:piecei0ee\x00payload";
        let (value, used) =
            parse_prefix(message, Mode::Lenient, Limits::MESSAGE).expect("a dictionary");
        assert_eq!(value.raw(), b"d5:piecei0ee");
        assert_eq!(message.split_at(used).1, b"\x00payload");
    }

    #[test]
    fn errors_say_where_and_what() {
        let error = strict(b"d1:ai1e2:bbx").expect_err("x is no value");
        assert_eq!(
            error.to_string(),
            "bencode: expected a value (a digit, `i`, `l` or `d`) at offset 11"
        );
    }
}
