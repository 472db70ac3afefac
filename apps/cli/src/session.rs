//! A node at work on this machine: what `get` and `seed` share.

use std::hash::{BuildHasher as _, RandomState};
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use bittorrent::Node;
use bittorrent::api::{Command, Config, Event, Limits, TorrentId};
use bittorrent::numbers::PeerId;
use machine::{Rng, Seed};
use runtime::{Builder, Caching, Files, Handle, StartError};

use crate::args::PeerArgs;
use crate::error::Failure;
use crate::signals::{self, Stop};

/// Where peers look first, by custom (BEP 3).
const DEFAULT_PORT: u16 = 6881;

/// How often a port that was free a moment ago is looked for anew when it is not any more.
const FREE_PORT_TRIES: u32 = 16;

/// How much memory pieces may take that are on their way, in bytes: with all else, a process that
/// fetches stays below 24 MiB.
const PIECES_MAX: u64 = 20 << 20;

/// How long trackers may take to hear that we leave. Who does not answer for so long is told
/// nothing more: the user waits.
const LEAVE_MAX: Duration = Duration::from_secs(3);

/// What the main thread hears.
#[derive(Debug)]
pub(crate) enum News {
    /// Something happened in the node.
    Node(Event),
    /// The user wants to stop.
    Stop,
}

/// Where news arrives, from before there is a node.
#[derive(Debug)]
pub(crate) struct Inbox {
    sender: Sender<News>,
    news: Receiver<News>,
}

/// How a session differs from the default.
#[derive(Debug)]
pub(crate) struct Setup<'a> {
    /// How peers find us.
    pub(crate) peers: &'a PeerArgs,
    /// The most to fetch, in bytes a second. (The most to give is in `peers`.)
    pub(crate) limit_down: Option<crate::units::Rate>,
    /// How often a torrent tells how it stands.
    pub(crate) report_every: Duration,
    /// Where the files lie.
    pub(crate) files: Files,
    /// What becomes of written bytes in the page cache.
    pub(crate) caching: Caching,
}

/// A running node.
#[derive(Debug)]
pub(crate) struct Session {
    handle: Handle<Node>,
    news: Receiver<News>,
    port: u16,
}

impl Inbox {
    /// Begins to watch for the user's wish to stop.
    ///
    /// # Errors
    /// When the system lets us not watch.
    pub(crate) fn open(peers: &PeerArgs) -> Result<(Stop, Self), Failure> {
        let (sender, news) = mpsc::channel();
        let stop = Stop::watch({
            let sender = sender.clone();
            move || drop(sender.send(News::Stop))
        })?;
        if peers.until_input_ends {
            signals::stop_when_input_ends();
        }
        Ok((stop, Self { sender, news }))
    }
}

impl Session {
    /// Opens the sockets and starts the node.
    ///
    /// # Errors
    /// When the port that the user named is taken, or the address is none of this machine's.
    pub(crate) fn start(setup: &Setup<'_>, inbox: Inbox) -> Result<Self, Failure> {
        let Inbox { sender, news } = inbox;
        let addresses = addresses(setup.peers.bind);
        let launch = |port| launch(setup, &addresses, port, &sender);
        let mut port = setup.peers.port.unwrap_or(DEFAULT_PORT);
        let mut started = launch(port);
        for _ in 0..FREE_PORT_TRIES {
            if setup.peers.port.is_some() || !started.as_ref().is_err_and(is_taken) {
                break;
            }
            port = free_port(&addresses)?;
            started = launch(port);
        }
        let handle = started?;
        Ok(Self { handle, news, port })
    }

    /// Gives the port where peers reach us.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Gives what commands go through.
    pub(crate) const fn handle(&self) -> &Handle<Node> {
        &self.handle
    }

    /// Waits for news; `None` when the time is over.
    pub(crate) fn next(&self, until: Option<Instant>) -> Option<News> {
        let Some(until) = until else {
            return self.news.recv().ok();
        };
        let patience = until.saturating_duration_since(Instant::now());
        self.news.recv_timeout(patience).ok()
    }

    /// Takes leave of the trackers, as long as they answer soon, and of the peers; hands on what
    /// still happens meanwhile.
    pub(crate) fn leave(
        self,
        torrents: impl IntoIterator<Item = TorrentId>,
        mut on_event: impl FnMut(Event),
    ) {
        let mut staying = 0_usize;
        for torrent in torrents {
            self.handle.command(Command::Remove(torrent));
            staying += 1;
        }
        let until = Instant::now() + LEAVE_MAX;
        while staying > 0 {
            match self.next(Some(until)) {
                Some(News::Node(Event::Removed(_) | Event::Refused { .. })) => staying -= 1,
                Some(News::Node(event)) => on_event(event),
                Some(News::Stop) => (),
                None => break,
            }
        }
        self.handle.stop();
        self.handle.join();
        for news in self.news.try_iter() {
            if let News::Node(event) = news {
                on_event(event);
            }
        }
    }
}

/// Draws a seed that nobody can foretell, from where the standard library draws the keys of its
/// hash tables.
pub(crate) fn draw_seed() -> Seed {
    let half = || u128::from(RandomState::new().hash_one("manyhop"));
    Seed(half() << 64 | half())
}

/// A port that is free at all these addresses, at this moment.
///
/// # Errors
/// When none is, or an address is none of this machine's.
pub(crate) fn free_port(addresses: &[IpAddr]) -> Result<u16, Failure> {
    let find = || {
        let mut port = 0;
        for &address in addresses {
            port = TcpListener::bind((address, port))?.local_addr()?.port();
        }
        Ok(port)
    };
    let mut found: std::io::Result<u16> = find();
    for _ in 0..FREE_PORT_TRIES {
        if found.is_ok() {
            break;
        }
        found = find();
    }
    found.map_err(|error| {
        Failure::new(format!("there is no free port: {error}"))
            .hint("check that the address of --bind is one of this machine")
    })
}

/// Where we listen: everywhere, unless the user names an address.
fn addresses(bind: Option<IpAddr>) -> Vec<IpAddr> {
    let everywhere = || {
        let ipv6 = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        let is_there = UdpSocket::bind((ipv6, 0)).is_ok();
        let ipv4 = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        if is_there {
            vec![ipv4, ipv6]
        } else {
            vec![ipv4]
        }
    };
    bind.map_or_else(everywhere, |address| vec![address])
}

fn launch(
    setup: &Setup<'_>,
    addresses: &[IpAddr],
    port: u16,
    sender: &Sender<News>,
) -> Result<Handle<Node>, StartError> {
    let config = config(setup, port);
    let slots = config.slots;
    let mut builder = Builder::new(Node::new(config), ())
        .slots(slots)
        .files(setup.files.clone())
        .caching(setup.caching);
    for &address in addresses {
        builder = builder
            .listen(SocketAddr::new(address, port))
            .datagrams(SocketAddr::new(address, 0));
    }
    if let Some(address) = setup.peers.bind {
        builder = builder.connect_from(address);
    }
    let sender = sender.clone();
    // It fails when the main thread has gone; then nobody wants to know.
    builder.start(move |event| drop(sender.send(News::Node(event))))
}

fn config(setup: &Setup<'_>, port: u16) -> Config {
    let mut rng = Rng::new(draw_seed(), 0, 0);
    let mut config = Config::new(PeerId::ours(rng.bytes()));
    config.port = port;
    config.key = u32::from_be_bytes(rng.bytes());
    config.limits = Limits {
        down: setup.limit_down.map(|rate| rate.0),
        up: setup.peers.limit_up.map(|rate| rate.0),
    };
    config.memory_bytes = PIECES_MAX;
    config.report_every = Some(setup.report_every);
    config
}

fn is_taken(error: &StartError) -> bool {
    match error {
        StartError::Listen { reason, .. } => *reason == ErrorKind::AddrInUse,
        StartError::Datagrams { .. } | StartError::System { .. } => false,
    }
}
