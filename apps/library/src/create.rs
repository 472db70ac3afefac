//! New torrents from files and folders.
//!
//! Files are listed by the bytes of their paths, hidden ones too, so that equal folders make equal
//! torrents. What is neither a file nor a folder has no bytes to share and is left out, and the
//! caller is told. Names and sizes are checked before the long work of hashing begins.

use std::fs::File;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};

use bittorrent::metainfo::layout::PIECE_LENGTH_MAX;
use bittorrent::metainfo::{Builder, Content, FileIndex, Metainfo, PIECE_HASH_LEN, Privacy, Tier};
use bittorrent::numbers::PieceIndex;

use crate::content::Shelf;
use crate::placement::Store;
use crate::verify::hash_content;
use crate::walk::Walk;
use crate::{LibraryError, Progress};

/// The shortest piece, in bytes: one block. Shorter ones would waste what a request costs.
const PIECE_LENGTH_MIN: u64 = 16 * 1024;

/// What torrent to make.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recipe {
    /// The file or folder to share; its last name becomes that of the torrent.
    pub path: PathBuf,
    /// The length of the pieces in bytes, a power of two from 16 KiB; `None` for one that fits the
    /// size.
    pub piece_length: Option<u64>,
    /// The trackers, in tiers.
    pub trackers: Vec<Tier>,
    /// Where peers may be found.
    pub privacy: Privacy,
    /// Some words for the reader.
    pub comment: Option<Box<str>>,
    /// The program that makes the torrent.
    pub created_by: Option<Box<str>>,
    /// When it is made, in seconds since 1970.
    pub creation_date: Option<i64>,
}

/// A new torrent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// The torrent.
    pub metainfo: Metainfo,
    /// What stands in the folder but cannot be shared.
    pub skipped: Vec<Skipped>,
}

/// Something that is neither a file nor a folder, and so was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Where it stands.
    pub path: PathBuf,
    /// What it is, in words for the user: `symbolic link`, `pipe`, `socket` or `device`.
    pub what: &'static str,
}

/// Makes a torrent: lists the files, hashes them on all cores, and makes sure that they did not
/// change meanwhile.
///
/// # Errors
/// When a file cannot be read, changes, or cannot be shared; [`LibraryError::Cancelled`] once
/// `cancel` is set.
pub fn create(
    recipe: &Recipe,
    cancel: &AtomicBool,
    on_progress: impl Fn(Progress) + Sync,
) -> Result<Created, LibraryError> {
    let walk = Walk::of(&recipe.path)?;
    let builder = builder(recipe, &walk)?;
    let layout = builder.layout()?;
    let mut hashes = vec![0; layout.piece_count() as usize * PIECE_HASH_LEN];
    check_names(&builder.clone().build(&hashes)?, &builder, &walk)?;

    let pieces: Vec<_> = (0..layout.piece_count()).map(PieceIndex).collect();
    let places: Mutex<&mut [[u8; PIECE_HASH_LEN]]> = Mutex::new(hashes.as_chunks_mut().0);
    let trouble = hash_content(
        &walk,
        &layout,
        &pieces,
        cancel,
        on_progress,
        |piece, hash| {
            let mut places = places.lock().unwrap_or_else(PoisonError::into_inner);
            match (places.get_mut(piece.0 as usize), hash) {
                (Some(place), Ok(hash)) => *place = hash,
                // Only a file that is shorter now is not also told as a trouble, and that shows below.
                (_, Err(_)) | (None, Ok(_)) => (),
            }
        },
    )?;
    if let Some(trouble) = trouble {
        return Err(trouble);
    }
    if let Some(changed) = walk.files.iter().find(|file| !file.is_unchanged()) {
        let path = changed.path.clone();
        return Err(LibraryError::Changed { path });
    }
    Ok(Created {
        metainfo: builder.build(&hashes)?,
        skipped: walk.skipped,
    })
}

fn builder(recipe: &Recipe, walk: &Walk) -> Result<Builder, LibraryError> {
    let path = &recipe.path;
    let content = if walk.is_folder {
        let files = walk.files.iter();
        let named = files.map(|file| Ok((names_below(path, &file.path)?, file.stamp.len)));
        Content::Directory(named.collect::<Result<_, LibraryError>>()?)
    } else {
        Content::File(walk.files.iter().map(|file| file.stamp.len).sum())
    };
    if content.is_empty() {
        return Err(LibraryError::NothingToShare { path: path.clone() });
    }
    let mut builder = Builder::new(top_name(path)?, content);
    if let Some(length) = recipe.piece_length {
        builder.piece_length = piece_length(length)?;
    }
    builder.privacy = recipe.privacy;
    builder.trackers.clone_from(&recipe.trackers);
    builder.comment.clone_from(&recipe.comment);
    builder.created_by.clone_from(&recipe.created_by);
    builder.creation_date = recipe.creation_date;
    Ok(builder)
}

fn piece_length(found: u64) -> Result<u32, LibraryError> {
    u32::try_from(found)
        .ok()
        .filter(|length| length.is_power_of_two() && *length <= PIECE_LENGTH_MAX)
        .filter(|_| found >= PIECE_LENGTH_MIN)
        .ok_or(LibraryError::PieceLength { found })
}

/// The name of the torrent: the last of the path, whatever way it is written.
fn top_name(path: &Path) -> Result<String, LibraryError> {
    let unfit = || LibraryError::UnfitName { path: path.into() };
    let whole = match path.components().next_back() {
        Some(Component::Normal(_)) => path.to_path_buf(),
        _ => path
            .canonicalize()
            .map_err(LibraryError::io("open", path))?,
    };
    let name = whole.file_name().ok_or_else(unfit)?;
    name.to_str().map(String::from).ok_or_else(unfit)
}

/// The names that lead from a folder to a file below it.
fn names_below(folder: &Path, path: &Path) -> Result<Vec<String>, LibraryError> {
    let below = path.strip_prefix(folder).unwrap_or(path);
    let names = below.components().map(|part| {
        let Component::Normal(name) = part else {
            return None;
        };
        name.to_str().map(String::from)
    });
    names
        .collect::<Option<_>>()
        .ok_or_else(|| LibraryError::UnfitName { path: path.into() })
}

/// Makes sure that the torrent calls the files by the names that they have, and not by ones that it
/// had to make fit.
fn check_names(metainfo: &Metainfo, builder: &Builder, walk: &Walk) -> Result<(), LibraryError> {
    let info = &metainfo.info;
    let lists: &[_] = match &builder.content {
        Content::File(_) => &[],
        Content::Directory(files) => files,
    };
    for (((_, file), (names, _)), found) in info.files().zip(lists).zip(&walk.files) {
        if !info.path(file).skip(1).eq(names.iter().map(String::as_str)) {
            let path = found.path.clone();
            return Err(LibraryError::UnfitName { path });
        }
    }
    if info.name() == builder.name {
        return Ok(());
    }
    let path = builder.name.clone().into();
    Err(LibraryError::UnfitName { path })
}

impl Shelf for Walk {
    fn locate(&self, file: FileIndex) -> Option<(Store, u64)> {
        Some((Store::File(file), 0))
    }

    fn open(&self, store: Store) -> io::Result<File> {
        File::open(self.path(store))
    }

    fn path(&self, store: Store) -> PathBuf {
        let found = match store {
            Store::File(file) => self.files.get(file.0 as usize),
            Store::Parts => None,
        };
        found.map_or_else(PathBuf::new, |found| found.path.clone())
    }
}
