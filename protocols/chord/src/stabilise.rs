//! How a member keeps its neighbours: STABILIZE and RECTIFY of spec section 7.
//!
//! ```text
//!            every period                 p stands between us
//!   Idle ─────────────────▶ Head ──────────────────────────────▶ Candidate
//!    ▲                       │ │ no answer: strike it off,           │ list, or no answer
//!    │                       │ └─▶ ask the next                      │
//!    │    notify the head    ▼                                       ▼
//!    └───────────────────────●◀──────────────────────────────────────┘
//! ```
//!
//! One such operation is under way at a time; who notifies us meanwhile waits until it is over.
//! No node comes to the front of the list that has not just answered: that is what the first
//! published rules lacked.

use alloc::boxed::Box;

use machine::{Instant, Io};

use crate::api::{Event, Fingers, Rules, Shared};
use crate::contacts::Contact;
use crate::member::{Member, NEVER, Standing};
use crate::neighbours::Rectify;
use crate::node::Node;
use crate::rpc::{Rpc, send};
use crate::search::Purpose;
use crate::wire::{Body, Neighbourhood, Transaction};

/// What a member is doing about its neighbours.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Upkeep {
    /// Nothing.
    Idle,
    /// It asks its first successor for its neighbours.
    Head(Rpc),
    /// It asks the successor's predecessor, who stands between, for its list.
    Candidate(Rpc),
    /// It asks its predecessor whether he lives, because somebody else notified it.
    Predecessor { rpc: Rpc, notifier: Contact },
}

impl Upkeep {
    /// Whom it holds by name.
    pub(crate) fn contacts(&self) -> impl Iterator<Item = Contact> {
        let (asked, notifier) = match self {
            Self::Idle => (None, None),
            Self::Head(rpc) | Self::Candidate(rpc) => (Some(rpc.to), None),
            Self::Predecessor { rpc, notifier } => (Some(rpc.to), Some(*notifier)),
        };
        asked.into_iter().chain(notifier)
    }

    #[inline]
    pub(crate) const fn deadline(&self) -> Instant {
        match self {
            Self::Idle => NEVER,
            Self::Head(rpc) | Self::Candidate(rpc) | Self::Predecessor { rpc, .. } => rpc.deadline,
        }
    }
}

impl Member {
    /// Begins a round, and sets the time of the next.
    pub(crate) fn stabilise(&mut self, io: &mut Io<'_, Node>) {
        self.stabilise_at = io.shared().config.stabilise.draw(io);
        if self.standing != Standing::Member {
            self.stabilise_at = NEVER;
        } else if matches!(self.upkeep, Upkeep::Idle) {
            self.ask_head(io);
        }
    }

    /// Looks one finger up, and sets the time of the next.
    pub(crate) fn fix_finger(&mut self, io: &mut Io<'_, Node>) {
        let config = &io.shared().config;
        if self.standing != Standing::Member || config.fingers == Fingers::None {
            self.fix_at = NEVER;
            return;
        }
        let (space, period) = (config.space, config.fix_finger);
        let row = self.fingers.next_row(self.near.ahead(), space);
        let start = self.near.id().plus(row.step(space));
        self.fix_at = period.draw(io);
        self.search(start, Purpose::Finger(row), io);
    }

    fn ask_head(&mut self, io: &mut Io<'_, Node>) {
        let Some(head) = self.near.head() else {
            return self.drift(io);
        };
        let rpc = Rpc::ask(head, Body::AskNeighbours, self.number, self.trips, io);
        self.upkeep = Upkeep::Head(rpc);
    }

    /// The first successor told its neighbours.
    pub(crate) fn head_answered(
        &mut self,
        transaction: Transaction,
        around: &Neighbourhood,
        io: &mut Io<'_, Node>,
    ) -> bool {
        let Upkeep::Head(rpc) = self.upkeep else {
            return false;
        };
        if rpc.transaction != transaction {
            return false;
        }
        self.lives(&rpc, io);
        let Shared { contacts, config } = io.shared();
        // Step A of the proof: its list is ours, behind itself.
        let changed = self
            .near
            .adopt(rpc.to, &around.successors, config.successors, contacts);
        let candidate = around.predecessor.filter(|&candidate| {
            candidate != self.near.me()
                && self.near.is_nearer(candidate, contacts)
                && !self.is_suspect(candidate, io.now())
        });
        let rules = config.rules;
        if changed {
            self.stabilise_soon(io);
            self.neighbours_changed(io);
        }
        let Shared { contacts, config } = io.shared();
        match (candidate, rules) {
            (None, _) => self.finish_round(io),
            (Some(candidate), Rules::Corrected) => {
                let rpc = Rpc::ask(candidate, Body::AskList, self.number, self.trips, io);
                self.upkeep = Upkeep::Candidate(rpc);
            }
            (Some(candidate), Rules::Original) => {
                self.near
                    .adopt_unasked(candidate, config.successors, contacts);
                self.finish_round(io);
            }
        }
        true
    }

    /// The node between us and our first successor lives, and told its list.
    pub(crate) fn candidate_answered(
        &mut self,
        transaction: Transaction,
        list: &[Contact],
        io: &mut Io<'_, Node>,
    ) -> bool {
        let Upkeep::Candidate(rpc) = self.upkeep else {
            return false;
        };
        if rpc.transaction != transaction {
            return false;
        }
        self.lives(&rpc, io);
        let Shared { contacts, config } = io.shared();
        // Step B of the proof.
        self.near.adopt(rpc.to, list, config.successors, contacts);
        self.stabilise_soon(io);
        self.neighbours_changed(io);
        self.finish_round(io);
        true
    }

    fn finish_round(&mut self, io: &mut Io<'_, Node>) {
        if let Some(head) = self.near.head() {
            let transaction = Transaction(io.rng().next_u64());
            send(transaction, head, Body::Notify(self.near.me()), io);
        }
        self.rest(io);
    }

    /// Nothing is under way any more: hears those who waited.
    fn rest(&mut self, io: &mut Io<'_, Node>) {
        self.upkeep = Upkeep::Idle;
        while matches!(self.upkeep, Upkeep::Idle)
            && let Some(notifier) = self.waiting.iter_mut().find_map(Option::take)
        {
            self.rectify(notifier, io);
        }
    }

    /// Somebody believes to stand right before us.
    pub(crate) fn notified(&mut self, notifier: Contact, io: &mut Io<'_, Node>) {
        if self.standing != Standing::Member {
            return;
        }
        if self.near.predecessor() == Some(notifier) {
            return;
        }
        if matches!(self.upkeep, Upkeep::Idle) {
            return self.rectify(notifier, io);
        }
        // When more than two come at once, the others will come again.
        if !self.waiting.contains(&Some(notifier))
            && let Some(place) = self.waiting.iter_mut().find(|place| place.is_none())
        {
            *place = Some(notifier);
        }
    }

    fn rectify(&mut self, notifier: Contact, io: &mut Io<'_, Node>) {
        let before = self.near.predecessor();
        match self.near.notified(notifier, &io.shared().contacts) {
            Rectify::Known => {}
            Rectify::Adopted => self.predecessor_changed(before, io),
            Rectify::AskPredecessor(predecessor) => {
                let rpc = Rpc::ask(predecessor, Body::Ping, self.number, self.trips, io);
                self.upkeep = Upkeep::Predecessor { rpc, notifier };
            }
        }
    }

    /// The predecessor lives, so that the notifier was wrong.
    pub(crate) fn predecessor_answered(
        &mut self,
        transaction: Transaction,
        io: &mut Io<'_, Node>,
    ) -> bool {
        match self.upkeep {
            Upkeep::Predecessor { rpc, .. } if rpc.transaction == transaction => {
                self.lives(&rpc, io);
                self.rest(io);
                true
            }
            Upkeep::Idle | Upkeep::Head(_) | Upkeep::Candidate(_) | Upkeep::Predecessor { .. } => {
                false
            }
        }
    }

    fn predecessor_changed(&mut self, before: Option<Contact>, io: &mut Io<'_, Node>) {
        self.stabilise_soon(io);
        self.range_changed(before, io);
    }

    /// Whoever was asked did not answer in time.
    pub(crate) fn upkeep_timed_out(&mut self, io: &mut Io<'_, Node>) {
        let attempts = io.shared().config.attempts;
        let (rpc, body) = match &mut self.upkeep {
            Upkeep::Idle => return,
            Upkeep::Head(rpc) => (rpc, Body::AskNeighbours),
            Upkeep::Candidate(rpc) => (rpc, Body::AskList),
            Upkeep::Predecessor { rpc, .. } => (rpc, Body::Ping),
        };
        if rpc.attempts < attempts {
            return rpc.repeat(body, self.trips, io);
        }
        self.nobody_answered(io);
    }

    /// Whoever was asked is in no ring, which is as good as being dead.
    pub(crate) fn upkeep_refused(
        &mut self,
        transaction: Transaction,
        io: &mut Io<'_, Node>,
    ) -> bool {
        let is_meant = match self.upkeep {
            Upkeep::Idle => false,
            Upkeep::Head(rpc) | Upkeep::Candidate(rpc) | Upkeep::Predecessor { rpc, .. } => {
                rpc.transaction == transaction
            }
        };
        if is_meant {
            self.nobody_answered(io);
        }
        is_meant
    }

    fn nobody_answered(&mut self, io: &mut Io<'_, Node>) {
        match self.upkeep {
            Upkeep::Idle => {}
            Upkeep::Head(rpc) => {
                self.upkeep = Upkeep::Idle;
                self.bury(rpc.to, io);
                self.stabilise_soon(io);
                self.ask_head(io);
            }
            Upkeep::Candidate(rpc) => {
                self.bury(rpc.to, io);
                self.finish_round(io);
            }
            Upkeep::Predecessor { rpc, notifier } => {
                self.bury(rpc.to, io);
                let contacts = &io.shared().contacts;
                self.near.set_predecessor(Some(notifier), contacts);
                self.predecessor_changed(Some(rpc.to), io);
                self.rest(io);
            }
        }
    }

    /// All successors are dead: looks for the ring from all others that are known.
    fn drift(&mut self, io: &mut Io<'_, Node>) {
        self.upkeep = Upkeep::Idle;
        io.emit(Event::Adrift);
        self.rejoin(io);
    }

    /// What is told to a member that asks for our neighbours.
    pub(crate) fn neighbourhood(&self) -> Neighbourhood {
        Neighbourhood {
            predecessor: self.near.predecessor(),
            successors: Box::from(self.near.successors()),
        }
    }
}
