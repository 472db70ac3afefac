//! The choker, round by round: the examples of the specification (section 17), and what must hold
//! for any peers.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU64;
use std::time::Duration;

use bittorrent::choker::{
    Changes, Choker, Diligence, Interest, PeerView, ROUND, Requests, Role, Usefulness, slots_for,
    useless,
};
use machine::{ConnId, Instant, Rng, Seed};
use proptest::prelude::*;

const KIB: u64 = 1024;

const A: ConnId = ConnId(1);
const B: ConnId = ConnId(2);
const C: ConnId = ConnId(3);
const D: ConnId = ConnId(4);
const E: ConnId = ConnId(5);
const F: ConnId = ConnId(6);
const G: ConnId = ConnId(7);

/// Long after the peers connected, unless a test says otherwise.
const START: Instant = Instant::from_nanos(100_000_000_000);

fn after(seconds: u64) -> Instant {
    START + Duration::from_secs(seconds)
}

fn rng(seed: u128) -> Rng {
    Rng::new(Seed(seed), 0, 0)
}

fn peer(peer: ConnId, rate_from: u64) -> PeerView {
    PeerView {
        peer,
        connected_at: Instant::ZERO,
        interest: Interest::Interested,
        diligence: Diligence::Sending,
        requests: Requests::Answered,
        rate_from: rate_from * KIB,
        rate_to: 0,
    }
}

fn uninterested(view: PeerView) -> PeerView {
    PeerView {
        interest: Interest::Uninterested,
        ..view
    }
}

/// The peers of the example: a to f are interested, g is not; f joined 20 s ago.
fn example() -> Vec<PeerView> {
    let mut peers = vec![
        peer(A, 50),
        peer(B, 40),
        peer(C, 30),
        peer(D, 20),
        peer(E, 10),
    ];
    peers.push(PeerView {
        connected_at: START - Duration::from_secs(20),
        ..peer(F, 0)
    });
    peers.push(uninterested(peer(G, 60)));
    peers
}

fn unchoked(choker: &Choker) -> Vec<ConnId> {
    (0..20)
        .map(ConnId)
        .filter(|peer| choker.is_unchoked(*peer))
        .collect()
}

#[test]
fn the_four_fastest_one_by_lot_and_the_fast_uninterested() {
    let mut newcomer_won = 0;
    for seed in 0..1_000 {
        let mut choker = Choker::new(4);
        let changes = choker.round(START, &example(), Role::Leeching, &mut rng(seed));
        assert_eq!(changes.choke, []);
        let by_lot: Vec<_> = changes
            .unchoke
            .iter()
            .filter(|peer| ![A, B, C, D, G].contains(peer))
            .collect();
        assert_eq!(changes.unchoke.len(), 6);
        assert!(by_lot == [&E] || by_lot == [&F], "seed {seed}: {by_lot:?}");
        newcomer_won += usize::from(by_lot == [&F]);
    }
    // Binomial with n = 1,000 and p = 3/4: six standard deviations are 82.
    assert!((668..=832).contains(&newcomer_won), "{newcomer_won}");
}

#[test]
fn an_extra_peer_that_becomes_interested_displaces_the_slowest() {
    let mut choker = Choker::new(4);
    choker.round(START, &example(), Role::Leeching, &mut rng(1));
    let changes = choker.interested(after(3), G);
    assert_eq!(
        changes,
        Changes {
            choke: vec![D],
            unchoke: vec![]
        }
    );
    assert!([A, B, C, G].iter().all(|peer| choker.is_unchoked(*peer)));
}

#[test]
fn whoever_comes_is_unchoked_at_once_while_a_slot_is_free() {
    let mut choker = Choker::new(2);
    assert!(choker.is_idle());
    for peer in [A, B, C] {
        let changes = choker.interested(START, peer);
        assert_eq!(
            changes,
            Changes {
                choke: vec![],
                unchoke: vec![peer]
            }
        );
    }
    assert_eq!(choker.interested(START, D), Changes::default());
    assert_eq!(choker.interested(START, D), Changes::default());
    assert!(!choker.is_idle());
}

#[test]
fn the_next_of_the_ranking_takes_the_slot_of_one_that_leaves() {
    let mut choker = Choker::new(2);
    let peers: Vec<_> = example().into_iter().take(5).collect();
    choker.round(START, &peers, Role::Leeching, &mut rng(1));
    let lucky = *unchoked(&choker).last().expect("three are unchoked");
    let mut waiting = vec![C, D, E];
    waiting.retain(|peer| *peer != lucky);
    assert_eq!(choker.gone(after(1), A).unchoke, [waiting[0]]);
    // One that lost its interest stays unchoked, as it takes nothing.
    let changes = choker.uninterested(after(2), B);
    assert_eq!(
        changes,
        Changes {
            choke: vec![],
            unchoke: vec![waiting[1]]
        }
    );
    assert!(choker.is_unchoked(B));
    // Nobody is left to take the next slot.
    assert_eq!(choker.gone(after(3), lucky), Changes::default());
    assert_eq!(choker.gone(after(3), B), Changes::default());
    assert_eq!(unchoked(&choker), waiting);
}

#[test]
fn the_lot_is_drawn_again_every_third_round() {
    let mut choker = Choker::new(1);
    let peers: Vec<_> = (0..20).map(|number| peer(ConnId(number), number)).collect();
    let mut random = rng(3);
    let mut history = Vec::new();
    for round in 0..30 {
        choker.round(after(round * 10), &peers, Role::Leeching, &mut random);
        let lucky: Vec<_> = unchoked(&choker)
            .into_iter()
            .filter(|peer| *peer != ConnId(19))
            .collect();
        assert_eq!(lucky.len(), 1);
        history.push(lucky[0]);
    }
    assert!(
        history
            .chunks(3)
            .all(|thirty| thirty.iter().all(|lucky| *lucky == thirty[0]))
    );
    assert!(history.iter().collect::<BTreeSet<_>>().len() > 4);
}

#[test]
fn one_that_earns_its_slot_frees_the_one_by_lot() {
    let mut choker = Choker::new(1);
    let slow = [peer(A, 10), peer(B, 0)];
    choker.round(START, &slow, Role::Leeching, &mut rng(1));
    let risen = [peer(A, 10), peer(B, 20), peer(C, 0)];
    let changes = choker.round(after(10), &risen, Role::Leeching, &mut rng(1));
    assert!(choker.is_unchoked(B));
    assert_eq!(unchoked(&choker).len(), 2);
    assert_eq!(changes.choke.contains(&A), changes.unchoke.contains(&C));
}

#[test]
fn peers_that_snub_us_earn_nothing_but_may_be_lucky() {
    let snubbing = |view| PeerView {
        diligence: Diligence::Snubbing,
        ..view
    };
    let peers = [
        snubbing(peer(A, 50)),
        snubbing(peer(B, 40)),
        peer(C, 1),
        snubbing(peer(D, 9)),
    ];
    let mut winners = BTreeSet::new();
    for seed in 0..50 {
        let mut choker = Choker::new(2);
        choker.round(START, &peers, Role::Leeching, &mut rng(seed));
        assert!(choker.is_unchoked(C));
        // One regular slot is vacant, so two are drawn.
        assert_eq!(unchoked(&choker).len(), 3);
        winners.extend(unchoked(&choker));
    }
    assert_eq!(winners, BTreeSet::from([A, B, C, D]));
}

#[test]
fn a_seed_serves_all_in_turn() {
    let mut choker = Choker::new(4);
    let mut random = rng(1);
    let mut served: BTreeMap<ConnId, u64> = BTreeMap::new();
    for round in 0..200 {
        let view = |number| {
            let is_served = choker.is_unchoked(ConnId(number));
            let requests = if is_served {
                Requests::Waiting
            } else {
                Requests::Answered
            };
            PeerView {
                requests,
                rate_to: number,
                ..peer(ConnId(number), 0)
            }
        };
        let peers: Vec<_> = (0..20).map(view).collect();
        let changes = choker.round(after(round * 10), &peers, Role::Seeding, &mut random);
        assert!(round == 0 || changes.unchoke.len() <= 1, "{changes:?}");
        assert_eq!(unchoked(&choker).len(), 5);
        unchoked(&choker)
            .into_iter()
            .for_each(|peer| *served.entry(peer).or_default() += 1);
    }
    assert_eq!(served.len(), 20);
    // 1,000 slot-rounds over 20 peers: 50 each.
    assert!(
        served.values().all(|rounds| (10..=150).contains(rounds)),
        "{served:?}"
    );
}

#[test]
fn a_seed_does_not_leave_a_peer_in_the_middle_of_its_requests() {
    let mut choker = Choker::new(4);
    let busy = |view| PeerView {
        requests: Requests::Waiting,
        ..view
    };
    let mut random = rng(1);
    let three = [A, B, C].map(|number| busy(peer(number, 0)));
    choker.round(START, &three, Role::Seeding, &mut random);
    let all: Vec<_> = three
        .into_iter()
        .chain((10..20).map(|n| peer(ConnId(n), 0)))
        .collect();
    choker.round(after(30), &all, Role::Seeding, &mut random);
    assert!([A, B, C].iter().all(|peer| choker.is_unchoked(*peer)));
}

#[test]
fn slots_grow_with_the_root_of_the_limit() {
    let slots = |kibibytes: u64| slots_for(NonZeroU64::new(kibibytes * KIB));
    assert_eq!([1, 8, 9, 14, 15, 41].map(slots), [2, 2, 3, 3, 4, 4]);
    assert_eq!([42, 100, 1_000, 20_480].map(slots), [5, 7, 24, 110]);
    assert_eq!(slots_for(None), 8);
}

#[test]
fn the_connection_without_use_for_the_longest_goes_and_the_young_are_spared() {
    let idle = |peer, last_payload: Option<u64>, interest| Usefulness {
        peer,
        connected_at: START,
        last_payload: last_payload.map(after),
        their_interest: interest,
        our_interest: Interest::Uninterested,
    };
    let peers = [
        idle(A, Some(50), Interest::Interested),
        idle(B, Some(20), Interest::Uninterested),
        idle(C, Some(10), Interest::Uninterested),
        Usefulness {
            connected_at: after(100),
            ..idle(D, None, Interest::Uninterested)
        },
    ];
    assert_eq!(useless(after(59), &peers), None);
    assert_eq!(useless(after(75), &peers), Some(C));
    assert_eq!(useless(after(200), &peers), Some(C));
    assert_eq!(useless(after(349), &peers[..1]), None);
    assert_eq!(useless(after(350), &peers[..1]), Some(A));
    // Somebody with whom nothing is left to do goes before one that waits.
    assert_eq!(useless(after(1_000), &peers[..2]), Some(B));
}

fn any_view() -> impl Strategy<Value = PeerView> {
    (0u64..12, any::<[bool; 3]>(), 0u64..4, 0u64..4, 0u64..200).prop_map(
        |(number, [interested, snubbing, waiting], rate_from, rate_to, age)| PeerView {
            peer: ConnId(number),
            connected_at: START - Duration::from_secs(age),
            interest: if interested {
                Interest::Interested
            } else {
                Interest::Uninterested
            },
            diligence: if snubbing {
                Diligence::Snubbing
            } else {
                Diligence::Sending
            },
            requests: if waiting {
                Requests::Waiting
            } else {
                Requests::Answered
            },
            rate_from,
            rate_to,
        },
    )
}

#[derive(Debug, Clone)]
enum Step {
    Round(Vec<PeerView>, bool),
    Gone(u64),
    Interest(u64, bool),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (proptest::collection::vec(any_view(), 0..12), any::<bool>())
            .prop_map(|(views, seeding)| Step::Round(views, seeding)),
        1 => (0u64..12).prop_map(Step::Gone),
        3 => (0u64..12, any::<bool>()).prop_map(|(peer, gained)| Step::Interest(peer, gained)),
    ]
}

proptest! {
    /// Never more interested peers are unchoked than there are slots, none waits while a slot is
    /// free, and the changes told are exactly what changed.
    #[test]
    fn slots_are_neither_exceeded_nor_wasted(
        slots in 1usize..6,
        steps in proptest::collection::vec(any_step(), 1..40),
        seed in any::<u128>(),
    ) {
        let mut choker = Choker::new(slots);
        let mut random = rng(seed);
        let mut interested: BTreeSet<ConnId> = BTreeSet::new();
        let mut told: BTreeSet<ConnId> = BTreeSet::new();
        let mut now = START;
        for step in steps {
            now += ROUND;
            let changes = match step {
                Step::Round(mut views, seeding) => {
                    views.sort_by_key(|view| view.peer);
                    views.dedup_by_key(|view| view.peer);
                    interested = views
                        .iter()
                        .filter(|view| view.interest == Interest::Interested)
                        .map(|view| view.peer)
                        .collect();
                    let role = if seeding { Role::Seeding } else { Role::Leeching };
                    choker.round(now, &views, role, &mut random)
                }
                Step::Gone(peer) => {
                    interested.remove(&ConnId(peer));
                    told.remove(&ConnId(peer));
                    choker.gone(now, ConnId(peer))
                }
                Step::Interest(peer, true) => {
                    interested.insert(ConnId(peer));
                    choker.interested(now, ConnId(peer))
                }
                Step::Interest(peer, false) => {
                    interested.remove(&ConnId(peer));
                    choker.uninterested(now, ConnId(peer))
                }
            };
            for peer in changes.choke {
                prop_assert!(told.remove(&peer), "{peer:?} was choked already");
            }
            for peer in changes.unchoke {
                prop_assert!(told.insert(peer), "{peer:?} was unchoked already");
            }
            prop_assert_eq!(told.iter().copied().collect::<Vec<_>>(), unchoked(&choker));
            let used = interested.iter().filter(|peer| told.contains(peer)).count();
            prop_assert_eq!(used, interested.len().min(slots + 1));
        }
    }
}
