//! The peer wire: what two peers say to each other, and its bytes (spec sections 8 to 10).
//!
//! | module | what |
//! |---|---|
//! | [`handshake`] | the 68 bytes that open a connection |
//! | [`message`] | the messages after it, as values, and their encoding |
//! | [`framing`] | a stream of bytes cut into messages, payload passed on as it comes |
//! | [`extended`] | what the messages of extensions contain: their handshake, `ut_metadata` |

pub mod extended;
pub mod framing;
pub mod handshake;
pub mod message;

pub use framing::{Frame, Framing};
pub use handshake::{Capability, Handshake, HandshakeStart, Reserved};
pub use message::{Message, PieceHead};
