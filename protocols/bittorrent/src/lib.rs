//! BitTorrent as a pure state machine, and a tracker.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod numbers;
