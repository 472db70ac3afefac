//! Short cuts across the ring: finger i is a node at least 2^i away (spec section 4).
//!
//! Levels whose step is no longer than the distance to the first successor would all name that
//! successor; so only the upper levels, log2 N and a little more of them, have a place, from the
//! top down. Fingers affect speed only, never correctness: an entry may be missing or dead.

use keyspace::{Id, Space};
use smallvec::SmallVec;

use crate::contacts::{Contact, Contacts};

/// The fingers of one member.
#[derive(Debug, Clone, Default)]
pub struct FingerTable {
    /// From the highest level down.
    entries: SmallVec<[Option<Contact>; FINGERS_INLINE]>,
    /// The row that is looked up next.
    next: u8,
}

/// How many fingers are held without a box: enough for a million nodes, most of the time.
const FINGERS_INLINE: usize = 22;

/// A row of the table, 0 for the longest finger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row(pub u8);

impl Row {
    /// How far the fingers of this row reach at least.
    #[must_use]
    pub const fn step(self, space: Space) -> Id {
        space.step((space.bits() - 1).saturating_sub(self.0 as u32))
    }

    /// The row of the longest fingers that do not pass a distance; none if the distance is zero.
    #[must_use]
    #[inline]
    pub const fn of_distance(distance: Id) -> Option<Self> {
        match distance.log2() {
            Some(highest) => Some(Self((Id::BITS - 1 - highest) as u8)),
            None => None,
        }
    }
}

impl FingerTable {
    /// A table without fingers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A table with these fingers, from the highest level down. Members of different `turn` begin
    /// their round at different rows, as they would if they had not begun together.
    #[must_use]
    pub fn of(entries: impl IntoIterator<Item = Option<Contact>>, turn: usize) -> Self {
        let entries: SmallVec<_> = entries.into_iter().collect();
        let next = turn % entries.len().max(1);
        Self {
            entries,
            next: next as u8,
        }
    }

    /// The fingers, from the longest to the shortest.
    #[must_use]
    #[inline]
    pub fn entries(&self) -> &[Option<Contact>] {
        &self.entries
    }

    /// The row to look up next: each in turn down to the one that reaches no further than the
    /// first successor, the distance to which begins with the bits of `ahead`; there the round
    /// begins again.
    pub fn next_row(&mut self, ahead: u64, space: Space) -> Row {
        let row = Row(self.next);
        if u32::from(row.0) < space.bits() && ahead < row.step(space).prefix() {
            self.next += 1;
            return row;
        }
        self.entries.truncate(usize::from(row.0));
        self.next = 1;
        Row(0)
    }

    /// The row whose turn it is.
    #[must_use]
    pub const fn coming_row(&self) -> Row {
        Row(self.next)
    }

    /// Sets a finger.
    pub fn set(&mut self, row: Row, contact: Contact) {
        let row = usize::from(row.0);
        if self.entries.len() <= row {
            self.entries.resize(row + 1, None);
        }
        self.entries[row] = Some(contact);
    }

    /// Forgets a dead node; until it is looked up again, the next shorter finger serves.
    pub fn remove(&mut self, dead: Contact) {
        for entry in &mut self.entries {
            if *entry == Some(dead) {
                *entry = None;
            }
        }
    }

    /// Fills rows from nodes that somebody near us knows: hints, better than nothing until each
    /// is looked up (spec section 4, initialisation at join).
    pub fn hint(&mut self, known: &[Contact], id: Id, space: Space, contacts: &Contacts) {
        for &contact in known {
            let distance = id.distance_to(contacts.id(contact));
            if let Some(row) = Row::of_distance(distance) {
                let entry = self.entries.get(usize::from(row.0)).copied().flatten();
                let is_nearer =
                    entry.is_none_or(|entry| distance.is_less(id.distance_to(contacts.id(entry))));
                if is_nearer && u32::from(row.0) < space.bits() {
                    self.set(row, contact);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_count_from_the_longest() {
        let space = Space::of_bits(6);
        assert_eq!(Row(0).step(space), space.id(32));
        assert_eq!(Row(5).step(space), space.id(1));
        assert_eq!(Row::of_distance(space.id(40)), Some(Row(0)));
        assert_eq!(Row::of_distance(space.id(31)), Some(Row(1)));
        assert_eq!(Row::of_distance(Id::ZERO), None);
    }

    #[test]
    fn rows_take_turns_down_to_the_successor() {
        let space = Space::of_bits(6);
        let mut table = FingerTable::new();
        let rows: [u8; 7] = core::array::from_fn(|_| table.next_row(space.id(6).prefix(), space).0);
        assert_eq!(rows, [0, 1, 2, 0, 1, 2, 0], "steps of 32, 16, 8");
        let mut alone = FingerTable::new();
        let rows: [u8; 8] = core::array::from_fn(|_| alone.next_row(0, space).0);
        assert_eq!(rows, [0, 1, 2, 3, 4, 5, 0, 1]);
    }
}
