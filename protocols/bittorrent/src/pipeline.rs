//! The request pipeline of one peer: how many blocks it may owe us, and what to do when it does not
//! pay (spec section 18).
//!
//! A peer that waits for our next request sends nothing, so it must owe us at least bandwidth x
//! delay. The pipeline starts shallow and grows by a block for each that comes, that is twofold
//! each round trip, until blocks wait longer at the peer than needed or the rate stands still; from
//! then on it follows the rate. It is refilled when half empty: one write of many requests, not
//! many writes of one.
//!
//! Deeper is not better. What one peer owes cannot be asked of another; and where all fetch from
//! one seed, what is on its way to several of us at once is what nobody could yet pass on.

use alloc::collections::VecDeque;
use core::time::Duration;

use machine::Instant;

use crate::numbers::{BLOCK_LEN, Block};

/// What a peer owes us at first (spec section 18).
const DEPTH_FIRST: u32 = 5;

/// What a peer owes us at least: one on the way, one being answered.
const DEPTH_MIN: u32 = 2;

/// What a peer owes us at most, whatever its `reqq` (spec section 18): 8 MiB.
const DEPTH_MAX: u32 = 500;

/// The `reqq` of a peer that does not tell (spec section 8).
pub const REQUESTS_DEFAULT: u32 = 250;

/// The delay that the depth covers at least: it includes the waiting at the peer, which may serve
/// many (spec section 18).
const DELAY_MIN: Duration = Duration::from_secs(3);

/// The waiting at the peer that the depth allows for beyond the round trip (spec section 18).
const DELAY_SLACK: Duration = Duration::from_secs(1);

/// The same where no more is to be owed than keeps the peer sending: what a system is late by.
const DELAY_SLACK_SHALLOW: Duration = Duration::from_millis(250);

/// Slow start ends when the rate has not grown for so long (spec section 18).
const SLOW_START_PATIENCE: Duration = Duration::from_secs(5);

/// A peer that sent nothing for this long may still be on time (spec section 18).
const TIMEOUT_MIN: Duration = Duration::from_secs(7);

/// A peer that sent nothing for this long is overdue, however slow it is (spec section 18).
const TIMEOUT_MAX: Duration = Duration::from_secs(20);

/// A peer that sent nothing for this long snubs us; after twice as long there is no hope (spec
/// section 18).
const SNUB: Duration = Duration::from_secs(60);

/// What a peer owes us, and how much more it may.
#[derive(Debug)]
pub struct Pipeline {
    owed: VecDeque<Owed>,
    depth: u32,
    depth_max: u32,
    growth: Growth,
    /// The shortest time from a request to its block; contains no waiting, or little.
    round_trip: Option<Duration>,
    gaps: Gaps,
    /// When the last block came, or when the peer began to owe us something.
    heard_at: Instant,
    patience: Patience,
    /// What was asked for until then is overdue, and others are asked for it.
    overdue_at: Option<Instant>,
}

/// What became of a block that came, as far as the pipeline is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// We asked for it.
    Asked,
    /// We did not, or not any more.
    Unasked,
}

/// What [`Pipeline::check`] finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing to do.
    Fine,
    /// The peer is silent for too long: let others be asked for what it owes ([`Pipeline::owed`]).
    /// What it sends after all is still welcome.
    Overdue,
    /// It is silent for a minute: the choker should know.
    Snubbing,
    /// It is silent for two minutes: disconnect it, if others have its pieces.
    Hopeless,
}

#[derive(Debug, Clone, Copy)]
struct Owed {
    block: Block,
    asked_at: Instant,
}

/// How the depth changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Growth {
    /// By one for each block.
    SlowStart { best_rate: u64, grew_at: Instant },
    /// With the rate.
    Following,
}

/// How long the peer is silent, in steps, so that each is told once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Patience {
    Full,
    Overdue,
    Snubbed,
    Lost,
}

/// The time between two blocks: its mean and mean deviation, smoothed as TCP does for round trips
/// (RFC 6298).
#[derive(Debug, Clone, Copy)]
struct Gaps {
    mean: Duration,
    deviation: Duration,
}

impl Pipeline {
    /// Begins with nothing owed.
    #[must_use]
    pub const fn new(now: Instant) -> Self {
        Self {
            owed: VecDeque::new(),
            depth: DEPTH_FIRST,
            depth_max: REQUESTS_DEFAULT,
            growth: Growth::SlowStart {
                best_rate: 0,
                grew_at: now,
            },
            round_trip: None,
            gaps: Gaps {
                mean: Duration::ZERO,
                deviation: Duration::ZERO,
            },
            heard_at: now,
            patience: Patience::Full,
            overdue_at: None,
        }
    }

    /// Heeds how many requests the peer is willing to queue (`reqq` of its extended handshake).
    pub fn set_request_queue(&mut self, reqq: u32) {
        self.depth_max = reqq.clamp(1, DEPTH_MAX);
        self.depth = self.depth.min(self.depth_max);
    }

    /// Tells how many blocks the peer should owe us.
    #[must_use]
    pub const fn depth(&self) -> u32 {
        self.depth
    }

    /// Lists what the peer owes us, the oldest first.
    pub fn owed(&self) -> impl Iterator<Item = Block> {
        self.owed.iter().map(|owed| owed.block)
    }

    /// Counts what the peer owes us.
    #[must_use]
    pub fn owed_count(&self) -> usize {
        self.owed.len()
    }

    /// Tells whether the peer is known to send nothing though it owes us something.
    #[must_use]
    pub fn is_snubbing(&self) -> bool {
        self.patience >= Patience::Snubbed
    }

    /// Tells how many blocks to ask for now, if the caller has room for `depth_max` of this peer at
    /// most: none while it owes us more than half or anything overdue, else all that is missing.
    #[must_use]
    pub fn room(&self, depth_max: u32) -> usize {
        let depth = self.depth.min(depth_max) as usize;
        if self.owed.len() > depth / 2 || self.owes_overdue() {
            return 0;
        }
        depth - self.owed.len()
    }

    /// Tells how many blocks to ask for now if it is better to ask others: as much as keeps the peer
    /// sending.
    #[must_use]
    pub fn room_shallow(&self) -> usize {
        let delay = self.round_trip.unwrap_or_default() + DELAY_SLACK_SHALLOW;
        let part = delay.as_millis().min(self.delay().as_millis());
        let depth = u128::from(self.depth) * part / self.delay().as_millis();
        let depth = usize::try_from(depth)
            .unwrap_or(usize::MAX)
            .max(DEPTH_MIN as usize);
        depth.saturating_sub(self.owed.len())
    }

    /// Notes that the peer unchoked us: whatever was before, its time to answer begins now.
    pub const fn unchoked(&mut self, now: Instant) {
        self.heard_at = now;
        self.patience = Patience::Full;
    }

    /// Notes that these blocks are asked for now.
    pub fn asked(&mut self, now: Instant, blocks: &[Block]) {
        if self.owed.is_empty() && self.patience == Patience::Full {
            self.heard_at = now;
        }
        self.owed.extend(blocks.iter().map(|block| Owed {
            block: *block,
            asked_at: now,
        }));
    }

    /// Notes that a block came, when the peer's rate of the moment is `rate` bytes a second.
    pub fn received(&mut self, now: Instant, block: Block, rate: u64) -> Delivery {
        let Some(owed) = self.take(block) else {
            return Delivery::Unasked;
        };
        let waited = now.since(owed.asked_at);
        if !self.was_overdue(owed) {
            self.round_trip = Some(self.round_trip.map_or(waited, |least| least.min(waited)));
        }
        self.gaps.note(now.since(self.heard_at));
        self.heard_at = now;
        self.patience = Patience::Full;
        self.adjust(now, waited, rate);
        Delivery::Asked
    }

    /// Notes that the peer does not owe us `block` any more: it rejected it, or we cancelled it.
    /// Tells whether it owed it.
    pub fn forget(&mut self, block: Block) -> bool {
        self.take(block).is_some()
    }

    /// Notes that the peer owes us nothing any more, as when it chokes us without the Fast
    /// extension.
    pub fn forget_all(&mut self) {
        self.owed.clear();
    }

    /// Looks whether the peer is late: to be called about every second, or at [`Self::next_check`].
    pub fn check(&mut self, now: Instant) -> Verdict {
        if self.next_check().is_none_or(|due| now < due) {
            return Verdict::Fine;
        }
        let silent = now.since(self.heard_at);
        self.growth = Growth::Following;
        self.depth = 1;
        let (patience, verdict) = if silent >= 2 * SNUB {
            (Patience::Lost, Verdict::Hopeless)
        } else if silent >= SNUB {
            (Patience::Snubbed, Verdict::Snubbing)
        } else {
            (Patience::Overdue, Verdict::Overdue)
        };
        self.overdue_at = Some(now);
        self.patience = patience;
        verdict
    }

    /// Tells when [`Self::check`] may find something, if nothing comes before.
    #[must_use]
    pub fn next_check(&self) -> Option<Instant> {
        if self.owed.is_empty() {
            return None;
        }
        match self.patience {
            Patience::Full => Some(self.heard_at + self.gaps.timeout()),
            Patience::Overdue => Some(self.heard_at + SNUB),
            Patience::Snubbed => Some(self.heard_at + 2 * SNUB),
            Patience::Lost => None,
        }
    }

    fn owes_overdue(&self) -> bool {
        self.owed
            .front()
            .is_some_and(|oldest| self.was_overdue(*oldest))
    }

    fn was_overdue(&self, owed: Owed) -> bool {
        self.overdue_at.is_some_and(|then| owed.asked_at <= then)
    }

    /// Peers answer in order, so what comes is mostly what was asked for first.
    fn take(&mut self, block: Block) -> Option<Owed> {
        let position = self.owed.iter().position(|owed| owed.block == block)?;
        self.owed.remove(position)
    }

    fn adjust(&mut self, now: Instant, waited: Duration, rate: u64) {
        let delay = self.delay();
        if let Growth::SlowStart { best_rate, grew_at } = self.growth {
            if rate > best_rate {
                self.growth = Growth::SlowStart {
                    best_rate: rate,
                    grew_at: now,
                };
            }
            let stands_still = rate <= best_rate && now.since(grew_at) >= SLOW_START_PATIENCE;
            if waited < delay && !stands_still {
                self.depth = (self.depth + 1).min(self.depth_max);
                return;
            }
            self.growth = Growth::Following;
        }
        self.depth = depth_for(rate, delay).clamp(DEPTH_MIN.min(self.depth_max), self.depth_max);
    }

    fn delay(&self) -> Duration {
        let round_trip = self.round_trip.unwrap_or_default();
        DELAY_MIN.max(round_trip.saturating_add(DELAY_SLACK))
    }
}

impl Gaps {
    fn note(&mut self, gap: Duration) {
        let difference = self.mean.abs_diff(gap);
        self.deviation = self.deviation * 3 / 4 + difference / 4;
        self.mean = self.mean * 7 / 8 + gap / 8;
    }

    fn timeout(&self) -> Duration {
        (self.mean + self.deviation * 4).clamp(TIMEOUT_MIN, TIMEOUT_MAX)
    }
}

/// How many blocks pass at `rate` bytes a second within `delay`.
fn depth_for(rate: u64, delay: Duration) -> u32 {
    let bytes = u128::from(rate) * delay.as_millis() / 1_000;
    u32::try_from(bytes.div_ceil(u128::from(BLOCK_LEN))).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::numbers::PieceIndex;

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(millis)
    }

    fn block(number: u32) -> Block {
        Block {
            piece: PieceIndex(number / 16),
            begin: number % 16 * BLOCK_LEN,
            len: BLOCK_LEN,
        }
    }

    /// Asks for all there is room for; tells the blocks.
    fn fill(pipeline: &mut Pipeline, now: Instant, next: &mut u32) -> Vec<Block> {
        let count = u32::try_from(pipeline.room(u32::MAX)).expect("at most 500");
        let blocks: Vec<_> = (*next..*next + count).map(block).collect();
        *next += count;
        pipeline.asked(now, &blocks);
        blocks
    }

    #[test]
    fn the_depth_is_bandwidth_times_delay() {
        assert_eq!(depth_for(2_000_000, DELAY_MIN), 367);
        assert_eq!(depth_for(100_000, DELAY_MIN), 19);
        assert_eq!(depth_for(5_000, DELAY_MIN).max(DEPTH_MIN), 2);
        assert_eq!(depth_for(u64::MAX, DELAY_MIN), u32::MAX);
    }

    #[test]
    fn the_depth_doubles_each_round_trip_at_first() {
        let (mut pipeline, mut next) = (Pipeline::new(at(0)), 0);
        pipeline.set_request_queue(2_000);
        let mut depths = Vec::new();
        for trip in 0..6 {
            let now = at(trip * 100);
            let owed: Vec<_> = pipeline.owed().collect();
            for block in owed {
                assert_eq!(pipeline.received(now, block, trip * 1_000), Delivery::Asked);
            }
            fill(&mut pipeline, now, &mut next);
            depths.push(pipeline.owed_count());
        }
        assert_eq!(depths, [5, 10, 20, 40, 80, 160]);
        assert_eq!(pipeline.depth(), 160);
    }

    #[test]
    fn slow_start_ends_when_blocks_wait_or_the_rate_stands_still() {
        let mut waiting = Pipeline::new(at(0));
        waiting.asked(at(0), &[block(0), block(1)]);
        waiting.received(at(100), block(0), 100_000);
        assert_eq!(waiting.depth(), 6);
        waiting.received(at(3_100), block(1), 100_000);
        assert_eq!(waiting.depth(), 19);

        let mut still = Pipeline::new(at(0));
        (0..100).for_each(|number| {
            let now = at(u64::from(number) * 100);
            still.asked(now, &[block(number)]);
            still.received(now, block(number), 100_000);
        });
        assert_eq!(still.depth(), 19);
    }

    #[test]
    fn it_is_refilled_when_half_empty() {
        let (mut pipeline, mut next) = (Pipeline::new(at(0)), 0);
        let blocks = fill(&mut pipeline, at(0), &mut next);
        assert_eq!((blocks.len(), pipeline.room(u32::MAX)), (5, 0));
        pipeline.received(at(1), block(0), 0);
        assert_eq!(
            (
                pipeline.depth(),
                pipeline.owed_count(),
                pipeline.room(u32::MAX)
            ),
            (6, 4, 0)
        );
        pipeline.received(at(1), block(1), 0);
        assert_eq!((pipeline.owed_count(), pipeline.room(u32::MAX)), (3, 4));
        // A caller short of memory caps it.
        assert_eq!(
            (pipeline.room(6), pipeline.room(5), pipeline.room(0)),
            (3, 0, 0)
        );
    }

    #[test]
    fn where_others_are_asked_too_little_more_than_a_round_trip_is_owed() {
        let mut pipeline = Pipeline::new(at(0));
        assert_eq!(pipeline.room_shallow(), 2);
        pipeline.asked(at(0), &[block(0), block(1), block(2)]);
        pipeline.received(at(50), block(0), 2_000_000);
        pipeline.received(at(3_100), block(1), 1_000_000);
        // 1 MB/s for 300 ms are 19 blocks; for 3 s, 184.
        assert_eq!((pipeline.depth(), pipeline.room_shallow()), (184, 17));
        let more: Vec<_> = (3..99).map(block).collect();
        pipeline.asked(at(3_100), &more);
        assert_eq!(pipeline.room_shallow(), 0);
    }

    #[test]
    fn a_block_is_delivered_once() {
        let mut pipeline = Pipeline::new(at(0));
        pipeline.asked(at(0), &[block(0), block(1), block(2)]);
        assert_eq!(pipeline.received(at(1), block(3), 0), Delivery::Unasked);
        assert_eq!(pipeline.received(at(1), block(1), 0), Delivery::Asked);
        assert_eq!(pipeline.received(at(1), block(1), 0), Delivery::Unasked);
        assert!(pipeline.forget(block(0)));
        assert!(!pipeline.forget(block(0)));
        pipeline.forget_all();
        assert_eq!(pipeline.owed_count(), 0);
        assert_eq!(pipeline.next_check(), None);
    }

    #[test]
    fn a_silent_peer_is_overdue_then_snubs_us_then_is_hopeless() {
        let (mut pipeline, mut next) = (Pipeline::new(at(0)), 0);
        fill(&mut pipeline, at(1_000), &mut next);
        let verdicts: Vec<_> = (0..200)
            .map(|second| (second, pipeline.check(at(second * 1_000))))
            .filter(|(_, verdict)| *verdict != Verdict::Fine)
            .collect();
        assert_eq!(
            verdicts,
            [
                (8, Verdict::Overdue),
                (61, Verdict::Snubbing),
                (121, Verdict::Hopeless)
            ]
        );
        assert!(pipeline.is_snubbing());
        assert_eq!((pipeline.depth(), pipeline.room(u32::MAX)), (1, 0));
        // It comes back: what it owes is welcome, and new requests follow when that is paid.
        pipeline.received(at(200_000), block(0), 5_000);
        assert!(!pipeline.is_snubbing());
        assert_eq!(pipeline.room(u32::MAX), 0);
        (1..5).for_each(|number| assert!(pipeline.forget(block(number))));
        assert_eq!(pipeline.room(u32::MAX), 2);
    }

    #[test]
    fn a_slow_peer_is_given_more_time() {
        let mut pipeline = Pipeline::new(at(0));
        (0..40u32).for_each(|number| {
            pipeline.asked(
                at(u64::from(number) * 9_000),
                &[block(number), block(number + 1)],
            );
            pipeline.received(at(u64::from(number) * 9_000 + 9_000), block(number), 1_800);
            pipeline.forget(block(number + 1));
        });
        pipeline.asked(at(360_000), &[block(99)]);
        let due = pipeline.next_check().expect("a block is owed");
        assert!(due > at(369_000) && due <= at(380_000), "{due:?}");
    }

    proptest! {
        #[test]
        fn the_depth_stays_within_its_bounds(
            reqq in 0u32..3_000,
            steps in proptest::collection::vec((0u64..30_000, 0u64..100_000_000, 0u32..8), 1..100),
        ) {
            let (mut pipeline, mut next, mut now) = (Pipeline::new(at(0)), 0, 0);
            pipeline.set_request_queue(reqq);
            let most = reqq.clamp(1, DEPTH_MAX);
            for (wait, rate, answers) in steps {
                fill(&mut pipeline, at(now), &mut next);
                now += wait;
                let owed: Vec<_> = pipeline.owed().take(answers as usize).collect();
                for block in owed {
                    prop_assert_eq!(pipeline.received(at(now), block, rate), Delivery::Asked);
                }
                pipeline.check(at(now));
                prop_assert!((1..=most).contains(&pipeline.depth()));
                prop_assert!(pipeline.owed_count() <= most as usize);
                prop_assert!(pipeline.next_check().is_none_or(|due| due > at(now)));
            }
        }
    }
}
