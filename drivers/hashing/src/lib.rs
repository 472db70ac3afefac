//! The SHA-1 of every piece of a list of files, on all cores.
//!
//! Creating a torrent and checking a download are the same work: read each piece, hash it. The
//! content is one long sequence of bytes, whatever files it consists of ([`Source`]); it is cut
//! into equal pieces, of which the last may be shorter ([`Cut`]); and [`hash_pieces`] hashes those
//! that are asked for, [`hardware::LANES_MAX`] of them side by side on each thread.
//!
//! ```
//! use std::num::NonZero;
//! use std::sync::{Mutex, atomic::AtomicBool};
//! use hashing::{Cut, hash_pieces};
//!
//! let content: &[u8] = &[7; 100_000];
//! let cut = Cut::new(100_000, 16_384)?;
//! let found = Mutex::new(Vec::new());
//! hash_pieces(content, cut, &cut.all(), NonZero::<usize>::MIN, &AtomicBool::new(false), |piece, hash| {
//!     found.lock().unwrap().push((piece, hash.unwrap()));
//! });
//! assert_eq!(found.lock().unwrap().len(), 7);
//! # Ok::<(), hashing::CutError>(())
//! ```
#![forbid(unsafe_code)]

mod cut;
mod pieces;
mod source;

pub use cut::{Cut, CutError, PieceIndex};
pub use pieces::hash_pieces;
pub use source::Source;
