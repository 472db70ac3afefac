//! Torrent files: what is shared, in which pieces, and who may know more (BEP 3, 12, 27, 47; spec
//! section 2).
//!
//! A torrent file is a bencoded dictionary. All of it but one entry is advice; the `info`
//! dictionary *is* the torrent, and the SHA-1 of its bytes, just as they stand in the file, is its
//! name. So those bytes are kept, once, and the hashes of the pieces are a view of them.
//!
//! | module | what |
//! |---|---|
//! | [`cut`] | how many bytes there are, and how pieces and blocks cut them |
//! | [`layout`] | where the bytes lie, in pieces and in files |
//! | [`builder`] | new torrents |
//! | [`error`] | what can be wrong with a torrent |
//! | `parse`, `names` | reading one, and the rules for the paths in it |
//!
//! A torrent of version 2 alone (BEP 52) is refused with an error that says so; a hybrid is used as
//! version 1.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::iter;
use core::ops::Range;

use ::wire::{Encode, bencode};
use bytes::Bytes;

use crate::numbers::{InfoHash, PieceIndex};

pub mod builder;
pub mod cut;
pub mod error;
pub mod layout;
mod names;
mod parse;

pub use builder::{Builder, Content, default_piece_length};
pub use cut::Cut;
pub use error::{MetainfoError, MetainfoProblem};
pub use layout::{Contents, FileIndex, Layout, LayoutError, Span};

/// The length of a SHA-1 in `pieces`, in bytes.
pub const PIECE_HASH_LEN: usize = 20;

/// All that a torrent file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metainfo {
    /// The torrent itself.
    pub info: Info,
    /// `announce-list`, or `announce` alone: the trackers, the tiers in the order in which to try
    /// them (BEP 12).
    pub trackers: Vec<Tier>,
    /// `comment`
    pub comment: Option<Box<str>>,
    /// `created by`: the program that made the file.
    pub created_by: Option<Box<str>>,
    /// `creation date`, in seconds since 1970.
    pub creation_date: Option<i64>,
    /// `encoding`: that of the names, if they were not UTF-8; only for display.
    pub encoding: Option<Box<str>>,
}

/// Trackers of equal standing, by their URLs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tier(pub Vec<Box<str>>);

/// The info dictionary: the torrent, by its bytes and by their meaning.
#[derive(Clone, PartialEq, Eq)]
pub struct Info {
    hash: InfoHash,
    raw: Bytes,
    pieces: Range<usize>,
    name: Box<str>,
    form: Form,
    files: Box<[File]>,
    layout: Layout,
    privacy: Privacy,
}

/// Whether a torrent is one file or a directory of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// One file, named as the torrent.
    SingleFile,
    /// A directory, named as the torrent, even if it holds one file only.
    Directory,
}

/// Where peers of a torrent may be found (BEP 27).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Privacy {
    /// Wherever there are any.
    #[default]
    Public,
    /// From its trackers only.
    Private,
}

/// A file of a torrent. Its length is known to the [`Layout`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its path below the torrent's name, `/` between the parts; empty when it is the torrent's
    /// only file.
    path: Box<str>,
    /// What it is.
    pub kind: FileKind,
    /// Whether it is a program (BEP 47).
    pub is_executable: bool,
    /// Whether it is not to be shown (BEP 47).
    pub is_hidden: bool,
}

/// What a file is (BEP 47).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileKind {
    /// One with contents of its own, perhaps none.
    Regular,
    /// Zeros that align the next file with a piece; not stored.
    Padding,
    /// Another name for a file or directory of the torrent: its path below the torrent's name, `/`
    /// between the parts.
    Symlink(Box<str>),
}

impl Info {
    /// Tells the torrent's name among peers: the SHA-1 of [`Info::raw`].
    #[must_use]
    pub const fn hash(&self) -> InfoHash {
        self.hash
    }

    /// Gives the bytes of the dictionary, for peers that have only a magnet link.
    #[must_use]
    pub const fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// Gives the name of the file, or of the directory that holds the files. It is safe as one part
    /// of a path.
    #[must_use]
    pub const fn name(&self) -> &str {
        &self.name
    }

    /// Tells whether the torrent is one file or a directory.
    #[must_use]
    pub const fn form(&self) -> Form {
        self.form
    }

    /// Tells where peers may be found.
    #[must_use]
    pub const fn privacy(&self) -> Privacy {
        self.privacy
    }

    /// Tells where the bytes lie.
    #[must_use]
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Tells how many pieces there are.
    #[must_use]
    pub const fn piece_count(&self) -> u32 {
        self.layout.cut().piece_count()
    }

    /// Tells what a piece must hash to; `None` for one that does not exist.
    #[must_use]
    pub fn piece_hash(&self, piece: PieceIndex) -> Option<[u8; PIECE_HASH_LEN]> {
        let hashes = self.raw.get(self.pieces.clone())?;
        hashes.as_chunks().0.get(piece.0 as usize).copied()
    }

    /// Lists the files, padding included.
    pub fn files(&self) -> impl ExactSizeIterator<Item = (FileIndex, &File)> {
        self.layout.files().zip(&self.files)
    }

    /// Finds a file by its number.
    #[must_use]
    pub fn file(&self, index: FileIndex) -> Option<&File> {
        self.files.get(index.0 as usize)
    }

    /// Lists the parts of a file's path, from the torrent's name on. Each is safe as one part of a
    /// path, and no two stored files have the same.
    pub fn path<'a>(&'a self, file: &'a File) -> impl Iterator<Item = &'a str> {
        iter::once(self.name()).chain(file.path.split('/').filter(|part| !part.is_empty()))
    }

    /// Shows a file's path from the torrent's name on, with `/` between the parts.
    #[must_use]
    pub fn display_path(&self, file: &File) -> String {
        self.path(file).collect::<Vec<_>>().join("/")
    }
}

impl core::fmt::Debug for Info {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Info")
            .field("hash", &self.hash)
            .field("name", &self.name)
            .finish()
    }
}

impl Metainfo {
    /// Makes the metainfo of a torrent about which nothing more is known: of a magnet link, say.
    #[must_use]
    pub const fn new(info: Info, trackers: Vec<Tier>) -> Self {
        let (comment, created_by, creation_date, encoding) = (None, None, None, None);
        Self {
            info,
            trackers,
            comment,
            created_by,
            creation_date,
            encoding,
        }
    }

    /// Reads a whole torrent file.
    ///
    /// # Errors
    /// [`MetainfoError`], with the field and the offset in `bytes`.
    pub fn parse(bytes: &[u8]) -> Result<Self, MetainfoError> {
        parse::metainfo(bytes)
    }
}

impl Info {
    /// Reads an info dictionary alone, as it comes from peers (BEP 9).
    ///
    /// # Errors
    /// [`MetainfoError`], with the field and the offset in `raw`.
    pub fn parse(raw: Bytes) -> Result<Self, MetainfoError> {
        parse::info(raw)
    }
}

/// Writes the torrent file. The info dictionary keeps its bytes; all else is put in order.
impl Encode for Metainfo {
    fn encode(&self, out: &mut Vec<u8>) {
        let first = self.trackers.iter().find_map(|tier| tier.0.first());
        let is_more_than_one = self.trackers.iter().map(|tier| tier.0.len()).sum::<usize>() > 1;
        let dict = bencode::encode_dict(|dict| {
            if let Some(url) = first {
                dict.bytes("announce", &**url);
            }
            if is_more_than_one {
                dict.list("announce-list", |tiers| {
                    for tier in &self.trackers {
                        tiers.list(|urls| tier.0.iter().for_each(|url| urls.bytes(&**url)));
                    }
                });
            }
            for (key, text) in [
                ("comment", &self.comment),
                ("created by", &self.created_by),
                ("encoding", &self.encoding),
            ] {
                if let Some(text) = text {
                    dict.bytes(key, &**text);
                }
            }
            if let Some(seconds) = self.creation_date {
                dict.int("creation date", seconds);
            }
            dict.raw("info", &self.info.raw);
        });
        out.extend_from_slice(&dict);
    }
}
