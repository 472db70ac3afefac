//! One lookup under way: its questions, and what their answers say.
//!
//! Whom to ask next, and what to do when nobody answers, is [`keyspace::Lookup`]; here it speaks
//! Chord.

use alloc::boxed::Box;
use core::time::Duration;

use keyspace::{Id, Limits, Lookup, Step};
use machine::{Instant, Io};
use smallvec::SmallVec;

use crate::api::{LookupId, NotFound};
use crate::contacts::{Contact, Contacts, Few};
use crate::finger_table::Row;
use crate::member::NEVER;
use crate::node::Node;
use crate::rpc::{RoundTrips, Rpc};
use crate::searches::Outcome;
use crate::storage::DealingId;
use crate::wire::{Body, EXCLUDED_MAX, Exclusion, Transaction, Want, Wanted};

/// A lookup under way.
#[derive(Debug)]
pub(crate) struct Search {
    pub(crate) key: Id,
    pub(crate) purpose: Purpose,
    pub(crate) want: Want,
    pub(crate) began: Instant,
    /// When to begin again, after a failure.
    pub(crate) again_at: Instant,
    pub(crate) retries: u8,
    /// How many were excluded when our own tables were asked last.
    pub(crate) consulted: usize,
    pub(crate) rpcs: SmallVec<[Rpc; 1]>,
    /// The question was passed on, and its answer is awaited until then.
    pub(crate) routed: Option<(Transaction, Instant)>,
    pub(crate) lookup: Lookup<Contact>,
}

/// What a lookup is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To set a finger.
    Finger(Row),
    /// The user asked for it.
    User(LookupId),
    /// To find our own place, through somebody of the ring.
    Join,
    /// To find out whether our place in somebody's ring is our own.
    Merge,
    /// To find the replicas of a value.
    Deal(DealingId),
}

impl Purpose {
    /// Our own tables cannot tell, so there is no use in trying again by ourselves.
    pub(crate) const fn is_about_our_place(self) -> bool {
        matches!(self, Self::Join | Self::Merge)
    }

    pub(crate) const fn want(self) -> Want {
        match self {
            Self::Finger(_) | Self::User(_) => Want::Few,
            Self::Join | Self::Merge | Self::Deal(_) => Want::List,
        }
    }
}

impl Search {
    pub(crate) fn new(key: Id, purpose: Purpose, want: Want, now: Instant) -> Self {
        Self {
            key,
            purpose,
            want,
            began: now,
            again_at: NEVER,
            retries: 0,
            consulted: 0,
            rpcs: SmallVec::new(),
            routed: None,
            lookup: Lookup::new(Limits::SEQUENTIAL),
        }
    }

    pub(crate) fn deadline(&self, timeout: Duration) -> Instant {
        let waits = self.rpcs.iter().map(|rpc| rpc.deadline);
        waits
            .min()
            .unwrap_or(NEVER)
            .min(self.routed.map_or(NEVER, |(_, until)| until))
            .min(self.again_at)
            .min(self.began + timeout)
    }

    pub(crate) fn offer(&mut self, few: &Few, contacts: &Contacts) {
        for &contact in few.iter().flatten() {
            let distance = contacts.id(contact).distance_to(self.key);
            self.lookup.offer(contact, distance);
        }
    }

    /// Asks whoever is next; tells the reason if nobody is.
    pub(crate) fn advance(
        &mut self,
        asker: u8,
        trips: RoundTrips,
        io: &mut Io<'_, Node>,
    ) -> Result<(), NotFound> {
        loop {
            match self.lookup.step() {
                Step::Ask(contact) => {
                    let question = self.question(&io.shared().contacts);
                    self.rpcs
                        .push(Rpc::ask(contact, question, asker, trips, io));
                }
                Step::Wait => return Ok(()),
                Step::Exhausted | Step::TooLong => return Err(NotFound::NoWay),
            }
        }
    }

    fn question(&self, contacts: &Contacts) -> Body {
        let wanted = Wanted {
            key: self.key,
            want: self.want,
        };
        let excluded = self.lookup.excluded();
        if excluded.is_empty() {
            return Body::FindNext(wanted);
        }
        let last = &excluded[excluded.len().saturating_sub(EXCLUDED_MAX)..];
        Body::FindNextWithout(Box::new(Exclusion {
            wanted,
            excluded: last.iter().map(|&contact| contacts.id(contact)).collect(),
        }))
    }

    /// Takes the answer of the node that was asked by `rpc`; an outcome, if it is the last one.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "whatever else is said leads no further"
    )]
    pub(crate) fn heard(
        &mut self,
        rpc: &Rpc,
        me: Contact,
        body: Body,
        contacts: &Contacts,
    ) -> Option<Outcome> {
        match body {
            Body::Owner(few) if few[0].is_some() => {
                self.lookup.answered(rpc.to);
                return Some(Outcome::Owner(few));
            }
            Body::OwnerList(around) if !around.successors.is_empty() => {
                self.lookup.answered(rpc.to);
                return Some(Outcome::OwnerList(around));
            }
            Body::Next(few) => {
                // Who does not name somebody nearer than itself leads no further.
                let from = self.lookup.distance_of(rpc.to).unwrap_or(Id::ZERO);
                let mut nearer = 0;
                for &contact in few.iter().flatten() {
                    let distance = contacts.id(contact).distance_to(self.key);
                    let is_nearer = distance.is_less(from) && !distance.is_zero();
                    if is_nearer && contact != me && !self.lookup.excluded().contains(&contact) {
                        nearer += 1;
                        self.lookup.offer(contact, distance);
                    }
                }
                if nearer > 0 {
                    self.lookup.answered(rpc.to);
                } else {
                    self.lookup.useless(rpc.to);
                }
            }
            _ => self.lookup.useless(rpc.to),
        }
        None
    }

    /// Gives up the questions that were not answered in time.
    pub(crate) fn take_late(&mut self, now: Instant) -> SmallVec<[Contact; 2]> {
        let mut late = SmallVec::new();
        let lookup = &mut self.lookup;
        self.rpcs.retain(|rpc| {
            let is_late = rpc.deadline <= now;
            if is_late {
                lookup.timed_out(rpc.to);
                late.push(rpc.to);
            }
            !is_late
        });
        late
    }
}
