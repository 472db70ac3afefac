//! Lookups that a member has under way, one hop after the other (spec section 3).
//!
//! The lookup itself, whom to ask next and what to do when nobody answers, is
//! [`keyspace::Lookup`]; here it gets its questions, answers and deadlines.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use keyspace::Id;
use machine::{Instant, Io};
use smallvec::SmallVec;

use crate::api::{Event, Fingers, Found, LookupId, NotFound, Routing, Shared};
use crate::contacts::{Contact, Few};
use crate::finger_table::Row;
use crate::member::{Member, NEVER};
use crate::node::Node;
use crate::relay::END_TO_END;
use crate::routing::{Hop, hop};
use crate::rpc::Rpc;
use crate::search::{Purpose, Search};
use crate::wire::{Body, Neighbourhood, RouteResult, Transaction, Want, Wanted};

/// How many times a lookup that found no way begins again (spec section 3).
const RETRIES_MAX: u8 = 3;

/// The lookups under way.
#[derive(Debug)]
pub(crate) struct Searches {
    /// The earliest of their deadlines.
    pub(crate) wake: Instant,
    list: SmallVec<[Search; 1]>,
}

/// How a lookup ended.
pub(crate) enum Outcome {
    Owner(Few),
    OwnerList(Box<Neighbourhood>),
    Failed(NotFound),
}

/// What a lookup was like.
struct Report {
    key: Id,
    hops: u16,
    timeouts: u16,
    took: Duration,
}

impl Searches {
    /// Whom they hold by name.
    pub(crate) fn contacts(&self) -> impl Iterator<Item = Contact> {
        self.list.iter().flat_map(|search| {
            let asked = search.rpcs.iter().map(|rpc| rpc.to);
            asked.chain(search.lookup.nodes())
        })
    }
}

impl Member {
    /// Begins to look a key up.
    pub(crate) fn search(&mut self, key: Id, purpose: Purpose, io: &mut Io<'_, Node>) {
        let under_way = self
            .searches
            .as_ref()
            .map_or(0, |searches| searches.list.len());
        if under_way >= io.shared().config.lookups_max {
            let report = Report::local(key);
            return self.finish(purpose, &report, Outcome::Failed(NotFound::TooMany), io);
        }
        let hop = self.own_hop(key, &[], io);
        if let Some(outcome) = self.own_outcome(&hop, key, purpose, io) {
            return self.finish(purpose, &Report::local(key), outcome, io);
        }
        let want = self.want(purpose, io);
        let mut search = Search::new(key, purpose, want, io.now());
        if let Hop::Next(few) = hop {
            search.offer(&self.limited(few, io), &io.shared().contacts);
            if io.shared().config.routing == Routing::Recursive
                && let Some(first) = few[0]
            {
                let transaction = self.send_route(Wanted { key, want }, first, io);
                search.routed = Some((transaction, io.now() + END_TO_END));
            }
        }
        self.start(search, io);
    }

    /// Begins to look a key up through somebody of the ring.
    pub(crate) fn search_via(
        &mut self,
        via: Contact,
        key: Id,
        purpose: Purpose,
        io: &mut Io<'_, Node>,
    ) {
        let want = self.want(purpose, io);
        let mut search = Search::new(key, purpose, want, io.now());
        search.offer(&[Some(via), None, None], &io.shared().contacts);
        self.start(search, io);
    }

    fn start(&mut self, search: Search, io: &mut Io<'_, Node>) {
        let searches = self.searches.get_or_insert_with(|| {
            Box::new(Searches {
                wake: NEVER,
                list: SmallVec::new(),
            })
        });
        searches.list.push(search);
        let at = searches.list.len() - 1;
        if searches.list[at].routed.is_some() {
            self.rearm_searches(io);
        } else {
            self.proceed(at, io);
        }
    }

    /// Goes on with a lookup; begins again, or gives up, if there is no way.
    fn proceed(&mut self, at: usize, io: &mut Io<'_, Node>) {
        let (number, trips) = (self.number, self.trips);
        let Some(searches) = &mut self.searches else {
            return;
        };
        let search = &mut searches.list[at];
        if let Err(why) = search.advance(number, trips, io) {
            let dead = search.lookup.excluded().len();
            if dead > search.consulted && !search.purpose.is_about_our_place() {
                return self.consult(at, io);
            }
            if search.retries >= RETRIES_MAX || search.purpose.is_about_our_place() {
                return self.conclude(at, Outcome::Failed(why), io);
            }
            search.retries += 1;
            search.again_at = io.now() + io.shared().config.stabilise.max / 2;
        }
        self.rearm_searches(io);
    }

    /// An answer came; tells whether anybody waited for it.
    pub(crate) fn search_answered(
        &mut self,
        transaction: Transaction,
        body: Body,
        io: &mut Io<'_, Node>,
    ) -> bool {
        let Some(searches) = &mut self.searches else {
            return false;
        };
        let asked = |rpc: &Rpc| rpc.transaction == transaction;
        let Some((at, place)) = searches.list.iter().enumerate().find_map(|(at, search)| {
            let place = search.rpcs.iter().position(asked)?;
            Some((at, place))
        }) else {
            return false;
        };
        let search = &mut searches.list[at];
        let rpc = search.rpcs.swap_remove(place);
        self.trips.learn(rpc.took(io.now()));
        if let Some(aside) = &mut self.aside {
            aside.suspects.absolve(rpc.to);
        }
        let me = self.near.me();
        match search.heard(&rpc, me, body, &io.shared().contacts) {
            Some(outcome) => self.conclude(at, outcome, io),
            None => self.proceed(at, io),
        }
        true
    }

    /// The answer to a question that was passed on; tells whether anybody waited for it.
    pub(crate) fn route_answered(
        &mut self,
        transaction: Transaction,
        result: RouteResult,
        io: &mut Io<'_, Node>,
    ) -> bool {
        let Some(searches) = &mut self.searches else {
            return false;
        };
        let awaited = |search: &Search| {
            let routed = search.routed.map(|(transaction, _)| transaction);
            routed == Some(transaction)
        };
        let Some(at) = searches.list.iter().position(awaited) else {
            return false;
        };
        let search = searches.list.swap_remove(at);
        if searches.list.is_empty() {
            self.searches = None;
        }
        self.rearm_searches(io);
        let report = Report {
            key: search.key,
            hops: result.hops.into(),
            timeouts: result.timeouts.into(),
            took: io.now().since(search.began),
        };
        let outcome = Outcome::OwnerList(Box::new(Neighbourhood {
            predecessor: None,
            successors: result.found,
        }));
        self.finish(search.purpose, &report, outcome, io);
        true
    }

    pub(crate) fn searches_timed_out(&mut self, io: &mut Io<'_, Node>) {
        let (now, timeout) = (io.now(), io.shared().config.lookup_timeout);
        // What ends may begin something new, and both change places in the list: so each time the
        // first that is due.
        let is_due = |search: &Search| search.deadline(timeout) <= now;
        while let Some(searches) = &mut self.searches
            && let Some(at) = searches.list.iter().position(is_due)
        {
            let late = searches.list[at].take_late(now);
            for &contact in &late {
                self.suspect(contact, io);
            }
            self.continue_late(at, !late.is_empty(), io);
        }
        self.rearm_searches(io);
    }

    fn continue_late(&mut self, at: usize, was_late: bool, io: &mut Io<'_, Node>) {
        let (now, timeout) = (io.now(), io.shared().config.lookup_timeout);
        let Some(searches) = &mut self.searches else {
            return;
        };
        let search = &mut searches.list[at];
        if search.began + timeout <= now {
            return self.conclude(at, Outcome::Failed(NotFound::NoWay), io);
        }
        if search.routed.is_some_and(|(_, until)| until <= now) {
            search.routed = None;
            return self.proceed(at, io);
        }
        if search.again_at <= now {
            return self.consult(at, io);
        }
        if was_late {
            self.proceed(at, io);
        }
    }

    /// All who were named are dead, or led nowhere: our own tables may name others.
    fn consult(&mut self, at: usize, io: &mut Io<'_, Node>) {
        let Some(searches) = &mut self.searches else {
            return;
        };
        let search = &mut searches.list[at];
        let (key, purpose) = (search.key, search.purpose);
        let excluded = search.lookup.excluded().to_vec();
        search.again_at = NEVER;
        search.consulted = excluded.len();
        let hop = self.own_hop(key, &excluded, io);
        if let Some(outcome) = self.own_outcome(&hop, key, purpose, io) {
            return self.conclude(at, outcome, io);
        }
        if let (Hop::Next(few), Some(searches)) = (hop, &mut self.searches) {
            searches.list[at].offer(&few, &io.shared().contacts);
        }
        self.proceed(at, io);
    }

    /// Takes a lookup off the list and does what it was for.
    fn conclude(&mut self, at: usize, outcome: Outcome, io: &mut Io<'_, Node>) {
        let Some(searches) = &mut self.searches else {
            return;
        };
        let search = &searches.list[at];
        let purpose = search.purpose;
        let report = Report {
            key: search.key,
            hops: search.lookup.answers(),
            timeouts: search.lookup.timeouts(),
            took: io.now().since(search.began),
        };
        if searches.list.len() == 1 {
            self.searches = None;
        } else {
            searches.list.swap_remove(at);
            self.rearm_searches(io);
        }
        self.finish(purpose, &report, outcome, io);
    }

    fn finish(
        &mut self,
        purpose: Purpose,
        report: &Report,
        outcome: Outcome,
        io: &mut Io<'_, Node>,
    ) {
        match (purpose, outcome) {
            (Purpose::Finger(row), Outcome::Owner([Some(finger), ..])) => {
                self.finger_found(row, finger, &[], io);
            }
            (Purpose::Finger(row), Outcome::OwnerList(around)) => {
                if let Some(&finger) = around.successors.first() {
                    self.finger_found(row, finger, &around.successors, io);
                }
            }
            (Purpose::Finger(_), _) => {}
            (Purpose::User(lookup), Outcome::Failed(why)) => {
                io.emit(Event::NotFound { lookup, why });
            }
            (Purpose::User(lookup), Outcome::Owner(few)) => {
                io.emit(report.found(lookup, few.into_iter().flatten().collect()));
            }
            (Purpose::User(lookup), Outcome::OwnerList(around)) => {
                io.emit(report.found(lookup, around.successors.to_vec()));
            }
            (Purpose::Merge, outcome) => self.other_ring_found(outcome, io),
            (Purpose::Join, outcome) => self.place_found(outcome, io),
            (Purpose::Deal(dealing), outcome) => self.replicas_found(dealing, outcome, io),
        }
    }

    /// A finger was looked up: its owner, and those who follow it if they were asked for.
    fn finger_found(
        &mut self,
        row: Row,
        finger: Contact,
        followers: &[Contact],
        io: &mut Io<'_, Node>,
    ) {
        let Shared { contacts, config } = io.shared();
        let distance = self.near.id().distance_to(contacts.id(finger));
        if finger == self.near.me() || distance.is_less(row.step(config.space)) {
            return;
        }
        match config.fingers {
            Fingers::Nearby { .. } if !followers.is_empty() => self.race(row, followers, io),
            Fingers::None | Fingers::Exact | Fingers::Nearby { .. } => {
                self.fingers.set(row, finger);
            }
        }
    }

    /// How much is to be asked of a key's owner.
    fn want(&self, purpose: Purpose, io: &Io<'_, Node>) -> Want {
        match (purpose, io.shared().config.fingers) {
            (Purpose::Finger(_), Fingers::Nearby { .. }) => Want::List,
            _ => purpose.want(),
        }
    }

    /// What our own tables tell of a key.
    fn own_hop(&self, key: Id, excluded: &[Contact], io: &Io<'_, Node>) -> Hop {
        let Shared { contacts, .. } = io.shared();
        let now = io.now();
        let is_out = |contact| excluded.contains(&contact) || self.is_suspect(contact, now);
        let is_out: Option<&dyn Fn(Contact) -> bool> =
            (!excluded.is_empty() || self.has_suspects()).then_some(&is_out);
        hop(&self.near, &self.fingers, key, contacts, is_out)
    }

    /// The outcome of a lookup that our own tables can answer.
    fn own_outcome(
        &self,
        hop: &Hop,
        key: Id,
        purpose: Purpose,
        io: &Io<'_, Node>,
    ) -> Option<Outcome> {
        let few = self.owners(hop)?;
        let want = self.want(purpose, io);
        if want == Want::List
            && let Body::OwnerList(around) = self.find_next(Wanted { key, want }, &[], io)
        {
            return Some(Outcome::OwnerList(around));
        }
        Some(Outcome::Owner(few))
    }

    pub(crate) fn has_suspects(&self) -> bool {
        self.aside
            .as_ref()
            .is_some_and(|aside| !aside.suspects.is_empty())
    }

    /// The owner and up to two behind it, if our own tables tell it.
    pub(crate) fn owners(&self, hop: &Hop) -> Option<Few> {
        let successors = self.near.successors();
        let mut few = [None; 3];
        let places = few.iter_mut();
        match *hop {
            Hop::Ours => {
                let all = core::iter::once(self.near.me()).chain(successors.iter().copied());
                places
                    .zip(all)
                    .for_each(|(place, contact)| *place = Some(contact));
            }
            Hop::Owner(at) => {
                let all = successors.iter().skip(at);
                places
                    .zip(all)
                    .for_each(|(place, &contact)| *place = Some(contact));
            }
            Hop::Next(_) | Hop::Nowhere => return None,
        }
        Some(few)
    }

    /// As many candidates as the configuration lets us name.
    pub(crate) fn limited(&self, few: Few, io: &Io<'_, Node>) -> Few {
        match io.shared().config.candidates {
            0 | 1 => [few[0], None, None],
            2 => [few[0], few[1], None],
            _ => few,
        }
    }

    fn rearm_searches(&mut self, io: &Io<'_, Node>) {
        let timeout = io.shared().config.lookup_timeout;
        if let Some(searches) = &mut self.searches {
            let deadlines = searches.list.iter().map(|search| search.deadline(timeout));
            searches.wake = deadlines.min().unwrap_or(NEVER);
        }
    }
}

impl Report {
    /// A lookup that our own tables answered.
    const fn local(key: Id) -> Self {
        Self {
            key,
            hops: 0,
            timeouts: 0,
            took: Duration::ZERO,
        }
    }

    fn found(&self, lookup: LookupId, owners: Vec<Contact>) -> Event {
        Event::Found(Box::new(Found {
            lookup,
            key: self.key,
            owners,
            hops: self.hops,
            timeouts: self.timeouts,
            took: self.took,
        }))
    }
}
