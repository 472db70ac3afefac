//! The bytes of the resume data: a head, and records behind it.
//!
//! The *head* is a checkpoint: which pieces were proven when the files were last forced to the disk,
//! and how the files stood then. It is written as a whole, in a new file that takes the place of
//! the old. Behind it grows one *record* for each piece that is stored, and at a clean stop a last
//! one that tells how the files stood at that moment.
//!
//! ```text
//! head    magic and version (16)  info-hash (20)  boot (16)  pieces (4)  files (4)
//!         bitfield (pieces / 8)   state of each file and of the parts (17 each)   seal (8)
//! stored  1  piece (4)  check (4)
//! closed  2  state of each file and of the parts (17 each)   check (4)
//! ```
//!
//! Numbers are little-endian. The seal is a hash of the head, the check one of the seal, the
//! record's number and its bytes: so a record counts only in its own place behind its own head, and
//! what is torn, foreign or garbage ends the journal. As all lengths follow from the torrent, no
//! number in the file is believed before its hash is right.

use bittorrent::bitfield::Bitfield;
use bittorrent::numbers::{InfoHash, PieceIndex};
use siphasher::sip::SipHasher13;
use std::hash::Hasher;

/// What every journal begins with; the last byte is the version of the format.
const MAGIC: [u8; 16] = *b"manyhop resume\n\x01";

const STORED: u8 = 1;
const CLOSED: u8 = 2;

const SEAL_LEN: usize = 8;
const CHECK_LEN: usize = 4;
const STATE_LEN: usize = 17;

/// The length of the record of one stored piece, in bytes.
pub const STORED_LEN: usize = 1 + 4 + CHECK_LEN;

/// Names one run of the machine: what was written but not forced to the disk is there as long as
/// the machine runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BootId(pub [u8; 16]);

/// How a file stands on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileState {
    /// It is not there.
    Absent,
    /// It is not wanted: its bytes lie with those of other unwanted files.
    InParts,
    /// It is there.
    Present {
        /// How many bytes it has.
        len: u64,
        /// When it was last changed, in nanoseconds since 1970.
        changed_nanos: i64,
    },
}

/// The torrent that a journal is about: all its lengths follow from these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// The torrent.
    pub info_hash: InfoHash,
    /// How many pieces it has.
    pub pieces: u32,
    /// How many files it has.
    pub files: u32,
}

/// The checkpoint that a journal begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The run of the machine in which the records are written.
    pub boot: BootId,
    /// The pieces that were proven and forced to the disk.
    pub durable: Bitfield,
    /// How the files stood then, each, and as the last the bytes of unwanted files.
    pub states: Box<[FileState]>,
}

/// What a journal says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journal {
    /// The checkpoint.
    pub head: Head,
    /// The pieces that were stored since, in their order.
    pub recent: Vec<PieceIndex>,
    /// How the files stood at a clean stop, if there was one.
    pub closed: Option<Box<[FileState]>>,
}

/// Ties records to their head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seal(u64);

/// Why a file is no journal of a torrent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// It is too short for the head alone.
    #[error("the head of this journal has {expected} bytes, the file {found}")]
    Short {
        /// The length of the head, in bytes.
        expected: usize,
        /// The length of the file, in bytes.
        found: usize,
    },
    /// It begins with something else, or with a version of the format that is not known.
    #[error("it is no journal of version 1")]
    Foreign,
    /// It is about another torrent.
    #[error("it is about another torrent")]
    OtherTorrent,
    /// The head is damaged.
    #[error("the head is damaged")]
    Damaged,
}

impl Shape {
    /// Tells the length of the head, in bytes.
    #[must_use]
    pub const fn head_len(&self) -> usize {
        MAGIC.len()
            + 20
            + 16
            + 4
            + 4
            + Bitfield::wire_len(self.pieces)
            + self.states_len()
            + SEAL_LEN
    }

    /// Tells how many bytes a journal has at most: each piece is stored once at most behind a head.
    #[must_use]
    pub const fn len_max(&self) -> usize {
        self.head_len() + self.pieces as usize * STORED_LEN + 1 + self.states_len() + CHECK_LEN
    }

    const fn states_len(&self) -> usize {
        (self.files as usize + 1) * STATE_LEN
    }
}

impl Head {
    /// Writes the head of a new journal.
    #[must_use]
    pub fn encode(&self, shape: &Shape) -> (Vec<u8>, Seal) {
        let mut bytes = Vec::with_capacity(shape.head_len());
        bytes.extend(MAGIC);
        bytes.extend(shape.info_hash.0);
        bytes.extend(self.boot.0);
        bytes.extend(shape.pieces.to_le_bytes());
        bytes.extend(shape.files.to_le_bytes());
        bytes.extend(self.durable.to_wire());
        encode_states(&self.states, &mut bytes);
        let seal = seal(&bytes);
        bytes.extend(seal.0.to_le_bytes());
        (bytes, seal)
    }

    fn parse(bytes: &[u8], shape: &Shape) -> Result<(Self, Seal), JournalError> {
        let mut rest = bytes;
        let short = JournalError::Short {
            expected: shape.head_len(),
            found: bytes.len(),
        };
        let magic: [u8; 16] = take(&mut rest).ok_or(short)?;
        if magic != MAGIC {
            return Err(JournalError::Foreign);
        }
        let info_hash = take(&mut rest).map(InfoHash).ok_or(short)?;
        let boot = take(&mut rest).map(BootId).ok_or(short)?;
        let pieces = take(&mut rest).map(u32::from_le_bytes).ok_or(short)?;
        let files = take(&mut rest).map(u32::from_le_bytes).ok_or(short)?;
        if (info_hash, pieces, files) != (shape.info_hash, shape.pieces, shape.files) {
            return Err(JournalError::OtherTorrent);
        }
        let sealed = shape.head_len() - SEAL_LEN;
        let (sealed, seal_bytes) = bytes.split_at_checked(sealed).ok_or(short)?;
        let written = take(&mut &*seal_bytes)
            .map(u64::from_le_bytes)
            .ok_or(short)?;
        let seal = seal(sealed);
        if seal.0 != written {
            return Err(JournalError::Damaged);
        }
        let (bits, states) = rest
            .split_at_checked(Bitfield::wire_len(pieces))
            .ok_or(short)?;
        let durable = Bitfield::from_wire(bits, pieces).map_err(|_| JournalError::Damaged)?;
        let states = parse_states(states, shape).ok_or(JournalError::Damaged)?;
        let head = Self {
            boot,
            durable,
            states,
        };
        Ok((head, seal))
    }
}

impl Journal {
    /// Reads a journal about the torrent of that shape, up to the first record that is not right.
    ///
    /// # Errors
    /// When there is no head of such a journal.
    pub fn parse(bytes: &[u8], shape: &Shape) -> Result<Self, JournalError> {
        let (head, seal) = Head::parse(bytes, shape)?;
        let mut journal = Self {
            head,
            recent: Vec::new(),
            closed: None,
        };
        let mut rest = bytes.get(shape.head_len()..).unwrap_or_default();
        while let Some((record, others)) = next_record(rest, shape) {
            let (content, check) = record.split_at(record.len() - CHECK_LEN);
            if check != seal.check(journal.recent.len(), content) || journal.closed.is_some() {
                break;
            }
            match content {
                [STORED, piece @ ..] => {
                    let Some(piece) = take(&mut &*piece).map(u32::from_le_bytes) else {
                        break;
                    };
                    journal.recent.push(PieceIndex(piece));
                }
                [_, states @ ..] => journal.closed = parse_states(states, shape),
                [] => break,
            }
            rest = others;
        }
        Ok(journal)
    }
}

impl Seal {
    /// Writes the record of a stored piece; `number` counts the records of this journal from 0.
    #[must_use]
    pub fn stored(self, number: usize, piece: PieceIndex) -> [u8; STORED_LEN] {
        let mut record = [STORED; STORED_LEN];
        let (content, check) = record.split_at_mut(STORED_LEN - CHECK_LEN);
        content[1..].copy_from_slice(&piece.0.to_le_bytes());
        check.copy_from_slice(&self.check(number, content));
        record
    }

    /// Writes the record of a clean stop; `number` counts the records of this journal from 0.
    #[must_use]
    pub fn closed(self, number: usize, states: &[FileState]) -> Vec<u8> {
        let mut record = vec![CLOSED];
        encode_states(states, &mut record);
        let check = self.check(number, &record);
        record.extend(check);
        record
    }

    fn check(self, number: usize, content: &[u8]) -> [u8; CHECK_LEN] {
        let mut hasher = SipHasher13::new_with_keys(self.0, number as u64);
        hasher.write(content);
        (hasher.finish() as u32).to_le_bytes()
    }
}

/// A hash against accidents, not against enemies: who can write here can write the files too.
fn seal(head: &[u8]) -> Seal {
    let mut hasher = SipHasher13::new();
    hasher.write(head);
    Seal(hasher.finish())
}

fn next_record<'a>(bytes: &'a [u8], shape: &Shape) -> Option<(&'a [u8], &'a [u8])> {
    let len = match *bytes.first()? {
        STORED => STORED_LEN,
        CLOSED => 1 + shape.states_len() + CHECK_LEN,
        _ => return None,
    };
    bytes.split_at_checked(len)
}

fn encode_states(states: &[FileState], out: &mut Vec<u8>) {
    for state in states {
        let (kind, len, changed_nanos) = match *state {
            FileState::Absent => (0, 0, 0),
            FileState::InParts => (1, 0, 0),
            FileState::Present { len, changed_nanos } => (2, len, changed_nanos),
        };
        out.push(kind);
        out.extend(len.to_le_bytes());
        out.extend(changed_nanos.to_le_bytes());
    }
}

fn parse_states(mut bytes: &[u8], shape: &Shape) -> Option<Box<[FileState]>> {
    let mut states = Vec::new();
    for _ in 0..=shape.files {
        let [kind] = take(&mut bytes)?;
        let len = u64::from_le_bytes(take(&mut bytes)?);
        let changed_nanos = i64::from_le_bytes(take(&mut bytes)?);
        states.push(match kind {
            0 => FileState::Absent,
            1 => FileState::InParts,
            2 => FileState::Present { len, changed_nanos },
            _ => return None,
        });
    }
    Some(states.into())
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}
