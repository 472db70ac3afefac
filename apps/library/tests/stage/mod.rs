//! A folder with a torrent and its content, for the tests.

#![allow(dead_code, reason = "each test uses its part of the stage")]

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::SystemTime;

use bittorrent::bitfield::Bitfield;
use bittorrent::metainfo::{Builder, Content, FileIndex, Info};
use bittorrent::numbers::PieceIndex;
use library::{Folder, Placement, Resume, Selection, Verified, verify};
use runtime::Access;
use tempfile::TempDir;

/// The length of all pieces but the last: a block of any file system, so that holes are seen.
pub(crate) const PIECE: u32 = 16 * 1024;

/// Files of a torrent in an empty folder.
pub(crate) struct Stage {
    pub(crate) dir: TempDir,
    pub(crate) info: Arc<Info>,
    /// The content, all files one after the other.
    pub(crate) content: Vec<u8>,
}

impl Stage {
    /// A torrent `T` with files `0`, `1`, ... of these lengths; nothing of it is on the disk.
    pub(crate) fn new(lens: &[usize]) -> Self {
        let files = (0..lens.len()).map(|number| vec![number.to_string()]);
        let list = files.zip(lens.iter().map(|len| *len as u64)).collect();
        let content = content(lens.iter().sum());
        let mut builder = Builder::new("T".into(), Content::Directory(list));
        builder.piece_length = PIECE;
        let hashes = hashes(&content);
        let info = builder.build(&hashes).expect("plain names").info;
        Self {
            dir: tempfile::tempdir().expect("a folder"),
            info: Arc::new(info),
            content,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn own(&self, ending: &str) -> PathBuf {
        let name = format!("{}.{ending}", self.info.hash());
        self.path().join(".manyhop").join(name)
    }

    pub(crate) fn folder(&self) -> Folder {
        Folder::open(self.path()).expect("exists")
    }

    pub(crate) fn placement(&self, selection: Selection) -> Arc<Placement> {
        let info = Arc::clone(&self.info);
        let placement = Placement::new(info, &self.folder(), selection, Access::ReadWrite);
        Arc::new(placement.expect("fits"))
    }

    pub(crate) fn all(&self) -> Arc<Placement> {
        self.placement(Selection::All)
    }

    pub(crate) fn open(&self) -> Resume {
        Resume::open(self.all()).expect("opens")
    }

    /// Writes a piece as the driver would.
    pub(crate) fn write(&self, placement: &Placement, piece: u32) {
        let start = (piece * PIECE) as usize;
        let end = (start + PIECE as usize).min(self.content.len());
        self.write_bytes(placement, piece, &self.content[start..end]);
    }

    /// Writes other bytes of the same length.
    pub(crate) fn spoil(&self, placement: &Placement, piece: u32) {
        let len = self.info.layout().piece_len(PieceIndex(piece)) as usize;
        self.write_bytes(placement, piece, &vec![b'?'; len]);
    }

    fn write_bytes(&self, placement: &Placement, piece: u32, bytes: &[u8]) {
        let mut rest = bytes;
        let mut starts = vec![0];
        for file in self.info.layout().files() {
            starts.push(starts[file.0 as usize] + self.info.layout().file_len(file));
        }
        for span in self.info.layout().spans_of_piece(PieceIndex(piece)) {
            let (part, others) = rest.split_at(span.len as usize);
            rest = others;
            let path = placement.path_of(span.file);
            fs::create_dir_all(path.parent().expect("below a folder")).expect("made");
            let is_parts = path.extension().is_some_and(|ending| ending == "parts");
            let base = if is_parts {
                starts[span.file.0 as usize]
            } else {
                0
            };
            let file = OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .open(path)
                .expect("opens");
            file.write_all_at(part, base + span.offset)
                .expect("written");
        }
    }

    /// Verifies all pieces.
    pub(crate) fn verify(&self, placement: &Placement) -> Verified {
        let pieces: Vec<_> = (0..self.info.piece_count()).map(PieceIndex).collect();
        verify(placement, &pieces, &AtomicBool::new(false), |_| {}).expect("readable")
    }

    /// The numbers of the pieces that are really right on the disk.
    pub(crate) fn good(&self, placement: &Placement) -> Vec<u32> {
        numbers(&self.verify(placement).good)
    }
}

/// Bytes of which no two blocks are equal.
pub(crate) fn content(len: usize) -> Vec<u8> {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..len).map(|_| next()).collect()
}

pub(crate) fn hashes(content: &[u8]) -> Vec<u8> {
    use std::sync::Mutex;
    let cut = hashing::Cut::new(content.len() as u64, PIECE.into()).expect("small");
    let hashes = Mutex::new(vec![0; cut.pieces() as usize * 20]);
    let one = std::num::NonZero::<usize>::MIN;
    hashing::hash_pieces(
        content,
        cut,
        &cut.all(),
        one,
        &AtomicBool::new(false),
        |piece, hash| {
            let at = piece.0 as usize * 20;
            let hash = hash.expect("in memory");
            hashes.lock().expect("no panic")[at..at + 20].copy_from_slice(&hash);
        },
    );
    hashes.into_inner().expect("no panic")
}

pub(crate) fn numbers(pieces: &Bitfield) -> Vec<u32> {
    pieces.iter().map(|piece| piece.0).collect()
}

pub(crate) fn doubtful(resume: &Resume) -> Vec<u32> {
    resume.doubtful().iter().map(|piece| piece.0).collect()
}

pub(crate) fn files(numbers: &[u32]) -> Selection {
    Selection::Files(
        numbers
            .iter()
            .copied()
            .map(FileIndex)
            .collect::<BTreeSet<_>>(),
    )
}

/// Sets when a file was last changed.
pub(crate) fn set_time(path: &Path, time: SystemTime) {
    let file = File::options().write(true).open(path).expect("opens");
    file.set_modified(time).expect("ours");
}
