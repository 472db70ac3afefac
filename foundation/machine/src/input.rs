//! What can happen to a node.

use alloc::vec::Vec;

use bytes::Bytes;
use wire::Malformed;

use crate::{ConnId, DiskDone, DiskError, Endpoint, FileId, JobId, ListenerId, Protocol};

/// One thing that happened to a node. A run is the list of its inputs: it can be recorded,
/// replayed and shrunk.
pub enum Input<P: Protocol> {
    /// The user asks for something.
    Command(P::Command),
    /// A datagram came.
    Message {
        /// Who sent it, as far as the address can be believed.
        from: Endpoint,
        /// What it says.
        message: P::Message,
    },
    /// Bytes came that are no datagram of this protocol; they are dropped.
    Garbled {
        /// Who sent them.
        from: Endpoint,
        /// What is wrong with them, and where.
        error: Malformed,
    },
    /// Something happened on a connection.
    Stream {
        /// Which one.
        conn: ConnId,
        /// What happened.
        input: StreamInput,
    },
    /// A disk job ended; its id was given by [`Io::disk`](crate::Io::disk).
    Disk {
        /// Which one.
        job: JobId,
        /// How it ended.
        result: Result<DiskDone, DiskError>,
    },
    /// A name was looked up; the id was given by [`Io::resolve`](crate::Io::resolve).
    Resolved {
        /// Which look-up.
        job: JobId,
        /// The addresses, best first and never empty, or why there are none.
        result: Result<Vec<Endpoint>, ResolveError>,
    },
    /// The moment that [`Protocol::next_wakeup`] named has come.
    Wake,
}

/// What can happen on a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamInput {
    /// A stranger connected to a listener of ours; the connection is open.
    Accepted {
        /// The stranger's address.
        from: Endpoint,
        /// Where it knocked.
        listener: ListenerId,
    },
    /// A connection that the node asked for is open.
    Connected {
        /// The other side's address: the one that answered, when a name has several.
        to: Endpoint,
    },
    /// Bytes came, cut anywhere.
    Received(Bytes),
    /// The backlog had reached [`BACKLOG_HIGH`](crate::BACKLOG_HIGH) and fell below
    /// [`BACKLOG_LOW`](crate::BACKLOG_LOW): there is room for more.
    Flushed,
    /// The connection is gone, or never came to be. Nothing more comes from it.
    Closed(CloseReason),
}

/// Why a connection ended, or could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    /// The other side closed it in good order.
    #[error("closed by the other side")]
    ByPeer,
    /// The other side, or the path, broke it.
    #[error("connection reset")]
    Reset,
    /// Nobody listens there.
    #[error("connection refused")]
    Refused,
    /// There is no way to that address.
    #[error("unreachable")]
    Unreachable,
    /// No answer came in time.
    #[error("timed out")]
    TimedOut,
    /// The host's name is not known.
    #[error("host name not found")]
    NameNotFound,
    /// The TLS handshake failed: a wrong certificate, or no TLS at the other side.
    #[error("no secure connection (TLS)")]
    Insecure,
    /// The driver's limit of connections is reached.
    #[error("too many connections")]
    TooMany,
    /// A span that was to be sent can no longer be read; the other side got part of it.
    #[error("file {0:?} can no longer be read")]
    Unreadable(FileId),
}

/// Why a name has no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// The name is not known.
    #[error("host name not found")]
    NotFound,
    /// Nobody could be asked; it may go better later.
    #[error("no name server answers")]
    Unavailable,
}

impl<P: Protocol> core::fmt::Debug for Input<P>
where
    P::Command: core::fmt::Debug,
    P::Message: core::fmt::Debug,
{
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Command(command) => f.debug_tuple("Command").field(command).finish(),
            Self::Message { from, message } => f
                .debug_struct("Message")
                .field("from", from)
                .field("message", message)
                .finish(),
            Self::Garbled { from, error } => f
                .debug_struct("Garbled")
                .field("from", from)
                .field("error", error)
                .finish(),
            Self::Stream { conn, input } => f
                .debug_struct("Stream")
                .field("conn", conn)
                .field("input", input)
                .finish(),
            Self::Disk { job, result } => f
                .debug_struct("Disk")
                .field("job", job)
                .field("result", result)
                .finish(),
            Self::Resolved { job, result } => f
                .debug_struct("Resolved")
                .field("job", job)
                .field("result", result)
                .finish(),
            Self::Wake => f.write_str("Wake"),
        }
    }
}
