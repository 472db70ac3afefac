//! What a ring costs to simulate: N nodes with full tables, each making sure of its successors and
//! looking up one of its fingers every 30 s, every question with its time-out.
//!
//! `cargo bench -p manyhop-chord --bench ring -- [NODES [SECONDS]]`
//!
//! An event is a message delivered to a node, or a timer that fired in one. Construction is
//! counted apart. Beside the rate stands that of a calibration loop, a walk through memory and
//! through a multiplication, since machines drift.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "it measures the time and the memory of this machine"
)]

use std::io::Write;
use std::time::{Duration, Instant as Clock};

use chord::api::{Patience, Period};
use chord::contacts::{Contacts, Reference};
use chord::{Config, Contact, Converged, Node, Shared};
use keyspace::Id;
use machine::{Rng, Seed};
use simulator::{NodeConfig, Simulation, endpoint};

const SEED: Seed = Seed(1);
const PERIOD: Duration = Duration::from_secs(30);

fn main() -> std::io::Result<()> {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse::<u32>().ok());
    let nodes = numbers.next().unwrap_or(100_000);
    let seconds = numbers.next().unwrap_or(60);
    let mut out = std::io::stdout().lock();
    let before = resident_bytes();

    let clock = Clock::now();
    let (shared, people) = shared(nodes);
    let interned = clock.elapsed();
    // Seen from the order of the nodes in memory, their places on the ring are random.
    let mut ring: Vec<Option<Node>> = (0..nodes).map(|_| None).collect();
    let converged = Converged::new(&people, &shared);
    for (contact, node) in converged.contacts().zip(converged.nodes(SEED)) {
        ring[people.binary_search(&contact).expect("one of them")] = Some(node);
    }
    drop(converged);
    let built = clock.elapsed();
    let mut simulation = Simulation::new(simulator::Config::new(SEED), shared);
    for (number, node) in (0..).zip(ring) {
        simulation.add(
            node.expect("all places are taken"),
            NodeConfig::at(endpoint(number)),
        );
    }
    let added = clock.elapsed();
    writeln!(
        out,
        "{nodes} nodes: contacts {:.2} s, tables {:.2} s, simulation {:.2} s; a node has {} bytes",
        interned.as_secs_f64(),
        (built - interned).as_secs_f64(),
        (added - built).as_secs_f64(),
        size_of::<Node>(),
    )?;
    // The first period, in which the first rounds are spread, is not counted.
    simulation.run_for(PERIOD);
    for _ in 0..3 {
        let (calibration, turns, clock) = (calibrate(), simulation.turns(), Clock::now());
        simulation.run_for(Duration::from_secs(u64::from(seconds)));
        let took = clock.elapsed().as_secs_f64();
        let events = simulation.turns() - turns;
        writeln!(
            out,
            "{events} events in {took:.2} s: {:.2} M/s (calibration {calibration:.0} M/s); {} bytes a node",
            events as f64 / took / 1e6,
            (resident_bytes() - before) / u64::from(nodes),
        )?;
    }
    writeln!(out, "trace {:?}", simulation.trace_hash())
}

fn shared(nodes: u32) -> (Shared, Vec<Contact>) {
    let config = Config {
        stabilise: Period::about(PERIOD),
        stabilise_soon: PERIOD,
        fix_finger: Period::about(PERIOD),
        patience: Patience::Fixed(Duration::from_millis(500)),
        ..Config::new()
    };
    let mut contacts = Contacts::growing();
    let mut rng = Rng::new(SEED, u64::MAX, 0);
    let people = (0..nodes).map(|number| {
        let reference = Reference {
            id: Id::from_bytes(rng.bytes()),
            endpoint: endpoint(number),
            incarnation: 0,
        };
        contacts.intern(reference).expect("a table that grows")
    });
    let people = people.collect();
    (Shared { contacts, config }, people)
}

/// Steps a millionth of a second through a chain of loads that miss the near caches.
fn calibrate() -> f64 {
    const WORDS: usize = 1 << 20;
    const STEPS: u32 = 4_000_000;
    let table: Vec<u32> = (0..WORDS as u32)
        .map(|word| word.wrapping_mul(0x9e37_79b1) % WORDS as u32)
        .collect();
    let clock = Clock::now();
    let (mut at, mut sum) = (1, 0u64);
    for step in 0..STEPS {
        at = (table[at] ^ step) as usize % WORDS;
        sum = sum.wrapping_add(at as u64).wrapping_mul(3);
    }
    std::hint::black_box(sum);
    f64::from(STEPS) / clock.elapsed().as_secs_f64() / 1e6
}

/// How much memory the process has, in bytes; 0 where nobody tells.
fn resident_bytes() -> u64 {
    let page = 4096;
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * page
}
