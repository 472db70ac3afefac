//! Reading pieces back: is on the disk what should be there?
//!
//! That happens when a download is opened again, for many pieces at once, and may take long. So it
//! has threads of its own, as many as there are processors, and each hashes sixteen pieces side by
//! side; writing new pieces does not wait for it.

use hardware::{LANES_MAX, Sha1Lanes, Width};
use machine::{DiskDone, DiskError, Expect, FileSpan, JobId};

use super::slots::Piece;
use super::{Replies, Spans, transfer};
use crate::files::Files;

/// How much of each piece is read at a time, in bytes: sixteen of them stay in the second-level
/// cache until they are hashed.
const STEP: usize = 32 * 1024;

/// A piece to be read back.
pub(super) struct Check {
    pub(super) job: JobId,
    pub(super) from: Spans,
    pub(super) expect: Expect,
}

/// What is still to be read of a piece.
struct Reader {
    spans: Spans,
    failure: Option<DiskError>,
}

/// Reads up to [`LANES_MAX`] pieces and answers for each.
pub(super) fn check(batch: Vec<Check>, files: &Files, replies: &Replies) {
    let mut readers: Vec<Reader> = batch.iter().map(|check| Reader::new(&check.from)).collect();
    let mut lanes = Sha1Lanes::new(Width::widest(), readers.len());
    let mut memory = vec![0; LANES_MAX * STEP];
    loop {
        let chunks: Vec<&[u8]> = readers
            .iter_mut()
            .zip(memory.chunks_mut(STEP))
            .map(|(reader, buffer)| reader.read(files, buffer))
            .collect();
        if chunks.iter().all(|chunk| chunk.is_empty()) {
            break;
        }
        lanes.update(&chunks);
    }
    for ((check, reader), digest) in batch.into_iter().zip(readers).zip(lanes.finish()) {
        let Expect::Sha1 {
            digest: expected, ..
        } = check.expect;
        let outcome = match reader.failure {
            Some(failure) => Err(failure),
            None if digest == expected => Ok(DiskDone::Checked),
            None => Err(DiskError::Mismatch {
                blocks: Box::default(),
            }),
        };
        replies.send(check.job, outcome, Piece::default());
    }
}

impl Reader {
    fn new(from: &[FileSpan]) -> Self {
        Self {
            // The next one last, where it is easily taken.
            spans: from.iter().rev().copied().collect(),
            failure: None,
        }
    }

    /// Reads on, as far as the buffer goes; nothing after a failure.
    fn read<'a>(&mut self, files: &Files, buffer: &'a mut [u8]) -> &'a [u8] {
        let mut filled = 0;
        while filled < buffer.len() && self.failure.is_none() {
            let Some(span) = self.spans.last_mut() else {
                break;
            };
            let len = (span.len as usize).min(buffer.len() - filled);
            let next = FileSpan {
                len: len as u32,
                ..*span
            };
            let room = &mut buffer[filled..filled + len];
            match transfer::read_into(files, next, room) {
                Ok(()) => filled += len,
                Err(failure) => self.failure = Some(failure),
            }
            span.offset += len as u64;
            span.len -= next.len;
            if span.len == 0 {
                self.spans.pop();
            }
        }
        &buffer[..filled]
    }
}
