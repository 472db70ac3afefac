//! What the picker is told of a peer before it picks: how fast, how honest, how willing it is (spec
//! sections 9, 16 and 21).

use machine::ConnId;

use crate::bitfield::Bitfield;
use crate::numbers::PieceIndex;

/// The time in which a fast peer sends a whole piece, in seconds (spec section 16).
const FAST_PIECE_SECONDS: u64 = 20;

/// A peer that sends at least this part of a piece in [`FAST_PIECE_SECONDS`] is not slow.
const MEDIUM_PART: u64 = 4;

/// How fast a peer sends, measured in pieces: like share pieces with like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Speed {
    /// Less than a quarter of a piece in twenty seconds, or not yet known.
    Slow,
    /// Between the two.
    Medium,
    /// More than a whole piece in twenty seconds: it takes pieces alone.
    Fast,
}

impl Speed {
    /// Judges a rate in bytes a second by the length of a piece in bytes.
    #[must_use]
    pub const fn of(rate: u64, piece_len: u32) -> Self {
        let bytes = rate.saturating_mul(FAST_PIECE_SECONDS);
        if bytes > piece_len as u64 {
            Self::Fast
        } else if bytes.saturating_mul(MEDIUM_PART) >= piece_len as u64 {
            Self::Medium
        } else {
            Self::Slow
        }
    }
}

/// Whether a peer had a part in a bad piece (spec section 21).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Standing {
    /// Nothing is known against it.
    #[default]
    Trusted,
    /// It gets whole pieces exclusively, so that the next bad one is proof.
    OnParole,
}

/// What a peer lets us ask for, and what it hints at (BEP 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission<'a> {
    /// Anything; it suggests these pieces.
    Unchoked {
        /// From `suggest` messages; the pieces to begin first.
        suggested: &'a [PieceIndex],
        /// How many blocks may be asked for as soon as there are any of other pieces than these, and
        /// than those that it sends us already.
        unadvised_max: usize,
    },
    /// Only these pieces, while it chokes us.
    Choked {
        /// From `allowed fast` messages.
        allowed_fast: &'a [PieceIndex],
    },
}

/// A peer of whom we want to ask something.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Its connection.
    pub peer: ConnId,
    /// Which pieces it has.
    pub has: &'a Bitfield,
    /// How fast it sends.
    pub speed: Speed,
    /// Whether it is trusted.
    pub standing: Standing,
    /// What it lets us ask for.
    pub permission: Permission<'a>,
}
