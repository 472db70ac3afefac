//! A visitor's puts, gets and deletes, each with a majority of a key's replicas: what members do
//! themselves in `storage`.
//!
//! ```text
//!  Search ──owner and followers──▶ Versions ──all have answered, or are silent──▶ Write ──▶ done
//!    ▲                                │ (a get: the newest of them, fetched if long) ──▶ done
//!    └──── after a while, if fewer than a majority answered ◀──┘
//! ```

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;
use keyspace::Id;
use machine::{Endpoint, Io};

use super::questions::{Ask, By, Reply, Whom};
use super::search::Search;
use super::{Event, Failure, Got, Next, Stored, Visitor};
use crate::contacts::Contact;
use crate::storage::VALUE_INLINE_MAX;
use crate::storage::records::{Record, Verdict, Version};
use crate::wire::{Body, Fetch, Holding, Part};

/// How many times a dealing begins anew, and how long it waits before that: a round or two of the
/// ring's upkeep.
const TRIES_MAX: u8 = 4;
const TRY_AGAIN: Duration = Duration::from_secs(2);

/// Something being done about a key's value.
#[derive(Debug)]
pub(super) struct Values {
    key: Id,
    what: What,
    door: Endpoint,
    guide: Contact,
    stage: Stage,
    replicas: Vec<Replica>,
    tries: u8,
}

/// What is done.
#[derive(Debug, Clone)]
pub(super) enum What {
    Get,
    /// A value is put; or deleted, if there is none.
    Put(Option<Bytes>),
}

#[derive(Debug)]
enum Stage {
    Search(Box<Search>),
    Versions,
    Value,
    Write(Version),
    Pause,
}

/// One of the nodes that keep the key.
#[derive(Debug)]
struct Replica {
    contact: Contact,
    is_waited_for: bool,
    /// What it has; unknown if it does not answer.
    holding: Option<Holding>,
    verdict: Option<Verdict>,
}

impl Values {
    pub(super) fn begin(
        key: Id,
        what: What,
        (door, guide): (Endpoint, Contact),
        io: &mut Io<'_, Visitor>,
    ) -> (Self, Next) {
        let (search, next) = Search::begin(key, door, guide, io);
        let values = Self {
            key,
            what,
            door,
            guide,
            stage: Stage::Search(Box::new(search)),
            replicas: Vec::new(),
            tries: 0,
        };
        (values, next)
    }

    pub(super) fn proceed(&mut self, reply: Reply, io: &mut Io<'_, Visitor>) -> Next {
        if let Stage::Search(search) = &mut self.stage {
            return match search.proceed(reply, io) {
                Next::Done(Event::Found(_)) => {
                    let owners = search.owners().to_vec();
                    self.ask_versions(&owners, io)
                }
                Next::Done(Event::Failed(Failure::NoWay(_) | Failure::TooLate(_))) => self.again(),
                next @ (Next::Ask(_) | Next::Wait | Next::Pause(_) | Next::Done(_)) => next,
            };
        }
        self.note(reply);
        if self.replicas.iter().any(|replica| replica.is_waited_for) {
            return Next::Wait;
        }
        match self.stage {
            Stage::Versions => self.versions_known(io),
            Stage::Value => self.got(),
            Stage::Write(version) => self.written(version),
            Stage::Search(_) | Stage::Pause => Next::Wait,
        }
    }

    /// The pause is over: begins anew.
    pub(super) fn rested(&mut self, io: &mut Io<'_, Visitor>) -> Next {
        let (search, next) = Search::begin(self.key, self.door, self.guide, io);
        self.stage = Stage::Search(Box::new(search));
        next
    }

    /// Asks the replicas, one a host, what they have.
    fn ask_versions(&mut self, owners: &[Contact], io: &Io<'_, Visitor>) -> Next {
        let contacts = &io.shared().contacts;
        let mut hosts = Vec::new();
        self.replicas.clear();
        for &contact in owners {
            let host = contacts.endpoint(contact);
            if self.replicas.len() < io.shared().config.replicas && !hosts.contains(&host) {
                hosts.push(host);
                self.replicas.push(Replica {
                    contact,
                    is_waited_for: false,
                    holding: None,
                    verdict: None,
                });
            }
        }
        self.stage = Stage::Versions;
        let part = match self.what {
            What::Get => Part::Value,
            What::Put(_) => Part::Version,
        };
        let key = self.key;
        self.ask_all(&Body::Fetch(Box::new(Fetch { key, part })), By::Datagram)
    }

    fn ask_all(&mut self, body: &Body, by: By) -> Next {
        let ask = |replica: &mut Replica| {
            replica.is_waited_for = true;
            Ask {
                whom: Whom::Node(replica.contact),
                body: body.clone(),
                by,
            }
        };
        Next::Ask(self.replicas.iter_mut().map(ask).collect())
    }

    fn note(&mut self, reply: Reply) {
        let is_from = |replica: &&mut Replica| Whom::Node(replica.contact) == reply.from;
        let Some(replica) = self.replicas.iter_mut().find(is_from) else {
            return;
        };
        replica.is_waited_for = false;
        // All else is a refusal, or nonsense.
        if let Some((Body::Fetched(holding), _)) = reply.answer {
            replica.holding = Some(*holding);
        } else if let Some((Body::Stored(verdict), _)) = reply.answer {
            replica.verdict = Some(verdict);
        }
    }

    const fn majority(&self) -> usize {
        self.replicas.len() / 2 + 1
    }

    fn newest(&self) -> Holding {
        let known = self.replicas.iter();
        let known = known.filter_map(|replica| replica.holding.as_ref());
        let newest = known.max_by_key(|holding| holding.version());
        newest.cloned().unwrap_or(Holding::Nothing)
    }

    /// All replicas that live have told what they have.
    fn versions_known(&mut self, io: &mut Io<'_, Visitor>) -> Next {
        let answered = |replica: &&Replica| replica.holding.is_some();
        if self.replicas.iter().filter(answered).count() < self.majority() {
            return self.again();
        }
        let newest = self.newest();
        let What::Put(value) = &self.what else {
            return self.fetch_if_long(&newest);
        };
        let before = newest.version().unwrap_or_default();
        let version = Version {
            counter: before.counter.saturating_add(1),
            writer: io.rng().next_u64(),
        };
        let record = Record {
            key: self.key,
            version,
            value: value.clone(),
        };
        let is_long = value
            .as_ref()
            .is_some_and(|value| value.len() > VALUE_INLINE_MAX);
        self.stage = Stage::Write(version);
        let by = if is_long { By::Stream } else { By::Datagram };
        self.ask_all(&Body::Store(Box::new(record)), by)
    }

    /// A long value is fetched over a stream, from those who have the newest.
    fn fetch_if_long(&mut self, newest: &Holding) -> Next {
        if !matches!(newest, Holding::Long(..)) {
            return self.got();
        }
        let version = newest.version();
        let has_it =
            |replica: &Replica| replica.holding.as_ref().and_then(Holding::version) == version;
        // From the first that has it; should it die, all begins anew.
        let holder = self.replicas.iter().position(has_it);
        let holder = holder.map(|at| self.replicas.swap_remove(at));
        self.replicas = holder.into_iter().collect();
        self.stage = Stage::Value;
        let (key, part) = (self.key, Part::Value);
        self.ask_all(&Body::Fetch(Box::new(Fetch { key, part })), By::Stream)
    }

    fn got(&mut self) -> Next {
        let newest = self.newest();
        let version = newest.version().unwrap_or_default();
        let value = match newest {
            Holding::Long(..) => return self.again(),
            Holding::Value(_, value) => Some(value),
            Holding::Deleted(_) | Holding::Nothing => None,
        };
        Next::Done(Event::Got(Got {
            key: self.key,
            version,
            value,
        }))
    }

    /// All replicas that live have told what became of the write.
    fn written(&mut self, version: Version) -> Next {
        // Where something newer was written at the same time, ours came before it.
        let is_done =
            |replica: &&Replica| matches!(replica.verdict, Some(Verdict::Kept | Verdict::Older));
        let copies = self.replicas.iter().filter(is_done).count();
        if copies < self.majority() {
            return self.again();
        }
        Next::Done(Event::Stored(Stored {
            key: self.key,
            version,
            copies,
            replicas: self.replicas.len(),
        }))
    }

    /// Begins anew a little later, unless that was tried often enough.
    fn again(&mut self) -> Next {
        self.tries += 1;
        if self.tries >= TRIES_MAX {
            return Next::failed(Failure::NoMajority);
        }
        self.replicas.clear();
        self.stage = Stage::Pause;
        Next::Pause(TRY_AGAIN)
    }
}
