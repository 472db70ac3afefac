//! A visitor's lookup, step by step.

use alloc::boxed::Box;
use alloc::vec::Vec;

use keyspace::{Id, Limits, Lookup, Step};
use machine::{Endpoint, Instant, Io};

use super::questions::Reply;
use super::{Event, Failure, Found, Hop, Next, Row, Visitor, is_outside};
use crate::contacts::{Contact, Contacts};
use crate::wire::{Body, EXCLUDED_MAX, Exclusion, Neighbourhood, Want, Wanted};

/// A lookup under way.
#[derive(Debug)]
pub(super) struct Search {
    key: Id,
    door: Endpoint,
    guide: Contact,
    began: Instant,
    lookup: Lookup<Contact>,
    /// Who named whom: at most three for each of the questions that a lookup may ask.
    named: Vec<(Contact, Contact)>,
    stage: Stage,
    /// What was found: the owner, and those who follow it.
    owners: Vec<Contact>,
}

#[derive(Debug)]
enum Stage {
    /// Asks this node who is nearer.
    Hop(Contact),
    /// Asks the node that knows the owner where in its list the owner stands.
    Position(Owners),
    /// Asks the owner, the first of these, who stands around it: so it shows that it lives, and
    /// that the key is not that of a newcomer before it.
    Owner(Owners),
}

/// Who owns the key, as somebody says.
#[derive(Debug)]
struct Owners {
    /// Who says it.
    by: Contact,
    /// The owner, and those who follow it.
    list: Vec<Contact>,
    /// How we came to the first of them.
    row: Row,
    /// How many times an owner has named one that stands before it.
    corrections: u8,
}

/// How many nodes may have joined between the owner that was named and the key, unheard of by who
/// named it; a liar could go on for ever.
const CORRECTIONS_MAX: u8 = 32;

impl Search {
    /// Begins with the node behind the door.
    pub(super) fn begin(
        key: Id,
        door: Endpoint,
        guide: Contact,
        io: &mut Io<'_, Visitor>,
    ) -> (Self, Next) {
        let mut search = Self {
            key,
            door,
            guide,
            began: io.now(),
            lookup: Lookup::new(Limits::SEQUENTIAL),
            named: Vec::new(),
            stage: Stage::Hop(guide),
            owners: Vec::new(),
        };
        let distance = io.shared().contacts.id(guide).distance_to(key);
        search.lookup.offer(guide, distance);
        let next = search.advance(io);
        (search, next)
    }

    pub(super) fn proceed(&mut self, reply: Reply, io: &mut Io<'_, Visitor>) -> Next {
        let timeout = io.shared().config.lookup_timeout;
        if io.now().since(self.began) >= timeout {
            return Next::failed(Failure::TooLate(timeout));
        }
        // Each stage names the one that follows.
        match core::mem::replace(&mut self.stage, Stage::Hop(self.guide)) {
            Stage::Hop(node) => self.hop_answered(node, reply, io),
            Stage::Position(owners) => self.position_told(owners, &reply),
            Stage::Owner(owners) => self.owner_answered(owners, reply, io),
        }
    }

    /// The owner, and those who follow it, once it is found.
    pub(super) fn owners(&self) -> &[Contact] {
        &self.owners
    }

    /// Asks whoever is next.
    fn advance(&mut self, io: &Io<'_, Visitor>) -> Next {
        match self.lookup.step() {
            Step::Ask(node) => {
                self.stage = Stage::Hop(node);
                Next::ask(node, self.question(&io.shared().contacts))
            }
            Step::Wait | Step::Exhausted | Step::TooLong => Next::failed(Failure::NoWay(
                self.lookup.answers() + self.lookup.timeouts(),
            )),
        }
    }

    fn question(&self, contacts: &Contacts) -> Body {
        let wanted = Wanted {
            key: self.key,
            want: Want::List,
        };
        let excluded = self.lookup.excluded();
        if excluded.is_empty() {
            return Body::FindNext(wanted);
        }
        let last = excluded.iter().rev().take(EXCLUDED_MAX);
        Body::FindNextWithout(Box::new(Exclusion {
            wanted,
            excluded: last.map(|&contact| contacts.id(contact)).collect(),
        }))
    }

    fn hop_answered(&mut self, node: Contact, reply: Reply, io: &mut Io<'_, Visitor>) -> Next {
        let contacts = &io.shared().contacts;
        let mut hop = Hop {
            node: *contacts.reference(node),
            row: self.row(node, contacts),
            left: contacts.id(node).distance_to(self.key),
            took: None,
        };
        let Some((body, took)) = reply.answer else {
            io.emit(Event::Hop(hop));
            self.lookup.timed_out(node);
            return self.advance(io);
        };
        if node == self.guide && is_outside(&body) {
            return Next::failed(Failure::NotMember(self.door));
        }
        hop.took = Some(took);
        io.emit(Event::Hop(hop));
        match self.hear(node, body, io) {
            Some(owners) => self.ask_position(owners),
            None => self.advance(io),
        }
    }

    /// Takes in what a node says of the key; the owners, if it knows them.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "whatever else is said leads no further"
    )]
    fn hear(&mut self, node: Contact, body: Body, io: &Io<'_, Visitor>) -> Option<Owners> {
        let contacts = &io.shared().contacts;
        match body {
            Body::OwnerList(around) => {
                if let Some(owners) = self.owners_told(node, &around, contacts) {
                    self.lookup.answered(node);
                    return Some(owners);
                }
                self.lookup.useless(node);
            }
            Body::Next(few) => {
                // Who does not name somebody nearer than itself leads no further.
                let from = contacts.id(node).distance_to(self.key);
                let mut is_useful = false;
                for &nearer in few.iter().flatten() {
                    let distance = contacts.id(nearer).distance_to(self.key);
                    if distance.is_less(from) && self.lookup.offer(nearer, distance) {
                        self.named.push((nearer, node));
                        is_useful = true;
                    }
                }
                if is_useful {
                    self.lookup.answered(node);
                } else {
                    self.lookup.useless(node);
                }
            }
            _ => self.lookup.useless(node),
        }
        None
    }

    /// The owners that a node names, unless they make no sense: the key must lie between the node
    /// and the first of them, unless the node owns it itself.
    fn owners_told(
        &self,
        by: Contact,
        around: &Neighbourhood,
        contacts: &Contacts,
    ) -> Option<Owners> {
        let list = around.successors.to_vec();
        let first = *list.first()?;
        let makes_sense = first == by
            || self
                .key
                .is_between_or_last(contacts.id(by), contacts.id(first));
        makes_sense.then_some(Owners {
            by,
            list,
            row: if first == by {
                Row::Itself
            } else {
                Row::Successor(0)
            },
            corrections: 0,
        })
    }

    fn ask_position(&mut self, owners: Owners) -> Next {
        if owners.list.first() == Some(&owners.by) {
            return self.ask_owner(owners);
        }
        let by = owners.by;
        self.stage = Stage::Position(owners);
        Next::ask(by, Body::AskNeighbours)
    }

    fn position_told(&mut self, mut owners: Owners, reply: &Reply) -> Next {
        if let Some((Body::Neighbours(around), _)) = &reply.answer {
            let owner = owners.list.first();
            let position = around.successors.iter().position(|it| Some(it) == owner);
            let position = position.and_then(|position| u8::try_from(position + 1).ok());
            owners.row = Row::Successor(position.unwrap_or(0));
        }
        self.ask_owner(owners)
    }

    fn ask_owner(&mut self, owners: Owners) -> Next {
        let Some(&owner) = owners.list.first() else {
            return Next::failed(Failure::NoWay(self.lookup.answers()));
        };
        self.stage = Stage::Owner(owners);
        Next::ask(owner, Body::AskNeighbours)
    }

    /// The owner tells who stands around it, unless it is dead.
    fn owner_answered(
        &mut self,
        mut owners: Owners,
        reply: Reply,
        io: &mut Io<'_, Visitor>,
    ) -> Next {
        let contacts = &io.shared().contacts;
        let Some(&owner) = owners.list.first() else {
            return self.advance(io);
        };
        let (around, took) = match reply.answer {
            Some((Body::Neighbours(around), took)) => (Some(around), Some(took)),
            Some(_) | None => (None, None),
        };
        let hop = Hop {
            node: *contacts.reference(owner),
            row: owners.row,
            left: Id::ZERO,
            took,
        };
        io.emit(Event::Hop(hop));
        let Some(around) = around else {
            return self.owner_silent(owner, owners, io);
        };
        let contacts = &io.shared().contacts;
        if let Some(nearer) = self.nearer_owner(owner, &around, contacts)
            && owners.corrections < CORRECTIONS_MAX
        {
            owners.list.insert(0, nearer);
            owners.row = Row::Predecessor;
            owners.corrections += 1;
            return self.ask_owner(owners);
        }
        self.owners = core::iter::once(owner).chain(around.successors).collect();
        Next::Done(Event::Found(self.found(io.now(), contacts)))
    }

    /// The next in the list owns what a dead one owned; after the last, who has named them is asked
    /// again without them.
    fn owner_silent(&mut self, dead: Contact, mut owners: Owners, io: &Io<'_, Visitor>) -> Next {
        self.lookup.useless(dead);
        owners.list.remove(0);
        let was_itself = owners.row == Row::Itself;
        owners.row = match owners.row {
            Row::Successor(position) if position > 0 => Row::Successor(position.saturating_add(1)),
            Row::Successor(_) | Row::Predecessor | Row::Itself | Row::Finger(_) | Row::Door => {
                Row::Successor(0)
            }
        };
        if was_itself || owners.list.is_empty() {
            return self.advance(io);
        }
        self.ask_owner(owners)
    }

    /// The owner's predecessor, if the key belongs to that one: it is so new that who named the
    /// owner has not heard of it.
    fn nearer_owner(
        &self,
        owner: Contact,
        around: &Neighbourhood,
        contacts: &Contacts,
    ) -> Option<Contact> {
        let before = around.predecessor?;
        let owns = contacts
            .id(before)
            .is_between_or_first(self.key, contacts.id(owner));
        (before != owner && owns && !self.lookup.excluded().contains(&before)).then_some(before)
    }

    fn found(&self, now: Instant, contacts: &Contacts) -> Found {
        let reference = |&contact: &Contact| *contacts.reference(contact);
        Found {
            key: self.key,
            owners: self.owners.iter().map(reference).collect(),
            hops: self.lookup.answers(),
            timeouts: self.lookup.timeouts(),
            took: now.since(self.began),
        }
    }

    /// By which row of its tables somebody named this node.
    fn row(&self, node: Contact, contacts: &Contacts) -> Row {
        let naming = self.named.iter().find(|(named, _)| *named == node);
        let Some(&(_, by)) = naming else {
            return Row::Door;
        };
        let distance = contacts.id(by).distance_to(contacts.id(node));
        distance.log2().map_or(Row::Itself, Row::Finger)
    }
}
