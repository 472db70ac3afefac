//! Reading pieces back: is on the disk what should be there?
//!
//! That happens when a download is opened again, for many pieces at once, and may take long. So it
//! has threads of its own, as many as there are processors, and each hashes sixteen pieces side by
//! side; writing new pieces does not wait for it.

use hardware::{LANES_MAX, Sha1Lanes, Width, sha1_many};
use machine::disk::DIGEST_BLOCK_LEN;
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
            None => Err(mismatch(files, &check.from)),
        };
        replies.send(check.job, outcome, Piece::default());
    }
}

/// Reads a wrong piece once more, for the digests of its blocks. That wrong pieces cost more is no
/// loss: they are few, or the file is a new one and full of holes, which are read from nowhere.
fn mismatch(files: &Files, from: &[FileSpan]) -> DiskError {
    let mut reader = Reader::new(from);
    let mut memory = vec![0; LANES_MAX * DIGEST_BLOCK_LEN as usize];
    let mut digests = Vec::new();
    loop {
        let read = reader.read(files, &mut memory);
        if read.is_empty() {
            break;
        }
        let blocks: Vec<&[u8]> = read.chunks(DIGEST_BLOCK_LEN as usize).collect();
        digests.extend(sha1_many(&blocks));
    }
    reader.failure.unwrap_or(DiskError::Mismatch {
        blocks: digests.into(),
    })
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
