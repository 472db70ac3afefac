//! The timers of one node: many inside, one deadline outside.

use alloc::collections::{BTreeMap, BTreeSet};

use crate::Instant;

/// Timers by name, of which a driver sees only the earliest ([`Protocol::next_wakeup`]).
///
/// On [`Input::Wake`] the node takes out what is due:
///
/// ```
/// # use machine::{Instant, Timers};
/// # use core::time::Duration;
/// # #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)] enum Timer { Choke, Announce }
/// # let now = Instant::ZERO;
/// let mut timers = Timers::default();
/// timers.set(Timer::Choke, now + Duration::from_secs(10));
/// while let Some(timer) = timers.pop_due(now + Duration::from_secs(11)) {
///     assert_eq!(timer, Timer::Choke);
/// }
/// assert_eq!(timers.next(), None);
/// ```
///
/// [`Protocol::next_wakeup`]: crate::Protocol::next_wakeup
/// [`Input::Wake`]: crate::Input::Wake
#[derive(Debug, Clone)]
pub struct Timers<K> {
    by_time: BTreeSet<(Instant, K)>,
    by_name: BTreeMap<K, Instant>,
}

impl<K> Default for Timers<K> {
    fn default() -> Self {
        Self {
            by_time: BTreeSet::new(),
            by_name: BTreeMap::new(),
        }
    }
}

impl<K: Copy + Ord> Timers<K> {
    /// Starts the timer, or moves it if it runs.
    pub fn set(&mut self, timer: K, at: Instant) {
        self.stop(timer);
        self.by_time.insert((at, timer));
        self.by_name.insert(timer, at);
    }

    /// Starts the timer unless it already runs out sooner.
    pub fn set_earlier(&mut self, timer: K, at: Instant) {
        if self.by_name.get(&timer).is_none_or(|&set| at < set) {
            self.set(timer, at);
        }
    }

    /// Stops the timer, if it runs.
    pub fn stop(&mut self, timer: K) {
        if let Some(at) = self.by_name.remove(&timer) {
            self.by_time.remove(&(at, timer));
        }
    }

    /// Tells when the earliest timer runs out.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|&(at, _)| at)
    }

    /// Takes out the earliest timer if it is due; those of one moment in the order of their names.
    pub fn pop_due(&mut self, now: Instant) -> Option<K> {
        let &(at, timer) = self.by_time.first()?;
        if at > now {
            return None;
        }
        self.stop(timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(nanos: u64) -> Instant {
        Instant::from_nanos(nanos)
    }

    #[test]
    fn timers_run_out_in_the_order_of_time_then_name() {
        let mut timers = Timers::default();
        timers.set('c', at(1));
        timers.set('b', at(2));
        timers.set('a', at(2));
        assert_eq!(timers.next(), Some(at(1)));
        assert_eq!(timers.pop_due(at(0)), None);
        let due: alloc::vec::Vec<_> = core::iter::from_fn(|| timers.pop_due(at(2))).collect();
        assert_eq!(due, ['c', 'a', 'b']);
    }

    #[test]
    fn a_timer_that_is_set_again_moves() {
        let mut timers = Timers::default();
        timers.set('a', at(1));
        timers.set('a', at(5));
        assert_eq!(timers.next(), Some(at(5)));
        timers.set_earlier('a', at(7));
        assert_eq!(timers.next(), Some(at(5)));
        timers.set_earlier('a', at(3));
        assert_eq!(timers.next(), Some(at(3)));
        timers.stop('a');
        assert_eq!(timers.next(), None);
    }
}
