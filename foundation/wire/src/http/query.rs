//! Percent-encoding (RFC 3986, section 2.1) and the query strings made of it.
//!
//! A tracker's query carries hashes as raw bytes, so everything here is about bytes, not text.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

/// Writes each byte that is not in `[A-Za-z0-9-._~]` as `%XX`.
#[must_use]
pub fn percent_encode(bytes: &[u8]) -> String {
    let mut out = Vec::with_capacity(3 * bytes.len());
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(*byte),
            _ => push_percent(&mut out, *byte),
        }
    }
    String::from_utf8(out).expect("only ASCII was written")
}

/// Reads each `%XX` as one byte. What only looks like one, as in `100%`, stays as it is.
#[must_use]
pub fn percent_decode(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'%') {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        let escaped = behind.split_first_chunk().and_then(|([high, low], after)| {
            let byte = hex_digit(*high)? << 4 | hex_digit(*low)?;
            (*first == b'%').then_some((byte, after))
        });
        let (byte, after) = escaped.unwrap_or((*first, behind));
        out.push(byte);
        rest = after;
    }
    Cow::Owned(out)
}

/// Walks the decoded keys and values of `key=value&key=value`; a key without `=` has an empty
/// value.
///
/// A `+` is a space, as forms have it: those who follow BEP 3 write a real plus as `%2B`.
#[must_use]
pub const fn query_pairs(query: &str) -> QueryPairs<'_> {
    QueryPairs {
        rest: Some(query.as_bytes()),
    }
}

/// The iterator of [`query_pairs`].
#[derive(Debug, Clone)]
pub struct QueryPairs<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Iterator for QueryPairs<'a> {
    type Item = (Cow<'a, [u8]>, Cow<'a, [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (pair, rest) = split(self.rest?, b'&');
            self.rest = rest;
            if !pair.is_empty() {
                let (key, value) = split(pair, b'=');
                return Some((form_decode(key), form_decode(value.unwrap_or_default())));
            }
        }
    }
}

pub(super) fn push_percent(out: &mut Vec<u8>, byte: u8) {
    let digit = |nibble: u8| {
        if nibble < 10 {
            b'0' + nibble
        } else {
            b'A' + nibble - 10
        }
    };
    out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]);
}

fn form_decode(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'+') {
        return percent_decode(text);
    }
    let spaced: Vec<u8> = text
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    Cow::Owned(percent_decode(&spaced).into_owned())
}

/// Splits at the first `separator`.
fn split(text: &[u8], separator: u8) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(separator, text).and_then(|at| text.split_at_checked(at)) {
        Some((before, behind)) => (before, behind.get(1..)),
        None => (text, None),
    }
}

const fn hex_digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        b'A'..=b'F' => Some(character - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::from_hex;

    #[test]
    fn an_info_hash_both_ways() {
        let hash: [u8; 20] =
            from_hex("a SHA-1", "9cd9698af555751a9186ae066c57ea21572335e0").expect("hex");
        let encoded = "%9C%D9i%8A%F5Uu%1A%91%86%AE%06lW%EA%21W%235%E0";
        assert_eq!(percent_encode(&hash), encoded);
        assert_eq!(&percent_decode(encoded.as_bytes())[..], hash);
        assert_eq!(&percent_decode(b"%9c%d9i")[..], b"\x9c\xd9i");
    }

    #[test]
    fn what_only_looks_escaped_stays() {
        assert_eq!(&percent_decode(b"100%")[..], b"100%");
        assert_eq!(&percent_decode(b"%4")[..], b"%4");
        assert_eq!(&percent_decode(b"%zz%%41+")[..], b"%zz%A+");
        assert!(matches!(percent_decode(b"plain"), Cow::Borrowed(_)));
    }

    #[test]
    fn pairs_in_their_order() {
        let pairs: Vec<_> = query_pairs("a=%00%ff&&b=c=d&e&f=x+y%2B&").collect();
        let expected: [(&[u8], &[u8]); 4] = [
            (b"a", b"\x00\xff"),
            (b"b", b"c=d"),
            (b"e", b""),
            (b"f", b"x y+"),
        ];
        assert_eq!(pairs.len(), expected.len());
        for (found, expected) in pairs.iter().zip(expected) {
            assert_eq!((&found.0[..], &found.1[..]), expected);
        }
        assert_eq!(query_pairs("").count(), 0);
    }
}
