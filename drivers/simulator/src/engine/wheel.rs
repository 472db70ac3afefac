//! The queue of all that will happen: a timing wheel.
//!
//! A heap pays log n for each event and misses the cache on every level; at a million nodes it is
//! eight times slower than this. Time is cut into *ticks*, and what happens waits in one of three
//! places, by how far away it is. The ticks of the *span* that is being lived through have a list
//! each. The spans that follow, up to 1.6 seconds ahead, share a list a span: there are some dozen
//! of these in use, whose ends stay in the cache, where lists of ticks would be thousands. What is
//! later waits in the *stretch* of time to which it belongs. Whenever time reaches a new stretch or
//! a new span, it is dealt out to the finer lists.
//!
//! An emptied list gives its memory to a stock, from which the next one in need is served while it
//! is still in the cache. Otherwise each would keep its peak, ten times what is ever in use at once.

use core::time::Duration;
use std::collections::BTreeMap;

use machine::Instant;

/// How finely time is cut: nodes live in steps of this. Links are reckoned in nanoseconds all the
/// same, so that no bandwidth is lost to rounding.
pub const TICK: Duration = Duration::from_nanos(TICK_NANOS);

/// [`TICK`] in nanoseconds.
pub(crate) const TICK_NANOS: u64 = 100_000;

/// The ticks of a span: 3.2 ms. Spans begin at multiples of this.
const SPAN: u64 = 32;
/// How many spans the wheel reaches ahead: 1.6 seconds, longer than most messages are under way.
const SPANS: u64 = 512;
/// The spans of a stretch: a tenth of a second. The wheel is turned on by as much at a time.
const STRETCH: u64 = 32;

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
        self.after(1)
    }

    /// The tick so many ticks later.
    pub(crate) const fn after(self, ticks: u64) -> Self {
        Self(self.0.saturating_add(ticks))
    }

    const fn span(self) -> u64 {
        self.0 / SPAN
    }

    const fn offset(self) -> u32 {
        (self.0 % SPAN) as u32
    }
}

/// The queue. `E` is an event.
#[derive(Debug)]
pub(crate) struct Wheel<E> {
    /// The first tick that was not taken out yet.
    start: Tick,
    /// The events of each tick of the span of `start`.
    ticks: Vec<Vec<E>>,
    /// One bit a tick of the span: whether anything happens in it.
    busy: u32,
    /// The events of the spans that follow, at the span modulo [`SPANS`].
    spans: Vec<Span<E>>,
    /// One bit a span: whether anything happens in it.
    occupied: Vec<u64>,
    /// The first span that is out of reach: the beginning of a stretch.
    reach: u64,
    /// What is later, by its stretch.
    later: BTreeMap<u64, Vec<(Tick, E)>>,
    /// The first tick in `later`.
    first_later: Tick,
    /// Emptied vectors.
    stock: Vec<Vec<(u32, E)>>,
}

/// What happens in a span, in the order in which it was pushed.
#[derive(Debug)]
struct Span<E> {
    /// The events and their ticks, counted from the span's beginning.
    events: Vec<(u32, E)>,
    /// The first of the ticks.
    first: u32,
}

impl<E> Wheel<E> {
    pub(crate) fn new() -> Self {
        Self {
            start: Tick(0),
            ticks: (0..SPAN).map(|_| Vec::new()).collect(),
            busy: 0,
            spans: (0..SPANS).map(|_| Span::EMPTY).collect(),
            occupied: vec![0; SPANS as usize / 64],
            reach: SPANS,
            later: BTreeMap::new(),
            first_later: Tick::NEVER,
            stock: Vec::new(),
        }
    }

    /// Queues an event for a tick that was not taken out yet.
    #[inline]
    pub(crate) fn push(&mut self, tick: Tick, event: E) {
        debug_assert!(tick >= self.start, "an event for the past");
        let span = tick.span();
        if span >= self.reach {
            self.push_later(tick, event);
        } else if span == self.start.span() {
            self.put(tick.offset(), event);
        } else {
            self.put_into_span(span, tick.offset(), event);
        }
    }

    /// The first tick that was not taken out yet.
    pub(crate) const fn start(&self) -> Tick {
        self.start
    }

    /// Tells the next tick at which something happens.
    #[inline]
    pub(crate) fn next(&self) -> Option<Tick> {
        if self.busy != 0 {
            let span = self.start.span() * SPAN;
            return Some(Tick(span + u64::from(self.busy.trailing_zeros())));
        }
        if let Some(span) = self.next_span() {
            let first = self.spans[(span % SPANS) as usize].first;
            return Some(Tick(span * SPAN + u64::from(first)));
        }
        (self.first_later != Tick::NEVER).then_some(self.first_later)
    }

    /// Takes out the events of a tick, in the order in which they were pushed, and adds them to
    /// `into`. Nothing may be left of the ticks before; they count as taken out too.
    pub(crate) fn take(&mut self, tick: Tick, into: &mut Vec<E>) {
        debug_assert!(self.next().is_none_or(|next| next >= tick), "left behind");
        self.turn_to(tick);
        let offset = tick.offset();
        if self.busy & 1 << offset != 0 {
            self.busy &= !(1 << offset);
            into.append(&mut self.ticks[offset as usize]);
        }
        self.turn_to(tick.next());
    }

    #[inline]
    fn put(&mut self, offset: u32, event: E) {
        self.busy |= 1 << offset;
        self.ticks[offset as usize].push(event);
    }

    #[inline]
    fn put_into_span(&mut self, span: u64, offset: u32, event: E) {
        let place = (span % SPANS) as usize;
        if self.spans[place].events.is_empty() {
            self.open(place);
        }
        let span = &mut self.spans[place];
        span.first = span.first.min(offset);
        span.events.push((offset, event));
    }

    /// Readies an empty span for its first event.
    fn open(&mut self, place: usize) {
        self.occupied[place / 64] |= 1 << (place % 64);
        if let Some(stocked) = self.stock.pop() {
            self.spans[place].events = stocked;
        }
    }

    #[cold]
    fn push_later(&mut self, tick: Tick, event: E) {
        self.first_later = self.first_later.min(tick);
        let stretch = self.later.entry(tick.span() / STRETCH).or_default();
        stretch.push((tick, event));
    }

    /// The next span in which something happens, of those within reach but the first.
    fn next_span(&self) -> Option<u64> {
        let current = self.start.span();
        let first = (current % SPANS) as usize;
        let words = self.occupied.len();
        let mut word = first / 64;
        let mut bits = self.occupied[word] & (u64::MAX << (first % 64));
        for _ in 0..=words {
            if bits != 0 {
                let place = (word * 64) as u64 + u64::from(bits.trailing_zeros());
                return Some(current + place.wrapping_sub(current) % SPANS);
            }
            word = (word + 1) % words;
            bits = self.occupied[word];
        }
        None
    }

    /// Turns the wheel until it begins with a tick, and deals out what it then reaches.
    #[inline]
    fn turn_to(&mut self, tick: Tick) {
        let span = tick.span();
        let turns = span != self.start.span();
        self.start = tick;
        if turns {
            self.begin(span);
        }
    }

    #[inline(never)]
    fn begin(&mut self, span: u64) {
        let reach = (span / STRETCH * STRETCH).saturating_add(SPANS);
        if reach != self.reach {
            self.reach = reach;
            self.deal_later();
        }
        let place = (span % SPANS) as usize;
        if self.occupied[place / 64] & 1 << (place % 64) == 0 {
            return;
        }
        self.occupied[place / 64] &= !(1 << (place % 64));
        let mut events = core::mem::replace(&mut self.spans[place], Span::EMPTY).events;
        for (offset, event) in events.drain(..) {
            self.put(offset, event);
        }
        if events.capacity() <= STOCKED_LEN_MAX && self.stock.len() < STOCK_MAX {
            self.stock.push(events);
        }
    }

    /// Deals out the stretches that have come within reach.
    fn deal_later(&mut self) {
        if self.first_later.span() >= self.reach {
            return;
        }
        while let Some(entry) = self.later.first_entry()
            && *entry.key() < self.reach / STRETCH
        {
            for (tick, event) in entry.remove() {
                // Also the current span, whose own turn is just to come.
                self.put_into_span(tick.span(), tick.offset(), event);
            }
        }
        let next = self.later.first_key_value();
        let ticks = next.map(|(_, events)| events.iter().map(|&(tick, _)| tick));
        self.first_later = ticks.and_then(Iterator::min).unwrap_or(Tick::NEVER);
    }
}

impl<E> Span<E> {
    const EMPTY: Self = Self {
        events: Vec::new(),
        first: u32::MAX,
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    const REACH: u64 = SPANS * SPAN;

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
        let far = 5 * REACH + 3;
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
        for step in [
            1,
            SPAN - 1,
            SPAN + 1,
            REACH / 3,
            REACH - 1,
            REACH + 1,
            7 * REACH - 1,
        ] {
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
        wheel.push(Tick(3 * REACH), 3);
        assert_eq!(drain(&mut wheel, 40), []);
        wheel.push(Tick(41), 41);
        assert_eq!(drain(&mut wheel, 50), [(41, vec![41]), (50, vec![50])]);
        wheel.push(Tick(2 * REACH), 2);
        assert_eq!(
            drain(&mut wheel, u64::MAX),
            [(2 * REACH, vec![2]), (3 * REACH, vec![3])]
        );
    }

    #[test]
    fn an_empty_tick_can_be_taken_out() {
        let mut wheel = Wheel::new();
        let mut events = Vec::new();
        wheel.push(Tick(9 * REACH), 1);
        wheel.take(Tick(5 * REACH), &mut events);
        assert_eq!((wheel.start(), &events[..]), (Tick(5 * REACH + 1), &[][..]));
        assert_eq!(drain(&mut wheel, u64::MAX), [(9 * REACH, vec![1])]);
    }

    #[test]
    fn memory_follows_what_waits_not_where_it_waited() {
        let mut wheel = Wheel::new();
        for tick in 0..4 * REACH {
            wheel.push(Tick(tick), 0);
            drain(&mut wheel, tick);
        }
        assert!(wheel.spans.iter().all(|span| span.events.capacity() == 0));
        let of_ticks = wheel.ticks.iter().map(Vec::capacity).sum::<usize>();
        assert!(of_ticks <= 4 * SPAN as usize, "{of_ticks}");
        assert_eq!(wheel.stock.len(), 0);
    }

    #[test]
    fn ticks_round_moments_as_told() {
        let moment = Instant::from_nanos(TICK_NANOS + 1);
        assert_eq!(Tick::not_after(moment), Tick(1));
        assert_eq!(Tick::not_before(moment), Tick(2));
        assert_eq!(Tick(2).instant(), Instant::from_nanos(2 * TICK_NANOS));
    }
}
