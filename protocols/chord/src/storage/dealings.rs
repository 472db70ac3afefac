//! The client: puts, gets and deletes, each with a majority of a key's replicas.
//!
//! ```text
//!  Search ──owner and followers──▶ Versions ──all answered, or silent──▶ Write ──▶ done
//!    ▲                                │ (a get: newest known, else fetch it) ──▶ done
//!    └──── after a while, if fewer than a majority answered ◀──┘
//! ```

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;
use keyspace::Id;
use machine::{Instant, Io};

use super::records::{Record, Verdict, Version};
use super::{VALUE_INLINE_MAX, VALUE_MAX};
use crate::api::{Event, Failure, RequestId};
use crate::contacts::Contact;
use crate::member::{Member, NEVER, Standing};
use crate::node::Node;
use crate::rpc::Rpc;
use crate::search::Purpose;
use crate::searches::Outcome;
use crate::wire::{Body, Fetch, Holding, Part, Transaction};

/// How many dealings a member has under way at a time.
const DEALINGS_MAX: usize = 256;
/// How many times a dealing begins anew.
const TRIES_MAX: u8 = 4;
/// How long it waits before that: a round or two of the ring's upkeep.
const TRY_AGAIN: Duration = Duration::from_secs(2);

/// A dealing of this member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DealingId(u32);

/// Something being done about a key.
#[derive(Debug)]
pub(super) struct Dealing {
    id: DealingId,
    key: Id,
    what: What,
    stage: Stage,
    replicas: Vec<Replica>,
    /// Who was asked for its own list already.
    owner: Option<Contact>,
    tries: u8,
}

#[derive(Debug, Clone)]
enum What {
    Get(RequestId),
    Put(RequestId, Option<Bytes>),
    /// A record that is none of our business is brought to where it belongs.
    Return(Record),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Search,
    Versions,
    /// A long value is fetched from a replica that has it.
    Value(Version),
    Write(Version),
    Again(Instant),
}

/// One of the nodes that keep the key.
#[derive(Debug)]
struct Replica {
    contact: Contact,
    rpc: Option<Rpc>,
    /// What it has; unknown if it does not answer.
    holding: Option<Holding>,
    verdict: Option<Verdict>,
}

impl Dealing {
    /// Whom it holds by name.
    pub(super) fn contacts(&self) -> impl Iterator<Item = Contact> {
        let replicas = self.replicas.iter().map(|replica| replica.contact);
        replicas.chain(self.owner)
    }

    pub(super) fn deadline(&self) -> Instant {
        let again = match self.stage {
            Stage::Again(at) => at,
            Stage::Search | Stage::Versions | Stage::Value(_) | Stage::Write(_) => NEVER,
        };
        let rpcs = self.replicas.iter().filter_map(|replica| replica.rpc);
        rpcs.map(|rpc| rpc.deadline).fold(again, Instant::min)
    }

    fn is_waiting(&self) -> bool {
        self.replicas.iter().any(|replica| replica.rpc.is_some())
    }

    fn majority(&self) -> usize {
        self.replicas.len() / 2 + 1
    }

    /// What is asked of replicas at this stage.
    fn question(&self) -> Option<Body> {
        let key = self.key;
        match (self.stage, &self.what) {
            (Stage::Versions, What::Get(_)) | (Stage::Value(_), _) => {
                let part = Part::Value;
                Some(Body::Fetch(Box::new(Fetch { key, part })))
            }
            (Stage::Versions, _) => {
                let part = Part::Version;
                Some(Body::Fetch(Box::new(Fetch { key, part })))
            }
            (Stage::Write(version), What::Put(_, value)) => Some(Body::Store(Box::new(Record {
                key,
                version,
                value: value.clone(),
            }))),
            (Stage::Write(_), What::Return(record)) => Some(Body::Store(Box::new(record.clone()))),
            (Stage::Write(_), What::Get(_)) | (Stage::Search | Stage::Again(_), _) => None,
        }
    }

    fn is_long(&self) -> bool {
        let value = match (&self.what, self.stage) {
            (_, Stage::Value(_)) => return true,
            (What::Put(_, value), Stage::Write(_)) => value,
            (What::Return(record), Stage::Write(_)) => &record.value,
            _ => return false,
        };
        value
            .as_ref()
            .is_some_and(|value| value.len() > VALUE_INLINE_MAX)
    }
}

impl Member {
    pub(crate) fn get(&mut self, request: RequestId, key: Id, io: &mut Io<'_, Node>) {
        self.deal(key, What::Get(request), io);
    }

    pub(crate) fn put(
        &mut self,
        request: RequestId,
        key: Id,
        value: Option<Bytes>,
        io: &mut Io<'_, Node>,
    ) {
        if value.as_ref().is_some_and(|value| value.len() > VALUE_MAX) {
            let why = Failure::TooLong;
            return io.emit(Event::Failed { request, why });
        }
        self.deal(key, What::Put(request, value), io);
    }

    /// Brings a record to where it belongs.
    pub(super) fn send_home(&mut self, key: Id, io: &mut Io<'_, Node>) {
        if let Some(record) = self.storage().records.find(key) {
            self.deal(key, What::Return(record), io);
        }
    }

    fn deal(&mut self, key: Id, what: What, io: &mut Io<'_, Node>) {
        let is_member = matches!(self.standing, Standing::Small | Standing::Member);
        let storage = self.storage();
        storage.dealt = storage.dealt.wrapping_add(1);
        let dealing = Dealing {
            id: DealingId(storage.dealt),
            key,
            what,
            stage: Stage::Search,
            replicas: Vec::new(),
            owner: None,
            tries: 0,
        };
        if !is_member {
            return fail(&dealing, Failure::NotMember, io);
        }
        if storage.dealings.len() >= DEALINGS_MAX {
            return fail(&dealing, Failure::TooMany, io);
        }
        let id = dealing.id;
        storage.dealings.push(dealing);
        self.search(key, Purpose::Deal(id), io);
    }

    /// The lookup of a dealing's key has ended.
    pub(crate) fn replicas_found(
        &mut self,
        id: DealingId,
        outcome: Outcome,
        io: &mut Io<'_, Node>,
    ) {
        let Some(mut dealing) = self.take_dealing(id) else {
            return;
        };
        let Outcome::OwnerList(around) = outcome else {
            return self.deal_again(dealing, io);
        };
        let contacts = &io.shared().contacts;
        let mut hosts = Vec::new();
        dealing.replicas.clear();
        for &contact in around.successors.iter() {
            let host = contacts.endpoint(contact);
            if dealing.replicas.len() < io.shared().config.replicas && !hosts.contains(&host) {
                hosts.push(host);
                dealing.replicas.push(Replica {
                    contact,
                    rpc: None,
                    holding: None,
                    verdict: None,
                });
            }
        }
        // Who named the owner may know few of those behind it; the owner itself knows them all.
        let owner = around.successors.first().copied();
        let is_short = dealing.replicas.len() < io.shared().config.replicas;
        if let Some(owner) = owner.filter(|&owner| is_short && owner != self.near.me())
            && dealing.owner != Some(owner)
        {
            dealing.owner = Some(owner);
            let key = dealing.key;
            self.storage().dealings.push(dealing);
            return self.search_via(owner, key, Purpose::Deal(id), io);
        }
        dealing.stage = match &dealing.what {
            What::Return(record) => Stage::Write(record.version),
            What::Get(_) | What::Put(..) => Stage::Versions,
        };
        self.ask_replicas(dealing, io);
    }

    /// Asks all replicas; ourselves without a message.
    fn ask_replicas(&mut self, mut dealing: Dealing, io: &mut Io<'_, Node>) {
        let (Some(question), is_long) = (dealing.question(), dealing.is_long()) else {
            return;
        };
        let me = self.near.me();
        for at in 0..dealing.replicas.len() {
            let contact = dealing.replicas[at].contact;
            if contact == me {
                let (holding, verdict) = self.ask_ourselves(&question, io);
                dealing.replicas[at].holding = holding.or(dealing.replicas[at].holding.take());
                dealing.replicas[at].verdict = verdict;
                continue;
            }
            let rpc = if is_long {
                self.ask_long(contact, question.clone(), io)
            } else {
                Rpc::ask(contact, question.clone(), self.number, self.trips, io)
            };
            dealing.replicas[at].rpc = Some(rpc);
        }
        self.proceed_dealing(dealing, io);
    }

    fn ask_ourselves(
        &mut self,
        question: &Body,
        io: &mut Io<'_, Node>,
    ) -> (Option<Holding>, Option<Verdict>) {
        if let Body::Store(record) = question {
            return (None, Some(self.keep(record, io)));
        }
        let Body::Fetch(fetch) = question else {
            return (None, None);
        };
        let found = self.storage().records.find(fetch.key);
        let holding = found.map_or(Holding::Nothing, |record| match record.value {
            Some(value) => Holding::Value(record.version, value),
            None => Holding::Deleted(record.version),
        });
        (Some(holding), None)
    }

    /// An answer of a replica; gives the body back if no dealing waits for it.
    pub(super) fn dealing_answered(
        &mut self,
        transaction: Transaction,
        body: Body,
        io: &mut Io<'_, Node>,
    ) -> Result<(), Body> {
        let asked = |replica: &Replica| {
            replica
                .rpc
                .is_some_and(|rpc| rpc.transaction == transaction)
        };
        let dealings = &mut self.storage().dealings;
        let found = dealings
            .iter()
            .position(|dealing| dealing.replicas.iter().any(asked));
        let Some(at) = found else {
            return Err(body);
        };
        let mut dealing = dealings.swap_remove(at);
        let is_long = dealing.is_long();
        let replicas = dealing.replicas.iter_mut();
        for replica in replicas.filter(|replica| asked(replica)) {
            if let Some(rpc) = replica.rpc.take().filter(|_| !is_long) {
                self.trips.learn(rpc.took(io.now()));
            }
            // All else is a refusal, or nonsense.
            if let Body::Fetched(holding) = &body {
                replica.holding = Some((**holding).clone());
            } else if let Body::Stored(verdict) = &body {
                replica.verdict = Some(*verdict);
            }
        }
        self.proceed_dealing(dealing, io);
        Ok(())
    }

    /// Goes on once no replica is waited for.
    fn proceed_dealing(&mut self, dealing: Dealing, io: &mut Io<'_, Node>) {
        if dealing.is_waiting() {
            return self.storage().dealings.push(dealing);
        }
        match dealing.stage {
            Stage::Versions => self.versions_known(dealing, io),
            Stage::Value(version) => {
                let values = dealing
                    .replicas
                    .iter()
                    .filter_map(|replica| match &replica.holding {
                        Some(Holding::Value(theirs, value)) if *theirs >= version => {
                            Some((*theirs, value.clone()))
                        }
                        _ => None,
                    });
                match (values.max_by_key(|&(version, _)| version), &dealing.what) {
                    (Some((version, value)), &What::Get(request)) => {
                        let value = Some(value);
                        io.emit(Event::Got {
                            request,
                            version,
                            value,
                        });
                    }
                    _ => self.deal_again(dealing, io),
                }
            }
            Stage::Write(version) => self.written(dealing, version, io),
            Stage::Search | Stage::Again(_) => self.storage().dealings.push(dealing),
        }
    }

    /// All replicas that live have told which version they have.
    fn versions_known(&mut self, mut dealing: Dealing, io: &mut Io<'_, Node>) {
        let known = dealing
            .replicas
            .iter()
            .filter_map(|replica| replica.holding.as_ref());
        if known.clone().count() < dealing.majority() {
            return self.deal_again(dealing, io);
        }
        let newest = known.max_by_key(|holding| holding.version()).cloned();
        let newest = newest.unwrap_or(Holding::Nothing);
        match dealing.what {
            What::Put(..) => {
                let before = newest.version().unwrap_or_default();
                let version = Version {
                    counter: before.counter.saturating_add(1),
                    writer: io.rng().next_u64(),
                };
                dealing.stage = Stage::Write(version);
                self.ask_replicas(dealing, io);
            }
            What::Get(request) => self.got(dealing, request, newest, io),
            What::Return(_) => {}
        }
    }

    fn got(
        &mut self,
        mut dealing: Dealing,
        request: RequestId,
        newest: Holding,
        io: &mut Io<'_, Node>,
    ) {
        let version = newest.version().unwrap_or_default();
        let value = match newest {
            Holding::Long(..) => {
                // From the first that has it; should it die, all begins anew.
                let has_it = |replica: &Replica| {
                    replica.holding.as_ref().and_then(Holding::version) == Some(version)
                };
                dealing.stage = Stage::Value(version);
                let holder = dealing.replicas.iter().position(has_it);
                let holder = holder.map(|at| dealing.replicas.swap_remove(at));
                dealing.replicas = holder.into_iter().collect();
                return self.ask_replicas(dealing, io);
            }
            Holding::Value(_, value) => Some(value),
            Holding::Deleted(_) | Holding::Nothing => None,
        };
        // Read-repair: who has an older one gets this.
        if version != Version::default() {
            let record = Record {
                key: dealing.key,
                version,
                value: value.clone(),
            };
            let (me, number) = (self.near.me(), self.number);
            let older = dealing.replicas.iter().filter(|replica| {
                let holding = replica.holding.as_ref();
                holding.is_some_and(|holding| holding.version() < Some(version))
            });
            for replica in older {
                if replica.contact == me {
                    self.keep(&record, io);
                    continue;
                }
                let body = Body::Store(Box::new(record.clone()));
                Rpc::ask(replica.contact, body, number, self.trips, io);
            }
        }
        io.emit(Event::Got {
            request,
            version,
            value,
        });
    }

    /// All replicas that live have told what became of a write.
    fn written(&mut self, dealing: Dealing, version: Version, io: &mut Io<'_, Node>) {
        let done = |replica: &&Replica| {
            // Something newer was written at the same time: ours came before it.
            matches!(replica.verdict, Some(Verdict::Kept | Verdict::Older))
        };
        let copies = dealing.replicas.iter().filter(done).count();
        let is_whole = copies == dealing.replicas.len();
        if copies < dealing.majority() {
            return self.deal_again(dealing, io);
        }
        match &dealing.what {
            What::Put(request, _) => io.emit(Event::Stored {
                request: *request,
                version,
                copies,
            }),
            What::Return(record) => {
                let me = self.near.me();
                let is_replica = dealing.replicas.iter().any(|replica| replica.contact == me);
                if is_whole
                    && !is_replica
                    && self.storage().records.version(record.key) == Some(version)
                {
                    self.storage().records.remove(record.key);
                }
            }
            What::Get(_) => {}
        }
    }

    /// Begins anew a little later, unless that was tried often enough.
    fn deal_again(&mut self, mut dealing: Dealing, io: &mut Io<'_, Node>) {
        dealing.tries += 1;
        if dealing.tries >= TRIES_MAX {
            return fail(&dealing, Failure::NoMajority, io);
        }
        dealing.replicas.clear();
        dealing.stage = Stage::Again(io.now() + TRY_AGAIN);
        self.storage().dealings.push(dealing);
        self.storage().rearm();
    }

    pub(super) fn dealings_timed_out(&mut self, io: &mut Io<'_, Node>) {
        let now = io.now();
        let is_due = |dealing: &Dealing| dealing.deadline() <= now;
        let due: Vec<DealingId> = self
            .storage()
            .dealings
            .iter()
            .filter(|dealing| is_due(dealing))
            .map(|dealing| dealing.id)
            .collect();
        for id in due {
            let Some(mut dealing) = self.take_dealing(id) else {
                continue;
            };
            if matches!(dealing.stage, Stage::Again(_)) {
                dealing.stage = Stage::Search;
                let key = dealing.key;
                self.storage().dealings.push(dealing);
                self.search(key, Purpose::Deal(id), io);
                continue;
            }
            self.ask_late_again(&mut dealing, io);
            self.proceed_dealing(dealing, io);
        }
    }

    /// Asks those who are late once more, or no more.
    fn ask_late_again(&mut self, dealing: &mut Dealing, io: &mut Io<'_, Node>) {
        let (now, attempts, trips) = (io.now(), io.shared().config.attempts, self.trips);
        let (question, is_long) = (dealing.question(), dealing.is_long());
        for replica in &mut dealing.replicas {
            let Some(rpc) = replica.rpc.as_mut().filter(|rpc| rpc.deadline <= now) else {
                continue;
            };
            match &question {
                Some(question) if !is_long && rpc.attempts < attempts => {
                    rpc.repeat(question.clone(), trips, io);
                }
                _ => {
                    let rpc = *rpc;
                    replica.rpc = None;
                    self.drop_link(rpc.transaction, io);
                    self.suspect(rpc.to, io);
                }
            }
        }
    }

    fn take_dealing(&mut self, id: DealingId) -> Option<Dealing> {
        let dealings = &mut self.storage().dealings;
        let at = dealings.iter().position(|dealing| dealing.id == id)?;
        Some(dealings.swap_remove(at))
    }
}

fn fail(dealing: &Dealing, why: Failure, io: &mut Io<'_, Node>) {
    match dealing.what {
        What::Get(request) | What::Put(request, _) => io.emit(Event::Failed { request, why }),
        // It is tried again with the next repair.
        What::Return(_) => {}
    }
}
