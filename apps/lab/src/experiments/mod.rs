//! The experiments, in the order of the papers.

mod chord_load;
mod consistent_hashing;
mod ring;

use crate::experiment::Experiment;

/// All of them.
pub const ALL: &[&dyn Experiment] = &[
    &chord_load::ChordLoad,
    &consistent_hashing::ConsistentHashing,
];
