//! What a peer-to-peer protocol is to manyhop: a state machine that touches nothing.
//!
//! A [`Protocol`] is one node. It owns no socket, no clock, no file, no thread and no source of
//! chance. Things happen to it as [`Input`]s, one at a time; all it wants done it asks for
//! through [`Io`], and each wish becomes an [`Effect`] that a *driver* carries out:
//!
//! ```text
//!              Input                          Effect
//!   driver ──────────────▶  Protocol::handle ──────────▶  driver
//!   (sockets, disk, clock)   (the node: pure)              (or: links, disk, clock of a simulator)
//! ```
//!
//! The `runtime` drives one node on real sockets; the `simulator` drives a million of them under
//! one clock and one seed. The node cannot tell which. So what is measured in the laboratory is
//! what runs on the net, and a failure seen once can be replayed for ever.
//!
//! # What a driver promises
//!
//! 1. Inputs come one at a time, and [`Io::now`] never runs backwards.
//! 2. After [`Io::connect`] comes [`StreamInput::Connected`] or [`StreamInput::Closed`], and no
//!    byte before `Connected`. After `Closed`, or after the node's own [`Io::close`], nothing
//!    more comes from that connection.
//! 3. What a turn sends on one connection leaves together and in order. What was sent before
//!    [`Io::close`] is still delivered if the other side reads it.
//! 4. Each [`JobId`] is answered exactly once.
//! 5. When [`Protocol::next_wakeup`] is due comes [`Input::Wake`]; after it the deadline must
//!    lie in the future, which the driver asserts: a node that forgets would spin.
//! 6. Ids are chosen at the moment of asking, so the node can note them at once; they are never
//!    used again.
//!
//! `checks/conformance` holds every driver to these promises with the same tests.
//!
//! # Two kinds of traffic
//!
//! *Datagrams* cross the border as typed values ([`Protocol::Message`]): the driver owns the
//! codec, so a simulator can pass the value on and charge its encoded length. *Streams* cross it
//! as bytes: framing, handshakes and ciphers are the protocol. Payload in bulk takes a path of
//! its own ([`disk`]): it is put into numbered slots of the driver's memory and stored, hashed
//! and sent from there without the node ever touching a byte.

#![no_std]
#![deny(unsafe_code)]

extern crate alloc;

pub mod disk;
mod effect;
mod endpoint;
mod ids;
mod input;
mod io;
mod prefetch;
mod protocol;
mod rng;
mod time;
mod timers;
mod turns;

pub use disk::{BlockDigests, Digest, DiskDone, DiskError, DiskWork, Expect, FileSpan, SlotPlan};
pub use effect::{Effect, Effects, Written};
pub use endpoint::{Endpoint, EndpointError, Security, Target};
pub use ids::{ChainId, ConnId, FileId, Ids, JobId, ListenerId, SlotId};
pub use input::{CloseReason, Input, ResolveError, StreamInput};
pub use io::{BACKLOG_HIGH, BACKLOG_LOW, Io, NoStreams, Streams};
pub use prefetch::prefetch;
pub use protocol::{Coming, Protocol, Wire};
pub use rng::{Rng, Seed};
pub use time::Instant;
pub use timers::Timers;
pub use turns::Turns;
