//! The header lines of a head: names that ignore case, and values.

use crate::malformed::{Malformed, Problem};
use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// How many header lines a head may have; browsers send about 20, proxies add a few.
pub const HEADERS_MAX: usize = 64;

/// Header lines in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// Starts without any.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Appends a line.
    pub fn push(&mut self, name: &str, value: &str) {
        self.0.push((name.to_owned(), value.to_owned()));
    }

    /// Finds the value of the first line with this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Walks the values of all lines with this name.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.iter()
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// Tells whether `token` is among the comma-separated words of the lines with this name, as
    /// `close` in `Connection: close`.
    #[must_use]
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        self.all(name)
            .flat_map(|value| value.split(','))
            .any(|word| word.trim().eq_ignore_ascii_case(token))
    }

    /// Walks names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Reads one line without its end and appends it; `offset` is where it stands in the head.
    ///
    /// A value is lossy where it is not UTF-8: no header that matters here is, and one that does
    /// not matter must not spoil the rest.
    pub(super) fn push_line(&mut self, line: &[u8], offset: usize) -> Result<(), Malformed> {
        if self.0.len() >= HEADERS_MAX {
            let max = HEADERS_MAX as u64;
            return Err(Malformed::new("header", offset, Problem::TooMany { max }));
        }
        let (name, value) = memchr::memchr(b':', line)
            .and_then(|colon| line.split_at_checked(colon))
            .filter(|(name, _)| !name.is_empty() && name.iter().all(|byte| is_token(*byte)))
            .ok_or(Malformed::invalid(
                "header",
                offset,
                "a name, `:` and a value",
            ))?;
        let value = value.strip_prefix(b":").unwrap_or(value);
        if let Some(index) = value.iter().position(|byte| is_control(*byte)) {
            let at = offset + name.len() + 1 + index;
            return Err(Malformed::invalid(
                "header",
                at,
                "a value without control characters",
            ));
        }
        let name = String::from_utf8_lossy(name).into_owned();
        let value = String::from_utf8_lossy(value)
            .trim_matches([' ', '\t'])
            .to_string();
        self.0.push((name, value));
        Ok(())
    }

    /// Writes all lines. What cannot stand in one is replaced, so that no value, wherever it came
    /// from, can end its line and begin another.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        for (name, value) in self.iter() {
            push_token(out, name);
            out.extend_from_slice(b": ");
            out.extend(
                value
                    .bytes()
                    .map(|byte| if is_control(byte) { b' ' } else { byte }),
            );
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// Writes a method or a header's name; other characters than a token's become `-`.
pub(super) fn push_token(out: &mut Vec<u8>, token: &str) {
    out.extend(
        token
            .bytes()
            .map(|byte| if is_token(byte) { byte } else { b'-' }),
    );
}

/// Tells whether the byte may stand in a token (RFC 9110, section 5.6.2).
pub(super) const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

/// Tells whether the byte is a control character; the tab may stand in a value.
pub(super) const fn is_control(byte: u8) -> bool {
    byte.is_ascii_control() && byte != b'\t'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_ignore_case_and_tokens_are_found() {
        let mut headers = Headers::new();
        headers.push("Connection", "Keep-Alive, Upgrade");
        headers.push("connection", "x");
        assert_eq!(headers.find("CONNECTION"), Some("Keep-Alive, Upgrade"));
        assert_eq!(headers.all("connection").count(), 2);
        assert!(headers.has_token("connection", "upgrade"));
        assert!(!headers.has_token("connection", "keep"));
        assert_eq!(headers.find("host"), None);
    }

    #[test]
    fn a_value_cannot_smuggle_a_line() {
        let mut headers = Headers::new();
        headers.push("Na\r\nme", "a\r\nEvil: yes");
        let mut out = Vec::new();
        headers.encode(&mut out);
        assert_eq!(out, b"Na--me: a  Evil: yes\r\n");
    }

    #[test]
    fn lines_are_checked() {
        let mut headers = Headers::new();
        for bad in [
            &b"no colon"[..],
            b": no name",
            b" folded: line",
            b"a b: c",
            b"a: \0",
        ] {
            assert!(headers.push_line(bad, 0).is_err(), "{bad:?}");
        }
        headers
            .push_line(b"Server: \xe9 \t", 0)
            .expect("a lossy value");
        assert_eq!(headers.find("server"), Some("\u{fffd}"));
    }
}
