//! Rings of real processes: they grow, lose a third of their nodes at once, and are whole again.

use std::net::{SocketAddr, UdpSocket};
use std::ops::Range;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use manyhop_interop::{Numbers, PATIENCE, Requirement, Ring, Stage, is_there};

/// So few nodes that each knows all others: fewer than a successor list is long.
const SMALL: usize = 12;

/// So many that each knows its neighbours and fingers only.
const LARGE: usize = 24;

/// How many nodes keep a value: more than are killed, so none may be lost.
const REPLICAS: usize = 9;

/// How long a ring may take to be whole again: three unanswered questions to each of the dead that
/// stand side by side, at up to 3 s each, and two rounds of 10 s and a half.
const HEALING: Duration = Duration::from_secs(90);

/// How many keys are looked up from every node.
const KEYS: u64 = 5;

/// How many strangers a node is told of, more than its table holds; and how many bytes it may take
/// for them.
const STRANGERS: u64 = 100_000;
const STRANGERS_BYTES: u64 = 16 << 20;

/// Two types of message.
const PING: u8 = 1;
const NOTIFY: u8 = 5;

/// Draws others.
const SEED: &str = "MANYHOP_SEED";

#[test]
fn a_small_ring_heals() -> anyhow::Result<()> {
    grow_and_hurt("a small ring", SMALL)
}

#[test]
fn a_ring_heals() -> anyhow::Result<()> {
    grow_and_hurt("a ring", LARGE)
}

#[test]
fn strangers_cannot_fill_the_memory() -> anyhow::Result<()> {
    let case = "strangers";
    if !is_there(case, &[Requirement::Namespaces]) {
        return Ok(());
    }
    let stage = Stage::new()?;
    stage.run_one(case, || {
        let mut numbers = Numbers::new(1);
        let mut ring = Ring::new(&stage, case, 2);
        ring.grow(2, &mut numbers)?;
        let victim = ring.addresses()[0];
        // What is touched for the first time only counts as what is there.
        stage
            .namespace()
            .enter(|| name_strangers(victim, 0..1_000))??;
        let before = ring.resident_bytes(victim)?;
        stage
            .namespace()
            .enter(|| name_strangers(victim, 1_000..STRANGERS))??;
        let grown = ring.resident_bytes(victim)?.saturating_sub(before);
        ensure!(
            grown <= STRANGERS_BYTES,
            "{grown} bytes for {STRANGERS} strangers"
        );
        // Who comes now still finds room.
        ring.grow(1, &mut numbers)?;
        ring.wait_until_whole(HEALING)?;
        Ok(())
    })
}

/// Tells a node of one more who does not exist with each datagram, and now and then asks whether it
/// still listens, so that none is lost for want of a buffer.
fn name_strangers(victim: SocketAddr, numbers: Range<u64>) -> anyhow::Result<()> {
    let socket = UdpSocket::bind((victim.ip(), 0))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let mut answer = [0; 1500];
    for number in numbers {
        let mut stranger = vec![0; 12];
        stranger.extend(number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        stranger.extend([0; 10]);
        stranger.extend([0xff, 0xff, 192, 0, 2, 1, 0x0f, 0xa0]);
        stranger.extend([0; 4]);
        socket.send_to(&datagram(NOTIFY, number, &stranger), victim)?;
        if number % 32 == 0 {
            socket.send_to(&datagram(PING, number, &[]), victim)?;
            socket.recv(&mut answer).context("a node answers")?;
        }
    }
    Ok(())
}

/// A question, as the specification has it.
fn datagram(kind: u8, transaction: u64, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x43, 0x48, 1, kind];
    bytes.extend(transaction.to_be_bytes());
    bytes.extend([0; 12]);
    bytes.extend(u32::try_from(body.len()).unwrap_or(0).to_be_bytes());
    bytes.extend(body);
    bytes
}

fn grow_and_hurt(case: &str, size: usize) -> anyhow::Result<()> {
    if !is_there(case, &[Requirement::Namespaces]) {
        return Ok(());
    }
    let seed = std::env::var(SEED).ok().and_then(|text| text.parse().ok());
    let seed = seed.unwrap_or_else(|| u64::from(std::process::id()));
    let stage = Stage::new()?;
    let tried = stage.run_one(case, || {
        let mut numbers = Numbers::new(seed);
        let mut ring = Ring::new(&stage, case, REPLICAS);
        ring.grow(size, &mut numbers)?;
        ring.wait_until_whole(HEALING)?;
        ring.agree_on(&keys(&mut numbers))?;
        let values = keys(&mut numbers);
        for value in &values {
            ring.put(
                value,
                &format!("the value of {value}"),
                ring.anybody(&mut numbers)?,
            )?;
        }

        ring.kill(size / 3, &mut numbers)?;
        ring.wait_until_whole(HEALING)?;
        ring.agree_on(&keys(&mut numbers))?;
        for value in &values {
            let got = ring.get(value, ring.anybody(&mut numbers)?)?;
            ensure!(got == format!("the value of {value}"), "{value} is {got:?}");
        }
        Ok(())
    });
    tried.with_context(|| format!("{SEED}={seed} kills the same"))
}

fn keys(numbers: &mut Numbers) -> Vec<String> {
    (0..KEYS)
        .map(|_| format!("key {}", numbers.next_number()))
        .collect()
}
