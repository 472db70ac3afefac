//! Measuring rates and holding to them (spec sections 17, 18 and 24).
//!
//! A [`RateMeter`] remembers the bytes of each of the last twenty seconds: the choker ranks peers
//! by all of them, so that one burst does not decide a round; the pipeline and the display ask for
//! the last few. A [`TokenBucket`] says how many bytes may pass now.

use core::num::NonZeroU64;
use core::time::Duration;

use machine::Instant;

use crate::numbers::BLOCK_LEN;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// The seconds that a [`RateMeter`] remembers: two rounds of the choker (spec section 17).
const ROLLING_SECONDS: u64 = 20;

/// The whole seconds that make up the rate of the moment: long enough to be calm, short enough to
/// follow.
const RECENT_SECONDS: u64 = 4;

/// A rate of the moment is not computed from less time than this: the first block of a peer is not
/// yet a rate.
const SHORTEST_NANOS: u64 = NANOS_PER_SECOND / 4;

/// The time for which a [`TokenBucket`] may save up: several turns of the driver, no burst that a
/// router feels.
const BURST_NANOS: u64 = NANOS_PER_SECOND / 4;

/// A [`TokenBucket`] saves up at least so many bytes, or a low limit would never let a block pass.
const BURST_BYTES_MIN: u64 = 2 * BLOCK_LEN as u64;

/// Counts bytes, and tells at what rate they lately came. Every call is O(1).
#[derive(Debug, Clone)]
pub struct RateMeter {
    /// Bytes of the second `s` at `s % 20`, saturating at 4 GiB.
    seconds: [u32; ROLLING_SECONDS as usize],
    /// The second that was counted last.
    current: u64,
    /// When counting began.
    since: Instant,
    total: u64,
}

impl RateMeter {
    /// Begins to count.
    #[must_use]
    pub const fn new(now: Instant) -> Self {
        let current = now.as_nanos() / NANOS_PER_SECOND;
        Self {
            seconds: [0; ROLLING_SECONDS as usize],
            current,
            since: now,
            total: 0,
        }
    }

    /// Counts `bytes` that passed now.
    pub fn add(&mut self, now: Instant, bytes: u64) {
        self.advance(now);
        self.total = self.total.saturating_add(bytes);
        if let Some(second) = self.seconds.get_mut(slot_of(self.current)) {
            *second = second.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
        }
    }

    /// Tells how many bytes were ever counted.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// Tells the mean rate of the last twenty seconds, in bytes a second: what the choker ranks by.
    ///
    /// A meter younger than that is measured as if nothing had passed before, so that nobody gets
    /// to the top by one block.
    #[must_use]
    pub fn rolling(&self, now: Instant) -> u64 {
        self.last(now, ROLLING_SECONDS) / ROLLING_SECONDS
    }

    /// Tells the rate of the moment, in bytes a second: the mean of the last four whole seconds and
    /// the one begun, or of the meter's life if that is shorter.
    #[must_use]
    pub fn recent(&self, now: Instant) -> u64 {
        let begun = now.as_nanos() % NANOS_PER_SECOND;
        let window = RECENT_SECONDS * NANOS_PER_SECOND + begun;
        let age = u64::try_from(now.since(self.since).as_nanos()).unwrap_or(u64::MAX);
        let nanos = window.min(age).max(SHORTEST_NANOS);
        let bytes = self.last(now, RECENT_SECONDS + 1);
        scale(bytes, NANOS_PER_SECOND, nanos)
    }

    /// The bytes of the last `count` seconds, the one begun included.
    fn last(&self, now: Instant, count: u64) -> u64 {
        let second = now.as_nanos() / NANOS_PER_SECOND;
        let oldest = (second + 1).saturating_sub(count);
        // Seconds after `current` count nothing; what stands in their slots is older than the ring.
        let counted = oldest.max((self.current + 1).saturating_sub(ROLLING_SECONDS))..=self.current;
        counted
            .filter_map(|second| self.seconds.get(slot_of(second)))
            .map(|b| u64::from(*b))
            .sum()
    }

    /// Makes the second of `now` the current one, and those that passed without a byte empty.
    fn advance(&mut self, now: Instant) {
        let second = now.as_nanos() / NANOS_PER_SECOND;
        let passed = second.saturating_sub(self.current).min(ROLLING_SECONDS);
        for back in 0..passed {
            if let Some(slot) = self.seconds.get_mut(slot_of(second - back)) {
                *slot = 0;
            }
        }
        self.current = self.current.max(second);
    }
}

/// Lets a limited number of bytes pass a second, with short bursts.
///
/// It holds one moment only: when the bucket will be full again. What passes moves it on; debts are
/// possible, since bytes that have come cannot be sent back, and are paid before anything else
/// passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenBucket {
    /// Bytes a second; `None` lets everything pass.
    rate: Option<NonZeroU64>,
    full_at: Instant,
}

impl TokenBucket {
    /// Makes a full bucket for `rate` bytes a second; `None` is no limit.
    #[must_use]
    pub const fn new(rate: Option<NonZeroU64>) -> Self {
        Self {
            rate,
            full_at: Instant::ZERO,
        }
    }

    /// Tells the limit in bytes a second.
    #[must_use]
    pub const fn rate(&self) -> Option<NonZeroU64> {
        self.rate
    }

    /// Changes the limit; the bucket is then full.
    pub const fn set_rate(&mut self, rate: Option<NonZeroU64>) {
        *self = Self::new(rate);
    }

    /// Tells how many bytes may pass now; `u64::MAX` without a limit.
    #[must_use]
    pub fn available(&self, now: Instant) -> u64 {
        let Some(rate) = self.rate else {
            return u64::MAX;
        };
        let missing = scale(nanos(self.full_at.since(now)), rate.get(), NANOS_PER_SECOND);
        burst(rate).saturating_sub(missing)
    }

    /// Notes that `bytes` pass now, more than [`Self::available`] too.
    pub fn take(&mut self, now: Instant, bytes: u64) {
        if let Some(rate) = self.rate {
            self.full_at = self.full_at.max(now) + time_for(bytes, rate);
        }
    }

    /// Tells when `bytes` may pass, at the latest when the bucket is full; `now` if they may
    /// already.
    #[must_use]
    pub fn next_refill(&self, now: Instant, bytes: u64) -> Instant {
        let Some(rate) = self.rate else { return now };
        let spare = burst(rate).saturating_sub(bytes);
        // One nanosecond more, since `available` rounds down.
        let early = Duration::from_nanos(nanos(time_for(spare, rate)).saturating_sub(1));
        (self.full_at - early).max(now)
    }
}

fn slot_of(second: u64) -> usize {
    (second % ROLLING_SECONDS) as usize
}

fn burst(rate: NonZeroU64) -> u64 {
    scale(rate.get(), BURST_NANOS, NANOS_PER_SECOND).max(BURST_BYTES_MIN)
}

/// The time in which `bytes` pass, rounded up.
fn time_for(bytes: u64, rate: NonZeroU64) -> Duration {
    let nanos = (u128::from(bytes) * u128::from(NANOS_PER_SECOND)).div_ceil(rate.get().into());
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// `value * times / per`, without overflow on the way.
fn scale(value: u64, times: u64, per: u64) -> u64 {
    let scaled = u128::from(value) * u128::from(times) / u128::from(per.max(1));
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(millis)
    }

    fn bucket(rate: u64) -> TokenBucket {
        TokenBucket::new(NonZeroU64::new(rate))
    }

    #[test]
    fn a_steady_stream_has_its_rate() {
        let mut meter = RateMeter::new(at(500));
        (0..300).for_each(|tenth| meter.add(at(500 + tenth * 100), 1_000));
        assert_eq!(meter.rolling(at(30_499)), 9_750);
        assert_eq!(meter.recent(at(30_499)), 10_002);
        assert_eq!(meter.total(), 300_000);
    }

    #[test]
    fn a_burst_counts_for_twenty_seconds() {
        let mut meter = RateMeter::new(at(0));
        meter.add(at(100), 20_000);
        assert_eq!(meter.recent(at(100)), 80_000);
        assert_eq!(meter.recent(at(1_000)), 20_000);
        assert_eq!(meter.recent(at(5_000)), 0);
        assert_eq!(meter.rolling(at(19_999)), 1_000);
        assert_eq!(meter.rolling(at(20_000)), 0);
        meter.add(at(1_000_000), 200);
        assert_eq!(meter.rolling(at(1_000_000)), 10);
    }

    #[test]
    fn an_unlimited_bucket_lets_everything_pass() {
        let mut bucket = TokenBucket::new(None);
        bucket.take(at(0), u64::MAX);
        assert_eq!(bucket.available(at(0)), u64::MAX);
        assert_eq!(bucket.next_refill(at(7), 1_000_000), at(7));
    }

    #[test]
    fn a_bucket_pays_its_debts_first() {
        let mut bucket = bucket(1_000_000);
        assert_eq!(bucket.available(at(0)), 250_000);
        bucket.take(at(0), 500_000);
        assert_eq!(bucket.available(at(250)), 0);
        assert_eq!(bucket.available(at(260)), 10_000);
        assert_eq!(bucket.available(at(10_000)), 250_000);
        assert_eq!(bucket.rate(), NonZeroU64::new(1_000_000));
    }

    #[test]
    fn a_low_limit_still_lets_a_block_pass() {
        let mut bucket = bucket(1_024);
        assert_eq!(bucket.available(at(0)), 32_768);
        bucket.take(at(0), 32_768);
        assert_eq!(
            bucket.next_refill(at(0), u64::from(BLOCK_LEN)),
            at(16_000) + NANO
        );
        bucket.set_rate(None);
        assert_eq!(bucket.available(at(0)), u64::MAX);
    }

    const NANO: Duration = Duration::from_nanos(1);

    proptest! {
        #[test]
        fn the_meter_is_a_sum_over_whole_seconds(
            steps in proptest::collection::vec((0u64..6_000, 0u64..100_000), 1..60),
        ) {
            let mut meter = RateMeter::new(at(0));
            let mut log: Vec<(u64, u64)> = Vec::new();
            let mut now = 0;
            for (wait, bytes) in steps {
                now += wait;
                log.push((now / 1_000, bytes));
                meter.add(at(now), bytes);
                let late = now + wait;
                let begun = (late / 1_000 + 1).saturating_sub(20);
                let sum: u64 = log.iter().filter(|(s, _)| *s >= begun).map(|(_, b)| b).sum();
                prop_assert_eq!(meter.rolling(at(late)), sum / 20);
            }
        }

        #[test]
        fn no_more_passes_than_the_limit_and_a_burst(
            rate in 1u64..10_000_000_000,
            waits in proptest::collection::vec(0u64..2_000, 1..50),
        ) {
            let mut bucket = bucket(rate);
            let (mut now, mut passed) = (0, 0u128);
            for wait in waits {
                now += wait;
                let some = bucket.available(at(now));
                bucket.take(at(now), some);
                passed += u128::from(some);
            }
            let allowed = u128::from(rate) * u128::from(now) / 1_000;
            let burst = u128::from((rate / 4).max(32_768));
            prop_assert!(passed <= allowed + burst + 1, "{passed} > {allowed} + {burst}");
        }

        #[test]
        fn a_refill_comes_when_it_was_promised(
            rate in 1u64..10_000_000_000,
            debt in 0u64..10_000_000,
            want in 0u64..32_768,
        ) {
            let mut bucket = bucket(rate);
            bucket.take(at(1_000), debt);
            let then = bucket.next_refill(at(1_000), want);
            prop_assert!(bucket.available(then + NANO) >= want);
            if then > at(1_000) + NANO {
                // A block early is certainly too early.
                prop_assert!(bucket.available(at(1_000)) < want + 1);
            }
        }
    }
}
