//! One piece that was begun: its memory, and what is done with it next.

use machine::{ChainId, ConnId, SlotId};
use smallvec::SmallVec;

use crate::numbers::{BLOCK_LEN, Block};
use crate::slots::{PieceSlots, Slots};

/// A piece that was begun: held whole, or, if it is long, through a window that moves on.
#[derive(Debug)]
pub(crate) struct Filling {
    /// The memory for the bytes from `written` on.
    slots: PieceSlots,
    /// So much of a long piece is on the disk, proven by nothing yet.
    written: u32,
    len: u32,
    /// The hash that grows over a long piece.
    chain: Option<ChainId>,
    /// Blocks that are coming in just now. A block has one source at a time: two that write into
    /// the same slot would make it impossible to tell who lied.
    incoming: SmallVec<[(u32, ConnId); 2]>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Blocks are missing.
    Open,
    /// The driver works on all of it, or on the end of its chain.
    Storing,
    /// The driver mixes the first slot into the chain, and writes it.
    Extending,
    /// The disk refused it; it waits to be tried again.
    Refused,
}

/// What a piece wants to be done with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// To be hashed and written.
    Store(PieceSlots),
    /// One slot is to be mixed in and written.
    Extend {
        chain: ChainId,
        slot: SlotId,
        /// The stretch of the piece that it holds, in bytes.
        begin: u32,
        len: u32,
    },
    /// All is written: its hash is to be looked at.
    Finish(ChainId),
}

impl Filling {
    /// Begins a piece of `len` bytes, if there is memory for it.
    pub(crate) fn begin(len: u32, memory: &mut Slots) -> Option<Self> {
        let slots = memory.take(len)?;
        let is_long = memory.held_len(len) < len;
        Some(Self {
            slots,
            written: 0,
            len,
            chain: is_long.then(|| memory.next_chain()),
            incoming: SmallVec::new(),
            state: State::Open,
        })
    }

    /// How many blocks, from the first on, there is or was memory for.
    pub(crate) fn reach(&self) -> u32 {
        let held: u32 = self.slots.iter().map(|&(_, len)| len).sum();
        let end = self.written + held;
        if end == self.len {
            end.div_ceil(BLOCK_LEN)
        } else {
            end / BLOCK_LEN
        }
    }

    /// Whether it goes slot by slot.
    pub(crate) const fn is_long(&self) -> bool {
        self.chain.is_some()
    }

    /// Whether the driver has something of it in hand.
    pub(crate) fn is_busy(&self) -> bool {
        matches!(self.state, State::Storing | State::Extending)
    }

    /// Whether the disk refused it.
    pub(crate) fn is_refused(&self) -> bool {
        self.state == State::Refused
    }

    /// The slot that holds a position of the piece, where in it, and how far it goes from there.
    pub(crate) fn place(&self, position: u32, slot_len: u32) -> Option<(SlotId, u32, u32)> {
        let position = position.checked_sub(self.written)?;
        let within = position % slot_len;
        let &(slot, used) = self.slots.get((position / slot_len) as usize)?;
        (within < used).then(|| (slot, within, used - within))
    }

    /// Expects a block from `conn`, unless it is coming in already.
    pub(crate) fn expect(&mut self, conn: ConnId, block: Block) -> bool {
        let is_free = self.incoming.iter().all(|&(begin, _)| begin != block.begin);
        if is_free {
            self.incoming.push((block.begin, conn));
        }
        is_free
    }

    /// Whether a block is expected from `conn`.
    pub(crate) fn expects(&self, conn: ConnId, block: Block) -> bool {
        self.incoming.contains(&(block.begin, conn))
    }

    /// Expects a block no more; tells whether it was expected.
    pub(crate) fn unexpect(&mut self, conn: ConnId, block: Block) -> bool {
        let expected = |it: &(u32, ConnId)| *it == (block.begin, conn);
        let position = self.incoming.iter().position(expected);
        position
            .map(|position| self.incoming.swap_remove(position))
            .is_some()
    }

    /// Names the next thing to do, when the piece has come up to byte `in_order`; it is being done
    /// from now on, until [`Self::refused`], [`Self::extended`], or the piece's end.
    pub(crate) fn next_step(&mut self, in_order: u32) -> Option<Step> {
        if self.is_busy() {
            return None;
        }
        let (step, state) = match (self.chain, self.slots.first()) {
            (None, _) if in_order == self.len => (Step::Store(self.slots.clone()), State::Storing),
            (Some(chain), None) => (Step::Finish(chain), State::Storing),
            (Some(chain), Some(&(slot, len))) if self.written + len <= in_order => {
                let begin = self.written;
                let step = Step::Extend {
                    chain,
                    slot,
                    begin,
                    len,
                };
                (step, State::Extending)
            }
            (None | Some(_), _) => return None,
        };
        self.state = state;
        Some(step)
    }

    /// Notes that the first slot is written: it goes back, and another takes up what follows.
    pub(crate) fn extended(&mut self, memory: &mut Slots) {
        self.state = State::Open;
        let window = memory.held_len(self.len) / memory.slot_len();
        let written: SmallVec<[_; 1]> = self.slots.drain(..self.slots.len().min(1)).collect();
        self.written += written.iter().map(|&(_, len)| len).sum::<u32>();
        memory.give_back(&written);
        while self.slots.len() < window as usize {
            let held: u32 = self.slots.iter().map(|&(_, len)| len).sum();
            let left = self.len - self.written - held;
            // What was just given back is there, so the window never closes.
            match memory
                .take(left.min(memory.slot_len()))
                .filter(|_| left > 0)
            {
                Some(slots) => self.slots.extend(slots),
                None => break,
            }
        }
    }

    /// Notes that the disk refused; all memory is as it was.
    pub(crate) const fn refused(&mut self) {
        self.state = State::Refused;
    }

    /// Ends the piece: gives the memory that it held, and its chain, if that has no end yet.
    pub(crate) fn end(self) -> (PieceSlots, Option<ChainId>) {
        let is_open = self.state != State::Storing;
        (self.slots, self.chain.filter(|_| is_open))
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use machine::SlotPlan;

    use super::*;

    const KIB: u32 = 1024;

    fn memory() -> Slots {
        let plan = SlotPlan {
            count: 100,
            len: 32 * KIB,
        };
        Slots::new(plan, 128 * 1024)
    }

    #[test]
    fn a_short_piece_is_stored_at_once() {
        let mut memory = memory();
        let mut piece = Filling::begin(50 * KIB, &mut memory).expect("room");
        assert!(!piece.is_long() && piece.reach() == 4);
        assert_eq!(piece.next_step(48 * KIB), None);
        assert!(matches!(piece.next_step(50 * KIB), Some(Step::Store(slots)) if slots.len() == 2));
        assert!(piece.is_busy() && piece.next_step(50 * KIB).is_none());
        piece.refused();
        assert!(piece.is_refused() && piece.next_step(50 * KIB).is_some());
        assert_eq!(piece.end().1, None);
    }

    #[test]
    fn a_long_piece_goes_slot_by_slot_within_its_window() {
        let mut memory = memory();
        let mut piece = Filling::begin(150 * KIB, &mut memory).expect("room");
        assert_eq!((piece.is_long(), piece.reach()), (true, 4));
        assert_eq!(
            piece.place(63 * KIB, 32 * KIB),
            Some((SlotId(1), 31 * KIB, KIB))
        );
        assert_eq!(piece.place(64 * KIB, 32 * KIB), None);
        let mut stretches = Vec::new();
        for in_order in [16, 48, 64, 96, 128, 144, 150].map(|kib| kib * KIB) {
            while let Some(Step::Extend { begin, len, .. }) = piece.next_step(in_order) {
                stretches.push((begin / KIB, len / KIB));
                piece.extended(&mut memory);
                assert!(
                    memory.room(32 * KIB) >= 2,
                    "the window holds two slots at most"
                );
            }
        }
        let whole = [(0, 32), (32, 32), (64, 32), (96, 32), (128, 22)];
        assert_eq!(stretches, whole);
        assert_eq!((piece.reach(), memory.room(32 * KIB)), (10, 4));
        // It asked for its end in the last round.
        assert!(piece.is_busy());
        assert_eq!(piece.end(), (PieceSlots::new(), None));
    }

    #[test]
    fn a_chain_that_is_given_up_must_be_ended() {
        let mut memory = memory();
        let mut piece = Filling::begin(150 * KIB, &mut memory).expect("room");
        assert!(matches!(
            piece.next_step(32 * KIB),
            Some(Step::Extend { .. })
        ));
        piece.refused();
        let (slots, chain) = piece.end();
        assert_eq!((slots.len(), chain), (2, Some(ChainId(1))));
    }

    #[test]
    fn a_block_comes_from_one_peer_at_a_time() {
        let mut piece = Filling::begin(KIB, &mut memory()).expect("room");
        let block = Block {
            piece: crate::numbers::PieceIndex(0),
            begin: 0,
            len: KIB,
        };
        assert!(piece.expect(ConnId(1), block) && !piece.expect(ConnId(2), block));
        assert!(piece.expects(ConnId(1), block) && !piece.expects(ConnId(2), block));
        assert!(!piece.unexpect(ConnId(2), block) && piece.unexpect(ConnId(1), block));
        assert!(piece.expect(ConnId(2), block));
    }
}
