//! The files below a path, as they stand at one moment.

use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::LibraryError;
use crate::create::Skipped;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Walk {
    /// The files; in a folder, by the bytes of their paths, so that equal folders make equal
    /// torrents.
    pub(crate) files: Vec<Found>,
    /// Whether the path is a folder.
    pub(crate) is_folder: bool,
    /// What is neither a file nor a folder.
    pub(crate) skipped: Vec<Skipped>,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// How it stood.
    pub(crate) stamp: Stamp,
}

/// What changes when a file does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    device: u64,
    number: u64,
    pub(crate) len: u64,
    changed: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            number: metadata.ino(),
            len: metadata.len(),
            changed: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

impl Found {
    /// Tells whether the file stands as it stood when it was found.
    pub(crate) fn is_unchanged(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|metadata| Stamp::of(&metadata) == self.stamp)
    }
}

impl Walk {
    /// Lists the files at and below a path. A link is followed if it is the path itself, and
    /// nowhere else: it could lead anywhere, even in a circle.
    pub(crate) fn of(path: &Path) -> Result<Self, LibraryError> {
        let metadata = fs::metadata(path).map_err(LibraryError::io("open", path))?;
        let mut walk = Self {
            files: Vec::new(),
            is_folder: metadata.is_dir(),
            skipped: Vec::new(),
        };
        if metadata.is_dir() {
            let mut folders = vec![path.to_path_buf()];
            while let Some(folder) = folders.pop() {
                walk.list(&folder, &mut folders)
                    .map_err(LibraryError::io("list", &folder))?;
            }
            let bytes = |path: &PathBuf| path.as_os_str().as_bytes().to_vec();
            walk.files.sort_by_cached_key(|file| bytes(&file.path));
            walk.skipped
                .sort_by_cached_key(|skipped| bytes(&skipped.path));
        } else if metadata.is_file() {
            walk.files.push(Found {
                path: path.into(),
                stamp: Stamp::of(&metadata),
            });
        } else {
            return Err(LibraryError::NeitherFileNorFolder { path: path.into() });
        }
        Ok(walk)
    }

    fn list(&mut self, folder: &Path, folders: &mut Vec<PathBuf>) -> std::io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                let stamp = Stamp::of(&entry.metadata()?);
                self.files.push(Found { path, stamp });
            } else {
                let what = match kind {
                    _ if kind.is_symlink() => "symbolic link",
                    _ if kind.is_fifo() => "pipe",
                    _ if kind.is_socket() => "socket",
                    _ => "device",
                };
                self.skipped.push(Skipped { path, what });
            }
        }
        Ok(())
    }
}
