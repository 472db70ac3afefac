//! The bytes of a torrent as one long row, read from whatever files they lie in.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bittorrent::metainfo::{Contents, FileIndex, Layout};
use bittorrent::numbers::{Block, PieceIndex};
use hashing::Source;

use crate::LibraryError;
use crate::placement::{Placement, Store};

/// How many files are open at a time: enough for the pieces that all threads read side by side,
/// and far from the 1,024 descriptors that a process often has.
const OPEN_MAX: usize = 128;

/// Knows the files that content lies in.
pub(crate) trait Shelf: Sync {
    /// Finds the store that a file's bytes lie in, and where they begin there.
    fn locate(&self, file: FileIndex) -> Option<(Store, u64)>;

    /// Opens a store.
    fn open(&self, store: Store) -> io::Result<File>;

    /// Names a store in errors.
    fn path(&self, store: Store) -> PathBuf;
}

impl Shelf for Placement {
    fn locate(&self, file: FileIndex) -> Option<(Store, u64)> {
        Self::locate(self, file)
    }

    fn open(&self, store: Store) -> io::Result<File> {
        Self::open(self, store)
    }

    fn path(&self, store: Store) -> PathBuf {
        self.path_of_store(store)
    }
}

/// Content that many threads read.
pub(crate) struct Content<'a, S> {
    shelf: &'a S,
    layout: &'a Layout,
    open: Mutex<BTreeMap<Store, Arc<File>>>,
    trouble: Mutex<Option<LibraryError>>,
}

impl<'a, S: Shelf> Content<'a, S> {
    pub(crate) fn new(shelf: &'a S, layout: &'a Layout) -> Self {
        Self {
            shelf,
            layout,
            open: Mutex::default(),
            trouble: Mutex::default(),
        }
    }

    /// The first failure, but for bytes that are simply not there.
    pub(crate) fn into_trouble(self) -> Option<LibraryError> {
        self.trouble
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, store: Store) -> io::Result<Arc<File>> {
        let lock = || self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = lock().get(&store) {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(self.shelf.open(store)?);
        let mut open = lock();
        if open.len() >= OPEN_MAX {
            // Content is read from its start to its end: the first file is done with.
            open.pop_first();
        }
        open.insert(store, Arc::clone(&file));
        Ok(file)
    }

    fn read_store(&self, store: Store, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let read = self
            .file(store)
            .and_then(|file| file.read_exact_at(into, offset));
        read.map_err(|error| {
            let kind = error.kind();
            if !is_absence(&error) {
                let trouble = LibraryError::io("read", &self.shelf.path(store))(error);
                let mut first = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
                first.get_or_insert(trouble);
            }
            kind.into()
        })
    }
}

/// Tells whether bytes are simply not there: no file, or one that ends before them.
pub(crate) fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof
    )
}

impl<S: Shelf> Source for Content<'_, S> {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let piece_length = u64::from(self.layout.piece_length());
        let out_of_range = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let block = Block {
            piece: PieceIndex(u32::try_from(offset / piece_length).map_err(|_| out_of_range())?),
            begin: (offset % piece_length) as u32,
            len: u32::try_from(into.len()).map_err(|_| out_of_range())?,
        };
        let mut rest = into;
        for span in self.layout.spans(block) {
            let (part, others) = rest
                .split_at_mut_checked(span.len as usize)
                .ok_or_else(out_of_range)?;
            rest = others;
            match self.shelf.locate(span.file) {
                _ if span.contents == Contents::Padding => part.fill(0),
                Some((store, base)) => self.read_store(store, base + span.offset, part)?,
                None => return Err(io::ErrorKind::NotFound.into()),
            }
        }
        if rest.is_empty() {
            Ok(())
        } else {
            Err(out_of_range())
        }
    }
}
