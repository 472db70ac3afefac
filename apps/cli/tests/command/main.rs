//! The built command, as its users run it: what it answers, and how it works together with itself
//! over loopback.

#![forbid(unsafe_code)]

mod chord;
mod demo;
mod process;
mod sharing;
mod torrents;
mod usage;
