//! A node that does nothing but announce: the part of a client that deals with trackers.

use bittorrent::numbers::{InfoHash, PeerId};
use bittorrent::tracker::{Announcer, Datagram, Finished, Report, Swarm, TierPolicy, Trackers};
use machine::{Input, Instant, Io, Protocol};
use std::collections::BTreeMap;

#[derive(Debug)]
pub(crate) struct Asker {
    trackers: Trackers,
    torrents: BTreeMap<InfoHash, (Announcer, Report)>,
    port: u16,
}

#[derive(Debug, Clone)]
pub(crate) enum Command {
    Add {
        info_hash: InfoHash,
        tiers: Vec<Vec<String>>,
        policy: TierPolicy,
        left: Option<u64>,
    },
    Complete(InfoHash),
    Hurry(InfoHash),
    Stop(InfoHash),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) at: Instant,
    pub(crate) finished: Finished,
    pub(crate) swarm: Swarm,
}

impl Asker {
    pub(crate) fn new(port: u16) -> Self {
        Self {
            trackers: Trackers::default(),
            torrents: BTreeMap::new(),
            port,
        }
    }

    pub(crate) fn is_busy_with(&self, info_hash: InfoHash) -> bool {
        self.trackers.is_busy_with(info_hash)
    }

    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.torrents
            .values()
            .filter_map(|(announcer, _)| announcer.next_due())
            .min()
    }

    fn command(&mut self, command: Command, io: &mut Io<'_, Self>) {
        match command {
            Command::Add {
                info_hash,
                tiers,
                policy,
                left,
            } => {
                let trackers = &mut self.trackers;
                let mut intern = |url: &String| trackers.intern(url).expect("a URL");
                let tiers = tiers
                    .iter()
                    .map(|tier| tier.iter().map(&mut intern).collect());
                let announcer = Announcer::new(info_hash, tiers.collect(), policy, io.rng());
                let mut peer_id = *b"-XX0001-000000000000";
                peer_id[18..].copy_from_slice(&self.port.to_be_bytes());
                let report = Report {
                    peer_id: PeerId(peer_id),
                    port: self.port,
                    key: 0xdead_beef,
                    uploaded: 0,
                    downloaded: 0,
                    left,
                    numwant: None,
                };
                self.torrents.insert(info_hash, (announcer, report));
            }
            Command::Complete(info_hash) => {
                let (announcer, report) = self.torrents.get_mut(&info_hash).expect("it was added");
                report.left = Some(0);
                announcer.complete(io.now());
            }
            Command::Hurry(info_hash) => {
                let (announcer, _) = self.torrents.get_mut(&info_hash).expect("it was added");
                announcer.hurry(io.now());
            }
            Command::Stop(info_hash) => {
                let (announcer, report) = self.torrents.get_mut(&info_hash).expect("it was added");
                self.trackers.cancel(info_hash);
                for order in announcer.stop(report) {
                    self.trackers.announce(order, io);
                }
            }
        }
    }

    /// What a client does at the end of each turn.
    fn proceed(&mut self, io: &mut Io<'_, Self>) {
        while let Some(finished) = self.trackers.next_finished() {
            let (announcer, _) = self
                .torrents
                .get_mut(&finished.info_hash)
                .expect("it was added");
            let swarm = announcer.settle(&finished, io.now(), io.rng());
            io.emit(Heard {
                at: io.now(),
                finished,
                swarm,
            });
        }
        for (announcer, report) in self.torrents.values_mut() {
            while let Some(order) = announcer.poll(io.now(), report) {
                self.trackers.announce(order, io);
            }
        }
    }
}

impl Protocol for Asker {
    type Message = Datagram;
    type Command = Command;
    type Event = Heard;
    type Shared = ();

    fn handle(&mut self, input: Input<Self>, io: &mut Io<'_, Self>) {
        match input {
            Input::Command(command) => self.command(command, io),
            Input::Message {
                from,
                message: Datagram::Response(response),
            } => {
                self.trackers.response(from, response, io);
            }
            Input::Stream { conn, input } => {
                assert!(self.trackers.owns(conn));
                self.trackers.stream(conn, input, io);
            }
            Input::Resolved { job, result } => self.trackers.resolved(job, &result, io),
            Input::Wake => self.trackers.wake(io),
            Input::Message { .. } | Input::Garbled { .. } | Input::Disk { .. } => {}
        }
        self.proceed(io);
    }

    fn next_wakeup(&self) -> Option<Instant> {
        [self.trackers.next_wakeup(), self.next_due()]
            .into_iter()
            .flatten()
            .min()
    }
}
