//! How a node becomes a member: JOIN of spec section 7.
//!
//! ```text
//!  Greet ──Pong──▶ Search ──owner s──▶ List ──list of s──▶ a member; stabilise at once
//!    ▲                │                  │ no answer
//!    └────────────────┴──────────────────┘ at most three times
//! ```
//!
//! The joiner comes with a whole successor list. With a pointer to its successor alone, as first
//! published, it would be cut off should that successor die before the first round.

use alloc::vec::Vec;
use core::time::Duration;

use machine::{Endpoint, Instant, Io};

use crate::api::{Event, Fingers, NotJoined, Shared};
use crate::contacts::Contact;
use crate::member::{Member, NEVER, Standing};
use crate::node::Node;
use crate::rpc::{Rpc, send};
use crate::search::Purpose;
use crate::searches::Outcome;
use crate::wire::{Body, Message, Transaction};

/// How many times a join begins anew before it fails.
const TRIES_MAX: u8 = 5;
/// How long to wait between two tries.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// A node on its way into the ring.
#[derive(Debug)]
pub(crate) struct Join {
    stage: Stage,
    /// Through whom; the first that answers serves.
    doors: Vec<Endpoint>,
    door: usize,
    tries: u8,
    /// Whether we were a member before, and lost the ring.
    before: Before,
}

/// What we were before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    Member,
}

#[derive(Debug)]
enum Stage {
    /// Asks a door who it is.
    Greet {
        transaction: Transaction,
        deadline: Instant,
    },
    /// Looks for our place; the lookup has its own deadlines.
    Search,
    /// Asks our successor for its list.
    List(Rpc),
    /// Begins anew at that moment.
    Again(Instant),
    /// We are a member, and ask our successor for its fingers as hints.
    Hint(Transaction),
}

impl Join {
    /// Whom it holds by name.
    pub(crate) fn contacts(&self) -> impl Iterator<Item = Contact> {
        let rpc = match &self.stage {
            Stage::List(rpc) => Some(rpc.to),
            Stage::Greet { .. } | Stage::Search | Stage::Again(_) | Stage::Hint(_) => None,
        };
        rpc.into_iter()
    }

    pub(crate) const fn deadline(&self) -> Instant {
        match &self.stage {
            Stage::Greet { deadline, .. } => *deadline,
            Stage::List(rpc) => rpc.deadline,
            Stage::Again(at) => *at,
            Stage::Search | Stage::Hint(_) => NEVER,
        }
    }
}

impl Member {
    pub(crate) fn begin_join(&mut self, door: Endpoint, io: &mut Io<'_, Node>) {
        if self.standing == Standing::Outside {
            self.knock(Vec::from([door]), Before::Nothing, io);
        }
    }

    /// Looks for the ring that we lost, from all that we still know.
    pub(crate) fn rejoin(&mut self, io: &mut Io<'_, Node>) {
        let contacts = &io.shared().contacts;
        let suspects = self
            .aside
            .iter()
            .flat_map(|aside| aside.suspects.contacts());
        let known = self.fingers.entries().iter().flatten().copied();
        let mut known: Vec<Contact> = known
            .chain(self.near.predecessor())
            .chain(suspects)
            .filter(|&contact| contact != self.near.me())
            .collect();
        known.sort_by_key(|&contact| self.near.id().distance_to(contacts.id(contact)));
        known.dedup();
        let doors: Vec<Endpoint> = known
            .iter()
            .map(|&known| contacts.endpoint(known))
            .collect();
        self.near.set_predecessor(None, contacts);
        if doors.is_empty() {
            return self.found_ring(io);
        }
        self.knock(doors, Before::Member, io);
    }

    fn knock(&mut self, doors: Vec<Endpoint>, before: Before, io: &mut Io<'_, Node>) {
        self.standing = Standing::Joining;
        self.aside().join = Some(Join {
            stage: Stage::Again(NEVER),
            doors,
            door: 0,
            tries: 0,
            before,
        });
        self.greet(io);
    }

    /// Asks the present door who it is.
    fn greet(&mut self, io: &mut Io<'_, Node>) {
        let transaction = Transaction(io.rng().next_u64() & !0xff | u64::from(self.number));
        let deadline = io.now() + self.trips.patience(&io.shared().config);
        let Some(join) = self.join() else {
            return;
        };
        join.stage = Stage::Greet {
            transaction,
            deadline,
        };
        let Some(&door) = join.doors.get(join.door) else {
            return;
        };
        let greeting = Message {
            transaction,
            to: 0,
            body: Body::Ping,
        };
        io.send_to(door, greeting);
    }

    /// The door told who it is.
    pub(crate) fn join_greeted(
        &mut self,
        transaction: Transaction,
        via: Contact,
        io: &mut Io<'_, Node>,
    ) -> bool {
        let me = self.near.me();
        let Some(join) = self.join() else {
            return false;
        };
        if !matches!(join.stage, Stage::Greet { transaction: asked, .. } if asked == transaction) {
            return false;
        }
        join.stage = Stage::Search;
        let contacts = &io.shared().contacts;
        if via == me {
            self.try_again(io);
        } else if contacts.id(via) == self.near.id() {
            self.give_up(NotJoined::IdTaken, io);
        } else {
            self.remember(via, io);
            self.search_via(via, self.near.id(), Purpose::Join, io);
        }
        true
    }

    /// The lookup of our own place has ended.
    pub(crate) fn place_found(&mut self, outcome: Outcome, io: &mut Io<'_, Node>) {
        let me = self.near.me();
        let contacts = &io.shared().contacts;
        let Outcome::OwnerList(around) = outcome else {
            return self.try_again(io);
        };
        // The ring may still know us from before.
        let successor = around.successors.iter().copied().find(|&owner| owner != me);
        let Some(successor) = successor else {
            return self.try_again(io);
        };
        if contacts.id(successor) == self.near.id() {
            return self.give_up(NotJoined::IdTaken, io);
        }
        let rpc = Rpc::ask(successor, Body::AskList, self.number, self.trips, io);
        if let Some(join) = self.join() {
            join.stage = Stage::List(rpc);
        }
    }

    /// Our successor told its list: we are a member.
    pub(crate) fn join_list_came(
        &mut self,
        transaction: Transaction,
        list: &[Contact],
        io: &mut Io<'_, Node>,
    ) -> bool {
        let Some(successor) = self.join_awaits_list(transaction) else {
            return false;
        };
        let Shared { contacts, config } = io.shared();
        self.near
            .adopt(successor, list, config.successors, contacts);
        self.fingers
            .hint(list, self.near.id(), config.space, contacts);
        self.become_member(io);
        let hint = Transaction(io.rng().next_u64() & !0xff | u64::from(self.number));
        let wants_hint = io.shared().config.fingers != Fingers::None;
        if let Some(join) = self.join().filter(|_| wants_hint) {
            join.stage = Stage::Hint(hint);
            send(hint, successor, Body::AskFingers, io);
        } else {
            self.aside().join = None;
        }
        true
    }

    /// Who was asked for a list, if that is the stage; also asked of the successor in a small
    /// ring, which answers otherwise.
    pub(crate) fn join_awaits_list(&mut self, transaction: Transaction) -> Option<Contact> {
        match &self.join()?.stage {
            Stage::List(rpc) if rpc.transaction == transaction => Some(rpc.to),
            Stage::Greet { .. }
            | Stage::Search
            | Stage::List(_)
            | Stage::Again(_)
            | Stage::Hint(_) => None,
        }
    }

    /// From now on we keep our neighbours.
    pub(crate) fn become_member(&mut self, io: &mut Io<'_, Node>) {
        self.standing = Standing::Member;
        io.emit(Event::Joined);
        self.stabilise(io);
        self.fix_at = io.shared().config.fix_finger.draw(io);
    }

    /// Our successor told its fingers, which are near to what ours will be.
    pub(crate) fn join_hinted(
        &mut self,
        transaction: Transaction,
        fingers: &[Contact],
        io: &Io<'_, Node>,
    ) -> bool {
        let Some(join) = self.join() else {
            return false;
        };
        if !matches!(join.stage, Stage::Hint(asked) if asked == transaction) {
            return false;
        }
        self.aside().join = None;
        let Shared { contacts, config } = io.shared();
        self.fingers
            .hint(fingers, self.near.id(), config.space, contacts);
        true
    }

    pub(crate) fn join_timed_out(&mut self, io: &mut Io<'_, Node>) {
        let now = io.now();
        let Some(join) = self.join() else {
            return;
        };
        if join.deadline() > now {
            return;
        }
        match join.stage {
            Stage::Again(_) => self.greet(io),
            Stage::Greet { .. } | Stage::List(_) => self.try_again(io),
            Stage::Search | Stage::Hint(_) => {}
        }
    }

    /// Begins anew, through the next door, unless that was tried often enough.
    fn try_again(&mut self, io: &mut Io<'_, Node>) {
        let again = io.now() + TRY_AGAIN;
        let Some(join) = self.join() else {
            return;
        };
        let was_greeting = matches!(join.stage, Stage::Greet { .. });
        join.door += 1;
        if join.door >= join.doors.len() {
            join.door = 0;
            join.tries += 1;
        }
        if join.tries < TRIES_MAX {
            join.stage = Stage::Again(again);
            return;
        }
        match (join.before, join.doors.first()) {
            (Before::Member, _) => self.found_ring(io),
            (Before::Nothing, Some(&door)) if was_greeting => {
                self.give_up(NotJoined::NoAnswer(door), io);
            }
            (Before::Nothing, _) => self.give_up(NotJoined::NoRing, io),
        }
    }

    fn give_up(&mut self, why: NotJoined, io: &mut Io<'_, Node>) {
        self.aside().join = None;
        self.standing = Standing::Outside;
        io.emit(Event::NotJoined(why));
    }

    fn join(&mut self) -> Option<&mut Join> {
        self.aside.as_mut()?.join.as_mut()
    }
}
