//! Replicas make their ranges equal (spec section 9).
//!
//! ```text
//!  owner                              replica
//!    │ Offer: my range, its digest  ──▶ │ the same here? good. Else:
//!    │ ◀──────────────── Compare an arc │
//!    │ digests of its 16 parts, or ───▶ │ go on with the parts that differ
//!    │ its keys with their versions     │
//!    │ ◀── Store what is newer here ─── │ Fetch what is newer there
//! ```
//!
//! The owner offers its range whenever its neighbours change, and once in each period of repair;
//! all else is the replica's work, one question at a time. A member that has just joined does the
//! same with its successor, for the range that is its own now. Where the replica has nothing and
//! the other much, the records come in batches over a stream.
//!
//! What a member keeps and nobody has offered to it for three periods is none of its business any
//! more: it stores it where it belongs, and then forgets it.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use keyspace::Id;
use machine::{Instant, Io};

use super::VALUE_INLINE_MAX;
use super::records::{Arc, PARTS, Record, Version};
use crate::api::Shared;
use crate::contacts::Contact;
use crate::member::{Member, Standing};
use crate::node::Node;
use crate::rpc::{Rpc, send};
use crate::wire::{Body, Fetch, Holding, Offer, Part, Stretch, Transaction};

/// How many comparisons may wait; further offers come again.
const TASKS_MAX: usize = 64;
/// How many parts and keys of one comparison may wait: every level of cuts has 16 parts.
const PENDING_MAX: usize = 1 << 14;
/// How many periods of repair an offer counts.
const CONFIRMED_PERIODS: u32 = 3;
/// How many stray records are sent home in one period.
const STRAYS_MAX: usize = 16;

/// A comparison to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Task {
    pub(super) with: Contact,
    arc: Arc,
}

/// An arc of which we know that we are a replica.
#[derive(Debug, Clone, Copy)]
pub(super) struct Confirmed {
    arc: Arc,
    until: Instant,
}

/// A comparison under way.
#[derive(Debug)]
pub(super) struct Sync {
    pub(super) with: Contact,
    rpc: Rpc,
    asked: Asked,
    arcs: Vec<Arc>,
    keys: Vec<Id>,
}

#[derive(Debug, Clone, Copy)]
enum Asked {
    Arc(Arc),
    Key(Id),
    Stretch(Stretch),
}

impl Sync {
    pub(super) const fn deadline(&self) -> Instant {
        self.rpc.deadline
    }
}

impl Member {
    /// The ring around us has changed: whoever is a replica of our range now shall know.
    pub(crate) fn neighbours_changed(&mut self, io: &mut Io<'_, Node>) {
        let replicas = self.replicas(self.near.successors(), io);
        let Some(storage) = self.aside.as_mut().and_then(|aside| aside.storage.as_mut()) else {
            return;
        };
        if storage.replicas != replicas {
            storage.replicas = replicas;
            self.offer_range(io);
        }
    }

    /// Our range has grown or shrunk: a new predecessor stands before us.
    pub(crate) fn range_changed(&mut self, before: Option<Contact>, io: &mut Io<'_, Node>) {
        if before.is_none()
            && let (Some(arc), Some(head)) = (self.own_arc(io), self.near.head())
        {
            // We have just joined: what is ours now lies with our successor.
            self.add_task(Task { with: head, arc }, io);
        }
        self.offer_range(io);
    }

    /// Tells all replicas of our range what they should have.
    pub(crate) fn offer_range(&mut self, io: &mut Io<'_, Node>) {
        if self.storage_ref().is_some() {
            for replica in self.replicas(self.near.successors(), io) {
                self.offer_range_to(replica, io);
            }
        }
    }

    /// Tells somebody what he should have of our range.
    pub(crate) fn offer_range_to(&mut self, replica: Contact, io: &mut Io<'_, Node>) {
        if let (Some(arc), Some(storage)) = (self.own_arc(io), self.storage_ref()) {
            let offer = Body::Offer(Box::new(Offer {
                owner: self.near.me(),
                arc,
                digest: storage.records.digest(arc),
            }));
            let transaction = Transaction(io.rng().next_u64());
            send(transaction, replica, offer, io);
        }
    }

    /// The owner of a range says that we are a replica of it.
    pub(super) fn offered(&mut self, offer: &Offer, io: &mut Io<'_, Node>) {
        let Shared { contacts, config } = io.shared();
        let is_ours = offer.arc.to == contacts.id(offer.owner) && offer.owner != self.near.me();
        let is_sane = offer.arc.to.is_between(offer.arc.from, self.near.id());
        if !is_ours || !is_sane || self.standing == Standing::Outside {
            return;
        }
        let until = io.now() + config.repair.max * CONFIRMED_PERIODS;
        let storage = self.storage();
        storage
            .confirmed
            .retain(|known| known.arc.to != offer.arc.to);
        if storage.confirmed.len() < TASKS_MAX {
            let arc = offer.arc;
            storage.confirmed.push(Confirmed { arc, until });
        }
        if storage.records.digest(offer.arc) != offer.digest {
            let task = Task {
                with: offer.owner,
                arc: offer.arc,
            };
            self.add_task(task, io);
        }
    }

    fn add_task(&mut self, task: Task, io: &mut Io<'_, Node>) {
        let storage = self.storage();
        if storage.tasks.len() < TASKS_MAX && !storage.tasks.contains(&task) {
            storage.tasks.push_back(task);
        }
        self.next_task(io);
    }

    fn next_task(&mut self, io: &mut Io<'_, Node>) {
        let storage = self.storage();
        if storage.sync.is_none()
            && let Some(task) = storage.tasks.pop_front()
        {
            self.ask_arc(task.with, task.arc, Vec::new(), Vec::new(), io);
        }
        self.storage().rearm();
    }

    fn ask_arc(
        &mut self,
        with: Contact,
        arc: Arc,
        arcs: Vec<Arc>,
        keys: Vec<Id>,
        io: &mut Io<'_, Node>,
    ) {
        let body = Body::Compare(Box::new(arc));
        let rpc = Rpc::ask(with, body, self.number, self.trips, io);
        self.storage().sync = Some(Sync {
            with,
            rpc,
            asked: Asked::Arc(arc),
            arcs,
            keys,
        });
    }

    /// Goes on with what is left of a comparison.
    fn proceed_sync(&mut self, mut sync: Sync, io: &mut Io<'_, Node>) {
        if let Some(key) = sync.keys.pop() {
            let part = Part::Value;
            let body = Body::Fetch(Box::new(Fetch { key, part }));
            sync.rpc = Rpc::ask(sync.with, body, self.number, self.trips, io);
            sync.asked = Asked::Key(key);
            self.storage().sync = Some(sync);
        } else if let Some(arc) = sync.arcs.pop() {
            self.ask_arc(sync.with, arc, sync.arcs, sync.keys, io);
        } else {
            self.next_task(io);
        }
    }

    /// An answer came; tells whether we waited for it.
    pub(super) fn sync_answered(
        &mut self,
        transaction: Transaction,
        body: Body,
        io: &mut Io<'_, Node>,
    ) -> bool {
        let sync = self.storage().sync.take();
        let Some(mut sync) = sync else {
            return false;
        };
        if sync.rpc.transaction != transaction {
            self.storage().sync = Some(sync);
            return false;
        }
        match (sync.asked, body) {
            (Asked::Arc(arc), Body::Digests(theirs)) => {
                let records = &self.storage().records;
                if records.on(arc).next().is_none() {
                    let stretch = Stretch {
                        arc,
                        cursor: arc.from,
                    };
                    self.ask_stretch(sync, stretch, io);
                    return true;
                }
                let differing = differing(&self.storage().records, arc, &theirs);
                if sync.arcs.len() + PARTS <= PENDING_MAX {
                    sync.arcs.extend(differing);
                }
            }
            (Asked::Arc(arc), Body::Listing(theirs)) => {
                let (newer_here, newer_there) = self.compare(arc, &theirs);
                for key in newer_here {
                    self.push(sync.with, key, io);
                }
                sync.keys.extend(newer_there);
            }
            (Asked::Key(key), Body::Fetched(holding)) => {
                self.take_holding(key, *holding, &mut sync, io);
                if sync.rpc.transaction != transaction {
                    // The value is long, and is coming over a stream.
                    self.storage().sync = Some(sync);
                    return true;
                }
            }
            (Asked::Stretch(stretch), Body::Batch(batch)) => {
                for record in batch.records.iter() {
                    // Whoever sends us what is not asked for is not believed (spec section 17).
                    if stretch.arc.contains(record.key) {
                        self.keep(record, io);
                    }
                }
                let advanced = |next: &Id| {
                    let from = stretch.arc.from;
                    from.distance_to(stretch.cursor)
                        .is_less(from.distance_to(*next))
                };
                if let Some(cursor) = batch.next.filter(advanced) {
                    self.ask_stretch(sync, Stretch { cursor, ..stretch }, io);
                    return true;
                }
            }
            // Refused, or nonsense: the next offer begins anew.
            _ => {
                self.next_task(io);
                return true;
            }
        }
        self.proceed_sync(sync, io);
        true
    }

    fn ask_stretch(&mut self, mut sync: Sync, stretch: Stretch, io: &mut Io<'_, Node>) {
        sync.rpc = self.ask_long(sync.with, Body::Transfer(Box::new(stretch)), io);
        sync.asked = Asked::Stretch(stretch);
        self.storage().sync = Some(sync);
    }

    fn take_holding(&mut self, key: Id, holding: Holding, sync: &mut Sync, io: &mut Io<'_, Node>) {
        let (version, value) = match holding {
            Holding::Nothing => return,
            Holding::Deleted(version) => (version, None),
            Holding::Value(version, value) => (version, Some(value)),
            Holding::Long(..) => {
                let part = Part::Value;
                sync.rpc = self.ask_long(sync.with, Body::Fetch(Box::new(Fetch { key, part })), io);
                return;
            }
        };
        let record = Record {
            key,
            version,
            value,
        };
        self.keep(&record, io);
    }

    /// Which keys are newer here, and which are there.
    fn compare(&mut self, arc: Arc, theirs: &[(Id, Version)]) -> (Vec<Id>, Vec<Id>) {
        let theirs: BTreeMap<Id, Version> = theirs
            .iter()
            .copied()
            .filter(|&(key, _)| arc.contains(key))
            .collect();
        let records = &self.storage().records;
        let newer_here = records
            .on(arc)
            .filter(|(key, version)| theirs.get(key).is_none_or(|theirs| theirs < version));
        let newer_here = newer_here.map(|(key, _)| key).collect();
        let newer_there = theirs
            .iter()
            .filter(|&(&key, &theirs)| records.version(key).is_none_or(|ours| ours < theirs));
        (newer_here, newer_there.map(|(&key, _)| key).collect())
    }

    /// Gives somebody a record, and does not wait: if it gets lost, the next comparison finds it.
    pub(super) fn push(&mut self, to: Contact, key: Id, io: &mut Io<'_, Node>) {
        let Some(record) = self.storage().records.find(key) else {
            return;
        };
        let len = record.value.as_ref().map_or(0, bytes::Bytes::len);
        let body = Body::Store(Box::new(record));
        if len > VALUE_INLINE_MAX {
            self.ask_long(to, body, io);
        } else {
            let transaction = Transaction(io.rng().next_u64() & !0xff | u64::from(self.number));
            send(transaction, to, body, io);
        }
    }

    pub(super) fn sync_timed_out(&mut self, io: &mut Io<'_, Node>) {
        let (now, attempts, trips) = (io.now(), io.shared().config.attempts, self.trips);
        let Some(sync) = &mut self.storage().sync else {
            return;
        };
        if sync.rpc.deadline > now {
            return;
        }
        let body = match sync.asked {
            Asked::Arc(arc) => Some(Body::Compare(Box::new(arc))),
            Asked::Key(key) => {
                let part = Part::Value;
                Some(Body::Fetch(Box::new(Fetch { key, part })))
            }
            Asked::Stretch(_) => None,
        };
        if let Some(body) = body
            && sync.rpc.attempts < attempts
        {
            return sync.rpc.repeat(body, trips, io);
        }
        let transaction = sync.rpc.transaction;
        self.storage().sync = None;
        self.drop_link(transaction, io);
        self.next_task(io);
    }

    pub(super) fn repair_if_due(&mut self, io: &mut Io<'_, Node>) {
        let now = io.now();
        if self.storage().repair_at.is_none_or(|at| at > now) {
            return;
        }
        self.storage().repair_at = Some(io.shared().config.repair.draw(io));
        self.storage().confirmed.retain(|known| known.until > now);
        if matches!(self.standing, Standing::Small | Standing::Member) {
            self.offer_range(io);
            self.send_strays_home(io);
        }
    }

    /// Finds records that nobody has lately told us to keep.
    fn send_strays_home(&mut self, io: &mut Io<'_, Node>) {
        let Some(own) = self.own_arc(io) else {
            return;
        };
        let storage = self.storage();
        let is_ours = |key: Id| {
            own.contains(key)
                || storage
                    .confirmed
                    .iter()
                    .any(|known| known.arc.contains(key))
        };
        let everywhere = Arc {
            from: Id::MAX,
            to: Id::MAX,
        };
        let strays = storage.records.on(everywhere).map(|(key, _)| key);
        let strays: Vec<Id> = strays
            .filter(|&key| !is_ours(key))
            .take(STRAYS_MAX)
            .collect();
        for key in strays {
            self.send_home(key, io);
        }
    }

    /// The arc that we own.
    pub(super) fn own_arc(&self, io: &Io<'_, Node>) -> Option<Arc> {
        let to = self.near.id();
        match self.near.predecessor() {
            Some(predecessor) => Some(Arc {
                from: io.shared().contacts.id(predecessor),
                to,
            }),
            None if self.near.head().is_none() => Some(Arc { from: to, to }),
            None => None,
        }
    }

    /// The first of these who live on hosts of their own, as many as there are replicas besides
    /// us (spec section 10).
    fn replicas(&self, candidates: &[Contact], io: &Io<'_, Node>) -> Vec<Contact> {
        let Shared { contacts, config } = io.shared();
        let mut hosts = Vec::from([contacts.endpoint(self.near.me())]);
        let mut replicas = Vec::new();
        for &candidate in candidates {
            let host = contacts.endpoint(candidate);
            if replicas.len() + 1 < config.replicas && !hosts.contains(&host) {
                hosts.push(host);
                replicas.push(candidate);
            }
        }
        replicas
    }
}

/// The parts of an arc in which their records and ours are not the same.
fn differing(records: &super::records::Records, arc: Arc, theirs: &[u64; PARTS]) -> Vec<Arc> {
    let parts = arc.parts().into_iter().zip(theirs);
    parts
        .filter_map(|(part, &theirs)| part.filter(|&part| records.digest(part) != theirs))
        .collect()
}
