//! The node of these tests: it has no will, and tells all.

use core::fmt;

use bytes::Bytes;
use machine::{
    CloseReason, ConnId, DiskDone, DiskError, Endpoint, Input, Instant, Io, JobId, ListenerId,
    Protocol, ResolveError, StreamInput, Wire,
};
use wire::Malformed;

/// What a puppet is told to do; it may set the puppet's deadline and behaviour too.
pub type Act = dyn FnOnce(&mut Puppet, &mut Io<'_, Puppet>) + Send;

/// What a puppet does of itself when it has seen something.
pub type React = dyn FnMut(&Seen, &mut Io<'_, Puppet>) + Send;

/// A closure that acts through the puppet's `Io`.
pub struct Command(pub Box<Act>);

/// A node that does what it is told and reports what it sees.
pub struct Puppet {
    /// When it wants to be woken. A wake that comes in time clears it, unless
    /// [`stubborn`](Self::stubborn).
    pub deadline: Option<Instant>,
    react: Box<React>,
    wakes: Wakes,
}

/// What becomes of the deadline on a wake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wakes {
    /// It is cleared, as it should be.
    Clear,
    /// It stays, which no driver may let pass.
    Stay,
}

/// Something a puppet has seen, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight {
    /// The moment of the turn.
    pub at: Instant,
    /// What it was.
    pub seen: Seen,
}

/// An input, as a value that outlives the turn; or a note that an act left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// A datagram came.
    Message {
        /// From whom.
        from: Endpoint,
        /// What it says.
        message: Message,
    },
    /// Bytes came that are no datagram.
    Garbled {
        /// From whom.
        from: Endpoint,
        /// What is wrong with them.
        error: Malformed,
    },
    /// A stranger connected.
    Accepted {
        /// The connection.
        conn: ConnId,
        /// The stranger.
        from: Endpoint,
        /// Where it knocked.
        listener: ListenerId,
    },
    /// A connection of ours is open.
    Connected {
        /// The connection.
        conn: ConnId,
        /// The other side.
        to: Endpoint,
    },
    /// Bytes came.
    Received {
        /// The connection.
        conn: ConnId,
        /// The bytes, copied, for what is kept must not pin the driver's buffer.
        bytes: Vec<u8>,
    },
    /// A backlog is gone.
    Flushed {
        /// The connection.
        conn: ConnId,
        /// What is left of the backlog at the start of the turn, in bytes.
        backlog: usize,
    },
    /// A connection ended.
    Closed {
        /// The connection.
        conn: ConnId,
        /// Why.
        reason: CloseReason,
    },
    /// A disk job ended.
    Disk {
        /// The job.
        job: JobId,
        /// How.
        result: Result<DiskDone, DiskError>,
    },
    /// A name was looked up.
    Resolved {
        /// The look-up.
        job: JobId,
        /// The addresses, or why there are none.
        result: Result<Vec<Endpoint>, ResolveError>,
    },
    /// The deadline came.
    Wake,
    /// An act named a connection.
    Named(ConnId),
    /// An act asked for a job.
    Asked(JobId),
    /// An act measured something.
    Noted(u64),
}

/// A datagram: [`Message::MAGIC`] and some bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message(pub Vec<u8>);

impl Command {
    /// Makes a command of a closure.
    #[must_use]
    pub fn new(act: impl FnOnce(&mut Puppet, &mut Io<'_, Puppet>) + Send + 'static) -> Self {
        Self(Box::new(act))
    }
}

impl Puppet {
    /// Does nothing of itself.
    #[must_use]
    pub fn idle() -> Self {
        Self::reacting(|_, _| {})
    }

    /// Reacts to what it sees.
    #[must_use]
    pub fn reacting(react: impl FnMut(&Seen, &mut Io<'_, Self>) + Send + 'static) -> Self {
        Self {
            deadline: None,
            react: Box::new(react),
            wakes: Wakes::Clear,
        }
    }

    /// Sends back whatever it gets, on streams and in datagrams.
    #[must_use]
    pub fn echo() -> Self {
        Self::reacting(|seen, io| {
            if let Seen::Received { conn, bytes } = seen {
                io.send_bytes(*conn, Bytes::copy_from_slice(bytes));
            }
            if let Seen::Message { from, message } = seen {
                io.send_to(*from, message.clone());
            }
        })
    }

    /// Forgets to move its deadline on when it is woken: a driver must not let that pass.
    #[must_use]
    pub fn stubborn() -> Self {
        Self {
            wakes: Wakes::Stay,
            ..Self::idle()
        }
    }
}

impl Protocol for Puppet {
    type Message = Message;
    type Command = Command;
    type Event = Sight;
    type Shared = ();

    fn handle(&mut self, input: Input<Self>, io: &mut Io<'_, Self>) {
        let seen = match input {
            Input::Command(Command(act)) => return act(self, io),
            Input::Message { from, message } => Seen::Message { from, message },
            Input::Garbled { from, error } => Seen::Garbled { from, error },
            Input::Stream { conn, input } => seen_on(conn, input, io),
            Input::Disk { job, result } => Seen::Disk { job, result },
            Input::Resolved { job, result } => Seen::Resolved { job, result },
            Input::Wake => {
                if self.wakes == Wakes::Clear {
                    self.deadline = None;
                }
                Seen::Wake
            }
        };
        // First told, then answered: whoever sees the answer can rely on this having been told.
        let (at, told) = (io.now(), seen.clone());
        io.emit(Sight { at, seen: told });
        (self.react)(&seen, io);
    }

    fn next_wakeup(&self) -> Option<Instant> {
        self.deadline
    }
}

fn seen_on(conn: ConnId, input: StreamInput, io: &Io<'_, Puppet>) -> Seen {
    match input {
        StreamInput::Accepted { from, listener } => Seen::Accepted {
            conn,
            from,
            listener,
        },
        StreamInput::Connected { to } => Seen::Connected { conn, to },
        StreamInput::Received(bytes) => Seen::Received {
            conn,
            bytes: bytes.to_vec(),
        },
        StreamInput::Flushed => Seen::Flushed {
            conn,
            backlog: io.backlog(conn),
        },
        StreamInput::Closed(reason) => Seen::Closed { conn, reason },
    }
}

impl Message {
    /// How every message begins.
    pub const MAGIC: [u8; 4] = *b"word";

    /// A message with these bytes.
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }
}

impl Wire<()> for Message {
    fn encode(&self, _shared: &(), out: &mut Vec<u8>) {
        out.extend_from_slice(&Self::MAGIC);
        out.extend_from_slice(&self.0);
    }

    fn decode(bytes: &[u8], _shared: &mut ()) -> Result<Self, Malformed> {
        bytes
            .strip_prefix(&Self::MAGIC)
            .map(Self::new)
            .ok_or(Malformed::invalid("magic", 0, "the bytes 'word'"))
    }

    fn encoded_len(&self, _shared: &()) -> usize {
        Self::MAGIC.len() + self.0.len()
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Command")
    }
}

impl fmt::Debug for Puppet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Puppet")
            .field("deadline", &self.deadline)
            .field("wakes", &self.wakes)
            .finish_non_exhaustive()
    }
}
