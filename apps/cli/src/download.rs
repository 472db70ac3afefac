//! One torrent on its way to the disk: the journal of what is proven, and what the user hears.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bittorrent::api::{Command, Content, Event, Exchange, Order, Progress, TrackerReport};
use bittorrent::metainfo::{FileIndex, Info, Layout, Metainfo, Tier};
use bittorrent::numbers::InfoHash;
use bytes::Bytes;
use library::{Folder, LibraryError, Placement, Resume, Selection, verify};
use machine::{DiskError, Endpoint, FileId};
use runtime::{Access, Files};
use serde_json::{Value, json};

use crate::args::GetArgs;
use crate::error::Failure;
use crate::get::TORRENT;
use crate::meter::{Meter, Reading};
use crate::output::Output;
use crate::signals::Stop;
use crate::source::Wish;
use crate::units::{FileNumbers, Lasting, Size, count};

/// How often what was fetched is made to survive the end of the machine.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(5 * 60);

/// The driver's number of the torrent's first file.
const FIRST_FILE: FileId = FileId(0);

/// With how many peers it is remembered what was exchanged.
const EXCHANGES_MAX: usize = 1_000;

/// What stops us early says so.
const GO_ON: &str = "run the same command again to go on";

/// What follows from what was heard.
#[derive(Debug)]
pub(crate) enum Turn {
    /// Nothing.
    Next,
    /// The node is to be told something.
    Command(Box<Command>),
    /// All is here, and the user wants no more.
    End,
}

/// One torrent on its way to the disk.
pub(crate) struct Download<'a> {
    args: &'a GetArgs,
    output: &'a Output,
    stop: &'a Stop,
    folder: Folder,
    files: Files,
    info_hash: InfoHash,
    numbers: Option<FileNumbers>,
    trackers: Vec<Tier>,
    begun: Option<Begun>,
    meter: Meter<'a>,
    progress: Option<Box<Progress>>,
    /// What was exchanged with each peer, those that have gone included.
    exchanges: BTreeMap<Endpoint, Exchange>,
    trouble: Option<DiskError>,
    started_at: Instant,
    checkpoint_at: Instant,
    completed_at: Option<Instant>,
}

/// What there is once the metadata is known.
struct Begun {
    placement: Arc<Placement>,
    resume: Resume,
    /// Whether the journal could last be written.
    journal: Journal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Journal {
    Well,
    Failing,
}

impl<'a> Download<'a> {
    pub(crate) fn new(
        args: &'a GetArgs,
        output: &'a Output,
        stop: &'a Stop,
        folder: Folder,
        files: Files,
        wish: &Wish,
    ) -> Self {
        let now = Instant::now();
        let tier = |urls: &Vec<String>| Tier(urls.iter().map(|url| url.as_str().into()).collect());
        Self {
            args,
            output,
            stop,
            folder,
            files,
            info_hash: wish.info_hash(),
            numbers: wish.files.clone(),
            trackers: wish.trackers.iter().map(tier).collect(),
            begun: None,
            meter: output.meter("fetching"),
            progress: None,
            exchanges: BTreeMap::new(),
            trouble: None,
            started_at: now,
            checkpoint_at: now + CHECKPOINT_EVERY,
            completed_at: None,
        }
    }

    /// Finds places for the files, and out what of them is already there.
    ///
    /// # Errors
    /// When the files cannot be placed there, or the user stops us.
    pub(crate) fn begin(&mut self, info: Arc<Info>) -> Result<Content, Failure> {
        let count = info.layout().file_count();
        let selection = match &self.numbers {
            Some(numbers) => numbers.selection(count)?,
            None => Selection::All,
        };
        let access = Access::ReadWrite;
        let placement = Placement::new(Arc::clone(&info), &self.folder, selection, access)?;
        let placement = Arc::new(placement);
        let mut resume = Resume::open(Arc::clone(&placement))?;
        if !resume.doubtful().is_empty() {
            let meter = self.output.meter("checking");
            let show = |progress| meter.show_bytes(progress);
            let verified = verify(&placement, resume.doubtful(), self.stop.flag(), show);
            match verified {
                Ok(verified) => resume.proved(&verified.good)?,
                Err(LibraryError::Cancelled) => return Err(stopped("while checking what is here")),
                Err(error) => return Err(error.into()),
            }
        }
        let content = Content {
            info,
            places: placement.register(&self.files, FIRST_FILE),
            have: resume.proven().clone(),
            wanted: placement.selection().wanted(),
            order: match self.args.sequential {
                true => Order::Sequential,
                false => Order::RarestFirst,
            },
        };
        let journal = Journal::Well;
        self.begun = Some(Begun {
            placement,
            resume,
            journal,
        });
        Ok(content)
    }

    /// Tells whether all is here that the user wants, and nothing more is to be done.
    pub(crate) fn lacks_nothing(&self) -> bool {
        !self.args.seed_after && self.begun.as_ref().is_some_and(Begun::is_complete)
    }

    /// Tells the user that it begins.
    pub(crate) fn tell_start(&self, port: u16) {
        let hash = self.info_hash.to_string();
        let (name, text) = match &self.begun {
            Some(begun) => {
                let (name, wanted) = (begun.placement.info().name(), begun.wanted_bytes());
                let here = match begun.resume.proven().count() {
                    0 => "",
                    _ => ", some of it here already",
                };
                (name, format!("fetching {name} ({}{here})", Size(wanted)))
            }
            None => (
                "",
                format!("fetching {hash}, as soon as a peer describes it"),
            ),
        };
        let text = format!("{text}; peers reach us at port {port}");
        let members = json!({ "name": name, "info_hash": hash, "port": port });
        self.output.note("start", text, members);
    }

    /// Takes what the node tells while it takes leave: only what concerns the disk still counts.
    pub(crate) fn hear_late(&mut self, event: Event) {
        match event {
            Event::Stored { .. } | Event::Lost { .. } | Event::Progress(_) => {
                // These never end a download.
                let _ = self.hear(event);
            }
            Event::Metadata { .. }
            | Event::Complete { .. }
            | Event::Failed { .. }
            | Event::Banned { .. }
            | Event::DiskTrouble { .. }
            | Event::Tracker(_)
            | Event::Removed(_)
            | Event::Refused { .. } => (),
        }
    }

    /// Takes what the node tells.
    ///
    /// # Errors
    /// When it ends the download.
    pub(crate) fn hear(&mut self, event: Event) -> Result<Turn, Failure> {
        match event {
            Event::Metadata { info, .. } => return self.described(info),
            Event::Complete { .. } => return self.complete(),
            Event::Stored { piece, .. } => {
                self.trouble_is_over();
                self.record(|resume| resume.stored(piece));
            }
            Event::Lost { file, pieces, .. } => {
                self.output.warning(&lost(&self.path(file), pieces.len()));
                self.record(|resume| resume.lost(pieces));
            }
            Event::Progress(progress) => self.show(progress),
            Event::DiskTrouble { error, .. } => self.disk_refuses(error),
            Event::Tracker(report) => tell_tracker(self.output, &report),
            Event::Failed { piece, .. } => self.output.note(
                "failed",
                format!("piece {} came damaged and is fetched again", piece.0),
                json!({ "piece": piece.0 }),
            ),
            Event::Banned { peer, .. } => self.output.note(
                "banned",
                format!("{peer} sends damaged pieces and is not asked again"),
                json!({ "peer": peer.to_string() }),
            ),
            Event::Refused { why, .. } => return Err(Failure::new(why.to_string())),
            Event::Removed(_) => (),
        }
        Ok(Turn::Next)
    }

    /// Tells when what was fetched is to be made safe.
    pub(crate) fn next_checkpoint(&self) -> Option<Instant> {
        let is_busy = self.begun.is_some() && self.completed_at.is_none();
        is_busy.then_some(self.checkpoint_at)
    }

    /// Makes safe what was fetched.
    pub(crate) fn checkpoint(&mut self) {
        self.checkpoint_at = Instant::now() + CHECKPOINT_EVERY;
        self.record(Resume::checkpoint);
    }

    /// Says what became of a download that the user stops.
    ///
    /// # Errors
    /// When it is not complete.
    pub(crate) fn stopped(&self) -> Result<(), Failure> {
        if self.completed_at.is_some() {
            let text = format!("stopped; {GO_ON}");
            self.output.note("stopped", text, Value::Null);
            return Ok(());
        }
        Err(match &self.progress {
            Some(progress) if progress.wanted_bytes > 0 => {
                let (done, wanted) = (Size(progress.done_bytes), Size(progress.wanted_bytes));
                stopped(&format!("with {done} of {wanted} on the disk"))
            }
            _ => stopped("before the end"),
        })
    }

    /// Takes leave of the disk. Only when the node has ended.
    pub(crate) fn close(self) -> Ending {
        let Self { begun, output, .. } = self;
        let uploaded = self.progress.as_ref().map_or(0, |it| it.uploaded_bytes);
        let downloaded = self.progress.as_ref().map_or(0, |it| it.downloaded_bytes);
        let ended_at = self.completed_at.unwrap_or_else(Instant::now);
        let mut ending = Ending {
            name: String::new(),
            path: String::new(),
            info_hash: self.info_hash,
            bytes: 0,
            downloaded,
            uploaded,
            exchanges: exchanges_json(&self.exchanges),
            lasting: ended_at - self.started_at,
        };
        if let Some(begun) = begun {
            ending.bytes = begun.wanted_bytes();
            let Begun {
                placement, resume, ..
            } = begun;
            ending.name = placement.info().name().into();
            let path = placement.folder().path().join(placement.info().name());
            ending.path = path.display().to_string();
            if let Err(error) = resume.finish() {
                output.warning(&error.into());
            }
        }
        ending
    }

    fn described(&mut self, raw: Bytes) -> Result<Turn, Failure> {
        let info = Info::parse(raw)?;
        let metainfo = Metainfo::new(info, self.trackers.clone());
        if let Err(error) = self.folder.save_metainfo(&metainfo) {
            self.output.warning(&error.into());
        }
        let info = Arc::new(metainfo.info);
        let (name, bytes, files) = (info.name(), info.layout().len(), info.layout().file_count());
        self.output.note(
            "metadata",
            format!("peers describe {name}: {}", Size(bytes)),
            json!({ "name": name, "bytes": bytes, "files": files }),
        );
        let content = Box::new(self.begin(info)?);
        Ok(Turn::Command(Box::new(Command::Begin {
            torrent: TORRENT,
            content,
        })))
    }

    fn complete(&mut self) -> Result<Turn, Failure> {
        self.completed_at = Some(Instant::now());
        if !self.args.seed_after {
            return Ok(Turn::End);
        }
        self.checkpoint();
        self.meter = self.output.meter("seeding");
        let seconds = self.started_at.elapsed().as_secs_f64();
        let text = format!("complete; seeding until stopped ({})", self.shown_name());
        self.output
            .news("complete", text, json!({ "seconds": seconds }))?;
        Ok(Turn::Next)
    }

    fn show(&mut self, progress: Box<Progress>) {
        for exchange in &progress.exchanges {
            let is_known = self.exchanges.contains_key(&exchange.peer);
            if is_known || self.exchanges.len() < EXCHANGES_MAX {
                self.exchanges.insert(exchange.peer, *exchange);
            }
        }
        let (exchanges, is_complete) = (&self.exchanges, self.completed_at.is_some());
        self.meter
            .show(|| reading(&progress, exchanges, is_complete));
        self.progress = Some(progress);
    }

    fn disk_refuses(&mut self, error: DiskError) {
        if self.trouble.as_ref() == Some(&error) {
            return;
        }
        self.output
            .warning(&disk_trouble(&error, |file| self.path(file)));
        self.trouble = Some(error);
    }

    fn trouble_is_over(&mut self) {
        if self.trouble.take().is_some() {
            let text = "the disk takes what comes again";
            self.output.note("recovered", text, Value::Null);
        }
    }

    /// Writes in the journal. It only saves time, so the download goes on without it; the user
    /// hears of the first failure in a row.
    fn record(&mut self, write: impl FnOnce(&mut Resume) -> Result<(), LibraryError>) {
        let Some(begun) = &mut self.begun else {
            return;
        };
        match write(&mut begun.resume) {
            Ok(()) => begun.journal = Journal::Well,
            Err(error) => {
                if begun.journal == Journal::Well {
                    self.output.warning(&error.into());
                }
                begun.journal = Journal::Failing;
            }
        }
    }

    fn path(&self, file: FileId) -> String {
        let path = |begun: &Begun| begun.placement.path_of(FileIndex(file.0 - FIRST_FILE.0));
        let path = self.begun.as_ref().map(path);
        path.map_or_else(String::new, |path| path.display().to_string())
    }

    fn shown_name(&self) -> String {
        match &self.begun {
            Some(begun) => begun.placement.info().name().into(),
            None => self.info_hash.to_string(),
        }
    }
}

impl Begun {
    fn wanted(&self) -> impl Iterator<Item = FileIndex> {
        let (files, selection) = (self.layout().files(), self.placement.selection());
        files.filter(|file| selection.wants(*file))
    }

    fn wanted_bytes(&self) -> u64 {
        self.wanted().map(|file| self.layout().file_len(file)).sum()
    }

    fn is_complete(&self) -> bool {
        let mut pieces = self.wanted().flat_map(|file| self.layout().pieces_of(file));
        pieces.all(|piece| self.resume.proven().has(piece))
    }

    fn layout(&self) -> &Layout {
        self.placement.info().layout()
    }
}

/// How a download ended.
#[derive(Debug)]
pub(crate) struct Ending {
    name: String,
    path: String,
    info_hash: InfoHash,
    bytes: u64,
    downloaded: u64,
    uploaded: u64,
    exchanges: Value,
    lasting: Duration,
}

impl Ending {
    /// Says it to people.
    pub(crate) fn text(&self) -> String {
        let Self {
            path,
            bytes,
            downloaded,
            uploaded,
            lasting,
            ..
        } = self;
        let seconds = lasting.as_secs_f64();
        let mut text = format!("complete: {path} ({})", Size(*bytes));
        if *downloaded > 0 {
            let rate = Size((*downloaded as f64 / seconds.max(0.001)) as u64);
            text.push_str(&format!(
                "\nfetched {} in {seconds:.1} s ({rate}/s)",
                Size(*downloaded)
            ));
            text.push_str(&format!(", gave {}", Size(*uploaded)));
        }
        text
    }

    /// Gives the members of the `result` object.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "complete": true,
            "name": self.name,
            "path": self.path,
            "info_hash": self.info_hash.to_string(),
            "bytes": self.bytes,
            "downloaded_bytes": self.downloaded,
            "uploaded_bytes": self.uploaded,
            "exchanges": self.exchanges,
            "seconds": self.lasting.as_secs_f64(),
        })
    }
}

/// Tells how a conversation with a tracker went.
pub(crate) fn tell_tracker(output: &Output, report: &TrackerReport) {
    let TrackerReport { url, outcome, .. } = report;
    match outcome {
        Ok(peers) => output.note(
            "tracker",
            format!("{url} names {}", count(*peers, "peer")),
            json!({ "url": url, "peers": peers }),
        ),
        Err(reason) => output.note(
            "tracker",
            format!("{url} does not help: {reason}"),
            json!({ "url": url, "error": reason }),
        ),
    }
}

/// Says which file can no longer be read.
pub(crate) fn lost(path: &str, pieces: usize) -> Failure {
    Failure::new(format!(
        "{path} changed or went away; lost: {}",
        count(pieces, "piece")
    ))
    .hint("leave the files of a torrent in place while it is shared")
}

fn stopped(how_far: &str) -> Failure {
    Failure::new(format!("stopped {how_far}")).hint(GO_ON)
}

fn disk_trouble(error: &DiskError, path: impl Fn(FileId) -> String) -> Failure {
    match error {
        DiskError::NoSpace(file) => {
            Failure::new(format!("there is no room on the disk for {}", path(*file)))
                .hint("make room: the download waits, and goes on by itself")
        }
        DiskError::Denied(file) => Failure::new(format!("{} may not be written", path(*file)))
            .hint("permit it: the download waits, and goes on by itself"),
        DiskError::Missing(file) => Failure::new(format!("{} is missing", path(*file)))
            .hint("bring its folder back: the download waits, and goes on by itself"),
        DiskError::Failed { file, message } => {
            Failure::new(format!("{} cannot be written: {message}", path(*file)))
                .hint("the download waits, and tries again by itself")
        }
        DiskError::Mismatch { .. } => Failure::new(error.to_string()),
    }
}

fn reading(
    progress: &Progress,
    exchanges: &BTreeMap<Endpoint, Exchange>,
    is_complete: bool,
) -> Reading {
    let Progress {
        done_bytes,
        wanted_bytes,
        down_rate,
        up_rate,
        peers,
        seeds,
        copies,
        ..
    } = *progress;
    let left = wanted_bytes.saturating_sub(done_bytes);
    let time_left = left.checked_div(down_rate).filter(|_| !is_complete);
    let mut detail = if is_complete {
        format!(
            "gave {}, {}/s up",
            Size(progress.uploaded_bytes),
            Size(up_rate)
        )
    } else {
        format!("{}/s down, {}/s up", Size(down_rate), Size(up_rate))
    };
    let (peers_shown, seeds_shown) = (count(peers, "peer"), count(seeds, "seed"));
    detail.push_str(&format!(
        ", {peers_shown} ({seeds_shown}), {copies:.1} copies"
    ));
    if let Some(seconds) = time_left {
        detail.push_str(&format!(", {} left", Lasting(Duration::from_secs(seconds))));
    }
    Reading {
        done_bytes,
        total_bytes: if is_complete { 0 } else { wanted_bytes },
        detail,
        members: json!({
            "downloaded_bytes": progress.downloaded_bytes,
            "uploaded_bytes": progress.uploaded_bytes,
            "wasted_bytes": progress.wasted_bytes,
            "down_rate": down_rate,
            "up_rate": up_rate,
            "peers": peers,
            "seeds": seeds,
            "copies": (copies * 1000.0).round() / 1000.0,
            "seconds_left": time_left,
            "exchanges": exchanges_json(exchanges),
        }),
    }
}

fn exchanges_json(exchanges: &BTreeMap<Endpoint, Exchange>) -> Value {
    let exchanges = exchanges.values().map(|exchange| {
        json!({
            "peer": exchange.peer.to_string(),
            "downloaded_bytes": exchange.downloaded_bytes,
            "uploaded_bytes": exchange.uploaded_bytes,
        })
    });
    exchanges.collect()
}
