//! One torrent: its peers, its pieces, its trackers.
//!
//! | module | what of a torrent's life it holds |
//! |---|---|
//! | this one | beginning, the inputs it takes, taking leave |
//! | `links` | connections, from the call to the open peer to the farewell |
//! | `messages` | what peers say, and what follows from it |
//! | `download` | asking for blocks, taking them in, storing pieces |
//! | `upload` | choking, and serving what is asked for |
//! | `losses` | files that change under us |
//! | `exchange` | the extension protocol, and metadata from peers |
//! | `watch` | what the passing of time brings |

mod download;
mod exchange;
mod links;
mod losses;
mod messages;
mod upload;
mod watch;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;
use machine::{ConnId, DiskDone, DiskError, Endpoint, Instant, JobId, StreamInput};

pub(crate) use self::links::HANDSHAKE_MAX;
use self::links::Link;
use crate::api::{Add, Content, Event, Refusal, Source, TorrentId, TrackerReport};
use crate::assembly::Assembly;
use crate::candidates::{Candidates, Source as KnownFrom};
use crate::choker::Choker;
use crate::metadata::{MetadataFetch, MetadataServe};
use crate::metainfo::Privacy;
use crate::numbers::{Block, InfoHash};
use crate::peer::Peer;
use crate::rate::RateMeter;
use crate::session::{Rates, Timer, Turn};
use crate::smart_ban::SmartBan;
use crate::suggestions::Suggestions;
use crate::tracker::announcer::{Announcer, Report, Swarm, TierPolicy};
use crate::tracker::trackers::Finished;

/// Who takes leave waits so long for its trackers (spec section 24).
const LEAVE_MAX: Duration = Duration::from_secs(5);

/// One torrent of a node.
#[derive(Debug)]
pub(crate) struct Torrent {
    links: BTreeMap<ConnId, Link>,
    core: Core,
}

/// Everything of a torrent but its connections, so that it can be worked on beside one of them.
#[derive(Debug)]
struct Core {
    id: TorrentId,
    info_hash: InfoHash,
    stage: Stage,
    candidates: Candidates,
    announcer: Announcer,
    choker: Choker,
    smart_ban: SmartBan,
    rates: Rates,
    totals: Totals,
    disk: Disk,
    /// What is to be done with other peers than the one that now speaks.
    errands: Vec<Errand>,
    /// What we suggest to peers; there while we seed and have some.
    suggestions: Option<Box<Suggestions>>,
    /// Reused for picking.
    picked: Vec<Block>,
    /// Metadata whose hash is right, until the turn's messages are all read.
    proven_metadata: Option<Bytes>,
    /// Gives the metadata to peers; there once somebody asked.
    metadata: Option<Box<MetadataServe<ConnId>>>,
    /// When places were last checked for connections without use.
    turned_over_at: Instant,
}

/// How much of the torrent is known.
#[derive(Debug)]
enum Stage {
    /// Its name: the metadata is fetched from peers.
    Nameless(Box<MetadataFetch<ConnId>>),
    /// The metadata; the user is to say where the files lie.
    Described,
    /// All.
    Begun(Box<Assembly>),
    /// It takes leave.
    Leaving {
        /// When it goes in any case.
        until: Instant,
        /// What the driver still works at.
        assembly: Option<Box<Assembly>>,
    },
}

/// Whether the disk takes what comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Disk {
    /// It does.
    Well,
    /// It refused a piece; nothing is requested until it takes it.
    Refusing,
}

/// Something to be done with a peer that is not the one now speaking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Errand {
    Cancel(ConnId, Block),
    Choke(ConnId),
    Unchoke(ConnId),
}

/// Payload of this run.
#[derive(Debug)]
struct Totals {
    down: RateMeter,
    up: RateMeter,
    wasted: u64,
}

/// What became of a torrent in a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It goes on.
    Stays,
    /// It has taken leave.
    Gone,
}

impl Torrent {
    /// Takes up a torrent: the trackers are asked and the peers called in this turn.
    pub(crate) fn new(
        add: Add,
        info_hash: InfoHash,
        turn: &mut Turn<'_, '_>,
    ) -> Result<Self, Refusal> {
        let Add {
            torrent,
            source,
            trackers,
            peers,
            limits,
        } = add;
        let (stage, privacy) = match source {
            Source::Known(content) => {
                let privacy = content.info.privacy();
                (Stage::Begun(Box::new(Assembly::new(*content)?)), privacy)
            }
            Source::Magnet(_) => (
                Stage::Nameless(Box::new(MetadataFetch::new(info_hash))),
                Privacy::Public,
            ),
        };
        let announcer = announcer(info_hash, &trackers, privacy, torrent, turn);
        let now = turn.now();
        let mut this = Self {
            links: BTreeMap::new(),
            core: Core {
                id: torrent,
                info_hash,
                stage,
                candidates: Candidates::new(),
                announcer,
                choker: Choker::new(turn.session.config.upload_slots),
                smart_ban: SmartBan::default(),
                rates: Rates::new(limits),
                totals: Totals {
                    down: RateMeter::new(now),
                    up: RateMeter::new(now),
                    wasted: 0,
                },
                disk: Disk::Well,
                errands: Vec::new(),
                suggestions: None,
                picked: Vec::new(),
                proven_metadata: None,
                metadata: None,
                turned_over_at: now,
            },
        };
        this.core.announce(turn);
        this.add_peers(&peers, KnownFrom::User, turn);
        this.core.begin(turn);
        Ok(this)
    }

    /// Begins with the pieces, now that the user has said where the files lie.
    pub(crate) fn begin_content(
        &mut self,
        content: Content,
        turn: &mut Turn<'_, '_>,
    ) -> Result<(), Refusal> {
        match &self.core.stage {
            Stage::Described => (),
            Stage::Begun(_) | Stage::Leaving { .. } => return Err(Refusal::Begun),
            Stage::Nameless(_) => return Err(Refusal::Misfit),
        }
        if content.info.hash() != self.core.info_hash {
            return Err(Refusal::Misfit);
        }
        self.core.stage = Stage::Begun(Box::new(Assembly::new(content)?));
        self.core.begin(turn);
        self.learn_pieces(turn);
        Ok(())
    }

    /// Learns of peers.
    pub(crate) fn add_peers(
        &mut self,
        peers: &[Endpoint],
        source: KnownFrom,
        turn: &mut Turn<'_, '_>,
    ) {
        for &peer in peers {
            self.core.candidates.add(peer, source, turn.now());
        }
        self.dial(turn);
    }

    /// Takes what happened on one of the torrent's connections.
    pub(crate) fn stream(&mut self, conn: ConnId, input: StreamInput, turn: &mut Turn<'_, '_>) {
        match input {
            StreamInput::Received(bytes) => self.received(conn, bytes, turn),
            StreamInput::Flushed => self.serve(conn, turn),
            StreamInput::Connected { to } => self.connected(conn, to, turn),
            StreamInput::Closed(reason) => self.lost(conn, reason, turn),
            // Strangers are the node's; they come here with their handshake.
            StreamInput::Accepted { .. } => (),
        }
    }

    /// Takes the end of a disk job.
    pub(crate) fn disk(
        &mut self,
        job: JobId,
        result: Result<DiskDone, DiskError>,
        turn: &mut Turn<'_, '_>,
    ) {
        self.stored(job, result, turn);
        self.run_errands(turn);
    }

    /// Takes an announce that is done.
    pub(crate) fn announced(&mut self, finished: &Finished, turn: &mut Turn<'_, '_>) {
        let (now, core) = (turn.now(), &mut self.core);
        let swarm = core.announcer.settle(finished, now, turn.io.rng());
        let outcome = match &finished.result {
            Ok(outcome) => Ok(outcome.peers.len()),
            Err(failure) => Err(alloc::format!("{failure}")),
        };
        let url = alloc::format!("{}", finished.tracker);
        let report = TrackerReport {
            torrent: core.id,
            url,
            outcome,
        };
        turn.io.emit(Event::Tracker(Box::new(report)));
        core.announce(turn);
        if swarm == Swarm::Other {
            self.close_all(turn);
        }
        if let Ok(outcome) = &finished.result {
            self.add_peers(&outcome.peers, KnownFrom::Tracker, turn);
        }
    }

    /// Begins to take leave: peers are closed now, trackers are told.
    pub(crate) fn leave(&mut self, turn: &mut Turn<'_, '_>) {
        if matches!(self.core.stage, Stage::Leaving { .. }) {
            return;
        }
        self.report(turn);
        let report = self.core.report(turn);
        self.close_all(turn);
        turn.session.trackers.cancel(self.core.info_hash);
        for order in self.core.announcer.stop(&report) {
            turn.session.trackers.announce(order, turn.io);
        }
        for timer in [
            Timer::Look,
            Timer::Choke,
            Timer::Dial,
            Timer::Announce,
            Timer::Report,
        ] {
            turn.session.timers.stop(timer(self.core.id));
        }
        let until = turn.now() + LEAVE_MAX;
        let stage = core::mem::replace(
            &mut self.core.stage,
            Stage::Leaving {
                until,
                assembly: None,
            },
        );
        if let Stage::Begun(mut assembly) = stage {
            assembly.release_all(&mut turn.session.slots, turn.io);
            let assembly = assembly.is_storing().then_some(assembly);
            self.core.stage = Stage::Leaving { until, assembly };
        }
        turn.session.timers.set(Timer::Look(self.core.id), until);
        turn.session.leaving.push(self.core.id);
    }

    /// Whether the torrent has taken leave of its trackers and of the disk.
    pub(crate) fn fate(&self, turn: &Turn<'_, '_>) -> Fate {
        match &self.core.stage {
            Stage::Leaving {
                until,
                assembly: None,
            } if !turn.session.trackers.is_busy_with(self.core.info_hash)
                || turn.now() >= *until =>
            {
                Fate::Gone
            }
            Stage::Leaving { .. } | Stage::Nameless(_) | Stage::Described | Stage::Begun(_) => {
                Fate::Stays
            }
        }
    }

    /// Announces the torrent, if it is time to.
    pub(crate) fn announce(&mut self, turn: &mut Turn<'_, '_>) {
        self.core.announce(turn);
    }

    /// The torrent's name.
    pub(crate) const fn info_hash(&self) -> InfoHash {
        self.core.info_hash
    }

    fn peer(&mut self, conn: ConnId) -> Option<(&mut Peer, &mut Core)> {
        match self.links.get_mut(&conn) {
            Some(Link::Open(peer)) => Some((peer, &mut self.core)),
            Some(Link::Dialing(_) | Link::Greeting(_)) | None => None,
        }
    }

    fn peers(&self) -> impl Iterator<Item = (ConnId, &Peer)> {
        self.links.iter().filter_map(|(&conn, link)| match link {
            Link::Open(peer) => Some((conn, &**peer)),
            Link::Dialing(_) | Link::Greeting(_) => None,
        })
    }

    fn peers_mut(&mut self) -> (impl Iterator<Item = (ConnId, &mut Peer)>, &mut Core) {
        let peers = self
            .links
            .iter_mut()
            .filter_map(|(&conn, link)| match link {
                Link::Open(peer) => Some((conn, &mut **peer)),
                Link::Dialing(_) | Link::Greeting(_) => None,
            });
        (peers, &mut self.core)
    }

    /// Does what one peer's word has brought upon others.
    fn run_errands(&mut self, turn: &mut Turn<'_, '_>) {
        let mut errands = core::mem::take(&mut self.core.errands);
        for errand in errands.drain(..) {
            let (Errand::Cancel(conn, _) | Errand::Choke(conn) | Errand::Unchoke(conn)) = errand;
            let Some((peer, core)) = self.peer(conn) else {
                continue;
            };
            match errand {
                Errand::Cancel(_, block) => core.cancel(conn, peer, block, turn),
                Errand::Choke(_) => core.choke(conn, peer, turn),
                Errand::Unchoke(_) => core.unchoke(conn, peer, turn),
            }
        }
        self.core.errands = errands;
    }
}

impl Core {
    /// Starts what a begun torrent does by the clock.
    fn begin(&mut self, turn: &mut Turn<'_, '_>) {
        if let Some(every) = turn.session.config.report_every {
            turn.set(Timer::Report(self.id), every);
        }
        if self
            .assembly()
            .is_some_and(|assembly| assembly.is_finished())
        {
            turn.io.emit(Event::Complete { torrent: self.id });
        }
    }

    /// Announces the torrent, if it is time to, and notes when it will be.
    fn announce(&mut self, turn: &mut Turn<'_, '_>) {
        let report = self.report(turn);
        while let Some(order) = self.announcer.poll(turn.now(), &report) {
            turn.session.trackers.announce(order, turn.io);
        }
        match self.announcer.next_due() {
            Some(at) => turn.session.timers.set(Timer::Announce(self.id), at),
            None => turn.session.timers.stop(Timer::Announce(self.id)),
        }
    }

    /// What trackers are told.
    fn report(&self, turn: &Turn<'_, '_>) -> Report {
        let left = self.assembly().map(|assembly| {
            let (done, wanted) = assembly.done_and_wanted();
            wanted - done
        });
        Report {
            peer_id: turn.session.config.peer_id,
            port: turn.session.config.port,
            uploaded: self.totals.up.total(),
            downloaded: self.totals.down.total(),
            left,
            numwant: None,
            key: turn.session.config.key,
        }
    }

    fn assembly(&self) -> Option<&Assembly> {
        match &self.stage {
            Stage::Begun(assembly) => Some(assembly),
            Stage::Nameless(_) | Stage::Described | Stage::Leaving { .. } => None,
        }
    }

    fn assembly_mut(&mut self) -> Option<&mut Assembly> {
        match &mut self.stage {
            Stage::Begun(assembly) => Some(assembly),
            Stage::Nameless(_) | Stage::Described | Stage::Leaving { .. } => None,
        }
    }

    /// How many pieces the torrent has, if that is known.
    fn piece_count(&self) -> Option<u32> {
        self.assembly()
            .map(|assembly| assembly.layout().piece_count())
    }

    /// Whether we have all that is wanted.
    fn is_finished(&self) -> bool {
        self.assembly().is_some_and(Assembly::is_finished)
    }
}

fn announcer(
    info_hash: InfoHash,
    urls: &[Vec<alloc::string::String>],
    privacy: Privacy,
    torrent: TorrentId,
    turn: &mut Turn<'_, '_>,
) -> Announcer {
    let mut tiers = Vec::new();
    for tier in urls {
        let mut urls_of_tier: Vec<Arc<_>> = Vec::new();
        for url in tier {
            match turn.session.trackers.intern(url) {
                Ok(tracker) => urls_of_tier.push(tracker),
                Err(error) => {
                    let outcome = Err(alloc::format!("{error}"));
                    let report = TrackerReport {
                        torrent,
                        url: url.clone(),
                        outcome,
                    };
                    turn.io.emit(Event::Tracker(Box::new(report)));
                }
            }
        }
        tiers.push(urls_of_tier);
    }
    let policy = match privacy {
        Privacy::Public => TierPolicy::EachTier,
        Privacy::Private => TierPolicy::Private,
    };
    Announcer::new(info_hash, tiers, policy, turn.io.rng())
}
