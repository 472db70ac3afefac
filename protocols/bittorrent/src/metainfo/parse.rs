//! Reading a torrent file, field by field (spec section 2).
//!
//! What decides which bytes are fetched and where they go must be right, or the torrent is refused.
//! What is only shown (a comment, a date) is left out when it is not.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::ops::{Range, RangeInclusive};

use ::wire::Problem;
use ::wire::bencode::{self, Dict, Limits, List, Mode, Value};
use bytes::Bytes;
use sha1::{Digest, Sha1};

use super::error::{MetainfoError, MetainfoProblem};
use super::layout::{Contents, Layout, LayoutError, TORRENT_LEN_MAX};
use super::names::{self, Names, NodeNumber};
use super::{File, FileKind, Form, Info, Metainfo, PIECE_HASH_LEN, Privacy, Tier};
use crate::numbers::InfoHash;

pub(super) fn metainfo(bytes: &[u8]) -> Result<Metainfo, MetainfoError> {
    let top = bencode::parse(bytes, Mode::Lenient, Limits::FILE)?.dict("torrent")?;
    let raw_info = top.required("info")?;
    let info = info(Bytes::copy_from_slice(raw_info.raw()))
        .map_err(|error| error.moved_by(raw_info.span().start))?;
    let text = |key| top.optional(key).and_then(Value::as_bytes).map(lossy);
    Ok(Metainfo {
        info,
        trackers: trackers(top)?,
        comment: text("comment.utf-8").or_else(|| text("comment")),
        created_by: text("created by"),
        creation_date: top.optional("creation date").and_then(Value::as_int),
        encoding: text("encoding"),
    })
}

pub(super) fn info(raw: Bytes) -> Result<Info, MetainfoError> {
    let dict = bencode::parse(&raw, Mode::Lenient, Limits::FILE)?.dict("info")?;
    refuse_version_2(dict)?;
    let name = name(dict)?;
    let Tree {
        form,
        files,
        extents,
    } = tree(dict)?;
    let layout = layout(dict, extents)?;
    let pieces = pieces(dict, &layout)?;
    let is_private = dict.optional("private").and_then(Value::as_int) == Some(1);
    let privacy = if is_private {
        Privacy::Private
    } else {
        Privacy::Public
    };
    let hash = InfoHash(Sha1::digest(&raw).into());
    Ok(Info {
        hash,
        raw,
        pieces,
        name,
        form,
        files,
        layout,
        privacy,
    })
}

/// A torrent of both versions has `pieces`; one of version 2 alone has not.
fn refuse_version_2(info: Dict<'_>) -> Result<(), MetainfoError> {
    let marks = ["meta version", "file tree"].map(|key| (key, info.optional(key)));
    match marks
        .into_iter()
        .find_map(|(key, value)| Some((key, value?)))
    {
        Some((key, value)) if info.optional("pieces").is_none() => Err(MetainfoError::new(
            key,
            value.span().start,
            MetainfoProblem::Version2Only,
        )),
        _ => Ok(()),
    }
}

fn name(info: Dict<'_>) -> Result<Box<str>, MetainfoError> {
    let unicode = info
        .optional("name.utf-8")
        .filter(|value| value.as_str().is_some());
    let (field, value) = match unicode {
        Some(value) => ("name.utf-8", value),
        None => ("name", info.required("name")?),
    };
    let blame = |problem| MetainfoError::new(field, value.span().start, problem);
    let part = names::check(value.bytes(field)?).map_err(blame)?;
    let part = part.ok_or_else(|| blame(MetainfoProblem::Nameless))?;
    Ok(names::sanitise(part).into())
}

/// What `length` or `files` say.
struct Tree {
    form: Form,
    files: Box<[File]>,
    extents: Vec<(u64, Contents)>,
}

fn tree(info: Dict<'_>) -> Result<Tree, MetainfoError> {
    match (info.optional("length"), info.optional("files")) {
        (Some(length), None) => {
            let length = length.int_in("length", LENGTHS)? as u64;
            let file = file("".into(), FileKind::Regular, attributes(info));
            let extents = vec![(length, Contents::Stored)];
            Ok(Tree {
                form: Form::SingleFile,
                files: [file].into(),
                extents,
            })
        }
        (None, Some(list)) => directory(list.list("files")?),
        (Some(length), Some(_)) => {
            let start = length.span().start;
            Err(MetainfoError::new(
                "length",
                start,
                MetainfoProblem::LengthAndFiles,
            ))
        }
        (None, None) => {
            let start = info.value().span().start;
            Err(MetainfoError::new(
                "length",
                start,
                MetainfoProblem::NoContent,
            ))
        }
    }
}

/// The lengths that a file may have, in bytes.
const LENGTHS: RangeInclusive<i64> = 0..=TORRENT_LEN_MAX as i64;

fn directory(list: List<'_>) -> Result<Tree, MetainfoError> {
    let mut names = Names::default();
    let mut entries = Vec::new();
    for (number, value) in list.iter().enumerate() {
        entries.push(Entry::parse(FileField(number), value, &mut names)?);
    }
    if entries.is_empty() {
        let start = list.value().span().start;
        return Err(MetainfoError::new(
            "files",
            start,
            MetainfoProblem::Nameless,
        ));
    }
    names.tell_apart();
    let extents = entries
        .iter()
        .map(|entry| (entry.length, entry.contents()))
        .collect();
    let files: Result<_, _> = entries.iter().map(|entry| entry.file(&names)).collect();
    Ok(Tree {
        form: Form::Directory,
        files: files?,
        extents,
    })
}

/// One entry of `files`, before all names are known.
struct Entry<'a> {
    field: FileField,
    length: u64,
    attributes: &'a [u8],
    place: Place<'a>,
}

/// Where an entry stands among the names.
enum Place<'a> {
    Regular(NodeNumber),
    /// A padding file has a path only for the eye, often one for all of them, or none.
    Padding(Path<'a>),
    Symlink {
        node: NodeNumber,
        target: Path<'a>,
    },
}

/// The checked parts of a path, and where it stands in the input.
struct Path<'a> {
    parts: Vec<&'a [u8]>,
    start: usize,
}

/// The name of an entry in errors.
#[derive(Clone, Copy)]
struct FileField(usize);

impl fmt::Display for FileField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "files[{}]", self.0)
    }
}

impl<'a> Entry<'a> {
    fn parse(
        field: FileField,
        value: Value<'a>,
        names: &mut Names<'a>,
    ) -> Result<Self, MetainfoError> {
        let dict = value
            .as_dict()
            .ok_or_else(|| wrong_type(field, value, "a dictionary"))?;
        let attributes = attributes(dict);
        let place = Place::parse(field, dict, attributes, names)?;
        let is_symlink = matches!(place, Place::Symlink { .. });
        let within = |error| MetainfoError::within(format_args!("{field}."), error);
        let length = match dict.optional("length") {
            None if is_symlink => 0,
            None => return Err(within(value.malformed("length", Problem::Absent))),
            Some(length) => length.int_in("length", LENGTHS).map_err(within)? as u64,
        };
        if is_symlink && length > 0 {
            let problem = MetainfoProblem::SymlinkLength(length);
            let field = format_args!("{field}.length");
            return Err(MetainfoError::new(field, value.span().start, problem));
        }
        Ok(Self {
            field,
            length,
            attributes,
            place,
        })
    }

    const fn contents(&self) -> Contents {
        match self.place {
            Place::Padding(_) => Contents::Padding,
            Place::Regular(_) | Place::Symlink { .. } => Contents::Stored,
        }
    }

    fn file(&self, names: &Names<'_>) -> Result<File, MetainfoError> {
        let (path, kind) = match &self.place {
            Place::Regular(node) => (names.path(*node), FileKind::Regular),
            Place::Padding(path) => (path.shown(), FileKind::Padding),
            Place::Symlink { node, target } => {
                let found = names.find(&target.parts).filter(|found| found != node);
                let found = found.ok_or_else(|| {
                    let field = format_args!("{}.symlink path", self.field);
                    let problem = MetainfoProblem::SymlinkTarget(target.shown());
                    MetainfoError::new(field, target.start, problem)
                })?;
                (names.path(*node), FileKind::Symlink(names.path(found)))
            }
        };
        Ok(file(path, kind, self.attributes))
    }
}

impl<'a> Place<'a> {
    fn parse(
        field: FileField,
        dict: Dict<'a>,
        attributes: &[u8],
        names: &mut Names<'a>,
    ) -> Result<Self, MetainfoError> {
        let is_padding = attributes.contains(&b'p');
        if is_padding && dict.optional("path").is_none() {
            return Ok(Self::Padding(Path {
                parts: Vec::new(),
                start: 0,
            }));
        }
        let unicode = dict
            .optional("path.utf-8")
            .filter(|value| is_unicode(*value));
        let path = match unicode {
            Some(value) => Path::parse(format_args!("{field}.path.utf-8"), value)?,
            None => Path::required(field, "path", dict)?,
        };
        if is_padding {
            return Ok(Self::Padding(path));
        }
        let node = names.add_file(&path.parts).map_err(|problem| {
            MetainfoError::new(format_args!("{field}.path"), path.start, problem)
        })?;
        if attributes.contains(&b'l') {
            let target = Path::required(field, "symlink path", dict)?;
            return Ok(Self::Symlink { node, target });
        }
        Ok(Self::Regular(node))
    }
}

impl<'a> Path<'a> {
    fn required(
        field: FileField,
        key: &'static str,
        dict: Dict<'a>,
    ) -> Result<Self, MetainfoError> {
        let within = |error| MetainfoError::within(format_args!("{field}."), error);
        Self::parse(
            format_args!("{field}.{key}"),
            dict.required(key).map_err(within)?,
        )
    }

    fn parse(field: fmt::Arguments<'_>, value: Value<'a>) -> Result<Self, MetainfoError> {
        let list = value
            .as_list()
            .ok_or_else(|| wrong_type(field, value, "a list"))?;
        let mut parts = Vec::new();
        for (number, part) in list.enumerate() {
            let field = format_args!("{field}[{number}]");
            let bytes = part
                .as_bytes()
                .ok_or_else(|| wrong_type(field, part, "a string"))?;
            let part = names::check(bytes)
                .map_err(|problem| MetainfoError::new(field, part.span().start, problem))?;
            parts.extend(part);
        }
        Ok(Self {
            parts,
            start: value.span().start,
        })
    }

    fn shown(&self) -> Box<str> {
        let names: Vec<_> = self
            .parts
            .iter()
            .map(|part| names::sanitise(part))
            .collect();
        names.join("/").into()
    }
}

fn layout(info: Dict<'_>, extents: Vec<(u64, Contents)>) -> Result<Layout, MetainfoError> {
    let value = info.required("piece length")?;
    let blame = |error| {
        let problem = MetainfoProblem::Layout(error);
        MetainfoError::new("piece length", value.span().start, problem)
    };
    let length = value.int("piece length")?;
    let length = u32::try_from(length).map_err(|_| blame(LayoutError::PieceLength(length)))?;
    Layout::new(length, extents).map_err(blame)
}

/// Finds the hashes in the raw bytes and counts them.
fn pieces(info: Dict<'_>, layout: &Layout) -> Result<Range<usize>, MetainfoError> {
    let value = info.required("pieces")?;
    let hashes = value.bytes("pieces")?;
    let (pieces, found) = (layout.piece_count(), hashes.len());
    let expected = pieces as usize * PIECE_HASH_LEN;
    let Range { start, end } = value.span();
    if found != expected {
        let problem = MetainfoProblem::HashCount {
            pieces,
            expected,
            found,
        };
        return Err(MetainfoError::new("pieces", start, problem));
    }
    Ok(end - found..end)
}

/// Reads the tiers; those of `announce-list` if it has any, else the one of `announce` (BEP 12).
fn trackers(top: Dict<'_>) -> Result<Vec<Tier>, MetainfoError> {
    let mut tiers = Vec::new();
    if let Some(list) = top.optional_list("announce-list")? {
        for (number, value) in list.iter().enumerate() {
            tiers.push(tier(format_args!("announce-list[{number}]"), value)?);
        }
    }
    tiers.retain(|tier| !tier.0.is_empty());
    if tiers.is_empty() {
        let url = top.optional_bytes("announce")?.and_then(url);
        tiers.extend(url.map(|url| Tier(vec![url])));
    }
    Ok(tiers)
}

fn tier(field: fmt::Arguments<'_>, value: Value<'_>) -> Result<Tier, MetainfoError> {
    // Some programs write a URL where a tier should be.
    if let Some(bytes) = value.as_bytes() {
        return Ok(Tier(url(bytes).into_iter().collect()));
    }
    let list = value
        .as_list()
        .ok_or_else(|| wrong_type(field, value, "a list"))?;
    let mut urls = Vec::new();
    for (number, value) in list.enumerate() {
        let field = format_args!("{field}[{number}]");
        urls.extend(url(value
            .as_bytes()
            .ok_or_else(|| wrong_type(field, value, "a string"))?));
    }
    Ok(Tier(urls))
}

/// Trims a URL; `None` if nothing is left.
fn url(bytes: &[u8]) -> Option<Box<str>> {
    let trimmed = bytes.trim_ascii();
    (!trimmed.is_empty()).then(|| lossy(trimmed))
}

fn attributes<'a>(dict: Dict<'a>) -> &'a [u8] {
    dict.optional("attr")
        .and_then(Value::as_bytes)
        .unwrap_or_default()
}

fn file(path: Box<str>, kind: FileKind, attributes: &[u8]) -> File {
    let (is_executable, is_hidden) = (attributes.contains(&b'x'), attributes.contains(&b'h'));
    File {
        path,
        kind,
        is_executable,
        is_hidden,
    }
}

fn is_unicode(path: Value<'_>) -> bool {
    path.as_list()
        .is_some_and(|mut parts| parts.all(|part| part.as_str().is_some()))
}

fn wrong_type(field: impl fmt::Display, value: Value<'_>, expected: &'static str) -> MetainfoError {
    let problem = MetainfoProblem::Malformed(Problem::Invalid(expected));
    MetainfoError::new(field, value.span().start, problem)
}

fn lossy(bytes: &[u8]) -> Box<str> {
    String::from_utf8_lossy(bytes).into()
}
