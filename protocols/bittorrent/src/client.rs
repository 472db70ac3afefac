//! All torrents of a node, and what finds its way between them.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use machine::{ConnId, DiskDone, DiskError, Instant, Io, JobId, StreamInput};

use crate::api::{Add, Command, Config, Event, Refusal, Source, TorrentId};
use crate::candidates;
use crate::node::Node;
use crate::numbers::InfoHash;
use crate::session::{Session, Timer, Turn};
use crate::strangers::{Introduced, Strangers};
use crate::torrent::{Fate, Torrent};

/// The torrents of a node, and what they share.
#[derive(Debug)]
pub(crate) struct Client {
    torrents: BTreeMap<TorrentId, Torrent>,
    by_hash: BTreeMap<InfoHash, TorrentId>,
    strangers: Strangers,
    /// When the trackers' conversations want to be looked at: what their timer is set to.
    trackers_at: Option<Instant>,
    pub(crate) session: Session,
}

impl Client {
    /// A client without torrents.
    pub(crate) fn new(config: Config) -> Self {
        Self {
            torrents: BTreeMap::new(),
            by_hash: BTreeMap::new(),
            strangers: Strangers::default(),
            trackers_at: None,
            session: Session::new(config),
        }
    }

    /// Follows a command, or says why not.
    pub(crate) fn command(&mut self, command: Command, io: &mut Io<'_, Node>) {
        let (torrent, result) = match command {
            Command::Add(add) => (add.torrent, self.add(*add, io)),
            Command::Begin { torrent, content } => {
                let begun = self.with(Some(torrent), io, |it, turn| {
                    it.begin_content(*content, turn)
                });
                (torrent, begun.unwrap_or(Err(Refusal::Unknown)))
            }
            Command::AddPeers { torrent, peers } => {
                let source = candidates::Source::User;
                let added = self.with(Some(torrent), io, |it, turn| {
                    it.add_peers(&peers, source, turn)
                });
                (torrent, added.ok_or(Refusal::Unknown))
            }
            Command::Remove(torrent) => {
                let left = self.with(Some(torrent), io, Torrent::leave);
                (torrent, left.ok_or(Refusal::Unknown))
            }
        };
        if let Err(why) = result {
            io.emit(Event::Refused { torrent, why });
        }
    }

    fn add(&mut self, add: Add, io: &mut Io<'_, Node>) -> Result<(), Refusal> {
        let id = add.torrent;
        let info_hash = match &add.source {
            Source::Known(content) => content.info.hash(),
            Source::Magnet(info_hash) => *info_hash,
        };
        if self.torrents.contains_key(&id) || self.by_hash.contains_key(&info_hash) {
            return Err(Refusal::Twice);
        }
        let mut turn = Turn {
            io,
            session: &mut self.session,
        };
        let torrent = Torrent::new(add, info_hash, &mut turn)?;
        self.torrents.insert(id, torrent);
        self.by_hash.insert(info_hash, id);
        Ok(())
    }

    /// Takes the end of a disk job.
    pub(crate) fn disk(
        &mut self,
        job: JobId,
        result: Result<DiskDone, DiskError>,
        io: &mut Io<'_, Node>,
    ) {
        let torrent = self.session.jobs.remove(&job);
        self.with(torrent, io, |torrent, turn| torrent.disk(job, result, turn));
    }

    /// Takes what happened on a connection: a peer's, a tracker's, or a stranger's.
    pub(crate) fn stream(&mut self, conn: ConnId, input: StreamInput, io: &mut Io<'_, Node>) {
        if let Some(&torrent) = self.session.homes.get(&conn) {
            self.with(Some(torrent), io, |torrent, turn| {
                torrent.stream(conn, input, turn)
            });
        } else if self.session.trackers.owns(conn) {
            self.session.trackers.stream(conn, input, io);
        } else {
            let mut turn = Turn {
                io,
                session: &mut self.session,
            };
            let Some(introduced) = self.strangers.stream(conn, input, &mut turn) else {
                return;
            };
            let Introduced { from, start, input } = introduced;
            let torrent = self.by_hash.get(&start.info_hash).copied();
            let welcomed = self.with(torrent, io, |torrent, turn| {
                torrent.welcome(conn, from, start, input, turn);
            });
            if welcomed.is_none() {
                io.close(conn); // Silently: who asks for what we do not have learns nothing.
            }
        }
    }

    /// Does what is due.
    pub(crate) fn wake(&mut self, io: &mut Io<'_, Node>) {
        while let Some(timer) = self.session.timers.pop_due(io.now()) {
            match timer {
                Timer::Trackers => {
                    self.trackers_at = None;
                    self.session.trackers.wake(io);
                }
                Timer::Handshakes => {
                    self.strangers.look(&mut Turn {
                        io,
                        session: &mut self.session,
                    });
                }
                Timer::Refill => {
                    let ids: Vec<_> = self.torrents.keys().copied().collect();
                    for id in ids {
                        self.with(Some(id), io, Torrent::refilled);
                    }
                }
                Timer::Look(id) => drop(self.with(Some(id), io, Torrent::look)),
                Timer::Choke(id) => drop(self.with(Some(id), io, Torrent::choke_round)),
                Timer::Dial(id) => drop(self.with(Some(id), io, Torrent::dial)),
                Timer::Announce(id) => drop(self.with(Some(id), io, Torrent::announce)),
                Timer::Disk(id) => drop(self.with(Some(id), io, Torrent::store_again)),
                Timer::Report(id) => drop(self.with(Some(id), io, |it, turn| it.report(turn))),
            }
        }
    }

    /// Hands out what trackers answered, lets torrents go that have taken leave, and notes when
    /// the trackers' conversations want to be looked at.
    pub(crate) fn settle(&mut self, io: &mut Io<'_, Node>) {
        while let Some(finished) = self.session.trackers.next_finished() {
            let torrent = self.by_hash.get(&finished.info_hash).copied();
            self.with(torrent, io, |torrent, turn| {
                torrent.announced(&finished, turn)
            });
        }
        let trackers_at = self.session.trackers.next_wakeup();
        if trackers_at != self.trackers_at {
            self.trackers_at = trackers_at;
            match trackers_at {
                Some(at) => self.session.timers.set(Timer::Trackers, at),
                None => self.session.timers.stop(Timer::Trackers),
            }
        }
        for id in core::mem::take(&mut self.session.leaving) {
            let fate = self.with(Some(id), io, |torrent, turn| torrent.fate(turn));
            match fate {
                Some(Fate::Gone) => {
                    if let Some(torrent) = self.torrents.remove(&id) {
                        self.by_hash.remove(&torrent.info_hash());
                    }
                    io.emit(Event::Removed(id));
                }
                Some(Fate::Stays) => self.session.leaving.push(id),
                None => (),
            }
        }
    }

    /// Lets a torrent do its part of the turn, if there is one.
    fn with<T>(
        &mut self,
        torrent: Option<TorrentId>,
        io: &mut Io<'_, Node>,
        work: impl FnOnce(&mut Torrent, &mut Turn<'_, '_>) -> T,
    ) -> Option<T> {
        let torrent = self.torrents.get_mut(&torrent?)?;
        Some(work(
            torrent,
            &mut Turn {
                io,
                session: &mut self.session,
            },
        ))
    }
}
