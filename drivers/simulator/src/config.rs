//! What a simulated world is like: its seed, its network, its disks, and each node's place in it.

use core::time::Duration;

use machine::{Endpoint, Seed, SlotPlan};

use crate::chance::Chance;
use crate::latency::Latency;
use crate::network::nat::Nat;

/// A world.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where all chance comes from.
    pub seed: Seed,
    /// What lies between the nodes.
    pub network: Network,
    /// What lies below them.
    pub disk: DiskModel,
}

/// What lies between the nodes. The probabilities are those of datagrams: a stream repeats what
/// is lost, so that only its delay would show it.
#[derive(Debug, Clone)]
pub struct Network {
    /// How long a message is under way between two nodes, one way.
    pub latency: Latency,
    /// Up to this much is added to a datagram's latency, drawn for each: what differs may overtake.
    pub jitter: Duration,
    /// How likely a datagram is lost.
    pub loss: Chance,
    /// How likely a datagram comes twice.
    pub duplication: Chance,
    /// How likely some bytes of a datagram are damaged.
    pub damage: Chance,
    /// How many bytes a stream may have under way that the receiver's node has not taken yet.
    pub window: u32,
    /// Where streams cut what is sent.
    pub cuts: Cuts,
    /// When a connection to a silent host counts as timed out.
    pub connect_timeout: Duration,
    /// When a connection over which nothing gets through counts as timed out.
    pub stream_timeout: Duration,
    /// How datagrams travel.
    pub form: Form,
}

/// Where streams cut what is sent on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cuts {
    /// Where the sender did, every 16 KiB at the latest: cheap.
    AsSent,
    /// Anywhere: what the sockets of a real net do on a bad day.
    Anywhere,
}

/// How datagrams travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As values. Their length on the wire is charged all the same.
    Values,
    /// As bytes, encoded and decoded on the way: dearer, and the trace must be the same.
    Bytes,
}

/// How fast a link is, in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bandwidth {
    /// 0 has no limit.
    bytes_a_second: u64,
}

/// What lies below the nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskModel {
    /// Whether payload has content.
    pub payload: Payload,
    /// How long each job takes, whatever its length.
    pub access: Duration,
    /// How fast bytes are hashed, written and read, on top of it.
    pub speed: Bandwidth,
}

/// Whether payload has content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload {
    /// Files have bytes, pieces are hashed: whatever is damaged is found.
    Real,
    /// All payload is one shared block of zeros, and only lengths are kept: hashing is free, and
    /// whatever was completely put together counts as right.
    Shared,
}

/// A node's place in the world.
#[derive(Debug, Clone)]
pub struct NodeConfig {
    /// Where it is reached; datagrams leave from the first of the receiver's family. The listener
    /// of each has the number of its position.
    pub(crate) addresses: Vec<Endpoint>,
    pub(crate) reach: Reach,
    pub(crate) up: Bandwidth,
    pub(crate) down: Bandwidth,
    pub(crate) slots: SlotPlan,
    pub(crate) connections_max: usize,
    pub(crate) nat: Option<Nat>,
}

/// Whether strangers can connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    Open,
    Deaf,
}

impl Config {
    /// A world of 50 ms latency without faults, where payload is real.
    #[must_use]
    pub const fn new(seed: Seed) -> Self {
        Self {
            seed,
            network: Network::new(),
            disk: DiskModel::new(Payload::Real),
        }
    }
}

impl Network {
    /// 50 ms between all, no faults, windows of 256 KiB, and the patience of a usual system.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            latency: Latency::Constant(Duration::from_millis(50)),
            jitter: Duration::ZERO,
            loss: Chance::NEVER,
            duplication: Chance::NEVER,
            damage: Chance::NEVER,
            window: 256 * 1024,
            cuts: Cuts::AsSent,
            connect_timeout: Duration::from_secs(30),
            stream_timeout: Duration::from_secs(120),
            form: Form::Values,
        }
    }
}

impl Network {
    /// Whether all datagrams come whole, once, as values and after their latency.
    #[inline]
    pub(crate) fn is_faultless(&self) -> bool {
        self.loss == Chance::NEVER
            && self.damage == Chance::NEVER
            && self.duplication == Chance::NEVER
            && self.jitter.is_zero()
            && self.form == Form::Values
    }

    /// Whether some datagrams come as bytes.
    pub(crate) fn has_bytes(&self) -> bool {
        self.damage != Chance::NEVER
            || self.duplication != Chance::NEVER
            || self.form == Form::Bytes
    }
}

impl Default for Network {
    fn default() -> Self {
        Self::new()
    }
}

impl Bandwidth {
    /// No limit.
    pub const UNLIMITED: Self = Self { bytes_a_second: 0 };

    /// So many bits a second, as links are sold; below 8 there is no limit.
    #[must_use]
    pub const fn bits_a_second(bits: u64) -> Self {
        Self::bytes_a_second(bits / 8)
    }

    /// So many bytes a second; 0 has no limit.
    #[must_use]
    pub const fn bytes_a_second(bytes_a_second: u64) -> Self {
        Self { bytes_a_second }
    }

    /// How many nanoseconds so many bytes take.
    pub(crate) const fn nanos(self, bytes: usize) -> u64 {
        match (bytes as u64)
            .saturating_mul(1_000_000_000)
            .checked_div(self.bytes_a_second)
        {
            Some(nanos) => nanos,
            None => 0,
        }
    }
}

impl DiskModel {
    /// A disk that answers after a tenth of a millisecond.
    #[must_use]
    pub const fn new(payload: Payload) -> Self {
        Self {
            payload,
            access: Duration::from_micros(100),
            speed: Bandwidth::UNLIMITED,
        }
    }
}

impl NodeConfig {
    /// A node that listens at an endpoint, with an unlimited link and no memory for pieces.
    #[must_use]
    pub fn at(endpoint: Endpoint) -> Self {
        Self {
            addresses: vec![endpoint],
            ..Self::anywhere()
        }
    }

    /// A node with nothing of its own.
    pub(crate) const fn anywhere() -> Self {
        Self {
            addresses: Vec::new(),
            reach: Reach::Open,
            up: Bandwidth::UNLIMITED,
            down: Bandwidth::UNLIMITED,
            slots: SlotPlan { count: 0, len: 0 },
            connections_max: usize::MAX,
            nat: None,
        }
    }

    /// Whether there is nothing to remember of it but its address.
    pub(crate) fn is_plain(&self) -> bool {
        self.reach == Reach::Open
            && self.up == Bandwidth::UNLIMITED
            && self.down == Bandwidth::UNLIMITED
            && self.slots.count == 0
            && self.connections_max == usize::MAX
            && self.nat.is_none()
    }

    /// Gives the node a further address, as one of the other family.
    #[must_use]
    pub fn and_at(mut self, endpoint: Endpoint) -> Self {
        self.addresses.push(endpoint);
        self
    }

    /// Limits its link in both directions.
    #[must_use]
    pub const fn with_link(mut self, up: Bandwidth, down: Bandwidth) -> Self {
        self.up = up;
        self.down = down;
        self
    }

    /// Gives it memory for pieces.
    #[must_use]
    pub const fn with_slots(mut self, slots: SlotPlan) -> Self {
        self.slots = slots;
        self
    }

    /// Limits its connections, those that it opened and those that it accepted.
    #[must_use]
    pub const fn with_connections(mut self, max: usize) -> Self {
        self.connections_max = max;
        self
    }

    /// Puts it behind a translator or a firewall.
    #[must_use]
    pub const fn behind(mut self, nat: Nat) -> Self {
        self.nat = Some(nat);
        self
    }

    /// Lets nobody connect to it.
    #[must_use]
    pub const fn without_listener(mut self) -> Self {
        self.reach = Reach::Deaf;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bandwidth_is_time_for_bytes() {
        assert_eq!(Bandwidth::bits_a_second(10_000_000).nanos(1250), 1_000_000);
        assert_eq!(Bandwidth::UNLIMITED.nanos(1 << 40), 0);
    }
}
