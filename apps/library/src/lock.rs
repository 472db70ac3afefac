//! One writer for each torrent in a folder.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use rustix::io::Errno;

use crate::LibraryError;

/// The right to write a torrent's files, until it is dropped or the process ends in any way.
#[derive(Debug)]
pub(crate) struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    /// Takes the right, or says who has it.
    pub(crate) fn take(path: PathBuf) -> Result<Self, LibraryError> {
        loop {
            let file = OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .open(&path)
                .map_err(LibraryError::io("create", &path))?;
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => return Err(LibraryError::Locked { path }),
                Err(error) => return Err(LibraryError::io("lock", &path)(error.into())),
            }
            // Who had it before may have removed the file after we opened it; then others would
            // lock a new file of that name.
            if is_still_there(&file, &path).map_err(LibraryError::io("lock", &path))? {
                return Ok(Self { path, _file: file });
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Removed while it is still held. A file that stays is no harm: nobody holds it.
        let _ = fs::remove_file(&self.path);
    }
}

fn is_still_there(file: &File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match fs::metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (ours.dev(), ours.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_has_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("lock");
        let first = Lock::take(path.clone()).expect("free");
        let second = Lock::take(path.clone()).err();
        assert_eq!(second, Some(LibraryError::Locked { path: path.clone() }));
        drop(first);
        assert!(!path.exists());
        Lock::take(path).expect("free again");
    }

    #[test]
    fn a_file_that_was_left_behind_is_no_lock() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("lock");
        fs::write(&path, "").expect("written");
        Lock::take(path).expect("nobody holds it");
    }
}
