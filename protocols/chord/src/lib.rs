//! Chord as a pure state machine: a ring that finds the keeper of any key.
//!
//! # What it is
//!
//! Where is the node that keeps a given key, among a million that come and go, with nobody in
//! charge? Chord (Stoica, Morris, Karger, Kaashoek, Balakrishnan, SIGCOMM 2001) puts nodes and
//! keys on one ring of 2^160 points, by SHA-1. A key belongs to the first node at or after it, its
//! *successor*. Each node knows those who follow it, its *successor list*, and, as short cuts, a
//! node at each distance of a power of two, its *fingers*: so every hop halves the way that is
//! left, and any key is found in about half of log2 N hops.
//!
//! As long as the successor lists are right, all keys are found; fingers only make it fast. As
//! first published, the rules that keep the lists right were wrong: Pamela Zave showed ways in
//! which each of them breaks the ring ("Reasoning about Identifier Spaces: How to Make Chord
//! Correct", 2017). The rules here are those that she proved; [`schedules`] runs both.
//!
//! # The life of a node
//!
//! ```text
//!  Command::Join ─▶ Joining: greet, look for our place, fetch the successor's list
//!                      │
//!         ring small?  ├──▶ Small: the eldest keeps the list of all
//!                      ▼                  │ r + 1 members
//!                   Member ◀──────────────┘
//!                      │ every 10 s: stabilise; every 8 s: fix a finger
//!                      ├── lookups: ask who is nearer, hop by hop
//!                      ▼
//!                   Adrift: all successors dead ─▶ Joining again
//! ```
//!
//! # Where to read on
//!
//! | room | what stands there |
//! |---|---|
//! | [`api`] | what a user can ask and is told |
//! | [`node`], [`member`] | who handles what |
//! | [`wire`] | messages and bytes |
//! | [`identity`], [`contacts`] | ids; other nodes, each as a number of four bytes |
//! | [`neighbours`], [`finger_table`], [`routing`] | the tables, and the next hop |
//! | `stabilise`, `join`, `leave`, `small_ring`, `merge` | how the tables are kept |
//! | `search`, `searches`, `answering`, `relay` | lookups, hop by hop or passed on |
//! | `proximity` | fingers that are near in the net |
//! | [`visitor`] | who asks a ring without being a member |
//! | [`storage`] | values and their replicas |
//! | [`schedules`], [`converged`] | for experiments: all orders of events, rings in their final form |
//!
//! Who may say what is not proven yet: ids are believed as they are told (spec section 13.3).

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod answering;
pub mod api;
pub mod contacts;
pub mod converged;
pub mod finger_table;
mod host;
pub mod identity;
mod join;
mod leave;
pub mod member;
mod merge;
pub mod neighbours;
pub mod node;
mod proximity;
mod relay;
pub mod routing;
mod rpc;
pub mod schedules;
mod search;
mod searches;
mod small_ring;
mod stabilise;
pub mod storage;
mod suspects;
pub mod visitor;
pub mod wire;

pub use api::{Command, Config, Event, Shared};
pub use contacts::{Contact, Contacts, Reference};
pub use converged::Converged;
pub use node::Node;
