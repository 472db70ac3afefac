//! What the machine offers beyond plain Rust: SHA-1 of many messages side by side in SIMD lanes, and
//! huge pages ([`prefer_huge_pages`]).
//!
//! One SHA-1 stream cannot be made parallel: each round waits for the one before. But a BitTorrent
//! client hashes thousands of independent pieces, and a vector of 16 words runs 16 independent
//! streams at once, one a lane. On a machine with AVX-512 that takes a quarter of the time that
//! the SHA instructions of the same machine need for one piece after the other.
//!
//! - [`sha1_many`] hashes whole messages that lie in memory.
//! - [`Sha1Lanes`] hashes up to [`LANES_MAX`] messages that arrive in chunks.
//! - [`Sha1Stream`] hashes one message that arrives in chunks.
//!
//! The instructions are chosen at run time ([`Width`]); where there are none, all is done singly
//! by the crate `sha1`, with the same digests.
//!
//! But for one prefetch in `machine`, this is the only crate with `unsafe` code: in the module `x86`
//! and those below it, in `prefetch` and in `pages`. It is of four kinds: a load or store whose
//! reference proves the memory, a call into code for a CPU feature whose token proves the feature, a
//! prefetch, and an advice to the system about memory of our own.

mod blocks;
mod lanes;
mod pages;
mod prefetch;
mod stream;
mod width;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use lanes::{LANES_MAX, Sha1Lanes, sha1_many};
pub use pages::prefer_huge_pages;
pub use stream::Sha1Stream;
pub use width::Width;
