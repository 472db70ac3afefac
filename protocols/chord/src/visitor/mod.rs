//! Somebody outside who asks a ring through one of its nodes.
//!
//! Who only wants to look a key up, or to see the ring, need not join it. A visitor knows one
//! address, its *door*; it speaks the members' own messages, asks one question at a time, and tells
//! what it sees on the way:
//!
//! ```text
//!  greet the door ──▶ lookup: ask who is nearer, hop by hop ──▶ ask whether the owner lives
//!                └──▶ walk: ask each node for its neighbours, till we are back at the first
//! ```
//!
//! Nobody asks a visitor anything, and what is said without having been asked is dropped.

mod search;
mod walk;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use keyspace::Id;
use machine::{Endpoint, Input, Instant, Io, Protocol};

use crate::api::Shared;
use crate::contacts::{Contact, Reference};
use crate::rpc::RoundTrips;
use crate::wire::{Body, Error, Message, Transaction};
use search::Search;
use walk::Walk;

pub use walk::WALK_MAX;

/// Somebody who is no member and asks.
#[derive(Debug)]
pub struct Visitor {
    door: Endpoint,
    trips: RoundTrips,
    errand: Option<Errand>,
    question: Option<Question>,
}

/// What a visitor can be asked for, one thing at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Find out who owns a key, and by which way.
    Lookup(Id),
    /// Go round the ring.
    Walk,
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
}

/// What was asked, and waits for its answer.
#[derive(Debug)]
struct Question {
    transaction: Transaction,
    to: Endpoint,
    prefix: u64,
    body: Body,
    sent: Instant,
    deadline: Instant,
    attempts: u8,
}

/// Whom to ask what.
#[derive(Debug)]
struct Ask {
    whom: Whom,
    body: Body,
}

#[derive(Debug, Clone, Copy)]
enum Whom {
    /// Whoever is behind the door.
    Door,
    Node(Contact),
}

/// What came of a question.
#[derive(Debug)]
enum Reply {
    Came { body: Body, took: Duration },
    Missing,
}

/// What follows from a reply.
#[derive(Debug)]
enum Next {
    Ask(Ask),
    Done(Event),
}

impl Visitor {
    /// A visitor who comes through this door.
    #[must_use]
    pub fn new(door: Endpoint) -> Self {
        Self {
            door,
            trips: RoundTrips::default(),
            errand: None,
            question: None,
        }
    }

    fn command(&mut self, command: Command, io: &mut Io<'_, Self>) {
        if self.errand.is_some() {
            return io.emit(Event::Failed(Failure::Busy));
        }
        self.errand = Some(Errand::Greet(command));
        let greeting = Ask {
            whom: Whom::Door,
            body: Body::Ping,
        };
        self.ask(greeting, io);
    }

    fn ask(&mut self, ask: Ask, io: &mut Io<'_, Self>) {
        let (to, prefix) = match ask.whom {
            Whom::Door => (self.door, 0),
            Whom::Node(contact) => {
                let reference = io.shared().contacts.reference(contact);
                (reference.endpoint, reference.id.prefix())
            }
        };
        let question = Question {
            transaction: Transaction(io.rng().next_u64()),
            to,
            prefix,
            body: ask.body,
            sent: io.now(),
            deadline: io.now() + self.trips.patience(&io.shared().config),
            attempts: 1,
        };
        question.send(io);
        self.question = Some(question);
    }

    fn message(&mut self, message: Message, io: &mut Io<'_, Self>) {
        let is_ours = |question: &mut Question| {
            message.body.is_answer() && question.transaction == message.transaction
        };
        let Some(question) = self.question.take_if(is_ours) else {
            return tracing::debug!("a datagram that nobody asked for");
        };
        let took = io.now().since(question.sent);
        // Of a repeated question it is not known which copy was answered (Karn's rule).
        self.trips.learn((question.attempts == 1).then_some(took));
        let body = message.body;
        self.proceed(Reply::Came { body, took }, io);
    }

    fn wake_up(&mut self, io: &mut Io<'_, Self>) {
        let now = io.now();
        let Some(question) = self.question.as_mut().filter(|it| it.deadline <= now) else {
            return;
        };
        if question.attempts >= io.shared().config.attempts {
            self.question = None;
            return self.proceed(Reply::Missing, io);
        }
        question.attempts += 1;
        question.deadline = now + self.trips.patience(&io.shared().config);
        question.send(io);
    }

    /// Takes the errand a step further.
    fn proceed(&mut self, reply: Reply, io: &mut Io<'_, Self>) {
        let next = match &mut self.errand {
            None => return,
            Some(Errand::Greet(command)) => {
                let command = *command;
                self.greeted(command, &reply, io)
            }
            Some(Errand::Lookup(search)) => search.proceed(reply, io),
            Some(Errand::Walk(walk)) => walk.proceed(reply, io),
        };
        match next {
            Next::Ask(ask) => self.ask(ask, io),
            Next::Done(event) => {
                self.errand = None;
                io.emit(event);
            }
        }
    }

    /// The door told who it is.
    fn greeted(&mut self, command: Command, reply: &Reply, io: &mut Io<'_, Self>) -> Next {
        let Reply::Came {
            body: Body::Pong(guide),
            ..
        } = *reply
        else {
            return Next::Done(Event::Failed(Failure::NoAnswer(self.door)));
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
        match input {
            Input::Command(command) => self.command(command, io),
            Input::Message { message, .. } => self.message(message, io),
            Input::Wake => self.wake_up(io),
            Input::Garbled { from, error } => tracing::debug!(%from, %error, "garbled datagram"),
            Input::Stream { .. } | Input::Disk { .. } | Input::Resolved { .. } => {}
        }
    }

    fn next_wakeup(&self) -> Option<Instant> {
        self.question.as_ref().map(|question| question.deadline)
    }
}

impl Question {
    fn send(&self, io: &mut Io<'_, Visitor>) {
        let message = Message {
            transaction: self.transaction,
            to: self.prefix,
            body: self.body.clone(),
        };
        io.send_to(self.to, message);
    }
}

impl Next {
    const fn ask(node: Contact, body: Body) -> Self {
        let whom = Whom::Node(node);
        Self::Ask(Ask { whom, body })
    }

    const fn failed(failure: Failure) -> Self {
        Self::Done(Event::Failed(failure))
    }
}

/// Whether the node that was asked says that it is in no ring.
fn is_outside(body: &Body) -> bool {
    *body == Body::Refused(Error::NotMember)
}
