//! New torrents (spec section 2).
//!
//! Making one takes two steps, for between them somebody reads and hashes the files: a [`Builder`]
//! that knows the files gives the [`Layout`], and with the hashes of its pieces it becomes a
//! [`Metainfo`]. That is read back from the bytes just written, so no torrent can be made here that
//! would be refused there.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use ::wire::bencode;
use bytes::Bytes;

use super::error::{MetainfoError, MetainfoProblem};
use super::layout::{Contents, Layout, LayoutError};
use super::{Info, Metainfo, Privacy, Tier};

/// The shortest piece that is chosen by default, in bytes: one block.
const PIECE_LENGTH_DEFAULT_MIN: u32 = 16 * 1024;

/// The longest piece that is chosen by default, in bytes: more and some clients refuse the torrent.
const PIECE_LENGTH_DEFAULT_MAX: u32 = 16 * 1024 * 1024;

/// The number of pieces that the default stays below while it can: a torrent file of 40 KB.
const PIECES_AIM: u64 = 2000;

/// Chooses the length of the pieces for so many bytes: the least power of two from 16 KiB to 16 MiB
/// that makes no more than 2000 pieces, and so between 1000 and 2000 for all but the smallest and
/// largest torrents.
#[must_use]
pub fn default_piece_length(total: u64) -> u32 {
    let mut length = PIECE_LENGTH_DEFAULT_MIN;
    while length < PIECE_LENGTH_DEFAULT_MAX && total.div_ceil(length.into()) > PIECES_AIM {
        length *= 2;
    }
    length
}

/// What is to become a torrent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Builder {
    /// The name of the file, or of the directory that holds the files.
    pub name: String,
    /// What is shared.
    pub content: Content,
    /// The length of all pieces but the last, in bytes.
    pub piece_length: u32,
    /// Where peers may be found.
    pub privacy: Privacy,
    /// The trackers, in tiers.
    pub trackers: Vec<Tier>,
    /// Some words for the reader.
    pub comment: Option<Box<str>>,
    /// The program that makes the torrent.
    pub created_by: Option<Box<str>>,
    /// When it is made, in seconds since 1970.
    pub creation_date: Option<i64>,
}

/// What a torrent shares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// One file of so many bytes.
    File(u64),
    /// The files of a directory, each by the parts of its path below the directory and its length
    /// in bytes.
    Directory(Vec<(Vec<String>, u64)>),
}

impl Content {
    /// Tells how many bytes are shared.
    #[must_use]
    pub fn len(&self) -> u64 {
        match self {
            Self::File(length) => *length,
            Self::Directory(files) => files
                .iter()
                .fold(0, |sum: u64, (_, length)| sum.saturating_add(*length)),
        }
    }

    /// Tells whether nothing is shared.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Builder {
    /// Begins a public torrent without trackers, with the default length of the pieces.
    #[must_use]
    pub fn new(name: String, content: Content) -> Self {
        Self {
            name,
            piece_length: default_piece_length(content.len()),
            content,
            privacy: Privacy::Public,
            trackers: Vec::new(),
            comment: None,
            created_by: None,
            creation_date: None,
        }
    }

    /// Tells which stretches of which files make the pieces that are to be hashed.
    ///
    /// # Errors
    /// When a limit is passed.
    pub fn layout(&self) -> Result<Layout, LayoutError> {
        let stored = |length| (length, Contents::Stored);
        match &self.content {
            Content::File(length) => Layout::new(self.piece_length, [stored(*length)]),
            Content::Directory(files) => Layout::new(
                self.piece_length,
                files.iter().map(|(_, length)| stored(*length)),
            ),
        }
    }

    /// Finishes the torrent with the SHA-1 of each piece, one behind the other.
    ///
    /// # Errors
    /// When the names or hashes are such that [`Metainfo::parse`] would refuse the torrent; the
    /// offset is then one in the info dictionary.
    pub fn build(self, piece_hashes: &[u8]) -> Result<Metainfo, MetainfoError> {
        let blame = |error| MetainfoError::new("piece length", 0, MetainfoProblem::Layout(error));
        self.layout().map_err(blame)?;
        let info = bencode::encode_dict(|info| {
            match &self.content {
                Content::File(length) => info.int("length", *length),
                Content::Directory(files) => info.list("files", |list| {
                    for (path, length) in files {
                        list.dict(|file| {
                            file.int("length", *length);
                            file.list("path", |parts| {
                                path.iter().for_each(|part| parts.bytes(part))
                            });
                        });
                    }
                }),
            }
            info.bytes("name", &self.name);
            info.int("piece length", self.piece_length);
            info.bytes("pieces", piece_hashes);
            if self.privacy == Privacy::Private {
                info.int("private", 1);
            }
        });
        Ok(Metainfo {
            info: Info::parse(Bytes::from(info))?,
            trackers: self.trackers,
            comment: self.comment,
            created_by: self.created_by,
            creation_date: self.creation_date,
            encoding: None,
        })
    }
}
