//! One set of tests that every driver passes.
//!
//! A protocol cannot tell which driver runs it; so whatever a driver promises (the list stands at
//! the head of `machine`) every driver must keep, down to the traps that sketches of this design
//! fell into. The tests are written once, against a [`Stage`] on which [`Puppet`]s act:
//!
//! - a [`Puppet`] is a node without a will. It does what a command tells it, a closure over its
//!   `Io`, and reports each input it gets as a [`Sight`];
//! - a [`Stage`] is a driver: it starts puppets, passes them commands, and runs until a puppet
//!   has seen something;
//! - the [`promises`] are functions over any stage, and [`conformance!`] makes a test of each.
//!
//! To hold a new driver to them, implement [`Stage`] and write one file of tests:
//!
//! ```text
//! conformance::conformance!(MyStage::new());
//! ```

#![forbid(unsafe_code)]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test looks for one kind of sight among all"
)]

pub mod promises;
mod puppet;
pub mod runtime;
pub mod simulator;
mod stage;

pub use puppet::{Act, Command, Message, Puppet, React, Seen, Sight};
pub use stage::{Actor, Part, Stage};
