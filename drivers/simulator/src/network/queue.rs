//! What waits to leave on a connection.

use std::collections::VecDeque;

use bytes::Bytes;
use machine::FileSpan;

/// How many bytes of one connection leave before it is another's turn; the head of a message and
/// its block of the usual 16 KiB leave together.
pub(crate) const QUANTUM: usize = 16 * 1024;

/// Parcels shorter than this, in bytes, leave and arrive joined.
const SHORT: usize = 512;

/// Something to send.
#[derive(Debug)]
pub(crate) enum Parcel {
    /// Bytes at hand.
    Bytes(Bytes),
    /// A stretch of a file, read when its turn comes.
    Span(FileSpan),
}

/// Parcels in order. The first stands apart: mostly it is the only one, and then the queue needs
/// no memory but its own.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// The next to leave; none only if the queue is empty.
    front: Option<Parcel>,
    behind: VecDeque<Parcel>,
    len: usize,
}

impl Parcel {
    fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Span(span) => span.len as usize,
        }
    }

    /// Cuts off what leaves in one quantum; `self` is the rest, if there is any.
    fn split_quantum(&mut self) -> Option<Self> {
        if self.len() <= QUANTUM {
            return None;
        }
        Some(match self {
            Self::Bytes(bytes) => Self::Bytes(bytes.split_to(QUANTUM)),
            Self::Span(span) => {
                let part = FileSpan {
                    len: QUANTUM as u32,
                    ..*span
                };
                span.offset = span.offset.saturating_add(QUANTUM as u64);
                span.len -= QUANTUM as u32;
                Self::Span(part)
            }
        })
    }
}

impl Queue {
    /// How many bytes wait.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.front.is_none()
    }

    pub(crate) fn push(&mut self, parcel: Parcel) {
        if parcel.len() == 0 {
            return;
        }
        self.len += parcel.len();
        if self.front.is_none() {
            self.front = Some(parcel);
        } else {
            self.behind.push_back(parcel);
        }
    }

    /// Takes out what leaves next: short parcels together, long ones in parts.
    pub(crate) fn pop(&mut self) -> Option<Parcel> {
        let front = self.front.as_mut()?;
        if let Some(part) = front.split_quantum() {
            self.len -= part.len();
            return Some(part);
        }
        let parcel = self.take_front()?;
        match parcel {
            Parcel::Bytes(bytes) if bytes.len() < SHORT && self.next_short().is_some() => {
                Some(Parcel::Bytes(self.join(&bytes)))
            }
            Parcel::Bytes(_) | Parcel::Span(_) => Some(parcel),
        }
    }

    fn join(&mut self, first: &[u8]) -> Bytes {
        let mut joined = first.to_vec();
        while joined.len() < QUANTUM
            && let Some(next) = self.next_short()
        {
            joined.extend_from_slice(next);
            self.take_front();
        }
        Bytes::from(joined)
    }

    fn next_short(&self) -> Option<&Bytes> {
        match &self.front {
            Some(Parcel::Bytes(bytes)) if bytes.len() < SHORT => Some(bytes),
            Some(Parcel::Bytes(_) | Parcel::Span(_)) | None => None,
        }
    }

    fn take_front(&mut self) -> Option<Parcel> {
        let parcel = self.front.take()?;
        self.front = self.behind.pop_front();
        self.len -= parcel.len();
        Some(parcel)
    }
}

#[cfg(test)]
mod tests {
    use machine::FileId;

    use super::*;

    fn bytes(len: usize) -> Parcel {
        Parcel::Bytes(Bytes::from(vec![1; len]))
    }

    #[test]
    fn short_parcels_leave_together_and_long_ones_in_parts() {
        let mut queue = Queue::default();
        let span = FileSpan {
            file: FileId(1),
            offset: 5,
            len: QUANTUM as u32 + 2,
        };
        for parcel in [
            bytes(0),
            bytes(13),
            bytes(9),
            Parcel::Span(span),
            bytes(2 * QUANTUM),
        ] {
            queue.push(parcel);
        }
        queue.push(bytes(1));
        assert_eq!(queue.len(), 13 + 9 + 3 * QUANTUM + 2 + 1);
        let lens: Vec<usize> = core::iter::from_fn(|| queue.pop())
            .map(|p| p.len())
            .collect();
        assert_eq!(lens, [22, QUANTUM, 2, QUANTUM, QUANTUM, 1]);
        assert!(queue.is_empty());
        assert_eq!(queue.len, 0);
    }
}
