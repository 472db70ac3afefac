//! Bencode (BEP 3): the values BitTorrent writes into files, tracker replies and messages.
//!
//! | value | form | example |
//! |---|---|---|
//! | integer | `i<decimal>e` | `i-3e` |
//! | string of bytes | `<length>:<bytes>` | `4:spam` |
//! | list | `l<values>e` | `l4:spami1ee` |
//! | dictionary | `d<strings and values>e`, keys ascending | `d3:cow3:mooe` |
//!
//! A torrent's name is the hash of the bytes its author wrote, so the decoder never rebuilds
//! anything: a [`Value`] is a span of the input, [`Value::raw`] gives it back unchanged, and what
//! lies inside is found by walking the bytes again. [`parse`] walks them first, iteratively, and
//! checks everything; after it a value costs no memory at all, whatever a stranger sent.
//!
//! ```
//! use wire::bencode::{self, Limits, Mode};
//!
//! let torrent = bencode::parse(b"d4:infod6:lengthi9e4:name1:aee", Mode::Lenient, Limits::FILE)?;
//! let info = torrent.dict("torrent")?.dict("info")?;
//! assert_eq!(info.int("length"), Ok(9));
//! assert_eq!(info.value().raw(), b"d6:lengthi9e4:name1:ae");
//!
//! let reply = bencode::encode_dict(|reply| {
//!     reply.int("interval", 1800);
//!     reply.list("peers", |peers| peers.bytes("::1"));
//! });
//! assert_eq!(reply, b"d8:intervali1800e5:peersl3:::1ee");
//! # Ok::<(), wire::Malformed>(())
//! ```

mod encode;
mod parse;
mod typed;
mod value;

pub use encode::{DictEncoder, ListEncoder, encode_dict, encode_list};
pub use parse::{Limits, Mode, parse, parse_prefix};
pub use typed::{Dict, List};
pub use value::{Entries, Kind, Value, Values};
