//! The piece picker: which blocks to ask of which peer (spec section 16; Cohen, "Incentives build robustness", 2003).
//!
//! Four rules, in this order. *Strict priority*: finish pieces begun before beginning others, since only whole pieces
//! can be passed on. *Random first pieces*: the first pieces are any, to have something to trade soon. *Rarest first*:
//! then the pieces that the fewest peers have, so that none dies out ([`rarest_first`]). *Endgame*: when every missing
//! block is owed by somebody, ask others for it too, so that one slow peer does not hold up the end.
//!
//! A [`Picker`] exists while a torrent is incomplete: a seed has none. It holds what peers have only as sums; their
//! bitfields stay with the connections and are lent for each call. Whoever drives it must tell it everything once: each
//! `have` once, each peer's farewell once.
//!
//! Costs: a `have` O(1); a pick O(blocks given + open pieces), plus the pieces skipped because the peer lacks them;
//! a block that comes O(log open pieces). Nothing is allocated for a block.

mod layout;
mod open_pieces;
mod rarest_first;

use alloc::vec::Vec;

use machine::{ConnId, Rng};
use smallvec::SmallVec;

pub use self::layout::Layout;
use self::open_pieces::{BlockNumber, Manners, OpenPieces, Taken, Taker};
use self::rarest_first::RarestFirst;
use crate::bitfield::Bitfield;
use crate::numbers::{Block, PieceIndex};

/// So many pieces are taken at random before rarity counts (spec section 16).
const RANDOM_FIRST_PIECES: u32 = 4;

/// The time in which a fast peer sends a whole piece, in seconds (spec section 16).
const FAST_PIECE_SECONDS: u64 = 20;

/// A peer that sends at least this part of a piece in [`FAST_PIECE_SECONDS`] is not slow.
const MEDIUM_PART: u64 = 4;

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
    /// From the first to the last, to be read while it comes; slow peers begin at the end, where they delay nothing.
    Sequential,
}

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

/// What a block that came was good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrival {
    /// Nothing: we have it, or it is of no open piece, or it is no block at all. Its bytes are waste.
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

/// Decides what to ask of whom.
#[derive(Debug)]
pub struct Picker {
    layout: Layout,
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

impl Picker {
    /// Begins with the pieces that we `had` before; everything else is wanted.
    #[must_use]
    pub fn new(layout: Layout, had: &Bitfield) -> Self {
        let mut rarest_first = RarestFirst::new(layout.pieces());
        had.missing().for_each(|piece| rarest_first.insert(piece));
        Self {
            layout,
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
    pub const fn layout(&self) -> Layout {
        self.layout
    }

    /// Chooses the order in which pieces are begun from now on.
    pub const fn set_order(&mut self, order: PieceOrder) {
        self.order = order;
    }

    /// Says how much a piece is wanted. A piece begun stays open, but nobody is interesting for its sake.
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

    /// Notes that a peer counted by [`Self::peer_came`] is gone, or that what it has is no longer known.
    pub fn peer_went(&mut self, has: &Bitfield) {
        if has.is_all() {
            self.seeds = self.seeds.saturating_sub(1);
        } else {
            has.iter().for_each(|piece| self.rarest_first.lower(piece));
        }
    }

    /// Notes that a peer has one more piece: `has` is what it has now. A `have` that is no news must not come here.
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
        let thousandths = more * 1000 / u64::from(self.layout.pieces());
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
            .map(|piece| u64::from(self.layout.len_of(piece)))
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
        let index = self.layout.index_of(block);
        index.is_some_and(|index| {
            self.open.misses(BlockNumber {
                piece: block.piece,
                index,
            })
        })
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

    /// Notes that the bytes of `piece` are lost, because they were wrong or for want of memory: all its blocks are
    /// wanted again. Those who still owe blocks of it will send waste.
    pub fn piece_lost(&mut self, piece: PieceIndex) {
        self.open.close(piece);
        self.had.clear(piece);
        if self.rarest_first.priority(piece) != Priority::SKIP {
            self.settled.clear(piece);
            self.taken.clear(piece);
            self.rarest_first.insert(piece);
        }
    }

    /// Gives up the least complete piece that nobody owes us a block of, and names it, so that its memory can serve a
    /// piece that somebody has.
    ///
    /// Call it when pieces cannot be opened and the peers have nothing of those that are; without it a few pieces
    /// whose sources went away would hold all memory for ever.
    pub fn give_up_one(&mut self) -> Option<PieceIndex> {
        let piece = self.open.least_promising()?;
        self.piece_lost(piece);
        Some(piece)
    }

    /// Lists who sent each block of an open piece: what smart ban asks when the piece is bad.
    pub fn senders(&self, piece: PieceIndex) -> impl Iterator<Item = (Block, ConnId)> {
        let layout = self.layout;
        self.open
            .senders(piece)
            .map(move |(index, peer)| (layout.block(piece, index), peer))
    }

    // ---- asking ----------------------------------------------------------------------------

    /// Chooses up to `want` blocks to ask of a peer and appends them to `out`, in runs within a piece.
    ///
    /// `may_open` is asked before a piece is opened and takes the memory for it; when it says no, only open pieces
    /// are picked from. If it says yes the piece is opened at once.
    pub fn pick(
        &mut self,
        source: &Source<'_>,
        want: usize,
        mut may_open: impl FnMut(PieceIndex) -> bool,
        rng: &mut Rng,
        out: &mut Vec<Block>,
    ) {
        let mut pick = Pick {
            source,
            taker: Taker {
                peer: source.peer,
                speed: source.speed,
                standing: source.standing,
            },
            full: out.len().saturating_add(want),
            may_open: &mut may_open,
            out,
        };
        match source.permission {
            Permission::Choked { allowed_fast } => self.pick_named(&mut pick, allowed_fast),
            Permission::Unchoked { suggested } => {
                self.pick_open(&mut pick, Manners::Polite);
                self.pick_named(&mut pick, suggested);
                self.pick_new(&mut pick, rng);
                self.pick_open(&mut pick, Manners::Pushing);
                self.pick_duplicate(&mut pick, rng);
            }
        }
    }

    /// Takes in a block that `peer` sent, asked or not; the caller keeps its bytes unless it is waste.
    pub fn received(&mut self, peer: ConnId, block: Block) -> Arrival {
        let Some(index) = self.layout.index_of(block) else {
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
        if let Some(index) = self.layout.index_of(block) {
            self.open.release(
                BlockNumber {
                    piece: block.piece,
                    index,
                },
                peer,
            );
        }
    }

    /// Notes that `peer` owes us nothing any more: it is gone, overdue, or chokes us without the Fast extension.
    ///
    /// Costs O(blocks of open pieces). If it is gone, [`Self::peer_went`] is to be told too.
    pub fn released_all(&mut self, peer: ConnId) {
        self.open.release_all(peer);
    }

    /// Tells whether every missing block is owed by somebody: the endgame.
    #[must_use]
    pub fn is_endgame(&self) -> bool {
        self.rarest_first.is_empty() && self.open.unasked() == 0 && self.open.len() > 0
    }

    /// Strict priority: the most complete of the open pieces first.
    fn pick_open(&mut self, pick: &mut Pick<'_>, manners: Manners) {
        while !pick.is_full() {
            let has = pick.source.has;
            let Some(piece) = self.open.most_complete(has, pick.taker, manners) else {
                break;
            };
            self.take(pick, piece);
        }
    }

    /// Pieces that the peer named, open or not, in its order.
    fn pick_named(&mut self, pick: &mut Pick<'_>, named: &[PieceIndex]) {
        for &piece in named {
            if pick.is_full() {
                break;
            }
            if !pick.source.has.has(piece) {
                continue;
            }
            let new = piece.0 < self.taken.len() && !self.taken.has(piece);
            if new && self.open(pick, piece)
                || self.open.welcomes(piece, pick.taker, Manners::Polite)
            {
                self.take(pick, piece);
            }
        }
    }

    /// Pieces not begun: random ones at first, then the rarest, or the next in sequence.
    fn pick_new(&mut self, pick: &mut Pick<'_>, rng: &mut Rng) {
        while !pick.is_full() && pick.source.has.has_any_lacking_in(&self.taken) {
            let Some(piece) = self.next_new(pick, rng) else {
                break;
            };
            if !self.open(pick, piece) {
                break;
            }
            self.take(pick, piece);
        }
    }

    fn next_new(&self, pick: &Pick<'_>, rng: &mut Rng) -> Option<PieceIndex> {
        let has = pick.source.has;
        match self.order {
            PieceOrder::Sequential => self.next_in_sequence(has, pick.taker.speed),
            PieceOrder::RarestFirst if self.had.count() < RANDOM_FIRST_PIECES => {
                self.rarest_first.any(has, rng)
            }
            PieceOrder::RarestFirst => self.rarest_first.rarest(has, rng),
        }
    }

    /// The first piece not begun, or the last for a slow peer; of those most wanted.
    fn next_in_sequence(&self, has: &Bitfield, speed: Speed) -> Option<PieceIndex> {
        let top = self.rarest_first.top();
        let mut best: Option<(Priority, PieceIndex)> = None;
        for piece in has.lacking_in(&self.taken) {
            let priority = self.rarest_first.priority(piece);
            let is_better = best.is_none_or(|(highest, _)| {
                priority > highest || priority == highest && speed == Speed::Slow
            });
            if is_better {
                best = Some((priority, piece));
            }
            if priority == top && speed != Speed::Slow {
                break;
            }
        }
        best.map(|(_, piece)| piece)
    }

    /// The endgame: one block that somebody else owes us.
    fn pick_duplicate(&mut self, pick: &mut Pick<'_>, rng: &mut Rng) {
        if pick.is_full() || !self.is_endgame() {
            return;
        }
        if let Some(block) = self.open.duplicate(pick.source.has, pick.taker, rng) {
            pick.out.push(self.layout.block(block.piece, block.index));
        }
    }

    /// Opens a piece if there is memory for it.
    fn open(&mut self, pick: &mut Pick<'_>, piece: PieceIndex) -> bool {
        if !(pick.may_open)(piece) {
            return false;
        }
        self.rarest_first.remove(piece);
        self.taken.set(piece);
        self.open
            .open(piece, self.layout.blocks_of(piece), pick.taker);
        true
    }

    fn take(&mut self, pick: &mut Pick<'_>, piece: PieceIndex) {
        let (layout, out) = (self.layout, &mut *pick.out);
        let left = pick.full.saturating_sub(out.len());
        self.open.take(piece, pick.taker, left, |block| {
            out.push(layout.block(block.piece, block.index));
        });
    }
}

/// One call of [`Picker::pick`].
struct Pick<'a> {
    source: &'a Source<'a>,
    taker: Taker,
    /// The length of `out` when all that was wanted is found.
    full: usize,
    may_open: &'a mut dyn FnMut(PieceIndex) -> bool,
    out: &'a mut Vec<Block>,
}

impl Pick<'_> {
    fn is_full(&self) -> bool {
        self.out.len() >= self.full
    }
}
