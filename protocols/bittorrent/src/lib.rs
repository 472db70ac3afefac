//! BitTorrent as a pure state machine, and a tracker.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod bitfield;
pub mod candidates;
pub mod choker;
pub mod fast;
pub mod magnet;
pub mod metadata;
pub mod metainfo;
pub mod numbers;
pub mod peer_id;
pub mod picker;
pub mod pipeline;
pub mod rate;
pub mod smart_ban;
pub mod tracker;
pub mod tracker_server;
pub mod wire;
