//! Bandwidth is shared and kept; what is cut off waits; what is gone is told.

use core::time::Duration;

use crate::talk::{Heard, Talker, Tell};
use machine::{CloseReason, Instant, Seed};
use simulator::{Bandwidth, Config, Latency, Nat, NodeConfig, NodeId, Simulation, endpoint};

const MEGABYTE: u64 = 1_000_000;

fn simulation() -> Simulation<Talker> {
    Simulation::new(Config::new(Seed(1)), ())
}

fn add(simulation: &mut Simulation<Talker>, number: u32, up: u64, down: u64) -> NodeId {
    let (up, down) = (
        Bandwidth::bytes_a_second(up),
        Bandwidth::bytes_a_second(down),
    );
    let config = NodeConfig::at(endpoint(number)).with_link(up, down);
    simulation.add(Talker::default(), config)
}

fn received(simulation: &Simulation<Talker>, node: NodeId) -> usize {
    simulation.node(node).expect("it lives").received
}

fn heard(simulation: &mut Simulation<Talker>) -> Vec<(NodeId, Heard)> {
    let events = simulation.take_events();
    events
        .into_iter()
        .map(|(node, _, heard)| (node, heard))
        .collect()
}

/// Runs until a node has got so many bytes, and tells when.
fn arrival(simulation: &mut Simulation<Talker>, node: NodeId, len: usize) -> Duration {
    let limit = Instant::ZERO + Duration::from_secs(1000);
    assert!(simulation.run_until_holds(limit, |simulation| received(simulation, node) >= len));
    simulation.now().since(Instant::ZERO)
}

/// Allows for handshakes, latency, and the 16 KiB at a time.
fn assert_near(time: Duration, seconds: f64) {
    let difference = (time.as_secs_f64() - seconds).abs();
    assert!(
        difference < 0.3 + seconds / 50.0,
        "{time:?} instead of {seconds} s"
    );
}

#[test]
fn an_uplink_is_shared_by_its_connections() {
    let mut simulation = simulation();
    let seed = add(&mut simulation, 0, MEGABYTE, 0);
    let leeches = [1, 2, 3, 4].map(|number| add(&mut simulation, number, 0, 0));
    let len = 1_000_000;
    for number in 1..=4 {
        simulation.command(
            seed,
            Tell::Send {
                to: endpoint(number),
                len,
            },
        );
    }
    simulation.run_until(Instant::ZERO + Duration::from_secs(2));
    let halves = leeches.map(|leech| received(&simulation, leech));
    for half in halves {
        assert!(half.abs_diff(len / 2) < 100_000, "{halves:?}");
    }
    for leech in leeches {
        assert_near(arrival(&mut simulation, leech, len), 4.0);
    }
    assert_eq!(simulation.bytes_sent_by(seed), 4_000_000);
}

#[test]
fn a_downlink_is_shared_by_its_senders() {
    let mut simulation = simulation();
    let leech = add(&mut simulation, 0, 0, MEGABYTE);
    for number in 1..=4 {
        let seed = add(&mut simulation, number, MEGABYTE, 0);
        let (to, len) = (endpoint(0), 1_000_000);
        simulation.command(seed, Tell::Send { to, len });
    }
    assert_near(arrival(&mut simulation, leech, 4_000_000), 4.0);
}

#[test]
fn a_window_bounds_the_speed_of_a_long_way() {
    let mut config = Config::new(Seed(1));
    config.network.latency = Latency::Constant(Duration::from_millis(500));
    config.network.window = 100_000;
    let mut simulation = Simulation::new(config, ());
    let seed = add(&mut simulation, 0, 0, 0);
    let leech = add(&mut simulation, 1, 0, 0);
    let (to, len) = (endpoint(1), 1_000_000);
    simulation.command(seed, Tell::Send { to, len });
    // A window each second, after the handshake; the last one needs half a way only.
    let time = arrival(&mut simulation, leech, len).as_secs_f64();
    assert!((9.0..12.0).contains(&time), "{time} s");
}

#[test]
fn a_crash_resets_what_it_was_part_of() {
    let mut simulation = simulation();
    let (alice, bob) = (add(&mut simulation, 0, 0, 0), add(&mut simulation, 1, 0, 0));
    let (to, len) = (endpoint(1), 10);
    simulation.command(alice, Tell::Send { to, len });
    simulation.run_for(Duration::from_secs(1));
    let dead = simulation.crash(bob).expect("it lived");
    assert_eq!(dead.received, len);
    simulation.command(alice, Tell::Send { to, len });
    simulation.run_for(Duration::from_secs(1));
    let refused = Heard::Closed(CloseReason::Refused);
    let reset = Heard::Closed(CloseReason::Reset);
    let expected = [Heard::Connected, reset, refused].map(|heard| (alice, heard));
    assert_eq!(heard(&mut simulation), expected);

    simulation.restart(bob, Talker::default());
    simulation.command(alice, Tell::Send { to, len });
    simulation.run_for(Duration::from_secs(1));
    assert_eq!(heard(&mut simulation), [(alice, Heard::Connected)]);
    assert_eq!(received(&simulation, bob), len);
    assert_eq!(simulation.connections(bob), 1);
}

#[test]
fn a_short_partition_delays_and_a_long_one_breaks() {
    for (seconds, survives) in [(100, true), (200, false)] {
        let mut simulation = simulation();
        let (alice, bob) = (add(&mut simulation, 0, 0, 0), add(&mut simulation, 1, 0, 0));
        let (to, len) = (endpoint(1), 1_000_000);
        simulation.command(alice, Tell::Send { to, len });
        simulation.run_for(Duration::from_millis(210));
        let before = received(&simulation, bob);
        assert!(0 < before && before < len, "{before}");
        simulation.partition(&[&[alice]]);
        simulation.run_for(Duration::from_secs(seconds));
        simulation.heal();
        simulation.run_for(Duration::from_secs(10));
        let heard = heard(&mut simulation);
        for node in [alice, bob] {
            let lost = (node, Heard::Closed(CloseReason::TimedOut));
            assert_eq!(heard.contains(&lost), !survives, "{heard:?}");
        }
        assert_eq!(received(&simulation, bob) == len, survives);
    }
}

#[test]
fn a_silent_host_times_out() {
    let mut simulation = simulation();
    let alice = add(&mut simulation, 0, 0, 0);
    let bob = add(&mut simulation, 1, 0, 0);
    let len = 1;
    simulation.command(
        alice,
        Tell::Send {
            to: endpoint(99),
            len,
        },
    );
    simulation.partition(&[&[bob]]);
    simulation.command(
        alice,
        Tell::Send {
            to: endpoint(1),
            len,
        },
    );
    simulation.run_for(Duration::from_secs(29));
    assert_eq!(heard(&mut simulation), []);
    simulation.run_for(Duration::from_secs(2));
    let lost = (alice, Heard::Closed(CloseReason::TimedOut));
    assert_eq!(heard(&mut simulation), [lost.clone(), lost]);
    simulation.heal();
    simulation.run_for(Duration::from_secs(2));
    assert_eq!(simulation.connections(bob), 0);
}

#[test]
fn connections_are_limited_on_both_sides() {
    let mut simulation = simulation();
    let narrow = NodeConfig::at(endpoint(0)).with_connections(1);
    let narrow = simulation.add(Talker::default(), narrow);
    let wide = add(&mut simulation, 1, 0, 0);
    let deaf = NodeConfig::at(endpoint(2)).without_listener();
    simulation.add(Talker::default(), deaf);
    let send = |number| Tell::Send {
        to: endpoint(number),
        len: 1,
    };
    for (node, number) in [(wide, 0), (wide, 0), (wide, 2), (narrow, 1)] {
        simulation.command(node, send(number));
        simulation.run_for(Duration::from_secs(1));
    }
    let refused = Heard::Closed(CloseReason::Refused);
    let expected = [
        (wide, Heard::Connected),
        (wide, refused.clone()),
        (wide, refused),
        (narrow, Heard::Closed(CloseReason::TooMany)),
    ];
    assert_eq!(heard(&mut simulation), expected);
}

#[test]
fn a_reset_does_not_take_what_came_before_the_end() {
    let mut simulation = simulation();
    let (alice, bob) = (add(&mut simulation, 0, 0, 0), add(&mut simulation, 1, 0, 0));
    simulation.command(
        alice,
        Tell::Send {
            to: endpoint(1),
            len: 1000,
        },
    );
    simulation.run_for(Duration::from_millis(110));
    simulation.command(bob, Tell::Pause);
    simulation.run_for(Duration::from_secs(1));
    simulation.command(alice, Tell::Close);
    simulation.run_for(Duration::from_secs(1));
    simulation.crash(alice);
    simulation.run_for(Duration::from_secs(1));
    assert_eq!(heard(&mut simulation), [(alice, Heard::Connected)]);
    simulation.command(bob, Tell::Close);
    simulation.run_for(Duration::from_secs(1));
    assert_eq!(simulation.connections(bob), 0);
}

#[test]
fn a_translator_lets_in_whom_the_node_has_called() {
    for (nat, strangers_get_in) in [
        (Nat::FullCone, true),
        (Nat::RestrictedCone, false),
        (Nat::PortRestrictedCone, false),
        (Nat::Symmetric, false),
        (Nat::Firewall, false),
    ] {
        let mut simulation = simulation();
        let place = NodeConfig::at(endpoint(0)).behind(nat);
        let inside = simulation.add(Talker::default(), place);
        let (friend, stranger) = (add(&mut simulation, 1, 0, 0), add(&mut simulation, 2, 0, 0));
        let words = |to| Tell::Words { to, count: 1 };
        let heard_by = |simulation: &mut Simulation<Talker>, node| {
            simulation.run_for(Duration::from_secs(1));
            heard(simulation).contains(&(node, Heard::Word(0)))
        };
        simulation.command(friend, words(endpoint(0)));
        assert!(
            !heard_by(&mut simulation, inside),
            "{nat:?}: not called yet"
        );
        simulation.command(inside, words(endpoint(1)));
        simulation.run_for(Duration::from_secs(1));
        assert_eq!(heard(&mut simulation), [(friend, Heard::Word(0))]);
        let seen = simulation.node(friend).expect("it lives").last_sender;
        let outside = seen.expect("it heard");
        assert_eq!(outside == endpoint(0), nat == Nat::Firewall, "{nat:?}");
        simulation.command(friend, words(outside));
        assert!(heard_by(&mut simulation, inside), "{nat:?}: an answer");
        simulation.command(stranger, words(outside));
        assert_eq!(
            heard_by(&mut simulation, inside),
            strangers_get_in,
            "{nat:?}"
        );
        // Streams come in by none of them, and nobody says so.
        simulation.command(
            friend,
            Tell::Send {
                to: endpoint(0),
                len: 1,
            },
        );
        simulation.run_for(Duration::from_secs(60));
        let timed_out = Heard::Closed(CloseReason::TimedOut);
        assert_eq!(heard(&mut simulation), [(friend, timed_out)]);
        simulation.command(
            inside,
            Tell::Send {
                to: endpoint(1),
                len: 1,
            },
        );
        simulation.run_for(Duration::from_secs(1));
        assert_eq!(heard(&mut simulation), [(inside, Heard::Connected)]);
    }
}
