//! All that a user of this crate sees: what a node can be asked, what it tells, how a ring is set up.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;
use keyspace::{Id, Space};
use machine::Endpoint;

use crate::contacts::{Contact, Contacts};
use crate::storage::records::Version;

/// What the nodes of one driver share.
#[derive(Debug)]
pub struct Shared {
    /// Whom they know.
    pub contacts: Contacts,
    /// How their ring is set up.
    pub config: Config,
}

/// How a ring is set up; the same for all its nodes.
#[derive(Debug, Clone)]
pub struct Config {
    /// The ring's points.
    pub space: Space,
    /// How many successors each member keeps: the r of the papers, 2 log2 N. More than 26 do not
    /// fit into a datagram, and are for simulations that pass messages as values.
    pub successors: usize,
    /// Which short cuts it keeps.
    pub fingers: Fingers,
    /// How lookups are made.
    pub routing: Routing,
    /// How many candidates an answer names, 1 to 3.
    pub candidates: u8,
    /// How neighbours are kept.
    pub rules: Rules,
    /// How often a member makes sure of its successors.
    pub stabilise: Period,
    /// How soon it does so again after a change.
    pub stabilise_soon: Duration,
    /// How often it looks up one of its fingers.
    pub fix_finger: Period,
    /// How long it waits for an answer.
    pub patience: Patience,
    /// How many times neighbours are asked before they count as dead.
    pub attempts: u8,
    /// What follows when somebody does not answer.
    pub suspicion: Suspicion,
    /// When a lookup is given up.
    pub lookup_timeout: Duration,
    /// How many nodes keep each value: the owner of its key and those who follow it.
    pub replicas: usize,
    /// How often replicas compare what they have.
    pub repair: Period,
    /// How often a member looks for rings that the net once cut off; never, if there is none.
    pub merge: Option<Period>,
    /// How many lookups a member has under way at a time; more are refused.
    pub lookups_max: usize,
}

/// A time between two lengths, drawn anew each time so that members do not fall into step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// The least.
    pub min: Duration,
    /// The greatest.
    pub max: Duration,
}

/// Which short cuts a member keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fingers {
    /// None: lookups go along the successor lists.
    None,
    /// The successor of each point at a distance of a power of two.
    Exact,
    /// Of the first few after that point the one that answers soonest.
    Nearby {
        /// How many are tried: 16 come close to the best (spec section 11).
        samples: u8,
    },
}

/// How lookups are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Routing {
    /// The origin asks each hop in turn.
    Iterative,
    /// Each hop passes the question on; should the answer stay away, the origin asks in turn.
    Recursive,
}

/// How neighbours are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rules {
    /// As proven correct (spec section 7).
    Corrected,
    /// As first published, which can lose nodes and break the ring (spec sections 5 and 6): the
    /// negative control of tests.
    Original,
}

/// How long to wait for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Always the same.
    Fixed(Duration),
    /// As long as answers have taken so far: the mean and four deviations (RFC 6298), between
    /// 200 ms and 3 s; 1 s before the first.
    Measured,
}

/// What follows when somebody does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suspicion {
    /// It is struck from the tables and not asked for a while: 60 s, doubling up to 960 s.
    Quarantine,
    /// The lookup goes another way, and that is all: for experiments with stale tables.
    Forgive,
}

/// A lookup of this node, numbered by its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LookupId(pub u32);

/// A request for a value, numbered by the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u32);

/// What a user may ask of a node. A host of several virtual nodes does it with the first of them,
/// but for joining and leaving, which all do.
#[derive(Debug, Clone)]
pub enum Command {
    /// Begin a ring.
    Create,
    /// Join the ring of the node at this address.
    Join(Endpoint),
    /// Hand all over and leave the ring; [`Event::Left`] follows.
    Leave,
    /// Find out who owns a key.
    Lookup {
        /// Its number.
        lookup: LookupId,
        /// The key.
        key: Id,
    },
    /// Keep a value under a key, in place of what is there.
    Put {
        /// Its number.
        request: RequestId,
        /// The key.
        key: Id,
        /// The value, up to 1 MiB.
        value: Bytes,
    },
    /// Find the value of a key.
    Get {
        /// Its number.
        request: RequestId,
        /// The key.
        key: Id,
    },
    /// Delete the value of a key.
    Delete {
        /// Its number.
        request: RequestId,
        /// The key.
        key: Id,
    },
}

/// What a node tells its user.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// We are a member of the ring.
    Joined,
    /// We cannot join: nobody answers there, or our id is taken.
    NotJoined(NotJoined),
    /// We are in no ring any more: nobody needs us.
    Left,
    /// All our successors are gone; we look for the ring from other nodes that we know.
    Adrift,
    /// A lookup ended.
    Found(Box<Found>),
    /// A lookup found nobody.
    NotFound {
        /// Which one.
        lookup: LookupId,
        /// Why.
        why: NotFound,
    },
    /// A value was put, or deleted: a majority of its replicas know.
    Stored {
        /// Which request.
        request: RequestId,
        /// The version that it has now.
        version: Version,
        /// How many replicas know.
        copies: usize,
    },
    /// The value of a key, as a majority of its replicas know it.
    Got {
        /// Which request.
        request: RequestId,
        /// Its version.
        version: Version,
        /// The value; none, if it was deleted or never put.
        value: Option<Bytes>,
    },
    /// A request for a value failed.
    Failed {
        /// Which one.
        request: RequestId,
        /// Why.
        why: Failure,
    },
}

/// Why a request for a value failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// We are not in a ring.
    #[error("this node is not in a ring")]
    NotMember,
    /// A value may have 1 MiB.
    #[error("the value is longer than 1 MiB")]
    TooLong,
    /// Too few of the key's replicas could be reached; what was written may yet be found.
    #[error("no majority of the replicas answers")]
    NoMajority,
    /// Too many requests are under way.
    #[error("too many requests are under way")]
    TooMany,
}

/// Why a node is not in a ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotJoined {
    /// Nobody answers at that address.
    #[error("nobody answers at {0}")]
    NoAnswer(Endpoint),
    /// Somebody answers, but the ring could not be found through it.
    #[error("the ring could not be found")]
    NoRing,
    /// Another node has our id.
    #[error("another node has this id")]
    IdTaken,
}

/// Why a lookup found nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotFound {
    /// We are not in a ring.
    #[error("this node is not in a ring")]
    NotMember,
    /// Nobody was left to ask, or it took too long.
    #[error("nobody on the way answers")]
    NoWay,
    /// Too many lookups are under way.
    #[error("too many lookups are under way")]
    TooMany,
}

/// What a lookup found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Which lookup.
    pub lookup: LookupId,
    /// The key.
    pub key: Id,
    /// Its owner, and up to two who follow it.
    pub owners: Vec<Contact>,
    /// How many nodes answered on the way: those that the lookup was forwarded to.
    pub hops: u16,
    /// How many did not.
    pub timeouts: u16,
    /// How long it took.
    pub took: Duration,
}

impl Period {
    /// A mean, half of it more or less: what the papers' experiments draw.
    #[must_use]
    pub const fn about(mean: Duration) -> Self {
        let half = mean.checked_div(2).expect("two is not zero");
        Self {
            min: half,
            max: mean.saturating_add(half),
        }
    }
}

impl Config {
    /// The ring of live nodes (spec section 12).
    #[must_use]
    pub const fn new() -> Self {
        Self {
            space: Space::FULL,
            successors: 16,
            fingers: Fingers::Exact,
            routing: Routing::Iterative,
            candidates: 3,
            rules: Rules::Corrected,
            stabilise: Period::about(Duration::from_secs(10)),
            stabilise_soon: Duration::from_secs(1),
            fix_finger: Period::about(Duration::from_secs(8)),
            patience: Patience::Measured,
            attempts: 3,
            suspicion: Suspicion::Quarantine,
            lookup_timeout: Duration::from_secs(15),
            replicas: 3,
            repair: Period::about(Duration::from_secs(60)),
            merge: Some(Period::about(Duration::from_secs(300))),
            lookups_max: 1024,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}
