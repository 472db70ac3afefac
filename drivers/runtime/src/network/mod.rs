//! All connections of the node: what it wishes of them.
//!
//! Nothing here knows the protocol. What the node must hear comes out as a return value where the
//! caller can tell it at once, else as [`News`] for the reactor's next round.
//!
//! | module | a connection's |
//! |---|---|
//! | [`dialing`] | birth: names, addresses, handshakes |
//! | [`flow`] | life: reading and writing |
//! | [`farewells`] | end, and what is owed after it |

mod connection;
mod dial;
mod dialing;
mod farewells;
mod flow;
mod out_queue;
mod resolver;
mod stream;
mod tls;

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use machine::{CloseReason, ConnId, FileSpan, JobId, Security, StreamInput, Streams, Timers};
use mio::event::Event;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use crate::builder::Limits;
use crate::clock::Clock;
use crate::deadline::Deadline;
use crate::files::Files;
use connection::{Connection, Farewell, Stage};
use stream::Stream;

pub(crate) use dial::Outgoing;
pub(crate) use resolver::{Answer, Asker, Resolver};

/// The first token that stands for a connection; those below are the reactor's own.
pub(crate) const FIRST_CONNECTION: usize = 1 << 16;

/// The connections of the node and what they need.
pub(crate) struct Network {
    registry: Registry,
    clock: Clock,
    files: Files,
    resolver: Resolver,
    limits: Limits,
    outgoing: Outgoing,
    connections: HashMap<ConnId, Connection>,
    farewells: HashMap<ConnId, Farewell>,
    /// Those that may have something to read.
    readers: VecDeque<ConnId>,
    /// Those with bytes to write.
    writers: Vec<ConnId>,
    /// Those that wait to be dialed, in the order of asking.
    waiting: VecDeque<ConnId>,
    half_open: usize,
    news: VecDeque<News>,
    /// The runtime stops: once all has left, no other side is waited for.
    stopping: bool,
    pub(crate) deadlines: Timers<Deadline>,
}

/// Something that happened while the node could not be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum News {
    /// A congestion is over.
    Flushed(ConnId),
    /// A connection is over.
    Over(ConnId),
}

impl Network {
    /// No connections.
    pub(crate) fn new(
        registry: Registry,
        clock: Clock,
        files: Files,
        resolver: Resolver,
        limits: Limits,
        outgoing: Outgoing,
    ) -> Self {
        Self {
            registry,
            clock,
            files,
            resolver,
            limits,
            outgoing,
            connections: HashMap::new(),
            farewells: HashMap::new(),
            readers: VecDeque::new(),
            writers: Vec::new(),
            waiting: VecDeque::new(),
            half_open: 0,
            news: VecDeque::new(),
            stopping: false,
            deadlines: Timers::default(),
        }
    }

    /// Whether one more connection would be too many.
    pub(crate) fn is_full(&self) -> bool {
        self.connections.len() + self.farewells.len() >= self.limits.connections
    }

    /// Whether something is left to do that no event will announce.
    pub(crate) fn is_busy(&self) -> bool {
        !self.news.is_empty() || !self.readers.is_empty() || !self.writers.is_empty()
    }

    /// Takes in a connection that a stranger opened.
    pub(crate) fn accept(&mut self, conn: ConnId, mut socket: TcpStream) -> std::io::Result<()> {
        socket.set_nodelay(true)?;
        self.register(conn, &mut socket)?;
        let stage = Stage::Open(Stream::plain(socket));
        self.connections.insert(conn, Connection::new(stage));
        self.queue_reader(conn);
        Ok(())
    }

    /// Sends a copy of small messages.
    pub(crate) fn write(&mut self, conn: ConnId, bytes: &[u8]) {
        self.append(conn, |connection| connection.out.write(bytes));
    }

    /// Sends bytes without a copy.
    pub(crate) fn send_bytes(&mut self, conn: ConnId, bytes: Bytes) {
        self.append(conn, |connection| connection.out.send_bytes(bytes));
    }

    /// Sends a stretch of a file.
    pub(crate) fn send_span(&mut self, conn: ConnId, span: FileSpan) {
        self.append(conn, |connection| connection.out.send_span(span));
    }

    /// Reads no more for now.
    pub(crate) fn pause(&mut self, conn: ConnId) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.paused = true;
        }
    }

    /// Reads again.
    pub(crate) fn resume(&mut self, conn: ConnId) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.paused = false;
            self.queue_reader(conn);
        }
    }

    /// Looks up a name for the node.
    pub(crate) fn resolve(&self, job: JobId, name: Box<str>, port: u16) {
        self.resolver.ask(resolver::Question {
            asker: Asker::Job(job),
            name,
            port,
            security: Security::Plain,
        });
    }

    /// What an event on a connection's socket means to the node, if it must hear of it at once.
    pub(crate) fn event(&mut self, event: &Event) -> Option<(ConnId, StreamInput)> {
        let conn = conn_of(event.token());
        let Some(connection) = self.connections.get_mut(&conn) else {
            self.farewell_event(conn, event);
            return None;
        };
        if matches!(connection.stage, Stage::Dialing(..) | Stage::Securing(..)) {
            let to = self.advance_dial(conn)?;
            return Some((conn, StreamInput::Connected { to }));
        }
        if let Stage::Open(stream) = &mut connection.stage {
            let readable = note(stream, event);
            if stream.writable && !connection.out.is_empty() {
                self.writers.push(conn);
            }
            if readable {
                self.queue_reader(conn);
            }
        }
        None
    }

    /// The next thing that the node must hear; it counts as heard.
    pub(crate) fn next_news(&mut self) -> Option<(ConnId, StreamInput)> {
        loop {
            match self.news.pop_front()? {
                News::Flushed(conn) => {
                    let connection = self.connections.get(&conn);
                    if connection.is_some_and(Connection::takes_bytes) {
                        return Some((conn, StreamInput::Flushed));
                    }
                }
                News::Over(conn) => {
                    // If the node has closed it in the meantime, it hears no more of it.
                    if let Some(reason) = self.bury(conn) {
                        return Some((conn, StreamInput::Closed(reason)));
                    }
                }
            }
        }
    }

    fn append(&mut self, conn: ConnId, append: impl FnOnce(&mut Connection)) {
        let Some(connection) = self.connections.get_mut(&conn) else {
            return;
        };
        if !connection.takes_bytes() {
            return;
        }
        if connection.out.is_empty() && matches!(connection.stage, Stage::Open(_)) {
            self.writers.push(conn);
        }
        append(connection);
        connection.grew();
    }

    fn queue_reader(&mut self, conn: ConnId) {
        if let Some(connection) = self.connections.get_mut(&conn)
            && let Stage::Open(stream) = &connection.stage
            && stream.readable
            && !connection.paused
            && !connection.queued
        {
            connection.queued = true;
            self.readers.push_back(conn);
        }
    }

    fn register(&self, conn: ConnId, socket: &mut TcpStream) -> std::io::Result<()> {
        let both = Interest::READABLE | Interest::WRITABLE;
        self.registry.register(socket, token_of(conn), both)
    }

    /// Ends a connection; the node will hear why.
    fn end(&mut self, conn: ConnId, reason: CloseReason) {
        let Some(connection) = self.connections.get_mut(&conn) else {
            return;
        };
        tracing::debug!(conn = conn.0, %reason, "connection over");
        self.deadlines.stop(Deadline::Dial(conn));
        match std::mem::replace(&mut connection.stage, Stage::Over(reason)) {
            Stage::Over(first) => connection.stage = Stage::Over(first),
            Stage::Dialing(..) => {
                self.half_open -= 1;
                self.news.push_back(News::Over(conn));
                self.dial_waiting();
            }
            Stage::Open(stream) if reason == CloseReason::ByPeer => {
                // The other side sends no more, but it may still read what it is owed.
                let out = std::mem::take(&mut connection.out);
                self.news.push_back(News::Over(conn));
                self.bid_farewell(conn, stream, out);
            }
            Stage::Naming | Stage::Waiting(_) | Stage::Securing(..) | Stage::Open(_) => {
                self.news.push_back(News::Over(conn));
            }
        }
    }

    /// Forgets a connection that is over; tells why, unless the node does not care any more.
    fn bury(&mut self, conn: ConnId) -> Option<CloseReason> {
        let connection = self.connections.get(&conn)?;
        let Stage::Over(reason) = connection.stage else {
            return None;
        };
        let abandoned = connection.abandoned;
        self.connections.remove(&conn);
        (!abandoned).then_some(reason)
    }
}

impl Streams for Network {
    fn backlog(&self, conn: ConnId) -> usize {
        self.connections
            .get(&conn)
            .filter(|connection| connection.takes_bytes())
            .map_or(0, |connection| connection.out.backlog())
    }
}

/// Notes what an event says about a stream; tells whether there may be something to read.
fn note(stream: &mut Stream, event: &Event) -> bool {
    let readable = event.is_readable() || event.is_read_closed() || event.is_error();
    stream.readable |= readable;
    stream.read_closed |= event.is_read_closed() || event.is_error();
    stream.writable |= event.is_writable() || event.is_error();
    readable
}

fn token_of(conn: ConnId) -> Token {
    // Connections are counted from one, so this does not wrap where a usize has 64 bits; where
    // it has 32, four thousand million connections are as good as for ever.
    Token((conn.0 as usize).wrapping_add(FIRST_CONNECTION))
}

fn conn_of(token: Token) -> ConnId {
    ConnId(token.0.wrapping_sub(FIRST_CONNECTION) as u64)
}
