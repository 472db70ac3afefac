//! The 68 bytes that open a connection (BEP 3, spec section 8).
//!
//! They are read in two steps. Who was called answers as soon as it knows which torrent is meant,
//! after 48 bytes: some peers, and the testers of NATs, wait for that answer before they say who
//! they are.

use alloc::vec::Vec;

use ::wire::{Decode, Encode, Malformed, Reader, StreamBuffer};

use crate::numbers::{InfoHash, PeerId};

/// The first bytes of every connection: a length and what it is the length of.
pub const PROTOCOL: &[u8; 20] = b"\x13BitTorrent protocol";

/// The length of a [`HandshakeStart`], in bytes.
pub const HANDSHAKE_START_LEN: usize = PROTOCOL.len() + 8 + 20;

/// The length of a whole [`Handshake`], in bytes.
pub const HANDSHAKE_LEN: usize = HANDSHAKE_START_LEN + 20;

/// The eight reserved bytes, in which a peer says what more than BEP 3 it understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Reserved(pub [u8; 8]);

/// Something beyond BEP 3 that one bit of the [`Reserved`] bytes announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Capability {
    /// The messages of Azureus.
    AzureusMessaging,
    /// The extension protocol (BEP 10).
    Extensions,
    /// The distributed hash table: wants a `port` message (BEP 5).
    Dht,
    /// The Fast extension (BEP 6), active when both sides set the bit.
    Fast,
    /// NAT traversal, an old one.
    NatTraversal,
    /// The change from a version 1 to a version 2 connection (BEP 52).
    Version2,
}

/// The handshake up to the torrent: all that the called side needs for its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HandshakeStart {
    /// What more than BEP 3 the sender understands.
    pub reserved: Reserved,
    /// The torrent that the connection is about.
    pub info_hash: InfoHash,
}

/// The whole handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Handshake {
    /// All before the sender's name.
    pub start: HandshakeStart,
    /// The sender's name; our own means that we called ourselves.
    pub peer_id: PeerId,
}

impl Reserved {
    /// Sets the bit of `capability`.
    #[must_use]
    pub const fn with(mut self, capability: Capability) -> Self {
        let (byte, bit) = capability.position();
        self.0[byte] |= bit;
        self
    }

    /// Tells whether the bit of `capability` is set.
    #[must_use]
    pub const fn has(self, capability: Capability) -> bool {
        let (byte, bit) = capability.position();
        self.0[byte] & bit != 0
    }
}

impl Capability {
    const fn position(self) -> (usize, u8) {
        match self {
            Self::AzureusMessaging => (0, 0x80),
            Self::Extensions => (5, 0x10),
            Self::Dht => (7, 0x01),
            Self::Fast => (7, 0x04),
            Self::NatTraversal => (7, 0x08),
            Self::Version2 => (7, 0x10),
        }
    }
}

impl HandshakeStart {
    /// Takes the first 48 bytes of a connection; `None`, and nothing taken, until they are all
    /// there.
    ///
    /// # Errors
    /// At the first byte that no BitTorrent handshake has there, without waiting for the rest: an
    /// encrypted handshake or a web browser may never send 48 bytes.
    pub fn take(buffer: &mut StreamBuffer) -> Result<Option<Self>, Malformed> {
        check_protocol(&buffer.peek(PROTOCOL.len()))?;
        let Some(bytes) = buffer.peek_array::<HANDSHAKE_START_LEN>() else {
            return Ok(None);
        };
        let start = Self::decode(&mut Reader::new(&bytes))?;
        buffer.skip(HANDSHAKE_START_LEN);
        Ok(Some(start))
    }
}

impl PeerId {
    /// Takes the last 20 bytes of a handshake; `None`, and nothing taken, until they are all there.
    pub fn take(buffer: &mut StreamBuffer) -> Option<Self> {
        let id = buffer.peek_array()?;
        buffer.skip(id.len());
        Some(Self(id))
    }
}

impl Encode for HandshakeStart {
    fn encode(&self, out: &mut Vec<u8>) {
        PROTOCOL.encode(out);
        self.reserved.0.encode(out);
        self.info_hash.0.encode(out);
    }
}

impl Decode for HandshakeStart {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        check_protocol(reader.take(PROTOCOL.len(), "protocol")?)?;
        let reserved = Reserved(reader.array("reserved")?);
        let info_hash = InfoHash(reader.array("info_hash")?);
        Ok(Self {
            reserved,
            info_hash,
        })
    }
}

impl Encode for Handshake {
    fn encode(&self, out: &mut Vec<u8>) {
        self.start.encode(out);
        self.peer_id.0.encode(out);
    }
}

impl Decode for Handshake {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let start = HandshakeStart::decode(reader)?;
        let peer_id = PeerId(reader.array("peer_id")?);
        Ok(Self { start, peer_id })
    }
}

fn check_protocol(bytes: &[u8]) -> Result<(), Malformed> {
    match bytes
        .iter()
        .zip(PROTOCOL)
        .position(|(found, expected)| found != expected)
    {
        None => Ok(()),
        Some(0) => Err(Malformed::invalid("protocol", 0, "the length 19")),
        Some(offset) => Err(Malformed::invalid(
            "protocol",
            offset,
            "\"BitTorrent protocol\"",
        )),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    /// The handshake of spec section 24.
    fn example() -> Handshake {
        let info_hash =
            ::wire::text::from_hex("a SHA-1", "079742fa6bc8444fdf83825fd7ef8a922cf02d31");
        let reserved = Reserved::default()
            .with(Capability::Extensions)
            .with(Capability::Dht)
            .with(Capability::Fast)
            .with(Capability::Version2);
        Handshake {
            start: HandshakeStart {
                reserved,
                info_hash: InfoHash(info_hash.expect("hex")),
            },
            peer_id: PeerId(*b"-XX0001-abcdefghijkl"),
        }
    }

    #[test]
    fn has_the_bytes_of_the_specification() {
        let hex = "13426974546f7272656e742070726f746f636f6c0000000000100015\
                   079742fa6bc8444fdf83825fd7ef8a922cf02d31\
                   2d5858303030312d6162636465666768696a6b6c";
        let bytes = example().encoded();
        assert_eq!(::wire::text::to_hex(&bytes), hex);
        assert_eq!(Handshake::decode_whole(&bytes, "handshake"), Ok(example()));
        let reserved = example().start.reserved;
        assert!(reserved.has(Capability::Fast) && !reserved.has(Capability::NatTraversal));
    }

    #[test]
    fn is_read_in_two_steps() {
        let bytes = Bytes::from(example().encoded());
        let mut buffer = StreamBuffer::new();
        buffer.push(bytes.slice(..47));
        assert_eq!(HandshakeStart::take(&mut buffer), Ok(None));
        buffer.push(bytes.slice(47..60));
        assert_eq!(HandshakeStart::take(&mut buffer), Ok(Some(example().start)));
        assert_eq!(PeerId::take(&mut buffer), None);
        buffer.push(bytes.slice(60..));
        assert_eq!(PeerId::take(&mut buffer), Some(example().peer_id));
        assert!(buffer.is_empty());
    }

    #[test]
    fn refuses_something_else_at_its_first_byte() {
        let mut buffer = StreamBuffer::new();
        buffer.push(Bytes::from_static(b"G"));
        let error = HandshakeStart::take(&mut buffer);
        assert_eq!(
            error,
            Err(Malformed::invalid("protocol", 0, "the length 19"))
        );
        let mut buffer = StreamBuffer::new();
        buffer.push(Bytes::from_static(b"\x13Bit-"));
        assert_eq!(
            HandshakeStart::take(&mut buffer).map_err(|error| error.offset),
            Err(4)
        );
    }

    proptest! {
        #[test]
        fn survives_the_wire(reserved: [u8; 8], hash: [u8; 20], id: [u8; 20]) {
            let start = HandshakeStart { reserved: Reserved(reserved), info_hash: InfoHash(hash) };
            let handshake = Handshake { start, peer_id: PeerId(id) };
            let decoded = Handshake::decode_whole(&handshake.encoded(), "handshake");
            prop_assert_eq!(decoded, Ok(handshake));
        }

        #[test]
        fn never_panics(bytes: Vec<u8>) {
            let mut buffer = StreamBuffer::new();
            buffer.push(Bytes::from(bytes));
            let _ = HandshakeStart::take(&mut buffer);
        }
    }
}
