//! Where a file lies: a folder that the user named, and the way down from it.
//!
//! The way down comes from a stranger (a torrent's list of files), so it is walked with care: each
//! name is one component, and each folder is opened from the one above without following a
//! symbolic link. Whatever stands on the disk, nothing outside of the folder is ever opened.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

/// A folder that the user named; below it nothing is trusted, above it everything is.
#[derive(Debug)]
pub struct Root {
    folder: OwnedFd,
}

/// Where a file lies and what may be done with it.
#[derive(Debug, Clone)]
pub struct Place {
    root: Arc<Root>,
    folders: Box<[OsString]>,
    name: OsString,
    len: u64,
    access: Access,
}

/// What may be done with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It is there and never changes.
    ReadOnly,
    /// It is made at the first write, with the folders above it.
    ReadWrite,
}

/// Why names are no way to a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// There is no name at all.
    #[error("a file needs a name")]
    NoName,
    /// A name that is empty, `.` or `..`, or has a slash or a NUL in it.
    #[error("{0:?} is not the name of a file")]
    BadName(OsString),
}

impl Root {
    /// Opens a folder that exists. The path may lead over symbolic links: it is the user's own.
    ///
    /// # Errors
    /// When it does not exist, is no folder, or may not be searched.
    pub fn open(folder: impl AsRef<Path>) -> io::Result<Arc<Self>> {
        let flags = OFlags::DIRECTORY | OFlags::PATH | OFlags::CLOEXEC;
        let folder = rustix::fs::open(folder.as_ref(), flags, Mode::empty())?;
        Ok(Arc::new(Self { folder }))
    }

    /// Opens a folder, and makes it and those above it when they are missing.
    ///
    /// # Errors
    /// When it cannot be made or opened.
    pub fn create(folder: impl AsRef<Path>) -> io::Result<Arc<Self>> {
        std::fs::create_dir_all(folder.as_ref())?;
        Self::open(folder)
    }
}

impl Place {
    /// Names a file of `len` bytes below `root`, by the names of the folders and its own.
    ///
    /// # Errors
    /// When a name is not one plain component of a path, or there is none.
    pub fn new<N: AsRef<OsStr>>(
        root: &Arc<Root>,
        names: impl IntoIterator<Item = N>,
        len: u64,
        access: Access,
    ) -> Result<Self, PlaceError> {
        let mut folders = Vec::new();
        for name in names {
            let name = name.as_ref();
            let bytes = name.as_bytes();
            if matches!(bytes, b"" | b"." | b"..") || bytes.iter().any(|b| matches!(b, b'/' | 0)) {
                return Err(PlaceError::BadName(name.into()));
            }
            folders.push(name.to_owned());
        }
        let name = folders.pop().ok_or(PlaceError::NoName)?;
        Ok(Self {
            root: Arc::clone(root),
            folders: folders.into(),
            name,
            len,
            access,
        })
    }

    /// How many bytes the file has when it is whole.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether the file has no bytes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What may be done with the file.
    #[must_use]
    pub const fn access(&self) -> Access {
        self.access
    }

    /// Opens the file to read it.
    ///
    /// # Errors
    /// When there is no such file, or what stands there is no file, or lies behind a symbolic link.
    pub fn open_to_read(&self) -> io::Result<OwnedFd> {
        let folder = self.open_folder(Missing::Refuse)?;
        self.open_file(&folder, OFlags::RDONLY)
    }

    /// Opens the file to write it (and read it), and makes it if it is missing.
    ///
    /// # Errors
    /// As for reading; also when it cannot be made, or is for reading only.
    pub fn open_to_write(&self) -> io::Result<OwnedFd> {
        if self.access == Access::ReadOnly {
            return Err(Errno::ACCESS.into());
        }
        let folder = self.open_folder(Missing::Make)?;
        self.open_file(&folder, OFlags::RDWR | OFlags::CREATE)
    }

    /// Puts a symbolic link in the place of the file, unless that very link is there. The caller
    /// sees to it that `target` leads to no place outside of the folder.
    ///
    /// # Errors
    /// When something else stands there, or it cannot be made.
    pub fn link_to(&self, target: &OsStr) -> io::Result<()> {
        let folder = self.open_folder(Missing::Make)?;
        match rustix::fs::symlinkat(target, &folder, &self.name) {
            Err(Errno::EXIST) => {
                let found = rustix::fs::readlinkat(&folder, &self.name, Vec::new());
                let is_same = found.is_ok_and(|found| found.as_bytes() == target.as_bytes());
                is_same.then_some(()).ok_or_else(|| Errno::EXIST.into())
            }
            made => Ok(made?),
        }
    }

    fn open_file(&self, folder: &impl AsFd, flags: OFlags) -> io::Result<OwnedFd> {
        // A pipe of that name would block who opens it, but for NONBLOCK, which files ignore.
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let mode = Mode::from_raw_mode(0o666);
        let file = rustix::fs::openat(folder, &self.name, flags, mode)?;
        let kind = FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode);
        if kind == FileType::RegularFile {
            Ok(file)
        } else {
            Err(Errno::ACCESS.into())
        }
    }

    fn open_folder(&self, missing: Missing) -> io::Result<Folder<'_>> {
        let mut folder = Folder::Borrowed(self.root.folder.as_fd());
        for name in &self.folders {
            folder = Folder::Owned(open_below(&folder, name, missing)?);
        }
        Ok(folder)
    }
}

/// What to do about a folder that does not exist.
#[derive(Clone, Copy)]
enum Missing {
    Refuse,
    Make,
}

fn open_below(folder: &impl AsFd, name: &OsStr, missing: Missing) -> io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::PATH | OFlags::CLOEXEC;
    match (
        rustix::fs::openat(folder, name, flags, Mode::empty()),
        missing,
    ) {
        (Err(Errno::NOENT), Missing::Make) => {
            match rustix::fs::mkdirat(folder, name, Mode::from_raw_mode(0o777)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
            Ok(rustix::fs::openat(folder, name, flags, Mode::empty())?)
        }
        (opened, _) => Ok(opened?),
    }
}

enum Folder<'a> {
    Borrowed(BorrowedFd<'a>),
    Owned(OwnedFd),
}

impl AsFd for Folder<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Borrowed(folder) => *folder,
            Self::Owned(folder) => folder.as_fd(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn place(root: &Arc<Root>, names: &[&str]) -> Place {
        Place::new(root, names, 10, Access::ReadWrite).expect("plain names")
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = Root::open(folder.path()).expect("opens");
        for names in [
            &["..", "x"][..],
            &["a", ".."],
            &["."],
            &["/etc"],
            &["a/b"],
            &["a\0"],
            &["", "a"],
        ] {
            assert!(
                matches!(
                    Place::new(&root, names, 1, Access::ReadOnly),
                    Err(PlaceError::BadName(_))
                ),
                "{names:?}"
            );
        }
        let none: [&str; 0] = [];
        assert_eq!(
            Place::new(&root, none, 1, Access::ReadOnly).err(),
            Some(PlaceError::NoName)
        );
    }

    #[test]
    fn folders_are_made_by_the_first_write_and_not_by_reading() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = Root::open(folder.path()).expect("opens");
        let deep = place(&root, &["a", "b", "c"]);
        let missing = deep.open_to_read().expect_err("not there yet");
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        assert!(!folder.path().join("a").exists());
        deep.open_to_write().expect("is made");
        assert!(folder.path().join("a/b/c").is_file());
        deep.open_to_read().expect("is there now");
    }

    #[test]
    fn no_symbolic_link_is_followed_out_of_the_folder() {
        let outside = tempfile::tempdir().expect("a folder");
        std::fs::write(outside.path().join("secret"), "secret").expect("written");
        let folder = tempfile::tempdir().expect("a folder");
        symlink(outside.path(), folder.path().join("way")).expect("linked");
        symlink(outside.path().join("secret"), folder.path().join("file")).expect("linked");
        let root = Root::open(folder.path()).expect("opens");
        for names in [&["way", "secret"][..], &["file"], &["way", "new"]] {
            assert!(place(&root, names).open_to_read().is_err(), "{names:?}");
            assert!(place(&root, names).open_to_write().is_err(), "{names:?}");
        }
        assert!(!outside.path().join("new").exists());
    }

    #[test]
    fn a_link_is_made_once_and_replaces_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("file"), "x").expect("written");
        let root = Root::open(folder.path()).expect("opens");
        let link = place(&root, &["a", "link"]);
        let target = OsStr::new("../file");
        for _ in 0..2 {
            link.link_to(target).expect("there");
        }
        let found = std::fs::read_link(folder.path().join("a/link")).expect("a link");
        assert_eq!(found, Path::new("../file"));
        assert!(link.link_to(OsStr::new("other")).is_err());
        assert!(place(&root, &["file"]).link_to(target).is_err());
    }

    #[test]
    fn what_is_no_file_is_refused_without_waiting_for_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = Root::open(folder.path()).expect("opens");
        let mode = Mode::from_raw_mode(0o666);
        rustix::fs::mkfifoat(rustix::fs::CWD, folder.path().join("pipe"), mode).expect("made");
        std::fs::create_dir(folder.path().join("folder")).expect("made");
        for name in ["pipe", "folder"] {
            assert!(place(&root, &[name]).open_to_read().is_err(), "{name}");
            assert!(place(&root, &[name]).open_to_write().is_err(), "{name}");
        }
    }
}
