//! Bytes written as text: hex and base 32.
//!
//! People type and paste these (info-hashes in magnet links, keys on a command line), so the
//! errors say what a good one looks like and how long it is.

use alloc::string::String;
use data_encoding::{BASE32_NOPAD_NOCASE, Encoding, HEXLOWER, HEXLOWER_PERMISSIVE};

/// Says why a text is not the bytes it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// The wrong number of characters.
    #[error("{what} in {base} has {expected} characters, this one has {found}")]
    Length {
        /// What should be there, with its article: `a SHA-1`.
        what: &'static str,
        /// How it is written: `hex` or `base 32`.
        base: &'static str,
        /// The number of characters it must have.
        expected: usize,
        /// The number it has.
        found: usize,
    },
    /// A character that the encoding does not use.
    #[error("{what} in {base} has no {character:?}, this one has it as character {position}")]
    Character {
        /// What should be there, with its article.
        what: &'static str,
        /// How it is written.
        base: &'static str,
        /// The first character that is wrong.
        character: char,
        /// Its position, counted from 1.
        position: usize,
    },
    /// Bits beyond the last byte that are not zero, so that two texts would mean the same bytes.
    #[error("{what} in {base} cannot end with this character")]
    Ending {
        /// What should be there, with its article.
        what: &'static str,
        /// How it is written.
        base: &'static str,
    },
}

/// Writes `bytes` in lower-case hex.
#[must_use]
pub fn to_hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

/// Reads exactly `N` bytes of hex, in either case; `what` (`a SHA-1`) is for the error.
///
/// # Errors
/// [`TextError`]
pub fn from_hex<const N: usize>(what: &'static str, text: &str) -> Result<[u8; N], TextError> {
    decode(what, "hex", &HEXLOWER_PERMISSIVE, text)
}

/// Writes `bytes` in upper-case base 32 (RFC 4648) without padding.
#[must_use]
pub fn to_base32(bytes: &[u8]) -> String {
    data_encoding::BASE32_NOPAD.encode(bytes)
}

/// Reads exactly `N` bytes of base 32 (RFC 4648) without padding, in either case; `what` is for the
/// error.
///
/// # Errors
/// [`TextError`]
pub fn from_base32<const N: usize>(what: &'static str, text: &str) -> Result<[u8; N], TextError> {
    decode(what, "base 32", &BASE32_NOPAD_NOCASE, text)
}

fn decode<const N: usize>(
    what: &'static str,
    base: &'static str,
    encoding: &Encoding,
    text: &str,
) -> Result<[u8; N], TextError> {
    let expected = encoding.encode_len(N);
    let found = text.chars().count();
    if found != expected {
        return Err(TextError::Length {
            what,
            base,
            expected,
            found,
        });
    }
    // A character beyond ASCII makes the text longer in bytes, and decoding it fails just so.
    if let Some((index, character)) = text
        .chars()
        .enumerate()
        .find(|(_, character)| !is_symbol(encoding, *character))
    {
        return Err(TextError::Character {
            what,
            base,
            character,
            position: index + 1,
        });
    }
    let mut array = [0; N];
    match encoding.decode_mut(text.as_bytes(), &mut array) {
        Ok(_) => Ok(array),
        Err(_) => Err(TextError::Ending { what, base }),
    }
}

fn is_symbol(encoding: &Encoding, character: char) -> bool {
    let specification = encoding.specification();
    specification.symbols.contains(character) || specification.translate.from.contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn hex_both_ways() {
        assert_eq!(to_hex(&[0, 0xab, 0xff]), "00abff");
        assert_eq!(from_hex("a key", "00ABff"), Ok([0, 0xab, 0xff]));
    }

    #[test]
    fn base32_both_ways() {
        // RFC 4648, section 10.
        assert_eq!(to_base32(b"foobar"), "MZXW6YTBOI");
        assert_eq!(from_base32("a word", "mzxw6ytboi"), Ok(*b"foobar"));
    }

    #[test]
    fn errors_say_what_a_good_one_looks_like() {
        let short = from_base32::<20>("a SHA-1", "ABCDEFG").expect_err("too short");
        assert_eq!(
            short.to_string(),
            "a SHA-1 in base 32 has 32 characters, this one has 7"
        );
        let wrong = from_hex::<3>("a key", "00gé00").expect_err("not hex");
        assert_eq!(
            wrong.to_string(),
            "a key in hex has no 'g', this one has it as character 3"
        );
        assert_eq!(
            from_hex::<1>("a key", "é"),
            Err(TextError::Length {
                what: "a key",
                base: "hex",
                expected: 2,
                found: 1
            })
        );
        // Two characters carry ten bits; the last two must be zero for one byte.
        assert_eq!(
            from_base32::<1>("a byte", "AB"),
            Err(TextError::Ending {
                what: "a byte",
                base: "base 32"
            })
        );
    }
}
