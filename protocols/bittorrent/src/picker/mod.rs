//! The piece picker: which blocks to ask of which peer (spec section 16; Cohen, "Incentives build
//! robustness", 2003).
//!
//! Four rules, in this order. *Strict priority*: finish pieces begun before beginning others, since
//! only whole pieces can be passed on. *Random first pieces*: the first pieces are any, to have
//! something to trade soon. *Rarest first*: then the pieces that the fewest peers have, so that
//! none dies out (`rarest_first`). *Endgame*: when every missing block is owed by somebody, ask
//! others for it too, so that one slow peer does not hold up the end.
//!
//! A [`Picker`] exists while a torrent is incomplete: a seed has none. It holds what peers have
//! only as sums; their bitfields stay with the connections and are lent for each call. Whoever
//! drives it must tell it everything once: each `have` once, each peer's farewell once.
//!
//! Costs: a `have` O(1); a pick O(blocks given + open pieces), plus the pieces skipped because the
//! peer lacks them; a block that comes O(log open pieces). Nothing is allocated for a block.

mod open_pieces;
mod pick;
mod rarest_first;
mod source;

use core::ops::Range;

use machine::ConnId;
use smallvec::SmallVec;

use self::open_pieces::{BlockNumber, OpenPieces, Taken};
use self::rarest_first::RarestFirst;
pub use self::source::{Permission, Source, Speed, Standing};
use crate::bitfield::Bitfield;
use crate::metainfo::Cut;
use crate::numbers::{BLOCK_LEN, Block, PieceIndex};

/// How much a piece is wanted, 0 to 7 (spec section 16).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(u8);

impl Priority {
    /// Not at all: no file that is wanted has a part in it.
    pub const SKIP: Self = Self(0);
    /// As every piece, unless somebody says otherwise.
    pub const NORMAL: Self = Self(4);
    /// Before all others.
    pub const TOP: Self = Self(7);

    const LEVELS: usize = Self::TOP.0 as usize;

    /// Makes a priority; what is above the highest is the highest.
    #[must_use]
    pub const fn new(level: u8) -> Self {
        if level > Self::TOP.0 {
            Self::TOP
        } else {
            Self(level)
        }
    }

    /// The number of its list among those of all priorities that are not skipped.
    fn class(self) -> Option<usize> {
        usize::from(self.0).checked_sub(1)
    }

    const fn of_class(class: usize) -> Self {
        Self::new(class as u8 + 1)
    }
}

/// The order in which pieces are begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PieceOrder {
    /// For the good of the swarm, and so of ourselves.
    #[default]
    RarestFirst,
    /// From the first to the last, to be read while it comes; slow peers begin at the end, where
    /// they delay nothing.
    Sequential,
}

/// What a block that came was good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrival {
    /// Nothing: we have it, or it is of no open piece, or it is no block at all. Its bytes are
    /// waste.
    Waste,
    /// It fills a gap.
    Block {
        /// Others who were asked for it too: send them `cancel`.
        cancel: SmallVec<[ConnId; 2]>,
        /// Whether it was the last one of its piece, which is to be hashed now.
        piece: PieceState,
    },
}

/// Whether all blocks of a piece came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PieceState {
    /// Some are missing.
    Incomplete,
    /// None is missing; whether they are right is for the hash to say.
    Whole,
}

/// How many copies of the content the swarm that we see has, ourselves included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Copies {
    /// Whole copies: how many have the rarest piece.
    pub whole: u32,
    /// Thousandths of one more: which part of the pieces is less rare than that.
    pub thousandths: u16,
}

/// What a piece is opened with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// How many of its blocks, from the first on, there is memory for; more can be reached later
    /// ([`Picker::widen`]). What is beyond is neither asked for nor taken.
    pub reach: u32,
    /// The blocks that nobody is asked for, because they are padding.
    pub made: SmallVec<[Range<u32>; 1]>,
}

/// Decides what to ask of whom.
#[derive(Debug)]
pub struct Picker {
    cut: Cut,
    rarest_first: RarestFirst,
    open: OpenPieces,
    /// Verified pieces.
    had: Bitfield,
    /// Pieces that we want nothing of: had or to be skipped.
    settled: Bitfield,
    /// Pieces that cannot be begun: settled or open.
    taken: Bitfield,
    /// Peers that have everything; they are counted here and not for each piece.
    seeds: u32,
    order: PieceOrder,
}

impl Opening {
    /// There is memory for all of the piece, and none of it is padding.
    #[must_use]
    pub fn whole() -> Self {
        Self {
            reach: u32::MAX,
            made: SmallVec::new(),
        }
    }
}

impl Picker {
    /// Begins with the pieces that we `had` before; everything else is wanted.
    #[must_use]
    pub fn new(cut: Cut, had: &Bitfield) -> Self {
        let mut rarest_first = RarestFirst::new(cut.piece_count());
        had.missing().for_each(|piece| rarest_first.insert(piece));
        Self {
            cut,
            rarest_first,
            open: OpenPieces::default(),
            had: had.clone(),
            settled: had.clone(),
            taken: had.clone(),
            seeds: 0,
            order: PieceOrder::default(),
        }
    }

    /// Tells how the content is cut.
    #[must_use]
    pub const fn cut(&self) -> Cut {
        self.cut
    }

    /// Chooses the order in which pieces are begun from now on.
    pub const fn set_order(&mut self, order: PieceOrder) {
        self.order = order;
    }

    /// Says how much a piece is wanted. A piece begun stays open, but nobody is interesting for its
    /// sake.
    pub fn set_priority(&mut self, piece: PieceIndex, priority: Priority) {
        self.rarest_first.set_priority(piece, priority);
        if self.had.has(piece) {
            return;
        }
        if priority == Priority::SKIP {
            self.settled.set(piece);
            self.taken.set(piece);
        } else {
            self.settled.clear(piece);
            if !self.open.contains(piece) && self.taken.clear(piece) {
                self.rarest_first.insert(piece);
            }
        }
    }

    // ---- what peers have -------------------------------------------------------------------

    /// Notes what a peer has: once for each peer, as soon as that is known.
    pub fn peer_came(&mut self, has: &Bitfield) {
        if has.is_all() {
            self.seeds += 1;
        } else {
            has.iter().for_each(|piece| self.rarest_first.raise(piece));
        }
    }

    /// Notes that a peer counted by [`Self::peer_came`] is gone, or that what it has is no longer
    /// known.
    pub fn peer_went(&mut self, has: &Bitfield) {
        if has.is_all() {
            self.seeds = self.seeds.saturating_sub(1);
        } else {
            has.iter().for_each(|piece| self.rarest_first.lower(piece));
        }
    }

    /// Notes that a peer has one more piece: `has` is what it has now. A `have` that is no news
    /// must not come here.
    pub fn peer_has(&mut self, piece: PieceIndex, has: &Bitfield) {
        if has.is_all() {
            let others = has.iter().filter(|other| *other != piece);
            others.for_each(|other| self.rarest_first.lower(other));
            self.seeds += 1;
        } else {
            self.rarest_first.raise(piece);
        }
    }

    /// Tells whether somebody who has these pieces has one that we want.
    #[must_use]
    pub fn is_interesting(&self, has: &Bitfield) -> bool {
        has.has_any_lacking_in(&self.settled)
    }

    /// Tells whether we still want this piece: whether a `have` of it makes the peer interesting.
    #[must_use]
    pub fn wants(&self, piece: PieceIndex) -> bool {
        piece.0 < self.settled.len() && !self.settled.has(piece)
    }

    /// Tells whether every wanted piece is begun: nothing is left but to finish.
    #[must_use]
    pub fn is_all_begun(&self) -> bool {
        self.rarest_first.is_empty()
    }

    /// Tells how many peers have `piece`.
    #[must_use]
    pub fn availability(&self, piece: PieceIndex) -> u32 {
        u32::from(self.rarest_first.available(piece)) + self.seeds
    }

    /// Counts the copies of the content in our sight. O(pieces): for display.
    #[must_use]
    pub fn copies(&self) -> Copies {
        let available = (0..)
            .map(PieceIndex)
            .zip(self.rarest_first.availabilities());
        let counts =
            available.map(|(piece, peers)| u32::from(*peers) + u32::from(self.had.has(piece)));
        let Some(least) = counts.clone().min() else {
            return Copies::default();
        };
        let more = counts.filter(|count| *count > least).count() as u64;
        let thousandths = more * 1000 / u64::from(self.cut.piece_count());
        Copies {
            whole: least + self.seeds,
            thousandths: u16::try_from(thousandths).unwrap_or(u16::MAX),
        }
    }

    // ---- what we have ----------------------------------------------------------------------

    /// Tells which pieces are verified.
    #[must_use]
    pub const fn had(&self) -> &Bitfield {
        &self.had
    }

    /// Tells whether every wanted piece is verified.
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        self.settled.is_all()
    }

    /// Counts the wanted pieces that are not verified.
    #[must_use]
    pub const fn pieces_left(&self) -> u32 {
        self.settled.len() - self.settled.count()
    }

    /// Counts the bytes of the wanted pieces that are not verified. O(pieces left).
    #[must_use]
    pub fn bytes_left(&self) -> u64 {
        self.settled
            .missing()
            .map(|piece| u64::from(self.cut.piece_len(piece)))
            .sum()
    }

    /// Counts the pieces begun and not verified.
    #[must_use]
    pub fn pieces_open(&self) -> usize {
        self.open.len()
    }

    /// Tells whether `block` is one of an open piece that has not come.
    #[must_use]
    pub fn is_missing(&self, block: Block) -> bool {
        let index = self.cut.number_of(block);
        index.is_some_and(|index| {
            self.open.misses(BlockNumber {
                piece: block.piece,
                index,
            })
        })
    }

    /// Tells whether all blocks of an open piece came, or are padding.
    #[must_use]
    pub fn is_whole(&self, piece: PieceIndex) -> bool {
        self.open.is_whole(piece)
    }

    /// Tells how many bytes of an open piece came from its begin on, without a gap.
    #[must_use]
    pub fn in_order(&self, piece: PieceIndex) -> u32 {
        let bytes = self.open.in_order(piece).saturating_mul(BLOCK_LEN);
        bytes.min(self.cut.piece_len(piece))
    }

    /// Notes that there is now memory for the blocks of an open piece before number `reach`.
    pub fn widen(&mut self, piece: PieceIndex, reach: u32) {
        self.open.widen(piece, reach);
    }

    /// Lists the open pieces, ascending, each with how many of its blocks came.
    pub fn open_pieces(&self) -> impl Iterator<Item = (PieceIndex, u32)> {
        self.open.iter()
    }

    /// Notes that `piece` is verified.
    pub fn piece_verified(&mut self, piece: PieceIndex) {
        self.open.close(piece);
        self.rarest_first.remove(piece);
        self.had.set(piece);
        self.settled.set(piece);
        self.taken.set(piece);
    }

    /// Notes that the bytes of `piece` are lost, because they were wrong or for want of memory: all
    /// its blocks are wanted again. Those who still owe blocks of it will send waste.
    pub fn piece_lost(&mut self, piece: PieceIndex) {
        self.open.close(piece);
        self.had.clear(piece);
        if self.rarest_first.priority(piece) != Priority::SKIP {
            self.settled.clear(piece);
            self.taken.clear(piece);
            self.rarest_first.insert(piece);
        }
    }

    /// Gives up the least complete piece that nobody owes us a block of and that `may_go`, and
    /// names it, so that its memory can serve a piece that somebody has.
    ///
    /// Call it when pieces cannot be opened and the peers have nothing of those that are; without
    /// it a few pieces whose sources went away would hold all memory for ever.
    pub fn give_up_one(&mut self, may_go: impl Fn(PieceIndex) -> bool) -> Option<PieceIndex> {
        let piece = self.open.least_promising(may_go)?;
        self.piece_lost(piece);
        Some(piece)
    }

    /// Lists who sent each block of an open piece: what smart ban asks when the piece is bad.
    pub fn senders(&self, piece: PieceIndex) -> impl Iterator<Item = (Block, ConnId)> {
        let cut = self.cut;
        self.open
            .senders(piece)
            .filter_map(move |(index, peer)| Some((cut.block(piece, index)?, peer)))
    }

    // ---- asking ----------------------------------------------------------------------------

    /// Takes in a block that `peer` sent, asked or not; the caller keeps its bytes unless it is
    /// waste.
    pub fn received(&mut self, peer: ConnId, block: Block) -> Arrival {
        let Some(index) = self.cut.number_of(block) else {
            return Arrival::Waste;
        };
        match self.open.receive(
            BlockNumber {
                piece: block.piece,
                index,
            },
            peer,
        ) {
            Taken::Unwanted => Arrival::Waste,
            Taken::Wanted {
                asked_also,
                completed,
            } => Arrival::Block {
                cancel: asked_also,
                piece: if completed {
                    PieceState::Whole
                } else {
                    PieceState::Incomplete
                },
            },
        }
    }

    /// Notes that `peer` does not owe us `block` any more: it rejected it, or is overdue.
    pub fn released(&mut self, peer: ConnId, block: Block) {
        if let Some(index) = self.cut.number_of(block) {
            self.open.release(
                BlockNumber {
                    piece: block.piece,
                    index,
                },
                peer,
            );
        }
    }

    /// Notes that `peer` owes us nothing any more: it is gone, overdue, or chokes us without the
    /// Fast extension.
    ///
    /// Costs O(blocks of open pieces). If it is gone, [`Self::peer_went`] is to be told too.
    pub fn released_all(&mut self, peer: ConnId) {
        self.open.release_all(peer);
    }

    /// Tells whether every missing block is owed by somebody: the endgame.
    #[must_use]
    pub fn is_endgame(&self) -> bool {
        self.rarest_first.is_empty()
            && self.open.unasked() == 0
            && self.open.len() > 0
            && self.open.are_within_reach()
    }
}
