//! The life of a connection: bytes in, bytes out.

use machine::ConnId;

use super::connection::Stage;
use super::stream::Reading;
use super::{Network, News};

impl Network {
    /// How many things the node has not heard yet.
    pub(crate) fn news_len(&self) -> usize {
        self.news.len()
    }

    /// How many connections may have something to read.
    pub(crate) fn readers(&self) -> usize {
        self.readers.len()
    }

    /// The next of the connections that may have something to read.
    pub(crate) fn next_reader(&mut self) -> Option<ConnId> {
        let conn = self.readers.pop_front()?;
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.queued = false;
        }
        Some(conn)
    }

    /// Reads once from a connection; `None` if there is nothing more for now.
    pub(crate) fn read(&mut self, conn: ConnId, buffer: &mut [u8]) -> Option<usize> {
        let connection = self.connections.get_mut(&conn)?;
        if connection.paused {
            return None;
        }
        let Stage::Open(stream) = &mut connection.stage else {
            return None;
        };
        match stream.read(buffer) {
            Reading::Bytes(count) => Some(count),
            Reading::Nothing => None,
            Reading::End(reason) => {
                self.end(conn, reason);
                None
            }
        }
    }

    /// Lets a connection that had its share wait for its next turn.
    pub(crate) fn read_later(&mut self, conn: ConnId) {
        self.queue_reader(conn);
    }

    /// Gives to the sockets all that the turns of this round have sent.
    pub(crate) fn flush(&mut self) {
        let mut writers = std::mem::take(&mut self.writers);
        for conn in writers.drain(..) {
            if self.farewells.contains_key(&conn) {
                self.pay(conn);
            } else {
                self.flush_connection(conn);
            }
        }
        // Its memory serves the next round.
        writers.append(&mut self.writers);
        self.writers = writers;
    }

    fn flush_connection(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(&conn) else {
            return;
        };
        let Stage::Open(stream) = &mut connection.stage else {
            return;
        };
        let flushed = stream.flush(&mut connection.out, &self.files);
        if connection.shrank() {
            self.news.push_back(News::Flushed(conn));
        }
        if let Err(reason) = flushed {
            self.end(conn, reason);
        }
    }
}
