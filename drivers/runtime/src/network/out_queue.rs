//! What was given to a connection and has not yet left.
//!
//! Three kinds of segments keep their order: small messages, copied together into one buffer;
//! bytes that somebody holds; and stretches of files, which are read only when their turn on the
//! wire has come.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::Bytes;
use machine::FileSpan;

/// How many segments go into one system call. (The system's own limit is 1,024.)
pub(crate) const SLICES_MAX: usize = 32;

/// The memory for small messages that an idle connection may keep, in bytes.
const KEPT_MAX: usize = 1024;

/// Segments in the order in which they were given.
#[derive(Debug, Default)]
pub(crate) struct OutQueue {
    /// The bytes of all [`Segment::Written`], one after the other.
    written: Vec<u8>,
    /// How many of them have left.
    left: usize,
    segments: VecDeque<Segment>,
    backlog: usize,
}

#[derive(Debug)]
enum Segment {
    /// So many bytes of the buffer of small messages.
    Written(usize),
    Bytes(Bytes),
    Span(FileSpan),
}

/// The segments that can leave in one system call.
#[derive(Debug)]
pub(crate) struct Gathered<'a> {
    slices: [IoSlice<'a>; SLICES_MAX],
    count: usize,
    /// Whether anything follows at once, so that the system had better not send a short packet.
    pub(crate) more: bool,
}

impl OutQueue {
    /// How many bytes have not yet left.
    pub(crate) const fn backlog(&self) -> usize {
        self.backlog
    }

    /// Whether all has left.
    pub(crate) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Appends a copy of small messages, joined to those before.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.written.extend_from_slice(bytes);
        self.backlog += bytes.len();
        if let Some(Segment::Written(len)) = self.segments.back_mut() {
            *len += bytes.len();
        } else {
            self.segments.push_back(Segment::Written(bytes.len()));
        }
    }

    /// Appends bytes without a copy.
    pub(crate) fn send_bytes(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.backlog += bytes.len();
            self.segments.push_back(Segment::Bytes(bytes));
        }
    }

    /// Appends a stretch of a file.
    pub(crate) fn send_span(&mut self, span: FileSpan) {
        if span.len > 0 {
            self.backlog += span.len as usize;
            self.segments.push_back(Segment::Span(span));
        }
    }

    /// The stretch of a file that is next, if one is.
    pub(crate) fn next_span(&self) -> Option<FileSpan> {
        match self.segments.front()? {
            Segment::Span(span) => Some(*span),
            Segment::Written(_) | Segment::Bytes(_) => None,
        }
    }

    /// The bytes that come before the next stretch of a file, as far as one system call takes
    /// them.
    pub(crate) fn gather(&self) -> Gathered<'_> {
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let mut count = 0;
        let mut at = self.left;
        for (slice, segment) in slices.iter_mut().zip(&self.segments) {
            let bytes = match segment {
                Segment::Written(len) => {
                    at += len;
                    &self.written[at - len..at]
                }
                Segment::Bytes(bytes) => bytes,
                Segment::Span(_) => break,
            };
            *slice = IoSlice::new(bytes);
            count += 1;
        }
        Gathered {
            slices,
            count,
            more: count < self.segments.len(),
        }
    }

    /// Forgets the first `count` bytes: they have left.
    pub(crate) fn advance(&mut self, mut count: usize) {
        self.backlog -= count;
        while let Some(segment) = self.segments.front_mut() {
            let taken = segment.advance(count);
            if matches!(segment, Segment::Written(_)) {
                self.left += taken;
            }
            count -= taken;
            if segment.len() > 0 {
                break;
            }
            self.segments.pop_front();
        }
        assert_eq!(count, 0, "no more can leave than was given");
        self.tidy();
    }

    /// Puts bytes that were read from the file in the place of the first so many bytes of the
    /// next stretch.
    pub(crate) fn replace_span(&mut self, read: Bytes) {
        let Some(Segment::Span(span)) = self.segments.front_mut() else {
            return;
        };
        let len = u32::try_from(read.len()).expect("no longer than the span");
        span.offset += u64::from(len);
        span.len -= len;
        if span.len == 0 {
            self.segments.pop_front();
        }
        self.segments.push_front(Segment::Bytes(read));
    }

    /// Gives back memory that a burst of messages took.
    fn tidy(&mut self) {
        if self.segments.is_empty() {
            self.left = 0;
            self.written.clear();
            self.written.shrink_to(KEPT_MAX);
            self.segments.shrink_to(KEPT_MAX / size_of::<Segment>());
        } else if self.left > KEPT_MAX && self.left > self.written.len() / 2 {
            self.written.drain(..self.left);
            self.left = 0;
        }
    }
}

impl Segment {
    fn len(&self) -> usize {
        match self {
            Self::Written(len) => *len,
            Self::Bytes(bytes) => bytes.len(),
            Self::Span(span) => span.len as usize,
        }
    }

    /// Drops up to `count` bytes from the front and tells how many.
    fn advance(&mut self, count: usize) -> usize {
        let taken = count.min(self.len());
        match self {
            Self::Written(len) => *len -= taken,
            Self::Bytes(bytes) => drop(bytes.split_to(taken)),
            Self::Span(span) => {
                span.offset += taken as u64;
                span.len -= u32::try_from(taken).expect("no longer than the span");
            }
        }
        taken
    }
}

impl<'a> Gathered<'a> {
    /// The bytes.
    pub(crate) fn slices(&self) -> &[IoSlice<'a>] {
        &self.slices[..self.count]
    }

    /// How many bytes.
    pub(crate) fn len(&self) -> usize {
        self.slices().iter().map(|slice| slice.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use machine::FileId;

    fn span(offset: u64, len: u32) -> FileSpan {
        FileSpan {
            file: FileId(1),
            offset,
            len,
        }
    }

    /// Takes the queue apart in steps of `step` bytes; spans appear as `#` for each byte.
    fn drained(mut queue: OutQueue, step: usize) -> String {
        let mut text = String::new();
        while !queue.is_empty() {
            let before = queue.backlog();
            let taken = if let Some(span) = queue.next_span() {
                let taken = step.min(span.len as usize);
                text.push_str(&"#".repeat(taken));
                taken
            } else {
                let gathered = queue.gather();
                let bytes: Vec<u8> = gathered.slices().iter().flat_map(|s| s.to_vec()).collect();
                assert_eq!(gathered.len(), bytes.len());
                let taken = step.min(bytes.len());
                text.push_str(std::str::from_utf8(&bytes[..taken]).expect("ASCII"));
                taken
            };
            queue.advance(taken);
            assert_eq!(queue.backlog(), before - taken);
        }
        assert_eq!(queue.backlog(), 0);
        text
    }

    #[test]
    fn segments_leave_in_order_however_they_are_cut() {
        for step in 1..12 {
            let mut queue = OutQueue::default();
            queue.write(b"ab");
            queue.write(b"c");
            queue.send_span(span(0, 5));
            queue.write(b"de");
            queue.send_bytes(Bytes::from_static(b"fgh"));
            queue.send_bytes(Bytes::new());
            queue.write(b"i");
            queue.send_span(span(9, 1));
            assert_eq!(drained(queue, step), "abc#####defghi#");
        }
    }

    #[test]
    fn small_messages_become_one_segment() {
        let mut queue = OutQueue::default();
        for _ in 0..10 {
            queue.write(b"have");
        }
        assert_eq!(queue.gather().slices().len(), 1);
        assert!(!queue.gather().more);
        queue.send_span(span(0, 1));
        assert!(queue.gather().more);
    }

    #[test]
    fn a_span_can_be_read_piecemeal() {
        let mut queue = OutQueue::default();
        queue.send_span(span(100, 5));
        queue.replace_span(Bytes::from_static(b"xyz"));
        assert_eq!(queue.backlog(), 5);
        queue.advance(3);
        assert_eq!(queue.next_span(), Some(span(103, 2)));
        queue.replace_span(Bytes::from_static(b"vw"));
        assert_eq!(drained(queue, 7), "vw");
    }

    #[test]
    fn memory_of_a_burst_is_given_back() {
        let mut queue = OutQueue::default();
        queue.write(&[0; 100_000]);
        queue.advance(100_000);
        assert!(queue.written.capacity() <= KEPT_MAX);
    }
}
