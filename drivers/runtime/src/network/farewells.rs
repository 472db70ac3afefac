//! The end of a connection, and what is owed after it.
//!
//! A node that closes a connection is done with it, but what it sent before is still to be
//! delivered. And a socket that is closed while bytes of the other side lie in it unread resets
//! the connection, which can destroy what is still on the way. So the runtime first writes all
//! that is owed, then says that nothing more comes, and then waits a little, throwing away what
//! still arrives, until the other side closes too.

use std::time::Duration;

use machine::ConnId;
use mio::event::Event;

use super::connection::{Farewell, Stage};
use super::out_queue::OutQueue;
use super::stream::{Flush, Reading, Stream};
use super::{Network, note};
use crate::deadline::Deadline;

/// How long bytes that are owed may rest before the other side is given up.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long paying may take in all: a stranger must not hold a descriptor for longer by reading
/// a byte now and then.
const PATIENCE_MAX: Duration = Duration::from_secs(30);

/// How many bytes are thrown away while we wait for the other side to close, before we stop
/// waiting.
const THROWN_AWAY_MAX: usize = 1024 * 1024;

impl Network {
    /// Closes a connection once all that was sent has left.
    pub(crate) fn close(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(&conn) else {
            return;
        };
        let made = matches!(connection.stage, Stage::Open(_) | Stage::Over(_));
        if !made && !connection.out.is_empty() && !self.stopping {
            connection.abandoned = true;
            return;
        }
        let Some(connection) = self.connections.remove(&conn) else {
            return;
        };
        self.deadlines.stop(Deadline::Dial(conn));
        match connection.stage {
            Stage::Open(stream) => self.bid_farewell(conn, stream, connection.out),
            Stage::Dialing(..) => {
                self.half_open -= 1;
                self.dial_waiting();
            }
            Stage::Naming | Stage::Waiting(_) | Stage::Securing(..) | Stage::Over(_) => {}
        }
    }

    /// Closes all connections; none is waited for once all has left.
    pub(crate) fn close_all(&mut self) {
        self.stopping = true;
        self.waiting.clear();
        self.resolver.stop();
        let conns: Vec<ConnId> = self.connections.keys().copied().collect();
        for conn in conns {
            self.close(conn);
        }
        self.writers.extend(self.farewells.keys());
    }

    /// Whether bytes are still owed to anybody.
    pub(crate) fn is_in_debt(&self) -> bool {
        !self.farewells.is_empty()
    }

    /// Begins to pay what is owed.
    pub(super) fn bid_farewell(&mut self, conn: ConnId, stream: Stream, out: OutQueue) {
        let now = self.clock.now();
        let farewell = Farewell {
            stream,
            out,
            finished: false,
            thrown_away: 0,
            until: now + PATIENCE_MAX,
        };
        self.farewells.insert(conn, farewell);
        self.deadlines.set(Deadline::Farewell(conn), now + PATIENCE);
        self.writers.push(conn);
    }

    /// Something happened on a socket whose connection is over.
    pub(super) fn farewell_event(&mut self, conn: ConnId, event: &Event) {
        if let Some(farewell) = self.farewells.get_mut(&conn) {
            note(&mut farewell.stream, event);
            self.writers.push(conn);
        }
    }

    /// Pays what the socket takes, and lets the other side go when all is paid.
    pub(super) fn pay(&mut self, conn: ConnId) {
        let Some(farewell) = self.farewells.get_mut(&conn) else {
            return;
        };
        let owed = farewell.out.backlog();
        let flushed = farewell.stream.flush(&mut farewell.out, &self.files);
        if farewell.out.backlog() < owed {
            let patience = (self.clock.now() + PATIENCE).min(farewell.until);
            self.deadlines.set(Deadline::Farewell(conn), patience);
        }
        let over = match flushed {
            Ok(Flush::Blocked) => false,
            Ok(Flush::Done) => {
                if !farewell.finished {
                    farewell.finished = true;
                    farewell.stream.finish();
                }
                throw_away(farewell) == Heard::TheEnd || self.stopping
            }
            Err(_) => true,
        };
        if over {
            self.forget(conn);
        }
    }

    /// Drops a socket, whatever is still owed.
    pub(crate) fn forget(&mut self, conn: ConnId) {
        self.deadlines.stop(Deadline::Farewell(conn));
        self.farewells.remove(&conn);
    }

    /// Drops all sockets, whatever is still owed.
    pub(crate) fn forget_all(&mut self) {
        self.farewells.clear();
    }
}

/// What was heard from a side to which nothing more will be said.
#[derive(PartialEq, Eq)]
enum Heard {
    /// It may have more to say.
    Something,
    /// It has closed, or broken, or says too much.
    TheEnd,
}

fn throw_away(farewell: &mut Farewell) -> Heard {
    let mut buffer = [0; 16 * 1024];
    while farewell.thrown_away < THROWN_AWAY_MAX {
        match farewell.stream.read(&mut buffer) {
            Reading::Bytes(count) => farewell.thrown_away += count,
            Reading::Nothing => return Heard::Something,
            Reading::End(_) => return Heard::TheEnd,
        }
    }
    Heard::TheEnd
}
