//! Writes bencode in its one canonical form: keys ascending, each once, no leading zeros.
//!
//! Whoever writes a dictionary gives its keys in ascending order, as a specification lists them,
//! and pays nothing for the check. Keys in another order are sorted when the dictionary is done,
//! and of a key given twice the first stays, which is what every reader would have taken: so there
//! is no way to write anything else.

use crate::bencode::{Limits, Mode, Value, parse};
use alloc::vec::Vec;
use core::ops::Range;

/// Writes a dictionary.
pub fn encode_dict(write: impl FnOnce(&mut DictEncoder<'_>)) -> Vec<u8> {
    let mut out = Vec::new();
    push_dict(&mut out, write);
    out
}

/// Writes a list.
pub fn encode_list(write: impl FnOnce(&mut ListEncoder<'_>)) -> Vec<u8> {
    let mut out = Vec::new();
    push_list(&mut out, write);
    out
}

/// Takes the entries of a dictionary.
#[derive(Debug)]
pub struct DictEncoder<'o> {
    out: &'o mut Vec<u8>,
    /// Where the dictionary's `d` stands.
    start: usize,
    /// Where the bytes of the last key stand.
    last_key: Range<usize>,
    order: Order,
}

/// Takes the values of a list.
#[derive(Debug)]
pub struct ListEncoder<'o> {
    out: &'o mut Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Ascending,
    Other,
}

impl DictEncoder<'_> {
    /// Writes an integer; one beyond 64 bits with a sign is legal but few can read it.
    pub fn int(&mut self, key: impl AsRef<[u8]>, value: impl Into<i128>) {
        self.key(key.as_ref());
        push_int(self.out, value.into());
    }

    /// Writes a string of bytes or text.
    pub fn bytes(&mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        self.key(key.as_ref());
        push_string(self.out, value.as_ref());
    }

    /// Writes a list.
    pub fn list(&mut self, key: impl AsRef<[u8]>, write: impl FnOnce(&mut ListEncoder<'_>)) {
        self.key(key.as_ref());
        push_list(self.out, write);
    }

    /// Writes a dictionary.
    pub fn dict(&mut self, key: impl AsRef<[u8]>, write: impl FnOnce(&mut DictEncoder<'_>)) {
        self.key(key.as_ref());
        push_dict(self.out, write);
    }

    /// Writes a value that is bencode already, as it is: [`Value::raw`] of an `info`.
    pub fn raw(&mut self, key: impl AsRef<[u8]>, bencode: &[u8]) {
        self.key(key.as_ref());
        push_raw(self.out, bencode);
    }

    fn key(&mut self, key: &[u8]) {
        let last = self.out.get(self.last_key.clone()).unwrap_or_default();
        let is_first = self.last_key.start == self.start;
        if !is_first && last >= key {
            self.order = Order::Other;
        }
        push_string(self.out, key);
        self.last_key = self.out.len() - key.len()..self.out.len();
    }
}

impl ListEncoder<'_> {
    /// Writes an integer; see [`DictEncoder::int`].
    pub fn int(&mut self, value: impl Into<i128>) {
        push_int(self.out, value.into());
    }

    /// Writes a string of bytes or text.
    pub fn bytes(&mut self, value: impl AsRef<[u8]>) {
        push_string(self.out, value.as_ref());
    }

    /// Writes a list within the list.
    pub fn list(&mut self, write: impl FnOnce(&mut ListEncoder<'_>)) {
        push_list(self.out, write);
    }

    /// Writes a dictionary.
    pub fn dict(&mut self, write: impl FnOnce(&mut DictEncoder<'_>)) {
        push_dict(self.out, write);
    }

    /// Writes a value that is bencode already, as it is.
    pub fn raw(&mut self, bencode: &[u8]) {
        push_raw(self.out, bencode);
    }
}

fn push_dict(out: &mut Vec<u8>, write: impl FnOnce(&mut DictEncoder<'_>)) {
    let start = out.len();
    out.push(b'd');
    let mut dict = DictEncoder {
        out,
        start,
        last_key: start..start,
        order: Order::Ascending,
    };
    write(&mut dict);
    let order = dict.order;
    out.push(b'e');
    if order == Order::Other {
        sort(out, start);
    }
}

fn push_list(out: &mut Vec<u8>, write: impl FnOnce(&mut ListEncoder<'_>)) {
    out.push(b'l');
    write(&mut ListEncoder { out });
    out.push(b'e');
}

fn push_int(out: &mut Vec<u8>, value: i128) {
    out.push(b'i');
    if value < 0 {
        out.push(b'-');
    }
    push_decimal(out, value.unsigned_abs());
    out.push(b'e');
}

fn push_string(out: &mut Vec<u8>, bytes: &[u8]) {
    push_decimal(out, bytes.len() as u128);
    out.push(b':');
    out.extend_from_slice(bytes);
}

fn push_raw(out: &mut Vec<u8>, bencode: &[u8]) {
    debug_assert!(
        parse(
            bencode,
            Mode::Lenient,
            Limits {
                depth: usize::MAX,
                items: usize::MAX
            }
        )
        .is_ok(),
        "what is written raw is one value of bencode"
    );
    out.extend_from_slice(bencode);
}

fn push_decimal(out: &mut Vec<u8>, mut value: u128) {
    let start = out.len();
    loop {
        out.push(b'0' + (value % 10) as u8);
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.get_mut(start..).unwrap_or_default().reverse();
}

/// Brings the entries of the dictionary that begins at `start` and ends `out` into order.
fn sort(out: &mut Vec<u8>, start: usize) {
    let unsorted = out.split_off(start);
    let dict = Value::from_checked(&unsorted, 0..unsorted.len());
    let mut entries: Vec<_> = dict.keys_and_values().collect();
    entries.sort_by_key(|(key, _)| *key);
    entries.dedup_by_key(|(key, _)| *key);
    out.push(b'd');
    for (key, value) in entries {
        push_string(out, key);
        out.extend_from_slice(value.raw());
    }
    out.push(b'e');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_the_examples() {
        let handshake = encode_dict(|handshake| {
            handshake.dict("m", |m| {
                m.int("ut_metadata", 2);
                m.int("ut_pex", 1);
            });
            handshake.int("metadata_size", 123);
            handshake.int("p", 6881);
            handshake.int("reqq", 500);
            handshake.bytes("v", "test");
        });
        let expected: &[u8] = b"d1:md11:ut_metadatai2e6:ut_pexi1ee13:metadata_sizei123e1:pi6881e4:reqqi500e1:v4:teste";
        assert_eq!((handshake.as_slice(), handshake.len()), (expected, 85));
        let list = encode_list(|list| {
            list.int(u64::MAX);
            list.int(i64::MIN);
            list.list(|_| ());
            list.dict(|_| ());
            list.bytes("");
            list.raw(b"i03e");
        });
        assert_eq!(
            list,
            b"li18446744073709551615ei-9223372036854775808elede0:i03ee"
        );
    }

    #[test]
    fn sorts_keys_and_keeps_the_first_of_two() {
        let dict = encode_dict(|dict| {
            dict.int("b", 1);
            dict.dict("a", |inner| {
                inner.int("z", 1);
                inner.int("", 0);
            });
            dict.int("b", 2);
            dict.int("ab", 3);
        });
        assert_eq!(dict, b"d1:ad0:i0e1:zi1ee2:abi3e1:bi1ee");
        assert_eq!(
            encode_dict(|dict| [1, 2].iter().for_each(|n| dict.int("", *n))),
            b"d0:i1ee"
        );
    }

    #[test]
    fn keeps_a_raw_value_as_it_is() {
        let info = b"d1:bi1e1:ai2ee";
        assert_eq!(
            encode_dict(|dict| dict.raw("info", info)),
            b"d4:infod1:bi1e1:ai2eee"
        );
    }
}
