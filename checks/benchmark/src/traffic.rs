//! When the payload came, as the network saw it.
//!
//! All that peers and trackers say to each other beside the payload (announces, greetings, who has
//! what) is small and comes at its own times. So the first byte of payload is where more has passed
//! than greetings have, and the last one where such a lot has passed for the last time.

use std::time::{Duration, Instant};

/// What counts as payload: two blocks of 16 KiB (BEP 3). Greetings are some KiB; at 1 GiB/s it takes
/// 30 microseconds.
const LOT_BYTES: u64 = 32 << 10;

/// Watches the bytes that pass.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Traffic {
    start: Instant,
    /// What had passed when the last whole lot was seen.
    mark: u64,
    first: Option<Instant>,
    last: Option<Instant>,
}

impl Traffic {
    /// Begins, when `passed` bytes have passed already.
    pub(crate) const fn new(start: Instant, passed: u64) -> Self {
        Self {
            start,
            mark: passed,
            first: None,
            last: None,
        }
    }

    /// Takes note that `passed` bytes have passed until `now`.
    pub(crate) fn look(&mut self, now: Instant, passed: u64) {
        if passed.saturating_sub(self.mark) >= LOT_BYTES {
            self.mark = passed;
            self.first.get_or_insert(now);
            self.last = Some(now);
        }
    }

    /// Gives how long no payload has passed.
    pub(crate) fn silence(self, now: Instant) -> Duration {
        now - self.last.unwrap_or(self.start)
    }

    /// Gives the time from the start to the first byte.
    pub(crate) fn to_first(self) -> Option<Duration> {
        self.first.map(|first| first - self.start)
    }

    /// Gives the time from the first to the last byte.
    pub(crate) fn first_to_last(self) -> Option<Duration> {
        self.first.zip(self.last).map(|(first, last)| last - first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_talk_is_no_payload() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut traffic = Traffic::new(start, 1_000_000);
        traffic.look(at(10), 1_003_000);
        assert_eq!(traffic.to_first(), None);
        traffic.look(at(20), 1_500_000);
        traffic.look(at(30), 2_000_000);
        traffic.look(at(900), 2_003_000);
        assert_eq!(traffic.to_first(), Some(Duration::from_millis(20)));
        assert_eq!(traffic.first_to_last(), Some(Duration::from_millis(10)));
        assert_eq!(traffic.silence(at(1030)), Duration::from_secs(1));
    }
}
