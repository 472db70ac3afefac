//! What is shared in a test: a small folder with all that is awkward about folders.
//!
//! The torrent is written here in a few lines, and not by our own code: both sides must be able
//! to read the same foreign torrent (BEP 3).

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use sha1::{Digest as _, Sha1};

use crate::wait::{PATIENCE, wait_until};

/// The name of a torrent: the SHA-1 of its `info` dictionary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InfoHash(pub [u8; 20]);

impl InfoHash {
    /// Reads what a magnet link names.
    ///
    /// # Errors
    /// When there are not 40 hexadecimal digits where they must be.
    pub fn of_magnet(link: &str) -> anyhow::Result<Self> {
        let digits = link
            .split_once("urn:btih:")
            .and_then(|(_, rest)| rest.get(..40));
        let digits = digits.with_context(|| format!("{link} names no torrent"))?;
        let mut hash = [0; 20];
        for (number, byte) in hash.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&digits[2 * number..2 * number + 2], 16)?;
        }
        Ok(Self(hash))
    }
}

/// A stream of numbers that follow from a seed (SplitMix64, Steele et al. 2014).
#[derive(Debug, Clone)]
pub struct Numbers(u64);

/// A folder of files, and what they were in the beginning.
#[derive(Debug, Clone)]
pub struct Payload {
    name: String,
    piece_bytes: usize,
    content: Vec<u8>,
    files: Vec<PayloadFile>,
}

#[derive(Debug, Clone)]
struct PayloadFile {
    path: &'static str,
    start: usize,
    len: usize,
}

/// The small files, with the lengths they have: a file within a piece, one that a program might
/// forget, one whose name needs care. Two large ones share the rest.
const SMALL_FILES: [(&str, usize); 3] = [
    ("a folder/zwölf.txt", 12),
    ("one", 1),
    ("a folder/deeper/777 bytes", 777),
];

impl Payload {
    /// Thinks out `size_bytes` bytes that follow from `name`, in pieces of `piece_bytes`.
    pub fn new(name: &str, size_bytes: usize, piece_bytes: usize) -> Self {
        let mut numbers = Numbers::new(name.bytes().fold(0, |seed, byte| {
            Numbers::new(seed ^ u64::from(byte)).next_number()
        }));
        let mut content = Vec::with_capacity(size_bytes + 8);
        while content.len() < size_bytes {
            content.extend(numbers.next_number().to_le_bytes());
        }
        content.truncate(size_bytes);
        let small: usize = SMALL_FILES.iter().map(|(_, len)| len).sum();
        let first = size_bytes / 3;
        let last = size_bytes - first - small;
        let lens = [("First.bin", first)]
            .into_iter()
            .chain(SMALL_FILES)
            .chain([("last.bin", last)]);
        let mut start = 0;
        let files = lens.map(|(path, len)| {
            start += len;
            let start = start - len;
            PayloadFile { path, start, len }
        });
        Self {
            name: name.to_owned(),
            piece_bytes,
            files: files.collect(),
            content,
        }
    }

    /// Gives the name of the folder that holds its files.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Gives the sum of all files' lengths.
    pub fn size_bytes(&self) -> usize {
        self.content.len()
    }

    /// Gives the length of a piece.
    pub const fn piece_bytes(&self) -> usize {
        self.piece_bytes
    }

    /// Writes the files into `folder`, below a folder of the payload's name.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn write_files(&self, folder: &Path) -> anyhow::Result<()> {
        for file in &self.files {
            let path = folder.join(&self.name).join(file.path);
            let parent = path.parent().context("a file lies in a folder")?;
            fs::create_dir_all(parent)?;
            fs::write(&path, self.bytes_of(file))?;
        }
        Ok(())
    }

    /// Writes a torrent that names `trackers`, all of one tier, into `folder`.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn write_torrent(&self, folder: &Path, trackers: &[String]) -> anyhow::Result<PathBuf> {
        let first = trackers.first().map_or("", String::as_str);
        let list: String = trackers.iter().map(|url| text(url)).collect();
        let mut torrent = b"d".to_vec();
        torrent.extend(format!("8:announce{}", text(first)).into_bytes());
        torrent.extend(format!("13:announce-listll{list}ee4:info").into_bytes());
        torrent.extend(self.info());
        torrent.push(b'e');
        let path = folder.join(format!("{}.torrent", self.name));
        fs::write(&path, torrent).with_context(|| path.display().to_string())?;
        Ok(path)
    }

    /// Gives the link that names the torrent and one tracker, and nothing more (BEP 9).
    pub fn magnet(&self, tracker: &str) -> String {
        let tracker: String = tracker.bytes().map(escape).collect();
        format!("magnet:?xt=urn:btih:{}&tr={tracker}", self.info_hash())
    }

    /// Gives the torrent's name.
    pub fn info_hash(&self) -> InfoHash {
        InfoHash(Sha1::digest(self.info()).into())
    }

    /// Compares the hash of every file below `folder` with what it must be.
    ///
    /// # Errors
    /// Names the first file that is missing or different.
    pub fn compare(&self, folder: &Path) -> anyhow::Result<()> {
        for file in &self.files {
            let path = folder.join(&self.name).join(file.path);
            let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
            let (is, must) = (bytes.len(), file.len);
            ensure!(is == must, "{}: {is} bytes, not {must}", path.display());
            if Sha1::digest(&bytes) != Sha1::digest(self.bytes_of(file)) {
                bail!("{}: its bytes differ", path.display());
            }
        }
        Ok(())
    }

    /// Waits until all is below `folder`: clients tell of their last piece while some bytes are
    /// still in their caches, or a file still has the name that says that it is not complete.
    ///
    /// # Errors
    /// As [`Self::compare`], when that does not change.
    pub fn wait_for(&self, folder: &Path) -> anyhow::Result<()> {
        let mut compared = Ok(());
        let waited = wait_until("equal files", PATIENCE, || {
            compared = self.compare(folder);
            Ok(compared.is_ok().then_some(()))
        });
        compared.and(waited)
    }

    fn bytes_of(&self, file: &PayloadFile) -> &[u8] {
        &self.content[file.start..file.start + file.len]
    }

    fn info(&self) -> Vec<u8> {
        let files: String = self.files.iter().map(PayloadFile::to_bencode).collect();
        let hashes: Vec<u8> = self
            .content
            .chunks(self.piece_bytes)
            .flat_map(Sha1::digest)
            .collect();
        let (name, piece, pieces) = (text(&self.name), self.piece_bytes, hashes.len());
        let head =
            format!("d5:filesl{files}e4:name{name}12:piece lengthi{piece}e6:pieces{pieces}:");
        [head.as_bytes(), &hashes, b"e"].concat()
    }
}

impl PayloadFile {
    fn to_bencode(&self) -> String {
        let path: String = self.path.split('/').map(text).collect();
        format!("d6:lengthi{}e4:pathl{path}ee", self.len)
    }
}

/// A text in bencoding.
fn text(text: &str) -> String {
    format!("{}:{text}", text.len())
}

/// A byte as URLs carry it (RFC 3986, section 2.1), cautiously.
pub(crate) fn escape(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}

impl fmt::Display for InfoHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Numbers {
    /// Begins the stream of `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Gives the next number.
    pub const fn next_number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_what_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let payload = Payload::new("a payload", 100_000, 16 << 10);
        assert!(payload.compare(folder.path()).is_err(), "nothing is there");
        payload.write_files(folder.path()).unwrap();
        payload.compare(folder.path()).unwrap();
        fs::write(folder.path().join("a payload/one"), "?").unwrap();
        assert!(payload.compare(folder.path()).is_err(), "a byte differs");
    }

    #[test]
    fn the_numbers_are_those_of_the_paper() {
        // The first values of the reference implementation, for the seed 1234567.
        let mut numbers = Numbers::new(1_234_567);
        assert_eq!(numbers.next_number(), 6_457_827_717_110_365_317);
        assert_eq!(numbers.next_number(), 3_203_168_211_198_807_973);
    }
}
