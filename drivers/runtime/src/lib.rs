//! Runs one node on real sockets and disks.
//!
//! A [`Protocol`](machine::Protocol) touches nothing; this crate touches for it. It keeps the
//! promises that stand at the head of `machine`, and the tests of `checks/conformance` hold it to
//! them.
//!
//! ```no_run
//! # use machine::{Input, Instant, Io, Protocol};
//! # struct Node;
//! # impl Protocol for Node {
//! #     type Message = std::convert::Infallible;
//! #     type Command = &'static str;
//! #     type Event = String;
//! #     type Shared = ();
//! #     fn handle(&mut self, _: Input<Self>, _: &mut Io<'_, Self>) {}
//! #     fn next_wakeup(&self) -> Option<Instant> { None }
//! # }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use runtime::{Access, Builder, Place, Root};
//!
//! let (events, heard) = std::sync::mpsc::channel();
//! let handle = Builder::new(Node, ())
//!     .listen("0.0.0.0:6881".parse()?)
//!     .start(move |event| drop(events.send(event)))?;
//!
//! // Only the app knows what a file's number means.
//! let downloads = Root::create("downloads")?;
//! let place = Place::new(&downloads, ["album", "song.ogg"], 4_000_000, Access::ReadWrite)?;
//! handle.files().register(machine::FileId(0), place);
//!
//! handle.command("fetch");
//! println!("{}", heard.recv()?);
//! handle.stop();
//! handle.join();
//! # Ok(())
//! # }
//! ```
//!
//! # The threads
//!
//! ```text
//!   the app ──commands──▶ ┌────────────────────┐ ──pieces, memory and all──▶ ┌─────────────┐
//!           ◀──events──── │  network thread    │ ◀──answers, memory────────  │ disk thread │
//!                         │  owns the node,    │                             └─────────────┘
//!        sockets ◀──────▶ │  its connections,  │ ──names────▶ resolver threads, when needed
//!                         │  the slots         │ ──checks───▶ check threads, when needed
//!                         └────────────────────┘
//! ```
//!
//! One thread does all that concerns the network. A node's turns come one at a time anyway, and
//! its own work is small beside that of the system's network stack, so more threads would only
//! hand the bytes to one another: measured, that cost half as much again. What blocks happens
//! elsewhere: writing and reading files, looking up names, checking what is on the disk.
//!
//! # The path of a byte
//!
//! *In.* All sockets are read into one buffer, which stays in the cache. The node finds a block in
//! what was read and says into which slot it belongs; it is copied there, once. When a piece is
//! whole its memory moves to the disk thread, which hashes up to sixteen pieces side by side,
//! writes those that are right, and sends the memory back.
//!
//! *Out.* The node names a stretch of a file. When its turn has come, the system sends it from its
//! page cache, and no byte of it is ever seen by this program; its head travels in the same packet.
//!
//! *Asleep.* Between events the threads sleep, without an own beat: a node that has nothing to do
//! costs nothing.
//!
//! # What strangers can do
//!
//! Open connections, up to [`Limits::connections`]; then they wait at the door. Send bytes, which
//! are read as fast as the node takes them. Read slowly, which fills the backlog that the node
//! watches. Name files, but only through numbers: a path is made by the app alone ([`Place`]), and
//! no symbolic link leads out of its [`Root`].

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
pub use disk::Caching;
pub use files::{Access, Files, Place, PlaceError, Root};
pub use handle::Handle;
