//! One trial: a network, a tracker, and the programs that meet there. All vanish with it.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use manyhop_interop::{InfoHash, Place, Process, Stage, Tracker};

use crate::contenders::{Asked, Contender, Sign, Task};
use crate::interruption;
use crate::payload::Payload;
use crate::traffic::Traffic;
use crate::usage::Usage;

/// Where the programs of a trial meet.
#[derive(Debug)]
pub(crate) struct Trial<'a> {
    stage: &'a Stage,
    tracker: Tracker<'a>,
}

/// A contender at work.
#[derive(Debug)]
pub(crate) struct Runner {
    process: Process,
    place: Place,
    sign: Sign,
    /// Torrents of which the tracker knows nobody yet who has all.
    awaited: Vec<InfoHash>,
    start: Instant,
    usage: Usage,
    done: Option<Done>,
}

/// When a runner was done.
#[derive(Debug, Clone, Copy)]
struct Done {
    wall: Duration,
    cpu: Duration,
}

/// How long runners are watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// All are done.
    Done,
    /// Payload passes.
    FirstByte,
}

/// How often is looked, which bounds what times mean; each look costs some 20 microseconds.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Every so many looks, the processes' memory and the tracker are looked at, too; that costs more.
const LOOKS_A_SAMPLE: u32 = 5;

/// Before that, at each: some have no more time than that.
const LOOKS_FIRST: u32 = 50;

/// How long a trial may take. The slowest known, transmission's swarm, takes one minute.
const PATIENCE: Duration = Duration::from_secs(240);

/// How long it may go on without payload: to check 2 GiB, the slowest takes 15 seconds on
/// a machine of its own.
const SILENCE_MAX: Duration = Duration::from_secs(90);

/// When a seed is ready, it has some last things to do.
const SETTLE: Duration = Duration::from_millis(500);

/// How many torrents the tracker is asked for at once: more would make too long a request.
const SCRAPED_AT_ONCE: usize = 40;

impl<'a> Trial<'a> {
    /// Sets one up.
    ///
    /// # Errors
    /// When our tracker does not start.
    pub(crate) fn new(stage: &'a Stage) -> anyhow::Result<Self> {
        let tracker = Tracker::ours(stage, Tracker::ipv4(1))?;
        Ok(Self { stage, tracker })
    }

    /// Gives the URL of its tracker, the same in every trial.
    pub(crate) fn tracker_url() -> String {
        Tracker::http(Tracker::ipv4(1))
    }

    /// Makes room for a program.
    ///
    /// # Errors
    /// Those of the disk.
    pub(crate) fn place(&self, program: &str) -> anyhow::Result<Place> {
        self.stage.place("trial", program)
    }

    /// Starts a contender at `place` with a task about `torrents`.
    ///
    /// # Errors
    /// When it cannot do that, or does not start.
    pub(crate) fn start(
        &self,
        contender: &dyn Contender,
        task: Task<'_>,
        torrents: &[InfoHash],
        place: Place,
    ) -> anyhow::Result<Runner> {
        let asked = contender.ask(task, &place)?;
        self.start_asked(asked, torrents, place)
    }

    /// Starts a command.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn start_asked(
        &self,
        asked: Asked,
        torrents: &[InfoHash],
        place: Place,
    ) -> anyhow::Result<Runner> {
        let start = Instant::now();
        let process = self.stage.start(&place, asked.command)?;
        Ok(Runner {
            usage: Usage::new(process.id()),
            process,
            place,
            sign: asked.sign,
            awaited: torrents.to_vec(),
            start,
            done: None,
        })
    }

    /// Starts a contender that gives `payload`, and waits until it does, and has settled.
    ///
    /// # Errors
    /// When it cannot.
    pub(crate) fn seed(
        &self,
        contender: &dyn Contender,
        payload: &Payload,
    ) -> anyhow::Result<Runner> {
        let place = self.place("seed")?;
        payload.link_into(&place.data)?;
        let torrents = [payload.torrent().to_owned()];
        let task = Task::Seed(&torrents);
        let mut seed = self.start(contender, task, &[payload.info_hash()], place)?;
        self.watch(&mut [&mut seed])?;
        interruption::sleep(SETTLE)?;
        seed.usage.look();
        Ok(seed)
    }

    /// Begins to watch the network.
    ///
    /// # Errors
    /// When the system does not tell.
    pub(crate) fn traffic(&self) -> anyhow::Result<Traffic> {
        Ok(Traffic::new(Instant::now(), self.passed_bytes()?))
    }

    /// Watches until all of `runners` are done.
    ///
    /// # Errors
    /// When one fails or all is too slow; then the end of its log is shown.
    pub(crate) fn watch(&self, runners: &mut [&mut Runner]) -> anyhow::Result<()> {
        self.watch_with(runners, Until::Done, &mut self.traffic()?)
    }

    /// The same, with the network watched, too.
    ///
    /// # Errors
    /// As [`Self::watch`].
    pub(crate) fn watch_with(
        &self,
        runners: &mut [&mut Runner],
        until: Until,
        traffic: &mut Traffic,
    ) -> anyhow::Result<()> {
        let end = Instant::now() + PATIENCE;
        for look in 0_u32.. {
            interruption::check()?;
            let passed = self.passed_bytes()?;
            traffic.look(Instant::now(), passed);
            let is_sample = look < LOOKS_FIRST || look % LOOKS_A_SAMPLE == 0;
            let mut undone = None;
            for runner in runners.iter_mut() {
                if is_sample {
                    runner.usage.look();
                }
                let looked = runner.look(&self.tracker, is_sample);
                if !looked.inspect_err(|_| runner.show_log())? {
                    undone = Some(runner);
                }
            }
            let Some(undone) = undone else {
                return Ok(());
            };
            if until == Until::FirstByte && traffic.to_first().is_some() {
                return Ok(());
            }
            let now = Instant::now();
            if now >= end || traffic.silence(now) >= SILENCE_MAX {
                undone.show_log();
                let seconds = undone.start.elapsed().as_secs();
                bail!("given up after {seconds} s: nothing happens any more, or too little");
            }
            thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    fn passed_bytes(&self) -> anyhow::Result<u64> {
        self.stage.namespace().passed_bytes()
    }
}

impl Runner {
    /// Gives its place.
    pub(crate) const fn place(&self) -> &Place {
        &self.place
    }

    /// Gives the time from its start until it was done.
    ///
    /// # Errors
    /// When it is not.
    pub(crate) fn wall(&self) -> anyhow::Result<Duration> {
        Ok(self.done.context("it is not done")?.wall)
    }

    /// Gives the processor time that it had used when it was done.
    ///
    /// # Errors
    /// When it is not.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        Ok(self.done.context("it is not done")?.cpu)
    }

    /// Looks at what it uses, and gives that.
    pub(crate) fn usage_now(&mut self) -> &Usage {
        self.usage.look();
        &self.usage
    }

    /// Gives what it used when was last looked.
    pub(crate) const fn usage(&self) -> &Usage {
        &self.usage
    }

    /// Looks for its sign, and tells whether it is done.
    fn look(&mut self, tracker: &Tracker<'_>, is_sample: bool) -> anyhow::Result<bool> {
        if self.done.is_some() {
            // Others may still need it, unless that was all that it had to do.
            let is_there = self.sign == Sign::End || !self.process.has_ended()?;
            ensure!(is_there, "it has ended, though others need it");
            return Ok(true);
        }
        let has_ended = self.process.has_ended()?;
        let is_done = match &self.sign {
            Sign::End => has_ended,
            Sign::File(path) => path.exists(),
            Sign::Words(words) => self.process.log()?.contains(words),
            Sign::Tracker if is_sample => is_seeding(tracker, &mut self.awaited)?,
            Sign::Tracker => false,
        };
        if is_done {
            let wall = self.start.elapsed();
            self.usage.look();
            let cpu = self.usage.cpu();
            self.done = Some(Done { wall, cpu });
        }
        if has_ended {
            ensure!(is_done, "it has ended before it was done");
            self.process.wait_for_success(Duration::ZERO)?;
        }
        Ok(is_done)
    }

    fn show_log(&self) {
        eprintln!("{}", self.process.tail());
    }
}

/// Tells whether somebody has all of every torrent; those that are known to be had await no more.
fn is_seeding(tracker: &Tracker<'_>, awaited: &mut Vec<InfoHash>) -> anyhow::Result<bool> {
    while !awaited.is_empty() {
        let asked = awaited.len().saturating_sub(SCRAPED_AT_ONCE);
        if tracker.count_complete(&awaited[asked..])? < awaited.len() - asked {
            return Ok(false);
        }
        awaited.truncate(asked);
    }
    Ok(true)
}
