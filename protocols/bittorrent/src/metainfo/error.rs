//! What can be wrong with a torrent.
//!
//! Torrents are made by strangers and read by people: an error names the field by its path in the
//! info dictionary, such as `files[3].path[1]`, and the offset of the guilty bytes.

use alloc::boxed::Box;
use alloc::format;
use core::fmt;

use ::wire::{Malformed, Problem};

use super::layout::LayoutError;

/// Says why a torrent is refused: which field, what about it, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem} (offset {offset})")]
pub struct MetainfoError {
    field: Box<str>,
    offset: usize,
    problem: MetainfoProblem,
}

/// What can be wrong with a field of a torrent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetainfoProblem {
    /// The bytes are no bencode, or the value is not of the type or in the range that the field
    /// demands.
    #[error("{0}")]
    Malformed(Problem),
    /// The torrent has no version 1 part.
    #[error("this torrent is of version 2 only (BEP 52), which is not supported")]
    Version2Only,
    /// There is both a `length` and a list of `files`.
    #[error("there are also \"files\", and a torrent is either one file or many")]
    LengthAndFiles,
    /// There is neither.
    #[error("there are no \"files\" either")]
    NoContent,
    /// The lengths make no torrent.
    #[error("{0}")]
    Layout(LayoutError),
    /// There is not one hash for each piece.
    #[error("{pieces} pieces have {expected} bytes of hashes, this torrent has {found}")]
    HashCount {
        /// How many pieces the files make.
        pieces: u32,
        /// How many bytes their hashes have.
        expected: usize,
        /// How many bytes there are.
        found: usize,
    },
    /// A part of a path is `..`.
    #[error("\"..\" leads out of the torrent")]
    LeadsOut,
    /// A part of a path begins at the root of a disk.
    #[error("\"{0}\" is absolute and leads out of the torrent")]
    Absolute(Box<str>),
    /// A part of a path would be several.
    #[error("\"{0}\" is one name and may not contain / or \\")]
    Separator(Box<str>),
    /// A part of a path contains a NUL.
    #[error("\"{0}\" contains a NUL")]
    Nul(Box<str>),
    /// A part of a path is what some system takes for a device.
    #[error("\"{0}\" is the name of a device")]
    Device(Box<str>),
    /// Nothing is left of a path or a name.
    #[error("it names nothing")]
    Nameless,
    /// Two files have one path.
    #[error("another file is called \"{0}\" too")]
    Duplicate(Box<str>),
    /// What is a file is also a directory with files in it.
    #[error("\"{0}\" is both a file and a directory")]
    FileAndDirectory(Box<str>),
    /// A symlink leads to what the torrent does not have.
    #[error("the torrent has no \"{0}\" that the symlink could lead to")]
    SymlinkTarget(Box<str>),
    /// A symlink has bytes.
    #[error("a symlink has no bytes, this one has {0}")]
    SymlinkLength(u64),
}

impl MetainfoError {
    pub(super) fn new(field: impl fmt::Display, offset: usize, problem: MetainfoProblem) -> Self {
        Self {
            field: format!("{field}").into(),
            offset,
            problem,
        }
    }

    /// Names the field in the words of BEP 3, such as `files[3].path[1]`.
    #[must_use]
    pub const fn field(&self) -> &str {
        &self.field
    }

    /// Tells where the field stands, in bytes from the start of the input.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// Tells what is wrong with it.
    #[must_use]
    pub const fn problem(&self) -> &MetainfoProblem {
        &self.problem
    }

    /// Counts the offset from a start that lies `bytes` earlier.
    pub(super) const fn moved_by(mut self, bytes: usize) -> Self {
        self.offset += bytes;
        self
    }

    /// Names the field by its path: `files[3].` before `length`.
    pub(super) fn within(container: impl fmt::Display, error: Malformed) -> Self {
        let field = format!("{container}{}", error.field);
        Self::new(
            field,
            error.offset,
            MetainfoProblem::Malformed(error.problem),
        )
    }
}

impl From<Malformed> for MetainfoError {
    fn from(error: Malformed) -> Self {
        Self::within("", error)
    }
}
