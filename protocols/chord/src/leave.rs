//! How a member leaves in good order (spec section 8).
//!
//! It is a courtesy: all would come right if it just fell silent. But who is told need not wait
//! for time-outs, and values are handed over before, not found missing after.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use machine::{Endpoint, Instant, Io};

use crate::api::Event;
use crate::contacts::Contact;
use crate::member::{Member, NEVER, Standing};
use crate::node::Node;
use crate::rpc::answer;
use crate::rpc::send;
use crate::stabilise::Upkeep;
use crate::wire::{Body, LIST_FITTING, Leave, Message, Transaction};

/// How long a leaver still answers, after the last who fetched values from it.
const LINGER: Duration = Duration::from_secs(2);
/// How long it answers at most.
const LINGER_MAX: Duration = Duration::from_secs(30);

/// How many successors a farewell names: with ourselves and our predecessor it fits into a
/// datagram.
const SUCCESSORS_TOLD: usize = LIST_FITTING - 2;

/// A farewell.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Farewell {
    /// When to be gone, should nobody ask for anything any more.
    pub(crate) at: Instant,
    latest: Instant,
}

impl Farewell {
    /// Somebody still fetches values.
    pub(crate) fn put_off(&mut self, now: Instant) {
        self.at = (now + LINGER).min(self.latest);
    }
}

impl Member {
    /// Takes leave of the ring.
    pub(crate) fn leave(&mut self, io: &mut Io<'_, Node>) {
        if !matches!(self.standing, Standing::Small | Standing::Member) {
            self.be_gone(io);
            return;
        }
        let mut around = self.neighbourhood();
        let fitting = around.successors.iter().copied().take(SUCCESSORS_TOLD);
        around.successors = fitting.collect();
        let message = Body::Leave(Box::new(Leave {
            leaver: self.near.me(),
            around,
        }));
        let told: Vec<Contact> = if self.standing == Standing::Small {
            // All know all.
            self.near.successors().to_vec()
        } else {
            let head = self.near.head().into_iter();
            head.chain(self.near.predecessor()).collect()
        };
        self.offer_range(io);
        if let Some(head) = self.near.head() {
            self.offer_range_to(head, io);
        }
        for contact in told {
            let transaction = Transaction(io.rng().next_u64());
            send(transaction, contact, message.clone(), io);
        }
        self.standing = Standing::Leaving;
        self.upkeep = Upkeep::Idle;
        self.stabilise_at = NEVER;
        self.fix_at = NEVER;
        let aside = self.aside();
        aside.small = None;
        aside.farewell = Some(Farewell {
            at: io.now() + LINGER,
            latest: io.now() + LINGER_MAX,
        });
    }

    pub(crate) fn farewell_if_due(&mut self, io: &mut Io<'_, Node>) {
        let farewell = self.aside.as_ref().and_then(|aside| aside.farewell);
        if farewell.is_some_and(|farewell| farewell.at <= io.now()) {
            self.be_gone(io);
        }
    }

    fn be_gone(&mut self, io: &mut Io<'_, Node>) {
        self.standing = Standing::Outside;
        self.aside = None;
        self.searches = None;
        io.emit(Event::Left);
    }

    /// A neighbour leaves.
    pub(crate) fn left(
        &mut self,
        from: Endpoint,
        question: &Message,
        leave: &Leave,
        io: &mut Io<'_, Node>,
    ) {
        let contacts = &io.shared().contacts;
        let leaver = leave.leaver;
        if contacts.endpoint(leaver) != from || leaver == self.near.me() {
            return;
        }
        answer(from, question, Body::Left, io);
        if self.standing == Standing::Small {
            return self.left_small_ring(leaver, io);
        }
        if self.standing == Standing::Member {
            self.forget_leaver(leave, io);
        }
    }

    fn forget_leaver(&mut self, leave: &Leave, io: &mut Io<'_, Node>) {
        let leaver = leave.leaver;
        let (was_head, was_predecessor) = (
            self.near.head() == Some(leaver),
            self.near.predecessor() == Some(leaver),
        );
        let contacts = &io.shared().contacts;
        self.fingers.remove(leaver);
        // The last one we know stays, until somebody has taken his place.
        if self.near.successors().len() > 1 {
            self.near.remove(leaver, contacts);
        }
        if was_predecessor {
            let before = leave
                .around
                .predecessor
                .filter(|&before| before != self.near.me());
            if before.is_some() {
                self.near.set_predecessor(before, contacts);
                self.range_changed(Some(leaver), io);
            }
        }
        if was_head && matches!(self.upkeep, Upkeep::Idle) {
            self.stabilise(io);
        }
    }
}
