//! Runs many nodes in one process, one clock and one seed.
//!
//! The other driver, `runtime`, lends a [`Protocol`](machine::Protocol) real sockets, disks and
//! clocks. This one lends the very same code simulated ones, so that a swarm of hundreds runs in
//! a test, faster than in life, and does the same again whenever it is given the same [`Seed`]:
//! a failure seen once can be looked at for ever.
//!
//! ```
//! # use machine::{Instant, Input, Io, Protocol, Seed, Wire, Endpoint};
//! # use wire::Malformed;
//! # use core::time::Duration;
//! # struct Ping; #[derive(Clone)] struct Hello;
//! # impl Wire<()> for Hello {
//! #     fn encode(&self, _: &(), out: &mut Vec<u8>) { out.push(1) }
//! #     fn decode(_: &[u8], _: &mut ()) -> Result<Self, Malformed> { Ok(Hello) }
//! #     fn encoded_len(&self, _: &()) -> usize { 1 }
//! # }
//! # impl Protocol for Ping {
//! #     type Message = Hello; type Command = Endpoint; type Event = &'static str; type Shared = ();
//! #     fn handle(&mut self, input: Input<Self>, io: &mut Io<'_, Self>) {
//! #         match input {
//! #             Input::Command(to) => io.send_to(to, Hello),
//! #             Input::Message { .. } => io.emit("heard"),
//! #             _ => {}
//! #         }
//! #     }
//! #     fn next_wakeup(&self) -> Option<Instant> { None }
//! # }
//! use simulator::{Config, NodeConfig, Simulation, endpoint};
//!
//! let mut simulation = Simulation::new(Config::new(Seed(1)), ());
//! let alice = simulation.add(Ping, NodeConfig::at(endpoint(1)));
//! let bob = simulation.add(Ping, NodeConfig::at(endpoint(2)));
//! simulation.command(alice, endpoint(2));
//! simulation.run_for(Duration::from_secs(1));
//! let [(node, moment, event)] = simulation.take_events()[..] else { panic!() };
//! assert_eq!((node, event), (bob, "heard"));
//! assert_eq!(moment, Instant::ZERO + Duration::from_millis(50));
//! ```
//!
//! # One clock, one order
//!
//! Time goes in ticks ([`TICK`]). Whatever nodes do to each other takes one tick at least, and in
//! a tick a node is given first what comes in, ordered by (sender, order of sending), then its
//! wake, then the user's commands. With chance drawn from (seed, node, turn) nothing is left to
//! accident, and no node's tick depends on another's: they can be spread over cores. All waits in
//! timing wheels; deadlines are pulled and void ones skipped. [`Simulation::trace_hash`]
//! sums up a whole run: equal hashes, equal runs.
//!
//! # A million nodes
//!
//! A node that only sends datagrams costs the engine some 56 bytes besides its own record; what
//! streams, disks and links need is kept for those alone that have them. To be fast with many:
//! - add nodes in the order of their [`endpoint`]s, so that the way from one to the other is a
//!   subtraction; call [`Simulation::reserve`] before, so that all lie in huge pages;
//! - let what each turn touches come first in the node's record (`#[repr(C)]`), the rest behind;
//! - answer [`Protocol::expect`](machine::Protocol::expect);
//! - keep messages small, what is long behind a `Box`;
//! - spread them over cores by [`Simulation::sharded`].
//!
//! `cargo bench -p manyhop-simulator --bench datagrams` shows what comes of it.
//!
//! # What is simulated, and what is not
//!
//! - **Links** have a bandwidth in each direction; connections take turns on the uplink. Latency
//!   is one number a pair, from one of several models ([`Latency`]). See `network`.
//! - **Translators and firewalls** ([`Nat`]) stand before some nodes.
//! - **Streams** have windows, so that backlogs grow as they do in life. They have no congestion
//!   control, no slow start and no packets; loss does not slow them. [`Cuts::Anywhere`] cuts what
//!   is sent as sockets do.
//! - **Datagrams** are lost, doubled, damaged and overtaken. [`Form::Bytes`] sends each through
//!   its codec; the trace must be the same as with [`Form::Values`].
//! - **Disks** take time, fill up, are denied and damaged. With [`Payload::Shared`] all payload is
//!   one block of zeros, so that a swarm that moves 50 GB needs no more memory than its tables;
//!   still a block that is lost, misplaced or misread makes its piece wrong.
//! - **Faults**: [`Simulation::crash`] and [`restart`](Simulation::restart),
//!   [`partition`](Simulation::partition) and [`heal`](Simulation::heal); and whatever a scene
//!   planned with [`at`](Simulation::at) does.
//! - TLS is taken as given, and names are found in one list ([`Simulation::name`]).
//!
//! # When a test fails
//!
//! A simulation that is dropped by a panic prints `replay: seed=… turns=…`, and [`seeds`] prints
//! how to run just that one; [`Simulation::run_until_turn`] goes to any turn of it, and
//! [`Simulation::step`] on from there. Check invariants in [`Simulation::observe`], after each turn: the first turn
//! that breaks one is the one to look at.
//!
//! [`Seed`]: machine::Seed

#![forbid(unsafe_code)]

mod chance;
mod config;
mod directory;
mod disk;
mod engine;
mod king;
mod latency;
mod network;
mod seeds;
mod simulation;
mod tally;
mod trace;
mod world;

pub use chance::Chance;
pub use config::{Bandwidth, Config, Cuts, DiskModel, Form, Network, NodeConfig, Payload};
pub use directory::endpoint;
pub use disk::{Content, Disk};
pub use engine::event::NodeId;
pub use engine::wheel::TICK;
pub use king::{HOSTS_MAX, Matrix, MatrixError};
pub use latency::{DIMENSIONS_MAX, Latency, TransitStub};
pub use network::nat::{NAT_TIMEOUT, Nat};
pub use seeds::{SEED_VARIABLE, seeds};
pub use simulation::Simulation;
pub use tally::{Fates, Traffic};
pub use trace::TraceHash;
