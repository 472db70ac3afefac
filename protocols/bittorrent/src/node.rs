//! The node: it only sorts what comes and hands it on.

use machine::{Input, Instant, Io, Protocol};

use crate::api::{Command, Config, Event};
use crate::client::Client;
use crate::tracker::udp::Datagram;

/// A BitTorrent client as a state machine: many torrents, their peers and trackers.
#[derive(Debug)]
pub struct Node(Client);

impl Node {
    /// A node without torrents.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self(Client::new(config))
    }
}

impl Protocol for Node {
    type Message = Datagram;
    type Command = Command;
    type Event = Event;
    type Shared = ();

    fn handle(&mut self, input: Input<Self>, io: &mut Io<'_, Self>) {
        let client = &mut self.0;
        match input {
            Input::Command(command) => client.command(command, io),
            Input::Stream { conn, input } => client.stream(conn, input, io),
            Input::Disk { job, result } => client.disk(job, result, io),
            Input::Message {
                from,
                message: Datagram::Response(response),
            } => {
                client.session.trackers.response(from, response, io);
            }
            // Requests are for trackers, which this node is not.
            Input::Message {
                message: Datagram::Request(_),
                ..
            } => (),
            Input::Garbled { from, error } => tracing::debug!(%from, %error, "garbled datagram"),
            Input::Resolved { job, result } => client.session.trackers.resolved(job, &result, io),
            Input::Wake => client.wake(io),
        }
        client.settle(io);
    }

    fn next_wakeup(&self) -> Option<Instant> {
        self.0.session.timers.next()
    }
}
