//! How the files of a torrent stand on the disk: there or not, how long, last changed when, and
//! which pieces they could hold.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::File;
use std::io;
use std::num::NonZero;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use bittorrent::bitfield::Bitfield;
use bittorrent::numbers::PieceIndex;
use hashing::{Cut, Source, hash_pieces};

use crate::LibraryError;
use crate::content::is_absence;
use crate::extents;
use crate::journal::FileState;
use crate::placement::{Home, Placement, Spot, Store};

/// The states of all files of a torrent, by their numbers, and of the bytes of unwanted files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct States {
    pub(crate) files: Box<[FileState]>,
    pub(crate) parts: FileState,
}

impl States {
    /// Looks at all files.
    pub(crate) fn of(placement: &Placement) -> Result<Self, LibraryError> {
        let of_file = |(file, home): (_, &Home)| match home {
            Home::Own(_) => state(placement, Store::File(file)),
            Home::Parts(_) => Ok(FileState::InParts),
            Home::Nowhere => Ok(FileState::Absent),
        };
        Ok(Self {
            files: placement.homes().map(of_file).collect::<Result<_, _>>()?,
            parts: state(placement, Store::Parts)?,
        })
    }

    /// The state of a store.
    pub(crate) fn store(&self, store: Store) -> FileState {
        match store {
            Store::File(file) => self.files.get(file.0 as usize).copied(),
            Store::Parts => Some(self.parts),
        }
        .unwrap_or(FileState::Absent)
    }

    /// Tells whether the bytes of a stretch can be read: the file is long enough.
    pub(crate) fn reaches(&self, spot: &Spot) -> bool {
        match self.store(spot.store) {
            FileState::Present { len, .. } => spot.bytes.end <= len,
            FileState::Absent | FileState::InParts => false,
        }
    }
}

fn state(placement: &Placement, store: Store) -> Result<FileState, LibraryError> {
    let look = || {
        let stat = rustix::fs::fstat(placement.open(store)?)?;
        let nanos = i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec);
        Ok(FileState::Present {
            len: stat.st_size.try_into().unwrap_or(0),
            changed_nanos: nanos.clamp(i64::MIN.into(), i64::MAX.into()) as i64,
        })
    };
    match look() {
        Err(error) if is_absence(&error) => Ok(FileState::Absent),
        looked => {
            looked.map_err(|error| LibraryError::io("open", &placement.path_of_store(store))(error))
        }
    }
}

/// What the holes of files tell of some pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Presence {
    /// The pieces that may be right: all their files are long enough, and at least one of their
    /// bytes was written.
    pub(crate) present: Bitfield,
    /// Of these, the ones of which not only an edge was written, which may be a neighbour's.
    pub(crate) touched: Bitfield,
}

/// Looks which of the given pieces may be right.
///
/// So a file that was interrupted, or came from elsewhere, is searched in the time that its holes
/// take to count.
pub(crate) fn presence(
    placement: &Placement,
    states: &States,
    among: impl Iterator<Item = PieceIndex>,
) -> Result<Presence, LibraryError> {
    let pieces = placement.info().piece_count();
    let (mut present, mut touched) = (Bitfield::none(pieces), Bitfield::none(pieces));
    let mut written = WrittenParts::default();
    let zeros = ZeroHashes::default();
    for piece in among {
        let (mut most, mut is_reached) = (Touch::None, true);
        for spot in placement.spots(piece) {
            is_reached &= states.reaches(&spot);
            if is_reached {
                most = most.max(written.touch(placement, &spot)?);
            }
        }
        if is_reached && (most > Touch::None || zeros.are(placement, piece)) {
            present.set(piece);
        }
        if most == Touch::Within {
            touched.set(piece);
        }
    }
    Ok(Presence { present, touched })
}

/// How much of a stretch was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Touch {
    /// Nothing.
    None,
    /// At most a block of the file system that it shares with what lies before or behind.
    Edge,
    /// A block of its own.
    Within,
}

/// The written parts of the files looked at so far.
#[derive(Default)]
struct WrittenParts(BTreeMap<Store, Written>);

/// The written parts of a file.
struct Written {
    parts: Vec<Range<u64>>,
    len: u64,
}

/// In which units nearly all file systems tell what was written, in bytes.
const BLOCK: u64 = 4096;

impl WrittenParts {
    fn touch(&mut self, placement: &Placement, spot: &Spot) -> Result<Touch, LibraryError> {
        let written = match self.0.entry(spot.store) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                let written = placement
                    .open(spot.store)
                    .and_then(|file| Written::of(&file))
                    .map_err(|error| {
                        LibraryError::io("read", &placement.path_of_store(spot.store))(error)
                    })?;
                unknown.insert(written)
            }
        };
        Ok(written.touch(&spot.bytes))
    }
}

impl Written {
    fn of(file: &File) -> io::Result<Self> {
        Ok(Self {
            parts: extents::written(file, 0..u64::MAX >> 1)?,
            len: file.metadata()?.len(),
        })
    }

    fn touch(&self, bytes: &Range<u64>) -> Touch {
        let is_last = bytes.end >= self.len;
        let own_end = if is_last {
            bytes.end
        } else {
            bytes.end - bytes.end % BLOCK
        };
        if self.overlaps(bytes.start.next_multiple_of(BLOCK)..own_end) {
            Touch::Within
        } else if self.overlaps(bytes.clone()) {
            Touch::Edge
        } else {
            Touch::None
        }
    }

    fn overlaps(&self, bytes: Range<u64>) -> bool {
        let next = self.parts.partition_point(|part| part.end <= bytes.start);
        let next = self.parts.get(next);
        !bytes.is_empty() && next.is_some_and(|part| part.start < bytes.end)
    }
}

/// The hashes of zeros: a piece of zeros is right even when it was never written. All pieces but
/// the last have one length.
#[derive(Default)]
struct ZeroHashes {
    whole: OnceCell<Option<[u8; 20]>>,
    last: OnceCell<Option<[u8; 20]>>,
}

impl ZeroHashes {
    fn are(&self, placement: &Placement, piece: PieceIndex) -> bool {
        let info = placement.info();
        let len = info.layout().piece_len(piece);
        let is_whole = len == info.layout().piece_length();
        let cell = if is_whole { &self.whole } else { &self.last };
        let hash = cell.get_or_init(|| hash_of_zeros(len));
        hash.is_some() && *hash == info.piece_hash(piece)
    }
}

struct Zeros;

impl Source for Zeros {
    fn read_at(&self, _: u64, into: &mut [u8]) -> io::Result<()> {
        into.fill(0);
        Ok(())
    }
}

fn hash_of_zeros(len: u32) -> Option<[u8; 20]> {
    let cut = Cut::new(len.into(), len.into()).ok()?;
    let found = Mutex::new(None);
    let (threads, cancel) = (NonZero::<usize>::MIN, AtomicBool::new(false));
    hash_pieces(&Zeros, cut, &cut.all(), threads, &cancel, |_, hash| {
        if let Ok(mut found) = found.lock() {
            *found = hash.ok();
        }
    });
    found.into_inner().ok()?
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "lists of one extent")]
mod tests {
    use super::*;

    #[test]
    fn a_block_shared_with_a_neighbour_says_little() {
        let written = |parts: &[Range<u64>]| Written {
            parts: parts.to_vec(),
            len: 50_000,
        };
        let of_neighbours = written(&[0..12_288, 28_672..32_768]);
        assert_eq!(of_neighbours.touch(&(10_000..30_000)), Touch::Edge);
        assert_eq!(of_neighbours.touch(&(12_288..28_672)), Touch::None);
        assert_eq!(of_neighbours.touch(&(0..10_000)), Touch::Within);
        assert_eq!(
            written(&[12_288..16_384]).touch(&(10_000..30_000)),
            Touch::Within
        );
        // The last block is shared with nobody.
        assert_eq!(
            written(&[49_152..50_000]).touch(&(30_000..50_000)),
            Touch::Within
        );
        assert_eq!(
            written(&[49_152..50_000]).touch(&(49_200..49_300)),
            Touch::Edge
        );
        assert_eq!(written(&[]).touch(&(0..50_000)), Touch::None);
    }
}
