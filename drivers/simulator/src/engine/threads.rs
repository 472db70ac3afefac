//! All shards at the same time.
//!
//! Whatever a node sends is under way for the least latency at least. So for that long no shard
//! can learn anything of the others, and all live through a *window* of that length without
//! asking (a conservative window, Chandy and Misra 1979). Then they meet: each has put its mail
//! into a box and named the next tick in which anything happens as far as it knows; the least of
//! these is where the next window begins.

use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use machine::Protocol;

use super::shard::{Mail, Shard};
use super::wheel::Tick;
use super::work::{Shared, Work};
use crate::world::World;

/// Lets all shards run up to a tick, which is not lived through; tells the last one that was.
///
/// It is a value, so that only worlds that are to be spread over cores need nodes that may be.
pub(crate) type Sprint<P> =
    fn(&mut [Shard<P>], &World, &<P as Protocol>::Shared, end: Tick) -> Tick;

/// Where the shards meet.
struct Meeting<M> {
    gate: Gate,
    /// Two sets of boxes in turn: while some still empty one, others fill the next.
    rounds: [Round<M>; 2],
}

/// Where each waits for the last. They meet some thousand times a second and none is late by much,
/// so they wait awake.
struct Gate {
    all: usize,
    arrived: AtomicUsize,
    /// Counts how often the gate was opened.
    opened: AtomicUsize,
    /// Whether somebody will never come.
    broken: AtomicBool,
}

/// Tells the others, when it is dropped by a panic, that one will never come.
struct Alarm<'a>(&'a Gate);

/// How often one looks before giving the core to somebody else.
const LOOKS: u32 = 10_000;

/// What the shards bring to a meeting.
struct Round<M> {
    /// The mail from each to each, at (to, from).
    boxes: Vec<Vec<Mutex<Mail<M>>>>,
    /// The next tick of each.
    next: Vec<AtomicU64>,
}

/// The only [`Sprint`].
pub(crate) fn sprint<P>(
    shards: &mut [Shard<P>],
    world: &World,
    shared: &P::Shared,
    end: Tick,
) -> Tick
where
    P: Protocol + Send,
    P::Message: Send,
    P::Event: Send,
    P::Shared: Sync,
{
    let meeting = Meeting::new(shards.len());
    std::thread::scope(|scope| {
        for shard in &mut *shards {
            let meeting = &meeting;
            scope.spawn(move || run(shard, world, shared, end, meeting));
        }
    });
    let last = shards.iter().map(|shard| shard.tick);
    last.max().unwrap_or(Tick(0))
}

/// The life of one shard.
fn run<P: Protocol>(
    shard: &mut Shard<P>,
    world: &World,
    shared: &P::Shared,
    end: Tick,
    meeting: &Meeting<P::Message>,
) {
    let _alarm = Alarm(&meeting.gate);
    for round in meeting.rounds.iter().cycle() {
        round.hand_in(shard);
        if !meeting.gate.pass() {
            return;
        }
        let begin = round.begin();
        round.hand_out(shard);
        if begin >= end {
            return;
        }
        let close = begin.after(world.lookahead).min(end);
        while let Some(tick) = shard.next().filter(|&tick| tick < close) {
            let mut work = Work {
                shard: &mut *shard,
                world,
                shared: Shared::Together(shared),
                observers: &mut [],
            };
            work.live(tick, close);
        }
    }
}

impl<M> Meeting<M> {
    fn new(shards: usize) -> Self {
        Self {
            gate: Gate::new(shards),
            rounds: [Round::new(shards), Round::new(shards)],
        }
    }
}

impl Gate {
    const fn new(all: usize) -> Self {
        Self {
            all,
            arrived: AtomicUsize::new(0),
            opened: AtomicUsize::new(0),
            broken: AtomicBool::new(false),
        }
    }

    /// Waits for all; tells whether they came.
    fn pass(&self) -> bool {
        let opened = self.opened.load(Ordering::Acquire);
        if self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == self.all {
            self.arrived.store(0, Ordering::Relaxed);
            self.opened.fetch_add(1, Ordering::Release);
            return true;
        }
        let mut looks = 0;
        while self.opened.load(Ordering::Acquire) == opened {
            if self.broken.load(Ordering::Acquire) {
                return false;
            }
            looks += 1;
            if looks < LOOKS {
                core::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
        }
        true
    }
}

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.broken.store(true, Ordering::Release);
        }
    }
}

impl<M> Round<M> {
    fn new(shards: usize) -> Self {
        let row = || (0..shards).map(|_| Mutex::new(Mail::new())).collect();
        Self {
            boxes: (0..shards).map(|_| row()).collect(),
            next: (0..shards).map(|_| AtomicU64::new(Tick::NEVER.0)).collect(),
        }
    }

    /// Takes a shard's mail for the others, and its next tick.
    fn hand_in<P: Protocol<Message = M>>(&self, shard: &mut Shard<P>) {
        let mail = shard.outboxes.iter().filter_map(Mail::next).min();
        let next = shard.next().into_iter().chain(mail).min();
        let next = next.unwrap_or(Tick::NEVER);
        self.next[shard.number].store(next.0, Ordering::Relaxed);
        for (to, outbox) in shard.outboxes.iter_mut().enumerate() {
            self.exchange(to, shard.number, outbox);
        }
    }

    /// Gives a shard the mail of the others.
    fn hand_out<P: Protocol<Message = M>>(&self, shard: &mut Shard<P>) {
        for from in 0..self.boxes.len() {
            let mut mail = Mail::new();
            self.exchange(shard.number, from, &mut mail);
            shard.take_in(&mut mail);
            self.exchange(shard.number, from, &mut mail);
        }
    }

    /// Puts mail into a box and takes out what was there: mail, or an emptied one of the time
    /// before, whose memory is used again.
    fn exchange(&self, to: usize, from: usize, mail: &mut Mail<M>) {
        // A shard that panicked ends the whole run, so nobody will see what it left.
        let mut there = self.boxes[to][from]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        core::mem::swap(&mut *there, mail);
    }

    /// Where the next window begins.
    fn begin(&self) -> Tick {
        let next = self.next.iter().map(|next| next.load(Ordering::Relaxed));
        Tick(next.min().unwrap_or(Tick::NEVER.0))
    }
}
