//! Recursive lookups: a question is passed on from node to node, and the last one answers.
//!
//! ```text
//!  origin ── Route ─▶ x1 ── Route ─▶ x2 ── Route ─▶ the owner's predecessor
//!    ▲       ◀ Routed     ◀ Routed       ◀ Routed        │
//!    └────────────────── RouteResult ────────────────────┘
//! ```
//!
//! That is about half as far as asking each in turn, but nobody sees the whole way. So each hop is
//! acknowledged, and passed to the next best if it is not; and should the answer stay away for
//! four seconds, the origin asks hop by hop instead (spec section 3).

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use machine::{Endpoint, Instant, Io};
use smallvec::SmallVec;

use crate::api::Shared;
use crate::contacts::Contact;
use crate::member::{Member, NEVER};
use crate::node::Node;
use crate::routing::{Hop, hop};
use crate::rpc::answer;
use crate::rpc::{Rpc, send};
use crate::wire::{Body, Message, Route, RouteResult, Transaction, Wanted};

/// How long the origin waits for the answer of the last one.
pub(crate) const END_TO_END: Duration = Duration::from_secs(4);
/// How many questions a member passes on at a time; further ones are lost, and asked again.
const RELAYS_MAX: usize = 256;
/// After how many hops a question is lost: as many as an iterative lookup may ask.
const HOPS_MAX: u8 = 64;

/// A question that was passed on, and is not yet acknowledged.
#[derive(Debug)]
pub(crate) struct Relay {
    rpc: Rpc,
    route: Route,
    /// Who did not acknowledge it.
    silent: SmallVec<[Contact; 2]>,
}

/// The questions that a member has passed on.
#[derive(Debug, Default)]
pub(crate) struct Relays(Vec<Relay>);

impl Relays {
    pub(crate) fn deadline(&self) -> Instant {
        let deadlines = self.0.iter().map(|relay| relay.rpc.deadline);
        deadlines.min().unwrap_or(NEVER)
    }

    /// Whom they hold by name.
    pub(crate) fn contacts(&self) -> impl Iterator<Item = Contact> {
        self.0.iter().flat_map(|relay| {
            let named = [relay.rpc.to, relay.route.origin];
            named.into_iter().chain(relay.silent.iter().copied())
        })
    }
}

impl Member {
    /// Sends a question of our own on its way; gives what its answer will carry.
    pub(crate) fn send_route(
        &mut self,
        wanted: Wanted,
        first: Contact,
        io: &mut Io<'_, Node>,
    ) -> Transaction {
        let drawn = io.rng().next_u64();
        let transaction = Transaction(drawn & !0xff | u64::from(self.number));
        let route = Route {
            wanted,
            origin: self.near.me(),
            transaction,
            hops: 0,
            timeouts: 0,
        };
        self.pass_on(route, first, SmallVec::new(), io);
        transaction
    }

    /// Somebody passes a question on to us.
    pub(crate) fn route_came(
        &mut self,
        from: Endpoint,
        question: &Message,
        route: &Route,
        io: &mut Io<'_, Node>,
    ) {
        answer(from, question, Body::Routed, io);
        if route.hops < HOPS_MAX {
            let hops = route.hops + 1;
            self.route(Route { hops, ..*route }, SmallVec::new(), io);
        }
    }

    /// Answers a question, or passes it on.
    fn route(&mut self, route: Route, silent: SmallVec<[Contact; 2]>, io: &mut Io<'_, Node>) {
        let Shared { contacts, .. } = io.shared();
        let now = io.now();
        let is_out = |contact| silent.contains(&contact) || self.is_suspect(contact, now);
        let is_out: Option<&dyn Fn(Contact) -> bool> =
            (!silent.is_empty() || self.has_suspects()).then_some(&is_out);
        let hop = hop(
            &self.near,
            &self.fingers,
            route.wanted.key,
            contacts,
            is_out,
        );
        match hop {
            Hop::Next(few) => {
                if let Some(next) = few[0] {
                    self.pass_on(route, next, silent, io);
                }
            }
            Hop::Ours | Hop::Owner(_) => {
                let found = self.find_next(route.wanted, &[], io);
                let found = if let Body::OwnerList(around) = found {
                    around.successors
                } else {
                    self.owners(&hop).into_iter().flatten().flatten().collect()
                };
                let result = RouteResult {
                    hops: route.hops,
                    timeouts: route.timeouts,
                    found,
                };
                let body = Body::RouteResult(Box::new(result));
                send(route.transaction, route.origin, body, io);
            }
            // The origin will find out.
            Hop::Nowhere => {}
        }
    }

    fn pass_on(
        &mut self,
        route: Route,
        next: Contact,
        silent: SmallVec<[Contact; 2]>,
        io: &mut Io<'_, Node>,
    ) {
        if self.aside().relays.0.len() >= RELAYS_MAX {
            return;
        }
        let body = Body::Route(Box::new(route));
        let rpc = Rpc::ask(next, body, self.number, self.trips, io);
        self.aside().relays.0.push(Relay { rpc, route, silent });
    }

    /// Whom we passed a question on to has it; tells whether we waited for that.
    pub(crate) fn routed(&mut self, transaction: Transaction, io: &mut Io<'_, Node>) -> bool {
        let Some(aside) = &mut self.aside else {
            return false;
        };
        let relays = &mut aside.relays.0;
        let acknowledged = |relay: &Relay| relay.rpc.transaction == transaction;
        let Some(at) = relays.iter().position(acknowledged) else {
            return false;
        };
        let relay = relays.swap_remove(at);
        self.lives(&relay.rpc, io);
        true
    }

    pub(crate) fn relays_timed_out(&mut self, io: &mut Io<'_, Node>) {
        let now = io.now();
        let relays = &mut self.aside().relays.0;
        let is_late = |relay: &mut Relay| relay.rpc.deadline <= now;
        let late: Vec<Relay> = relays.extract_if(.., is_late).collect();
        for Relay {
            rpc,
            mut route,
            mut silent,
        } in late
        {
            self.suspect(rpc.to, io);
            silent.push(rpc.to);
            route.timeouts = route.timeouts.saturating_add(1);
            self.route(route, silent, io);
        }
    }
}
