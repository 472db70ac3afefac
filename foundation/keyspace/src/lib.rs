//! Ids on a ring: intervals, distances, and the iterative lookup that all DHTs share.
//!
//! A distributed hash table gives each node and each key a number of the same space and lets the
//! nodes near a key keep it. What "near" means differs: *clockwise* in Chord, on both sides in
//! Pastry, by exclusive or in Kademlia. What is the same stands here:
//!
//! | type | what it is |
//! |---|---|
//! | [`Id`] | a point of the ring of 2^160, the length of a SHA-1 digest |
//! | [`Space`] | a ring of 2^m points for the examples of papers, m = 3 or 6, within the former |
//! | [`Lookup`] | whom to ask next on the way to a key; pure: no clock, no network |
//!
//! An id of a space of m bits is held in the *upper* m of the 160 bits, the others being zero. All
//! arithmetic modulo 2^160 is then arithmetic modulo 2^m, so nothing but the making and printing
//! of ids needs to know m, and there is one `is_between` for all rings.

#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate alloc;

pub mod id;
pub mod lookup;
pub mod space;

pub use id::Id;
pub use lookup::{Limits, Lookup, Step};
pub use space::Space;
