//! Connections that somebody opened to us and has not yet named a torrent on.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use machine::{ConnId, Endpoint, Instant, StreamInput};
use wire::StreamBuffer;

use crate::session::{Timer, Turn};
use crate::torrent::HANDSHAKE_MAX;
use crate::wire::HandshakeStart;

/// How many strangers may stand at the door; the one that stands there longest goes first.
const STRANGERS_MAX: usize = 100;

/// The strangers, by their connections: the first is the one that waits longest.
#[derive(Debug, Default)]
pub(crate) struct Strangers(BTreeMap<ConnId, Stranger>);

#[derive(Debug)]
struct Stranger {
    from: Endpoint,
    since: Instant,
    input: StreamBuffer,
}

/// A stranger that has named a torrent.
#[derive(Debug)]
pub(crate) struct Introduced {
    pub(crate) from: Endpoint,
    pub(crate) start: HandshakeStart,
    /// What it said beyond that.
    pub(crate) input: StreamBuffer,
}

impl Strangers {
    /// Takes what happened on a connection of nobody's.
    pub(crate) fn stream(
        &mut self,
        conn: ConnId,
        input: StreamInput,
        turn: &mut Turn<'_, '_>,
    ) -> Option<Introduced> {
        match input {
            StreamInput::Accepted { from, .. } => self.accept(conn, from, turn),
            StreamInput::Received(bytes) => {
                let stranger = self.0.get_mut(&conn)?;
                stranger.input.push(bytes);
                match HandshakeStart::take(&mut stranger.input) {
                    Ok(Some(start)) => {
                        let Stranger { from, input, .. } = self.0.remove(&conn)?;
                        return Some(Introduced { from, start, input });
                    }
                    Ok(None) => stranger.input.compact(),
                    Err(error) => {
                        tracing::debug!(from = %stranger.from, %error, "no handshake");
                        self.0.remove(&conn);
                        turn.io.close(conn);
                    }
                }
            }
            StreamInput::Closed(_) => drop(self.0.remove(&conn)),
            StreamInput::Connected { .. } | StreamInput::Flushed => (),
        }
        None
    }

    /// Shows those the door whose handshake is overdue.
    pub(crate) fn look(&mut self, turn: &mut Turn<'_, '_>) {
        let now = turn.now();
        let late = self
            .0
            .iter()
            .filter(|(_, it)| now.since(it.since) >= HANDSHAKE_MAX);
        let late: Vec<_> = late.map(|(&conn, _)| conn).collect();
        for conn in late {
            self.0.remove(&conn);
            turn.io.close(conn);
        }
        if let Some((_, oldest)) = self.0.first_key_value() {
            turn.session
                .timers
                .set(Timer::Handshakes, oldest.since + HANDSHAKE_MAX);
        }
    }

    fn accept(&mut self, conn: ConnId, from: Endpoint, turn: &mut Turn<'_, '_>) {
        if !turn.session.has_place() {
            turn.io.close(conn);
            return;
        }
        if self.0.len() >= STRANGERS_MAX
            && let Some((oldest, _)) = self.0.pop_first()
        {
            turn.io.close(oldest);
        }
        let now = turn.now();
        self.0.insert(
            conn,
            Stranger {
                from,
                since: now,
                input: StreamBuffer::new(),
            },
        );
        turn.session
            .timers
            .set_earlier(Timer::Handshakes, now + HANDSHAKE_MAX);
    }
}
