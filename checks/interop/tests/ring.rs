//! Rings of real processes: they grow, lose a third of their nodes at once, and are whole again.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use manyhop_interop::{Numbers, Requirement, Ring, Stage, is_there};

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
