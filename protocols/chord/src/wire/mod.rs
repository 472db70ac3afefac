//! Messages and bytes (spec section 13).
//!
//! A datagram is a header of 28 bytes and a body:
//!
//! ```text
//!  0      2       3    4              12     14         16                24         28
//!  magic  version type transaction    flags  reserved 0 id prefix of dest body length body
//!  4348   01      u8   u64            u16    0000       u64               u32
//! ```
//!
//! The prefix tells the virtual nodes of one address apart; an answer repeats it. In memory a
//! message has 40 bytes whatever it says, because the simulator keeps a million of them under way:
//! nodes are [`Contact`](crate::contacts::Contact)s, and what is long stands behind a box.

mod body;
mod codec;
mod records;

pub use body::{
    Batch, Body, Error, Exclusion, Fetch, Holding, Leave, List, Neighbourhood, Offer, Page, Part,
    Route, RouteResult, Stand, Stretch, Want, Wanted,
};

use alloc::vec::Vec;

use machine::Endpoint;
use wire::{Encode, Malformed, Reader};

use crate::api::Shared;
use crate::contacts::Contacts;

/// The first two bytes: "CH".
pub const MAGIC: u16 = 0x4348;
/// The only version so far.
pub const VERSION: u8 = 1;
/// How long a header is, in bytes.
pub const HEADER_LEN: usize = 28;
/// How long a datagram may be, in bytes: fits every path of the internet (spec section 13).
pub const DATAGRAM_MAX: usize = 1200;
/// How many references fit into a datagram that has little else (spec section 13.1).
pub const LIST_FITTING: usize = 27;
/// How many references a list may hold (spec section 13).
pub const LIST_MAX: usize = 32;
/// How many excluded ids a question may name (spec section 13).
pub const EXCLUDED_MAX: usize = 16;

/// Ties an answer to its question. Its lowest byte is the number of the asking member among the
/// virtual nodes of its host; the rest is drawn, so that strangers cannot guess it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transaction(pub u64);

/// A datagram.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Ties answers to questions.
    pub transaction: Transaction,
    /// The upper bits of the id for which the question is; 0 for any node of that address.
    pub to: u64,
    /// What it says.
    pub body: Body,
}

/// The flag of answers, and that of answers which refuse.
const FLAG_ANSWER: u16 = 1;
const FLAG_ERROR: u16 = 2;

impl machine::Wire<Shared> for Message {
    fn encode(&self, shared: &Shared, out: &mut Vec<u8>) {
        let kind = self.body.kind();
        MAGIC.encode(out);
        VERSION.encode(out);
        kind.number.encode(out);
        self.transaction.0.encode(out);
        kind.flags.encode(out);
        0u16.encode(out);
        self.to.encode(out);
        let len = self.body.encoded_len(&shared.contacts);
        u32::try_from(len).unwrap_or(u32::MAX).encode(out);
        self.body.encode(&shared.contacts, out);
    }

    fn decode(bytes: &[u8], shared: &mut Shared) -> Result<Self, Malformed> {
        Self::decode_with(bytes, &mut shared.contacts)
    }

    fn encoded_len(&self, shared: &Shared) -> usize {
        HEADER_LEN + self.body.encoded_len(&shared.contacts)
    }
}

impl Message {
    /// Reads a message; the nodes that it names are taken into `contacts`.
    pub(crate) fn decode_with(bytes: &[u8], contacts: &mut Contacts) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        expect(&mut reader, "magic", MAGIC.into())?;
        if reader.u8("version")? != VERSION {
            return Err(Malformed::invalid("version", 2, "version 1"));
        }
        let number = reader.u8("type")?;
        let transaction = Transaction(reader.u64("transaction")?);
        let flags = reader.u16("flags")?;
        expect(&mut reader, "reserved", 0)?;
        let to = reader.u64("destination")?;
        let len = reader.u32("body length")?;
        if len as usize != reader.remaining() {
            return Err(Malformed::invalid(
                "body length",
                24,
                "the length of what follows",
            ));
        }
        let kind = body::Kind { number, flags };
        let body = Body::decode(kind, &mut reader, contacts)?;
        reader.finish("body")?;
        Ok(Self {
            transaction,
            to,
            body,
        })
    }
}

fn expect(reader: &mut Reader<'_>, field: &'static str, value: u64) -> Result<(), Malformed> {
    let at = reader.position();
    if u64::from(reader.u16(field)?) == value {
        return Ok(());
    }
    Err(Malformed::invalid(field, at, "what the format demands"))
}

/// An endpoint's 18 bytes.
fn encode_endpoint(endpoint: Endpoint, out: &mut Vec<u8>) {
    match endpoint.ip() {
        core::net::IpAddr::V4(v4) => v4.to_ipv6_mapped().octets().encode(out),
        core::net::IpAddr::V6(v6) => v6.octets().encode(out),
    }
    endpoint.port().encode(out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_small() {
        assert!(size_of::<Body>() <= 24, "{}", size_of::<Body>());
        assert!(size_of::<Message>() <= 40, "{}", size_of::<Message>());
    }
}
