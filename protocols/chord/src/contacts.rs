//! The other nodes, each by a number of four bytes.
//!
//! A node's tables name a few dozen others, and a reference on the wire has 42 bytes: id, address,
//! incarnation. Held in full they would make a node of a simulated million 1,400 bytes long. So
//! all nodes of one driver share one table of references, and their own tables and messages hold
//! [`Contact`]s, which are positions in it. What is equal has one position, so that two contacts
//! are the same if their numbers are.
//!
//! A live node's table would grow by whatever strangers write into their lists. There, each node
//! [marks](Contacts::mark) from time to time what it still holds, and the table sweeps out what
//! nobody has marked for two periods before it takes in more.

use alloc::vec::Vec;
use core::fmt;
use core::hash::Hasher;
use core::num::NonZeroU32;
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;

use hashbrown::HashTable;
use keyspace::Id;
use machine::{Endpoint, Instant};
use siphasher::sip::SipHasher13;

/// How many references a live node's table holds: a node with 26 successors, 160 fingers and a
/// hundred lookups under way holds about 3,000. 3 MiB.
pub const LIVE_CONTACTS_MAX: usize = 1 << 16;

/// How often a live node marks what it holds.
pub const MARK_EVERY: Duration = Duration::from_secs(60);

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
    /// When each row was last marked; empty while nothing is to be swept.
    marks: Vec<AtomicU32>,
    swept: Vec<Contact>,
    rows_max: usize,
    period: AtomicU32,
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
            swept: Vec::new(),
            rows_max: u32::MAX as usize - 1,
            period: AtomicU32::new(0),
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
            self.mark_new(contact);
            return Ok(contact);
        }
        if self.swept.is_empty() && self.rows.len() >= self.rows_max {
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
        self.mark_new(contact);
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

    /// Whether what is held must be marked.
    #[must_use]
    pub const fn is_sweeping(&self) -> bool {
        self.rows_max == LIVE_CONTACTS_MAX
    }

    /// Notes that a contact is still held.
    pub fn mark(&self, contact: Contact, now: Instant) {
        let period = period(now);
        self.period.fetch_max(period, Ordering::Relaxed);
        if let Some(mark) = self.marks.get(contact.index()) {
            mark.store(period, Ordering::Relaxed);
        }
    }

    /// Notes that a contact comes into somebody's hands now.
    fn mark_new(&mut self, contact: Contact) {
        if self.is_sweeping() {
            let now = *self.period.get_mut();
            self.marks.resize_with(self.rows.len(), AtomicU32::default);
            *self.marks[contact.index()].get_mut() = now;
        }
    }

    /// Frees the rows that were not marked in the last two periods: their holders, had they any,
    /// would have marked them in the meantime.
    fn sweep(&mut self) {
        let now = *self.period.get_mut();
        for index in 0..self.marks.len() {
            if *self.marks[index].get_mut() + 2 >= now {
                continue;
            }
            let Some(contact) = Contact::at(index) else {
                continue;
            };
            let hashed = self.hash_of(&self.rows[index]);
            if let Ok(entry) = self.index.find_entry(hashed, |&other| other == contact) {
                entry.remove();
                self.swept.push(contact);
            }
        }
    }

    fn hash_of(&self, reference: &Reference) -> u64 {
        hash(self.secret, reference)
    }
}

/// The number of the period of [`MARK_EVERY`] in which a moment lies.
pub(crate) fn period(now: Instant) -> u32 {
    let periods = now.since(Instant::ZERO).as_secs() / MARK_EVERY.as_secs();
    u32::try_from(periods).unwrap_or(u32::MAX)
}

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
    fn what_nobody_marks_makes_room() {
        let mut contacts = Contacts::sweeping(1);
        let full = u32::try_from(LIVE_CONTACTS_MAX).expect("a small number");
        let held = contacts.intern(reference(0)).expect("an empty table");
        for number in 1..full {
            contacts.intern(reference(number)).expect("not yet full");
        }
        assert_eq!(
            contacts.intern(reference(full)),
            Err(ContactsFull(LIVE_CONTACTS_MAX))
        );
        contacts.mark(held, Instant::ZERO + 4 * MARK_EVERY);
        contacts.intern(reference(full)).expect("room was made");
        assert_eq!(contacts.len(), 2);
        assert_eq!(contacts.intern(reference(0)), Ok(held));
        assert_eq!(contacts.id(held), reference(0).id);
    }
}
