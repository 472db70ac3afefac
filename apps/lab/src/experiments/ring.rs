//! Points thrown on the ring at random: who owns how much of it.

use keyspace::Id;
use machine::{Rng, Seed};
use sha1::{Digest as _, Sha1};

/// What a point is made for: keeps nodes and keys apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Node = 1,
    Key,
}

/// The point at which the so-many-th node or key of a run lies: a digest, as on the live ring.
pub(crate) fn point(seed: Seed, purpose: Purpose, number: u64) -> Id {
    let mut digest = Sha1::new();
    digest.update(seed.0.to_be_bytes());
    digest.update([purpose as u8]);
    digest.update(number.to_be_bytes());
    Id::from_bytes(digest.finalize().into())
}

/// Points of a ring in order, each with who owns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owners {
    points: Vec<(Id, u32)>,
}

impl Owners {
    /// So many owners with so many points each, drawn from the generator.
    pub(crate) fn drawn(owners: usize, points_each: usize, rng: &mut Rng) -> Self {
        let points = (0..owners * points_each).map(|number| {
            let owner = (number / points_each) as u32;
            (drawn(rng), owner)
        });
        Self::of(points.collect())
    }

    /// These points.
    pub(crate) fn of(mut points: Vec<(Id, u32)>) -> Self {
        points.sort_unstable();
        Self { points }
    }

    /// The points in order.
    pub(crate) fn points(&self) -> &[(Id, u32)] {
        &self.points
    }

    /// The position of the point that owns a key: the first at or after it.
    pub(crate) fn position(&self, key: Id) -> usize {
        let at = self.points.partition_point(|(point, _)| *point < key);
        if at == self.points.len() { 0 } else { at }
    }

    /// Who owns a key.
    pub(crate) fn owner(&self, key: Id) -> u32 {
        self.points[self.position(key)].1
    }

    /// Which share of the ring each of so many owners has.
    pub(crate) fn shares(&self, owners: usize) -> Vec<f64> {
        let mut shares = vec![0.0; owners];
        let Some(&(last, _)) = self.points.last() else {
            return shares;
        };
        let mut before = last;
        for &(point, owner) in &self.points {
            shares[owner as usize] += fraction(before.distance_to(point));
            before = point;
        }
        if self.points.len() == 1 {
            shares[self.points[0].1 as usize] = 1.0;
        }
        shares
    }
}

/// A point anywhere. Its upper 64 bits are drawn: enough to tell a million apart.
pub(crate) fn drawn(rng: &mut Rng) -> Id {
    let mut bytes = [0; Id::LEN];
    bytes[..8].copy_from_slice(&rng.next_u64().to_be_bytes());
    Id::from_bytes(bytes)
}

/// A distance as a share of the ring.
pub(crate) fn fraction(distance: Id) -> f64 {
    // 2^64 as a float.
    distance.prefix() as f64 / 18_446_744_073_709_551_616.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_of_all_owners_are_the_ring() {
        let mut rng = Rng::new(Seed(1), 0, 0);
        let owners = Owners::drawn(10, 3, &mut rng);
        let shares = owners.shares(10);
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        // Keys fall to owners by their shares: binomial, six standard deviations.
        let mut loads = [0u32; 10];
        for number in 0..10_000 {
            loads[owners.owner(point(Seed(1), Purpose::Key, number)) as usize] += 1;
        }
        for (load, share) in loads.iter().zip(&shares) {
            let deviation = (10_000.0 * share * (1.0 - share)).sqrt();
            assert!((f64::from(*load) - 10_000.0 * share).abs() <= 6.0 * deviation);
        }
    }

    #[test]
    fn one_point_owns_all() {
        let owners = Owners::of(vec![(Id::power_of_two(3), 0)]);
        assert_eq!(owners.shares(1), [1.0]);
        assert_eq!(owners.owner(Id::MAX), 0);
    }
}
