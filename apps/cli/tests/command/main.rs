//! The built command, as its users run it: what it answers, and how it works together with itself
//! over loopback.

#![forbid(unsafe_code)]

mod demo;
mod process;
mod sharing;
mod torrents;
mod usage;
