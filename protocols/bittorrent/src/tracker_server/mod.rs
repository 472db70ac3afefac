//! Our own tracker.

mod keyed;
mod swarm;
