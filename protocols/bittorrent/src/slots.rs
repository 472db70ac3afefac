//! The driver's memory for pieces, from the node's side: who may use how much of it.
//!
//! *No free slot means no request.* So the memory of a node is bounded by what it asks of its
//! peers, and a slow disk slows the network down by itself.
//!
//! A piece is held whole until it is hashed, if two of its kind fit into the memory. Of a *long*
//! piece only a window is held, that moves on as the piece is written.

use alloc::vec::Vec;

use machine::{ChainId, SlotId, SlotPlan};
use smallvec::SmallVec;

/// The slots of one piece in order, each with the bytes used of it.
pub(crate) type PieceSlots = SmallVec<[(SlotId, u32); 1]>;

/// So many pieces, or windows of pieces, fit into the memory: one is filled while another is
/// hashed and written. With only one the wire would lie idle meanwhile.
const PIECES_MIN: u64 = 2;

/// Which slots are free.
#[derive(Debug)]
pub(crate) struct Slots {
    plan: SlotPlan,
    budget_bytes: u64,
    used_bytes: u64,
    /// Slots that were used and came back; the last used first, because its memory is warm.
    returned: Vec<SlotId>,
    /// Slots from here on were never used, so the system has given no memory for them yet.
    untouched: u16,
    /// How many chains were begun.
    chains: u32,
}

impl Slots {
    /// All slots of `plan`, of which `budget_bytes` may be in use at a time.
    pub(crate) const fn new(plan: SlotPlan, budget_bytes: u64) -> Self {
        Self {
            plan,
            budget_bytes,
            used_bytes: 0,
            returned: Vec::new(),
            untouched: 0,
            chains: 0,
        }
    }

    /// How long a slot is, in bytes.
    pub(crate) const fn slot_len(&self) -> u32 {
        self.plan.len
    }

    /// How many bytes of a piece of `piece_len` bytes are held at a time: all, or a window of whole
    /// slots.
    pub(crate) fn held_len(&self, piece_len: u32) -> u32 {
        let memory = u64::from(self.plan.count) * u64::from(self.plan.len);
        let share = memory.min(self.budget_bytes) / PIECES_MIN;
        let whole_slots = (share / u64::from(self.plan.len)).max(1) * u64::from(self.plan.len);
        if u64::from(piece_len) <= share {
            piece_len
        } else {
            whole_slots.min(piece_len.into()) as u32
        }
    }

    /// How many more pieces of `piece_len` bytes can be begun.
    pub(crate) fn room(&self, piece_len: u32) -> usize {
        let held_len = u64::from(self.held_len(piece_len).max(1));
        let slots_each = held_len.div_ceil(u64::from(self.plan.len));
        let free_slots = self.returned.len() as u64 + u64::from(self.plan.count - self.untouched);
        let by_budget = self.budget_bytes.saturating_sub(self.used_bytes) / held_len;
        // A slot longer than the whole budget must still be possible, if nothing else is held.
        let by_budget = if self.used_bytes == 0 {
            by_budget.max(1)
        } else {
            by_budget
        };
        usize::try_from(by_budget.min(free_slots / slots_each)).unwrap_or(usize::MAX)
    }

    /// Takes the slots for a piece, or for the first window of a long one, if there is room.
    pub(crate) fn take(&mut self, piece_len: u32) -> Option<PieceSlots> {
        if self.room(piece_len) == 0 {
            return None;
        }
        let mut slots = PieceSlots::new();
        let mut left = self.held_len(piece_len);
        self.used_bytes += u64::from(left);
        while left > 0 {
            let len = left.min(self.plan.len);
            slots.push((self.take_one(), len));
            left -= len;
        }
        Some(slots)
    }

    /// Names a hash that is to grow over a long piece.
    pub(crate) const fn next_chain(&mut self) -> ChainId {
        self.chains = self.chains.wrapping_add(1);
        ChainId(self.chains)
    }

    /// Takes the slots of a piece back.
    pub(crate) fn give_back(&mut self, slots: &[(SlotId, u32)]) {
        for &(slot, len) in slots.iter().rev() {
            self.returned.push(slot);
            self.used_bytes -= u64::from(len);
        }
    }

    fn take_one(&mut self) -> SlotId {
        self.returned.pop().unwrap_or_else(|| {
            let slot = SlotId(self.untouched);
            self.untouched += 1;
            slot
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: u32 = 1024;

    fn slots() -> Slots {
        Slots::new(
            SlotPlan {
                count: 8,
                len: 64 * KIB,
            },
            256 * 1024,
        )
    }

    #[test]
    fn the_budget_bounds_what_is_taken() {
        let mut slots = slots();
        let pieces: Vec<_> = core::iter::from_fn(|| slots.take(64 * KIB)).collect();
        assert_eq!(pieces.len(), 4);
        slots.give_back(&pieces[0]);
        assert_eq!(slots.room(64 * KIB), 1);
        assert_eq!(
            slots.take(64 * KIB),
            Some(pieces[0].clone()),
            "the warm slot is used first"
        );
    }

    #[test]
    fn small_pieces_are_bounded_by_the_number_of_slots() {
        let mut slots = slots();
        assert_eq!(core::iter::from_fn(|| slots.take(16 * KIB)).count(), 8);
    }

    #[test]
    fn a_piece_may_take_several_slots() {
        let mut slots = slots();
        let piece = slots.take(100 * KIB).expect("room for one");
        let lens: Vec<u32> = piece.iter().map(|&(_, len)| len / KIB).collect();
        assert_eq!(lens, [64, 36]);
        assert_eq!(slots.room(64 * KIB), 2);
    }

    #[test]
    fn of_a_long_piece_half_the_memory_is_held() {
        let mut slots = slots();
        let held = [128, 129, 300, 1 << 19].map(|kib| slots.held_len(kib * KIB) / KIB);
        assert_eq!(held, [128, 128, 128, 128]);
        let window = slots.take(300 * KIB).expect("room for two");
        assert_eq!(window.len(), 2);
        assert_eq!(slots.room(1000 * KIB), 1);
        assert!(slots.take(1000 * KIB).is_some() && slots.take(KIB).is_none());
        slots.give_back(&window);
        assert_eq!(slots.room(64 * KIB), 2);
    }

    #[test]
    fn a_window_is_one_slot_at_least_even_beyond_the_budget() {
        let plan = SlotPlan {
            count: 3,
            len: 64 * KIB,
        };
        let mut slots = Slots::new(plan, 10);
        let window = slots.take(300 * KIB).expect("nothing else is held");
        assert_eq!(window.as_slice(), [(SlotId(0), 64 * KIB)]);
        assert_eq!(slots.take(KIB), None);
        slots.give_back(&window);
        assert_eq!(slots.take(KIB).map(|slots| slots.len()), Some(1));
    }
}
