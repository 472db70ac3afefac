//! The birth of a connection that the node asked for.

use machine::{CloseReason, ConnId, Endpoint, ResolveError, Security, Target};

use mio::net::TcpStream;

use super::connection::{Connection, Stage};
use super::dial::{self, DIAL_TIMEOUT, Dial};
use super::resolver::{Answer, Asker, Protection, Question, literal};
use super::stream::Stream;
use super::tls::{Secure, TlsStream};
use super::{Network, News};
use crate::deadline::Deadline;

impl Network {
    /// Begins to connect.
    pub(crate) fn connect(&mut self, conn: ConnId, to: Target) {
        if self.is_full() {
            let stage = Stage::Over(CloseReason::TooMany);
            self.connections.insert(conn, Connection::new(stage));
            self.news.push_back(News::Over(conn));
            return;
        }
        let dial = match to {
            Target::Endpoint(endpoint) => Dial::new(vec![endpoint.into()], None),
            Target::Host {
                name,
                port,
                security,
            } => match (literal(&name), security) {
                (Some(address), Security::Plain) => Dial::new(vec![(address, port).into()], None),
                _ => {
                    self.look_up(conn, name.into(), port, security);
                    return;
                }
            },
        };
        let connection = Connection::new(Stage::Waiting(dial));
        self.connections.insert(conn, connection);
        self.waiting.push_back(conn);
        self.dial_waiting();
    }

    fn look_up(&mut self, conn: ConnId, name: Box<str>, port: u16, security: Security) {
        let connection = Connection::new(Stage::Naming);
        self.connections.insert(conn, connection);
        self.resolver.ask(Question {
            asker: Asker::Conn(conn),
            name,
            port,
            security,
        });
    }

    /// Goes on with a connection whose host's name was looked up.
    pub(crate) fn named(&mut self, conn: ConnId, answer: Answer) {
        let Some(connection) = self.connections.get_mut(&conn) else {
            return;
        };
        let addresses = match answer.addresses {
            Ok(addresses) => addresses,
            Err(ResolveError::NotFound) => return self.end(conn, CloseReason::NameNotFound),
            Err(ResolveError::Unavailable) => return self.end(conn, CloseReason::Unreachable),
        };
        let secure = match answer.protection {
            Protection::None => None,
            Protection::Tls(secure) => Some(secure),
            Protection::Impossible => return self.end(conn, CloseReason::Insecure),
        };
        connection.stage = Stage::Waiting(Dial::new(addresses, secure));
        self.waiting.push_back(conn);
        self.dial_waiting();
    }

    /// Dials those that wait, while few are half open.
    pub(super) fn dial_waiting(&mut self) {
        while self.half_open < self.limits.half_open {
            let Some(conn) = self.waiting.pop_front() else {
                return;
            };
            let connection = self.connections.get_mut(&conn);
            if let Some(dial) = connection.and_then(Connection::take_waiting) {
                self.dial(conn, dial);
            }
        }
    }

    /// Tries the next address; without one the connection is over.
    fn dial(&mut self, conn: ConnId, mut dial: Dial) {
        let socket = loop {
            let Some(mut socket) = dial.next(&self.outgoing) else {
                return self.end(conn, dial.failure);
            };
            if self.register(conn, &mut socket).is_ok() {
                break socket;
            }
        };
        let Some(connection) = self.connections.get_mut(&conn) else {
            return;
        };
        connection.stage = Stage::Dialing(dial, socket);
        self.half_open += 1;
        let timeout = self.clock.now() + DIAL_TIMEOUT;
        self.deadlines.set(Deadline::Dial(conn), timeout);
    }

    /// Looks how far a connection has come that is being made; tells when it is open.
    pub(super) fn advance_dial(&mut self, conn: ConnId) -> Option<Endpoint> {
        let connection = self.connections.get_mut(&conn)?;
        match &mut connection.stage {
            Stage::Dialing(_, socket) => match dial::outcome(socket)? {
                Ok(to) => self.answered(conn, to),
                Err(reason) => {
                    self.dial_failed(conn, reason);
                    None
                }
            },
            Stage::Securing(tls, _) => match tls.shake_hands() {
                Ok(true) => self.secured(conn),
                Ok(false) => None,
                Err(error) => {
                    tracing::debug!(conn = conn.0, %error, "no secure connection");
                    self.end(conn, CloseReason::Insecure);
                    None
                }
            },
            Stage::Naming | Stage::Waiting(_) | Stage::Open(_) | Stage::Over(_) => None,
        }
    }

    /// The time for an address or a handshake has run out.
    pub(crate) fn dial_timed_out(&mut self, conn: ConnId) {
        match self.connections.get(&conn).map(|c| &c.stage) {
            Some(Stage::Dialing(..)) => self.dial_failed(conn, CloseReason::TimedOut),
            Some(Stage::Securing(..)) => self.end(conn, CloseReason::TimedOut),
            _ => {}
        }
    }

    /// An address did not lead there; perhaps the next one does.
    fn dial_failed(&mut self, conn: ConnId, reason: CloseReason) {
        if let Some((mut dial, _)) = self.hang_up(conn) {
            dial.failure = reason;
            self.dial(conn, dial);
            self.dial_waiting();
        }
    }

    /// Takes a connection out of the half-open ones.
    fn hang_up(&mut self, conn: ConnId) -> Option<(Dial, TcpStream)> {
        let dialing = self.connections.get_mut(&conn)?.take_dialing()?;
        self.half_open -= 1;
        self.deadlines.stop(Deadline::Dial(conn));
        Some(dialing)
    }

    /// The other side has answered.
    fn answered(&mut self, conn: ConnId, to: Endpoint) -> Option<Endpoint> {
        let (dial, socket) = self.hang_up(conn)?;
        let opened = match dial.secure {
            None => self.opened(conn, Stream::plain(socket), to),
            Some(secure) => self.begin_to_secure(conn, socket, secure, to),
        };
        self.dial_waiting();
        opened
    }

    fn begin_to_secure(
        &mut self,
        conn: ConnId,
        socket: TcpStream,
        secure: Secure,
        to: Endpoint,
    ) -> Option<Endpoint> {
        match TlsStream::new(socket, secure) {
            Ok(tls) => {
                let connection = self.connections.get_mut(&conn)?;
                connection.stage = Stage::Securing(Box::new(tls), to);
                let timeout = self.clock.now() + DIAL_TIMEOUT;
                self.deadlines.set(Deadline::Dial(conn), timeout);
                self.advance_dial(conn)
            }
            Err(error) => {
                tracing::debug!(conn = conn.0, %error, "no secure connection");
                self.end(conn, CloseReason::Insecure);
                None
            }
        }
    }

    /// The TLS handshake is complete.
    fn secured(&mut self, conn: ConnId) -> Option<Endpoint> {
        let (tls, to) = self.connections.get_mut(&conn)?.take_securing()?;
        self.deadlines.stop(Deadline::Dial(conn));
        self.opened(conn, Stream::tls(tls), to)
    }

    /// Bytes can flow; tells the other side's address, if the node still cares.
    fn opened(&mut self, conn: ConnId, stream: Stream, to: Endpoint) -> Option<Endpoint> {
        let connection = self.connections.get_mut(&conn)?;
        if connection.abandoned {
            let out = std::mem::take(&mut connection.out);
            self.connections.remove(&conn);
            self.bid_farewell(conn, stream, out);
            return None;
        }
        connection.stage = Stage::Open(stream);
        if !connection.out.is_empty() {
            self.writers.push(conn);
        }
        self.queue_reader(conn);
        Some(to)
    }
}
