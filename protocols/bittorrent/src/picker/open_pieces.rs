//! The pieces begun and not yet verified: which of their blocks were asked of whom, and who sent
//! them.
//!
//! Only here is there a record for each block, and only so many pieces are open at a time as there
//! is memory for their payload, so the records are small beside what they describe. A piece comes
//! from one peer where possible: then one bad piece names one liar, and a fast peer is not held up
//! by slow ones. So each open piece says who may take blocks of it ([`Sharing`]), until nothing
//! better is left.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use machine::{ConnId, Rng};
use smallvec::SmallVec;

use super::{Opening, Speed, Standing};
use crate::bitfield::Bitfield;
use crate::numbers::PieceIndex;

/// How often a block is asked for at most, in the endgame (spec section 16).
const COPIES_PER_BLOCK: usize = 3;

/// How many blocks a peer is asked for at a time that another owes us already (spec section 16).
const DUPLICATES_PER_PEER: usize = 1;

/// All open pieces.
#[derive(Debug, Default)]
pub(super) struct OpenPieces {
    pieces: BTreeMap<PieceIndex, OpenPiece>,
    /// Who was asked for a block second and third; empty but for the endgame.
    duplicates: Vec<Duplicate>,
    /// The blocks of all open pieces that nobody is asked for.
    unasked: usize,
}

/// A block of an open piece, by its number within the piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BlockNumber {
    pub(super) piece: PieceIndex,
    pub(super) index: u32,
}

/// Who wants blocks, as far as it matters to a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Taker {
    pub(super) peer: ConnId,
    pub(super) speed: Speed,
    pub(super) standing: Standing,
}

/// How strictly a piece is left to those who began it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manners {
    /// Only the pieces that it took blocks of last.
    Own,
    /// Only its own pieces, or those that wait for nobody, or such as peers of its speed share.
    Polite,
    /// Any piece but one that tests a peer on parole.
    Pushing,
}

/// What became of a block that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Taken {
    /// We have it already, or never wanted it.
    Unwanted,
    /// It fills a gap, and maybe the last one.
    Wanted {
        asked_also: SmallVec<[ConnId; 2]>,
        completed: bool,
    },
}

#[derive(Debug)]
struct OpenPiece {
    blocks: Box<[BlockState]>,
    /// There is memory for the blocks before this one; the others cannot be asked for yet.
    reach: u32,
    /// The blocks within reach that nobody is asked for.
    unasked: u32,
    /// The blocks that somebody is asked for.
    asked: u32,
    /// The blocks that came, or that we made.
    came: u32,
    /// No block before this one is unasked.
    first_unasked: u32,
    /// All blocks before this one came.
    first_missing: u32,
    sharing: Sharing,
    /// Who took blocks last, and may go on doing so.
    last_taker: ConnId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BlockState {
    Unasked,
    Asked(ConnId),
    Received(ConnId),
    /// Nobody needs to send it: it is padding.
    Made,
}

/// Who may take blocks of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sharing {
    /// A fast peer takes the piece whole.
    Alone,
    /// Peers of this speed fill it together.
    Among(Speed),
    /// A peer on parole takes it whole, so that a bad piece is proof.
    Parole,
    /// Whoever comes.
    Anyone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Duplicate {
    block: BlockNumber,
    peer: ConnId,
}

impl Sharing {
    const fn begun_by(taker: Taker) -> Self {
        match (taker.standing, taker.speed) {
            (Standing::OnParole, _) => Self::Parole,
            (Standing::Trusted, Speed::Fast) => Self::Alone,
            (Standing::Trusted, speed @ (Speed::Medium | Speed::Slow)) => Self::Among(speed),
        }
    }
}

impl OpenPiece {
    fn new(blocks: u32, opening: &Opening, taker: Taker) -> Self {
        let mut states = vec![BlockState::Unasked; blocks as usize].into_boxed_slice();
        for made in &opening.made {
            let end = made.end.min(blocks);
            let padding = states.get_mut(made.start as usize..end as usize);
            padding.unwrap_or_default().fill(BlockState::Made);
        }
        let made = states.iter().filter(|state| **state == BlockState::Made);
        let mut open = Self {
            came: made.count() as u32,
            blocks: states,
            reach: 0,
            unasked: 0,
            asked: 0,
            first_unasked: 0,
            first_missing: 0,
            sharing: Sharing::begun_by(taker),
            last_taker: taker.peer,
        };
        open.widen(opening.reach);
        open.advance();
        open
    }

    const fn is_whole(&self) -> bool {
        self.came == self.blocks.len() as u32
    }

    const fn is_within_reach(&self) -> bool {
        self.reach == self.blocks.len() as u32
    }

    /// Lets the blocks before `reach` be asked for; tells how many more these are.
    fn widen(&mut self, reach: u32) -> u32 {
        let reach = reach.min(self.blocks.len() as u32);
        let more = self.blocks.get(self.reach as usize..reach as usize);
        let more = more.unwrap_or_default().iter();
        let more = more.filter(|state| **state == BlockState::Unasked).count() as u32;
        self.reach = self.reach.max(reach);
        self.unasked += more;
        more
    }

    /// Passes over what came.
    fn advance(&mut self) {
        let came = |state: &BlockState| matches!(state, BlockState::Received(_) | BlockState::Made);
        let rest = self.blocks.iter().skip(self.first_missing as usize);
        self.first_missing += rest.take_while(|state| came(state)).count() as u32;
    }

    /// Tells whether `taker` may be asked for unasked blocks of this piece.
    fn welcomes(&self, taker: Taker, manners: Manners) -> bool {
        if self.unasked == 0 {
            return false;
        }
        if self.last_taker == taker.peer {
            return taker.standing == Standing::Trusted || self.sharing == Sharing::Parole;
        }
        if self.sharing == Sharing::Parole || taker.standing == Standing::OnParole {
            return false;
        }
        match manners {
            Manners::Own => false,
            Manners::Polite => {
                self.asked == 0
                    || self.sharing == Sharing::Anyone
                    || self.sharing == Sharing::Among(taker.speed)
            }
            Manners::Pushing => true,
        }
    }

    /// Takes a block back from `peer`; tells whether nobody owes it now.
    fn release(&mut self, index: u32, peer: ConnId, heir: Option<ConnId>) -> bool {
        let Some(state) = self.blocks.get_mut(index as usize) else {
            return false;
        };
        if *state != BlockState::Asked(peer) {
            return false;
        }
        if let Some(heir) = heir {
            *state = BlockState::Asked(heir);
            return false;
        }
        *state = BlockState::Unasked;
        self.asked -= 1;
        self.unasked += 1;
        self.first_unasked = self.first_unasked.min(index);
        if self.last_taker == peer {
            self.sharing = Sharing::Anyone;
        }
        true
    }
}

impl OpenPieces {
    /// Tells how many pieces are open.
    pub(super) fn len(&self) -> usize {
        self.pieces.len()
    }

    /// Tells whether `piece` is open.
    pub(super) fn contains(&self, piece: PieceIndex) -> bool {
        self.pieces.contains_key(&piece)
    }

    /// Lists the open pieces, ascending, each with how many of its blocks came.
    pub(super) fn iter(&self) -> impl Iterator<Item = (PieceIndex, u32)> {
        self.pieces.iter().map(|(piece, open)| (*piece, open.came))
    }

    /// Tells whether a block is of an open piece and has not come.
    pub(super) fn misses(&self, block: BlockNumber) -> bool {
        let open = self.pieces.get(&block.piece);
        let open = open.filter(|open| block.index < open.reach);
        let state = open.and_then(|open| open.blocks.get(block.index as usize));
        matches!(state, Some(BlockState::Unasked | BlockState::Asked(_)))
    }

    /// Tells whether all blocks of `piece` came; not of a piece that is not open.
    pub(super) fn is_whole(&self, piece: PieceIndex) -> bool {
        self.pieces.get(&piece).is_some_and(OpenPiece::is_whole)
    }

    /// Tells how many blocks of `piece` came from its begin on, without a gap.
    pub(super) fn in_order(&self, piece: PieceIndex) -> u32 {
        self.pieces.get(&piece).map_or(0, |open| open.first_missing)
    }

    /// Tells whether there is memory for all of each open piece.
    pub(super) fn are_within_reach(&self) -> bool {
        self.pieces.values().all(OpenPiece::is_within_reach)
    }

    /// Tells how many blocks of the open pieces nobody is asked for.
    pub(super) const fn unasked(&self) -> usize {
        self.unasked
    }

    /// Opens `piece`, of so many blocks, for `taker`.
    pub(super) fn open(&mut self, piece: PieceIndex, blocks: u32, opening: &Opening, taker: Taker) {
        let open = OpenPiece::new(blocks, opening, taker);
        self.close(piece);
        self.unasked += open.unasked as usize;
        self.pieces.insert(piece, open);
    }

    /// Lets the blocks of `piece` before `reach` be asked for.
    pub(super) fn widen(&mut self, piece: PieceIndex, reach: u32) {
        if let Some(open) = self.pieces.get_mut(&piece) {
            self.unasked += open.widen(reach) as usize;
        }
    }

    /// Forgets `piece`.
    pub(super) fn close(&mut self, piece: PieceIndex) {
        let Some(open) = self.pieces.remove(&piece) else {
            return;
        };
        self.unasked -= open.unasked as usize;
        self.duplicates
            .retain(|duplicate| duplicate.block.piece != piece);
    }

    /// Tells whether `piece` is open and `taker` may take blocks of it.
    pub(super) fn welcomes(&self, piece: PieceIndex, taker: Taker, manners: Manners) -> bool {
        self.pieces
            .get(&piece)
            .is_some_and(|open| open.welcomes(taker, manners))
    }

    /// Finds the most complete open piece that `has` has and that `taker` may take blocks of.
    pub(super) fn most_complete(
        &self,
        has: &Bitfield,
        taker: Taker,
        manners: Manners,
    ) -> Option<PieceIndex> {
        if self.unasked == 0 {
            return None;
        }
        let welcoming = self
            .pieces
            .iter()
            .filter(|(_, open)| open.welcomes(taker, manners));
        let theirs = welcoming.filter(|(piece, _)| has.has(**piece));
        theirs
            .rev()
            .max_by_key(|(_, open)| open.came)
            .map(|(piece, _)| *piece)
    }

    /// Asks `taker` for up to `want` unasked blocks of `piece`, ascending; `found` hears of each.
    pub(super) fn take(
        &mut self,
        piece: PieceIndex,
        taker: Taker,
        want: usize,
        mut found: impl FnMut(BlockNumber),
    ) {
        let Some(open) = self.pieces.get_mut(&piece) else {
            return;
        };
        if open.last_taker != taker.peer && open.asked == 0 {
            open.sharing = Sharing::begun_by(taker);
        }
        open.last_taker = taker.peer;
        let mut left = want.min(open.unasked as usize);
        let mut index = open.first_unasked;
        while left > 0 {
            let Some(state) = open.blocks.get_mut(index as usize) else {
                break;
            };
            if *state == BlockState::Unasked {
                *state = BlockState::Asked(taker.peer);
                open.asked += 1;
                open.unasked -= 1;
                self.unasked -= 1;
                left -= 1;
                found(BlockNumber { piece, index });
            }
            index += 1;
        }
        open.first_unasked = index;
    }

    /// Asks `taker` for one block that somebody else owes us: one of those asked for least often.
    pub(super) fn duplicate(
        &mut self,
        has: &Bitfield,
        taker: Taker,
        rng: &mut Rng,
    ) -> Option<BlockNumber> {
        let own = self
            .duplicates
            .iter()
            .filter(|duplicate| duplicate.peer == taker.peer)
            .count();
        if own >= DUPLICATES_PER_PEER || taker.standing == Standing::OnParole {
            return None;
        }
        let first = rng.index(self.pieces.len())?;
        let round = self
            .pieces
            .iter()
            .skip(first)
            .chain(self.pieces.iter().take(first));
        let owed = round
            .filter(|(piece, open)| open.asked > 0 && has.has(**piece))
            .flat_map(|(piece, open)| owed_blocks(*piece, open, taker.peer));
        let mut best: Option<(usize, BlockNumber)> = None;
        for block in owed {
            let copies = 1 + self
                .duplicates
                .iter()
                .filter(|other| other.block == block)
                .count();
            if copies < best.map_or(COPIES_PER_BLOCK, |(fewest, _)| fewest) {
                best = Some((copies, block));
            }
            if copies == 1 {
                break;
            }
        }
        let (_, block) = best?;
        self.duplicates.push(Duplicate {
            block,
            peer: taker.peer,
        });
        Some(block)
    }

    /// Takes in a block that `peer` sent, asked or not.
    pub(super) fn receive(&mut self, block: BlockNumber, peer: ConnId) -> Taken {
        let Some(open) = self.pieces.get_mut(&block.piece) else {
            return Taken::Unwanted;
        };
        let is_within_reach = block.index < open.reach;
        let state = open.blocks.get_mut(block.index as usize);
        let Some(state) = state.filter(|_| is_within_reach) else {
            return Taken::Unwanted;
        };
        let mut asked_also = SmallVec::new();
        match *state {
            BlockState::Received(_) | BlockState::Made => return Taken::Unwanted,
            BlockState::Asked(asked) => {
                open.asked -= 1;
                asked_also.extend((asked != peer).then_some(asked));
            }
            BlockState::Unasked => {
                open.unasked -= 1;
                self.unasked -= 1;
            }
        }
        *state = BlockState::Received(peer);
        open.came += 1;
        open.advance();
        let completed = open.is_whole();
        self.duplicates.retain(|duplicate| {
            let ended = duplicate.block == block;
            if ended && duplicate.peer != peer {
                asked_also.push(duplicate.peer);
            }
            !ended
        });
        Taken::Wanted {
            asked_also,
            completed,
        }
    }

    /// Notes that `peer` does not owe us `block` any more.
    pub(super) fn release(&mut self, block: BlockNumber, peer: ConnId) {
        let own = Duplicate { block, peer };
        if let Some(position) = self
            .duplicates
            .iter()
            .position(|duplicate| *duplicate == own)
        {
            self.duplicates.swap_remove(position);
            return;
        }
        let Some(open) = self.pieces.get_mut(&block.piece) else {
            return;
        };
        let second = self
            .duplicates
            .iter()
            .position(|duplicate| duplicate.block == block);
        let heir = second
            .and_then(|second| self.duplicates.get(second))
            .map(|second| second.peer);
        let was_asked = open.blocks.get(block.index as usize) == Some(&BlockState::Asked(peer));
        self.unasked += usize::from(open.release(block.index, peer, heir));
        if let Some(second) = second.filter(|_| was_asked) {
            self.duplicates.swap_remove(second);
        }
    }

    /// Notes that `peer` does not owe us anything any more.
    pub(super) fn release_all(&mut self, peer: ConnId) {
        self.duplicates.retain(|duplicate| duplicate.peer != peer);
        let mut owed = Vec::new();
        for (piece, open) in &mut self.pieces {
            if open.asked > 0 {
                let numbers = (0..).zip(&*open.blocks);
                let theirs = numbers.filter(|(_, state)| **state == BlockState::Asked(peer));
                owed.extend(theirs.map(|(index, _)| BlockNumber {
                    piece: *piece,
                    index,
                }));
            }
            if open.last_taker == peer {
                open.sharing = Sharing::Anyone;
            }
        }
        owed.into_iter().for_each(|block| self.release(block, peer));
    }

    /// Lists who sent each block of `piece` that came.
    pub(super) fn senders(&self, piece: PieceIndex) -> impl Iterator<Item = (u32, ConnId)> {
        let blocks = self
            .pieces
            .get(&piece)
            .map_or(&[][..], |open| &*open.blocks);
        (0..).zip(blocks).filter_map(|(index, state)| match state {
            BlockState::Received(peer) => Some((index, *peer)),
            BlockState::Unasked | BlockState::Asked(_) | BlockState::Made => None,
        })
    }

    /// Finds the least complete piece that nobody is asked for, that is not whole, and that
    /// `may_go`.
    pub(super) fn least_promising(
        &self,
        may_go: impl Fn(PieceIndex) -> bool,
    ) -> Option<PieceIndex> {
        let idle = self
            .pieces
            .iter()
            .filter(|(piece, open)| open.asked == 0 && !open.is_whole() && may_go(**piece));
        idle.min_by_key(|(_, open)| open.came)
            .map(|(piece, _)| *piece)
    }
}

/// Lists the blocks of a piece that somebody but `peer` owes us.
fn owed_blocks(
    piece: PieceIndex,
    open: &OpenPiece,
    peer: ConnId,
) -> impl Iterator<Item = BlockNumber> {
    (0..)
        .zip(&open.blocks)
        .filter_map(move |(index, state)| match state {
            BlockState::Asked(other) if *other != peer => Some(BlockNumber { piece, index }),
            BlockState::Asked(_)
            | BlockState::Unasked
            | BlockState::Received(_)
            | BlockState::Made => None,
        })
}
