//! What is proven, and how that survives the process and the machine.
//!
//! Verifying takes long and fetching longer, so what is proven is written down beside the files, as
//! it happens. After a clean stop nothing is looked at again; after any other stop only what is not
//! proven is verified, and only what is then missing is fetched. The [`journal`](crate::journal)
//! tells the format, `trust` what of it is believed later.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bittorrent::bitfield::Bitfield;
use bittorrent::numbers::PieceIndex;

use crate::LibraryError;
use crate::folder::{Written, replace};
use crate::journal::{BootId, FileState, Head, Journal, Seal, Shape};
use crate::lock::Lock;
use crate::parts;
use crate::placement::{Placement, Store};
use crate::states::{self, States};
use crate::trust::{Reading, Trusted};

/// Where Linux tells which run of the machine this is.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// What is proven of a torrent in a folder, while this process alone may write there.
#[derive(Debug)]
pub struct Resume {
    placement: Arc<Placement>,
    shape: Shape,
    path: PathBuf,
    head: Head,
    /// The proven pieces that are not in the head; the first `recorded` of them are in the file.
    recent: Vec<PieceIndex>,
    recorded: usize,
    proven: Bitfield,
    doubtful: Vec<PieceIndex>,
    file: File,
    seal: Seal,
    /// The length of what is surely in the file, in bytes.
    len: u64,
    /// Given back last.
    _lock: Lock,
}

/// What is known without reading the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recollection {
    /// The pieces that are proven to be right.
    pub proven: Bitfield,
    /// The pieces that have bytes on the disk but no proof: to be verified.
    pub doubtful: Vec<PieceIndex>,
}

/// Looks up what is known; locks, makes and changes nothing. A journal that is damaged, or cannot
/// be read, is as good as none.
///
/// # Errors
/// When a file of the torrent that is there cannot be looked at.
pub fn recall(placement: &Placement) -> Result<Recollection, LibraryError> {
    let states = States::of(placement)?;
    let trusted = trusted(placement, &states);
    recollect(placement, &states, &trusted)
}

impl Resume {
    /// Takes the torrent in this folder for this process, makes what needs no peers (empty files,
    /// links, modes), and finds out what is proven.
    ///
    /// # Errors
    /// [`LibraryError::Locked`] while another process has it; when something cannot be made, or
    /// something else stands in its place.
    pub fn open(placement: Arc<Placement>) -> Result<Self, LibraryError> {
        let (info, folder) = (placement.info(), placement.folder());
        folder.make_own_folder()?;
        let lock = Lock::take(folder.own_file(info.hash(), "lock"))?;
        parts::prepare(&placement)?;
        let states = States::of(&placement)?;
        let trusted = trusted(&placement, &states);
        let Recollection { proven, doubtful } = recollect(&placement, &states, &trusted)?;
        let shape = shape(&placement);
        let path = folder.own_file(info.hash(), "resume");
        let head = Head {
            boot: boot_id().unwrap_or(BootId([0; 16])),
            durable: trusted.durable,
            states: in_one_list(states),
        };
        let (file, seal, len) = write_journal(&path, &shape, &head, &trusted.recent)?;
        Ok(Self {
            shape,
            path,
            head,
            recorded: trusted.recent.len(),
            recent: trusted.recent,
            proven,
            doubtful,
            file,
            seal,
            len,
            placement,
            _lock: lock,
        })
    }

    /// Gives the pieces that are proven to be right.
    #[must_use]
    pub const fn proven(&self) -> &Bitfield {
        &self.proven
    }

    /// Lists the pieces that had bytes on the disk but no proof when this was opened: to be
    /// verified before they are asked for.
    #[must_use]
    pub fn doubtful(&self) -> &[PieceIndex] {
        &self.doubtful
    }

    /// Notes the pieces that were found to be right on the disk.
    ///
    /// # Errors
    /// As [`Resume::stored`].
    pub fn proved(&mut self, good: &Bitfield) -> Result<(), LibraryError> {
        let news = good.iter().filter(|piece| self.proven.set(*piece));
        self.recent.extend(news);
        self.record()
    }

    /// Notes a piece that was verified and written.
    ///
    /// # Errors
    /// When the journal cannot be written; the piece is noted all the same, and is written with
    /// the next that can.
    pub fn stored(&mut self, piece: PieceIndex) -> Result<(), LibraryError> {
        if self.proven.set(piece) {
            self.recent.push(piece);
        }
        self.record()
    }

    /// Notes pieces that can no longer be read.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn lost(&mut self, pieces: Range<u32>) -> Result<(), LibraryError> {
        let mut is_news = false;
        for piece in pieces.map(PieceIndex) {
            is_news |= self.proven.clear(piece);
            self.head.durable.clear(piece);
        }
        if !is_news {
            return Ok(());
        }
        self.recent.retain(|piece| self.proven.has(*piece));
        self.rewrite(self.head.clone(), self.recent.clone())
    }

    /// Makes what was stored so far survive even the end of the machine: waits until the files are
    /// on the disk. Every five minutes is often enough.
    ///
    /// # Errors
    /// When the files cannot be synced or the journal cannot be written; all that was noted stays
    /// noted.
    pub fn checkpoint(&mut self) -> Result<(), LibraryError> {
        if self.recent.is_empty() {
            return Ok(());
        }
        let spots = self
            .recent
            .iter()
            .flat_map(|piece| self.placement.spots(*piece));
        let touched: BTreeSet<Store> = spots.map(|spot| spot.store).collect();
        for store in touched {
            let synced = self.placement.open(store).and_then(|file| file.sync_all());
            synced.map_err(|error| {
                LibraryError::io("write to disk", &self.placement.path_of_store(store))(error)
            })?;
        }
        let head = Head {
            boot: self.head.boot,
            durable: self.proven.clone(),
            states: in_one_list(States::of(&self.placement)?),
        };
        self.rewrite(head, Vec::new())
    }

    /// Takes leave, so that the next time needs no second look, and gives the lock back. Only when
    /// nobody writes to the files any more. Does not wait for the disk: if the machine ends now,
    /// what was stored since the last checkpoint is verified again.
    ///
    /// # Errors
    /// When the journal cannot be written; all that it already tells stays told.
    pub fn finish(mut self) -> Result<(), LibraryError> {
        self.record()?;
        let states = in_one_list(States::of(&self.placement)?);
        let record = self.seal.closed(self.recorded, &states);
        self.append(&record)
    }

    /// Writes down the pieces that are not yet in the file.
    fn record(&mut self) -> Result<(), LibraryError> {
        let unrecorded = (self.recorded..).zip(self.recent.iter().skip(self.recorded));
        let records: Vec<u8> = unrecorded
            .flat_map(|(number, piece)| self.seal.stored(number, *piece))
            .collect();
        self.append(&records)?;
        self.recorded = self.recent.len();
        Ok(())
    }

    /// Writes behind what is surely in the file, over what may be left of a failure.
    fn append(&mut self, bytes: &[u8]) -> Result<(), LibraryError> {
        self.file
            .write_all_at(bytes, self.len)
            .map_err(LibraryError::io("write", &self.path))?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    fn rewrite(&mut self, head: Head, recent: Vec<PieceIndex>) -> Result<(), LibraryError> {
        (self.file, self.seal, self.len) = write_journal(&self.path, &self.shape, &head, &recent)?;
        self.head = head;
        self.recorded = recent.len();
        self.recent = recent;
        Ok(())
    }
}

fn write_journal(
    path: &Path,
    shape: &Shape,
    head: &Head,
    recent: &[PieceIndex],
) -> Result<(File, Seal, u64), LibraryError> {
    let (mut bytes, seal) = head.encode(shape);
    for (number, piece) in recent.iter().enumerate() {
        bytes.extend(seal.stored(number, *piece));
    }
    // Where nothing outlives the machine, the journal need not either, and nobody waits.
    let written = if head.durable.is_none() {
        Written::Soon
    } else {
        Written::Now
    };
    let file = replace(path, &bytes, written)?;
    Ok((file, seal, bytes.len() as u64))
}

fn trusted(placement: &Placement, states: &States) -> Trusted {
    let path = placement
        .folder()
        .own_file(placement.info().hash(), "resume");
    let shape = shape(placement);
    let Ok((bytes, written_nanos)) = read_journal(&path, &shape) else {
        return Trusted::nothing(shape.pieces);
    };
    let Ok(journal) = Journal::parse(&bytes, &shape) else {
        return Trusted::nothing(shape.pieces);
    };
    let reading = Reading {
        written_nanos,
        boot: boot_id(),
    };
    Trusted::of(&journal, reading, states, placement)
}

fn recollect(
    placement: &Placement,
    states: &States,
    trusted: &Trusted,
) -> Result<Recollection, LibraryError> {
    let mut proven = trusted.durable.clone();
    for piece in &trusted.recent {
        proven.set(*piece);
    }
    let doubtful = states::presence(placement, states, proven.missing())?.present;
    Ok(Recollection {
        doubtful: doubtful.iter().collect(),
        proven,
    })
}

/// Reads the file, but not more of it than a journal can have; tells also when it was last written.
fn read_journal(path: &Path, shape: &Shape) -> io::Result<(Vec<u8>, i64)> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    let written_nanos = metadata
        .mtime()
        .saturating_mul(1_000_000_000)
        .saturating_add(metadata.mtime_nsec());
    let mut bytes = Vec::new();
    file.take(shape.len_max() as u64).read_to_end(&mut bytes)?;
    Ok((bytes, written_nanos))
}

fn shape(placement: &Placement) -> Shape {
    let info = placement.info();
    Shape {
        info_hash: info.hash(),
        pieces: info.piece_count(),
        files: info.layout().file_count(),
    }
}

fn in_one_list(states: States) -> Box<[FileState]> {
    let mut list = states.files.into_vec();
    list.push(states.parts);
    list.into()
}

/// Names this run of the machine; `None` where the system does not.
fn boot_id() -> Option<BootId> {
    let text = fs::read_to_string(BOOT_ID).ok()?;
    let hex: String = text.trim().split('-').collect();
    wire::text::from_hex("a boot id", &hex).ok().map(BootId)
}
