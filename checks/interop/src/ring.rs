//! A ring of our own nodes, each a process: it grows, is hurt, and is asked how it stands.
//!
//! Whether the ring is right is not the nodes' own word. Their ids tell where each belongs, and
//! with that who owns a key; what `manyhop chord` finds is compared with it.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::Value;
use sha1::{Digest as _, Sha1};

use crate::manyhop::Manyhop;
use crate::payload::Numbers;
use crate::process::Process;
use crate::stage::Stage;
use crate::wait::{PATIENCE, wait_until};

/// A ring, as far as we started its nodes.
#[derive(Debug)]
pub struct Ring<'a> {
    stage: &'a Stage,
    case: String,
    /// How many replicas there are, as nodes and those who ask are told.
    words: Vec<String>,
    /// By where they stand: 40 hexadecimal digits.
    nodes: BTreeMap<String, Node>,
    started: usize,
}

#[derive(Debug)]
struct Node {
    address: SocketAddr,
    process: Process,
}

/// What a walk round the ring has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walk {
    /// Whether it came back to where it began.
    pub is_closed: bool,
    /// The ids of those who answered, in the order of the walk.
    pub ids: Vec<String>,
    /// How many were named and did not answer.
    pub silent: u64,
    /// How many answered, but name another predecessor than the one from whom the walk came.
    pub strangers: usize,
}

impl<'a> Ring<'a> {
    /// A ring without nodes, whose values are kept by so many.
    pub fn new(stage: &'a Stage, case: &str, replicas: usize) -> Self {
        Self {
            stage,
            case: case.to_owned(),
            words: vec!["--replicas".to_owned(), replicas.to_string()],
            nodes: BTreeMap::new(),
            started: 0,
        }
    }

    /// Lets nodes join, one after another, each through one of those who are there.
    ///
    /// # Errors
    /// When one does not start, or is not a member soon.
    pub fn grow(&mut self, by: usize, numbers: &mut Numbers) -> anyhow::Result<()> {
        for _ in 0..by {
            let door = self.anybody(numbers).ok();
            self.add(door)?;
        }
        Ok(())
    }

    /// How many nodes live.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether none lives.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The ids of the nodes, in the order of the ring.
    pub fn ids(&self) -> Vec<String> {
        self.nodes.keys().cloned().collect()
    }

    /// Where the nodes are, in the order of the ring.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.nodes.values().map(|node| node.address).collect()
    }

    /// One of the nodes.
    ///
    /// # Errors
    /// When there is none.
    pub fn anybody(&self, numbers: &mut Numbers) -> anyhow::Result<SocketAddr> {
        let count = u64::try_from(self.nodes.len())?.max(1);
        let at = usize::try_from(numbers.next_number() % count)?;
        let node = self.nodes.values().nth(at);
        Ok(node.context("nobody lives")?.address)
    }

    /// Kills some at once, as a power cut would.
    ///
    /// # Errors
    /// When one has ended before.
    pub fn kill(&mut self, count: usize, numbers: &mut Numbers) -> anyhow::Result<Vec<String>> {
        let mut ids: Vec<String> = self.nodes.keys().cloned().collect();
        let mut killed = Vec::new();
        for _ in 0..count {
            let left = u64::try_from(ids.len())?.max(1);
            let at = usize::try_from(numbers.next_number() % left)?;
            ensure!(at < ids.len(), "fewer than {count} live");
            killed.push(ids.swap_remove(at));
        }
        for id in &killed {
            let mut node = self.nodes.remove(id).context("it lives")?;
            node.process.kill()?;
        }
        Ok(killed)
    }

    /// Ends one in good order.
    ///
    /// # Errors
    /// When it does not end soon, or not well.
    pub fn dismiss(&mut self, numbers: &mut Numbers) -> anyhow::Result<String> {
        let address = self.anybody(numbers)?;
        let found = self.nodes.iter().find(|(_, node)| node.address == address);
        let id = found.context("it lives")?.0.clone();
        let mut node = self.nodes.remove(&id).context("it lives")?;
        let status = node.process.stop(PATIENCE)?;
        ensure!(status.success(), "a node left with {status}");
        Ok(id)
    }

    /// Walks round the ring from a node on.
    ///
    /// # Errors
    /// When the node cannot be asked.
    pub fn walk(&self, at: SocketAddr) -> anyhow::Result<Walk> {
        let seen = self.ask(&["ring", "--at", &at.to_string()])?;
        let nodes = seen["nodes"].as_array().context("a walk has nodes")?;
        let nodes: Vec<&Value> = nodes.iter().filter(|node| !node["ms"].is_null()).collect();
        let ids: Option<Vec<String>> = nodes
            .iter()
            .map(|node| node["id"].as_str().map(str::to_owned))
            .collect();
        let ids = ids.context("nodes have ids")?;
        let before = ids.iter().cycle().skip(ids.len().saturating_sub(1));
        let strangers = nodes
            .iter()
            .zip(before)
            .filter(|(node, before)| node["predecessor"].as_str() != Some(before));
        Ok(Walk {
            is_closed: seen["closed"].as_bool().unwrap_or(false),
            silent: seen["silent"].as_u64().unwrap_or(0),
            strangers: if ids.len() > 1 { strangers.count() } else { 0 },
            ids,
        })
    }

    /// Waits until all who live, and nobody else, form one ring; gives how long that took.
    ///
    /// # Errors
    /// When it does not come to that within `patience`.
    pub fn wait_until_whole(&mut self, patience: Duration) -> anyhow::Result<Duration> {
        let all = self.ids();
        self.wait_until_ring_of(&all, patience)
    }

    /// Waits until these, and nobody else, form a ring; gives how long that took.
    ///
    /// # Errors
    /// When it does not come to that within `patience`.
    pub fn wait_until_ring_of(
        &mut self,
        ids: &[String],
        patience: Duration,
    ) -> anyhow::Result<Duration> {
        let began = Instant::now();
        let first = ids.first().and_then(|id| self.nodes.get(id));
        let at = first.context("nobody lives")?.address;
        let mut last = None;
        let whole = wait_until("one ring of all", patience, || {
            for node in self.nodes.values_mut() {
                node.process.ensure_running()?;
            }
            // A node that looks for its ring answers nothing else meanwhile.
            let walk = self.walk(at).ok();
            let is_whole = walk.as_ref().is_some_and(|walk| walk.is_whole(ids));
            last = walk;
            Ok(is_whole.then(|| began.elapsed()))
        });
        whole.with_context(|| format!("{} live: {ids:?}; the last walk: {last:?}", ids.len()))
    }

    /// Cuts the net between these nodes and all others: no packet passes.
    ///
    /// # Errors
    /// When nftables may not.
    pub fn cut(&self, ids: &[String]) -> anyhow::Result<()> {
        let nodes = ids.iter().filter_map(|id| self.nodes.get(id));
        let addresses: Vec<String> = nodes.map(|node| node.address.ip().to_string()).collect();
        let addresses = addresses.join(", ");
        self.filter(&format!(
            "table ip cut {{
                set here {{ type ipv4_addr; elements = {{ {addresses} }} }}
                chain input {{
                    type filter hook input priority 0;
                    ip saddr @here ip daddr != @here drop;
                    ip saddr != @here ip daddr @here drop;
                }}
            }}"
        ))
    }

    /// Makes the net whole again.
    ///
    /// # Errors
    /// When it was not cut.
    pub fn mend(&self) -> anyhow::Result<()> {
        self.filter("delete table ip cut")
    }

    fn filter(&self, rules: &str) -> anyhow::Result<()> {
        let mut command = Command::new("nft");
        command.arg(rules);
        let output = self.stage.namespace().enter(|| command.output())??;
        let told = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "nft: {told}");
        Ok(())
    }

    /// Looks keys up from every node, and demands that each finds the owner. Who asks makes sure
    /// with the owner, so this must hold as soon as the ring is whole.
    ///
    /// # Errors
    /// When one does not.
    pub fn agree_on(&self, keys: &[String]) -> anyhow::Result<()> {
        for key in keys {
            let owner = self.owner(key).context("nobody lives")?;
            for at in self.addresses() {
                let found = self.look_up(key, at)?;
                ensure!(found == owner, "{key} at {at}: {found}, and not {owner}");
            }
        }
        Ok(())
    }

    /// The owner of a key, as a lookup from this node finds it.
    ///
    /// # Errors
    /// When it finds none.
    pub fn look_up(&self, key: &str, at: SocketAddr) -> anyhow::Result<String> {
        let found = self.ask(&["lookup", key, "--at", &at.to_string()])?;
        let owner = found["owners"][0]["id"].as_str();
        Ok(owner.context("a lookup finds an owner")?.to_owned())
    }

    /// Puts a value under a key; gives how many nodes have it.
    ///
    /// # Errors
    /// When no majority of the replicas takes it.
    pub fn put(&self, key: &str, value: &str, at: SocketAddr) -> anyhow::Result<u64> {
        let at = at.to_string();
        let stored = self.ask_about_values(&["put", key, value, "--at", &at])?;
        stored["copies"].as_u64().context("copies are counted")
    }

    /// The value of a key.
    ///
    /// # Errors
    /// When there is none, or no majority of the replicas answers.
    pub fn get(&self, key: &str, at: SocketAddr) -> anyhow::Result<String> {
        let got = self.ask_about_values(&["get", key, "--at", &at.to_string()])?;
        Ok(got["value"].as_str().context("a value is text")?.to_owned())
    }

    fn ask_about_values(&self, words: &[&str]) -> anyhow::Result<Value> {
        let words = words.iter().copied();
        let all: Vec<&str> = words.chain(self.words.iter().map(String::as_str)).collect();
        self.ask(&all)
    }

    /// The id of the node that owns a key: the first at the key's place or after it.
    pub fn owner(&self, key: &str) -> Option<String> {
        self.after(&place(key)).next().cloned()
    }

    /// The ids of all who live, from a place on, once round the ring.
    pub fn after<'b>(&'b self, place: &str) -> impl Iterator<Item = &'b String> + use<'b> {
        let behind = self.nodes.range(place.to_owned()..);
        let before = self.nodes.range(..place.to_owned());
        behind.chain(before).map(|(id, _)| id)
    }

    /// How many bytes of memory a node holds.
    ///
    /// # Errors
    /// When there is none at this address, or the system does not tell.
    pub fn resident_bytes(&self, at: SocketAddr) -> anyhow::Result<u64> {
        let node = self.nodes.values().find(|node| node.address == at);
        let id = node.context("no node is there")?.process.id();
        let status = fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = line.and_then(|line| line.split_whitespace().next());
        Ok(kibibytes.context("memory is told")?.parse::<u64>()? * 1024)
    }

    /// Asks `manyhop chord` for something, and gives its result.
    ///
    /// # Errors
    /// When it gives none.
    pub fn ask(&self, words: &[&str]) -> anyhow::Result<Value> {
        let mut command = Manyhop::command()?;
        command.args(["--json", "chord"]).args(words);
        let output = self.stage.namespace().enter(|| command.output())??;
        let text = String::from_utf8(output.stdout)?;
        let last = text.lines().last().context("it says nothing")?;
        let said: Value = serde_json::from_str(last).with_context(|| last.to_owned())?;
        ensure!(said["event"] == "result", "{words:?}: {last}");
        Ok(said)
    }

    fn add(&mut self, door: Option<SocketAddr>) -> anyhow::Result<()> {
        self.started += 1;
        let place = self
            .stage
            .place(&self.case, &format!("node {}", self.started))?;
        let mut command = Manyhop::command()?;
        command.args(["--json", "chord", "node", "--bind"]);
        command.arg(place.address.to_string()).args(&self.words);
        if let Some(door) = door {
            command.args(["--join", &door.to_string()]);
        }
        let mut process = self.stage.start(&place, command)?;
        let id = wait_until("a node that has joined", PATIENCE, || {
            process.ensure_running()?;
            let said = said(&process.log()?);
            let has_joined = said.iter().any(|event| event["event"] == "joined");
            let node = said.iter().find(|event| event["event"] == "node");
            let id = node.and_then(|node| node["ids"][0].as_str());
            Ok(id.filter(|_| has_joined).map(str::to_owned))
        })?;
        let address = place.address;
        self.nodes.insert(id, Node { address, process });
        Ok(())
    }
}

impl Walk {
    /// Whether it saw one ring of these, and of nobody else.
    fn is_whole(&self, ids: &[String]) -> bool {
        let mut seen = self.ids.clone();
        seen.sort();
        let mut wanted = ids.to_vec();
        wanted.sort();
        self.is_closed && self.silent == 0 && self.strangers == 0 && seen == wanted
    }
}

/// The place of a key: its SHA-1, as ids are written.
pub fn place(key: &str) -> String {
    let digest = Sha1::digest(key.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a node has said so far; half a line is not said yet.
fn said(log: &str) -> Vec<Value> {
    let lines = log.lines();
    lines
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_the_specification() {
        assert_eq!(place("hello"), "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d");
    }
}
