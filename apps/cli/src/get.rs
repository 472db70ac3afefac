//! `manyhop get`: fetches a torrent's content.

use std::net::ToSocketAddrs as _;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bittorrent::Node;
use bittorrent::api::{Add, Command, Limits, Source, TorrentId};
use library::Folder;
use machine::Endpoint;
use runtime::{Caching, Files, Handle};

use crate::Outcome;
use crate::args::GetArgs;
use crate::download::{Download, Ending, Turn};
use crate::error::Failure;
use crate::output::Output;
use crate::session::{Inbox, News, Session, Setup};
use crate::source::{What, Wish};

/// The only torrent of this node.
pub(crate) const TORRENT: TorrentId = TorrentId(0);

/// How often we hear how the download stands.
const REPORT_EVERY: Duration = Duration::from_millis(500);

pub(crate) fn run(args: GetArgs, output: &Output) -> Result<Outcome, Failure> {
    let folder = Folder::create(&args.folder)?;
    let wish = Wish::of(&args, &folder)?;
    let (stop, inbox) = Inbox::open(&args.peers)?;
    let is_alone = wish.has_nobody_to_ask();
    let files = Files::new();
    let mut download = Download::new(&args, output, &stop, folder, files.clone(), &wish);
    let source = match wish.what {
        What::Known(info) => {
            let content = download.begin(Arc::new(*info))?;
            if download.lacks_nothing() {
                return tell(&download.close(), output);
            }
            Source::Known(Box::new(content))
        }
        What::Named(hash) => Source::Magnet(hash),
    };
    if is_alone {
        warn_of_silence(output);
    }
    let setup = Setup {
        peers: &args.peers,
        limit_down: args.limit_down,
        report_every: REPORT_EVERY,
        files,
        caching: caching(&args),
    };
    let session = Session::start(&setup, inbox)?;
    session.handle().command(Command::Add(Box::new(Add {
        torrent: TORRENT,
        source,
        trackers: wish.trackers,
        peers: wish.peers,
        limits: Limits::default(),
    })));
    look_up(wish.hosts, session.handle());
    download.tell_start(session.port());
    let ended = go_on(&mut download, &session);
    session.leave([TORRENT], |event| download.hear_late(event));
    let ending = download.close();
    ended?;
    tell(&ending, output)
}

/// Who seeds afterwards will read all of it again, and who fetches in order is reading already.
fn caching(args: &GetArgs) -> Caching {
    if args.seed_after || args.sequential {
        Caching::Keep
    } else {
        Caching::Pass
    }
}

fn tell(ending: &Ending, output: &Output) -> Result<Outcome, Failure> {
    output.result(ending.text(), ending.to_json())?;
    Ok(Outcome::Done)
}

fn warn_of_silence(output: &Output) {
    let message = "neither a tracker nor a peer is known, so nobody can be asked";
    let hint = "name a peer with --peer, or wait until one calls";
    output.warning(&Failure::new(message).hint(hint));
}

/// Follows the download until it is complete (and, if the user wants that, given to others until
/// stopped).
fn go_on(download: &mut Download<'_>, session: &Session) -> Result<(), Failure> {
    loop {
        let turn = match session.next(download.next_checkpoint()) {
            Some(News::Node(event)) => download.hear(event)?,
            Some(News::Stop) => return download.stopped(),
            None => {
                download.checkpoint();
                Turn::Next
            }
        };
        match turn {
            Turn::Next => (),
            Turn::Command(command) => session.handle().command(*command),
            Turn::End => return Ok(()),
        }
    }
}

/// Looks up peers that are known by names, beside all else: a name may take long.
fn look_up(hosts: Vec<(String, u16)>, handle: &Handle<Node>) {
    if hosts.is_empty() {
        return;
    }
    let handle = handle.clone();
    thread::spawn(move || {
        for (name, port) in hosts {
            let Ok(addresses) = (name.as_str(), port).to_socket_addrs() else {
                continue;
            };
            let peers = addresses.map(Endpoint::from).collect();
            handle.command(Command::AddPeers {
                torrent: TORRENT,
                peers,
            });
        }
    });
}
