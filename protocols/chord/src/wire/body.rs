//! What a message says.

use alloc::boxed::Box;

use bytes::Bytes;
use keyspace::Id;

use super::Transaction;
use crate::contacts::{Contact, Few};
use crate::storage::records::{Arc, PARTS, Record, Verdict, Version};

/// Some contacts, in an order that means something.
pub type List = Box<[Contact]>;

/// What a message says; the answers stand after their questions.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// Are you alive, and who are you?
    Ping,
    /// I am.
    Pong(Contact),

    /// Who owns this key, or is nearer to it than you?
    FindNext(Wanted),
    /// The same, but leave these out: they do not answer.
    FindNextWithout(Box<Exclusion>),
    /// Its owner, with those who follow it.
    Owner(Few),
    /// Its owner's predecessor, as far as we know, and the owner with all who follow it.
    OwnerList(Box<Neighbourhood>),
    /// These are nearer, nearest first.
    Next(Few),

    /// Who follows you?
    AskList,
    /// These, in order.
    Successors(List),

    /// Who stands before you, and who follows you?
    AskNeighbours,
    /// These.
    Neighbours(Box<Neighbourhood>),

    /// I believe to stand right before you.
    Notify(Contact),
    /// I have heard it.
    Notified,

    /// Which fingers have you?
    AskFingers,
    /// These, the longest first.
    Fingers(List),

    /// Find out who owns this key, or pass the question on.
    Route(Box<Route>),
    /// I have the question.
    Routed,
    /// To its origin: this is the owner.
    RouteResult(Box<RouteResult>),

    /// I leave; these were my neighbours.
    Leave(Box<Leave>),
    /// I have heard it.
    Left,

    /// Keep this.
    Store(Box<Record>),
    /// What came of it.
    Stored(Verdict),

    /// What have you of this key?
    Fetch(Box<Fetch>),
    /// This.
    Fetched(Box<Holding>),

    /// Give me what you have on this arc, from a point of it on.
    Transfer(Box<Stretch>),
    /// This, to begin with.
    Batch(Box<Batch>),

    /// What have you on this arc?
    Compare(Box<Arc>),
    /// So much that I tell the digests of its sixteen parts only.
    Digests(Box<[u64; PARTS]>),
    /// These keys, in these versions.
    Listing(Box<[(Id, Version)]>),

    /// You are a replica of my range; this is what you should have.
    Offer(Box<Offer>),

    /// Of a ring that is still too small for the usual rules: who is in it.
    SmallRing(Box<Page>),
    /// The answer to it.
    SmallRingAnswer(Box<Page>),

    /// I cannot answer that.
    Refused(Error),
}

/// A key to be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// The key.
    pub key: Id,
    /// How much shall be told of its owner.
    pub want: Want,
}

/// How much shall be told of a key's owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// Up to three nodes.
    Few,
    /// Its predecessor and the whole successor list.
    List,
}

/// A key to be found without the help of some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exclusion {
    /// What is wanted.
    pub wanted: Wanted,
    /// Who is to be left out: up to 16, by id, so that nobody can fill our table by them.
    pub excluded: Box<[Id]>,
}

/// A node's place: who stands before it and who follows. In an answer about a key, who stands
/// before the key's owner, and the owner first among those who follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbourhood {
    /// Who stands before.
    pub predecessor: Option<Contact>,
    /// Who follows, nearest first.
    pub successors: List,
}

/// A question that is passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// What is wanted.
    pub wanted: Wanted,
    /// Who wants it.
    pub origin: Contact,
    /// What the answer must carry.
    pub transaction: Transaction,
    /// How many have passed it on so far.
    pub hops: u8,
    /// How many times it had to be passed to another, because somebody was silent.
    pub timeouts: u8,
}

/// The answer to a question that was passed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteResult {
    /// The owner and some who follow it.
    pub found: List,
    /// How many have passed it on.
    pub hops: u8,
    /// How many were silent on the way.
    pub timeouts: u8,
}

/// Somebody leaves the ring in good order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leave {
    /// Who.
    pub leaver: Contact,
    /// Who stood before it, and who followed.
    pub around: Neighbourhood,
}

/// A question for a key's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fetch {
    /// The key.
    pub key: Id,
    /// What is wanted.
    pub part: Part,
}

/// What is wanted of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Its version only.
    Version,
    /// Its value too, if it fits.
    Value,
}

/// What a replica has of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holding {
    /// Nothing.
    Nothing,
    /// The word that it was deleted.
    Deleted(Version),
    /// Its value.
    Value(Version, Bytes),
    /// A value of so many bytes, which was not asked for or does not fit into a datagram.
    Long(Version, u32),
}

/// A part of an arc: from the cursor, which is not part of it, to the arc's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// The arc.
    pub arc: Arc,
    /// Where to go on.
    pub cursor: Id,
}

/// Some records of an arc, clockwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The records.
    pub records: Box<[Record]>,
    /// Where to go on; nowhere, if this was all.
    pub next: Option<Id>,
}

/// A range whose replica somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// Its owner.
    pub owner: Contact,
    /// The range.
    pub arc: Arc,
    /// The digest of all that the owner has of it.
    pub digest: u64,
}

/// What is said of a small ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// What it is about.
    pub stand: Stand,
    /// Who is meant: all members by the order in which they joined, or the one who speaks.
    pub members: List,
}

/// How it stands with a small ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stand {
    /// The speaker is, or wants to be, a member.
    Here,
    /// These are the members; the first coordinates.
    Small,
    /// The ring has grown: from now on each keeps its own neighbours.
    Grown,
}

/// Why a question is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// I am not, or not yet, a member of a ring.
    NotMember,
    /// I do not own this key.
    WrongOwner,
    /// I have too much to do.
    Busy,
    /// I do not know what you mean.
    Unsupported,
}

/// The number of a message type and its flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) number: u8,
    pub(crate) flags: u16,
}

impl Error {
    /// The code on the wire.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::NotMember => 1,
            Self::WrongOwner => 2,
            Self::Busy => 3,
            Self::Unsupported => 4,
        }
    }
}

impl Holding {
    /// The version that is there.
    #[must_use]
    pub const fn version(&self) -> Option<Version> {
        match self {
            Self::Nothing => None,
            Self::Deleted(version) | Self::Value(version, _) | Self::Long(version, _) => {
                Some(*version)
            }
        }
    }
}

impl Body {
    /// Whether this answers something; else it asks.
    #[must_use]
    pub const fn is_answer(&self) -> bool {
        self.kind().flags != 0
    }

    pub(crate) const fn kind(&self) -> Kind {
        use super::{FLAG_ANSWER, FLAG_ERROR};
        let (number, flags) = match self {
            Self::Ping => (1, 0),
            Self::Pong(_) => (1, FLAG_ANSWER),
            Self::FindNext(_) | Self::FindNextWithout(_) => (2, 0),
            Self::Owner(_) | Self::OwnerList(_) | Self::Next(_) => (2, FLAG_ANSWER),
            Self::AskList => (3, 0),
            Self::Successors(_) => (3, FLAG_ANSWER),
            Self::AskNeighbours => (4, 0),
            Self::Neighbours(_) => (4, FLAG_ANSWER),
            Self::Notify(_) => (5, 0),
            Self::Notified => (5, FLAG_ANSWER),
            Self::Leave(_) => (6, 0),
            Self::Left => (6, FLAG_ANSWER),
            Self::Route(_) => (7, 0),
            Self::Routed => (7, FLAG_ANSWER),
            Self::RouteResult(_) => (8, FLAG_ANSWER),
            Self::Store(_) => (16, 0),
            Self::Stored(_) => (16, FLAG_ANSWER),
            Self::Fetch(_) => (17, 0),
            Self::Fetched(_) => (17, FLAG_ANSWER),
            Self::Transfer(_) => (18, 0),
            Self::Batch(_) => (18, FLAG_ANSWER),
            Self::Compare(_) => (19, 0),
            Self::Digests(_) | Self::Listing(_) => (19, FLAG_ANSWER),
            Self::Offer(_) => (21, 0),
            Self::AskFingers => (9, 0),
            Self::Fingers(_) => (9, FLAG_ANSWER),
            Self::SmallRing(_) => (20, 0),
            Self::SmallRingAnswer(_) => (20, FLAG_ANSWER),
            Self::Refused(_) => (0, FLAG_ANSWER | FLAG_ERROR),
        };
        Kind { number, flags }
    }
}
