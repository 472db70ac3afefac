//! Values on the ring: each is kept by the owner of its key and those who follow it.
//!
//! | file | what stands there |
//! |---|---|
//! | [`records`] | what one member keeps |
//! | `dealings` | the client: put, get and delete, with a majority of the replicas |
//! | `serving` | the replica: answers to the former |
//! | `sync` | replicas make their ranges equal, after changes of the ring and from time to time |
//! | `streams` | what does not fit into a datagram |
//!
//! A value has a *version*: a counter, and a random number of its writer that decides between two
//! of the same count. Replicas keep the newest. A put asks all replicas for their version, writes
//! the next one to all, and succeeds if a majority has it; a get takes the newest that a majority
//! knows, and gives it to those who have it not. A deleted value is a version without bytes.

mod dealings;
pub mod records;
mod serving;
pub(crate) mod streams;
mod sync;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use machine::{ConnId, Instant, Io};

use dealings::Dealing;
pub(crate) use dealings::DealingId;
use records::Records;
use streams::Link;
pub(crate) use streams::{Channel, Serving};
use sync::{Confirmed, Sync, Task};

use crate::contacts::Contact;
use crate::member::{Member, NEVER};
use crate::node::Node;
use crate::wire::Transaction;

/// How long a value may be, in bytes.
pub const VALUE_MAX: usize = 1024 * 1024;
/// How long a value may be that travels in a datagram, in bytes: with its key, its version and the
/// header it fits into 1200.
pub const VALUE_INLINE_MAX: usize = 1024;

/// What a member keeps for others, and does about it.
#[derive(Debug, Default)]
pub(crate) struct Storage {
    pub(crate) records: Records,
    dealings: Vec<Dealing>,
    dealt: u32,
    sync: Option<Sync>,
    tasks: VecDeque<Task>,
    confirmed: Vec<Confirmed>,
    /// Who was told last that it is a replica of our range.
    replicas: Vec<Contact>,
    /// When to tell them again.
    repair_at: Option<Instant>,
    /// Questions over streams of our own.
    links: BTreeMap<ConnId, Link>,
    wake: Option<Instant>,
}

impl Storage {
    /// Whom it holds by name.
    pub(crate) fn contacts(&self) -> impl Iterator<Item = Contact> {
        let dealings = self.dealings.iter().flat_map(Dealing::contacts);
        let tasks = self.tasks.iter().map(|task| task.with);
        let sync = self.sync.as_ref().map(|sync| sync.with);
        dealings
            .chain(tasks)
            .chain(sync)
            .chain(self.replicas.iter().copied())
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.wake.unwrap_or(NEVER)
    }

    fn rearm(&mut self) {
        let dealings = self.dealings.iter().map(Dealing::deadline);
        let sync = self.sync.as_ref().map_or(NEVER, Sync::deadline);
        let earliest = dealings
            .chain([sync, self.repair_at.unwrap_or(NEVER)])
            .min()
            .unwrap_or(NEVER);
        self.wake = Some(earliest);
    }
}

impl Member {
    pub(crate) fn storage(&mut self) -> &mut Storage {
        self.aside().storage.get_or_insert_default()
    }

    pub(crate) fn storage_ref(&self) -> Option<&Storage> {
        self.aside.as_ref()?.storage.as_deref()
    }

    pub(crate) fn storage_timed_out(&mut self, io: &mut Io<'_, Node>) {
        let is_due = self
            .storage_ref()
            .is_some_and(|storage| storage.deadline() <= io.now());
        if is_due {
            self.dealings_timed_out(io);
            self.sync_timed_out(io);
            self.repair_if_due(io);
            self.storage().rearm();
        }
    }

    /// An answer about values came; tells whether anybody waited for it.
    pub(crate) fn storage_answered(
        &mut self,
        transaction: Transaction,
        body: crate::wire::Body,
        io: &mut Io<'_, Node>,
    ) -> bool {
        if self.storage_ref().is_none() {
            return false;
        }
        let used = match self.dealing_answered(transaction, body, io) {
            Ok(()) => true,
            Err(body) => self.sync_answered(transaction, body, io),
        };
        self.storage().rearm();
        used
    }
}
