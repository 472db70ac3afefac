//! What can go wrong with files, in words for the one whose files they are.

use std::io;
use std::path::{Path, PathBuf};

use bittorrent::metainfo::{LayoutError, MetainfoError};
use rustix::io::Errno;

/// Says which file cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LibraryError {
    /// The system refuses.
    #[error("cannot {action} {}: {reason}", path.display())]
    Io {
        /// What was to be done.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// The sort of failure.
        kind: io::ErrorKind,
        /// The system's own words.
        reason: Box<str>,
    },
    /// Another process writes the same torrent into the same folder.
    #[error("another process works on this torrent: it holds {}", path.display())]
    Locked {
        /// What it holds.
        path: PathBuf,
    },
    /// The torrent wants the name of the folder where we keep our own files.
    #[error("a torrent may not be called {0:?}: that is where manyhop keeps its own files")]
    ReservedName(Box<str>),
    /// A file was selected that the torrent does not have.
    #[error("there is no file {number}: the torrent has {count}")]
    NoSuchFile {
        /// The number that was asked for, from 1.
        number: u64,
        /// How many there are.
        count: u32,
    },
    /// There is nothing to make a torrent of.
    #[error("there is nothing to share in {}", path.display())]
    NothingToShare {
        /// The file or folder.
        path: PathBuf,
    },
    /// A torrent is made of files and folders only.
    #[error("{} is neither a file nor a folder", path.display())]
    NeitherFileNorFolder {
        /// What it is instead has no bytes that could be shared.
        path: PathBuf,
    },
    /// A torrent's names are UTF-8, one part of a path each, and fit for every system.
    #[error("{} has a name that no torrent can carry: rename it first", path.display())]
    UnfitName {
        /// The file.
        path: PathBuf,
    },
    /// The content changed while it was hashed.
    #[error("{} changed while it was hashed", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// The length of the pieces is not possible.
    #[error("a piece has {found} bytes, which is not a power of two from 16 KiB to 512 MiB")]
    PieceLength {
        /// What was asked for, in bytes.
        found: u64,
    },
    /// The files make no torrent.
    #[error("the files make no torrent: {0}")]
    Layout(#[from] LayoutError),
    /// The names make no torrent.
    #[error("the files make no torrent: {0}")]
    Metainfo(#[from] MetainfoError),
    /// The user stopped it.
    #[error("stopped before the end")]
    Cancelled,
}

impl LibraryError {
    /// Names what can be tried next, if there is something.
    #[must_use]
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Io { kind, .. } => hint_for(*kind),
            Self::Locked { .. } => Some("wait for the other process, or choose another folder"),
            Self::NoSuchFile { .. } => Some("`manyhop show` numbers the files"),
            Self::Changed { .. } => Some("create the torrent when nobody writes to its files"),
            Self::PieceLength { .. } => {
                Some("leave it out: a fit length is chosen by the size of the content")
            }
            Self::ReservedName(_)
            | Self::NothingToShare { .. }
            | Self::NeitherFileNorFolder { .. }
            | Self::UnfitName { .. }
            | Self::Layout(_)
            | Self::Metainfo(_)
            | Self::Cancelled => None,
        }
    }

    /// Blames a file for what the system said: `map_err(LibraryError::io("read", path))`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Io {
            action,
            path: path.into(),
            kind: error.kind(),
            reason: match Errno::from_io_error(&error) {
                Some(Errno::LOOP) => "it is a symbolic link, and those are not followed".into(),
                Some(Errno::NOTDIR) => "a folder above it is a symbolic link, or no folder".into(),
                _ => error.to_string().into(),
            },
        }
    }
}

/// Names what can be tried next when the system refuses.
const fn hint_for(kind: io::ErrorKind) -> Option<&'static str> {
    if matches!(
        kind,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    ) {
        Some("make room on the disk and run the same command again: it goes on")
    } else if matches!(
        kind,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
    ) {
        Some("choose a folder that you may write to, or change its permissions")
    } else if matches!(kind, io::ErrorKind::NotFound) {
        Some("check the path")
    } else {
        None
    }
}
