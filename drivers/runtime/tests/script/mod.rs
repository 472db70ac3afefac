//! A node that does what the test tells it, and what it has seen.

#![allow(dead_code, reason = "each test uses its own part of this")]

use std::convert::Infallible;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use machine::{ConnId, DiskDone, DiskError, Input, Instant, Io, Protocol, StreamInput};
use runtime::{Builder, Handle};

/// Nothing in these tests takes that long.
const NEVER: Duration = Duration::from_secs(60);

/// Does what commands tell it; echoes if it is told so.
#[derive(Debug)]
pub(crate) struct Script {
    strangers: Strangers,
}

/// What to do about bytes of strangers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strangers {
    Echo,
    Ignore,
}

/// What the node saw.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Stream(ConnId, StreamInput),
    Disk(Result<DiskDone, DiskError>),
}

impl Script {
    /// Begins to build a runtime around such a node.
    pub(crate) fn builder(strangers: Strangers) -> Builder<Self> {
        Builder::new(Self { strangers }, ())
    }
}

type Act = Box<dyn FnOnce(&mut Io<'_, Script>) + Send>;

impl Protocol for Script {
    type Message = Infallible;
    type Command = Act;
    type Event = Seen;
    type Shared = ();

    fn handle(&mut self, input: Input<Self>, io: &mut Io<'_, Self>) {
        match input {
            Input::Command(act) => act(io),
            Input::Stream { conn, input } => {
                if let (Strangers::Echo, StreamInput::Received(bytes)) = (self.strangers, &input) {
                    io.send_bytes(conn, bytes.clone());
                }
                io.emit(Seen::Stream(conn, input));
            }
            Input::Disk { result, .. } => io.emit(Seen::Disk(result)),
            Input::Message { .. }
            | Input::Garbled { .. }
            | Input::Resolved { .. }
            | Input::Wake => {}
        }
    }

    fn next_wakeup(&self) -> Option<Instant> {
        None
    }
}

/// A running node and what it sees.
pub(crate) struct Running {
    pub(crate) handle: Handle<Script>,
    seen: Receiver<Seen>,
}

/// Starts a node.
pub(crate) fn start(
    strangers: Strangers,
    build: impl FnOnce(Builder<Script>) -> Builder<Script>,
) -> Running {
    let (sender, seen) = mpsc::channel();
    let handle = build(Script::builder(strangers))
        .start(move |event| drop(sender.send(event)))
        .expect("starts");
    Running { handle, seen }
}

impl Running {
    /// Has the node act.
    pub(crate) fn tell(&self, act: impl FnOnce(&mut Io<'_, Script>) + Send + 'static) {
        self.handle.command(Box::new(act));
    }

    /// Waits for the next thing that the node sees.
    pub(crate) fn see(&self) -> Seen {
        self.seen
            .recv_timeout(NEVER)
            .expect("something is to be seen")
    }

    /// Waits for the first thing of a kind; forgets what comes before.
    pub(crate) fn see_first<T>(&self, mut pick: impl FnMut(Seen) -> Option<T>) -> T {
        loop {
            if let Some(picked) = pick(self.see()) {
                return picked;
            }
        }
    }

    /// All that the node has seen until its end.
    pub(crate) fn see_the_end(self) -> Vec<Seen> {
        self.handle.stop();
        self.handle.join();
        self.seen.iter().collect()
    }
}
