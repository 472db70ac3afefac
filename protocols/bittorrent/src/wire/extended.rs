//! What the messages of the extension protocol contain (BEP 10, spec section 10).
//!
//! Each side tells the other, in a bencoded dictionary, under which numbers it wants to receive
//! which extensions, and a few things about itself. Whatever in it is of the wrong type or out of
//! range is as if it were not there: a strange client is no reason to lose a peer.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use ::wire::bencode::{self, Dict, Limits, Mode, Value};
use ::wire::{Encode, Malformed};
use bytes::Bytes;

/// The length of all blocks of the metadata but the last, in bytes (BEP 9).
pub const METADATA_BLOCK_LEN: u32 = 16 * 1024;

/// The number under which the extension handshake itself travels.
pub const HANDSHAKE_ID: u8 = 0;

/// How many characters of a client's name are kept; more is not for display.
const CLIENT_LEN_MAX: usize = 64;

/// An extension that has a name in the dictionary `m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Extension {
    /// The info dictionary, from peers (BEP 9).
    Metadata,
    /// Addresses of other peers (BEP 11).
    PeerExchange,
    /// Pieces that are no longer had (BEP 54).
    DontHave,
}

/// The numbers under which one side wants to receive the extensions; 0 for those it does not want.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ExtensionIds([u8; Extension::ALL.len()]);

/// The extension handshake: message 20 with the id 0. It may come again, and then changes only what
/// it names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExtensionHandshake {
    /// What `m` says: extensions with the numbers under which the sender wants them from now on, 0
    /// to stop them.
    pub extensions: Vec<(Extension, u8)>,
    /// `v`: the sender's program, for display.
    pub client: Option<Box<str>>,
    /// `p`: the port on which the sender listens.
    pub listen_port: Option<u16>,
    /// `yourip`: the receiver's address, as the sender sees it.
    pub your_ip: Option<IpAddr>,
    /// `reqq`: how many requests the sender keeps in its queue.
    pub request_queue: Option<u32>,
    /// `metadata_size`: the length of the info dictionary in bytes, if the sender has it. Not to be
    /// trusted.
    pub metadata_size: Option<u32>,
    /// `upload_only`: whether the sender wants nothing (BEP 21).
    pub upload_only: Option<bool>,
}

/// A message of `ut_metadata` (BEP 9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetadataMessage {
    /// Asks for a block.
    Request {
        /// Which one, from 0.
        piece: u32,
    },
    /// Brings a block.
    Data {
        /// Which one.
        piece: u32,
        /// The length of the info dictionary in bytes, as the sender says.
        total_size: Option<u32>,
        /// The block.
        payload: Bytes,
    },
    /// Says that the block will not come.
    Reject {
        /// Which one.
        piece: u32,
    },
}

impl Extension {
    /// All that have a name here.
    pub const ALL: [Self; 3] = [Self::Metadata, Self::PeerExchange, Self::DontHave];

    /// Tells the name of the extension in `m`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Metadata => "ut_metadata",
            Self::PeerExchange => "ut_pex",
            Self::DontHave => "lt_donthave",
        }
    }
}

impl ExtensionIds {
    /// Tells the number under which `extension` is wanted.
    #[must_use]
    pub fn id(&self, extension: Extension) -> Option<u8> {
        self.0
            .get(extension as usize)
            .copied()
            .filter(|id| *id != 0)
    }

    /// Takes in what one more handshake says.
    pub fn update(&mut self, handshake: &ExtensionHandshake) {
        for (extension, id) in &handshake.extensions {
            if let Some(known) = self.0.get_mut(*extension as usize) {
                *known = *id;
            }
        }
    }
}

impl ExtensionHandshake {
    /// Reads the payload of a message with the extension id 0.
    ///
    /// # Errors
    /// Only if it is no bencoded dictionary.
    pub fn parse(payload: &[u8]) -> Result<Self, Malformed> {
        let (value, _) = bencode::parse_prefix(payload, Mode::Lenient, Limits::MESSAGE)?;
        let dict = value.dict("extension handshake")?;
        let numbers = dict.optional("m").and_then(Value::as_dict);
        let extensions = Extension::ALL
            .into_iter()
            .filter_map(|extension| Some((extension, small_int(numbers?, extension.name())?)));
        Ok(Self {
            extensions: extensions.collect(),
            client: dict.optional("v").and_then(Value::as_bytes).map(printable),
            listen_port: small_int(dict, "p").filter(|port| *port != 0),
            your_ip: dict
                .optional("yourip")
                .and_then(Value::as_bytes)
                .and_then(address),
            request_queue: small_int(dict, "reqq").filter(|count| *count != 0),
            metadata_size: small_int(dict, "metadata_size").filter(|size| *size != 0),
            upload_only: small_int::<i64>(dict, "upload_only").map(|flag| flag != 0),
        })
    }
}

impl Encode for ExtensionHandshake {
    fn encode(&self, out: &mut Vec<u8>) {
        let dict = bencode::encode_dict(|dict| {
            dict.dict("m", |numbers| {
                for (extension, id) in &self.extensions {
                    numbers.int(extension.name(), *id);
                }
            });
            if let Some(size) = self.metadata_size {
                dict.int("metadata_size", size);
            }
            if let Some(port) = self.listen_port {
                dict.int("p", port);
            }
            if let Some(count) = self.request_queue {
                dict.int("reqq", count);
            }
            if let Some(flag) = self.upload_only {
                dict.int("upload_only", u8::from(flag));
            }
            if let Some(client) = &self.client {
                dict.bytes("v", &**client);
            }
            match self.your_ip {
                Some(IpAddr::V4(ip)) => dict.bytes("yourip", ip.octets()),
                Some(IpAddr::V6(ip)) => dict.bytes("yourip", ip.octets()),
                None => (),
            }
        });
        out.extend_from_slice(&dict);
    }
}

impl MetadataMessage {
    /// Reads the payload of a `ut_metadata` message; `None` for a type that BEP 9 does not know.
    ///
    /// # Errors
    /// A payload that does not begin with the dictionary of BEP 9.
    pub fn parse(payload: &Bytes) -> Result<Option<Self>, Malformed> {
        let (value, end) = bencode::parse_prefix(payload, Mode::Lenient, Limits::MESSAGE)?;
        let dict = value.dict("ut_metadata")?;
        let kind = dict.int("msg_type")?;
        let piece = dict.int_in("piece", 0..=u32::MAX.into())? as u32;
        Ok(match kind {
            0 => Some(Self::Request { piece }),
            1 => Some(Self::Data {
                piece,
                total_size: small_int(dict, "total_size"),
                payload: payload.slice(end..),
            }),
            2 => Some(Self::Reject { piece }),
            _ => None,
        })
    }
}

impl Encode for MetadataMessage {
    fn encode(&self, out: &mut Vec<u8>) {
        let (kind, piece) = match self {
            Self::Request { piece } => (0, *piece),
            Self::Data { piece, .. } => (1, *piece),
            Self::Reject { piece } => (2, *piece),
        };
        let dict = bencode::encode_dict(|dict| {
            dict.int("msg_type", kind);
            dict.int("piece", piece);
            if let Self::Data {
                total_size: Some(size),
                ..
            } = self
            {
                dict.int("total_size", *size);
            }
        });
        out.extend_from_slice(&dict);
        if let Self::Data { payload, .. } = self {
            out.extend_from_slice(payload);
        }
    }
}

/// An integer that fits, or nothing.
fn small_int<T: TryFrom<i64>>(dict: Dict<'_>, key: &str) -> Option<T> {
    T::try_from(dict.optional(key)?.as_int()?).ok()
}

fn printable(bytes: &[u8]) -> Box<str> {
    let text = String::from_utf8_lossy(bytes.get(..4 * CLIENT_LEN_MAX).unwrap_or(bytes));
    text.chars()
        .filter(|c| !c.is_control())
        .take(CLIENT_LEN_MAX)
        .collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(bytes)
        .map(IpAddr::from)
        .or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .ok()
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn has_the_bytes_of_the_specification() {
        let bytes = b"d1:md11:ut_metadatai2e6:ut_pexi1ee13:metadata_sizei123e\
                      1:pi6881e4:reqqi500e1:v4:teste";
        let handshake = ExtensionHandshake {
            extensions: vec![(Extension::Metadata, 2), (Extension::PeerExchange, 1)],
            client: Some("test".into()),
            listen_port: Some(6881),
            request_queue: Some(500),
            metadata_size: Some(123),
            ..ExtensionHandshake::default()
        };
        assert_eq!(handshake.encoded(), bytes);
        assert_eq!(ExtensionHandshake::parse(bytes), Ok(handshake));
    }

    #[test]
    fn overlooks_what_makes_no_sense() {
        let bytes = b"d1:md11:lt_donthavei256e11:ut_metadatai-1e6:ut_pex1:xe1:pi70000e\
                      4:reqq0:1:vi1e6:yourip3:abce";
        assert_eq!(
            ExtensionHandshake::parse(bytes),
            Ok(ExtensionHandshake::default())
        );
        assert_eq!(
            ExtensionHandshake::parse(b"de"),
            Ok(ExtensionHandshake::default())
        );
        assert_eq!(
            ExtensionHandshake::parse(b"i1e"),
            Err(Malformed::invalid("extension handshake", 0, "a dictionary"))
        );
    }

    #[test]
    fn numbers_add_up_over_handshakes() {
        let mut ids = ExtensionIds::default();
        let handshake = |text: &[u8]| ExtensionHandshake::parse(text).expect("a dictionary");
        ids.update(&handshake(b"d1:md11:ut_metadatai3e6:ut_pexi1eee"));
        ids.update(&handshake(b"d1:md11:lt_donthavei7e6:ut_pexi0eee"));
        assert_eq!(ids.id(Extension::Metadata), Some(3));
        assert_eq!(ids.id(Extension::PeerExchange), None);
        assert_eq!(ids.id(Extension::DontHave), Some(7));
    }

    #[test]
    fn reads_and_writes_the_messages_of_ut_metadata() {
        let payload = Bytes::from_static(b"the block");
        for (bytes, message) in [
            (
                b"d8:msg_typei0e5:piecei0ee".as_slice(),
                MetadataMessage::Request { piece: 0 },
            ),
            (
                b"d8:msg_typei2e5:piecei0ee",
                MetadataMessage::Reject { piece: 0 },
            ),
            (
                b"d8:msg_typei1e5:piecei0e10:total_sizei34256eethe block",
                MetadataMessage::Data {
                    piece: 0,
                    total_size: Some(34256),
                    payload,
                },
            ),
        ] {
            assert_eq!(message.encoded(), bytes);
            assert_eq!(
                MetadataMessage::parse(&Bytes::from_static(bytes)),
                Ok(Some(message))
            );
        }
        let unknown = Bytes::from_static(b"d8:msg_typei3e5:piecei0ee");
        assert_eq!(MetadataMessage::parse(&unknown), Ok(None));
        let negative = Bytes::from_static(b"d8:msg_typei0e5:piecei-1ee");
        assert_eq!(
            MetadataMessage::parse(&negative).map_err(|e| e.field),
            Err("piece")
        );
    }

    proptest! {
        #[test]
        fn handshakes_survive_the_wire(
            ids: [u8; 3], port in 1u16.., reqq in 1u32.., size in 1u32.., flag: bool, ip: IpAddr,
        ) {
            let handshake = ExtensionHandshake {
                extensions: Extension::ALL.into_iter().zip(ids).collect(),
                client: Some("manyhop \u{e9}".into()),
                listen_port: Some(port),
                your_ip: Some(ip),
                request_queue: Some(reqq),
                metadata_size: Some(size),
                upload_only: Some(flag),
            };
            prop_assert_eq!(ExtensionHandshake::parse(&handshake.encoded()), Ok(handshake));
        }

        #[test]
        fn nothing_panics(bytes: Vec<u8>) {
            let _ = ExtensionHandshake::parse(&bytes);
            let _ = MetadataMessage::parse(&Bytes::from(bytes));
        }
    }
}
