//! Lets the page cache forget what was written, once it is on the disk.
//!
//! A download that nobody reads again soon fills the page cache with itself: at best other
//! programs lose what they had there, at worst (in a virtual machine whose host has taken unused
//! memory back) each new page costs several times what the copy into it costs. So the bytes are
//! handed to the disk a window at a time, and are dropped a window later, when they have long
//! arrived; the pages are used for the next ones. What has not arrived by then simply stays:
//! nothing here ever waits for the disk.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use machine::{FileId, FileSpan};
use rustix::fs::{Advice, fadvise};

use crate::files::{Files, Mode};

/// How much is written between two rounds. Long enough that pieces that came in random order
/// meet their neighbours and get one place on the disk, and that a download of a few files is
/// left alone; short against any memory.
const WINDOW_BYTES: u64 = 32 * 1024 * 1024;

/// How many stretches a round holds at most, when files are tiny.
const SPANS_MAX: usize = 4096;

/// A round that takes longer (128 MiB a second) has found a queue that is full: the disk is
/// slower than the net, and the page cache is the better place to wait.
const ROUND_MAX: Duration = Duration::from_millis(250);

/// What becomes of written bytes in the page cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Caching {
    /// They stay as long as the system likes: right for whoever will serve or read them soon.
    #[default]
    Keep,
    /// They go when they are on the disk, if the disk keeps up.
    Pass,
}

/// What was written lately, and how far it is on its way out.
#[derive(Debug)]
pub(super) struct WriteBehind {
    caching: Caching,
    /// Written since the last round.
    fresh: Vec<FileSpan>,
    fresh_bytes: u64,
    /// Handed to the disk by the last round.
    leaving: Vec<FileSpan>,
}

impl WriteBehind {
    pub(super) const fn new(caching: Caching) -> Self {
        Self {
            caching,
            fresh: Vec::new(),
            fresh_bytes: 0,
            leaving: Vec::new(),
        }
    }

    /// Notes what was written.
    pub(super) fn written(&mut self, files: &Files, to: &[FileSpan]) {
        if self.caching == Caching::Keep {
            return;
        }
        let real = to.iter().filter(|span| span.file != FileId::PADDING);
        for &span in real {
            self.fresh_bytes += u64::from(span.len);
            self.fresh.push(span);
        }
        if self.fresh_bytes >= WINDOW_BYTES || self.fresh.len() >= SPANS_MAX {
            let began = Instant::now();
            self.round(files);
            if began.elapsed() > ROUND_MAX {
                *self = Self::new(Caching::Keep);
            }
        }
    }

    /// Drops what the last round handed to the disk, and hands it what came since: the same
    /// advice does both, for it drops what is on the disk and starts to write what is not.
    fn round(&mut self, files: &Files) {
        forget(files, &self.leaving);
        self.fresh_bytes = 0;
        self.leaving.clear();
        std::mem::swap(&mut self.leaving, &mut self.fresh);
        self.leaving
            .sort_unstable_by_key(|span| (span.file, span.offset));
        forget(files, &self.leaving);
    }
}

/// Advises the system, span by span; neighbours in one call. It is only advice: where it cannot be
/// given (a file that is gone, a file system without a cache) nothing is lost.
fn forget(files: &Files, sorted: &[FileSpan]) {
    let adjoin =
        |a: &FileSpan, b: &FileSpan| a.file == b.file && a.offset + u64::from(a.len) == b.offset;
    for run in sorted.chunk_by(adjoin) {
        let first = run[0];
        let len = run.iter().map(|span| u64::from(span.len)).sum();
        if let (Ok(file), Some(len)) = (files.open(first, Mode::Write), NonZeroU64::new(len)) {
            let _ = fadvise(&file, first.offset, Some(len), Advice::DontNeed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::{Access, Place, Root};

    const MIB: u64 = 1024 * 1024;

    fn megabyte(number: u64) -> FileSpan {
        FileSpan {
            file: FileId(1),
            offset: number * MIB,
            len: MIB as u32,
        }
    }

    fn file_of(folder: &std::path::Path, megabytes: u64) -> Files {
        let root = Root::open(folder).expect("opens");
        let place = Place::new(&root, ["a"], megabytes * MIB, Access::ReadWrite).expect("plain");
        let files = Files::new();
        files.register(FileId(1), place);
        files
    }

    #[test]
    fn a_window_is_handed_over_and_the_one_before_is_done_with() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = file_of(folder.path(), 100);
        let mut behind = WriteBehind::new(Caching::Pass);
        // In an order that is not the file's.
        for number in (0..31).rev() {
            behind.written(&files, &[megabyte(number)]);
        }
        assert_eq!((behind.fresh.len(), behind.leaving.len()), (31, 0));
        behind.written(&files, &[megabyte(31)]);
        assert_eq!((behind.fresh.len(), behind.leaving.len()), (0, 32));
        assert!(behind.leaving.is_sorted_by_key(|span| span.offset));
        for number in 32..64 {
            behind.written(&files, &[megabyte(number)]);
        }
        assert_eq!(behind.leaving[0], megabyte(32));
        assert_eq!(behind.fresh_bytes, 0);
    }

    #[test]
    fn tiny_files_and_padding_do_not_pile_up() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = file_of(folder.path(), 1);
        let mut behind = WriteBehind::new(Caching::Pass);
        let tiny = FileSpan {
            file: FileId(1),
            offset: 0,
            len: 1,
        };
        let padding = FileSpan {
            file: FileId::PADDING,
            ..megabyte(0)
        };
        for _ in 0..SPANS_MAX - 1 {
            behind.written(&files, &[tiny, padding]);
        }
        assert_eq!(behind.fresh.len(), SPANS_MAX - 1);
        behind.written(&files, &[tiny]);
        assert_eq!(behind.fresh.len(), 0);
    }

    #[test]
    fn what_is_kept_is_not_even_noted_and_a_file_that_is_gone_harms_nobody() {
        let files = Files::new();
        let mut keeps = WriteBehind::new(Caching::Keep);
        keeps.written(&files, &[megabyte(0)]);
        assert!(keeps.fresh.is_empty());
        let mut passes = WriteBehind::new(Caching::Pass);
        for number in 0..64 {
            passes.written(&files, &[megabyte(number)]);
        }
        assert_eq!(passes.leaving.len(), 32);
    }
}
