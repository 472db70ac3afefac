//! Members and visitors in one simulation, which knows nodes of one kind only.

use chord::visitor::{self, Visitor};
use chord::{Node, Shared, wire::Message};
use machine::{Effect, Effects, Input, Instant, Io, NoStreams, Protocol, Seed, Turns};

/// A member of the ring, or somebody who visits it.
pub(crate) struct Party {
    who: Who,
    turns: Turns,
}

enum Who {
    Member(Box<Node>),
    Visitor(Visitor),
}

impl Party {
    pub(crate) fn member(node: Node, number: u64) -> Self {
        Self::of(Who::Member(Box::new(node)), number)
    }

    pub(crate) fn visitor(visitor: Visitor, number: u64) -> Self {
        Self::of(Who::Visitor(visitor), number)
    }

    fn of(who: Who, number: u64) -> Self {
        let turns = Turns::new(Seed(7), number);
        Self { who, turns }
    }

    /// Gives one of the two its turn, and passes on what it asks for.
    fn turn<P>(
        node: &mut P,
        turns: &mut Turns,
        input: Input<P>,
        io: &mut Io<'_, Self>,
        mut emit: impl FnMut(P::Event, &mut Io<'_, Self>),
    ) where
        P: Protocol<Message = Message, Shared = Shared>,
    {
        let mut effects = Effects::new();
        turns.take(node, input, io.now(), io.shared(), &NoStreams, &mut effects);
        for effect in effects.take() {
            if let Effect::SendTo { to, message } = effect {
                io.send_to(to, message);
            } else if let Effect::Emit(event) = effect {
                emit(event, io);
            } else {
                panic!("only datagrams are sent");
            }
        }
    }
}

impl Protocol for Party {
    type Message = Message;
    type Command = visitor::Command;
    type Event = visitor::Event;
    type Shared = Shared;

    fn handle(&mut self, input: Input<Self>, io: &mut Io<'_, Self>) {
        let turns = &mut self.turns;
        match (&mut self.who, input) {
            (Who::Member(node), Input::Message { from, message }) => {
                let input = Input::Message { from, message };
                Self::turn(&mut **node, turns, input, io, |_, _| {});
            }
            (Who::Member(node), Input::Wake) => {
                Self::turn(&mut **node, turns, Input::Wake, io, |_, _| {});
            }
            (Who::Visitor(visitor), Input::Command(command)) => {
                let input = Input::Command(command);
                Self::turn(visitor, turns, input, io, |event, io| io.emit(event));
            }
            (Who::Visitor(visitor), Input::Message { from, message }) => {
                let input = Input::Message { from, message };
                Self::turn(visitor, turns, input, io, |event, io| io.emit(event));
            }
            (Who::Visitor(visitor), Input::Wake) => {
                Self::turn(visitor, turns, Input::Wake, io, |event, io| io.emit(event));
            }
            _ => panic!("nobody else is asked, and all speak clearly"),
        }
    }

    fn next_wakeup(&self) -> Option<Instant> {
        match &self.who {
            Who::Member(node) => node.next_wakeup(),
            Who::Visitor(visitor) => visitor.next_wakeup(),
        }
    }
}
