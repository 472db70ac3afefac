//! `manyhop demo`: a whole swarm on this machine, for everybody to watch.
//!
//! ```text
//!            tracker 127.0.0.1          introduces
//!           ╱    │    ╲      ╲
//!      seed ── leecher 1 ── leecher 2 ── leecher 3      127.0.0.2 ... 5
//! ```
//!
//! Each is a process of its own, as if they were strangers: this very program, with `--json`, so
//! that this one can tell what they do. The seed is slow on purpose. It gives little more than one
//! copy, and the leechers give the others to each other: that is what BitTorrent is about.
//!
//! | module | what |
//! |---|---|
//! | [`sample`] | something to share |
//! | [`player`] | a process, and what it says |
//! | [`ledger`] | how far each leecher is, and who gave what to whom |
//! | [`copies`] | whether the copies are copies |

mod copies;
mod ledger;
mod player;
mod sample;

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use bittorrent::metainfo::{Metainfo, Privacy, Tier};
use library::folder::write_atomically;
use library::{LibraryError, Recipe};
use serde_json::{Value, json};
use tempfile::TempDir;

use self::copies::Comparison;
use self::ledger::{LEECHERS, Ledger};
use self::player::Player;
use crate::Outcome;
use crate::args::DemoArgs;
use crate::error::Failure;
use crate::output::Output;
use crate::signals::Stop;
use crate::units::Size;

/// How fast the seed is at least, in bytes a second: slow enough to watch a sample.
const SEED_RATE_MIN: u64 = 6 << 20;

/// How long the seed takes for one copy at most, in seconds, so that nobody waits for long.
const SEED_SECONDS_MAX: u64 = 20;

/// When nothing has moved for so long, something is wrong.
const STANDSTILL_MAX: Duration = Duration::from_secs(30);

/// How long a process may take to say its first word.
const START_MAX: Duration = Duration::from_secs(20);

/// After all is complete, the last reports are on their way for so long.
const LAST_REPORTS: Duration = Duration::from_millis(1_200);

/// What the director hears.
#[derive(Debug)]
enum News {
    /// A player says something.
    Said(Role, Value),
    /// A player has ended.
    Ended(Role),
    /// The user wants to stop.
    Stop,
}

/// Who a player is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Tracker,
    Seed,
    /// Leechers count from 0.
    Leecher(usize),
}

pub(crate) fn run(args: DemoArgs, output: &Output) -> Result<Outcome, Failure> {
    let (sender, news) = mpsc::channel();
    let stop = Stop::watch({
        let sender = sender.clone();
        move || drop(sender.send(News::Stop))
    })?;
    let stage = TempDir::with_prefix("manyhop-demo-").map_err(|error| {
        Failure::new(format!("cannot make a folder for the copies: {error}"))
            .hint("make room in the folder of temporary files, or set TMPDIR")
    })?;
    let demo = Demo {
        output,
        stop: &stop,
        stage: stage.path(),
        sender,
        news,
    };
    let shown = demo.show(args.folder.as_deref());
    // Only now: the players write there until they have ended.
    drop(stage);
    shown
}

/// The director: starts the players, listens to them, and ends them.
struct Demo<'a> {
    output: &'a Output,
    stop: &'a Stop,
    stage: &'a Path,
    sender: Sender<News>,
    news: Receiver<News>,
}

impl Demo<'_> {
    fn show(&self, folder: Option<&Path>) -> Result<Outcome, Failure> {
        let started_at = Instant::now();
        let content = match folder {
            Some(folder) => folder.canonicalize().map_err(|error| {
                Failure::new(format!("cannot share {}: {error}", folder.display()))
                    .hint("name a folder that exists")
            })?,
            None => sample::make(self.stage)?,
        };
        let tracker = Player::start(
            Role::Tracker,
            &[],
            &["tracker", "--bind", "127.0.0.1:0"],
            &self.sender,
        )?;
        let listening = self.first_word(Role::Tracker, "listening")?;
        let tracker_url = listening
            .get("http")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let (torrent, metainfo) = self.make_torrent(&content, tracker_url)?;
        self.introduce(&metainfo, tracker_url);
        let mut ledger = Ledger::new(&metainfo.info, self.output);
        let players = self.start_players(&torrent, &content, &metainfo)?;
        self.watch(&mut ledger)?;
        drop(players);
        drop(tracker);
        self.hear_last_words(&mut ledger);
        let copies: Vec<PathBuf> = (0..LEECHERS).map(|number| self.folder(number)).collect();
        let original = content.parent().unwrap_or(Path::new("/"));
        let comparison = copies::compare(&metainfo.info, original, &copies)?;
        ledger.close();
        self.tell(&ledger, &comparison, started_at.elapsed())?;
        Ok(match comparison.is_equal() {
            true => Outcome::Done,
            false => Outcome::NotDone,
        })
    }

    fn make_torrent(&self, content: &Path, tracker: &str) -> Result<(PathBuf, Metainfo), Failure> {
        let recipe = Recipe {
            path: content.into(),
            piece_length: None,
            trackers: vec![Tier(vec![tracker.into()])],
            privacy: Privacy::Private,
            comment: None,
            created_by: None,
            creation_date: None,
        };
        let meter = self.output.meter("hashing");
        let show = |progress| meter.show_bytes(progress);
        let created = library::create(&recipe, self.stop.flag(), show);
        let metainfo = match created {
            Ok(created) => created.metainfo,
            Err(LibraryError::Cancelled) => return Err(stopped()),
            Err(error) => return Err(error.into()),
        };
        let path = self.stage.join("demo.torrent");
        write_atomically(&path, &wire::Encode::encoded(&metainfo))?;
        Ok((path, metainfo))
    }

    fn introduce(&self, metainfo: &Metainfo, tracker: &str) {
        let layout = metainfo.info.layout();
        let text = format!(
            "A tracker, a seed and {LEECHERS} leechers share {} ({} files, {} in {} pieces).\n\
             The tracker is {tracker}; nothing leaves this machine.",
            metainfo.info.name(),
            layout.file_count(),
            Size(layout.len()),
            layout.piece_count(),
        );
        let members = json!({
            "name": metainfo.info.name(), "info_hash": metainfo.info.hash().to_string(),
            "bytes": layout.len(), "pieces": layout.piece_count(), "tracker": tracker,
        });
        self.output.note("demo", text, members);
    }

    fn start_players(
        &self,
        torrent: &Path,
        content: &Path,
        metainfo: &Metainfo,
    ) -> Result<Vec<Player>, Failure> {
        let rate = (metainfo.info.layout().len() / SEED_SECONDS_MAX).max(SEED_RATE_MIN);
        let original = content.parent().unwrap_or(Path::new("/"));
        let (address, rate) = (Role::Seed.address().to_string(), rate.to_string());
        let words = [
            "seed",
            "--keep-nothing",
            "--limit-up",
            &rate,
            "--bind",
            &address,
        ];
        let mut players = vec![Player::start(
            Role::Seed,
            &[torrent, original],
            &words,
            &self.sender,
        )?];
        self.first_word(Role::Seed, "seeding")?;
        for number in 0..LEECHERS {
            let role = Role::Leecher(number);
            let (folder, address) = (self.folder(number), role.address().to_string());
            let words = ["get", "--seed-after", "--bind", &address, "-o"];
            players.push(Player::start(
                role,
                &[&folder, torrent],
                &words,
                &self.sender,
            )?);
        }
        Ok(players)
    }

    /// Waits until a player says that it is ready.
    fn first_word(&self, player: Role, event: &str) -> Result<Value, Failure> {
        let until = Instant::now() + START_MAX;
        loop {
            match self.next(until)? {
                Some(News::Said(role, said)) if role == player && said["event"] == event => {
                    return Ok(said);
                }
                Some(News::Said(role, said)) => self.overhear(role, &said)?,
                Some(News::Ended(role)) => return Err(died(role)),
                Some(News::Stop) | None => return Err(silent(player)),
            }
        }
    }

    /// Follows the leechers until all are complete.
    fn watch(&self, ledger: &mut Ledger<'_>) -> Result<(), Failure> {
        let mut moved_at = Instant::now();
        while !ledger.is_complete() {
            match self.next(moved_at + STANDSTILL_MAX)? {
                Some(News::Said(role, said)) => {
                    self.overhear(role, &said)?;
                    if ledger.note(role, &said) {
                        moved_at = Instant::now();
                    }
                }
                Some(News::Ended(role)) => return Err(died(role)),
                Some(News::Stop) | None => {
                    let seconds = STANDSTILL_MAX.as_secs();
                    return Err(Failure::new(format!("nothing has moved for {seconds} s"))
                        .hint("make sure that no firewall watches the loopback addresses 127.0.0.1 to 5"));
                }
            }
        }
        let until = Instant::now() + LAST_REPORTS;
        while let Some(News::Said(role, said)) = self.next(until)? {
            ledger.note(role, &said);
        }
        Ok(())
    }

    /// Notes what the players said before they ended.
    fn hear_last_words(&self, ledger: &mut Ledger<'_>) {
        for news in self.news.try_iter() {
            if let News::Said(role, said) = news {
                ledger.note(role, &said);
            }
        }
    }

    /// Takes what a player says beside the point: its failures are ours.
    fn overhear(&self, role: Role, said: &Value) -> Result<(), Failure> {
        let text = |member: &str| said[member].as_str().map(String::from);
        let message = || text("error").unwrap_or_default();
        match said["event"].as_str() {
            Some("error") => {
                let failure = Failure::new(message()).about(role);
                Err(match text("hint") {
                    Some(hint) => failure.hint(hint),
                    None => failure,
                })
            }
            Some("warning") => {
                self.output.warning(&Failure::new(message()).about(role));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn tell(
        &self,
        ledger: &Ledger<'_>,
        comparison: &Comparison,
        lasting: Duration,
    ) -> Result<(), Failure> {
        let seconds = lasting.as_secs_f64();
        let text = format!(
            "{}\n\n{}\n\n{} in {seconds:.1} s.",
            comparison.text(),
            ledger.text(),
            match comparison.is_equal() {
                true => "Every copy is equal",
                false => "NOT every copy is equal",
            },
        );
        self.output.result(
            text,
            json!({
                "equal": comparison.is_equal(),
                "files": comparison.to_json(),
                "given": ledger.to_json(),
                "seconds": seconds,
            }),
        )
    }

    /// Waits for news; `None` when the time is over.
    fn next(&self, until: Instant) -> Result<Option<News>, Failure> {
        let patience = until.saturating_duration_since(Instant::now());
        match self.news.recv_timeout(patience) {
            Ok(News::Stop) => Err(stopped()),
            // At Ctrl-C the players stop as we do, and may be the first to tell.
            Ok(News::Ended(_)) if self.stop.is_wanted() => Err(stopped()),
            Ok(news) => Ok(Some(news)),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Ok(None),
        }
    }

    /// Where a leecher's copy lies.
    fn folder(&self, leecher: usize) -> PathBuf {
        self.stage.join(format!("leecher-{}", leecher + 1))
    }
}

impl Role {
    /// Where the player is found: each has an address of its own, so that they tell each other
    /// apart.
    fn address(self) -> IpAddr {
        let last = match self {
            Self::Tracker => 1,
            Self::Seed => 2,
            Self::Leecher(number) => 3 + u8::try_from(number).unwrap_or(u8::MAX - 3),
        };
        Ipv4Addr::new(127, 0, 0, last).into()
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tracker => f.write_str("tracker"),
            Self::Seed => f.write_str("seed"),
            Self::Leecher(number) => write!(f, "leecher {}", number + 1),
        }
    }
}

fn stopped() -> Failure {
    Failure::new("stopped; nothing was left behind")
        .hint("run the same command again to see it all")
}

fn died(role: Role) -> Failure {
    Failure::new(format!("the {role} ended too early"))
}

fn silent(role: Role) -> Failure {
    Failure::new(format!(
        "the {role} says nothing for {} s",
        START_MAX.as_secs()
    ))
    .hint("try again when this machine has less to do")
}
