//! The tracker as a node: inputs in, answers out.

use super::api::{Command, Config, Event, Totals};
use super::connection_ids::ConnectionIds;
use super::connections::Connections;
use super::registry::{Accepted, Registry};
use crate::tracker::announce::Announce;
use crate::tracker::udp::Datagram;
use alloc::string::{String, ToString as _};
use core::time::Duration;
use machine::{Endpoint, Input, Instant, Io, Protocol, Rng};

/// The least interval that makes sense.
const INTERVAL_MIN: Duration = Duration::from_secs(1);

/// A tracker.
#[derive(Debug)]
pub struct Tracker {
    pub(super) config: Config,
    pub(super) registry: Registry,
    pub(super) connections: Connections,
    pub(super) ids: ConnectionIds,
    /// When to look for silent peers; `None` while there are no peers.
    sweep_at: Option<Instant>,
}

impl Tracker {
    /// Makes a tracker that knows nobody yet. The chance is for its secrets.
    #[must_use]
    pub fn new(config: Config, rng: &mut Rng) -> Self {
        let interval = config.interval.max(INTERVAL_MIN);
        let config = Config { interval, ..config };
        let registry = Registry::new(config, rng);
        let ids = ConnectionIds::draw(rng);
        Self {
            config,
            registry,
            connections: Connections::default(),
            ids,
            sweep_at: None,
        }
    }

    /// Tells how much the tracker holds.
    #[must_use]
    pub fn totals(&self) -> Totals {
        Totals {
            torrents: self.registry.torrents(),
            peers: self.registry.peers(),
            connections: self.connections.len(),
        }
    }
}

impl Protocol for Tracker {
    type Message = Datagram;
    type Command = Command;
    type Event = Event;
    type Shared = ();

    fn handle(&mut self, input: Input<Self>, io: &mut Io<'_, Self>) {
        match input {
            Input::Command(Command::Count) => io.emit(Event::Totals(self.totals())),
            Input::Message {
                from,
                message: Datagram::Request(request),
            } => {
                self.datagram(from, request, io);
            }
            Input::Stream { conn, input } => self.stream(conn, input, io),
            Input::Wake => self.wake(io),
            // Responses are for peers; nonsense is not answered, for its sender may be forged; and
            // a tracker asks for no disk work and no names.
            Input::Message {
                message: Datagram::Response(_),
                ..
            }
            | Input::Garbled { .. }
            | Input::Disk { .. }
            | Input::Resolved { .. } => {}
        }
    }

    fn next_wakeup(&self) -> Option<Instant> {
        [self.sweep_at, self.connections.next_wakeup()]
            .into_iter()
            .flatten()
            .min()
    }
}

impl Tracker {
    fn wake(&mut self, io: &mut Io<'_, Self>) {
        while let Some(conn) = self.connections.pop_late(io.now()) {
            io.close(conn);
        }
        if self.sweep_at.is_some_and(|at| at <= io.now()) {
            self.registry.sweep(io.now());
            self.sweep_at = self.registry.sweep_period().map(|period| io.now() + period);
        }
    }

    /// Registers an announce from `endpoint` and lets `answer` make of it what the asker is told.
    pub(super) fn announce<A>(
        &mut self,
        announce: &Announce,
        endpoint: Endpoint,
        io: &mut Io<'_, Self>,
        answer: impl FnOnce(&Accepted<'_>, &mut Rng) -> A,
    ) -> Result<A, String> {
        let accepted = self.registry.announce(announce, endpoint, io.now());
        let accepted = accepted.map_err(|refusal| refusal.to_string())?;
        let (change, counts) = (accepted.change, accepted.counts);
        let answer = answer(&accepted, io.rng());
        if let Some(change) = change {
            let (info_hash, peer) = (announce.info_hash, endpoint);
            io.emit(Event::Peer {
                info_hash,
                peer,
                change,
                counts,
            });
        }
        if self.sweep_at.is_none() {
            self.sweep_at = self.registry.sweep_period().map(|period| io.now() + period);
        }
        Ok(answer)
    }
}
