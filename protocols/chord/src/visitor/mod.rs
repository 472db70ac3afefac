//! Somebody outside who asks a ring through one of its nodes.
//!
//! Who only wants to look a key up, or to see the ring, need not join it. A visitor knows one
//! address, its *door*; it speaks the members' own messages, does one thing at a time, and tells what
//! it sees on the way:
//!
//! ```text
//!  greet the door ──▶ lookup: ask who is nearer, hop by hop ──▶ ask the owner who is around it
//!                ├──▶ put, get, delete: look the key up, then deal with a majority of its replicas
//!                └──▶ walk: ask each node for its neighbours, till we are back at the first
//! ```
//!
//! Nobody asks a visitor anything, and what is said without having been asked is dropped.

mod questions;
mod search;
mod values;
mod walk;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;
use keyspace::Id;
use machine::{Endpoint, Input, Instant, Io, Protocol};

use crate::api::Shared;
use crate::contacts::{Contact, Reference};
use crate::storage::VALUE_MAX;
use crate::storage::records::Version;
use crate::wire::{Body, Error, Message};
use questions::{Ask, By, Questions, Reply, Whom};
use search::Search;
use values::{Values, What};
use walk::Walk;

pub use walk::WALK_MAX;

/// Somebody who is no member and asks.
#[derive(Debug)]
pub struct Visitor {
    door: Endpoint,
    errand: Option<Errand>,
    questions: Questions,
    /// When to go on, after a pause.
    again_at: Option<Instant>,
}

/// What a visitor can be asked for, one thing at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Find out who owns a key, and by which way.
    Lookup(Id),
    /// Go round the ring.
    Walk,
    /// Keep a value under a key, in place of what is there.
    Put(Id, Bytes),
    /// Find the value of a key.
    Get(Id),
    /// Delete the value of a key.
    Delete(Id),
}

/// What a visitor tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A lookup came by a node.
    Hop(Hop),
    /// A lookup ended.
    Found(Found),
    /// A walk came by a node.
    Visited(Visited),
    /// A walk ended.
    Walked(Walked),
    /// A value was put or deleted: a majority of its replicas know.
    Stored(Stored),
    /// What a majority of the replicas know of a key.
    Got(Got),
    /// What was asked for cannot be had.
    Failed(Failure),
}

/// One node on the way to a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// The node.
    pub node: Reference,
    /// How the one before it came to name it.
    pub row: Row,
    /// How far it is from there to the key; zero at its owner, who stands at the key or after it.
    pub left: Id,
    /// How long the answer took; none came, if it is missing.
    pub took: Option<Duration>,
}

/// The row of a node's tables in which the next one stood. Answers do not tell it; it follows from
/// the distance between the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Row {
    /// None: the visitor was sent here.
    Door,
    /// Finger i: the node lies in [n + 2^i, n + 2^(i+1)).
    Finger(u32),
    /// The successor at this position of the list, from 1; 0 if the position is not known.
    Successor(u8),
    /// The one after it has it as its predecessor; the others did not know it yet.
    Predecessor,
    /// The node named itself.
    Itself,
}

/// What a lookup found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The key.
    pub key: Id,
    /// Its owner, who has just answered, and those who follow it on the ring.
    pub owners: Vec<Reference>,
    /// How many nodes were asked and answered before the owner.
    pub hops: u16,
    /// How many did not answer.
    pub timeouts: u16,
    /// How long it took, without the way to the door.
    pub took: Duration,
}

/// One node of the ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visited {
    /// The node.
    pub node: Reference,
    /// Who stands before it, as it says.
    pub predecessor: Option<Reference>,
    /// How many successors it knows.
    pub successors: usize,
    /// How long its answer took; none came, if it is missing.
    pub took: Option<Duration>,
}

/// How a walk ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Walked {
    /// How many nodes answered.
    pub nodes: usize,
    /// How many were named by the one before them, and did not.
    pub silent: usize,
    /// Where it ended.
    pub end: WalkEnd,
}

/// Where a walk ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WalkEnd {
    /// Where it began: the ring is whole.
    Closed,
    /// Beyond where it began, which the one before it does not know, or not yet.
    Passed,
    /// Nobody who follows the last one answers.
    Broken,
    /// After [`WALK_MAX`] nodes.
    TooLong,
}

/// A value that was put or deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its key.
    pub key: Id,
    /// The version that it has now.
    pub version: Version,
    /// How many replicas know.
    pub copies: usize,
    /// How many there are.
    pub replicas: usize,
}

/// What was found under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Got {
    /// The key.
    pub key: Id,
    /// The version.
    pub version: Version,
    /// The value; none, if it was deleted or never put.
    pub value: Option<Bytes>,
}

/// Why a visitor cannot do what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Nobody is there.
    #[error("nobody answers at {0}")]
    NoAnswer(Endpoint),
    /// Somebody is there who is in no ring.
    #[error("the node at {0} is not, or not yet, in a ring")]
    NotMember(Endpoint),
    /// The way to the key ends with nodes that do not answer.
    #[error("nobody on the way answers; {0} were asked")]
    NoWay(u16),
    /// It took longer than [`Config::lookup_timeout`](crate::Config::lookup_timeout).
    #[error("no owner was found within {} s", .0.as_secs())]
    TooLate(Duration),
    /// Too few of the key's replicas could be reached; what was written may yet be found.
    #[error("no majority of the replicas answers")]
    NoMajority,
    /// A value may have 1 MiB.
    #[error("the value has {0} bytes, and may have {VALUE_MAX}")]
    TooLong(usize),
    /// Something else was asked for, and is not done yet.
    #[error("one thing at a time: the last one is not done yet")]
    Busy,
}

#[derive(Debug)]
enum Errand {
    /// Finds out who is behind the door, for what comes then.
    Greet(Command),
    Lookup(Box<Search>),
    Walk(Walk),
    Values(Box<Values>),
}

/// What follows from a reply.
#[derive(Debug)]
enum Next {
    Ask(Vec<Ask>),
    Wait,
    Pause(Duration),
    Done(Event),
}

impl Visitor {
    /// A visitor who comes through this door.
    #[must_use]
    pub fn new(door: Endpoint) -> Self {
        Self {
            door,
            errand: None,
            questions: Questions::default(),
            again_at: None,
        }
    }

    fn command(&mut self, command: Command, io: &mut Io<'_, Self>) {
        if self.errand.is_some() {
            return io.emit(Event::Failed(Failure::Busy));
        }
        if let Command::Put(_, value) = &command
            && value.len() > VALUE_MAX
        {
            return io.emit(Event::Failed(Failure::TooLong(value.len())));
        }
        self.errand = Some(Errand::Greet(command));
        let greeting = Ask {
            whom: Whom::Door(self.door),
            body: Body::Ping,
            by: By::Datagram,
        };
        self.questions.ask(greeting, io);
    }

    fn wake_up(&mut self, io: &mut Io<'_, Self>) {
        while let Some(reply) = self.questions.give_up_late(io) {
            self.proceed(reply, io);
        }
        if self.again_at.take_if(|at| *at <= io.now()).is_some()
            && let Some(Errand::Values(values)) = &mut self.errand
        {
            let next = values.rested(io);
            self.go_on(next, io);
        }
    }

    /// Takes the errand a step further.
    fn proceed(&mut self, reply: Reply, io: &mut Io<'_, Self>) {
        let next = match &mut self.errand {
            None => return,
            Some(Errand::Greet(command)) => {
                let command = command.clone();
                self.greeted(command, &reply, io)
            }
            Some(Errand::Lookup(search)) => search.proceed(reply, io),
            Some(Errand::Walk(walk)) => walk.proceed(reply, io),
            Some(Errand::Values(values)) => values.proceed(reply, io),
        };
        self.go_on(next, io);
    }

    fn go_on(&mut self, next: Next, io: &mut Io<'_, Self>) {
        match next {
            Next::Ask(asks) => {
                for ask in asks {
                    self.questions.ask(ask, io);
                }
            }
            Next::Wait => {}
            Next::Pause(pause) => self.again_at = Some(io.now() + pause),
            Next::Done(event) => {
                self.errand = None;
                io.emit(event);
            }
        }
    }

    /// The door told who it is.
    fn greeted(&mut self, command: Command, reply: &Reply, io: &mut Io<'_, Self>) -> Next {
        let Some((Body::Pong(guide), _)) = reply.answer else {
            return Next::failed(Failure::NoAnswer(self.door));
        };
        let from = (self.door, guide);
        let values = |key, what, io: &mut Io<'_, Self>| {
            let (values, next) = Values::begin(key, what, from, io);
            (Errand::Values(Box::new(values)), next)
        };
        let (errand, next) = match command {
            Command::Lookup(key) => {
                let (search, next) = Search::begin(key, self.door, guide, io);
                (Errand::Lookup(Box::new(search)), next)
            }
            Command::Walk => {
                let (walk, next) = Walk::begin(self.door, guide);
                (Errand::Walk(walk), next)
            }
            Command::Put(key, value) => values(key, What::Put(Some(value)), io),
            Command::Get(key) => values(key, What::Get, io),
            Command::Delete(key) => values(key, What::Put(None), io),
        };
        self.errand = Some(errand);
        next
    }
}

impl Protocol for Visitor {
    type Message = Message;
    type Command = Command;
    type Event = Event;
    type Shared = Shared;

    fn handle(&mut self, input: Input<Self>, io: &mut Io<'_, Self>) {
        let reply = match input {
            Input::Command(command) => return self.command(command, io),
            Input::Wake => return self.wake_up(io),
            Input::Message { message, .. } => self.questions.heard(message, io.now()),
            Input::Stream { conn, input } => self.questions.stream(conn, input, io),
            Input::Garbled { from, error } => {
                return tracing::debug!(%from, %error, "garbled datagram");
            }
            Input::Disk { .. } | Input::Resolved { .. } => return,
        };
        // What nobody asked for is dropped.
        if let Some(reply) = reply {
            self.proceed(reply, io);
        }
    }

    fn next_wakeup(&self) -> Option<Instant> {
        let deadlines = [self.questions.deadline(), self.again_at];
        deadlines.into_iter().flatten().min()
    }
}

impl Next {
    fn ask(node: Contact, body: Body) -> Self {
        let (whom, by) = (Whom::Node(node), By::Datagram);
        Self::Ask(Vec::from([Ask { whom, body, by }]))
    }

    const fn failed(failure: Failure) -> Self {
        Self::Done(Event::Failed(failure))
    }
}

/// Whether the node that was asked says that it is in no ring.
fn is_outside(body: &Body) -> bool {
    *body == Body::Refused(Error::NotMember)
}
