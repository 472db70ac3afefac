//! The folder that the user named, and our own files in it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bittorrent::metainfo::Metainfo;
use bittorrent::numbers::InfoHash;
use runtime::Root;
use wire::Encode;

use crate::LibraryError;

/// Where our own files lie, below the folder that the user named.
pub(crate) const OWN_FOLDER: &str = ".manyhop";

/// The folder that holds the top names of torrents.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
    root: Arc<Root>,
}

impl Folder {
    /// Opens a folder that exists.
    ///
    /// # Errors
    /// When it does not exist, is no folder, or may not be searched.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, LibraryError> {
        let path = path.into();
        let root = Root::open(&path).map_err(LibraryError::io("open", &path))?;
        Ok(Self { path, root })
    }

    /// Opens a folder, and makes it and those above it when they are missing.
    ///
    /// # Errors
    /// When it cannot be made or opened.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, LibraryError> {
        let path = path.into();
        let root = Root::create(&path).map_err(LibraryError::io("create", &path))?;
        Ok(Self { path, root })
    }

    /// Gives the path as the user named it.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps what is known of a torrent, so that a magnet link needs no peers to tell it again.
    ///
    /// # Errors
    /// When it cannot be written; what was kept before is then still there.
    pub fn save_metainfo(&self, metainfo: &Metainfo) -> Result<(), LibraryError> {
        self.make_own_folder()?;
        let path = self.own_file(metainfo.info.hash(), "torrent");
        write_atomically(&path, &metainfo.encoded())
    }

    /// Finds what [`Folder::save_metainfo`] kept; `None` also for what is no longer readable, for
    /// peers can tell it again.
    #[must_use]
    pub fn load_metainfo(&self, hash: InfoHash) -> Option<Metainfo> {
        let bytes = fs::read(self.own_file(hash, "torrent")).ok()?;
        let metainfo = Metainfo::parse(&bytes).ok()?;
        (metainfo.info.hash() == hash).then_some(metainfo)
    }

    pub(crate) const fn root(&self) -> &Arc<Root> {
        &self.root
    }

    /// The path of one of our own files about a torrent.
    pub(crate) fn own_file(&self, hash: InfoHash, ending: &str) -> PathBuf {
        self.path.join(OWN_FOLDER).join(own_name(hash, ending))
    }

    pub(crate) fn make_own_folder(&self) -> Result<(), LibraryError> {
        let path = self.path.join(OWN_FOLDER);
        fs::create_dir_all(&path).map_err(LibraryError::io("create", &path))
    }
}

/// The name of one of our own files about a torrent.
pub(crate) fn own_name(hash: InfoHash, ending: &str) -> String {
    format!("{hash}.{ending}")
}

/// Writes a file that is either wholly there or not at all, whenever the process stops. What is no
/// plain file, such as a pipe, is written as it is.
///
/// # Errors
/// When it cannot be written; what stood there before is then still there.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), LibraryError> {
    match fs::metadata(path) {
        Ok(there) if !there.is_file() => {
            fs::write(path, bytes).map_err(LibraryError::io("write", path))
        }
        Ok(_) | Err(_) => replace(path, bytes, Written::Soon).map(drop),
    }
}

/// When bytes shall be on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// Before anybody goes on.
    Now,
    /// When the system likes: they outlive the process, but perhaps not the machine.
    Soon,
}

/// Puts a new file with these bytes in the place of any old one; returns it, open for more.
pub(crate) fn replace(path: &Path, bytes: &[u8], when: Written) -> Result<File, LibraryError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    let written = write(&new, bytes, when).and_then(|file| {
        fs::rename(&new, path)?;
        Ok(file)
    });
    let file = written.map_err(|error| {
        // Nobody wants half a file; if it cannot be removed either, the error at hand says more.
        let _ = fs::remove_file(&new);
        LibraryError::io("write", path)(error)
    })?;
    // The name itself is safe only when the folder is: where folders cannot be synced, the system
    // sees to it alone.
    let folder = path.parent().filter(|_| when == Written::Now);
    if let Some(folder) = folder.and_then(|folder| File::open(folder).ok()) {
        let _ = folder.sync_all();
    }
    Ok(file)
}

fn write(path: &Path, bytes: &[u8], when: Written) -> io::Result<File> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    match when {
        Written::Now => file.sync_all()?,
        Written::Soon => (),
    }
    Ok(file)
}
