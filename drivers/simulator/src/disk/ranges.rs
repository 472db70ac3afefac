//! Which bytes are there, where bytes themselves are not kept.

use core::ops::Range;

/// A set of numbers, as ranges in order that neither touch nor overlap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ranges(Vec<Range<u64>>);

impl Ranges {
    /// Adds a range.
    pub(crate) fn insert(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let from = self.0.partition_point(|other| other.end < range.start);
        let to = self.0.partition_point(|other| other.start <= range.end);
        if from == to {
            self.0.insert(from, range);
            return;
        }
        let start = range.start.min(self.0[from].start);
        let end = range.end.max(self.0[to - 1].end);
        self.0[from] = start..end;
        self.0.drain(from + 1..to);
    }

    /// Takes a range out.
    pub(crate) fn remove(&mut self, range: Range<u64>) {
        let mut kept = Self::default();
        for other in self.0.drain(..) {
            kept.insert(other.start..other.end.min(range.start));
            kept.insert(other.start.max(range.end)..other.end);
        }
        *self = kept;
    }

    /// Tells whether the whole range is there.
    pub(crate) fn contains(&self, range: &Range<u64>) -> bool {
        let after = self.0.partition_point(|other| other.start <= range.start);
        let around = after.checked_sub(1).and_then(|before| self.0.get(before));
        range.is_empty() || around.is_some_and(|around| range.end <= around.end)
    }

    /// The ranges, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Range<u64>> {
        self.0.iter()
    }

    /// Tells how many numbers are there.
    pub(crate) fn len(&self) -> u64 {
        self.0.iter().map(|range| range.end - range.start).sum()
    }

    /// Tells where the last range ends.
    pub(crate) fn end(&self) -> u64 {
        self.0.last().map_or(0, |range| range.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_grow_together() {
        let mut ranges = Ranges::default();
        for range in [10..20, 30..40, 20..25, 50..60, 5..7] {
            ranges.insert(range);
        }
        assert_eq!(ranges.0, [5..7, 10..25, 30..40, 50..60]);
        ranges.insert(24..55);
        assert_eq!(ranges.0, [5..7, 10..60]);
        assert!(ranges.contains(&(10..60)));
        assert!(!ranges.contains(&(6..8)));
        assert!(!ranges.contains(&(0..1)));
        assert_eq!((ranges.len(), ranges.end()), (52, 60));
        ranges.remove(12..20);
        assert_eq!(ranges.0, [5..7, 10..12, 20..60]);
    }
}
