//! The experiments, in the order of the papers.

mod chord;
mod chord_load;
mod consistent_hashing;
mod ring;

use crate::experiment::Experiment;

/// All of them.
pub const ALL: &[&dyn Experiment] = &[
    &chord_load::ChordLoad,
    &chord::path_length::PathLength,
    &chord::tables::Tables,
    &chord::failures::Failures,
    &chord::timeouts::Timeouts,
    &chord::churn::Churn,
    &chord::join::Join,
    &chord::stabilisation::Stabilisation,
    &chord::connectivity::Connectivity,
    &chord::latency::Stretch,
    &chord::prototype::Prototype,
    &chord::invariants::Invariants,
    &chord::scale::Scale,
    &consistent_hashing::ConsistentHashing,
];
