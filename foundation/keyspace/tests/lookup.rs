//! Lookups among made-up nodes: they end, at the nearest node that can be reached.

use std::collections::BTreeSet;

use keyspace::{Id, Limits, Lookup, Space, Step};
use proptest::prelude::*;

fn distance(number: u64) -> Id {
    Space::FULL.id(number)
}

#[test]
fn the_nearest_is_asked_first_and_once() {
    let mut lookup = Lookup::new(Limits::SEQUENTIAL);
    assert_eq!(lookup.step(), Step::Exhausted);
    assert!(lookup.offer('b', distance(20)));
    assert!(lookup.offer('a', distance(10)));
    assert!(!lookup.offer('a', distance(10)));
    assert_eq!(lookup.step(), Step::Ask('a'));
    assert_eq!(lookup.step(), Step::Wait);
    lookup.answered('a');
    assert!(lookup.offer('c', distance(5)));
    assert_eq!(lookup.step(), Step::Ask('c'));
    lookup.answered('c');
    assert_eq!(lookup.step(), Step::Ask('b'));
    lookup.answered('b');
    assert_eq!(lookup.step(), Step::Exhausted);
    assert_eq!(
        lookup.nearest_answered().collect::<Vec<_>>(),
        ['c', 'a', 'b']
    );
    assert_eq!((lookup.answers(), lookup.timeouts()), (3, 0));
}

#[test]
fn who_named_only_the_dead_is_asked_again() {
    let mut lookup = Lookup::new(Limits::SEQUENTIAL);
    lookup.offer('x', distance(30));
    assert_eq!(lookup.step(), Step::Ask('x'));
    lookup.answered('x');
    lookup.offer('d', distance(10));
    lookup.offer('e', distance(20));
    for dead in ['d', 'e'] {
        assert_eq!(lookup.step(), Step::Ask(dead));
        lookup.timed_out(dead);
    }
    assert_eq!(lookup.excluded(), ['d', 'e']);
    assert_eq!(lookup.step(), Step::Ask('x'));
    lookup.useless('x');
    assert_eq!(lookup.step(), Step::Exhausted);
    assert!(!lookup.offer('d', distance(10)));
    // It answered twice, and is one node on the way.
    assert_eq!((lookup.answers(), lookup.timeouts()), (1, 2));
}

#[test]
fn some_are_asked_at_a_time() {
    let mut lookup = Lookup::new(Limits {
        parallel: 2,
        queries_max: 3,
        candidates_max: 8,
    });
    for (node, far) in [('a', 1), ('b', 2), ('c', 3), ('d', 4)] {
        lookup.offer(node, distance(far));
    }
    assert_eq!(lookup.step(), Step::Ask('a'));
    assert_eq!(lookup.step(), Step::Ask('b'));
    assert_eq!(lookup.step(), Step::Wait);
    lookup.timed_out('b');
    assert_eq!(lookup.step(), Step::Ask('c'));
    lookup.timed_out('a');
    assert_eq!(lookup.step(), Step::TooLong);
}

#[test]
fn a_full_list_keeps_the_nearest() {
    let mut lookup = Lookup::new(Limits {
        parallel: 1,
        queries_max: 9,
        candidates_max: 2,
    });
    assert!(lookup.offer('c', distance(3)) && lookup.offer('b', distance(2)));
    assert!(!lookup.offer('d', distance(4)));
    assert!(lookup.offer('a', distance(1)));
    assert_eq!(lookup.nodes().collect::<String>(), "ba");
}

#[test]
fn answers_of_strangers_change_nothing() {
    let mut lookup = Lookup::new(Limits::SEQUENTIAL);
    lookup.offer('a', distance(1));
    lookup.answered('a');
    lookup.timed_out('a');
    lookup.timed_out('z');
    assert_eq!(lookup.step(), Step::Ask('a'));
    assert_eq!((lookup.answers(), lookup.timeouts()), (0, 0));
}

proptest! {
    /// Node n is at distance n and knows some nearer ones; some are dead. However they answer, the
    /// lookup ends, and only when nobody alive that it heard of is left unasked.
    #[test]
    fn every_lookup_ends(
        knows in proptest::collection::vec(proptest::collection::vec(0u64..40, 0..4), 40),
        dead in proptest::collection::btree_set(0u64..40, 0..20),
        parallel in 1u8..4,
    ) {
        let mut lookup = Lookup::new(Limits { parallel, queries_max: 500, candidates_max: 40 });
        lookup.offer(39, distance(39));
        let mut asked = BTreeSet::new();
        let mut in_flight = Vec::new();
        loop {
            match lookup.step() {
                Step::Ask(node) => {
                    asked.insert(node);
                    in_flight.push(node);
                    prop_assert!(in_flight.len() <= usize::from(parallel));
                }
                Step::Wait => {
                    let node = in_flight.remove(0);
                    if dead.contains(&node) {
                        lookup.timed_out(node);
                        continue;
                    }
                    let excluded = lookup.excluded().to_vec();
                    let nearer = knows[node as usize].iter().filter(|&&other| {
                        other < node && !excluded.contains(&other)
                    });
                    let mut heard = 0;
                    for &other in nearer {
                        heard += 1;
                        lookup.offer(other, distance(other));
                    }
                    if heard == 0 { lookup.useless(node) } else { lookup.answered(node) }
                }
                Step::Exhausted => break,
                Step::TooLong => prop_assert!(false, "40 nodes, 500 questions"),
            }
        }
        for &node in &asked {
            if !dead.contains(&node) {
                for other in knows[node as usize].iter().filter(|&&other| other < node) {
                    prop_assert!(asked.contains(other), "{node} named {other}");
                }
            }
        }
    }
}
