//! Members and visitors in one simulation, which knows nodes of one kind only.

use std::collections::BTreeMap;

use chord::visitor::{self, Visitor};
use chord::{Node, Shared, wire::Message};
use machine::{
    ConnId, Effect, Effects, Input, Instant, Io, NoStreams, Protocol, Seed, StreamInput, Turns,
};

/// A member of the ring, or somebody who visits it.
pub(crate) struct Party {
    who: Who,
    desk: Desk,
}

enum Who {
    Member(Box<Node>),
    Visitor(Box<Visitor>),
}

/// Passes on between the one of the two and the simulation. Each numbers streams in its own way.
struct Desk {
    turns: Turns,
    inside: BTreeMap<ConnId, ConnId>,
    outside: BTreeMap<ConnId, ConnId>,
}

impl Party {
    pub(crate) fn member(node: Node, number: u64) -> Self {
        Self::of(Who::Member(Box::new(node)), number)
    }

    pub(crate) fn visitor(visitor: Visitor, number: u64) -> Self {
        Self::of(Who::Visitor(Box::new(visitor)), number)
    }

    fn of(who: Who, number: u64) -> Self {
        let desk = Desk {
            turns: Turns::new(Seed(7), number),
            inside: BTreeMap::new(),
            outside: BTreeMap::new(),
        };
        Self { who, desk }
    }
}

impl Desk {
    /// What of an input does not depend on who takes it.
    fn passed<P>(&mut self, input: Input<Party>) -> Option<Input<P>>
    where
        P: Protocol<Message = Message, Shared = Shared>,
    {
        Some(match input {
            Input::Message { from, message } => Input::Message { from, message },
            Input::Wake => Input::Wake,
            Input::Stream { conn, input } => {
                if matches!(input, StreamInput::Accepted { .. }) {
                    let ours = self.turns.accept();
                    self.pair(ours, conn);
                }
                let conn = *self.inside.get(&conn)?;
                Input::Stream { conn, input }
            }
            Input::Command(_)
            | Input::Garbled { .. }
            | Input::Disk { .. }
            | Input::Resolved { .. } => return None,
        })
    }

    /// Gives one its turn; passes on what it asks for, and gives back what it tells.
    fn turn<P>(&mut self, node: &mut P, input: Input<P>, io: &mut Io<'_, Party>) -> Vec<P::Event>
    where
        P: Protocol<Message = Message, Shared = Shared>,
    {
        let mut effects = Effects::new();
        let (now, shared) = (io.now(), io.shared());
        self.turns
            .take(node, input, now, shared, &NoStreams, &mut effects);
        let mut told = Vec::new();
        for effect in effects.take() {
            if let Effect::SendTo { to, message } = effect {
                io.send_to(to, message);
            } else if let Effect::Emit(event) = effect {
                told.push(event);
            } else if let Effect::Connect { conn, to } = effect {
                let theirs = io.connect(to);
                self.pair(conn, theirs);
            } else if let Effect::SendBytes { conn, bytes } = effect {
                io.send_bytes(self.outside[&conn], bytes);
            } else if let Effect::Close { conn } = effect {
                io.close(self.outside[&conn]);
            } else {
                panic!("nothing else is asked for");
            }
        }
        told
    }

    fn pair(&mut self, inside: ConnId, outside: ConnId) {
        self.inside.insert(outside, inside);
        self.outside.insert(inside, outside);
    }
}

impl Protocol for Party {
    type Message = Message;
    type Command = visitor::Command;
    type Event = visitor::Event;
    type Shared = Shared;

    fn handle(&mut self, input: Input<Self>, io: &mut Io<'_, Self>) {
        match (&mut self.who, input) {
            (Who::Visitor(visitor), Input::Command(command)) => {
                let input = Input::Command(command);
                let told = self.desk.turn(&mut **visitor, input, io);
                told.into_iter().for_each(|event| io.emit(event));
            }
            (Who::Visitor(visitor), input) => {
                if let Some(input) = self.desk.passed(input) {
                    let told = self.desk.turn(&mut **visitor, input, io);
                    told.into_iter().for_each(|event| io.emit(event));
                }
            }
            (Who::Member(node), input) => {
                if let Some(input) = self.desk.passed(input) {
                    self.desk.turn(&mut **node, input, io);
                }
            }
        }
    }

    fn next_wakeup(&self) -> Option<Instant> {
        match &self.who {
            Who::Member(node) => node.next_wakeup(),
            Who::Visitor(visitor) => visitor.next_wakeup(),
        }
    }
}
