//! Runs cases and seeds on all cores, and gathers what they measure.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, Once};
use std::thread;

use machine::Seed;

use crate::case::Case;
use crate::error::LabError;
use crate::experiment::{Company, Experiment, Run, Trouble};
use crate::measure::Measurements;
use crate::memory;
use crate::outcome::{Extent, Outcome, replay_line};
use crate::request::Request;

/// How far it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress<'a> {
    /// How many runs were made.
    pub done: usize,
    /// How many are to be made.
    pub total: usize,
    /// The case of the last one.
    pub case: &'a Case,
}

/// Runs all that was asked for. The seeds go in the outer circle, so that whoever stops it has a
/// table of fewer seeds, not of fewer cases.
///
/// # Errors
/// When a case does not fit into the memory. Nothing was run then.
pub fn run(
    request: &Request,
    stop: &AtomicBool,
    progress: &(dyn Fn(&Progress<'_>) + Sync),
) -> Result<Outcome, LabError> {
    let experiment = request.experiment;
    let threads = threads_that_fit(experiment, &request.cases)?;
    announce_replay_of_panics();
    let total = request.cases.len() * request.seeds.len();
    let work = Work {
        request,
        stop,
        next: AtomicUsize::new(0),
        total,
        results: Mutex::new(Results {
            outcome: Outcome::new(experiment, &request.cases, request.seeds.len() as u32),
            done: 0,
            waiting: (0..total).map(|_| None).collect(),
            taken: 0,
        }),
    };
    thread::scope(|scope| {
        for _ in 0..threads.min(total) {
            scope.spawn(|| work.take_part(progress));
        }
    });
    let mut results = work
        .results
        .into_inner()
        .unwrap_or_else(|broken| broken.into_inner());
    results.take_in(request, Gaps::Pass);
    let mut outcome = results.outcome;
    let done = results.done;
    if done < total {
        outcome.extent = Extent::Part { done, total };
    }
    Ok(outcome)
}

struct Work<'a> {
    request: &'a Request,
    stop: &'a AtomicBool,
    next: AtomicUsize,
    total: usize,
    results: Mutex<Results>,
}

/// Sums of floats depend on their order, so results are taken in by that of the work.
struct Results {
    outcome: Outcome,
    done: usize,
    waiting: Vec<Option<RunResult>>,
    taken: usize,
}

type RunResult = Result<Measurements, Trouble>;

/// What to do about a run that has no result yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gaps {
    /// It is still being made.
    Wait,
    /// It never will have one.
    Pass,
}

impl Work<'_> {
    fn take_part(&self, progress: &(dyn Fn(&Progress<'_>) + Sync)) {
        let cases = &self.request.cases;
        loop {
            let at = self.next.fetch_add(1, Ordering::Relaxed);
            if at >= self.total || self.stop.load(Ordering::Relaxed) {
                return;
            }
            let case = &cases[at % cases.len()];
            let seed = self.request.seeds.start() + (at / cases.len()) as u128;
            let name = self.request.experiment.about().name;
            REPLAY.with(|line| *line.borrow_mut() = replay_line(name, case, seed));
            let result = self
                .request
                .experiment
                .run(&Run::new(case, Seed(seed), self.stop));
            if result == Err(Trouble::Stopped) {
                return;
            }
            let mut results = self
                .results
                .lock()
                .unwrap_or_else(|broken| broken.into_inner());
            results.waiting[at] = Some(result);
            results.done += 1;
            results.take_in(self.request, Gaps::Wait);
            let done = results.done;
            drop(results);
            progress(&Progress {
                done,
                total: self.total,
                case,
            });
        }
    }
}

impl Results {
    /// Takes in what is there, in order.
    fn take_in(&mut self, request: &Request, gaps: Gaps) {
        while self.taken < self.waiting.len() {
            let at = self.taken;
            let case = at % request.cases.len();
            match self.waiting[at].take() {
                Some(Ok(measurements)) => self.outcome.add(case, measurements),
                Some(Err(trouble)) => {
                    let seed = request.seeds.start() + (at / request.cases.len()) as u128;
                    self.outcome.add_failure(case, seed, &trouble);
                }
                None if gaps == Gaps::Pass => {}
                None => return,
            }
            self.taken += 1;
        }
    }
}

/// How many runs fit side by side.
fn threads_that_fit(experiment: &dyn Experiment, cases: &[Case]) -> Result<usize, LabError> {
    let cores = match experiment.company() {
        Company::Any => thread::available_parallelism().map_or(1, usize::from),
        Company::Alone => 1,
    };
    let Some(available) = memory::available() else {
        return Ok(cores);
    };
    let sized = cases.iter().map(|case| (experiment.bytes(case), case));
    let Some((needed, case)) = sized.max_by_key(|&(bytes, _)| bytes) else {
        return Ok(cores);
    };
    if needed > available {
        let has_nodes = experiment
            .about()
            .parameters
            .iter()
            .any(|p| p.name == "nodes");
        let nodes = || case.number("nodes") / needed as f64 * available as f64;
        return Err(LabError::TooBig {
            case: format!("{} {case}", experiment.about().name),
            needed,
            available,
            nodes_that_fit: has_nodes.then(|| two_digits(nodes())),
        });
    }
    let side_by_side = available.checked_div(needed).unwrap_or(u64::MAX);
    Ok(cores.min(usize::try_from(side_by_side).unwrap_or(usize::MAX)))
}

/// Rounds down to two significant digits: it is an estimate.
fn two_digits(value: f64) -> u64 {
    let unit = 10f64.powf((value.max(1.0).log10().floor() - 1.0).max(0.0));
    ((value / unit).floor() * unit) as u64
}

thread_local! {
    /// The line that replays the run of this thread.
    static REPLAY: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Lets a run that panics print its replay line first.
fn announce_replay_of_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            REPLAY.with(|line| say(&line.borrow()));
            usual(panic);
        }));
    });
}

#[expect(
    clippy::print_stderr,
    reason = "the process is about to end, and this is its last word"
)]
fn say(line: &str) {
    if !line.is_empty() {
        eprintln!("replay: manyhop lab replay '{line}'");
    }
}
