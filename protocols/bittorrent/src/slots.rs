//! The driver's memory for pieces, from the node's side: who may use how much of it.
//!
//! *No free slot means no request.* So the memory of a node is bounded by what it asks of its
//! peers, and a slow disk slows the network down by itself.

use alloc::vec::Vec;

use machine::{SlotId, SlotPlan};
use smallvec::SmallVec;

/// The slots of one piece in order, each with the bytes used of it.
pub(crate) type PieceSlots = SmallVec<[(SlotId, u32); 1]>;

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
        }
    }

    /// How long a slot is, in bytes.
    pub(crate) const fn slot_len(&self) -> u32 {
        self.plan.len
    }

    /// How many more pieces of `piece_len` bytes can be held.
    pub(crate) fn room(&self, piece_len: u32) -> usize {
        let piece_len = u64::from(piece_len.max(1));
        let slots_each = piece_len.div_ceil(u64::from(self.plan.len));
        let free_slots = self.returned.len() as u64 + u64::from(self.plan.count - self.untouched);
        let by_budget = self.budget_bytes.saturating_sub(self.used_bytes) / piece_len;
        // A piece longer than the whole budget must still be possible, if nothing else is held.
        let by_budget = if self.used_bytes == 0 {
            by_budget.max(1)
        } else {
            by_budget
        };
        usize::try_from(by_budget.min(free_slots / slots_each)).unwrap_or(usize::MAX)
    }

    /// Takes the slots for a piece, if there is room.
    pub(crate) fn take(&mut self, piece_len: u32) -> Option<PieceSlots> {
        if self.room(piece_len) == 0 {
            return None;
        }
        let mut slots = PieceSlots::new();
        let mut left = piece_len;
        while left > 0 {
            let len = left.min(self.plan.len);
            slots.push((self.take_one(), len));
            left -= len;
        }
        self.used_bytes += u64::from(piece_len);
        Some(slots)
    }

    /// Takes the slots of a piece back.
    pub(crate) fn give_back(&mut self, slots: &PieceSlots) {
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
    fn a_long_piece_takes_several_slots_and_one_beyond_the_budget_is_held_alone() {
        let mut slots = slots();
        let piece = slots.take(300 * KIB).expect("room for one");
        let lens: Vec<u32> = piece.iter().map(|&(_, len)| len / KIB).collect();
        assert_eq!(lens, [64, 64, 64, 64, 44]);
        assert_eq!(slots.take(16 * KIB), None);
        slots.give_back(&piece);
        assert_eq!(slots.room(64 * KIB), 4);
        assert_eq!(slots.room(1024 * KIB), 0, "more slots than there are");
    }
}
