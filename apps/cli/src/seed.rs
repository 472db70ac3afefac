//! `manyhop seed`: gives content to others.
//!
//! A seed may have a thousand torrents, so nothing here happens for each torrent by the clock, and
//! of each only what the node needs stays in memory.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bittorrent::api::{Add, Command, Content, Event, Limits, Order, Progress, Source, TorrentId};
use bittorrent::bitfield::Bitfield;
use bittorrent::metainfo::{FileIndex, Info};
use library::Folder;
use machine::FileId;
use runtime::{Caching, Files};
use serde_json::json;

use crate::Outcome;
use crate::args::SeedArgs;
use crate::download::{lost, tell_tracker};
use crate::error::Failure;
use crate::meter::{Meter, Reading};
use crate::output::Output;
use crate::session::{Inbox, News, Session, Setup};
use crate::shelf::{Checker, Whole};
use crate::units::{Size, count};

/// How many reports on torrents are read in a second at most.
const REPORTS_PER_SECOND: usize = 10;

pub(crate) fn run(args: SeedArgs, output: &Output) -> Result<Outcome, Failure> {
    let (stop, inbox) = Inbox::open(&args.peers)?;
    let folder = Folder::open(&args.folder)?;
    let setup = Setup {
        peers: &args.peers,
        limit_down: None,
        report_every: report_every(args.torrents.len()),
        files: Files::new(),
        caching: Caching::Keep,
    };
    // The port first: what is wrong with it should not come to light after hours of checking.
    let session = Session::start(&setup, inbox)?;
    let checker = Checker {
        folder: &folder,
        stop: &stop,
        output,
    };
    let whole = checker.check(&args.torrents)?;
    if whole.is_empty() {
        return Err(Failure::new("there is nothing to seed")
            .hint("`manyhop check` shows what is missing, and `manyhop get` fetches it"));
    }
    let mut seeding = Seeding::new(output, &folder);
    for torrent in &whole {
        seeding.add(torrent, &session, &args);
    }
    seeding.tell_ready(session.port())?;
    if !args.keep_nothing {
        keep_in_mind(&whole, output);
    }
    drop(whole);
    seeding.follow(&session);
    let torrents = seeding.torrents();
    session.leave(torrents, |event| seeding.hear(event));
    seeding.tell_result()?;
    Ok(Outcome::Done)
}

/// How often each torrent tells how it stands: the less often, the more there are.
fn report_every(torrents: usize) -> Duration {
    let seconds = u64::try_from(torrents.div_ceil(REPORTS_PER_SECOND)).unwrap_or(u64::MAX);
    Duration::from_secs(seconds.max(1))
}

/// Spares the next run the checking. A folder that cannot be written is no reason not to seed.
fn keep_in_mind(whole: &[Whole], output: &Output) {
    for torrent in whole {
        if let Err(failure) = torrent.keep_in_mind() {
            let text = format!("the next run will check again: {failure}");
            output.note("unkept", text, failure.to_json());
            return;
        }
    }
}

/// The torrents that are given to others.
struct Seeding<'a> {
    output: &'a Output,
    folder: &'a Folder,
    shared: Vec<Shared>,
    bytes: u64,
    next_file: u32,
    meter: Meter<'a>,
    /// The last report of each torrent that somebody was interested in.
    reports: BTreeMap<TorrentId, Box<Progress>>,
    totals: Totals,
}

struct Shared {
    info: Arc<Info>,
    first_file: FileId,
}

/// What all torrents together do.
#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    uploaded_bytes: u64,
    up_rate: u64,
    peers: usize,
}

impl<'a> Seeding<'a> {
    fn new(output: &'a Output, folder: &'a Folder) -> Self {
        Self {
            output,
            folder,
            shared: Vec::new(),
            bytes: 0,
            next_file: 0,
            meter: output.meter("seeding"),
            reports: BTreeMap::new(),
            totals: Totals::default(),
        }
    }

    fn add(&mut self, torrent: &Whole, session: &Session, args: &SeedArgs) {
        let first_file = FileId(self.next_file);
        let number = u32::try_from(self.shared.len()).expect("nobody names so many torrents");
        let files = session.handle().files();
        let content = Content {
            info: Arc::clone(&torrent.info),
            places: torrent.placement.register(files, first_file),
            have: Bitfield::all(torrent.info.piece_count()),
            wanted: None,
            order: Order::RarestFirst,
        };
        session.handle().command(Command::Add(Box::new(Add {
            torrent: TorrentId(number),
            source: Source::Known(Box::new(content)),
            trackers: torrent.trackers.clone(),
            peers: args.peers.peers.clone(),
            limits: Limits::default(),
        })));
        self.next_file += torrent.placement.file_id_count();
        self.bytes += torrent.info.layout().len();
        self.shared.push(Shared {
            info: Arc::clone(&torrent.info),
            first_file,
        });
    }

    fn torrents(&self) -> impl Iterator<Item = TorrentId> + use<> {
        let count = u32::try_from(self.shared.len()).expect("each torrent has a number");
        (0..count).map(TorrentId)
    }

    fn tell_ready(&self, port: u16) -> Result<(), Failure> {
        let what = match &*self.shared {
            [only] => only.info.name().into(),
            many => count(many.len(), "torrent"),
        };
        let text = format!("seeding {what}: {}, port {port}", Size(self.bytes));
        let members = json!({ "torrents": self.shared.len(), "bytes": self.bytes, "port": port });
        self.output.news("seeding", text, members)
    }

    fn follow(&mut self, session: &Session) {
        while let Some(News::Node(event)) = session.next(None) {
            self.hear(event);
        }
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Progress(progress) => self.show(progress),
            Event::Tracker(report) => tell_tracker(self.output, &report),
            Event::Lost {
                torrent,
                file,
                pieces,
            } => {
                self.output
                    .warning(&lost(&self.path(torrent, file), pieces.len()));
            }
            Event::Refused { torrent, why } => {
                let failure = Failure::new(why.to_string()).about(self.name(torrent));
                self.output.warning(&failure);
            }
            Event::Metadata { .. }
            | Event::Stored { .. }
            | Event::Complete { .. }
            | Event::Failed { .. }
            | Event::Banned { .. }
            | Event::DiskTrouble { .. }
            | Event::Removed(_) => (),
        }
    }

    fn show(&mut self, progress: Box<Progress>) {
        let is_dull = progress.peers == 0 && progress.uploaded_bytes == 0;
        if is_dull && !self.reports.contains_key(&progress.torrent) {
            return;
        }
        self.reports.insert(progress.torrent, progress);
        let mut totals = Totals::default();
        for report in self.reports.values() {
            totals.uploaded_bytes += report.uploaded_bytes;
            totals.up_rate += report.up_rate;
            totals.peers += report.peers;
        }
        self.totals = totals;
        self.meter.show(|| totals.reading());
    }

    fn tell_result(&self) -> Result<(), Failure> {
        let uploaded = self.totals.uploaded_bytes;
        let text = format!(
            "gave {}; run the same command again to go on",
            Size(uploaded)
        );
        let members = json!({ "torrents": self.shared.len(), "uploaded_bytes": uploaded });
        self.output.result(text, members)
    }

    fn shared(&self, torrent: TorrentId) -> Option<&Shared> {
        self.shared.get(usize::try_from(torrent.0).ok()?)
    }

    fn name(&self, torrent: TorrentId) -> &str {
        self.shared(torrent).map_or("", |shared| shared.info.name())
    }

    fn path(&self, torrent: TorrentId, file: FileId) -> String {
        let path = self.shared(torrent).and_then(|shared| {
            let index = FileIndex(file.0.checked_sub(shared.first_file.0)?);
            let file = shared.info.file(index)?;
            Some(self.folder.path().join(shared.info.display_path(file)))
        });
        path.map_or_else(String::new, |path| path.display().to_string())
    }
}

impl Totals {
    fn reading(self) -> Reading {
        let Self {
            uploaded_bytes,
            up_rate,
            peers,
        } = self;
        Reading {
            done_bytes: 0,
            total_bytes: 0,
            detail: format!(
                "{}, {}/s up, gave {}",
                count(peers, "peer"),
                Size(up_rate),
                Size(uploaded_bytes)
            ),
            members: json!({
                "uploaded_bytes": uploaded_bytes, "up_rate": up_rate, "peers": peers,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_torrents_report_no_more_often_than_few() {
        assert_eq!(report_every(1), Duration::from_secs(1));
        assert_eq!(report_every(1_000), Duration::from_secs(100));
    }
}
