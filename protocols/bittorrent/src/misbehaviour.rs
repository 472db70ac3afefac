//! Why a peer is not worth its connection.
//!
//! Each variant is a fault of the peer; the connection is closed and nobody else is disturbed.
//! What many honest clients do at times is counted and forgiven up to a limit (spec sections 9,
//! 24b and 26).

use wire::Malformed;

use crate::bitfield::WrongLength;
use crate::numbers::{Block, InfoHash, PieceIndex};

/// What a peer did that no peer may do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Misbehaviour {
    /// Its bytes are no message.
    #[error("{0}")]
    Malformed(#[from] Malformed),
    /// It answered for another torrent.
    #[error("answered for torrent {0}")]
    OtherTorrent(InfoHash),
    /// It is ourselves: an announced address of our own was called.
    #[error("called itself")]
    Itself,
    /// It is connected already.
    #[error("connected twice")]
    Twice,
    /// Its bitfield is not one of this torrent.
    #[error("{0}")]
    Bitfield(#[from] WrongLength),
    /// It speaks of a piece that does not exist.
    #[error("{0} does not exist")]
    NoSuchPiece(PieceIndex),
    /// It uses the Fast extension, which was not agreed upon.
    #[error("a message of the Fast extension without agreement")]
    FastUnasked,
    /// It asked again and again for what cannot be had; the last is named.
    #[error("requests that cannot be served, lately {0:?}")]
    BadRequests(Block),
    /// It sent again and again what nobody asked for; the last is named.
    #[error("blocks that nobody asked for, lately {0:?}")]
    Unasked(Block),
    /// It rejected again and again what nobody asked for; the last is named.
    #[error("rejects of nothing, lately {0:?}")]
    RejectsNothing(Block),
    /// Its metadata is not that of the torrent.
    #[error("false metadata")]
    FalseMetadata,
    /// It sent a bad block.
    #[error("bad data")]
    BadData,
    /// It said nothing for too long.
    #[error("silence")]
    Silence,
    /// It owes blocks and sends none, while others could.
    #[error("owes blocks and sends none")]
    Stalled,
}
