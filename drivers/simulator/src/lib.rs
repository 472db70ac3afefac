//! Runs many nodes in one process, one clock and one seed.
