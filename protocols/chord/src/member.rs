//! A member of the ring: its place, its tables, and what it is doing.
//!
//! The fields stand in the order in which they are touched: in a large simulation nothing costs as
//! much as fetching them. What few members have at a time stands aside, behind one pointer.

use alloc::boxed::Box;
use core::time::Duration;

use keyspace::Id;
use machine::{Endpoint, Instant, Io, prefetch};

use crate::api::{Command, Event, NotFound, Shared, Suspicion};
use crate::contacts::{Contact, Contacts};
use crate::finger_table::{FingerTable, Row};
use crate::join::Join;
use crate::leave::Farewell;
use crate::merge::Merge;
use crate::neighbours::Neighbours;
use crate::node::Node;
use crate::proximity::Race;
use crate::relay::Relays;
use crate::rpc::{RoundTrips, Rpc};
use crate::rpc::{answer, refuse};
use crate::search::Purpose;
use crate::searches::Searches;
use crate::small_ring::SmallRing;
use crate::stabilise::Upkeep;
use crate::storage::records::Records;
use crate::storage::{Channel, Storage};
use crate::suspects::Suspects;
use crate::wire::{Body, Error, LIST_FITTING, Message};

/// A moment that never comes.
pub(crate) const NEVER: Instant = Instant::from_nanos(u64::MAX);

/// One place on the ring.
#[derive(Debug)]
pub struct Member {
    /// The earliest of the moments below, and of those in the boxes.
    wake: Instant,
    pub(crate) near: Neighbours,
    pub(crate) standing: Standing,
    /// Its number among the virtual nodes of its host.
    pub(crate) number: u8,
    pub(crate) trips: RoundTrips,
    /// When to make sure of the successors.
    pub(crate) stabilise_at: Instant,
    /// When to look up a finger.
    pub(crate) fix_at: Instant,
    /// Lookups under way.
    pub(crate) searches: Option<Box<Searches>>,
    /// What is being done about the neighbours.
    pub(crate) upkeep: Upkeep,
    /// Who notified us while that was being done.
    pub(crate) waiting: [Option<Contact>; 2],
    pub(crate) fingers: FingerTable,
    pub(crate) aside: Option<Box<Aside>>,
}

/// How a member stands to the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is in no ring.
    Outside,
    /// It looks for its place.
    Joining,
    /// It is in a ring of so few that all know all.
    Small,
    /// It is a member as the papers have it.
    Member,
    /// It has taken leave, and still answers for a while.
    Leaving,
}

/// What few members have at a time.
#[derive(Debug, Default)]
pub(crate) struct Aside {
    pub(crate) suspects: Suspects,
    pub(crate) join: Option<Join>,
    pub(crate) small: Option<SmallRing>,
    pub(crate) storage: Option<Box<Storage>>,
    pub(crate) merge: Merge,
    pub(crate) farewell: Option<Farewell>,
    pub(crate) relays: Relays,
    pub(crate) race: Option<Race>,
}

impl Member {
    pub(crate) fn new(number: u8, place: Contact, contacts: &Contacts) -> Self {
        Self {
            wake: NEVER,
            near: Neighbours::alone(place, contacts),
            standing: Standing::Outside,
            number,
            trips: RoundTrips::default(),
            stabilise_at: NEVER,
            fix_at: NEVER,
            searches: None,
            upkeep: Upkeep::Idle,
            waiting: [None; 2],
            fingers: FingerTable::new(),
            aside: None,
        }
    }

    /// A member that has its place already.
    pub(crate) fn settled(near: Neighbours, fingers: FingerTable, first: [Instant; 2]) -> Self {
        let [stabilise_at, fix_at] = first;
        Self {
            wake: stabilise_at.min(fix_at),
            near,
            standing: Standing::Member,
            number: 0,
            trips: RoundTrips::default(),
            stabilise_at,
            fix_at,
            searches: None,
            upkeep: Upkeep::Idle,
            waiting: [None; 2],
            fingers,
            aside: None,
        }
    }

    /// Its neighbours, to look at.
    #[must_use]
    pub const fn neighbours(&self) -> &Neighbours {
        &self.near
    }

    /// Its fingers, to look at.
    #[must_use]
    pub const fn fingers(&self) -> &FingerTable {
        &self.fingers
    }

    /// How it stands to the ring.
    #[must_use]
    pub const fn standing(&self) -> Standing {
        self.standing
    }

    /// What it keeps for others, to look at.
    #[must_use]
    pub fn records(&self) -> Option<&Records> {
        self.storage_ref().map(|storage| &storage.records)
    }

    pub(crate) fn wake(&self) -> Option<Instant> {
        (self.wake != NEVER).then_some(self.wake)
    }

    pub(crate) fn command(&mut self, command: &Command, io: &mut Io<'_, Node>) {
        match command {
            Command::Create => self.found_ring(io),
            Command::Leave => self.leave(io),
            &Command::Join(endpoint) => self.begin_join(endpoint, io),
            &Command::Lookup { lookup, key } => match self.standing {
                Standing::Small | Standing::Member => {
                    self.search(key, Purpose::User(lookup), io);
                }
                Standing::Outside | Standing::Joining | Standing::Leaving => {
                    let why = NotFound::NotMember;
                    io.emit(Event::NotFound { lookup, why });
                }
            },
            Command::Put {
                request,
                key,
                value,
            } => self.put(*request, *key, Some(value.clone()), io),
            &Command::Delete { request, key } => self.put(request, key, None, io),
            &Command::Get { request, key } => self.get(request, key, io),
        }
        self.rearm();
    }

    pub(crate) fn wake_up(&mut self, io: &mut Io<'_, Node>) {
        let now = io.now();
        if self.wake > now {
            return;
        }
        if self.upkeep.deadline() <= now {
            self.upkeep_timed_out(io);
        }
        if self
            .searches
            .as_ref()
            .is_some_and(|searches| searches.wake <= now)
        {
            self.searches_timed_out(io);
        }
        if self.stabilise_at <= now {
            self.stabilise(io);
        }
        if self.fix_at <= now {
            self.fix_finger(io);
        }
        if self.aside.is_some() {
            self.join_timed_out(io);
            self.small_ring_timed_out(io);
            self.storage_timed_out(io);
            self.relays_timed_out(io);
            self.race_timed_out(io);
            self.merge_if_due(io);
            self.farewell_if_due(io);
        }
        self.rearm();
    }

    /// Takes a datagram in; tells whether it was of any use.
    pub(crate) fn message(
        &mut self,
        from: Endpoint,
        message: Message,
        io: &mut Io<'_, Node>,
    ) -> bool {
        let used = if message.body.is_answer() {
            self.answered(message, io)
        } else {
            self.asked(from, &message, io);
            true
        };
        self.rearm();
        used
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "questions and answers are one enum, and only questions come here"
    )]
    fn asked(&mut self, from: Endpoint, question: &Message, io: &mut Io<'_, Node>) {
        let is_member = !matches!(self.standing, Standing::Outside | Standing::Joining);
        match &question.body {
            Body::Ping => answer(from, question, Body::Pong(self.near.me()), io),
            Body::SmallRing(page) => self.small_ring_asked(from, question, page, io),
            _ if !is_member => refuse(from, question, Error::NotMember, io),
            Body::FindNext(wanted) => {
                let found = self.find_next(*wanted, &[], io);
                answer(from, question, found, io);
            }
            Body::FindNextWithout(exclusion) => {
                let found = self.find_next(exclusion.wanted, &exclusion.excluded, io);
                answer(from, question, found, io);
            }
            Body::AskNeighbours => {
                let around = Body::Neighbours(Box::new(self.neighbourhood()));
                answer(from, question, around, io);
            }
            Body::AskList => {
                let list = self.list_for_others();
                answer(from, question, list, io);
            }
            Body::AskFingers => {
                let fingers = self.fingers.entries().iter().flatten().copied();
                let fingers = fingers.take(LIST_FITTING).collect();
                answer(from, question, Body::Fingers(fingers), io);
            }
            Body::Route(route) => self.route_came(from, question, route, io),
            Body::Leave(leave) => self.left(from, question, leave, io),
            Body::Notify(notifier) => {
                if io.shared().contacts.endpoint(*notifier) == from {
                    self.notified(*notifier, io);
                    answer(from, question, Body::Notified, io);
                }
            }
            _ => self.storage_asked(Channel::Datagram(from), question, io),
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "questions and answers are one enum, and only answers come here"
    )]
    fn answered(&mut self, message: Message, io: &mut Io<'_, Node>) -> bool {
        let transaction = message.transaction;
        match message.body {
            Body::Owner(_) | Body::OwnerList(_) | Body::Next(_) => {
                self.search_answered(transaction, message.body, io)
            }
            Body::Routed => self.routed(transaction, io),
            Body::RouteResult(result) => self.route_answered(transaction, *result, io),
            Body::Neighbours(around) => self.head_answered(transaction, &around, io),
            Body::Successors(list) => {
                self.candidate_answered(transaction, &list, io)
                    || self.join_list_came(transaction, &list, io)
                    || self.probe_answered(transaction, None, io)
            }
            Body::Pong(contact) => {
                self.predecessor_answered(transaction, io)
                    || self.race_answered(transaction, io)
                    || self.join_greeted(transaction, contact, io)
            }
            Body::Fingers(fingers) => self.join_hinted(transaction, &fingers, io),
            Body::SmallRingAnswer(page) => self.small_ring_answered(transaction, &page, io),
            Body::Refused(_) => {
                let refusal = message.body.clone();
                self.search_answered(transaction, message.body, io)
                    || self.upkeep_refused(transaction, io)
                    || self.storage_answered(transaction, refusal, io)
            }
            // Nothing waits for it: a lost notification is repeated with the next round.
            Body::Notified | Body::Left => true,
            body => self.storage_answered(transaction, body, io),
        }
    }

    /// Marks somebody who did not answer once: lookups go around him for one period.
    pub(crate) fn suspect(&mut self, contact: Contact, io: &Io<'_, Node>) {
        let config = &io.shared().config;
        if config.suspicion == Suspicion::Quarantine {
            let until = io.now() + config.stabilise.max;
            self.aside().suspects.add(contact, io.now(), until);
        }
    }

    /// Strikes somebody who did not answer repeatedly from all tables, for a minute and longer
    /// each time.
    pub(crate) fn bury(&mut self, dead: Contact, io: &mut Io<'_, Node>) {
        let contacts = &io.shared().contacts;
        self.near.remove(dead, contacts);
        self.fingers.remove(dead);
        if io.shared().config.suspicion == Suspicion::Quarantine {
            self.aside().suspects.quarantine(dead, io.now());
            self.expect_other_rings(io);
        }
    }

    /// Somebody answered: notes how long it took, and that he lives.
    #[inline]
    pub(crate) fn lives(&mut self, rpc: &Rpc, io: &Io<'_, Node>) {
        self.trips.learn(rpc.took(io.now()));
        if let Some(aside) = &mut self.aside {
            aside.suspects.absolve(rpc.to);
        }
    }

    pub(crate) fn is_suspect(&self, contact: Contact, now: Instant) -> bool {
        self.aside
            .as_ref()
            .is_some_and(|aside| aside.suspects.contains(contact, now))
    }

    pub(crate) fn aside(&mut self) -> &mut Aside {
        self.aside.get_or_insert_default()
    }

    /// Sees to it that the next round comes soon, for something has changed.
    pub(crate) fn stabilise_soon(&mut self, io: &Io<'_, Node>) {
        let soon: Duration = io.shared().config.stabilise_soon;
        self.stabilise_at = self.stabilise_at.min(io.now() + soon);
    }

    #[inline]
    pub(crate) fn rearm(&mut self) {
        let mut wake = self
            .stabilise_at
            .min(self.fix_at)
            .min(self.upkeep.deadline());
        if let Some(searches) = &self.searches {
            wake = wake.min(searches.wake);
        }
        if let Some(aside) = &self.aside {
            wake = wake.min(aside.wake());
        }
        self.wake = wake;
    }

    /// All contacts that it holds: they must not be swept out of the table.
    pub(crate) fn contacts(&self) -> impl Iterator<Item = Contact> {
        let near = core::iter::once(self.near.me())
            .chain(self.near.predecessor())
            .chain(self.near.successors().iter().copied());
        let waiting = self.waiting.iter().copied().flatten();
        let fingers = self.fingers.entries().iter().copied().flatten();
        let searches = self
            .searches
            .iter()
            .flat_map(|searches| searches.contacts());
        let aside = self.aside.iter().flat_map(|aside| aside.contacts());
        near.chain(waiting)
            .chain(fingers)
            .chain(self.upkeep.contacts())
            .chain(searches)
            .chain(aside)
    }

    /// Asks for the memory that a message will need.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "a hint need not be given for all that comes"
    )]
    #[inline]
    pub(crate) fn expect_message(&self, body: &Body, shared: &Shared) {
        let contacts = &shared.contacts;
        match body {
            Body::FindNext(wanted) => {
                let distance = self.near.id().distance_to(wanted.key);
                self.expect_hop(distance, contacts);
            }
            Body::Owner(few) | Body::Next(few) => {
                few.iter()
                    .flatten()
                    .for_each(|&contact| prefetch(contacts.reference(contact)));
                if let Some(searches) = &self.searches {
                    prefetch(&**searches);
                }
            }
            Body::Notify(contact) => prefetch(contacts.reference(*contact)),
            Body::Neighbours(around) => {
                prefetch(&**around);
                if let Some(head) = self.near.head() {
                    prefetch(contacts.reference(head));
                }
            }
            _ => {}
        }
    }

    /// Asks for the memory that a wake will need.
    #[inline]
    pub(crate) fn expect_wake(&self, shared: &Shared) {
        let contacts = &shared.contacts;
        if let Some(head) = self.near.head() {
            prefetch(contacts.reference(head));
        }
        if self.fix_at <= self.stabilise_at {
            let step = self.fingers.coming_row().step(shared.config.space);
            self.expect_hop(step, contacts);
        }
    }

    /// Asks for the ids that will be read to find the next hop.
    #[inline]
    fn expect_hop(&self, distance: Id, contacts: &Contacts) {
        if let Some(guess) = self.near.guess(distance) {
            let successors = self.near.successors();
            let around = guess.saturating_sub(1)..successors.len().min(guess + 2);
            let around = successors.get(around).unwrap_or_default();
            around
                .iter()
                .for_each(|&contact| prefetch(contacts.reference(contact)));
            return;
        }
        let row = Row::of_distance(distance).map_or(0, |row| usize::from(row.0));
        let row = row + usize::from(distance.is_power_of_two());
        if let Some(Some(finger)) = self.fingers.entries().get(row) {
            prefetch(contacts.reference(*finger));
        }
    }
}

impl Aside {
    fn contacts(&self) -> impl Iterator<Item = Contact> {
        let join = self.join.iter().flat_map(Join::contacts);
        let small = self.small.iter().flat_map(SmallRing::contacts);
        let storage = self.storage.iter().flat_map(|storage| storage.contacts());
        self.suspects
            .contacts()
            .chain(join)
            .chain(small)
            .chain(storage)
            .chain(self.merge.contacts())
            .chain(self.relays.contacts())
            .chain(self.race.iter().flat_map(Race::contacts))
    }

    fn wake(&self) -> Instant {
        let join = self.join.as_ref().map_or(NEVER, Join::deadline);
        let small = self.small.as_ref().map_or(NEVER, SmallRing::deadline);
        let storage = self
            .storage
            .as_ref()
            .map_or(NEVER, |storage| storage.deadline());
        let farewell = self.farewell.map_or(NEVER, |farewell| farewell.at);
        join.min(small)
            .min(storage)
            .min(farewell)
            .min(self.merge.deadline())
            .min(self.relays.deadline())
            .min(self.race.as_ref().map_or(NEVER, Race::deadline))
    }
}
