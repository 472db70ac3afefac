//! Files by number: which file a [`FileId`] is, and the descriptors that are open.
//!
//! A protocol knows numbers only. The app tells the runtime which file each number stands for
//! ([`Files::register`]); a thousand torrents may have a hundred thousand files, of which a few
//! are open at any time.

mod place;

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard};

use machine::{DiskError, FileId, FileSpan};
use rustix::io::Errno;

pub use place::{Access, Place, PlaceError, Root};

/// How many descriptors stay open. A process often has 1,024 in all, and connections need them
/// more.
const OPEN_MAX: usize = 128;

/// The registry of files, shared by the threads of the runtime and the app.
#[derive(Debug, Clone, Default)]
pub struct Files {
    shelf: Arc<Mutex<Shelf>>,
}

#[derive(Debug, Default)]
struct Shelf {
    places: HashMap<FileId, Arc<Place>>,
    open: HashMap<FileId, Open>,
    /// Counts the uses, to find the descriptor that was not used for longest.
    uses: u64,
}

#[derive(Debug)]
struct Open {
    file: Arc<OwnedFd>,
    mode: Mode,
    last_use: u64,
}

/// What a descriptor is needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Read,
    Write,
}

impl Files {
    /// Makes an empty registry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Tells which file a number stands for, in the place of any that it stood for before.
    pub fn register(&self, file: FileId, place: Place) {
        let mut shelf = self.shelf();
        shelf.open.remove(&file);
        shelf.places.insert(file, Arc::new(place));
    }

    /// Forgets files; what is under way with them may still finish.
    pub fn remove(&self, files: impl IntoIterator<Item = FileId>) {
        let mut shelf = self.shelf();
        for file in files {
            shelf.open.remove(&file);
            shelf.places.remove(&file);
        }
    }

    /// Closes descriptors, for example before files are moved; they are opened anew when needed.
    pub fn close(&self, files: impl IntoIterator<Item = FileId>) {
        let mut shelf = self.shelf();
        for file in files {
            shelf.open.remove(&file);
        }
    }

    /// Closes all descriptors; they are opened anew when needed.
    pub fn close_all(&self) {
        self.shelf().open.clear();
    }

    /// The descriptor for a stretch of a file, opened if need be.
    ///
    /// Fails also for a stretch that the file does not have, whatever its length on the disk.
    pub(crate) fn open(&self, span: FileSpan, mode: Mode) -> Result<Arc<OwnedFd>, DiskError> {
        let mut shelf = self.shelf();
        let Some(place) = shelf.places.get(&span.file) else {
            return Err(DiskError::Missing(span.file));
        };
        check_bounds(span, place.len())?;
        let place = Arc::clone(place);
        if let Some(file) = shelf.opened(span.file, mode) {
            return Ok(file);
        }
        // Opening may wait for a slow disk; the other threads need not.
        drop(shelf);
        let opened = match mode {
            Mode::Read => place.open_to_read(),
            Mode::Write => place.open_to_write(),
        };
        let opened = Arc::new(opened.map_err(|error| disk_error(span.file, &error))?);
        let mut shelf = self.shelf();
        let current = shelf.places.get(&span.file);
        if current.is_some_and(|current| Arc::ptr_eq(current, &place)) {
            shelf.keep(span.file, mode, Arc::clone(&opened));
        }
        Ok(opened)
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf
            .lock()
            .expect("nobody panics with the shelf in hand")
    }
}

impl Shelf {
    fn opened(&mut self, file: FileId, mode: Mode) -> Option<Arc<OwnedFd>> {
        let open = self.open.get_mut(&file)?;
        if mode == Mode::Write && open.mode == Mode::Read {
            return None;
        }
        self.uses += 1;
        open.last_use = self.uses;
        Some(Arc::clone(&open.file))
    }

    fn keep(&mut self, file: FileId, mode: Mode, opened: Arc<OwnedFd>) {
        if self.open.len() >= OPEN_MAX {
            let oldest = self.open.iter().min_by_key(|(_, open)| open.last_use);
            if let Some(oldest) = oldest.map(|(&file, _)| file) {
                self.open.remove(&oldest);
            }
        }
        self.uses += 1;
        let open = Open {
            file: opened,
            mode,
            last_use: self.uses,
        };
        self.open.insert(file, open);
    }
}

fn check_bounds(span: FileSpan, len: u64) -> Result<(), DiskError> {
    let end = span.offset.checked_add(u64::from(span.len));
    if end.is_some_and(|end| end <= len) {
        return Ok(());
    }
    let message = format!(
        "{} bytes at {} are not within its {len} bytes",
        span.len, span.offset
    );
    Err(DiskError::Failed {
        file: span.file,
        message: message.into(),
    })
}

/// Names what the system said in the words of the machine.
pub(crate) fn disk_error(file: FileId, error: &io::Error) -> DiskError {
    match Errno::from_io_error(error) {
        Some(Errno::NOSPC | Errno::DQUOT) => DiskError::NoSpace(file),
        Some(Errno::ACCESS | Errno::PERM | Errno::ROFS | Errno::LOOP) => DiskError::Denied(file),
        Some(Errno::NOENT) => DiskError::Missing(file),
        _ => DiskError::Failed {
            file,
            message: error.to_string().into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(file: u32) -> FileSpan {
        FileSpan {
            file: FileId(file),
            offset: 0,
            len: 1,
        }
    }

    #[test]
    fn only_so_many_descriptors_stay_open() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = Root::open(folder.path()).expect("opens");
        let files = Files::new();
        let count = u32::try_from(OPEN_MAX).expect("small") + 10;
        for file in 0..count {
            let name = file.to_string();
            let place = Place::new(&root, [name], 1, Access::ReadWrite).expect("plain");
            files.register(FileId(file), place);
            files.open(span(file), Mode::Write).expect("made");
            files.open(span(0), Mode::Read).expect("used all the time");
        }
        let shelf = files.shelf();
        assert_eq!(shelf.open.len(), OPEN_MAX);
        assert!(shelf.open.contains_key(&FileId(0)));
        assert!(!shelf.open.contains_key(&FileId(1)));
    }

    #[test]
    fn a_descriptor_for_reading_does_not_serve_to_write() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("a"), "x").expect("written");
        let root = Root::open(folder.path()).expect("opens");
        let files = Files::new();
        let place = |access| Place::new(&root, ["a"], 1, access).expect("plain");
        files.register(FileId(1), place(Access::ReadWrite));
        let read = files.open(span(1), Mode::Read).expect("opens");
        let write = files.open(span(1), Mode::Write).expect("opens");
        assert!(!Arc::ptr_eq(&read, &write));
        let both = files.open(span(1), Mode::Read).expect("open");
        assert!(Arc::ptr_eq(&both, &write));
        files.register(FileId(1), place(Access::ReadOnly));
        assert_eq!(
            files.open(span(1), Mode::Write).err(),
            Some(DiskError::Denied(FileId(1)))
        );
    }

    #[test]
    fn stretches_beyond_the_file_and_unknown_files_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = Root::open(folder.path()).expect("opens");
        let files = Files::new();
        let place = Place::new(&root, ["a"], 10, Access::ReadWrite).expect("plain");
        files.register(FileId(1), place);
        let at = |offset, len| FileSpan {
            file: FileId(1),
            offset,
            len,
        };
        assert!(files.open(at(0, 10), Mode::Write).is_ok());
        assert!(files.open(at(1, 10), Mode::Write).is_err());
        assert!(files.open(at(u64::MAX, 1), Mode::Write).is_err());
        assert_eq!(
            files.open(span(2), Mode::Read).err(),
            Some(DiskError::Missing(FileId(2)))
        );
    }
}
