//! The large campaign on a ring of real processes: half of it dies at once, and the net is cut in
//! two and mended. It takes a quarter of an hour, so it is a command of its own.
//!
//! ```text
//! cargo build -p manyhop && cargo run -p manyhop-interop --bin ring -- \
//!     --nodes 50 --replicas 12 --seed 7 --out checks/interop/results/ring.json
//! ```
//!
//! What it finds is written as one JSON value. It fails if an acknowledged value is lost of which a
//! replica has survived, or if the ring does not become whole.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a command speaks on the terminal")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use manyhop_interop::{Numbers, Requirement, Ring, Stage, is_there, place};
use serde_json::{Value, json};

/// How long the net is cut.
const CUT: Duration = Duration::from_secs(120);

/// How long a ring may take to be whole again after deaths, and after a cut: members look for
/// other rings every five minutes and a half of it.
const HEALING: Duration = Duration::from_secs(300);
const MERGING: Duration = Duration::from_secs(900);

/// How many values are put, and how many keys are looked up from every node.
const VALUES: usize = 200;
const KEYS: usize = 5;

const USAGE: &str = "ring [--nodes N] [--replicas N] [--seed N] [--only half|cut] [--out FILE]";

struct Options {
    nodes: usize,
    replicas: usize,
    seed: u64,
    only: Option<String>,
    out: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse(std::env::args().skip(1))?;
    let needs = [Requirement::Namespaces, Requirement::Program("nft")];
    if !is_there("the campaign on a ring", &needs) {
        return Ok(());
    }
    let is_wanted = |part| options.only.as_deref().is_none_or(|only| only == part);
    let command = format!(
        "cargo run -p manyhop-interop --bin ring -- --nodes {} --replicas {} --seed {}",
        options.nodes, options.replicas, options.seed
    );
    let mut found = json!({
        "command": command,
        "nodes": options.nodes,
        "replicas": options.replicas,
        "seed": options.seed,
    });
    let mut is_well = true;
    if is_wanted("half") {
        found["half"] = lose_half(&options)?;
        is_well &= found["half"]["lost"] == found["half"]["doomed"];
    }
    if is_wanted("cut") {
        found["cut"] = cut_and_mend(&options)?;
        is_well &= found["cut"]["lost"] == 0;
    }
    let text = serde_json::to_string_pretty(&found)?;
    match &options.out {
        Some(path) => std::fs::write(path, format!("{text}\n"))?,
        None => println!("{text}"),
    }
    ensure!(is_well, "values were lost that had replicas left");
    Ok(())
}

/// Half of the nodes are killed at once; what was acknowledged must survive where a replica has.
fn lose_half(options: &Options) -> anyhow::Result<Value> {
    let case = "half of a ring";
    let stage = Stage::new()?;
    let mut numbers = Numbers::new(options.seed);
    let mut found = json!({});
    stage.run_one(case, || {
        let mut ring = Ring::new(&stage, case, options.replicas);
        let grown = grow(&mut ring, options, &mut numbers)?;
        let values = put_values(&ring, &mut numbers)?;
        let replicas: BTreeMap<&String, Vec<String>> = values
            .iter()
            .map(|key| {
                let holders = ring.after(&place(key)).take(options.replicas);
                (key, holders.cloned().collect())
            })
            .collect();
        tell(&format!(
            "seed {}: killing {} at once",
            options.seed,
            options.nodes / 2
        ));
        let killed = ring.kill(options.nodes / 2, &mut numbers)?;
        let healed = ring.wait_until_whole(HEALING)?;
        tell(&format!("whole again after {:.1} s", healed.as_secs_f64()));
        ring.agree_on(&keys(KEYS, &mut numbers))?;
        let lost = lost(&ring, &values, &mut numbers)?;
        let is_doomed = |key: &&String| replicas[key].iter().all(|holder| killed.contains(holder));
        let doomed: Vec<&String> = values.iter().filter(is_doomed).collect();
        tell(&format!(
            "{} of {VALUES} values lost; of {} all replicas died",
            lost.len(),
            doomed.len()
        ));
        found = json!({
            "grown_seconds": grown.as_secs_f64(),
            "killed": killed,
            "whole_after_seconds": healed.as_secs_f64(),
            "values": VALUES,
            "lost": lost.len(),
            "doomed": doomed.len(),
        });
        Ok(())
    })?;
    Ok(found)
}

/// The net is cut between two random halves, and mended after two minutes.
fn cut_and_mend(options: &Options) -> anyhow::Result<Value> {
    let case = "a cut";
    let stage = Stage::new()?;
    let mut numbers = Numbers::new(options.seed.wrapping_add(1));
    let mut found = json!({});
    stage.run_one(case, || {
        let mut ring = Ring::new(&stage, case, options.replicas);
        let grown = grow(&mut ring, options, &mut numbers)?;
        let values = put_values(&ring, &mut numbers)?;
        let (here, there) = halves(ring.ids(), &mut numbers)?;
        ring.cut(&here)?;
        let cut_at = Instant::now();
        let ours = ring
            .wait_until_ring_of(&here, CUT)
            .map(|time| time.as_secs_f64());
        let left = CUT.saturating_sub(cut_at.elapsed());
        let theirs = ring.wait_until_ring_of(&there, left);
        let theirs = theirs.map(|_| cut_at.elapsed().as_secs_f64());
        let (ours, theirs) = (ours.ok(), theirs.ok());
        tell(&format!(
            "each side a ring of its own after {ours:?} s and {theirs:?} s"
        ));
        thread::sleep(CUT.saturating_sub(cut_at.elapsed()));
        ring.mend()?;
        let merged = ring.wait_until_whole(MERGING)?;
        tell(&format!(
            "one ring {:.1} s after the mending",
            merged.as_secs_f64()
        ));
        ring.agree_on(&keys(KEYS, &mut numbers))?;
        let lost = lost(&ring, &values, &mut numbers)?;
        tell(&format!("{} of {VALUES} values lost", lost.len()));
        found = json!({
            "grown_seconds": grown.as_secs_f64(),
            "cut_seconds": CUT.as_secs(),
            "sides": [here.len(), there.len()],
            "sides_whole_after_seconds": [ours, theirs],
            "one_ring_after_seconds": merged.as_secs_f64(),
            "values": VALUES,
            "lost": lost.len(),
        });
        Ok(())
    })?;
    Ok(found)
}

fn grow(ring: &mut Ring<'_>, options: &Options, numbers: &mut Numbers) -> anyhow::Result<Duration> {
    let began = Instant::now();
    ring.grow(options.nodes, numbers)?;
    ring.wait_until_whole(HEALING)?;
    tell(&format!(
        "a ring of {} after {:.1} s",
        options.nodes,
        began.elapsed().as_secs_f64()
    ));
    Ok(began.elapsed())
}

fn put_values(ring: &Ring<'_>, numbers: &mut Numbers) -> anyhow::Result<Vec<String>> {
    let values = keys(VALUES, numbers);
    for key in &values {
        ring.put(key, &value_of(key), ring.anybody(numbers)?)?;
    }
    Ok(values)
}

fn lost(ring: &Ring<'_>, values: &[String], numbers: &mut Numbers) -> anyhow::Result<Vec<String>> {
    let mut lost = Vec::new();
    for key in values {
        let got = ring.get(key, ring.anybody(numbers)?);
        if got.ok() != Some(value_of(key)) {
            lost.push(key.clone());
        }
    }
    Ok(lost)
}

fn halves(
    mut ids: Vec<String>,
    numbers: &mut Numbers,
) -> anyhow::Result<(Vec<String>, Vec<String>)> {
    let mut here = Vec::new();
    let half = ids.len() / 2;
    while ids.len() > half {
        let at = usize::try_from(numbers.next_number() % u64::try_from(ids.len())?)?;
        here.push(ids.swap_remove(at));
    }
    Ok((here, ids))
}

fn keys(count: usize, numbers: &mut Numbers) -> Vec<String> {
    (0..count)
        .map(|_| format!("key {}", numbers.next_number()))
        .collect()
}

fn value_of(key: &str) -> String {
    format!("the value of {key}")
}

fn tell(text: &str) {
    println!("{text}");
}

impl Options {
    fn parse(mut words: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        let mut options = Self {
            nodes: 50,
            replicas: 12,
            seed: u64::from(std::process::id()),
            only: None,
            out: None,
        };
        while let Some(word) = words.next() {
            let value = words
                .next()
                .with_context(|| format!("{word} what? {USAGE}"))?;
            match word.as_str() {
                "--nodes" => options.nodes = value.parse().context(USAGE)?,
                "--replicas" => options.replicas = value.parse().context(USAGE)?,
                "--seed" => options.seed = value.parse().context(USAGE)?,
                "--only" => options.only = Some(value),
                "--out" => options.out = Some(value.into()),
                _ => bail!("there is no {word}: {USAGE}"),
            }
        }
        Ok(options)
    }
}
