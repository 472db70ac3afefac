//! One pick: the rules of section 16 in their order.

use alloc::vec::Vec;

use machine::Rng;

use super::open_pieces::{Manners, Taker};
use super::{Opening, Permission, Picker, PieceOrder, Priority, Source, Speed};
use crate::bitfield::Bitfield;
use crate::numbers::{Block, PieceIndex};

/// So many pieces are taken at random before rarity counts (spec section 16).
const RANDOM_FIRST_PIECES: u32 = 4;

impl Picker {
    /// Chooses up to `want` blocks to ask of a peer and appends them to `out`, in runs within a
    /// piece.
    ///
    /// `may_open` is asked before a piece is opened and takes the memory for it; when it has none,
    /// only open pieces are picked from. If it has some the piece is opened at once.
    pub fn pick(
        &mut self,
        source: &Source<'_>,
        want: usize,
        mut may_open: impl FnMut(PieceIndex) -> Option<Opening>,
        rng: &mut Rng,
        out: &mut Vec<Block>,
    ) {
        let before = out.len();
        let mut pick = Pick {
            source,
            taker: Taker {
                peer: source.peer,
                speed: source.speed,
                standing: source.standing,
            },
            full: before.saturating_add(want),
            may_open: &mut may_open,
            out,
        };
        match source.permission {
            Permission::Choked { allowed_fast } => self.pick_named(&mut pick, allowed_fast),
            Permission::Unchoked {
                suggested,
                unadvised_max,
            } => {
                // Who suggests pieces knows what others do not have: what was begun elsewhere can
                // be finished elsewhere.
                if !suggested.is_empty() {
                    self.pick_open(&mut pick, Manners::Own);
                    self.pick_named(&mut pick, suggested);
                }
                pick.full = pick.full.min(before.saturating_add(unadvised_max));
                self.pick_open(&mut pick, Manners::Polite);
                self.pick_new(&mut pick, rng);
                self.pick_open(&mut pick, Manners::Pushing);
                self.pick_duplicate(&mut pick, rng);
            }
        }
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
            pick.out.extend(self.cut.block(block.piece, block.index));
        }
    }

    /// Opens a piece if there is memory for it.
    fn open(&mut self, pick: &mut Pick<'_>, piece: PieceIndex) -> bool {
        let Some(opening) = (pick.may_open)(piece) else {
            return false;
        };
        self.rarest_first.remove(piece);
        self.taken.set(piece);
        let blocks = self.cut.block_count(piece);
        self.open.open(piece, blocks, &opening, pick.taker);
        true
    }

    fn take(&mut self, pick: &mut Pick<'_>, piece: PieceIndex) {
        let (cut, out) = (self.cut, &mut *pick.out);
        let left = pick.full.saturating_sub(out.len());
        self.open.take(piece, pick.taker, left, |block| {
            out.extend(cut.block(block.piece, block.index));
        });
    }
}

/// One call of [`Picker::pick`].
struct Pick<'a> {
    source: &'a Source<'a>,
    taker: Taker,
    /// The length of `out` when all that was wanted is found.
    full: usize,
    may_open: &'a mut dyn FnMut(PieceIndex) -> Option<Opening>,
    out: &'a mut Vec<Block>,
}

impl Pick<'_> {
    fn is_full(&self) -> bool {
        self.out.len() >= self.full
    }
}
