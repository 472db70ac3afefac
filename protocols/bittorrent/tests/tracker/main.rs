//! Conversations of announcing nodes with trackers, ours and strange ones.

mod asker;
mod net;
mod ours;
mod strange;
mod udp;
mod wire;

use asker::{Asker, Command, Heard};
use bittorrent::numbers::InfoHash;
use bittorrent::tracker::{AnnounceEvent, Failure, TierPolicy};
use core::time::Duration;
use machine::{Endpoint, Instant};
use net::{Host, Node, World};

pub(crate) const HASH: InfoHash = InfoHash([b'h'; 20]);

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn endpoint(text: &str) -> Endpoint {
    text.parse().expect("an endpoint")
}

pub(crate) fn add(info_hash: InfoHash, tiers: &[&[&str]], left: u64) -> Command {
    let tiers = tiers
        .iter()
        .map(|tier| tier.iter().map(|&url| url.into()).collect())
        .collect();
    Command::Add {
        info_hash,
        tiers,
        policy: TierPolicy::FirstWorking,
        left: Some(left),
    }
}

/// Host 0 asks the others.
pub(crate) fn ask(
    world: &mut World,
    asker: &mut Node<Asker>,
    others: &mut [&mut dyn Host],
    c: Command,
) {
    let going = asker.command(c, world.now);
    let mut hosts: Vec<&mut dyn Host> = vec![asker];
    hosts.extend(others.iter_mut().map(|host| &mut **host as &mut dyn Host));
    world.carry(0, &mut hosts, going);
}

/// What an asker heard: when, from which tracker, what it had told, and the number of peers or the
/// failure.
pub(crate) type Line = (u64, String, AnnounceEvent, Result<usize, Failure>);

/// What an asker heard since the last time.
pub(crate) fn heard(asker: &mut Node<Asker>) -> Vec<Line> {
    let line = |Heard { at, finished, .. }: Heard| {
        let result = finished.result.map(|outcome| outcome.peers.len());
        let at = at.since(Instant::ZERO).as_secs();
        (
            at,
            finished.tracker.url().host.clone(),
            finished.event,
            result,
        )
    };
    asker.heard.drain(..).map(line).collect()
}
