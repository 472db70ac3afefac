//! Runs manyhop beside real programs: whether we speak a protocol is decided by who else speaks it.
//!
//! Every test is a [`Stage`]: a network namespace of its own, which nothing leaves, with addresses
//! enough for every peer, and a folder of its own. On it stand
//!
//! - foreign clients, all of the one form [`clients::Client`];
//! - our own binary, [`Manyhop`], started as a user would;
//! - a [`Tracker`], opentracker or ours, which introduces them. It is also the witness: what
//!   a client is about is read from the tracker's scrape, the same way for all of them, and not
//!   from the words of each;
//! - a [`Payload`], whose every file is compared in the end.
//!
//! Foreign programs are slow to start, so cases run side by side ([`Stage::run`]) and share one
//! wait. A case that fails shows the ends of the logs of all its processes.
//!
//! Namespaces need root, and each client its Debian package. What is missing skips its cases with a
//! line `skipped: <case>: <what is missing>`; with `MANYHOP_REQUIRE_ALL=1`, as in CI, it fails them.
//! The binary under test is the one that lies beside the tests, so build it first, or name
//! another by `MANYHOP_BINARY`.
//!
//! The benchmarks (`checks/benchmark`) stand on the same stage.

#![forbid(unsafe_code)]

pub mod clients;
mod manyhop;
mod namespace;
mod payload;
mod process;
mod requirement;
mod ring;
mod stage;
mod sweep;
mod tmpfs;
mod tracker;
mod wait;

pub use manyhop::Manyhop;
pub use namespace::Namespace;
pub use payload::{InfoHash, Numbers, Payload};
pub use process::Process;
pub use requirement::{PYTHON, Requirement, is_there};
pub use ring::{Ring, Walk, place};
pub use stage::{Case, Place, Stage, folder};
pub use tmpfs::Tmpfs;
pub use tracker::{Swarm, Tracker};
pub use wait::{PATIENCE, wait_until};
