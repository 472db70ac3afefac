//! Chord, by the code of `protocols/chord` in the simulator.

pub(super) mod churn;
pub(super) mod connectivity;
pub(super) mod failures;
pub(super) mod invariants;
pub(super) mod join;
pub(super) mod latency;
mod living;
pub(super) mod path_length;
pub(super) mod prototype;
pub(super) mod scale;
pub(super) mod stabilisation;
pub(super) mod tables;
pub(super) mod timeouts;
mod world;
