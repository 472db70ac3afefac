//! The queue of all that will happen: a timing wheel.
//!
//! A heap pays log n for each event and misses the cache on every level; at a million nodes it is
//! eight times slower than this. Time is cut into *ticks*; each of the wheel's slots holds the
//! events of one tick, in the order in which they were pushed. The wheel turns through *rounds* of
//! [`SLOTS`] ticks. What belongs to a later round waits in a bucket of that round and is dealt out
//! when the round begins.
//!
//! An emptied slot gives its memory back: to a small stock from which slots in need are served, or
//! to the system. Otherwise each slot would keep its peak, ten times what is ever in use at once.

use core::time::Duration;
use std::collections::BTreeMap;

use machine::Instant;

/// How finely time is cut: nodes live in steps of this. Links are reckoned in nanoseconds all the
/// same, so that no bandwidth is lost to rounding.
pub const TICK: Duration = Duration::from_nanos(TICK_NANOS);

/// [`TICK`] in nanoseconds.
pub(crate) const TICK_NANOS: u64 = 100_000;

/// Ticks in a round: 1.6 seconds, longer than most messages are under way.
const SLOTS: usize = 1 << 14;
/// How many emptied vectors are kept for slots in need.
const STOCK_MAX: usize = 64;
/// A vector longer than this, in events, is not kept: it served a burst.
const STOCKED_LEN_MAX: usize = 4096;

/// A number of ticks since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Tick(pub(crate) u64);

impl Tick {
    /// Later than all that ever happens.
    pub(crate) const NEVER: Self = Self(u64::MAX);

    /// The first tick that is not before the moment.
    pub(crate) const fn not_before(moment: Instant) -> Self {
        Self(moment.as_nanos().div_ceil(TICK_NANOS))
    }

    /// The last tick that is not after the moment.
    pub(crate) const fn not_after(moment: Instant) -> Self {
        Self(moment.as_nanos() / TICK_NANOS)
    }

    /// The tick as a moment.
    pub(crate) const fn instant(self) -> Instant {
        Instant::from_nanos(self.0.saturating_mul(TICK_NANOS))
    }

    /// The tick that follows.
    pub(crate) const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    const fn round(self) -> u64 {
        self.0 / SLOTS as u64
    }

    const fn slot(self) -> usize {
        (self.0 % SLOTS as u64) as usize
    }
}

/// The queue. `E` is an event.
#[derive(Debug)]
pub(crate) struct Wheel<E> {
    /// The events of each tick of this round.
    slots: Vec<Vec<E>>,
    /// One bit a slot: whether anything is in it.
    occupied: Vec<u64>,
    /// The round whose slots these are.
    round: u64,
    /// The slots before this one are empty and stay so.
    cursor: usize,
    /// What belongs to later rounds.
    later: BTreeMap<u64, Vec<(Tick, E)>>,
    /// Emptied vectors.
    stock: Vec<Vec<E>>,
}

impl<E> Wheel<E> {
    pub(crate) fn new() -> Self {
        Self {
            slots: (0..SLOTS).map(|_| Vec::new()).collect(),
            occupied: vec![0; SLOTS / 64],
            round: 0,
            cursor: 0,
            later: BTreeMap::new(),
            stock: Vec::new(),
        }
    }

    /// Queues an event for a tick that has not been taken out yet.
    pub(crate) fn push(&mut self, tick: Tick, event: E) {
        if tick.round() == self.round {
            debug_assert!(tick.slot() >= self.cursor, "an event for the past");
            self.put(tick.slot(), event);
        } else {
            debug_assert!(tick.round() > self.round, "an event for the past");
            self.later
                .entry(tick.round())
                .or_default()
                .push((tick, event));
        }
    }

    /// Tells the next tick at which something happens.
    pub(crate) fn next(&self) -> Option<Tick> {
        if let Some(slot) = self.first_occupied() {
            return Some(Tick(self.round * SLOTS as u64 + slot as u64));
        }
        let (_, bucket) = self.later.first_key_value()?;
        bucket.iter().map(|&(tick, _)| tick).min()
    }

    /// Takes out the events of the next tick, in the order in which they were pushed, if that tick
    /// is not after `limit`. `into` must be empty and is filled.
    pub(crate) fn pop(&mut self, limit: Tick, into: &mut Vec<E>) -> Option<Tick> {
        let tick = self.next().filter(|&tick| tick <= limit)?;
        if self.round != tick.round() {
            self.begin_next_round();
        }
        let slot = tick.slot();
        self.cursor = slot + 1;
        self.occupied[slot / 64] &= !(1 << (slot % 64));
        let emptied = core::mem::replace(into, core::mem::take(&mut self.slots[slot]));
        if emptied.capacity() <= STOCKED_LEN_MAX && self.stock.len() < STOCK_MAX {
            self.stock.push(emptied);
        }
        Some(tick)
    }

    fn put(&mut self, slot: usize, event: E) {
        let events = &mut self.slots[slot];
        if events.capacity() == 0
            && let Some(stocked) = self.stock.pop()
        {
            *events = stocked;
        }
        events.push(event);
        self.occupied[slot / 64] |= 1 << (slot % 64);
    }

    fn first_occupied(&self) -> Option<usize> {
        let mut word = self.cursor / 64;
        let mut bits = self.occupied.get(word)? & (u64::MAX << (self.cursor % 64));
        while bits == 0 {
            word += 1;
            bits = *self.occupied.get(word)?;
        }
        Some(word * 64 + bits.trailing_zeros() as usize)
    }

    /// Deals the events of the next round that has any out to the slots, all of which are empty.
    fn begin_next_round(&mut self) {
        if let Some((round, bucket)) = self.later.pop_first() {
            self.round = round;
            self.cursor = 0;
            for (tick, event) in bucket {
                self.put(tick.slot(), event);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(wheel: &mut Wheel<u32>, limit: u64) -> Vec<(u64, Vec<u32>)> {
        let mut out = Vec::new();
        let mut events = Vec::new();
        while let Some(Tick(tick)) = wheel.pop(Tick(limit), &mut events) {
            out.push((tick, core::mem::take(&mut events)));
        }
        out
    }

    #[test]
    fn events_come_in_the_order_of_time_then_of_pushing() {
        let mut wheel = Wheel::new();
        let far = 5 * SLOTS as u64 + 3;
        for (tick, event) in [(7, 1), (far, 2), (7, 3), (0, 4), (far + 1, 5), (far, 6)] {
            wheel.push(Tick(tick), event);
        }
        assert_eq!(drain(&mut wheel, 6), [(0, vec![4])]);
        assert_eq!(
            drain(&mut wheel, u64::MAX),
            [(7, vec![1, 3]), (far, vec![2, 6]), (far + 1, vec![5])]
        );
        assert_eq!(wheel.next(), None);
    }

    #[test]
    fn the_wheel_turns_for_ever() {
        // Each event pushes the next one, by a step that meets every place of the round.
        let mut wheel = Wheel::new();
        let (mut tick, step) = (0, SLOTS as u64 / 3 + 1);
        wheel.push(Tick(0), 0);
        for turn in 1..100 {
            assert_eq!(drain(&mut wheel, tick + step - 1), [(tick, vec![turn - 1])]);
            tick += step;
            wheel.push(Tick(tick), turn);
        }
    }

    #[test]
    fn an_event_may_be_pushed_before_the_next_one() {
        let mut wheel = Wheel::new();
        wheel.push(Tick(50), 50);
        assert_eq!(drain(&mut wheel, 40), []);
        wheel.push(Tick(41), 41);
        assert_eq!(drain(&mut wheel, 50), [(41, vec![41]), (50, vec![50])]);
    }

    #[test]
    fn emptied_slots_keep_no_memory() {
        let mut wheel = Wheel::new();
        for tick in 0..SLOTS as u64 {
            wheel.push(Tick(tick), 0);
        }
        assert_eq!(drain(&mut wheel, u64::MAX).len(), SLOTS);
        assert!(wheel.slots.iter().all(|slot| slot.capacity() == 0));
        assert!(wheel.stock.len() <= STOCK_MAX);
    }

    #[test]
    fn ticks_round_moments_as_told() {
        let moment = Instant::from_nanos(TICK_NANOS + 1);
        assert_eq!(Tick::not_after(moment), Tick(1));
        assert_eq!(Tick::not_before(moment), Tick(2));
        assert_eq!(Tick(2).instant(), Instant::from_nanos(2 * TICK_NANOS));
    }
}
