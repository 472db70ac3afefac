//! The torrents that somebody wants to seed, and which of them are whole.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use bittorrent::bitfield::Bitfield;
use bittorrent::metainfo::Info;
use bittorrent::numbers::PieceIndex;
use library::{Folder, Placement, Progress, Resume, Selection, Verified, recall, verify};
use runtime::Access;

use crate::error::Failure;
use crate::meter::Meter;
use crate::output::Output;
use crate::show::read_torrent;
use crate::signals::Stop;
use crate::source::tiers;

/// Torrents up to this size, in bytes, are checked side by side, a thread each; of longer ones
/// all threads check one together.
const SMALL_MAX: u64 = 16 << 20;

/// For torrents up to this size, in bytes, it takes no longer to check them again than to keep in
/// mind that they were checked.
const FORGOTTEN_MAX: u64 = 64 << 20;

/// A torrent that is whole.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) info: Arc<Info>,
    pub(crate) trackers: Vec<Vec<String>>,
    pub(crate) placement: Arc<Placement>,
    /// Whether only this run has proven it.
    is_news: bool,
}

/// Somebody who checks torrents in a folder.
pub(crate) struct Checker<'a> {
    pub(crate) folder: &'a Folder,
    pub(crate) stop: &'a Stop,
    pub(crate) output: &'a Output,
}

/// A torrent whose content has to be read.
struct Doubtful {
    whole: Whole,
    path: PathBuf,
    pieces: Vec<PieceIndex>,
}

impl Whole {
    /// Keeps in mind that the torrent was checked, if that took long.
    ///
    /// # Errors
    /// When nothing can be written there; then it is checked again the next time.
    pub(crate) fn keep_in_mind(&self) -> Result<(), Failure> {
        if !self.is_news || self.info.layout().len() <= FORGOTTEN_MAX {
            return Ok(());
        }
        let mut resume = Resume::open(Arc::clone(&self.placement))?;
        let all = Bitfield::all(self.info.piece_count());
        resume.proved(&all)?;
        resume.checkpoint()?;
        Ok(resume.finish()?)
    }
}

impl Checker<'_> {
    /// Finds the torrents that are whole; of others the user hears why they are not.
    ///
    /// # Errors
    /// When the user wants to stop.
    pub(crate) fn check(&self, paths: &[PathBuf]) -> Result<Vec<Whole>, Failure> {
        let mut whole = Vec::new();
        let mut small = Vec::new();
        let mut large = Vec::new();
        for path in paths {
            match self.look_at(path) {
                Ok(torrent) if torrent.pieces.is_empty() => whole.push(torrent.whole),
                Ok(torrent) if torrent.whole.info.layout().len() <= SMALL_MAX => {
                    small.push(torrent)
                }
                Ok(torrent) => large.push(torrent),
                Err(failure) => self.output.warning(&failure),
            }
        }
        let total_bytes = small.iter().chain(&large).map(Doubtful::bytes).sum();
        let count = Count {
            done_bytes: AtomicU64::new(0),
            total_bytes,
            meter: self.output.meter("checking"),
        };
        whole.extend(self.check_side_by_side(small, &count));
        for torrent in large {
            whole.extend(self.verified(torrent, &count));
        }
        if self.stop.is_wanted() {
            return Err(Failure::new("stopped while checking what is here")
                .hint("run the same command again to go on"));
        }
        Ok(whole)
    }

    /// Reads a torrent and what is known of its content, but not the content.
    fn look_at(&self, path: &Path) -> Result<Doubtful, Failure> {
        let metainfo = read_torrent(path)?;
        let trackers = tiers(&metainfo);
        let info = Arc::new(metainfo.info);
        let about = |error| Failure::from(error).about(path.display());
        let (selection, access) = (Selection::All, Access::ReadOnly);
        let placement = Placement::new(Arc::clone(&info), self.folder, selection, access);
        let placement = Arc::new(placement.map_err(about)?);
        let known = recall(&placement).map_err(about)?;
        let unproven = known.proven.missing().count();
        let missing = unproven - known.doubtful.len();
        if missing > 0 {
            return Err(self.incomplete(path, missing, "missing", info.piece_count()));
        }
        let whole = Whole {
            info,
            trackers,
            placement,
            is_news: unproven > 0,
        };
        Ok(Doubtful {
            whole,
            path: path.to_owned(),
            pieces: known.doubtful,
        })
    }

    fn incomplete(&self, torrent: &Path, count: usize, what: &str, all: u32) -> Failure {
        let (torrent, folder) = (torrent.display(), self.folder.path().display());
        Failure::new(format!("{count} of {all} pieces are {what}"))
            .about(&torrent)
            .hint(format!("`manyhop get {torrent} -o {folder}` fetches them"))
    }

    fn check_side_by_side(&self, torrents: Vec<Doubtful>, count: &Count<'_>) -> Vec<Whole> {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let queue = Mutex::new(torrents.into_iter());
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        let work = || {
            let torrents = std::iter::from_fn(next);
            let whole = torrents.filter_map(|torrent| self.verified(torrent, count));
            whole.collect::<Vec<_>>()
        };
        thread::scope(|scope| {
            let workers: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let mut whole = work();
            for worker in workers {
                whole.extend(worker.join().expect("checking does not panic"));
            }
            whole
        })
    }

    /// Reads the content of a torrent; `None` if it is not whole, which the user hears.
    fn verified(&self, torrent: Doubtful, count: &Count<'_>) -> Option<Whole> {
        let Doubtful {
            whole,
            path,
            pieces,
        } = torrent;
        let before = AtomicU64::new(0);
        let on_progress = |progress: Progress| {
            let last = before.fetch_max(progress.done_bytes, Ordering::Relaxed);
            count.add(progress.done_bytes.saturating_sub(last));
        };
        let verified = verify(&whole.placement, &pieces, self.stop.flag(), on_progress);
        let failure = match verified {
            Ok(Verified {
                trouble: Some(trouble),
                ..
            }) => Failure::from(trouble).about(path.display()),
            Ok(Verified { bad, .. }) if !bad.is_none() => {
                let (bad, all) = (bad.iter().count(), bad.len());
                self.incomplete(&path, bad, "bad", all)
            }
            Ok(Verified { missing, .. }) if !missing.is_none() => {
                let (missing, all) = (missing.iter().count(), missing.len());
                self.incomplete(&path, missing, "missing", all)
            }
            Ok(_) => return Some(whole),
            Err(_) if self.stop.is_wanted() => return None,
            Err(error) => Failure::from(error).about(path.display()),
        };
        self.output.warning(&failure);
        None
    }
}

impl Doubtful {
    fn bytes(&self) -> u64 {
        let layout = self.whole.info.layout();
        let lengths = self.pieces.iter().map(|piece| layout.piece_len(*piece));
        lengths.map(u64::from).sum()
    }
}

/// How far the checking of many torrents is.
struct Count<'a> {
    done_bytes: AtomicU64,
    total_bytes: u64,
    meter: Meter<'a>,
}

impl Count<'_> {
    fn add(&self, bytes: u64) {
        let done_bytes = self.done_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.meter.show_bytes(Progress {
            done_bytes,
            total_bytes: self.total_bytes,
        });
    }
}
