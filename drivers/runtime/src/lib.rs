//! Runs one node on real sockets and disks.

#![forbid(unsafe_code)]

mod builder;
mod clock;
mod crew;
mod datagrams;
mod deadline;
mod disk;
mod files;
mod handle;
mod listener;
mod network;
mod reactor;
mod scratch;
mod seed;

pub use builder::{Builder, Limits, StartError};
pub use files::{Access, Files, Place, PlaceError, Root};
pub use handle::Handle;
