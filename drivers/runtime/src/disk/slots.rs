//! The memory for pieces on their way from the wire to the disk.
//!
//! The network thread copies payload into slots; a piece that is whole moves to the disk thread,
//! memory and all, and the memory comes back when it is written. So no byte is ever shared by two
//! threads, and none is copied twice. Memory that came back last is used first: it may still lie
//! in a cache.

use machine::{SlotId, SlotPlan};
use smallvec::SmallVec;

/// The memory of one slot.
type Memory = Box<[u8]>;

/// The slots by number.
#[derive(Debug)]
pub(crate) struct Slots {
    plan: SlotPlan,
    /// Of each slot, the memory that holds what was put into it.
    taken: Vec<Option<Memory>>,
    /// Memory that was used and is free.
    spare: Vec<Memory>,
    in_use: usize,
}

/// What the slots of one job hold, in order.
#[derive(Debug, Default)]
pub(crate) struct Piece {
    parts: SmallVec<[Part; 1]>,
}

#[derive(Debug)]
struct Part {
    slot: SlotId,
    memory: Memory,
    used: usize,
}

impl Slots {
    /// Makes all slots, without any memory yet.
    pub(crate) fn new(plan: SlotPlan) -> Self {
        let mut taken = Vec::new();
        taken.resize_with(usize::from(plan.count), || None);
        Self {
            plan,
            taken,
            spare: Vec::new(),
            in_use: 0,
        }
    }

    /// Copies payload into a slot.
    pub(crate) fn put(&mut self, slot: SlotId, at: u32, bytes: &[u8]) {
        let start = at as usize;
        if self.holds_no(slot) {
            let memory = self.allocate();
            self.place(slot, memory);
        }
        let memory = self
            .taken
            .get_mut(usize::from(slot.0))
            .and_then(Option::as_mut);
        match memory.and_then(|memory| memory.get_mut(start..)?.get_mut(..bytes.len())) {
            Some(room) => room.copy_from_slice(bytes),
            None => tracing::error!(
                slot = slot.0,
                at,
                len = bytes.len(),
                plan = ?self.plan,
                "the node puts bytes where there is no slot"
            ),
        }
    }

    /// Forgets what a slot holds.
    pub(crate) fn free(&mut self, slot: SlotId) {
        if let Some(memory) = self.take(slot) {
            self.recycle(memory);
        }
    }

    /// Takes the memory of slots out, for the disk.
    pub(crate) fn lend(&mut self, slots: &[(SlotId, u32)]) -> Piece {
        let parts = slots.iter().map(|&(slot, used)| {
            // Of a slot that nothing was put into, the contents mean nothing.
            let memory = self.take(slot).unwrap_or_else(|| self.allocate());
            let used = (used as usize).min(memory.len());
            Part { slot, memory, used }
        });
        Piece {
            parts: parts.collect(),
        }
    }

    /// Takes memory back whose contents are no longer needed.
    pub(crate) fn reclaim(&mut self, piece: Piece) {
        for part in piece.parts {
            self.recycle(part.memory);
        }
    }

    /// Takes memory back as it is: the slots still hold what they held.
    pub(crate) fn restore(&mut self, piece: Piece) {
        for part in piece.parts {
            if self.holds_no(part.slot) {
                self.place(part.slot, part.memory);
            } else {
                // The node has put something else there in the meantime.
                self.recycle(part.memory);
            }
        }
    }

    /// Whether there is memory and no slot needs any.
    pub(crate) fn are_spare(&self) -> bool {
        self.in_use == 0 && !self.spare.is_empty()
    }

    /// Gives the memory of free slots back to the system.
    pub(crate) fn release(&mut self) {
        self.spare = Vec::new();
    }

    fn holds_no(&self, slot: SlotId) -> bool {
        matches!(self.taken.get(usize::from(slot.0)), Some(None))
    }

    fn place(&mut self, slot: SlotId, memory: Memory) {
        if let Some(place) = self.taken.get_mut(usize::from(slot.0)) {
            *place = Some(memory);
        }
    }

    fn take(&mut self, slot: SlotId) -> Option<Memory> {
        self.taken.get_mut(usize::from(slot.0))?.take()
    }

    fn allocate(&mut self) -> Memory {
        self.in_use += 1;
        let recycled = self.spare.pop();
        // Zeroed by the system, when a page is first touched.
        recycled.unwrap_or_else(|| vec![0; self.plan.len as usize].into())
    }

    fn recycle(&mut self, memory: Memory) {
        self.in_use -= 1;
        self.spare.push(memory);
    }
}

impl Piece {
    /// The bytes, part by part.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        self.parts.iter().map(|part| &part.memory[..part.used])
    }

    /// How many bytes.
    pub(crate) fn len(&self) -> u64 {
        self.parts.iter().map(|part| part.used as u64).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots() -> Slots {
        Slots::new(SlotPlan { count: 2, len: 8 })
    }

    fn contents(piece: &Piece) -> Vec<u8> {
        piece.chunks().flatten().copied().collect()
    }

    #[test]
    fn what_is_put_is_lent_and_memory_goes_round() {
        let mut slots = slots();
        assert!(!slots.are_spare());
        slots.put(SlotId(1), 0, b"abcd");
        slots.put(SlotId(1), 4, b"efgh");
        slots.put(SlotId(0), 0, b"xy");
        let piece = slots.lend(&[(SlotId(1), 8), (SlotId(0), 2)]);
        assert_eq!(contents(&piece), b"abcdefghxy");
        assert_eq!(piece.len(), 10);
        assert!(!slots.are_spare());
        slots.reclaim(piece);
        assert!(slots.are_spare());
        assert_eq!(slots.spare.len(), 2);
        slots.put(SlotId(0), 0, b"z");
        assert_eq!(slots.spare.len(), 1);
    }

    #[test]
    fn a_failed_piece_can_be_lent_again() {
        let mut slots = slots();
        slots.put(SlotId(0), 0, b"abc");
        let piece = slots.lend(&[(SlotId(0), 3)]);
        slots.restore(piece);
        assert_eq!(contents(&slots.lend(&[(SlotId(0), 3)])), b"abc");
    }

    #[test]
    fn a_restored_piece_does_not_overwrite_what_came_later() {
        let mut slots = slots();
        slots.put(SlotId(0), 0, b"old");
        let piece = slots.lend(&[(SlotId(0), 3)]);
        slots.put(SlotId(0), 0, b"new");
        slots.restore(piece);
        assert_eq!(contents(&slots.lend(&[(SlotId(0), 3)])), b"new");
    }

    #[test]
    fn mistakes_of_the_node_touch_nothing() {
        let mut slots = slots();
        slots.put(SlotId(2), 0, b"x");
        slots.put(SlotId(0), 7, b"xy");
        slots.put(SlotId(0), u32::MAX, b"x");
        slots.free(SlotId(2));
        slots.free(SlotId(1));
        let piece = slots.lend(&[(SlotId(9), 100)]);
        assert_eq!(piece.len(), 8);
        slots.restore(piece);
        slots.free(SlotId(0));
    }
}
