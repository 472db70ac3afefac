//! How two rings become one again after the net was cut (spec section 8).
//!
//! While the net is cut, each side closes its ring without the other. When it is whole again,
//! neither has a reason to speak to the other. So each member looks, every few minutes, for its
//! own place through somebody that it knew once. If that place is not its own, there is another
//! ring: who stands there is tried as a successor, by the usual rules, and told of us as a
//! predecessor. As all do so, all find their places in one ring.

use alloc::vec::Vec;

use machine::{Instant, Io};

use crate::api::Shared;
use crate::contacts::Contact;
use crate::member::{Member, NEVER, Standing};
use crate::node::Node;
use crate::rpc::{Rpc, send};
use crate::search::Purpose;
use crate::searches::Outcome;
use crate::stabilise::Upkeep;
use crate::wire::{Body, Page, Stand, Transaction};

/// How many of those who once let us in are remembered.
const REMEMBERED_MAX: usize = 4;

/// The search for other rings.
#[derive(Debug, Default)]
pub(crate) struct Merge {
    at: Option<Instant>,
    /// Who let us in.
    remembered: Vec<Contact>,
    /// As the eldest of a small ring: whom we have asked for his list.
    probe: Option<Rpc>,
}

impl Merge {
    pub(crate) fn deadline(&self) -> Instant {
        self.at.unwrap_or(NEVER)
    }

    /// Whom it holds by name.
    pub(crate) fn contacts(&self) -> impl Iterator<Item = Contact> {
        let probe = self.probe.as_ref().map(|rpc| rpc.to);
        self.remembered.iter().copied().chain(probe)
    }
}

impl Member {
    /// Notes somebody through whom another ring might once be found.
    pub(crate) fn remember(&mut self, contact: Contact, io: &mut Io<'_, Node>) {
        self.expect_other_rings(io);
        let remembered = &mut self.aside().merge.remembered;
        if !remembered.contains(&contact) {
            remembered.truncate(REMEMBERED_MAX - 1);
            remembered.insert(0, contact);
        }
    }

    /// Sees to it that other rings are looked for.
    pub(crate) fn expect_other_rings(&mut self, io: &mut Io<'_, Node>) {
        if let Some(period) = io.shared().config.merge
            && self.aside().merge.at.is_none()
        {
            self.aside().merge.at = Some(period.draw(io));
        }
    }

    pub(crate) fn merge_if_due(&mut self, io: &mut Io<'_, Node>) {
        let now = io.now();
        if self.aside().merge.deadline() > now {
            return;
        }
        self.aside().merge.at = None;
        self.expect_other_rings(io);
        let me = self.near.me();
        let aside = self.aside();
        let remembered = aside.merge.remembered.iter().copied();
        let known: Vec<Contact> = aside.suspects.contacts().chain(remembered).collect();
        let Some(&door) = io.rng().index(known.len()).and_then(|at| known.get(at)) else {
            return;
        };
        let coordinates = self.coordinates();
        match self.standing {
            Standing::Member => self.search_via(door, self.near.id(), Purpose::Merge, io),
            Standing::Small if door != me && coordinates => {
                let probe = Rpc::ask(door, Body::AskList, self.number, self.trips, io);
                self.aside().merge.probe = Some(probe);
            }
            Standing::Small | Standing::Outside | Standing::Joining | Standing::Leaving => {}
        }
    }

    /// Somebody told who stands at our place, as far as his ring knows.
    pub(crate) fn other_ring_found(&mut self, outcome: Outcome, io: &mut Io<'_, Node>) {
        let Outcome::OwnerList(around) = outcome else {
            return;
        };
        let me = self.near.me();
        let Some(&successor) = around.successors.first() else {
            return;
        };
        if successor == me || self.standing != Standing::Member {
            return;
        }
        let Shared { contacts, .. } = io.shared();
        self.aside().suspects.absolve(successor);
        let is_nearer = self.near.is_nearer(successor, contacts);
        let transaction = Transaction(io.rng().next_u64());
        send(transaction, successor, Body::Notify(me), io);
        if is_nearer && matches!(self.upkeep, Upkeep::Idle) {
            let rpc = Rpc::ask(successor, Body::AskList, self.number, self.trips, io);
            self.upkeep = Upkeep::Candidate(rpc);
        }
    }

    /// As the eldest of a small ring: somebody that we lost has answered, with the list of
    /// another small ring. The one with the lesser eldest stays.
    pub(crate) fn probe_answered(
        &mut self,
        transaction: Transaction,
        page: Option<&Page>,
        io: &mut Io<'_, Node>,
    ) -> bool {
        let Some(aside) = &mut self.aside else {
            return false;
        };
        let Some(probe) = aside
            .merge
            .probe
            .filter(|probe| probe.transaction == transaction)
        else {
            return false;
        };
        aside.merge.probe = None;
        aside.suspects.absolve(probe.to);
        if self.standing != Standing::Small {
            return true;
        }
        let Shared { contacts, .. } = io.shared();
        let Some(page) = page else {
            // It has grown into a ring of the usual kind.
            let door = contacts.endpoint(probe.to);
            self.aside().small = None;
            self.standing = Standing::Outside;
            self.begin_join(door, io);
            return true;
        };
        let me = self.near.me();
        let yields = page.stand == Stand::Small
            && !page.members.contains(&me)
            && page
                .members
                .first()
                .is_some_and(|&eldest| contacts.id(eldest).is_less(self.near.id()));
        if yields {
            self.join_small_ring(page, io);
        }
        true
    }
}
