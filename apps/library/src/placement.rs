//! Where each file of a torrent lies.
//!
//! A wanted file lies below the folder that the user named, under its path in the torrent. A file
//! that is not wanted has no place of its own; but pieces do not end where files do, so some of its
//! bytes come with the pieces of its neighbours. They go into one sparse file that is as long as
//! the torrent, each byte at its offset in the torrent, until somebody wants the file.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use bittorrent::api::Places;
use bittorrent::metainfo::{Contents, FileIndex, FileKind, Info};
use bittorrent::numbers::PieceIndex;
use machine::FileId;
use runtime::{Access, Files, Place};

use crate::LibraryError;
use crate::folder::{Folder, OWN_FOLDER, own_name};

/// Which files of a torrent are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Selection {
    /// Every one.
    #[default]
    All,
    /// These.
    Files(BTreeSet<FileIndex>),
}

/// Where the files of one torrent lie in one folder.
#[derive(Debug)]
pub struct Placement {
    info: Arc<Info>,
    folder: Folder,
    selection: Selection,
    homes: Box<[Home]>,
    parts: Place,
}

/// Where the bytes of one file lie.
#[derive(Debug)]
pub(crate) enum Home {
    /// In a file of their own.
    Own(Place),
    /// Among the bytes of unwanted files, from this offset on: the file's offset in the torrent.
    Parts(u64),
    /// On no disk: padding, and symlinks, which have no bytes.
    Nowhere,
}

/// A file on the disk that holds bytes of the torrent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Store {
    /// A file in its own place.
    File(FileIndex),
    /// The bytes of unwanted files.
    Parts,
}

/// A stretch of a piece on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spot {
    /// The file of the torrent that the bytes belong to.
    pub(crate) file: FileIndex,
    /// Where they lie.
    pub(crate) store: Store,
    /// Which bytes of the store they are.
    pub(crate) bytes: Range<u64>,
}

impl Selection {
    /// Tells whether a file is wanted.
    #[must_use]
    pub fn wants(&self, file: FileIndex) -> bool {
        match self {
            Self::All => true,
            Self::Files(files) => files.contains(&file),
        }
    }

    /// Gives the form that [`bittorrent::api::Content::wanted`] has.
    #[must_use]
    pub fn wanted(&self) -> Option<Vec<u32>> {
        match self {
            Self::All => None,
            Self::Files(files) => Some(files.iter().map(|file| file.0).collect()),
        }
    }
}

impl Placement {
    /// Finds a place for each file; looks at the disk, but changes nothing there.
    ///
    /// A file that is not wanted but already there keeps its own place.
    ///
    /// # Errors
    /// When a selected file does not exist in the torrent, or the torrent has the name of our own
    /// folder.
    pub fn new(
        info: Arc<Info>,
        folder: &Folder,
        selection: Selection,
        access: Access,
    ) -> Result<Self, LibraryError> {
        if info.name().eq_ignore_ascii_case(OWN_FOLDER) {
            return Err(LibraryError::ReservedName(info.name().into()));
        }
        check_selection(&info, &selection)?;
        let mut start = 0;
        let mut homes = Vec::with_capacity(info.files().len());
        for (index, file) in info.files() {
            let len = info.layout().file_len(index);
            let is_kept =
                file.kind == FileKind::Regular && info.layout().contents(index) == Contents::Stored;
            let home = if is_kept {
                let place = Place::new(folder.root(), info.path(file), len, access)
                    .expect("the parts of a torrent's path are checked when it is read");
                let is_at_home = selection.wants(index) || place.open_to_read().is_ok();
                if is_at_home {
                    Home::Own(place)
                } else {
                    Home::Parts(start)
                }
            } else {
                Home::Nowhere
            };
            homes.push(home);
            start += len;
        }
        let parts = [OWN_FOLDER.to_owned(), own_name(info.hash(), "parts")];
        let parts = Place::new(folder.root(), parts, info.layout().len(), access)
            .expect("an info-hash is a plain name");
        Ok(Self {
            info,
            folder: folder.clone(),
            selection,
            homes: homes.into(),
            parts,
        })
    }

    /// Gives the torrent.
    #[must_use]
    pub const fn info(&self) -> &Arc<Info> {
        &self.info
    }

    /// Gives the folder that the user named.
    #[must_use]
    pub const fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Tells which files are wanted.
    #[must_use]
    pub const fn selection(&self) -> &Selection {
        &self.selection
    }

    /// Tells how many of the driver's numbers [`Placement::register`] takes.
    #[must_use]
    pub fn file_id_count(&self) -> u32 {
        self.info.layout().file_count().saturating_add(1)
    }

    /// Tells the runtime where the files lie, under the numbers from `first` on, and the node which
    /// of its files has which number.
    #[must_use]
    pub fn register(&self, files: &Files, first: FileId) -> Places {
        let id = |number| FileId(first.0.saturating_add(number));
        let parts = id(self.info.layout().file_count());
        let mut places = Vec::new();
        let mut is_scattered = false;
        for (number, home) in (0..).zip(&self.homes) {
            match home {
                Home::Own(place) => files.register(id(number), place.clone()),
                Home::Parts(_) => is_scattered = true,
                Home::Nowhere => (),
            }
            places.push(match home {
                Home::Own(_) | Home::Nowhere => (id(number), 0),
                Home::Parts(start) => (parts, *start),
            });
        }
        if !is_scattered {
            return Places::Consecutive(first);
        }
        files.register(parts, self.parts.clone());
        Places::Each(places.into())
    }

    /// Shows where a file lies; for one that the torrent does not have, the torrent's own place.
    #[must_use]
    pub fn path_of(&self, file: FileIndex) -> PathBuf {
        match (self.homes.get(file.0 as usize), self.info.file(file)) {
            (Some(Home::Parts(_)), _) => self.folder.own_file(self.info.hash(), "parts"),
            (_, Some(file)) => self.folder.path().join(self.info.display_path(file)),
            (_, None) => self.folder.path().join(self.info.name()),
        }
    }

    pub(crate) fn home(&self, file: FileIndex) -> &Home {
        self.homes.get(file.0 as usize).unwrap_or(&Home::Nowhere)
    }

    pub(crate) fn homes(&self) -> impl ExactSizeIterator<Item = (FileIndex, &Home)> {
        self.info.layout().files().zip(&self.homes)
    }

    /// Where the bytes of unwanted files lie, if there are any.
    pub(crate) const fn parts(&self) -> &Place {
        &self.parts
    }

    /// Lists where the bytes of a piece lie on the disk, in their order.
    pub(crate) fn spots(&self, piece: PieceIndex) -> impl Iterator<Item = Spot> {
        let spans = self.info.layout().spans_of_piece(piece);
        spans.filter_map(|span| {
            let (store, base) = self.locate(span.file)?;
            Some(Spot {
                file: span.file,
                store,
                bytes: base + span.offset..base + span.offset + u64::from(span.len),
            })
        })
    }

    /// Finds the store that a file's bytes lie in, and where they begin there.
    pub(crate) fn locate(&self, file: FileIndex) -> Option<(Store, u64)> {
        match self.home(file) {
            Home::Own(_) => Some((Store::File(file), 0)),
            Home::Parts(start) => Some((Store::Parts, *start)),
            Home::Nowhere => None,
        }
    }

    /// Opens a store to read it.
    pub(crate) fn open(&self, store: Store) -> io::Result<File> {
        let place = match store {
            Store::Parts => &self.parts,
            Store::File(file) => match self.home(file) {
                Home::Own(place) => place,
                Home::Parts(_) | Home::Nowhere => return Err(io::ErrorKind::NotFound.into()),
            },
        };
        place.open_to_read().map(File::from)
    }

    /// The path of a store, for errors.
    pub(crate) fn path_of_store(&self, store: Store) -> PathBuf {
        match store {
            Store::File(file) => self.path_of(file),
            Store::Parts => self.folder.own_file(self.info.hash(), "parts"),
        }
    }
}

fn check_selection(info: &Info, selection: &Selection) -> Result<(), LibraryError> {
    let count = info.layout().file_count();
    let Selection::Files(files) = selection else {
        return Ok(());
    };
    match files.last() {
        Some(last) if last.0 >= count => Err(LibraryError::NoSuchFile {
            number: u64::from(last.0) + 1,
            count,
        }),
        _ => Ok(()),
    }
}
