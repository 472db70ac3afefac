//! Runs many nodes in one process, one clock and one seed.

#![forbid(unsafe_code)]

mod config;
mod disk;
mod engine;
mod network;
mod seeds;
mod simulation;
mod trace;

pub use config::{
    Bandwidth, Chance, Config, Cuts, DiskModel, Form, Latency, Network, NodeConfig, Payload,
    endpoint,
};
pub use disk::{Content, Disk};
pub use engine::event::NodeId;
pub use engine::wheel::TICK;
pub use seeds::{SEED_VARIABLE, seeds};
pub use simulation::Simulation;
pub use trace::TraceHash;
