//! The queue of all that will happen: a timing wheel.
//!
//! A heap pays log n for each event and misses the cache on every level; at a million nodes it is
//! eight times slower than this. Time is cut into *ticks*; each of the wheel's slots holds the
//! events of one tick, in the order in which they were pushed. The wheel reaches [`SLOTS`] ticks
//! ahead. What is later waits in the *stretch* of time to which it belongs, and is dealt out to the
//! slots when the wheel reaches that stretch.

use core::time::Duration;
use std::collections::BTreeMap;

use machine::Instant;

use super::store::{Chain, Store};

/// How finely time is cut: nodes live in steps of this. Links are reckoned in nanoseconds all the
/// same, so that no bandwidth is lost to rounding.
pub const TICK: Duration = Duration::from_nanos(TICK_NANOS);

/// [`TICK`] in nanoseconds.
pub(crate) const TICK_NANOS: u64 = 100_000;

/// How many ticks the wheel reaches ahead: 1.6 seconds, longer than most messages are under way.
const SLOTS: u64 = 1 << 14;
/// The ticks of a stretch: a tenth of a second. The wheel is turned on by as much at a time.
const STRETCH: u64 = 1 << 10;

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
        self.after(1)
    }

    /// The tick so many ticks later.
    pub(crate) const fn after(self, ticks: u64) -> Self {
        Self(self.0.saturating_add(ticks))
    }

    const fn stretch(self) -> u64 {
        self.0 / STRETCH
    }

    const fn slot(self) -> usize {
        (self.0 % SLOTS) as usize
    }
}

/// The queue. `E` is an event.
#[derive(Debug)]
pub(crate) struct Wheel<E> {
    slots: Vec<Chain>,
    /// One bit a slot: whether anything is in it.
    occupied: Vec<u64>,
    /// How many slots are occupied.
    count: usize,
    /// The first tick that was not taken out yet.
    start: Tick,
    /// The first tick that has no slot yet: the beginning of a stretch.
    reach: Tick,
    store: Store<E>,
    /// What is later, by its stretch.
    later: BTreeMap<u64, Vec<(u32, E)>>,
    /// The first tick in `later`.
    first_later: Tick,
}

impl<E> Wheel<E> {
    pub(crate) fn new() -> Self {
        Self {
            slots: vec![Chain::EMPTY; SLOTS as usize],
            occupied: vec![0; SLOTS as usize / 64],
            count: 0,
            start: Tick(0),
            reach: Tick(SLOTS),
            store: Store::new(),
            later: BTreeMap::new(),
            first_later: Tick::NEVER,
        }
    }

    /// Queues an event for a tick that was not taken out yet.
    #[inline]
    pub(crate) fn push(&mut self, tick: Tick, event: E) {
        debug_assert!(tick >= self.start, "an event for the past");
        if tick < self.reach {
            self.put(tick, event);
        } else {
            self.push_later(tick, event);
        }
    }

    /// The first tick that was not taken out yet.
    pub(crate) const fn start(&self) -> Tick {
        self.start
    }

    /// Tells the next tick at which something happens.
    pub(crate) fn next(&self) -> Option<Tick> {
        if self.count == 0 {
            return (self.first_later != Tick::NEVER).then_some(self.first_later);
        }
        let first = self.start.slot();
        let words = self.occupied.len();
        let mut word = first / 64;
        let mut bits = self.occupied[word] & (u64::MAX << (first % 64));
        for _ in 0..=words {
            if bits != 0 {
                let slot = (word * 64) as u64 + u64::from(bits.trailing_zeros());
                let ahead = slot.wrapping_sub(self.start.0) % SLOTS;
                return Some(self.start.after(ahead));
            }
            word = (word + 1) % words;
            bits = self.occupied[word];
        }
        None
    }

    /// Takes out the events of a tick, in the order in which they were pushed, and adds them to
    /// `into`. Nothing may be left of the ticks before; they count as taken out too.
    pub(crate) fn take(&mut self, tick: Tick, into: &mut Vec<E>) {
        debug_assert!(self.next().is_none_or(|next| next >= tick), "left behind");
        if tick >= self.reach {
            self.turn_to(tick);
        }
        let slot = tick.slot();
        let (word, bit) = (slot / 64, 1 << (slot % 64));
        if self.occupied[word] & bit != 0 {
            self.occupied[word] &= !bit;
            self.count -= 1;
            self.store.take(&mut self.slots[slot], into);
        }
        self.turn_to(tick.next());
    }

    /// Asks for the memory of the next tick's events.
    pub(crate) fn expect(&self) {
        if let Some(tick) = self.next()
            && tick < self.reach
        {
            self.store.expect(self.slots[tick.slot()]);
        }
    }

    #[inline]
    fn put(&mut self, tick: Tick, event: E) {
        let slot = tick.slot();
        let (word, bit) = (slot / 64, 1 << (slot % 64));
        if self.occupied[word] & bit == 0 {
            self.occupied[word] |= bit;
            self.count += 1;
        }
        self.store.push(&mut self.slots[slot], event);
    }

    #[cold]
    fn push_later(&mut self, tick: Tick, event: E) {
        self.first_later = self.first_later.min(tick);
        let offset = (tick.0 % STRETCH) as u32;
        let stretch = self.later.entry(tick.stretch()).or_default();
        stretch.push((offset, event));
    }

    /// Turns the wheel until it begins with a tick, and deals out what it then reaches.
    #[inline]
    fn turn_to(&mut self, tick: Tick) {
        self.start = tick;
        let reach = Tick((tick.stretch() * STRETCH).saturating_add(SLOTS));
        if reach != self.reach {
            self.deal(reach);
        }
    }

    #[cold]
    fn deal(&mut self, reach: Tick) {
        self.reach = reach;
        if self.first_later >= reach {
            return;
        }
        while let Some(entry) = self.later.first_entry()
            && *entry.key() < reach.stretch()
        {
            let (stretch, events) = entry.remove_entry();
            for (offset, event) in events {
                self.put(Tick(stretch * STRETCH + u64::from(offset)), event);
            }
        }
        self.first_later = match self.later.first_key_value() {
            None => Tick::NEVER,
            Some((stretch, events)) => {
                let offset = events.iter().map(|&(offset, _)| offset).min();
                Tick(stretch * STRETCH + u64::from(offset.unwrap_or(0)))
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(wheel: &mut Wheel<u32>, limit: u64) -> Vec<(u64, Vec<u32>)> {
        let mut out = Vec::new();
        while let Some(tick) = wheel.next().filter(|&tick| tick <= Tick(limit)) {
            let mut events = Vec::new();
            wheel.take(tick, &mut events);
            out.push((tick.0, events));
        }
        out
    }

    #[test]
    fn events_come_in_the_order_of_time_then_of_pushing() {
        let mut wheel = Wheel::new();
        let far = 5 * SLOTS + 3;
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
        // Each event pushes the next one, by a step that meets every place of the wheel, and then
        // by one that it does not reach.
        for step in [1, SLOTS / 3 + 1, SLOTS - STRETCH, SLOTS + 1, 7 * SLOTS - 1] {
            let mut wheel = Wheel::new();
            let mut tick = 0;
            wheel.push(Tick(0), 0);
            for turn in 1..100 {
                assert_eq!(drain(&mut wheel, tick + step - 1), [(tick, vec![turn - 1])]);
                tick += step;
                wheel.push(Tick(tick), turn);
            }
        }
    }

    #[test]
    fn an_event_may_be_pushed_before_the_next_one() {
        let mut wheel = Wheel::new();
        wheel.push(Tick(50), 50);
        wheel.push(Tick(3 * SLOTS), 3);
        assert_eq!(drain(&mut wheel, 40), []);
        wheel.push(Tick(41), 41);
        assert_eq!(drain(&mut wheel, 50), [(41, vec![41]), (50, vec![50])]);
        wheel.push(Tick(2 * SLOTS), 2);
        assert_eq!(
            drain(&mut wheel, u64::MAX),
            [(2 * SLOTS, vec![2]), (3 * SLOTS, vec![3])]
        );
    }

    #[test]
    fn an_empty_tick_can_be_taken_out() {
        let mut wheel = Wheel::new();
        let mut events = Vec::new();
        wheel.push(Tick(9 * SLOTS), 1);
        wheel.take(Tick(5 * SLOTS), &mut events);
        assert_eq!((wheel.start(), &events[..]), (Tick(5 * SLOTS + 1), &[][..]));
        assert_eq!(drain(&mut wheel, u64::MAX), [(9 * SLOTS, vec![1])]);
    }

    #[test]
    fn memory_follows_what_waits_not_where_it_waited() {
        let mut wheel = Wheel::new();
        for tick in 0..4 * SLOTS {
            wheel.push(Tick(tick), 0);
            drain(&mut wheel, tick);
        }
        assert_eq!(wheel.store.chunks(), 1);
    }

    #[test]
    fn ticks_round_moments_as_told() {
        let moment = Instant::from_nanos(TICK_NANOS + 1);
        assert_eq!(Tick::not_after(moment), Tick(1));
        assert_eq!(Tick::not_before(moment), Tick(2));
        assert_eq!(Tick(2).instant(), Instant::from_nanos(2 * TICK_NANOS));
    }
}
