//! One clock, one queue, one order: what happens when.

pub(crate) mod event;
mod turn;
pub(crate) mod wheel;
