//! Connection ids without a memory (BEP 15; spec section 6).
//!
//! An id is a keyed hash of the asker's address and the minute: the tracker can tell its own ids
//! without keeping one, and nobody can make one up for an address where he does not receive.

use crate::tracker::udp::ConnectionId;
use core::hash::{Hash as _, Hasher as _};
use core::time::Duration;
use machine::{Endpoint, Instant, Rng};
use siphasher::sip::SipHasher24;

/// How long one epoch of ids lasts.
const EPOCH: Duration = Duration::from_secs(60);

/// The epochs before the present one whose ids are still taken: so an id is good for two minutes
/// at least (BEP 15), and for three at most.
const EPOCHS_TAKEN: u64 = 2;

/// Makes and recognizes connection ids.
#[derive(Debug, Clone, Copy)]
pub(super) struct ConnectionIds {
    secret: (u64, u64),
}

impl ConnectionIds {
    /// Draws the secret.
    pub(super) fn draw(rng: &mut Rng) -> Self {
        Self {
            secret: (rng.next_u64(), rng.next_u64()),
        }
    }

    /// Makes the id of an asker.
    pub(super) fn issue(&self, asker: Endpoint, now: Instant) -> ConnectionId {
        self.of_epoch(asker, epoch(now))
    }

    /// Tells whether an id was made for this asker not long ago.
    pub(super) fn accepts(&self, id: ConnectionId, asker: Endpoint, now: Instant) -> bool {
        let present = epoch(now);
        let oldest = present.saturating_sub(EPOCHS_TAKEN);
        (oldest..=present).any(|epoch| self.of_epoch(asker, epoch) == id)
    }

    fn of_epoch(&self, asker: Endpoint, epoch: u64) -> ConnectionId {
        let mut hasher = SipHasher24::new_with_keys(self.secret.0, self.secret.1);
        hasher.write_u64(epoch);
        asker.hash(&mut hasher);
        ConnectionId::new(hasher.finish())
    }
}

const fn epoch(now: Instant) -> u64 {
    now.since(Instant::ZERO).as_secs() / EPOCH.as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use machine::Seed;

    #[test]
    fn an_id_is_good_for_two_minutes_and_one_address() {
        let ids = ConnectionIds::draw(&mut Rng::new(Seed(1), 0, 0));
        let asker: Endpoint = "192.0.2.1:6881".parse().expect("an endpoint");
        let after = |seconds| Instant::ZERO + Duration::from_secs(seconds);
        let id = ids.issue(asker, after(59));
        assert!(ids.accepts(id, asker, after(59)));
        assert!(ids.accepts(id, asker, after(179)));
        assert!(!ids.accepts(id, asker, after(180)));
        assert!(!ids.accepts(id, asker.with_port(6882), after(59)));
        assert!(!ids.accepts(ConnectionId(id.0 ^ 1), asker, after(59)));
    }
}
