//! One clock, one order: what happens when.

pub(crate) mod event;
mod inbox;
pub(crate) mod shard;
pub(crate) mod threads;
mod tick;
mod turn;
pub(crate) mod wheel;
pub(crate) mod work;
