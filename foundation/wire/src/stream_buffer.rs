//! What a stream delivered and nobody consumed yet.
//!
//! A driver reads into one big buffer and hands out slices of it; a protocol takes whole messages
//! off the front. Where a message lies within one slice it is taken without a copy, where it spans
//! several it is copied once. What is still incomplete at the end of a turn is moved out by
//! [`StreamBuffer::compact`], for a kept slice of ten bytes would keep all of the driver's buffer
//! alive.
//!
//! There is one of these for every connection, idle ones included: while empty it owns no memory
//! but itself, and the usual single chunk needs no queue. The buffer does not bound itself; its
//! owner does, by closing a connection as soon as [`StreamBuffer::peek_array`] shows a length that
//! is not allowed.

use alloc::borrow::Cow;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bytes::Bytes;

/// Unconsumed bytes of a stream, in the chunks in which they came.
#[derive(Debug, Default)]
pub struct StreamBuffer {
    /// The front of the stream; empty only if the whole buffer is.
    front: Bytes,
    /// What follows it; no chunk is empty.
    behind: VecDeque<Bytes>,
    /// Bytes in all chunks.
    len: usize,
    /// How many bytes of the front are our own copies, which pin nobody's buffer.
    compacted: usize,
}

impl StreamBuffer {
    /// Starts empty, without allocating.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            front: Bytes::new(),
            behind: VecDeque::new(),
            len: 0,
            compacted: 0,
        }
    }

    /// Appends what the stream delivered.
    pub fn push(&mut self, chunk: Bytes) {
        if chunk.is_empty() {
            return;
        }
        self.len += chunk.len();
        if self.front.is_empty() {
            self.front = chunk;
        } else {
            self.behind.push_back(chunk);
        }
    }

    /// Tells how many bytes wait.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Tells whether no bytes wait.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Copies the first `N` bytes and leaves them there; `None` while fewer wait.
    #[must_use]
    pub fn peek_array<const N: usize>(&self) -> Option<[u8; N]> {
        if let Some(array) = self.front.first_chunk::<N>() {
            return Some(*array);
        }
        if self.len < N {
            return None;
        }
        let mut array = [0; N];
        for (to, from) in array.iter_mut().zip(self.bytes_from(0)) {
            *to = from;
        }
        Some(array)
    }

    /// Shows the first `count` bytes, or all if fewer wait, and leaves them there. Copies them only
    /// if they span chunks.
    #[must_use]
    pub fn peek(&self, count: usize) -> Cow<'_, [u8]> {
        let count = count.min(self.len);
        match self.front.get(..count) {
            Some(contiguous) => Cow::Borrowed(contiguous),
            None => Cow::Owned(self.copy_front(count)),
        }
    }

    /// Shows the bytes that lie contiguous at the front; empty only if none wait.
    #[must_use]
    pub fn front(&self) -> &[u8] {
        &self.front
    }

    /// Takes exactly `count` bytes; `None`, and nothing taken, while fewer wait. Does not copy
    /// what lies within one chunk.
    pub fn take(&mut self, count: usize) -> Option<Bytes> {
        if count > self.len {
            return None;
        }
        if count <= self.front.len() {
            return Some(self.split_front(count));
        }
        let copy = self.copy_front(count);
        self.skip(count);
        Some(Bytes::from(copy))
    }

    /// Takes what lies contiguous at the front, at most `max` bytes, and never copies: for payload
    /// that is passed on as it comes. `None` while nothing waits or if `max` is 0.
    pub fn take_front(&mut self, max: usize) -> Option<Bytes> {
        let count = self.front.len().min(max);
        (count > 0).then(|| self.split_front(count))
    }

    /// Drops the first `count` bytes, or all if fewer wait, and tells how many.
    pub fn skip(&mut self, count: usize) -> usize {
        let mut left = count.min(self.len);
        let skipped = left;
        while left > 0 {
            left -= self.split_front(left.min(self.front.len())).len();
        }
        skipped
    }

    /// Finds where `needle` first begins, if it also ends within the first `limit` bytes.
    #[must_use]
    pub fn find(&self, needle: &[u8], limit: usize) -> Option<usize> {
        let limit = limit.min(self.len);
        if let Some(contiguous) = self.front.get(..limit) {
            return memchr::memmem::find(contiguous, needle);
        }
        let last_start = limit.checked_sub(needle.len())?;
        let Some(&first) = needle.first() else {
            return Some(0);
        };
        let mut chunk_start = 0;
        for chunk in self.chunks() {
            for within in memchr::memchr_iter(first, chunk) {
                let start = chunk_start + within;
                if start > last_start {
                    return None;
                }
                if self
                    .bytes_from(start)
                    .take(needle.len())
                    .eq(needle.iter().copied())
                {
                    return Some(start);
                }
            }
            chunk_start += chunk.len();
        }
        None
    }

    /// Moves what is left out of the driver's buffers, and frees the queue when nothing is. Call it
    /// at the end of each turn.
    ///
    /// Copies new bytes only, merged with the older copies that are no larger: so the chunks stay
    /// few (their number grows with the logarithm of the length) and a message that comes byte by
    /// byte is not copied anew each time.
    pub fn compact(&mut self) {
        if self.len == 0 {
            *self = Self::new();
            return;
        }
        let fresh = self.len - self.compacted;
        if fresh == 0 {
            return;
        }
        let (mut kept, mut gathered) = (1 + self.behind.len(), 0);
        for chunk in self.chunks().rev() {
            if gathered >= fresh && chunk.len() > gathered {
                break;
            }
            kept -= 1;
            gathered += chunk.len();
        }
        let mut copy = Vec::with_capacity(gathered);
        for chunk in self.chunks().skip(kept) {
            copy.extend_from_slice(chunk);
        }
        match kept.checked_sub(1) {
            None => {
                self.front = Bytes::from(copy);
                self.behind = VecDeque::new();
            }
            Some(kept_behind) => {
                self.behind.truncate(kept_behind);
                self.behind.push_back(Bytes::from(copy));
            }
        }
        self.compacted = self.len;
    }

    /// Takes `count` bytes of the front chunk, which has as many.
    fn split_front(&mut self, count: usize) -> Bytes {
        self.len -= count;
        self.compacted = self.compacted.saturating_sub(count);
        if count < self.front.len() {
            return self.front.split_to(count);
        }
        let next = self.behind.pop_front().unwrap_or_default();
        core::mem::replace(&mut self.front, next)
    }

    fn copy_front(&self, count: usize) -> Vec<u8> {
        let mut copy = Vec::with_capacity(count);
        for chunk in self.chunks() {
            let wanted = count - copy.len();
            copy.extend_from_slice(chunk.get(..wanted).unwrap_or(chunk));
        }
        copy
    }

    fn chunks(&self) -> impl DoubleEndedIterator<Item = &Bytes> {
        core::iter::once(&self.front).chain(&self.behind)
    }

    fn bytes_from(&self, start: usize) -> impl Iterator<Item = u8> {
        let mut skip = start;
        self.chunks().flat_map(move |chunk| {
            let skipped = skip.min(chunk.len());
            skip -= skipped;
            chunk.get(skipped..).unwrap_or_default().iter().copied()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buffer(chunks: &[&'static [u8]]) -> StreamBuffer {
        let mut buffer = StreamBuffer::new();
        for chunk in chunks {
            buffer.push(Bytes::from_static(chunk));
        }
        buffer
    }

    #[test]
    fn is_small() {
        assert!(size_of::<StreamBuffer>() <= 80);
    }

    #[test]
    fn takes_without_a_copy_within_a_chunk_and_with_one_across() {
        let chunk = Bytes::from(b"abcdef".to_vec());
        let start = chunk.as_ptr();
        let mut buffer = StreamBuffer::new();
        buffer.push(chunk);
        buffer.push(Bytes::from_static(b"gh"));
        let taken = buffer.take(4).expect("four bytes wait");
        assert_eq!((&taken[..], taken.as_ptr()), (&b"abcd"[..], start));
        assert_eq!(buffer.take(5), None);
        assert_eq!(buffer.len(), 4);
        assert_eq!(buffer.take(3).as_deref(), Some(&b"efg"[..]));
        assert_eq!(buffer.take_front(9).as_deref(), Some(&b"h"[..]));
        assert_eq!(buffer.take_front(9), None);
        assert!(buffer.is_empty());
    }

    #[test]
    fn peeks_and_finds_across_chunks() {
        let buffer = buffer(&[b"GET /\r", b"\n", b"\r", b"\nbody"]);
        assert_eq!(buffer.peek_array(), Some(*b"GET /\r\n\r"));
        assert_eq!(buffer.peek_array::<14>(), None);
        assert!(matches!(buffer.peek(3), Cow::Borrowed(b"GET")));
        assert_eq!(&buffer.peek(99)[..], b"GET /\r\n\r\nbody");
        assert_eq!(buffer.find(b"\r\n\r\n", 99), Some(5));
        assert_eq!(buffer.find(b"\r\n\r\n", 9), Some(5));
        assert_eq!(buffer.find(b"\r\n\r\n", 8), None);
        assert_eq!(buffer.find(b"GET", 3), Some(0));
        assert_eq!(buffer.find(b"bodyguard", 99), None);
    }

    #[test]
    fn compaction_lets_the_large_buffer_go() {
        let large = Bytes::from(alloc::vec![7; 1 << 16]);
        let mut buffer = StreamBuffer::new();
        buffer.push(large.slice(100..110));
        assert!(!large.is_unique());
        buffer.compact();
        assert!(large.is_unique());
        assert_eq!(buffer.peek_array(), Some([7; 10]));
    }

    #[test]
    fn compaction_of_single_bytes_keeps_few_chunks() {
        let mut buffer = StreamBuffer::new();
        for byte in 0..=255u8 {
            buffer.push(Bytes::copy_from_slice(&[byte]));
            buffer.compact();
        }
        assert!(buffer.chunks().count() <= 9);
        assert_eq!(
            buffer.take(256).as_deref(),
            Some(&(0..=255).collect::<Vec<u8>>()[..])
        );
        buffer.compact();
        assert_eq!(buffer.behind.capacity(), 0);
    }
}
