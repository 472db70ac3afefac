//! A value that has a form on the wire.
//!
//! [`Encode`] cannot fail: a value that exists has a form. [`Decode`] can, and says why.
//! Big-endian integers and byte strings encode themselves, so that a message's encoder reads like
//! its layout in the specification:
//!
//! ```
//! use wire::{Decode, Encode, Malformed, Reader};
//!
//! struct Port {
//!     port: u16,
//! }
//!
//! impl Encode for Port {
//!     fn encode(&self, out: &mut Vec<u8>) {
//!         9u8.encode(out);
//!         self.port.encode(out);
//!     }
//! }
//! # assert_eq!(Port { port: 6881 }.encoded(), [9, 0x1a, 0xe1]);
//! ```

use crate::malformed::Malformed;
use crate::reader::Reader;
use alloc::vec::Vec;

/// A value that can be written to the wire.
pub trait Encode {
    /// Appends the value's form to `out`.
    fn encode(&self, out: &mut Vec<u8>);

    /// Writes the value's form to a buffer of its own.
    fn encoded(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(&mut out);
        out
    }
}

/// A value that can be read from the wire.
pub trait Decode: Sized {
    /// Reads one value and leaves the cursor behind it.
    ///
    /// # Errors
    /// What the sender got wrong; the cursor's position is then unspecified.
    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed>;

    /// Reads a value that takes up all of `bytes`; `field` is blamed for what follows it.
    ///
    /// # Errors
    /// As [`Decode::decode`], and [`Problem::Trailing`](crate::Problem::Trailing).
    fn decode_whole(bytes: &[u8], field: &'static str) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let value = Self::decode(&mut reader)?;
        reader.finish(field)?;
        Ok(value)
    }
}

impl Encode for u8 {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(*self);
    }
}

impl Encode for u16 {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_be_bytes());
    }
}

impl Encode for u32 {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_be_bytes());
    }
}

impl Encode for u64 {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_be_bytes());
    }
}

impl Encode for [u8] {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
}

impl<const N: usize> Encode for [u8; N] {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::malformed::Problem;

    #[derive(Debug, PartialEq)]
    struct Have {
        index: u32,
    }

    impl Encode for Have {
        fn encode(&self, out: &mut Vec<u8>) {
            4u8.encode(out);
            self.index.encode(out);
        }
    }

    impl Decode for Have {
        fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
            reader.u8("id")?;
            Ok(Self {
                index: reader.u32("index")?,
            })
        }
    }

    #[test]
    fn a_message_survives_the_wire() {
        let have = Have { index: 0x0102_0304 };
        assert_eq!(have.encoded(), [4, 1, 2, 3, 4]);
        assert_eq!(Have::decode_whole(&have.encoded(), "have"), Ok(have));
        assert_eq!(
            Have::decode_whole(&[4, 0, 0, 0, 1, 9], "have"),
            Err(Malformed::new("have", 5, Problem::Trailing { bytes: 1 }))
        );
    }

    #[test]
    fn primitives_encode_themselves() {
        let mut out = Vec::new();
        0x0102u16.encode(&mut out);
        0x0304_0506_0708_090au64.encode(&mut out);
        [11u8, 12].encode(&mut out);
        [13u8].as_slice().encode(&mut out);
        assert_eq!(out, (1..=13).collect::<Vec<u8>>());
    }
}
