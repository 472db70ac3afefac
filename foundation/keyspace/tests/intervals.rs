//! Intervals and distances, against their definitions in plain numbers.

use keyspace::{Id, Space};
use proptest::prelude::*;

/// The interval tests as Chord's papers define them, on a ring of `points`.
fn by_walking(points: u64, x: u64, a: u64, b: u64) -> (bool, bool, bool) {
    let mut open = false;
    let mut at = (a + 1) % points;
    while at != b {
        open |= at == x;
        at = (at + 1) % points;
    }
    (open, open || x == b || a == b, open || x == a || a == b)
}

#[test]
fn the_table_of_the_specification() {
    let id = |number| Space::of_bits(3).id(number);
    assert!(id(0).is_between_or_last(id(6), id(2)));
    assert!(!id(6).is_between_or_last(id(6), id(2)));
    assert!(id(2).is_between_or_last(id(6), id(2)));
    assert!(!id(5).is_between(id(5), id(5)));
    assert!(id(4).is_between(id(5), id(5)));
    assert!(id(5).is_between_or_last(id(5), id(5)));
}

#[test]
fn every_interval_of_a_small_ring() {
    let (points, ring) = (16, Space::of_bits(4));
    for x in 0..points {
        for a in 0..points {
            for b in 0..points {
                let (idx, ida, idb) = (ring.id(x), ring.id(a), ring.id(b));
                let found = (
                    idx.is_between(ida, idb),
                    idx.is_between_or_last(ida, idb),
                    idx.is_between_or_first(ida, idb),
                );
                assert_eq!(
                    found,
                    by_walking(points, x, a, b),
                    "{x} between {a} and {b}"
                );
                assert_eq!(ring.number(ida.distance_to(idb)), (b + points - a) % points);
                assert_eq!(ring.number(ida.xor(idb)), a ^ b);
            }
        }
    }
}

/// Numbers of 160 bits, and more often than by chance such as share words, so that carries happen.
fn ids() -> impl Strategy<Value = Id> {
    let word = prop_oneof![Just([0u8; 4]), Just([0xff; 4]), any::<[u8; 4]>()];
    proptest::collection::vec(word, 5).prop_map(|words| {
        let mut bytes = [0; Id::LEN];
        bytes.copy_from_slice(&words.concat());
        Id::from_bytes(bytes)
    })
}

/// Adds as at school, byte by byte.
fn sum(a: Id, b: Id) -> Id {
    let (a, b, mut out, mut carry) = (a.to_bytes(), b.to_bytes(), [0; Id::LEN], 0);
    for place in (0..Id::LEN).rev() {
        let digit = u16::from(a[place]) + u16::from(b[place]) + carry;
        out[place] = digit as u8;
        carry = digit >> 8;
    }
    Id::from_bytes(out)
}

proptest! {
    #[test]
    fn addition_is_that_of_school(a in ids(), b in ids()) {
        prop_assert_eq!(a.plus(b), sum(a, b));
        prop_assert_eq!(a.distance_to(a.plus(b)), b);
    }

    #[test]
    fn order_is_that_of_the_bytes(a in ids(), b in ids()) {
        prop_assert_eq!(a.cmp(&b), a.to_bytes().cmp(&b.to_bytes()));
        prop_assert_eq!(a.is_less(b), a.to_bytes() < b.to_bytes());
    }

    #[test]
    fn intervals_do_not_depend_on_where_the_ring_begins(
        x in ids(), a in ids(), b in ids(), turn in ids()
    ) {
        let (tx, ta, tb) = (x.plus(turn), a.plus(turn), b.plus(turn));
        prop_assert_eq!(x.is_between(a, b), tx.is_between(ta, tb));
        prop_assert_eq!(x.is_between_or_last(a, b), tx.is_between_or_last(ta, tb));
        prop_assert_eq!(x.is_between_or_first(a, b), tx.is_between_or_first(ta, tb));
    }

    #[test]
    fn a_point_is_on_one_side_of_two(x in ids(), a in ids(), b in ids()) {
        prop_assume!(a != b);
        // (a, b] and (b, a] part the ring.
        prop_assert!(x.is_between_or_last(a, b) ^ x.is_between_or_last(b, a));
        prop_assert_eq!(x.is_between(a, b), x.is_between_or_last(a, b) && x != b);
        prop_assert_eq!(x.is_between_or_first(a, b), x.is_between(a, b) || x == a);
    }

    #[test]
    fn halves_and_midpoints(a in ids(), b in ids()) {
        let half = a.half();
        let odd = a.to_bytes()[Id::LEN - 1] & 1;
        prop_assert_eq!(Space::FULL.id(u64::from(odd)).plus(half.plus(half)), a);
        prop_assume!(a != b);
        prop_assert!(a.midpoint_to(b).is_between_or_first(a, b));
    }
}
