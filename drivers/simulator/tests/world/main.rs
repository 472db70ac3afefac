//! What the simulated world promises to those who experiment in it.

mod disk;
mod network;
mod replay;
mod talk;
