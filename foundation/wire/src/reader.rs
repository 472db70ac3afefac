//! A cursor over bytes that cannot panic.
//!
//! Each read names its field, so that an error says what the sender got wrong, not merely where.
//! Integers are big-endian, the order of every protocol here unless its specification says
//! otherwise. A read that fails leaves the cursor where it was.

use crate::malformed::{Malformed, Problem};

/// A cursor over `&[u8]`.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// Reads one byte.
    ///
    /// # Errors
    /// [`Problem::Missing`] when the input ends before it, as for every read below.
    pub fn u8(&mut self, field: &'static str) -> Result<u8, Malformed> {
        self.array(field).map(u8::from_be_bytes)
    }

    /// Reads two bytes as a big-endian number.
    ///
    /// # Errors
    /// [`Problem::Missing`]
    pub fn u16(&mut self, field: &'static str) -> Result<u16, Malformed> {
        self.array(field).map(u16::from_be_bytes)
    }

    /// Reads four bytes as a big-endian number.
    ///
    /// # Errors
    /// [`Problem::Missing`]
    pub fn u32(&mut self, field: &'static str) -> Result<u32, Malformed> {
        self.array(field).map(u32::from_be_bytes)
    }

    /// Reads eight bytes as a big-endian number.
    ///
    /// # Errors
    /// [`Problem::Missing`]
    pub fn u64(&mut self, field: &'static str) -> Result<u64, Malformed> {
        self.array(field).map(u64::from_be_bytes)
    }

    /// Reads `N` bytes into an array: hashes, peer ids, addresses.
    ///
    /// # Errors
    /// [`Problem::Missing`]
    pub fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], Malformed> {
        let Some(array) = self.unread().first_chunk::<N>() else {
            return Err(self.missing(N, field));
        };
        self.position += N;
        Ok(*array)
    }

    /// Reads `count` bytes without copying them.
    ///
    /// # Errors
    /// [`Problem::Missing`]
    pub fn take(&mut self, count: usize, field: &'static str) -> Result<&'a [u8], Malformed> {
        let Some(taken) = self.unread().get(..count) else {
            return Err(self.missing(count, field));
        };
        self.position += count;
        Ok(taken)
    }

    /// Reads all that is left, which may be nothing.
    pub fn rest(&mut self) -> &'a [u8] {
        let rest = self.unread();
        self.position = self.bytes.len();
        rest
    }

    /// Tells how many bytes have been read.
    #[must_use]
    pub const fn position(&self) -> usize {
        self.position
    }

    /// Tells how many bytes are left.
    #[must_use]
    pub const fn remaining(&self) -> usize {
        self.bytes.len() - self.position
    }

    /// Tells whether nothing is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.remaining() == 0
    }

    /// Demands that nothing is left.
    ///
    /// # Errors
    /// [`Problem::Trailing`]
    pub const fn finish(&self, field: &'static str) -> Result<(), Malformed> {
        match self.remaining() {
            0 => Ok(()),
            bytes => Err(Malformed::new(
                field,
                self.position,
                Problem::Trailing { bytes },
            )),
        }
    }

    /// Blames `field` at the present position, for a value that was read and makes no sense.
    #[must_use]
    pub const fn malformed(&self, field: &'static str, problem: Problem) -> Malformed {
        Malformed::new(field, self.position, problem)
    }

    fn unread(&self) -> &'a [u8] {
        self.bytes.get(self.position..).unwrap_or_default()
    }

    const fn missing(&self, wanted: usize, field: &'static str) -> Malformed {
        let bytes = wanted.saturating_sub(self.remaining());
        self.malformed(field, Problem::Missing { bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_big_endian_and_finishes() {
        let mut reader = Reader::new(&[1, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 4, 5, 6, 7, 8]);
        assert_eq!(reader.u8("a"), Ok(1));
        assert_eq!(reader.u16("b"), Ok(2));
        assert_eq!(reader.u32("c"), Ok(3));
        assert_eq!(reader.u64("d"), Ok(4));
        assert_eq!(reader.array("e"), Ok([5, 6]));
        assert_eq!(reader.take(1, "f"), Ok(&[7][..]));
        assert_eq!((reader.position(), reader.remaining()), (18, 1));
        assert_eq!(
            reader.finish("message"),
            Err(Malformed::new(
                "message",
                18,
                Problem::Trailing { bytes: 1 }
            ))
        );
        assert_eq!(reader.rest(), &[8]);
        assert_eq!(reader.rest(), &[0u8; 0]);
        assert!(reader.is_empty());
        assert_eq!(reader.finish("message"), Ok(()));
    }

    #[test]
    fn a_failed_read_consumes_nothing() {
        let mut reader = Reader::new(&[1, 2, 3]);
        let missing = |bytes| Malformed::new("index", 0, Problem::Missing { bytes });
        assert_eq!(reader.u32("index"), Err(missing(1)));
        assert_eq!(reader.u64("index"), Err(missing(5)));
        assert_eq!(
            reader.take(usize::MAX, "index"),
            Err(missing(usize::MAX - 3))
        );
        assert_eq!(reader.array::<3>("index"), Ok([1, 2, 3]));
    }
}
