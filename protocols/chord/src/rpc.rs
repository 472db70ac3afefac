//! Questions under way, and how long to wait for their answers.

use core::time::Duration;

use machine::{Endpoint, Instant, Io};

use crate::api::{Config, Patience, Period};
use crate::contacts::Contact;
use crate::node::Node;
use crate::wire::{Body, Error, Message, Transaction};

/// How long the first answer may take (spec section 8).
const RTO_FIRST: Duration = Duration::from_secs(1);
/// Between these lies every later time-out.
const RTO_MIN: Duration = Duration::from_millis(200);
const RTO_MAX: Duration = Duration::from_secs(3);

/// A question that waits for its answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rpc {
    pub(crate) transaction: Transaction,
    pub(crate) deadline: Instant,
    sent: Instant,
    pub(crate) to: Contact,
    /// How many times it was sent.
    pub(crate) attempts: u8,
}

/// How long answers have taken, all nodes together. A time-out for each node would be tighter, and
/// would cost every table entry as much memory as the entry itself; a wide spread of distances
/// only makes us more patient.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RoundTrips {
    /// In microseconds; 0 before the first.
    smoothed: u32,
    deviation: u32,
}

impl Rpc {
    /// Sends a question of the member with this number on its host.
    #[inline]
    pub(crate) fn ask(
        to: Contact,
        body: Body,
        asker: u8,
        trips: RoundTrips,
        io: &mut Io<'_, Node>,
    ) -> Self {
        let drawn = io.rng().next_u64();
        let transaction = Transaction(drawn & !0xff | u64::from(asker));
        send(transaction, to, body, io);
        Self {
            transaction,
            deadline: io.now() + trips.patience(&io.shared().config),
            sent: io.now(),
            to,
            attempts: 1,
        }
    }

    /// Notes a question that is sent otherwise, with a time-out of its own.
    pub(crate) fn noted(to: Contact, asker: u8, patience: Duration, io: &mut Io<'_, Node>) -> Self {
        let drawn = io.rng().next_u64();
        Self {
            transaction: Transaction(drawn & !0xff | u64::from(asker)),
            deadline: io.now() + patience,
            sent: io.now(),
            to,
            attempts: 1,
        }
    }

    /// Sends it once more.
    pub(crate) fn repeat(&mut self, body: Body, trips: RoundTrips, io: &mut Io<'_, Node>) {
        send(self.transaction, self.to, body, io);
        self.deadline = io.now() + trips.patience(&io.shared().config);
        self.attempts += 1;
    }

    /// How long the answer took that came now; unknown if the question was repeated, for it may
    /// answer either (Karn's rule).
    pub(crate) fn took(&self, now: Instant) -> Option<Duration> {
        (self.attempts == 1).then(|| now.since(self.sent))
    }
}

/// Sends a message to a contact.
#[inline]
pub(crate) fn send(transaction: Transaction, to: Contact, body: Body, io: &mut Io<'_, Node>) {
    let reference = io.shared().contacts.reference(to);
    let (endpoint, prefix) = (reference.endpoint, reference.id.prefix());
    let message = Message {
        transaction,
        to: prefix,
        body,
    };
    io.send_to(endpoint, message);
}

/// Answers a question.
#[inline]
pub(crate) fn answer(to: Endpoint, question: &Message, body: Body, io: &mut Io<'_, Node>) {
    let message = Message {
        transaction: question.transaction,
        to: question.to,
        body,
    };
    io.send_to(to, message);
}

/// Refuses to answer a question.
pub(crate) fn refuse(to: Endpoint, question: &Message, why: Error, io: &mut Io<'_, Node>) {
    answer(to, question, Body::Refused(why), io);
}

impl RoundTrips {
    /// Learns from an answer (RFC 6298, section 2).
    #[inline]
    pub(crate) fn learn(&mut self, took: Option<Duration>) {
        let Some(took) = took else {
            return;
        };
        let took = u32::try_from(took.as_micros()).unwrap_or(u32::MAX).max(1);
        if self.smoothed == 0 {
            (self.smoothed, self.deviation) = (took, took / 2);
            return;
        }
        let off = took.abs_diff(self.smoothed);
        self.deviation = self.deviation - self.deviation / 4 + off / 4;
        self.smoothed = self.smoothed - self.smoothed / 8 + took / 8;
    }

    /// How long to wait.
    pub(crate) fn patience(self, config: &Config) -> Duration {
        match config.patience {
            Patience::Fixed(patience) => patience,
            Patience::Measured if self.smoothed == 0 => RTO_FIRST,
            Patience::Measured => {
                let micros = u64::from(self.smoothed) + 4 * u64::from(self.deviation);
                Duration::from_micros(micros).clamp(RTO_MIN, RTO_MAX)
            }
        }
    }
}

impl Period {
    /// Draws the moment at which a period that begins now is over.
    pub(crate) fn draw(self, io: &mut Io<'_, Node>) -> Instant {
        let spread = self.max.saturating_sub(self.min).as_nanos();
        let spread = u64::try_from(spread).unwrap_or(u64::MAX - 1);
        io.now() + self.min + Duration::from_nanos(io.rng().below(spread + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_follows_what_answers_took() {
        let config = Config::new();
        let mut trips = RoundTrips::default();
        assert_eq!(trips.patience(&config), RTO_FIRST);
        trips.learn(Some(Duration::from_millis(100)));
        assert_eq!(trips.patience(&config), Duration::from_millis(300));
        for _ in 0..100 {
            trips.learn(Some(Duration::from_millis(100)));
        }
        assert_eq!(trips.patience(&config), RTO_MIN);
        trips.learn(Some(Duration::from_secs(60)));
        assert_eq!(trips.patience(&config), RTO_MAX);
        trips.learn(None);
    }
}
