//! A connection as the node knows it, from the asking to the end, and what remains of it after.

use std::mem;

use machine::{BACKLOG_HIGH, BACKLOG_LOW, CloseReason, Endpoint, Instant};
use mio::net::TcpStream;

use super::dial::Dial;
use super::out_queue::OutQueue;
use super::stream::Stream;
use super::tls::TlsStream;

/// A connection of the node's.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) stage: Stage,
    pub(crate) out: OutQueue,
    /// The node reads no more for now.
    pub(crate) paused: bool,
    /// It stands in the queue of those that may have something to read.
    pub(crate) queued: bool,
    /// The backlog has reached the high mark and not yet fallen below the low one.
    congested: bool,
    /// The node closed it before it was open; what was sent until then is still owed.
    pub(crate) abandoned: bool,
}

/// How far a connection has come.
#[derive(Debug)]
pub(crate) enum Stage {
    /// The name is looked up.
    Naming,
    /// It waits until fewer others are half open.
    Waiting(Dial),
    /// The other side is asked.
    Dialing(Dial, TcpStream),
    /// The other side has answered and a cipher is being agreed on.
    Securing(Box<TlsStream>, Endpoint),
    /// Bytes flow.
    Open(Stream),
    /// It is over, and the node will be told.
    Over(CloseReason),
}

/// What remains when the node is done with a connection, or the other side is: bytes that are
/// still owed.
#[derive(Debug)]
pub(crate) struct Farewell {
    pub(crate) stream: Stream,
    pub(crate) out: OutQueue,
    /// All has left, and so has the word that nothing more comes.
    pub(crate) finished: bool,
    /// How many bytes of the other side's were thrown away since.
    pub(crate) thrown_away: usize,
    /// When patience ends, whatever still leaves until then.
    pub(crate) until: Instant,
}

impl Connection {
    /// A connection in its first stage.
    pub(crate) fn new(stage: Stage) -> Self {
        Self {
            stage,
            out: OutQueue::default(),
            paused: false,
            queued: false,
            congested: false,
            abandoned: false,
        }
    }

    /// Notes that bytes were added to the backlog.
    pub(crate) const fn grew(&mut self) {
        if self.out.backlog() >= BACKLOG_HIGH {
            self.congested = true;
        }
    }

    /// Notes that bytes have left; tells whether a congestion is over.
    pub(crate) const fn shrank(&mut self) -> bool {
        let relieved = self.congested && self.out.backlog() < BACKLOG_LOW;
        if relieved {
            self.congested = false;
        }
        relieved
    }

    /// Takes out what is to be tried, if it waits to be dialed.
    pub(crate) fn take_waiting(&mut self) -> Option<Dial> {
        if matches!(self.stage, Stage::Waiting(_))
            && let Stage::Waiting(dial) = mem::replace(&mut self.stage, Stage::Naming)
        {
            return Some(dial);
        }
        None
    }

    /// Takes out the socket, and what else is to be tried, if the other side is being asked.
    pub(crate) fn take_dialing(&mut self) -> Option<(Dial, TcpStream)> {
        if matches!(self.stage, Stage::Dialing(..))
            && let Stage::Dialing(dial, socket) = mem::replace(&mut self.stage, Stage::Naming)
        {
            return Some((dial, socket));
        }
        None
    }

    /// Takes out the cipher, if one is being agreed on.
    pub(crate) fn take_securing(&mut self) -> Option<(Box<TlsStream>, Endpoint)> {
        if matches!(self.stage, Stage::Securing(..))
            && let Stage::Securing(tls, to) = mem::replace(&mut self.stage, Stage::Naming)
        {
            return Some((tls, to));
        }
        None
    }

    /// Whether the node may still send on it.
    pub(crate) const fn takes_bytes(&self) -> bool {
        !self.abandoned && !matches!(self.stage, Stage::Over(_))
    }
}
