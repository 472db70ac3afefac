//! What all shards see and none changes while they are at work.

use core::net::IpAddr;
use std::collections::BTreeMap;

use machine::Instant;

use crate::chance::Salt;
use crate::config::Config;
use crate::directory::Directory;
use crate::engine::event::NodeId;
use crate::engine::wheel::Tick;

/// What all shards see.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) config: Config,
    pub(crate) salt: Salt,
    pub(crate) directory: Directory,
    pub(crate) names: BTreeMap<String, Vec<IpAddr>>,
    pub(crate) partition: Partition,
    /// How many shards there are.
    pub(crate) shards: u32,
    /// How many ticks every message is under way at least.
    pub(crate) lookahead: u64,
}

/// Who can reach whom.
#[derive(Debug, Default)]
pub(crate) struct Partition {
    /// Counts the partitions so far.
    pub(crate) cuts: u32,
    /// On which side each node stands; empty if the network is whole.
    pub(crate) sides: Vec<u32>,
}

impl World {
    pub(crate) fn new(config: Config, shards: u32) -> Self {
        Self {
            salt: Salt::of(config.seed),
            config,
            directory: Directory::new(),
            names: BTreeMap::new(),
            partition: Partition::default(),
            shards,
            lookahead: 1,
        }
    }

    /// The shard that looks after a node.
    #[inline]
    pub(crate) const fn shard_of(&self, node: NodeId) -> usize {
        if self.shards == 1 {
            0
        } else {
            (node.0 % self.shards) as usize
        }
    }

    /// A node's place in its shard.
    #[inline]
    pub(crate) const fn place_of(&self, node: NodeId) -> usize {
        if self.shards == 1 {
            node.index()
        } else {
            (node.0 / self.shards) as usize
        }
    }

    /// Tells how long a message is under way, in nanoseconds.
    #[inline]
    pub(crate) fn latency(&self, one: NodeId, other: NodeId) -> u64 {
        self.config
            .network
            .latency
            .between(self.salt, one.0, other.0)
    }

    /// Reckons anew what follows from the configuration, which may have changed.
    pub(crate) fn prepare(&mut self) {
        let least = Instant::from_nanos(self.config.network.latency.least());
        self.lookahead = Tick::not_before(least).0.max(1);
    }

    /// Whether nothing gets from one node to the other.
    #[inline]
    pub(crate) fn is_cut(&self, one: NodeId, other: NodeId) -> bool {
        self.partition.is_cut(one, other)
    }
}

impl Partition {
    #[inline]
    fn is_cut(&self, one: NodeId, other: NodeId) -> bool {
        // Nodes that came after the cut are with the rest.
        let side = |node: NodeId| self.sides.get(node.index()).copied().unwrap_or(0);
        !self.sides.is_empty() && side(one) != side(other)
    }
}
