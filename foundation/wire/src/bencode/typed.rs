//! Values with the type that a specification gives them.
//!
//! What one asks for by name and type is either there or a [`Malformed`] that names it: the
//! code that reads a torrent file is then a list of its fields. Every `optional_` method takes a
//! missing key for `None`, and a value of the wrong type for an error; where a wrong type is to be
//! overlooked too, go by [`Dict::find`] and the `as_` methods of [`Value`].

use crate::bencode::{Entries, Value, Values};
use crate::malformed::{Malformed, Problem};
use core::ops::RangeInclusive;

/// A value that is a dictionary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dict<'a>(Value<'a>);

/// A value that is a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct List<'a>(Value<'a>);

/// What a specification calls the value is the `field` to blame when it is of another type.
impl<'a> Value<'a> {
    /// Takes it for an integer.
    ///
    /// # Errors
    /// [`Problem::Invalid`] if it is none, as for all types below.
    pub fn int(self, field: &'static str) -> Result<i64, Malformed> {
        self.as_int().ok_or(self.invalid(field, "an integer"))
    }

    /// Takes it for an integer within `range`.
    ///
    /// # Errors
    /// Also [`Problem::OutOfRange`].
    pub fn int_in(self, field: &'static str, range: RangeInclusive<i64>) -> Result<i64, Malformed> {
        let value = self.int(field)?;
        if range.contains(&value) {
            return Ok(value);
        }
        let (min, max) = range.into_inner();
        Err(self.malformed(field, Problem::OutOfRange { value, min, max }))
    }

    /// Takes it for a string of bytes.
    ///
    /// # Errors
    /// [`Problem::Invalid`]
    pub fn bytes(self, field: &'static str) -> Result<&'a [u8], Malformed> {
        self.as_bytes().ok_or(self.invalid(field, "a string"))
    }

    /// Takes it for a string of `N` bytes: a hash, a peer id.
    ///
    /// # Errors
    /// Also [`Problem::Missing`] and [`Problem::TooLong`].
    pub fn array<const N: usize>(self, field: &'static str) -> Result<[u8; N], Malformed> {
        let bytes = self.bytes(field)?;
        bytes
            .try_into()
            .map_err(|_| match N.checked_sub(bytes.len()) {
                Some(missing) => self.malformed(field, Problem::Missing { bytes: missing }),
                None => {
                    let (len, max) = (bytes.len() as u64, N as u64);
                    self.malformed(field, Problem::TooLong { len, max })
                }
            })
    }

    /// Takes it for a string of UTF-8.
    ///
    /// # Errors
    /// [`Problem::Invalid`]
    pub fn text(self, field: &'static str) -> Result<&'a str, Malformed> {
        self.as_str()
            .ok_or(self.invalid(field, "a string of UTF-8"))
    }

    /// Takes it for a list.
    ///
    /// # Errors
    /// [`Problem::Invalid`]
    pub fn list(self, field: &'static str) -> Result<List<'a>, Malformed> {
        self.as_list()
            .map(|_| List(self))
            .ok_or(self.invalid(field, "a list"))
    }

    /// Takes it for a dictionary.
    ///
    /// # Errors
    /// [`Problem::Invalid`]
    pub fn dict(self, field: &'static str) -> Result<Dict<'a>, Malformed> {
        self.as_dict().ok_or(self.invalid(field, "a dictionary"))
    }

    /// Gives the dictionary, if it is one.
    #[must_use]
    pub fn as_dict(self) -> Option<Dict<'a>> {
        self.entries().map(|_| Dict(self))
    }

    /// Blames `field`, whose value this is, for `problem`.
    #[must_use]
    pub const fn malformed(self, field: &'static str, problem: Problem) -> Malformed {
        Malformed::new(field, self.span().start, problem)
    }

    /// Blames `field`, whose value this is, for not being what is `expected`.
    #[must_use]
    pub const fn invalid(self, field: &'static str, expected: &'static str) -> Malformed {
        self.malformed(field, Problem::Invalid(expected))
    }
}

impl<'a> List<'a> {
    /// Gives the list as a value, for its span.
    #[must_use]
    pub const fn value(self) -> Value<'a> {
        self.0
    }

    /// Walks the values.
    #[must_use]
    pub const fn iter(self) -> Values<'a> {
        self.0.values()
    }
}

impl<'a> IntoIterator for List<'a> {
    type Item = Value<'a>;
    type IntoIter = Values<'a>;

    fn into_iter(self) -> Values<'a> {
        self.iter()
    }
}

/// Keys are the names of the fields that errors blame.
impl<'a> Dict<'a> {
    /// Gives the dictionary as a value, for its span.
    #[must_use]
    pub const fn value(self) -> Value<'a> {
        self.0
    }

    /// Walks keys and values in the order in which they stand.
    #[must_use]
    pub const fn entries(self) -> Entries<'a> {
        self.0.keys_and_values()
    }

    /// Finds the first value under `key`.
    #[must_use]
    pub fn find(self, key: &[u8]) -> Option<Value<'a>> {
        self.0.find(key)
    }

    /// Demands a value under `key`.
    ///
    /// # Errors
    /// [`Problem::Absent`] at the dictionary's offset, as for all required fields below.
    pub fn required(self, key: &'static str) -> Result<Value<'a>, Malformed> {
        self.optional(key)
            .ok_or(self.0.malformed(key, Problem::Absent))
    }

    /// Finds the first value under `key`; for keys of other bytes than text see [`Dict::find`].
    #[must_use]
    pub fn optional(self, key: &str) -> Option<Value<'a>> {
        self.find(key.as_bytes())
    }

    /// Demands an integer.
    ///
    /// # Errors
    /// [`Problem::Absent`], [`Problem::Invalid`]
    pub fn int(self, key: &'static str) -> Result<i64, Malformed> {
        self.required(key)?.int(key)
    }

    /// Takes an integer if the key is there.
    ///
    /// # Errors
    /// [`Problem::Invalid`]
    pub fn optional_int(self, key: &'static str) -> Result<Option<i64>, Malformed> {
        self.optional(key).map(|value| value.int(key)).transpose()
    }

    /// Demands an integer within `range`.
    ///
    /// # Errors
    /// Also [`Problem::OutOfRange`]
    pub fn int_in(self, key: &'static str, range: RangeInclusive<i64>) -> Result<i64, Malformed> {
        self.required(key)?.int_in(key, range)
    }

    /// Takes an integer within `range` if the key is there.
    ///
    /// # Errors
    /// Also [`Problem::OutOfRange`]
    pub fn optional_int_in(
        self,
        key: &'static str,
        range: RangeInclusive<i64>,
    ) -> Result<Option<i64>, Malformed> {
        self.optional(key)
            .map(|value| value.int_in(key, range))
            .transpose()
    }

    /// Demands a string of bytes.
    ///
    /// # Errors
    /// [`Problem::Absent`], [`Problem::Invalid`]
    pub fn bytes(self, key: &'static str) -> Result<&'a [u8], Malformed> {
        self.required(key)?.bytes(key)
    }

    /// Takes a string of bytes if the key is there.
    ///
    /// # Errors
    /// [`Problem::Invalid`]
    pub fn optional_bytes(self, key: &'static str) -> Result<Option<&'a [u8]>, Malformed> {
        self.optional(key).map(|value| value.bytes(key)).transpose()
    }

    /// Demands a string of `N` bytes.
    ///
    /// # Errors
    /// Also [`Problem::Missing`], [`Problem::TooLong`]
    pub fn array<const N: usize>(self, key: &'static str) -> Result<[u8; N], Malformed> {
        self.required(key)?.array(key)
    }

    /// Takes a string of `N` bytes if the key is there.
    ///
    /// # Errors
    /// Also [`Problem::Missing`], [`Problem::TooLong`]
    pub fn optional_array<const N: usize>(
        self,
        key: &'static str,
    ) -> Result<Option<[u8; N]>, Malformed> {
        self.optional(key).map(|value| value.array(key)).transpose()
    }

    /// Demands a string of UTF-8.
    ///
    /// # Errors
    /// [`Problem::Absent`], [`Problem::Invalid`]
    pub fn text(self, key: &'static str) -> Result<&'a str, Malformed> {
        self.required(key)?.text(key)
    }

    /// Takes a string of UTF-8 if the key is there.
    ///
    /// # Errors
    /// [`Problem::Invalid`]
    pub fn optional_text(self, key: &'static str) -> Result<Option<&'a str>, Malformed> {
        self.optional(key).map(|value| value.text(key)).transpose()
    }

    /// Demands a list.
    ///
    /// # Errors
    /// [`Problem::Absent`], [`Problem::Invalid`]
    pub fn list(self, key: &'static str) -> Result<List<'a>, Malformed> {
        self.required(key)?.list(key)
    }

    /// Takes a list if the key is there.
    ///
    /// # Errors
    /// [`Problem::Invalid`]
    pub fn optional_list(self, key: &'static str) -> Result<Option<List<'a>>, Malformed> {
        self.optional(key).map(|value| value.list(key)).transpose()
    }

    /// Demands a dictionary.
    ///
    /// # Errors
    /// [`Problem::Absent`], [`Problem::Invalid`]
    pub fn dict(self, key: &'static str) -> Result<Self, Malformed> {
        self.required(key)?.dict(key)
    }

    /// Takes a dictionary if the key is there.
    ///
    /// # Errors
    /// [`Problem::Invalid`]
    pub fn optional_dict(self, key: &'static str) -> Result<Option<Self>, Malformed> {
        self.optional(key).map(|value| value.dict(key)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bencode::{Limits, Mode, parse};
    use alloc::string::ToString;
    use alloc::vec::Vec;

    fn dict(bytes: &[u8]) -> Dict<'_> {
        let value = parse(bytes, Mode::Lenient, Limits::FILE).expect("the test's bencode is right");
        value.dict("test").expect("a dictionary")
    }

    #[test]
    fn fields_come_with_their_type() {
        let dict = dict(b"d1:ade1:bi7e1:lli1ei2ee1:s2:hie");
        assert_eq!(dict.int("b"), Ok(7));
        assert_eq!(dict.int_in("b", 0..=7), Ok(7));
        assert_eq!(dict.bytes("s"), Ok(&b"hi"[..]));
        assert_eq!(dict.text("s"), Ok("hi"));
        assert_eq!(dict.array("s"), Ok(*b"hi"));
        assert_eq!(dict.dict("a").map(|a| a.entries().count()), Ok(0));
        let list: Vec<_> = dict
            .list("l")
            .expect("a list")
            .iter()
            .map(Value::as_int)
            .collect();
        assert_eq!(list, [Some(1), Some(2)]);
        assert_eq!(dict.optional_int("z"), Ok(None));
        assert_eq!(dict.optional_int("b"), Ok(Some(7)));
    }

    #[test]
    fn errors_name_the_field_and_its_offset() {
        let outer = dict(b"d4:infod12:piece length2:hi4:porti-1eee");
        let info = outer.dict("info").expect("an info");
        let message = |error: Malformed| error.to_string();
        assert_eq!(
            info.int("piece length").map_err(message),
            Err("piece length: expected an integer at offset 23".to_string())
        );
        assert_eq!(
            info.optional_int("piece length").map_err(message),
            Err("piece length: expected an integer at offset 23".to_string())
        );
        assert_eq!(
            info.text("name").map_err(message),
            Err("name: absent from the dictionary at offset 7".to_string())
        );
        assert_eq!(
            info.int_in("port", 1..=65535).map_err(message),
            Err("port: -1 is not between 1 and 65535 at offset 33".to_string())
        );
        let problem = |result: Result<[u8; 3], Malformed>| result.map_err(|error| error.problem);
        assert_eq!(
            problem(info.array("piece length")),
            Err(Problem::Missing { bytes: 1 })
        );
        assert_eq!(
            info.array::<1>("piece length")
                .map_err(|error| error.problem),
            Err(Problem::TooLong { len: 2, max: 1 })
        );
    }
}
