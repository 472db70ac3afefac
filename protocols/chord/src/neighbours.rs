//! A member's neighbours on the ring, and the rules by which they change.
//!
//! These are the rules that were proven (Zave, "Reasoning about Identifier Spaces: How to Make
//! Chord Correct", 2017), apart from all talk with other nodes: each is one step of the proof. The
//! node runs them on what it is told, and tests run them in all orders
//! and looks whether the invariants hold.

use keyspace::Id;
use smallvec::SmallVec;

use crate::contacts::{Contact, Contacts};

/// Who stands next to a member: its predecessor and its successor list.
#[derive(Debug, Clone)]
pub struct Neighbours {
    id: Id,
    me: Contact,
    predecessor: Option<Contact>,
    /// The upper bits of the distance from the predecessor to us, so that most keys can be told to
    /// be others' without reading its id.
    behind: u64,
    /// The upper bits of the distance to the first successor; zero if there is none.
    ahead: u64,
    /// How far the list reaches: the distance to its last entry. It is known without reading
    /// anybody's id.
    reach: Id,
    /// Clockwise, without duplicates and without ourselves.
    successors: SmallVec<[Contact; SUCCESSORS_INLINE]>,
}

/// How many successors are held without a box: 2 log2 N for some hundred live nodes, and what
/// simulations of large rings use.
const SUCCESSORS_INLINE: usize = 16;

/// What a member does about a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rectify {
    /// The notifier is the predecessor now.
    Adopted,
    /// It was already.
    Known,
    /// It stands further away than the predecessor, who must be asked whether he lives.
    AskPredecessor(Contact),
}

impl Neighbours {
    /// A member that knows nobody.
    #[must_use]
    pub fn alone(me: Contact, contacts: &Contacts) -> Self {
        Self {
            id: contacts.id(me),
            me,
            predecessor: None,
            behind: 0,
            ahead: 0,
            reach: Id::ZERO,
            successors: SmallVec::new(),
        }
    }

    /// Our place on the ring.
    #[must_use]
    #[inline]
    pub const fn id(&self) -> Id {
        self.id
    }

    /// Ourselves, as others know us.
    #[must_use]
    #[inline]
    pub const fn me(&self) -> Contact {
        self.me
    }

    /// Who stands before us, as far as we know.
    #[must_use]
    #[inline]
    pub const fn predecessor(&self) -> Option<Contact> {
        self.predecessor
    }

    /// Who stands after us, nearest first.
    #[must_use]
    #[inline]
    pub fn successors(&self) -> &[Contact] {
        &self.successors
    }

    /// The first successor.
    #[must_use]
    #[inline]
    pub fn head(&self) -> Option<Contact> {
        self.successors.first().copied()
    }

    /// The upper bits of the distance to the first successor; zero if there is none.
    #[must_use]
    #[inline]
    pub const fn ahead(&self) -> u64 {
        self.ahead
    }

    /// The distance to the last of the list; zero if it is empty.
    #[must_use]
    #[inline]
    pub const fn reach(&self) -> Id {
        self.reach
    }

    /// If the list reaches to a distance, where in it the owner should be found, were all at the
    /// same distance from each other.
    #[must_use]
    #[inline]
    pub fn guess(&self, distance: Id) -> Option<usize> {
        if self.reach.is_less(distance) {
            return None;
        }
        let last = self.successors.len() - 1;
        let gap = (self.reach.prefix() / self.successors.len() as u64).max(1);
        Some(last.min((distance.prefix() / gap) as usize))
    }

    /// Takes over the list of `head`, who has just answered: `[head] ++ list`, cut to `len`. What
    /// is out of order, comes twice or is ourselves ends it (spec section 17). Tells whether
    /// anything changed.
    pub fn adopt(
        &mut self,
        head: Contact,
        list: &[Contact],
        len: usize,
        contacts: &Contacts,
    ) -> bool {
        let rest = &list[..list.len().min(len.saturating_sub(1))];
        if let Some((&first, others)) = self.successors.split_first()
            && first == head
            && others == rest
        {
            return false;
        }
        let before = core::mem::take(&mut self.successors);
        (self.ahead, self.reach) = (0, Id::ZERO);
        for &contact in core::iter::once(&head).chain(rest) {
            let distance = self.id.distance_to(contacts.id(contact));
            // Who shares somebody's prefix cannot be told from him by a datagram's header: it is
            // he, or a damaged copy of his reference.
            if distance.prefix() <= self.reach.prefix() {
                break;
            }
            if self.successors.is_empty() {
                self.ahead = distance.prefix();
            }
            self.reach = distance;
            self.successors.push(contact);
        }
        self.successors != before
    }

    /// Strikes a dead node off the list.
    pub fn remove(&mut self, dead: Contact, contacts: &Contacts) {
        self.successors.retain(|contact| *contact != dead);
        let to = |contact: Option<&Contact>| {
            contact.map_or(Id::ZERO, |&contact| {
                self.id.distance_to(contacts.id(contact))
            })
        };
        let (ahead, reach) = (to(self.successors.first()), to(self.successors.last()));
        (self.ahead, self.reach) = (ahead.prefix(), reach);
    }

    /// Whether the head's predecessor should be our head: it stands between us. (With an empty
    /// list, everybody but ourselves does.)
    #[must_use]
    pub fn is_nearer(&self, candidate: Contact, contacts: &Contacts) -> bool {
        let (end, place) = (
            self.head().map_or(self.id, |head| contacts.id(head)),
            contacts.id(candidate),
        );
        place.is_between(self.id, end) && place.prefix() != self.id.prefix()
    }

    /// Somebody says that we are its head: RECTIFY of the proof.
    pub fn notified(&mut self, notifier: Contact, contacts: &Contacts) -> Rectify {
        match self.predecessor {
            Some(predecessor) if predecessor == notifier => Rectify::Known,
            Some(predecessor)
                if !contacts
                    .id(notifier)
                    .is_between(contacts.id(predecessor), self.id) =>
            {
                Rectify::AskPredecessor(predecessor)
            }
            _ if contacts.id(notifier).prefix() == self.id.prefix() => Rectify::Known,
            _ => {
                self.set_predecessor(Some(notifier), contacts);
                Rectify::Adopted
            }
        }
    }

    /// Takes a predecessor without asking: the old one is dead, or left and named this one.
    pub fn set_predecessor(&mut self, predecessor: Option<Contact>, contacts: &Contacts) {
        self.predecessor = predecessor;
        self.behind = predecessor.map_or(0, |predecessor| {
            contacts.id(predecessor).distance_to(self.id).prefix()
        });
    }

    /// The original rule, kept to show that it fails: puts `candidate` before the list without
    /// asking whether it lives.
    pub fn adopt_unasked(&mut self, candidate: Contact, len: usize, contacts: &Contacts) {
        let list = core::mem::take(&mut self.successors);
        self.adopt(candidate, &list, len, contacts);
    }

    /// Whether we own a key: it lies in (predecessor, us].
    #[must_use]
    #[inline]
    pub fn owns(&self, key: Id, contacts: &Contacts) -> bool {
        key.distance_to(self.id).prefix() <= self.behind
            && self.predecessor.is_some_and(|predecessor| {
                key.is_between_or_last(contacts.id(predecessor), self.id)
            })
    }
}
