//! One slow seed and eight who fetch, all of one kind: how well do they spread what they have?
//!
//! The seed is slowed by the network, not by its own settings, whose meaning differs. If the eight
//! give away each byte as soon as they have it, the last one ends hardly later than the seed needs to
//! give all bytes once.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use manyhop_interop::{Place, Requirement, Stage};

use super::Question;
use crate::contenders::{Contender, Task};
use crate::metric::Metric;
use crate::options::Size;
use crate::payload::Payload;
use crate::trial::{Runner, Trial};

/// How many fetch.
const LEECHES: usize = 8;

/// What the seed may give, in bytes a second.
const RATE: u64 = 20 << 20;

/// What may leave at once: more than the largest packet, which the loopback device makes 64 KiB long.
const BURST_BYTES: u64 = 256 << 10;

/// What a class may send in its turn; there is only one, but without it the kernel complains.
const QUANTUM_BYTES: u64 = 64 << 10;

/// Nobody is faster, but for the burst and the looks of the clock.
const TIMES_OPTIMUM_MIN: f64 = 0.97;

/// The row.
///
/// # Errors
/// When the network cannot be slowed.
pub(super) fn swarm(payload: Payload, size: Size) -> anyhow::Result<Question> {
    if let Some(missing) = Requirement::Program("tc").missing() {
        bail!("{missing}");
    }
    let optimum = size.0 as f64 / RATE as f64;
    let trial = move |contender: &dyn Contender| {
        let stage = Stage::new()?;
        let trial = Trial::new(&stage)?;
        let mut seed = trial.seed(contender, &payload)?;
        slow_down(&stage, seed.place())?;
        let mut leeches = Vec::new();
        for number in 0..LEECHES {
            let place = trial.place(&format!("leech {number}"))?;
            let task = Task::Share(payload.torrent());
            leeches.push(trial.start(contender, task, &[payload.info_hash()], place)?);
        }
        let mut watched: Vec<&mut Runner> = leeches.iter_mut().collect();
        watched.push(&mut seed);
        trial.watch(&mut watched)?;
        let mut cpu = Duration::ZERO;
        let (mut wall, mut anonymous) = (Duration::ZERO, 0.0_f64);
        for leech in &mut leeches {
            payload.compare_soon(&leech.place().data)?;
            wall = wall.max(leech.wall()?);
            let usage = leech.usage();
            cpu += usage.cpu();
            anonymous = anonymous.max(usage.anonymous_mib());
        }
        let times_optimum = wall.as_secs_f64() / optimum;
        ensure!(
            times_optimum >= TIMES_OPTIMUM_MIN,
            "{times_optimum:.2} of the least time: something passed by the limit"
        );
        let fetched = size.gib() * LEECHES as f64;
        Ok([
            (Metric::Wall, wall.as_secs_f64()),
            (Metric::TimesOptimum, times_optimum),
            (Metric::CpuPerGib, cpu.as_secs_f64() / fetched),
            (Metric::Anonymous, anonymous),
        ]
        .into())
    };
    let title = format!(
        "swarm: {size} from one seed at {}/s to {LEECHES}, all of one kind, until the last one has \
         all; at best {optimum:.1} s",
        Size(RATE)
    );
    Ok((title, Box::new(trial)))
}

/// Slows down what leaves the seed: from its address, or its port, if it binds no address.
fn slow_down(stage: &Stage, seed: &Place) -> anyhow::Result<()> {
    let (ip, port) = (seed.address.ip(), seed.address.port());
    let filter = "filter add dev lo parent 1: protocol ip prio 1 u32 match ip";
    let rules = [
        // What belongs to no class is not slowed.
        "qdisc add dev lo root handle 1: htb default 0".to_owned(),
        format!(
            "class add dev lo parent 1: classid 1:1 htb rate {RATE}bps burst {BURST_BYTES} \
             cburst {BURST_BYTES} quantum {QUANTUM_BYTES}"
        ),
        format!("{filter} src {ip}/32 flowid 1:1"),
        format!("{filter} sport {port} 0xffff flowid 1:1"),
    ];
    stage
        .namespace()
        .enter(|| rules.iter().try_for_each(|rule| tc(rule)))?
}

fn tc(rule: &str) -> anyhow::Result<()> {
    let output = Command::new("tc").args(rule.split_whitespace()).output();
    let output = output.context("tc (of iproute2) does not start")?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "tc {rule}: {}", told.trim());
    Ok(())
}
