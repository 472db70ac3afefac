//! What one member keeps: keys, versions, values.

use alloc::collections::BTreeMap;
use core::hash::Hasher;
use core::ops::Bound;

use bytes::Bytes;
use keyspace::Id;
use siphasher::sip::SipHasher13;

/// How many bytes of values a member keeps at most: a stranger can fill no more.
pub const STORE_MAX: usize = 256 * 1024 * 1024;
/// How many keys, those of deleted values included.
pub const KEYS_MAX: usize = 1 << 20;

/// Which of two values is newer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Version {
    /// Counts the writes.
    pub counter: u64,
    /// Decides between two writers of the same count.
    pub writer: u64,
}

/// A value with all that belongs to it; none if it was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The key.
    pub key: Id,
    /// How new it is.
    pub version: Version,
    /// The value.
    pub value: Option<Bytes>,
}

/// What came of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is kept.
    Kept,
    /// Something newer was there.
    Older,
    /// Not here: the key is none of ours, or there is no room.
    NotHere,
}

/// A stretch of the ring, (from, to]; all of it, if they are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arc {
    /// Where it begins; not part of it.
    pub from: Id,
    /// Its last point.
    pub to: Id,
}

/// How many parts an arc is cut into, to find where two replicas differ: 16 digests of 8 bytes.
pub const PARTS: usize = 16;
/// How many keys of an arc are listed in one message; more are compared by digests.
pub const LISTED_MAX: usize = 24;

/// The records of one member.
#[derive(Debug, Default)]
pub struct Records {
    by_key: BTreeMap<Id, (Version, Option<Bytes>)>,
    bytes: usize,
}

impl Arc {
    /// Whether a key lies on it.
    #[must_use]
    pub const fn contains(&self, key: Id) -> bool {
        key.is_between_or_last(self.from, self.to)
    }

    /// Cuts it into 16 of equal length, the last a little longer; of an arc shorter than that, the
    /// first ones are empty.
    #[must_use]
    pub fn parts(&self) -> [Option<Self>; PARTS] {
        let length = self.from.distance_to(self.to);
        // The whole ring has length 2^160, whose sixteenth is 2^156.
        let part = if length.is_zero() {
            Id::power_of_two(Id::BITS - 4)
        } else {
            length.half().half().half().half()
        };
        let mut from = self.from;
        core::array::from_fn(|index| {
            let to = if index + 1 == PARTS {
                self.to
            } else {
                from.plus(part)
            };
            let arc = Self { from, to };
            from = to;
            (arc.from != arc.to).then_some(arc)
        })
    }
}

impl Records {
    /// Keeps a record unless a newer one is there.
    pub fn keep(&mut self, record: Record) -> Verdict {
        let len = record.value.as_ref().map_or(0, Bytes::len);
        let before = match self.by_key.get(&record.key) {
            Some((version, _)) if *version > record.version => return Verdict::Older,
            Some((_, value)) => value.as_ref().map_or(0, Bytes::len),
            None if self.by_key.len() >= KEYS_MAX => return Verdict::NotHere,
            None => 0,
        };
        if self.bytes - before + len > STORE_MAX {
            return Verdict::NotHere;
        }
        self.bytes = self.bytes - before + len;
        self.by_key
            .insert(record.key, (record.version, record.value));
        Verdict::Kept
    }

    /// The record of a key.
    #[must_use]
    pub fn find(&self, key: Id) -> Option<Record> {
        let (version, value) = self.by_key.get(&key)?;
        Some(Record {
            key,
            version: *version,
            value: value.clone(),
        })
    }

    /// The version of a key.
    #[must_use]
    pub fn version(&self, key: Id) -> Option<Version> {
        Some(self.by_key.get(&key)?.0)
    }

    /// Forgets a key.
    pub fn remove(&mut self, key: Id) {
        if let Some((_, value)) = self.by_key.remove(&key) {
            self.bytes -= value.map_or(0, |value| value.len());
        }
    }

    /// The keys on an arc with their versions, clockwise.
    pub fn on(&self, arc: Arc) -> impl Iterator<Item = (Id, Version)> {
        let wraps = arc.to <= arc.from;
        let end = if wraps { Id::MAX } else { arc.to };
        let first = (Bound::Excluded(arc.from), Bound::Included(end));
        let first = (arc.from != Id::MAX).then(|| self.by_key.range(first));
        let second = wraps.then(|| self.by_key.range(..=arc.to));
        first
            .into_iter()
            .flatten()
            .chain(second.into_iter().flatten())
            .map(|(&key, &(version, _))| (key, version))
    }

    /// A number that is the same for the same keys and versions, whatever their order.
    #[must_use]
    pub fn digest(&self, arc: Arc) -> u64 {
        self.on(arc)
            .map(|(key, version)| {
                let mut hasher = SipHasher13::new();
                hasher.write(&key.to_bytes());
                hasher.write_u64(version.counter);
                hasher.write_u64(version.writer);
                hasher.finish()
            })
            .fold(0, u64::wrapping_add)
    }

    /// How many keys there are, those of deleted values included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use keyspace::Space;

    fn id(number: u64) -> Id {
        Space::of_bits(6).id(number)
    }

    fn record(key: u64, counter: u64) -> Record {
        Record {
            key: id(key),
            version: Version { counter, writer: 0 },
            value: Some(Bytes::from_static(b"value")),
        }
    }

    #[test]
    fn the_newest_stays() {
        let mut records = Records::default();
        assert_eq!(records.keep(record(1, 2)), Verdict::Kept);
        assert_eq!(records.keep(record(1, 1)), Verdict::Older);
        assert_eq!(
            records.version(id(1)).map(|version| version.counter),
            Some(2)
        );
        let deleted = Record {
            value: None,
            ..record(1, 3)
        };
        assert_eq!(records.keep(deleted.clone()), Verdict::Kept);
        assert_eq!((records.find(id(1)), records.bytes), (Some(deleted), 0));
        records.remove(id(1));
        assert!(records.is_empty());
    }

    #[test]
    fn arcs_go_round_the_ring() {
        let mut records = Records::default();
        for key in [0, 5, 10, 63] {
            records.keep(record(key, 1));
        }
        let on = |from, to| {
            let arc = Arc {
                from: id(from),
                to: id(to),
            };
            let keys = records
                .on(arc)
                .map(|(key, _)| Space::of_bits(6).number(key));
            keys.collect::<Vec<_>>()
        };
        assert_eq!(on(0, 10), [5, 10]);
        assert_eq!(on(10, 5), [63, 0, 5]);
        assert_eq!(on(5, 5), [10, 63, 0, 5]);
        let whole = Arc {
            from: id(5),
            to: id(5),
        };
        let parts: u64 = whole
            .parts()
            .into_iter()
            .flatten()
            .map(|part| records.digest(part))
            .fold(0, u64::wrapping_add);
        assert_eq!(parts, records.digest(whole));
    }

    #[test]
    fn parts_of_short_arcs_end() {
        let one = Id::power_of_two(0);
        let arc = Arc {
            from: Id::ZERO,
            to: one,
        };
        let parts: Vec<Arc> = arc.parts().into_iter().flatten().collect();
        assert_eq!(parts, [arc]);
    }
}
