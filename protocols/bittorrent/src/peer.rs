//! One open connection with a peer: what each side knows of the other and owes it.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::Bytes;
use machine::{Endpoint, Instant};
use wire::StreamBuffer;

use crate::bitfield::Bitfield;
use crate::choker::Interest;
use crate::misbehaviour::Misbehaviour;
use crate::numbers::{Block, PeerId, PieceIndex};
use crate::pipeline::Pipeline;
use crate::rate::RateMeter;
use crate::wire::extended::ExtensionIds;
use crate::wire::{Capability, Framing, Reserved};

/// Requests that a peer may have waiting with us; we announce it as `reqq` (spec section 8).
pub(crate) const REQUEST_QUEUE_MAX: usize = 500;

/// What is forgiven of requests that cannot be served (spec section 26).
const BAD_REQUESTS_MAX: u8 = 3;

/// What is forgiven of blocks that nobody asked for: cancels cross with them (spec section 9).
const UNASKED_MAX: u8 = 20;

/// What is forgiven of rejects of nothing (spec section 9).
const REJECTS_MAX: u8 = 50;

/// What is forgiven of requests without leave: a choke crosses with as many as the queue holds,
/// and some clients ask on for a while (spec section 8).
const UNSERVED_MAX: u16 = 4 * REQUEST_QUEUE_MAX as u16;

/// Hints that are kept of a peer: suggested pieces, and allowed fast ones (spec section 9).
const HINTS_MAX: usize = 16;

/// Pieces that a peer may announce one by one before the metadata is known (spec section 4).
const EARLY_HAVES_MAX: usize = 4096;

/// Who opened the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// We called.
    Ours,
    /// The peer called.
    Theirs,
}

/// Whether one side serves the other (BEP 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choke {
    /// It does not.
    Choked,
    /// It does.
    Unchoked,
}

/// What a peer said of its pieces before the number of pieces was known.
#[derive(Debug, Default)]
pub(crate) struct EarlyPieces {
    all: Option<bool>,
    bits: Option<Bytes>,
    haves: Vec<PieceIndex>,
}

/// The pieces that a peer has.
#[derive(Debug)]
pub(crate) enum Pieces {
    /// As it said, to be read when the metadata is known.
    Early(EarlyPieces),
    /// Those.
    Known(Bitfield),
}

/// The block that is coming in just now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Incoming {
    /// Nothing, or something that nobody wants: it is counted and dropped.
    Waste,
    /// A block of a piece that is being filled: the piece's opening it was asked for.
    Wanted(Block),
}

/// Whether a peer says what to ask of it (BEP 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Advice {
    /// It never did.
    None,
    /// It suggests pieces; when it does not, it has nothing that others do not get too.
    Given,
}

/// Faults that are forgiven up to a number.
#[derive(Debug, Default)]
struct Faults {
    bad_requests: u8,
    unasked: u8,
    rejects: u8,
    unserved: u16,
}

/// An open connection with a peer.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) endpoint: Endpoint,
    pub(crate) origin: Origin,
    pub(crate) id: PeerId,
    reserved: Reserved,
    pub(crate) extensions: ExtensionIds,
    /// Where the peer listens, if it called us and said so.
    pub(crate) listens_at: Option<Endpoint>,

    pub(crate) framing: Framing,
    pub(crate) input: StreamBuffer,
    pub(crate) incoming: Incoming,

    pub(crate) pieces: Pieces,
    pub(crate) their_choke: Choke,
    pub(crate) our_interest: Interest,
    /// Blocks that the peer owes us, in the order we asked.
    pub(crate) pipeline: Pipeline,
    pub(crate) suggested: Vec<PieceIndex>,
    /// Whether it ever suggested something.
    pub(crate) advice: Advice,
    pub(crate) allowed_fast: Vec<PieceIndex>,

    pub(crate) our_choke: Choke,
    pub(crate) their_interest: Interest,
    /// Blocks that we owe the peer, in the order it asked.
    pub(crate) owed: VecDeque<Block>,
    /// Pieces that we serve even while choking (BEP 6).
    pub(crate) granted_fast: Vec<PieceIndex>,

    pub(crate) down: RateMeter,
    pub(crate) up: RateMeter,
    pub(crate) since: Instant,
    /// When payload last passed, in either direction.
    pub(crate) payload_at: Option<Instant>,
    pub(crate) heard_at: Instant,
    pub(crate) spoke_at: Instant,
    /// Whether the driver reads nothing from it, because a download limit is reached.
    pub(crate) is_paused: bool,
    faults: Faults,
}

impl Peer {
    /// A connection whose handshakes are exchanged. `pieces` is the number of pieces, if known.
    pub(crate) fn new(
        endpoint: Endpoint,
        origin: Origin,
        id: PeerId,
        reserved: Reserved,
        pieces: Option<u32>,
        now: Instant,
    ) -> Box<Self> {
        let known = |count| Pieces::Known(Bitfield::none(count));
        Box::new(Self {
            endpoint,
            origin,
            id,
            reserved,
            extensions: ExtensionIds::default(),
            listens_at: (origin == Origin::Ours).then_some(endpoint),
            framing: Framing::new(pieces),
            input: StreamBuffer::new(),
            incoming: Incoming::Waste,
            pieces: pieces.map_or(Pieces::Early(EarlyPieces::default()), known),
            their_choke: Choke::Choked,
            our_interest: Interest::Uninterested,
            pipeline: Pipeline::new(now),
            suggested: Vec::new(),
            advice: Advice::None,
            allowed_fast: Vec::new(),
            our_choke: Choke::Choked,
            their_interest: Interest::Uninterested,
            owed: VecDeque::new(),
            granted_fast: Vec::new(),
            down: RateMeter::new(now),
            up: RateMeter::new(now),
            since: now,
            payload_at: None,
            heard_at: now,
            spoke_at: now,
            is_paused: false,
            faults: Faults::default(),
        })
    }

    /// Whether both sides know the Fast extension (BEP 6).
    pub(crate) const fn is_fast(&self) -> bool {
        self.reserved.has(Capability::Fast)
    }

    /// Whether the peer knows the extension protocol (BEP 10).
    pub(crate) const fn is_extended(&self) -> bool {
        self.reserved.has(Capability::Extensions)
    }

    /// What the peer has, if the number of pieces is known.
    pub(crate) const fn has(&self) -> Option<&Bitfield> {
        match &self.pieces {
            Pieces::Known(has) => Some(has),
            Pieces::Early(_) => None,
        }
    }

    /// Whether the peer has everything.
    pub(crate) fn is_seed(&self) -> bool {
        self.has()
            .is_some_and(|has| has.is_all() && !has.is_empty())
    }

    /// Notes a request that cannot be served.
    pub(crate) fn blame_request(&mut self, block: Block) -> Result<(), Misbehaviour> {
        self.faults.bad_requests += 1;
        forgive(
            self.faults.bad_requests < BAD_REQUESTS_MAX,
            Misbehaviour::BadRequests(block),
        )
    }

    /// Notes a request that is passed over in silence, for want of leave and of the Fast extension.
    pub(crate) fn blame_unserved(&mut self, block: Block) -> Result<(), Misbehaviour> {
        self.faults.unserved += 1;
        forgive(
            self.faults.unserved < UNSERVED_MAX,
            Misbehaviour::BadRequests(block),
        )
    }

    /// Notes that the peer was served: requests without leave are forgotten.
    pub(crate) fn forgive_unserved(&mut self) {
        self.faults.unserved = 0;
    }

    /// Notes a block that nobody asked for.
    pub(crate) fn blame_unasked(&mut self, block: Block) -> Result<(), Misbehaviour> {
        self.faults.unasked += 1;
        forgive(
            self.faults.unasked < UNASKED_MAX,
            Misbehaviour::Unasked(block),
        )
    }

    /// Notes a reject of nothing.
    pub(crate) fn blame_reject(&mut self, block: Block) -> Result<(), Misbehaviour> {
        self.faults.rejects += 1;
        forgive(
            self.faults.rejects < REJECTS_MAX,
            Misbehaviour::RejectsNothing(block),
        )
    }

    /// Keeps a hint; of too many the oldest is forgotten.
    pub(crate) fn hint(hints: &mut Vec<PieceIndex>, piece: PieceIndex) {
        if hints.contains(&piece) {
            return;
        }
        if hints.len() >= HINTS_MAX {
            hints.remove(0);
        }
        hints.push(piece);
    }
}

impl EarlyPieces {
    /// Notes what a bitfield, have-all or have-none said.
    pub(crate) fn replace(&mut self, all: Option<bool>, bits: Option<Bytes>) {
        *self = Self {
            all,
            bits,
            haves: Vec::new(),
        };
    }

    /// Notes one more piece; beyond a limit it is forgotten, which costs the peer, not us.
    pub(crate) fn add(&mut self, piece: PieceIndex) {
        if self.haves.len() < EARLY_HAVES_MAX {
            self.haves.push(piece);
        }
    }

    /// Reads it, now that the number of pieces is known.
    pub(crate) fn read(&self, count: u32) -> Result<Bitfield, Misbehaviour> {
        let mut has = match (self.all, &self.bits) {
            (Some(true), _) => Bitfield::all(count),
            (_, Some(bits)) => Bitfield::from_wire(bits, count)?,
            (_, None) => Bitfield::none(count),
        };
        for &piece in &self.haves {
            if piece.0 >= count {
                return Err(Misbehaviour::NoSuchPiece(piece));
            }
            has.set(piece);
        }
        Ok(has)
    }
}

fn forgive(is_little: bool, fault: Misbehaviour) -> Result<(), Misbehaviour> {
    if is_little { Ok(()) } else { Err(fault) }
}
