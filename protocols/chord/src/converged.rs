//! Rings that have found their form already: where experiments begin.
//!
//! To let a million nodes join would take longer than what is to be measured. Since in a converged
//! ring each table follows from the sorted list of all, they can be filled directly.

use alloc::vec::Vec;

use keyspace::Id;
use machine::{Instant, Rng, Seed};
use smallvec::SmallVec;

use crate::api::{Config, Fingers, Period, Shared};
use crate::contacts::{Contact, Contacts};
use crate::finger_table::{FingerTable, Row};
use crate::member::Member;
use crate::neighbours::Neighbours;
use crate::node::Node;

/// All places of a ring, in order.
#[derive(Debug)]
pub struct Converged<'a> {
    shared: &'a Shared,
    /// Sorted by id, without two of the same id.
    ring: Vec<(Id, Contact)>,
}

impl<'a> Converged<'a> {
    /// A ring of these contacts, in any order. Of two with the same id, one stays out.
    #[must_use]
    pub fn new(contacts: &[Contact], shared: &'a Shared) -> Self {
        let place = |&contact: &Contact| (shared.contacts.id(contact), contact);
        let mut ring: Vec<_> = contacts.iter().map(place).collect();
        ring.sort_unstable_by_key(|&(id, _)| id);
        ring.dedup_by_key(|&mut (id, _)| id);
        Self { shared, ring }
    }

    /// The contacts in the order of the ring.
    pub fn contacts(&self) -> impl ExactSizeIterator<Item = Contact> {
        self.ring.iter().map(|&(_, contact)| contact)
    }

    /// The owner of a key.
    #[must_use]
    pub fn owner(&self, key: Id) -> Option<Contact> {
        let at = self.ring.partition_point(|&(id, _)| id < key);
        let (_, owner) = self.ring.get(at).or(self.ring.first())?;
        Some(*owner)
    }

    /// The nodes of the ring, in order, each with full and right tables. The first round of each
    /// lies somewhere in its first period, drawn from `seed`.
    pub fn nodes(&self, seed: Seed) -> impl Iterator<Item = Node> {
        // For each row, the position of its finger moves clockwise as we do.
        let mut positions: Vec<usize> = Vec::new();
        (0..self.ring.len()).map(move |at| {
            let mut rng = Rng::new(seed, CONVERGED, at as u64);
            let near = self.neighbours(at);
            let fingers = self.fingers(at, &mut positions);
            let config = &self.shared.config;
            let first = [
                draw(config.stabilise, &mut rng),
                match config.fingers {
                    Fingers::None => crate::member::NEVER,
                    Fingers::Exact | Fingers::Nearby { .. } => draw(config.fix_finger, &mut rng),
                },
            ];
            Node::of(Member::settled(near, fingers, first))
        })
    }

    fn neighbours(&self, at: usize) -> Neighbours {
        let (contacts, len): (&Contacts, usize) = (&self.shared.contacts, self.ring.len());
        let around = |step: usize| self.ring[(at + step) % len].1;
        let mut near = Neighbours::alone(self.ring[at].1, contacts);
        let count = self.shared.config.successors.min(len - 1);
        if count > 0 {
            let list: SmallVec<[Contact; 32]> = (2..=count).map(around).collect();
            near.adopt(around(1), &list, count, contacts);
            near.set_predecessor(Some(around(len - 1)), contacts);
        }
        near
    }

    fn fingers(&self, at: usize, positions: &mut Vec<usize>) -> FingerTable {
        let config: &Config = &self.shared.config;
        let (id, len) = (self.ring[at].0, self.ring.len());
        let (head, _) = self.ring[(at + 1) % len];
        let rows = (0..config.space.bits() as u8).map(Row);
        let rows = rows.take_while(|row| id.distance_to(head).is_less(row.step(config.space)));
        if config.fingers == Fingers::None || len == 1 {
            return FingerTable::new();
        }
        let entries = rows.map(|row| {
            let step = row.step(config.space);
            let index = usize::from(row.0);
            if positions.len() <= index {
                positions.resize(index + 1, at);
            }
            // Positions count on past the end of the ring; those that fell behind catch up.
            let mut position = positions[index].max(at + 1);
            while position < at + len && id.distance_to(self.ring[position % len].0).is_less(step) {
                position += 1;
            }
            positions[index] = position;
            // Nobody is so far: the row would name ourselves.
            (position < at + len).then(|| self.ring[position % len].1)
        });
        FingerTable::of(entries, at)
    }
}

/// Keeps the chance of the beginning apart from that of turns.
const CONVERGED: u64 = 1 << 61;

fn draw(period: Period, rng: &mut Rng) -> Instant {
    let nanos = u64::try_from(period.max.as_nanos()).unwrap_or(u64::MAX - 1);
    Instant::from_nanos(1 + rng.below(nanos))
}
