//! The other nodes, each by a number of four bytes.
//!
//! A node's tables name a few dozen others, and a reference on the wire has 42 bytes: id, address,
//! incarnation. Held in full they would make a node of a simulated million 1,400 bytes long. So
//! all nodes of one driver share one table of references, and their own tables and messages hold
//! [`Contact`]s, which are positions in it. What is equal has one position, so that two contacts
//! are the same if their numbers are.
//!
//! A live node's table would grow by whatever strangers write into their lists. So whenever it has
//! become [crowded](Contacts::is_crowded), the node marks what it still holds, and with the next
//! reference that comes all others are swept out. That happens between two turns, when nothing is
//! held but by tables: strangers take no room for longer than that, however many they name.

use alloc::vec::Vec;
use core::fmt;
use core::hash::Hasher;
use core::num::NonZeroU32;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use hashbrown::HashTable;
use keyspace::Id;
use machine::Endpoint;
use siphasher::sip::SipHasher13;

/// How many references a live node's table holds: a node with 26 successors, 160 fingers and a
/// hundred lookups under way holds about 3,000. 3 MiB.
pub const LIVE_CONTACTS_MAX: usize = 1 << 16;

/// From how many references on a live node's table may be crowded: less is not worth the work.
const CROWD_MIN: usize = 1024;

/// Another node, by its position in the [`Contacts`]. Contacts are ordered as they were taken in,
/// which says nothing about the ring.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Contact(NonZeroU32);

/// Up to three contacts, best first: what fits into a message without a box.
pub type Few = [Option<Contact>; 3];

/// A node as it is told to others (spec section 13: 42 bytes on the wire).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference {
    /// Its place on the ring.
    pub id: Id,
    /// Where it is reached.
    pub endpoint: Endpoint,
    /// How many times it has begun anew; part of what its id is a hash of.
    pub incarnation: u32,
}

/// The references that the nodes of one driver hold.
pub struct Contacts {
    rows: Vec<Reference>,
    index: HashTable<Contact>,
    /// Keeps strangers from choosing ids that collide in the index.
    secret: u128,
    /// In which round each row was last marked, or taken in.
    marks: Vec<AtomicU32>,
    round: AtomicU32,
    /// Whether a round of marking is done, and what it left out can go.
    is_marked: AtomicBool,
    /// From how many references on it is crowded: twice those that were held last.
    crowd: usize,
    swept: Vec<Contact>,
    rows_max: usize,
}

/// The table is full of contacts that are in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("all {0} places for contacts are taken")]
pub struct ContactsFull(pub usize);

impl Contact {
    fn at(index: usize) -> Option<Self> {
        u32::try_from(index + 1)
            .ok()
            .and_then(NonZeroU32::new)
            .map(Self)
    }

    pub(crate) const fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

impl Contacts {
    /// A table that grows and keeps all it has seen: for simulations.
    #[must_use]
    pub const fn growing() -> Self {
        Self {
            rows: Vec::new(),
            index: HashTable::new(),
            secret: 0,
            marks: Vec::new(),
            round: AtomicU32::new(0),
            is_marked: AtomicBool::new(false),
            crowd: usize::MAX,
            swept: Vec::new(),
            rows_max: u32::MAX as usize - 1,
        }
    }

    /// A table that takes nobody in: for messages that name no nodes.
    #[must_use]
    pub const fn closed() -> Self {
        let mut table = Self::growing();
        table.rows_max = 0;
        table
    }

    /// A table of [`LIVE_CONTACTS_MAX`] references that sweeps out what no node holds any more;
    /// `secret` is drawn by the driver.
    #[must_use]
    pub const fn sweeping(secret: u128) -> Self {
        let mut table = Self::growing();
        table.rows_max = LIVE_CONTACTS_MAX;
        table.secret = secret;
        table.crowd = CROWD_MIN;
        table
    }

    /// The number of a reference, which is taken in if it is new.
    ///
    /// # Errors
    /// When the table is full.
    pub fn intern(&mut self, reference: Reference) -> Result<Contact, ContactsFull> {
        let hashed = self.hash_of(&reference);
        let same = |contact: &Contact| self.rows[contact.index()] == reference;
        if let Some(&contact) = self.index.find(hashed, same) {
            self.mark_named(contact);
            return Ok(contact);
        }
        if *self.is_marked.get_mut() {
            self.sweep();
        }
        let contact = if let Some(contact) = self.swept.pop() {
            self.rows[contact.index()] = reference;
            contact
        } else {
            let contact = Contact::at(self.rows.len())
                .filter(|_| self.rows.len() < self.rows_max)
                .ok_or(ContactsFull(self.rows_max))?;
            self.rows.push(reference);
            contact
        };
        self.mark_named(contact);
        let (rows, secret) = (&self.rows, self.secret);
        self.index.insert_unique(hashed, contact, |contact| {
            hash(secret, &rows[contact.index()])
        });
        Ok(contact)
    }

    /// Where a contact is on the ring.
    #[must_use]
    #[inline]
    pub fn id(&self, contact: Contact) -> Id {
        self.rows[contact.index()].id
    }

    /// Where a contact is reached.
    #[must_use]
    #[inline]
    pub fn endpoint(&self, contact: Contact) -> Endpoint {
        self.rows[contact.index()].endpoint
    }

    /// All that is known of a contact.
    #[must_use]
    #[inline]
    pub fn reference(&self, contact: Contact) -> &Reference {
        &self.rows[contact.index()]
    }

    /// How many references there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len() - self.swept.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the table sweeps.
    #[must_use]
    const fn is_sweeping(&self) -> bool {
        self.rows_max == LIVE_CONTACTS_MAX
    }

    /// Whether so many have come that what is held must be marked.
    #[must_use]
    pub fn is_crowded(&self) -> bool {
        self.len() >= self.crowd && !self.is_marked.load(Ordering::Relaxed)
    }

    /// Marks all contacts that are held: the others lose their places with the next one that comes.
    /// To be called at the end of a turn.
    pub fn mark_all(&self, held: impl IntoIterator<Item = Contact>) {
        let round = self.round.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        for contact in held {
            if let Some(mark) = self.marks.get(contact.index()) {
                mark.store(round, Ordering::Relaxed);
            }
        }
        self.is_marked.store(true, Ordering::Relaxed);
    }

    /// What a datagram names stays at least until the node has seen it.
    fn mark_named(&mut self, contact: Contact) {
        if self.is_sweeping() {
            let round = *self.round.get_mut();
            self.marks.resize_with(self.rows.len(), AtomicU32::default);
            *self.marks[contact.index()].get_mut() = round;
        }
    }

    /// Frees the rows that the last round of marking has left out.
    fn sweep(&mut self) {
        *self.is_marked.get_mut() = false;
        let round = *self.round.get_mut();
        for index in 0..self.marks.len() {
            let (Some(contact), false) =
                (Contact::at(index), *self.marks[index].get_mut() == round)
            else {
                continue;
            };
            let hashed = self.hash_of(&self.rows[index]);
            if let Ok(entry) = self.index.find_entry(hashed, |&other| other == contact) {
                entry.remove();
                self.swept.push(contact);
            }
        }
        self.crowd = CROWD_MIN.max(2 * self.len());
    }

    fn hash_of(&self, reference: &Reference) -> u64 {
        hash(self.secret, reference)
    }
}

/// The number of the period of [`MARK_EVERY`] in which a moment lies.
fn hash(secret: u128, reference: &Reference) -> u64 {
    let mut hasher = SipHasher13::new_with_key(&secret.to_le_bytes());
    hasher.write(&reference.id.to_bytes());
    hasher.write_u32(reference.incarnation);
    hasher.finish()
}

impl fmt::Debug for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

impl fmt::Debug for Contacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Contacts({})", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::Ipv4Addr;
    use keyspace::Space;

    fn reference(number: u32) -> Reference {
        Reference {
            id: Space::FULL.id(u64::from(number)),
            endpoint: Endpoint::new(Ipv4Addr::from(number).into(), 4000),
            incarnation: 0,
        }
    }

    #[test]
    fn equal_references_are_one_contact() {
        let mut contacts = Contacts::growing();
        let one = contacts.intern(reference(1));
        let two = contacts.intern(reference(2));
        assert_ne!(one, two);
        assert_eq!(contacts.intern(reference(1)), one);
        let again = Reference {
            incarnation: 1,
            ..reference(1)
        };
        assert_ne!(contacts.intern(again), one);
        assert_eq!(contacts.len(), 3);
    }

    #[test]
    fn what_nobody_holds_makes_room() {
        let mut contacts = Contacts::sweeping(1);
        let held = contacts.intern(reference(0)).expect("an empty table");
        let strangers = u32::try_from(3 * LIVE_CONTACTS_MAX).expect("a small number");
        for number in 1..strangers {
            contacts.intern(reference(number)).expect("room is made");
            if contacts.is_crowded() {
                contacts.mark_all([held]);
            }
        }
        assert!(contacts.rows.len() <= CROWD_MIN + 1, "{contacts:?}");
        assert_eq!(contacts.intern(reference(0)), Ok(held));
        assert_eq!(contacts.id(held), reference(0).id);
    }

    #[test]
    fn a_table_of_what_is_held_takes_in_no_more() {
        let mut contacts = Contacts::sweeping(1);
        let full = u32::try_from(LIVE_CONTACTS_MAX).expect("a small number");
        let mut held = Vec::new();
        for number in 0..full {
            held.push(contacts.intern(reference(number)).expect("not yet full"));
            if contacts.is_crowded() {
                contacts.mark_all(held.iter().copied());
            }
        }
        contacts.mark_all(held.iter().copied());
        let refused = contacts.intern(reference(full));
        assert_eq!(refused, Err(ContactsFull(LIVE_CONTACTS_MAX)));
        assert_eq!(contacts.len(), LIVE_CONTACTS_MAX);
    }
}
