//! What is hashed, fetched and given: a file of numbers that no program can guess, and its torrent.
//!
//! The file is written once for a row. Whoever shall give or check it gets a link of it in a folder
//! of his own, so that all find it in the same state of the page cache, and what one leaves behind
//! helps nobody.

use std::fs::{self, File};
use std::io::{BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use manyhop_interop::{InfoHash, Numbers};
use sha1::{Digest as _, Sha1};

use crate::interruption;
use crate::options::Size;

/// A file and its torrent.
#[derive(Debug)]
pub(crate) struct Payload {
    name: String,
    path: PathBuf,
    torrent: PathBuf,
    info_hash: InfoHash,
    hashes: Vec<u8>,
}

/// So much is written and compared at a time.
const CHUNK_LEN: usize = 1 << 20;

/// How long a copy may take to become the same.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often it is compared meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(100);

impl Payload {
    /// Writes the file number `number`, and its torrent, which names `tracker`, into `folder`. All is
    /// on the disk when this ends, and in the page cache.
    ///
    /// # Errors
    /// Those of the disk.
    pub(crate) fn write(
        folder: &Path,
        number: usize,
        size: Size,
        piece_len: usize,
        tracker: &str,
    ) -> anyhow::Result<Self> {
        let name = format!("payload-{number}");
        let path = folder.join(&name);
        let hashes = write_numbers(&path, number as u64, size, piece_len)
            .with_context(|| path.display().to_string())?;
        let head = format!(
            "d6:lengthi{}e4:name{}:{name}12:piece lengthi{piece_len}e6:pieces{}:",
            size.0,
            name.len(),
            hashes.len(),
        );
        let info = [head.as_bytes(), &hashes, b"e"].concat();
        let announce = format!("d8:announce{}:{tracker}4:info", tracker.len());
        let torrent = folder.join(format!("{name}.torrent"));
        fs::write(&torrent, [announce.as_bytes(), &info, b"e"].concat())?;
        Ok(Self {
            name,
            path,
            torrent,
            info_hash: InfoHash(Sha1::digest(&info).into()),
            hashes,
        })
    }

    /// Gives where the file lies.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives where its torrent lies.
    pub(crate) fn torrent(&self) -> &Path {
        &self.torrent
    }

    /// Gives the torrent's name.
    pub(crate) const fn info_hash(&self) -> InfoHash {
        self.info_hash
    }

    /// Lets it lie in `folder` also.
    ///
    /// # Errors
    /// Those of the disk.
    pub(crate) fn link_into(&self, folder: &Path) -> anyhow::Result<()> {
        let link = folder.join(&self.name);
        fs::hard_link(&self.path, &link).with_context(|| link.display().to_string())
    }

    /// Compares what lies in `folder`.
    ///
    /// # Errors
    /// When that is not the same.
    pub(crate) fn compare(&self, folder: &Path) -> anyhow::Result<()> {
        let copy = folder.join(&self.name);
        let open = |path: &Path| File::open(path).with_context(|| path.display().to_string());
        let (mut ours, mut theirs) = (open(&self.path)?, open(&copy)?);
        let (must, is) = (ours.metadata()?.len(), theirs.metadata()?.len());
        ensure!(is == must, "the copy has {is} bytes, not {must}");
        let (mut left, mut right) = (vec![0; CHUNK_LEN], vec![0; CHUNK_LEN]);
        let mut rest = must;
        while rest > 0 {
            let len = usize::try_from(rest).map_or(CHUNK_LEN, |rest| rest.min(CHUNK_LEN));
            ours.read_exact(&mut left[..len])?;
            theirs.read_exact(&mut right[..len])?;
            ensure!(left[..len] == right[..len], "the copy's bytes differ");
            rest -= len as u64;
        }
        Ok(())
    }

    /// Compares what lies in `folder`, or will soon: some tell of the last piece while some bytes are
    /// still in their caches, or while the file has the name of one that is not complete.
    ///
    /// # Errors
    /// When it is not the same after a while.
    pub(crate) fn compare_soon(&self, folder: &Path) -> anyhow::Result<()> {
        let end = Instant::now() + PATIENCE;
        loop {
            let compared = self.compare(folder);
            if compared.is_ok() || Instant::now() >= end {
                return compared;
            }
            interruption::sleep(LOOK_EVERY)?;
        }
    }

    /// Checks a torrent that somebody else has made of the file.
    ///
    /// # Errors
    /// When its pieces have other hashes.
    pub(crate) fn compare_hashes(&self, torrent: &Path) -> anyhow::Result<()> {
        let bytes = fs::read(torrent).with_context(|| torrent.display().to_string())?;
        let key = format!("6:pieces{}:", self.hashes.len()).into_bytes();
        let at = bytes.windows(key.len()).position(|window| window == key);
        let hashes = at.and_then(|at| bytes.get(at + key.len()..));
        let is_same = hashes.is_some_and(|hashes| hashes.starts_with(&self.hashes));
        ensure!(is_same, "the torrent has other hashes");
        Ok(())
    }
}

/// Writes and deletes a file, so that as much memory has been touched just before.
///
/// # Errors
/// Those of the disk.
pub(crate) fn touch_memory(folder: &Path, size: Size) -> anyhow::Result<()> {
    let path = folder.join("touched");
    let mut file = File::create(&path)?;
    let chunk = vec![0; CHUNK_LEN];
    for _ in 0..size.0.div_ceil(CHUNK_LEN as u64) {
        file.write_all(&chunk)?;
    }
    Ok(fs::remove_file(&path)?)
}

/// Writes the stream of numbers that follows from `seed`; gives the hashes of all pieces.
fn write_numbers(path: &Path, seed: u64, size: Size, piece_len: usize) -> anyhow::Result<Vec<u8>> {
    let mut file = File::create(path)?;
    let mut numbers = Numbers::new(seed);
    let mut chunk = vec![0; CHUNK_LEN];
    let mut rest = size.0;
    while rest > 0 {
        interruption::check()?;
        for eight in chunk.chunks_exact_mut(8) {
            eight.copy_from_slice(&numbers.next_number().to_le_bytes());
        }
        let len = usize::try_from(rest).map_or(CHUNK_LEN, |rest| rest.min(CHUNK_LEN));
        file.write_all(&chunk[..len])?;
        rest -= len as u64;
    }
    file.sync_all()?;
    let mut reader = BufReader::new(File::open(path)?);
    let mut hashes = Vec::new();
    let mut piece = Vec::with_capacity(piece_len);
    while (&mut reader)
        .take(piece_len as u64)
        .read_to_end(&mut piece)?
        > 0
    {
        hashes.extend(Sha1::digest(&piece));
        piece.clear();
    }
    Ok(hashes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size(3_000_001);
    const PIECE_LEN: usize = 1 << 16;

    #[test]
    fn a_copy_is_compared() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let payload = Payload::write(folder.path(), 7, SIZE, PIECE_LEN, "http://a/").unwrap();
        assert!(payload.compare(other.path()).is_err(), "nothing is there");
        payload.link_into(other.path()).unwrap();
        payload.compare(other.path()).unwrap();
        let copy = other.path().join("payload-7");
        let mut bytes = fs::read(&copy).unwrap();
        fs::remove_file(&copy).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&copy, &bytes).unwrap();
        assert!(payload.compare(other.path()).is_err(), "a bit differs");
    }

    #[test]
    fn a_torrent_is_what_it_names() {
        let folder = tempfile::tempdir().unwrap();
        let payload = Payload::write(folder.path(), 7, SIZE, PIECE_LEN, "http://a/").unwrap();
        assert_eq!(payload.hashes.len(), 20 * 46);
        payload.compare_hashes(payload.torrent()).unwrap();
        let other = Payload::write(folder.path(), 8, SIZE, PIECE_LEN, "http://a/").unwrap();
        assert!(payload.compare_hashes(other.torrent()).is_err());
        assert_ne!(payload.info_hash(), other.info_hash());
    }
}
