//! Bytes to values and back: readers, stream buffers, bencode, HTTP/1 heads.
//!
//! Everything a stranger sends enters the program through this crate, so all of it is *total*: any
//! bytes give a value or a [`Malformed`] that names the field, the offset and what was expected;
//! nothing panics, and memory is bounded by the input and a named limit.
//!
//! | module | what it reads and writes |
//! |---|---|
//! | [`reader`], [`codec`] | fixed binary layouts, big-endian ([`Reader`], [`Encode`], [`Decode`]) |
//! | [`stream_buffer`] | what a stream delivered and nobody consumed yet ([`StreamBuffer`]) |
//! | [`bencode`] | BitTorrent's self-describing values, with the raw span of each |
//! | [`http`] | heads, bodies, URLs, query strings |
//! | [`text`] | hex and base 32 |

#![no_std]
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing)]

extern crate alloc;

pub mod bencode;
pub mod codec;
pub mod http;
pub mod malformed;
pub mod reader;
pub mod stream_buffer;
pub mod text;

pub use codec::{Decode, Encode};
pub use malformed::{Malformed, Problem};
pub use reader::Reader;
pub use stream_buffer::StreamBuffer;
