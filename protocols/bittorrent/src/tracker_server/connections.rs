//! The connections of a tracker's clients: who may stay, and what was asked whole.
//!
//! A connection has a deadline: soon while a request is coming in, so that nobody can hold a place
//! by sending a byte a minute; later between requests. Its timer is set once and looks at the
//! deadline when it runs out, so an announce costs no change of timers.

use alloc::collections::BTreeMap;
use bytes::Bytes;
use core::time::Duration;
use machine::{ConnId, Endpoint, Instant, Timers};
use wire::http::{RequestHead, take_head};
use wire::{Malformed, StreamBuffer};

/// How long a request may take to come in.
const HEAD_PATIENCE: Duration = Duration::from_secs(10);

/// How long a connection may do nothing.
const IDLE_PATIENCE: Duration = Duration::from_secs(30);

/// The open connections.
#[derive(Debug, Default)]
pub(super) struct Connections {
    open: BTreeMap<ConnId, Connection>,
    timers: Timers<ConnId>,
}

/// A connection with a client.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) from: Endpoint,
    pub(super) flow: Flow,
    incoming: StreamBuffer,
    coming: Coming,
    deadline: Instant,
}

/// Whether we read from a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    Reading,
    /// The client reads its answers too slowly.
    Paused,
}

/// Whether part of a request has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coming {
    Nothing,
    Head,
}

impl Connections {
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn next_wakeup(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Takes up a connection.
    pub(super) fn accept(&mut self, conn: ConnId, from: Endpoint, now: Instant) {
        let deadline = now + HEAD_PATIENCE;
        let (flow, coming) = (Flow::Reading, Coming::Nothing);
        let incoming = StreamBuffer::new();
        self.timers.set(conn, deadline);
        self.open.insert(
            conn,
            Connection {
                from,
                flow,
                incoming,
                coming,
                deadline,
            },
        );
    }

    /// Forgets a connection.
    pub(super) fn remove(&mut self, conn: ConnId) {
        self.timers.stop(conn);
        self.open.remove(&conn);
    }

    pub(super) fn find(&mut self, conn: ConnId) -> Option<&mut Connection> {
        self.open.get_mut(&conn)
    }

    /// Moves the deadline of a connection, after what came has been served.
    pub(super) fn served(&mut self, conn: ConnId, now: Instant) {
        let Some(connection) = self.open.get_mut(&conn) else {
            return;
        };
        connection.incoming.compact();
        if connection.incoming.is_empty() {
            connection.deadline = now + IDLE_PATIENCE;
        } else if connection.coming == Coming::Nothing {
            connection.coming = Coming::Head;
            connection.deadline = now + HEAD_PATIENCE;
            self.timers.set_earlier(conn, connection.deadline);
        }
    }

    /// Forgets one connection whose deadline has passed, and names it.
    pub(super) fn pop_late(&mut self, now: Instant) -> Option<ConnId> {
        while let Some(conn) = self.timers.pop_due(now) {
            let deadline = self.open.get(&conn).map(|connection| connection.deadline);
            match deadline {
                Some(deadline) if deadline > now => self.timers.set(conn, deadline),
                Some(_) => {
                    self.open.remove(&conn);
                    return Some(conn);
                }
                None => {}
            }
        }
        None
    }
}

impl Connection {
    pub(super) fn received(&mut self, bytes: Bytes) {
        self.incoming.push(bytes);
    }

    /// Takes out a request if one is whole.
    ///
    /// # Errors
    /// When what came is no request.
    pub(super) fn next_request(&mut self) -> Result<Option<RequestHead>, Malformed> {
        let Some(head) = take_head(&mut self.incoming)? else {
            return Ok(None);
        };
        self.coming = Coming::Nothing;
        RequestHead::parse(&head).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    fn opened() -> Connections {
        let mut connections = Connections::default();
        let from = "192.0.2.1:5000".parse().expect("an endpoint");
        connections.accept(ConnId(1), from, Instant::ZERO);
        connections
    }

    fn hears(connections: &mut Connections, text: &'static str, now: Instant) {
        let connection = connections.find(ConnId(1)).expect("it is open");
        connection.received(Bytes::from_static(text.as_bytes()));
        while let Ok(Some(_)) = connection.next_request() {}
        connections.served(ConnId(1), now);
    }

    #[test]
    fn a_request_that_drips_in_comes_too_late() {
        let mut connections = opened();
        hears(&mut connections, "GET / HTTP/1.1\r\n\r\n", after(5));
        hears(&mut connections, "GET ", after(30));
        assert_eq!(connections.pop_late(after(39)), None);
        hears(&mut connections, "/", after(39));
        assert_eq!(connections.pop_late(after(40)), Some(ConnId(1)));
        assert_eq!((connections.len(), connections.next_wakeup()), (0, None));
    }

    #[test]
    fn who_keeps_asking_may_stay() {
        let mut connections = opened();
        for round in 0..10 {
            hears(
                &mut connections,
                "GET / HTTP/1.1\r\n\r\n",
                after(9 + 25 * round),
            );
            assert_eq!(connections.pop_late(after(10 + 25 * round)), None);
        }
        assert!(connections.next_wakeup().is_some_and(|at| at > after(235)));
        assert_eq!(connections.pop_late(after(9 + 225 + 30)), Some(ConnId(1)));
    }

    #[test]
    fn who_says_nothing_must_go() {
        assert_eq!(opened().pop_late(after(10)), Some(ConnId(1)));
    }
}
