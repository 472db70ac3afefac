//! The messages that peers exchange after the handshake (BEP 3, 5, 6, 10; spec sections 8 and 9),
//! and how they are written. Reading them off a stream is the work of [`Framing`](super::Framing).
//!
//! Each is a length of four bytes, an id of one, and what the id demands. The `piece` message is a
//! thing apart: it carries the payload, and nobody here ever holds a payload whole. Only its head
//! is a value.

use alloc::vec::Vec;

use ::wire::Encode;
use bytes::Bytes;

use crate::numbers::{Block, PieceIndex};

/// The ids of the messages, by the names of the BEPs.
pub(super) mod id {
    pub(crate) const CHOKE: u8 = 0;
    pub(crate) const UNCHOKE: u8 = 1;
    pub(crate) const INTERESTED: u8 = 2;
    pub(crate) const NOT_INTERESTED: u8 = 3;
    pub(crate) const HAVE: u8 = 4;
    pub(crate) const BITFIELD: u8 = 5;
    pub(crate) const REQUEST: u8 = 6;
    pub(crate) const PIECE: u8 = 7;
    pub(crate) const CANCEL: u8 = 8;
    pub(crate) const PORT: u8 = 9;
    pub(crate) const SUGGEST: u8 = 13;
    pub(crate) const HAVE_ALL: u8 = 14;
    pub(crate) const HAVE_NONE: u8 = 15;
    pub(crate) const REJECT: u8 = 16;
    pub(crate) const ALLOWED_FAST: u8 = 17;
    pub(crate) const EXTENDED: u8 = 20;
}

/// The length of what stands before the payload in a `piece` message: its own length, its id, piece
/// and begin.
pub const PIECE_HEAD_LEN: usize = 13;

/// What one peer tells the other; all but `piece`, of which there is only the [`PieceHead`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Nothing, so that the connection is seen to live.
    KeepAlive,
    /// The sender will serve no requests.
    Choke,
    /// The sender will serve requests.
    Unchoke,
    /// The sender wants pieces that the receiver has.
    Interested,
    /// The sender wants nothing that the receiver has.
    NotInterested,
    /// The sender has this piece now.
    Have(PieceIndex),
    /// The sender has these pieces: the bytes of a [`Bitfield`](crate::bitfield::Bitfield).
    Bitfield(Bytes),
    /// The sender asks for a block.
    Request(Block),
    /// The sender no longer asks for it.
    Cancel(Block),
    /// The sender's node of the distributed hash table has this UDP port (BEP 5).
    Port(u16),
    /// The sender would gladly serve this piece (BEP 6).
    Suggest(PieceIndex),
    /// The sender has every piece (BEP 6).
    HaveAll,
    /// The sender has no piece (BEP 6).
    HaveNone,
    /// The sender will not serve this request (BEP 6).
    Reject(Block),
    /// The sender will serve this piece even while choking, if it has it (BEP 6).
    AllowedFast(PieceIndex),
    /// A message of an extension (BEP 10); [`extended`](super::extended) reads it.
    Extended {
        /// The number that the *receiver* chose for the extension; 0 is the extension handshake.
        id: u8,
        /// What the extension says.
        payload: Bytes,
    },
    /// A message that BEP 3, 5, 6 and 10 do not know. It is to be ignored, and its payload is never
    /// kept.
    Unknown {
        /// Its id.
        id: u8,
        /// The length of what follows the id, in bytes.
        len: u32,
    },
}

/// The head of a `piece` message, after which the [`Block::len`] bytes of the block follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PieceHead(pub Block);

impl Encode for Message {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::KeepAlive => 0u32.encode(out),
            Self::Choke => encode_bare(id::CHOKE, out),
            Self::Unchoke => encode_bare(id::UNCHOKE, out),
            Self::Interested => encode_bare(id::INTERESTED, out),
            Self::NotInterested => encode_bare(id::NOT_INTERESTED, out),
            Self::Have(piece) => encode_index(id::HAVE, *piece, out),
            Self::Bitfield(bits) => encode_head(id::BITFIELD, bits, out),
            Self::Request(block) => encode_block(id::REQUEST, block, out),
            Self::Cancel(block) => encode_block(id::CANCEL, block, out),
            Self::Port(port) => encode_head(id::PORT, &port.to_be_bytes(), out),
            Self::Suggest(piece) => encode_index(id::SUGGEST, *piece, out),
            Self::HaveAll => encode_bare(id::HAVE_ALL, out),
            Self::HaveNone => encode_bare(id::HAVE_NONE, out),
            Self::Reject(block) => encode_block(id::REJECT, block, out),
            Self::AllowedFast(piece) => encode_index(id::ALLOWED_FAST, *piece, out),
            Self::Extended { id, payload } => {
                message_len(2 + payload.len()).encode(out);
                out.extend_from_slice(&[id::EXTENDED, *id]);
                payload[..].encode(out);
            }
            // Nobody sends what nobody understands; a zeroed payload keeps the encoding total.
            Self::Unknown { id, len } => {
                len.saturating_add(1).encode(out);
                id.encode(out);
                out.resize(out.len() + *len as usize, 0);
            }
        }
    }
}

impl Encode for PieceHead {
    fn encode(&self, out: &mut Vec<u8>) {
        let Block { piece, begin, len } = self.0;
        let mut head = [0; PIECE_HEAD_LEN];
        head[..4].copy_from_slice(&len.saturating_add(9).to_be_bytes());
        head[4] = id::PIECE;
        head[5..9].copy_from_slice(&piece.0.to_be_bytes());
        head[9..].copy_from_slice(&begin.to_be_bytes());
        out.extend_from_slice(&head);
    }
}

fn encode_bare(id: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&[0, 0, 0, 1, id]);
}

fn encode_index(id: u8, piece: PieceIndex, out: &mut Vec<u8>) {
    let [a, b, c, d] = piece.0.to_be_bytes();
    out.extend_from_slice(&[0, 0, 0, 5, id, a, b, c, d]);
}

fn encode_block(id: u8, block: &Block, out: &mut Vec<u8>) {
    let mut bytes = [0, 0, 0, 13, id, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    bytes[5..9].copy_from_slice(&block.piece.0.to_be_bytes());
    bytes[9..13].copy_from_slice(&block.begin.to_be_bytes());
    bytes[13..].copy_from_slice(&block.len.to_be_bytes());
    out.extend_from_slice(&bytes);
}

fn encode_head(id: u8, payload: &[u8], out: &mut Vec<u8>) {
    message_len(1 + payload.len()).encode(out);
    id.encode(out);
    payload.encode(out);
}

/// The length before a message of ours, all of which are far shorter than the field can say.
fn message_len(len: usize) -> u32 {
    u32::try_from(len).expect("we send no message of 4 GiB")
}
