//! A stream of bytes to a stream of [`Frame`]s (spec section 8).
//!
//! A block's payload is handed on as it comes, chunk by chunk, so that nothing of 16 KiB is ever
//! gathered; all other messages are small and come whole. What a stranger may announce is bounded
//! before anything waits for it, and what is not understood is skipped without being kept.

use ::wire::{Malformed, Problem, StreamBuffer};
use bytes::Bytes;

use super::message::{Message, PIECE_HEAD_LEN, id};
use crate::numbers::{Block, PieceIndex};

/// The longest block that anybody may send or ask for, in bytes: old clients asked for 128 KiB
/// (spec section 8).
pub const BLOCK_LEN_MAX: u32 = 128 * 1024;

/// The longest message of an extension, and of unknown kind, in bytes (spec sections 8 and 26).
pub const MESSAGE_LEN_MAX: u32 = 1024 * 1024;

/// How many pieces a bitfield may speak of before the metadata is known (spec section 8).
pub const UNKNOWN_PIECES_MAX: u32 = 1 << 21;

/// What comes next on a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A whole message.
    Message(Message),
    /// A `piece` message begins; [`Frame::Payload`]s follow until the block is whole.
    Piece(Block),
    /// Some of a block's payload.
    Payload {
        /// The block whose `piece` message this is part of.
        block: Block,
        /// Where in the block these bytes belong.
        at: u32,
        /// The bytes, never none; a view of what the driver received, so copy what is kept.
        bytes: Bytes,
    },
}

/// Where one side of a connection stands between and within its messages.
#[derive(Debug, Clone)]
pub struct Framing {
    state: State,
    bitfield_len_max: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A length comes next.
    Between,
    /// Payload comes next: the bytes of the block from `at`.
    Payload { block: Block, at: u32 },
    /// So many bytes come next that nobody wants.
    Skipping { left: u32 },
}

impl Framing {
    /// Starts right after the handshake; `pieces` is unknown until the metadata has come.
    #[must_use]
    pub fn new(pieces: Option<u32>) -> Self {
        let mut framing = Self {
            state: State::Between,
            bitfield_len_max: 0,
        };
        framing.expect_pieces(pieces.unwrap_or(UNKNOWN_PIECES_MAX));
        framing
    }

    /// Tells how many pieces a bitfield may speak of from now on.
    pub fn expect_pieces(&mut self, pieces: u32) {
        self.bitfield_len_max = pieces.div_ceil(8);
    }

    /// Takes the next frame off `buffer`; `None` until more bytes have come.
    ///
    /// # Errors
    /// A message that breaks its form or is longer than allowed; offsets count from its first byte.
    /// The connection is to be closed, for where the next message begins is anybody's guess.
    pub fn next(&mut self, buffer: &mut StreamBuffer) -> Result<Option<Frame>, Malformed> {
        loop {
            match self.state {
                State::Between => match buffer.peek_array::<5>() {
                    Some([0, 0, 0, 0, _]) => return Ok(take_keep_alive(buffer)),
                    Some([a, b, c, d, id]) => {
                        return self.begin(id, u32::from_be_bytes([a, b, c, d]), buffer);
                    }
                    None => return Ok(take_keep_alive(buffer)),
                },
                State::Payload { block, at } => return Ok(self.payload(block, at, buffer)),
                State::Skipping { left } => {
                    let skipped = buffer.skip(left as usize) as u32;
                    if skipped < left {
                        self.state = State::Skipping {
                            left: left - skipped,
                        };
                        return Ok(None);
                    }
                    self.state = State::Between;
                }
            }
        }
    }

    /// Takes a message whose length and id have come, if the rest of it has too; begins a long one.
    fn begin(
        &mut self,
        id: u8,
        len: u32,
        buffer: &mut StreamBuffer,
    ) -> Result<Option<Frame>, Malformed> {
        let message = match id {
            id::CHOKE => take_bare(Message::Choke, len, buffer)?,
            id::UNCHOKE => take_bare(Message::Unchoke, len, buffer)?,
            id::INTERESTED => take_bare(Message::Interested, len, buffer)?,
            id::NOT_INTERESTED => take_bare(Message::NotInterested, len, buffer)?,
            id::HAVE_ALL => take_bare(Message::HaveAll, len, buffer)?,
            id::HAVE_NONE => take_bare(Message::HaveNone, len, buffer)?,
            id::HAVE => take_index("have", len, buffer)?.map(Message::Have),
            id::SUGGEST => take_index("suggest", len, buffer)?.map(Message::Suggest),
            id::ALLOWED_FAST => take_index("allowed fast", len, buffer)?.map(Message::AllowedFast),
            id::REQUEST => take_block("request", len, buffer)?.map(Message::Request),
            id::CANCEL => take_block("cancel", len, buffer)?.map(Message::Cancel),
            id::REJECT => take_block("reject", len, buffer)?.map(Message::Reject),
            id::PORT => take_fixed::<7>("port", len, buffer)?
                .map(|[_, _, _, _, _, high, low]| Message::Port(u16::from_be_bytes([high, low]))),
            id::BITFIELD => {
                check_len("bitfield", len, 1, 1 + self.bitfield_len_max)?;
                take_whole(len, buffer).map(|whole| Message::Bitfield(whole.slice(5..)))
            }
            id::EXTENDED => {
                check_len("extended", len, 2, MESSAGE_LEN_MAX)?;
                take_whole(len, buffer).map(extended)
            }
            id::PIECE => return self.begin_piece(len, buffer),
            unknown => {
                check_len("unknown message", len, 1, MESSAGE_LEN_MAX)?;
                buffer.skip(5);
                self.state = skipping(len - 1);
                Some(Message::Unknown {
                    id: unknown,
                    len: len - 1,
                })
            }
        };
        Ok(message.map(Frame::Message))
    }

    fn begin_piece(
        &mut self,
        len: u32,
        buffer: &mut StreamBuffer,
    ) -> Result<Option<Frame>, Malformed> {
        check_len("piece", len, 9, 9 + BLOCK_LEN_MAX)?;
        let Some(head) = buffer.peek_array::<PIECE_HEAD_LEN>() else {
            return Ok(None);
        };
        buffer.skip(PIECE_HEAD_LEN);
        let [_, _, _, _, _, a, b, c, d, e, f, g, h] = head;
        let piece = PieceIndex(u32::from_be_bytes([a, b, c, d]));
        let block = Block {
            piece,
            begin: u32::from_be_bytes([e, f, g, h]),
            len: len - 9,
        };
        if block.len > 0 {
            self.state = State::Payload { block, at: 0 };
        }
        Ok(Some(Frame::Piece(block)))
    }

    fn payload(&mut self, block: Block, at: u32, buffer: &mut StreamBuffer) -> Option<Frame> {
        let bytes = buffer.take_front((block.len - at) as usize)?;
        let next = at + bytes.len() as u32;
        self.state = if next < block.len {
            State::Payload { block, at: next }
        } else {
            State::Between
        };
        Some(Frame::Payload { block, at, bytes })
    }
}

fn skipping(left: u32) -> State {
    if left == 0 {
        State::Between
    } else {
        State::Skipping { left }
    }
}

/// The one message without an id: when no fifth byte has come yet, four zeros already are it.
fn take_keep_alive(buffer: &mut StreamBuffer) -> Option<Frame> {
    (buffer.peek_array() == Some([0; 4])).then(|| {
        buffer.skip(4);
        Frame::Message(Message::KeepAlive)
    })
}

fn take_bare(
    message: Message,
    len: u32,
    buffer: &mut StreamBuffer,
) -> Result<Option<Message>, Malformed> {
    Ok(take_fixed::<5>("message without payload", len, buffer)?.map(|_| message))
}

fn take_index(
    field: &'static str,
    len: u32,
    buffer: &mut StreamBuffer,
) -> Result<Option<PieceIndex>, Malformed> {
    let message = take_fixed(field, len, buffer)?;
    Ok(message.map(|[_, _, _, _, _, a, b, c, d]| PieceIndex(u32::from_be_bytes([a, b, c, d]))))
}

fn take_block(
    field: &'static str,
    len: u32,
    buffer: &mut StreamBuffer,
) -> Result<Option<Block>, Malformed> {
    let message = take_fixed(field, len, buffer)?;
    Ok(message.map(
        |[_, _, _, _, _, a, b, c, d, e, f, g, h, i, j, k, l]| Block {
            piece: PieceIndex(u32::from_be_bytes([a, b, c, d])),
            begin: u32::from_be_bytes([e, f, g, h]),
            len: u32::from_be_bytes([i, j, k, l]),
        },
    ))
}

/// Takes a message that has `N` bytes with its length and id, which must be what `len` says.
fn take_fixed<const N: usize>(
    field: &'static str,
    len: u32,
    buffer: &mut StreamBuffer,
) -> Result<Option<[u8; N]>, Malformed> {
    let expected = N as u32 - 4;
    check_len(field, len, expected, expected)?;
    let message = buffer.peek_array();
    if message.is_some() {
        buffer.skip(N);
    }
    Ok(message)
}

fn take_whole(len: u32, buffer: &mut StreamBuffer) -> Option<Bytes> {
    buffer.take(4 + len as usize)
}

fn extended(whole: Bytes) -> Message {
    let id = whole.get(5).copied().unwrap_or_default();
    Message::Extended {
        id,
        payload: whole.slice(6..),
    }
}

fn check_len(field: &'static str, len: u32, min: u32, max: u32) -> Result<(), Malformed> {
    let problem = if len > max {
        Problem::TooLong {
            len: len.into(),
            max: max.into(),
        }
    } else if len < min {
        Problem::Missing {
            bytes: (min - len) as usize,
        }
    } else {
        return Ok(());
    };
    Err(Malformed::new(field, 0, problem))
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use ::wire::Encode;
    use proptest::collection::vec as vec_of;
    use proptest::prelude::*;

    use super::*;

    fn block() -> Block {
        Block {
            piece: PieceIndex(2),
            begin: 0,
            len: 7232,
        }
    }

    /// Cuts `bytes` into chunks of the given lengths, over and over, and reads all frames of them.
    fn frames(
        bytes: &[u8],
        chunks: &[usize],
        framing: &mut Framing,
    ) -> Result<Vec<Frame>, Malformed> {
        let (mut buffer, mut frames, mut rest) = (StreamBuffer::new(), Vec::new(), bytes);
        let mut chunks = chunks.iter().copied().cycle();
        while !rest.is_empty() {
            let (chunk, behind) = rest.split_at(chunks.next().unwrap_or(1).clamp(1, rest.len()));
            buffer.push(Bytes::copy_from_slice(chunk));
            rest = behind;
            while let Some(frame) = framing.next(&mut buffer)? {
                frames.push(frame);
            }
            buffer.compact();
        }
        Ok(frames)
    }

    fn messages(bytes: &[u8]) -> Result<Vec<Frame>, Malformed> {
        frames(bytes, &[bytes.len()], &mut Framing::new(Some(3)))
    }

    #[test]
    fn has_the_bytes_of_the_specification() {
        for (hex, message) in [
            (
                "0000000205e0",
                Message::Bitfield(Bytes::from_static(&[0xe0])),
            ),
            ("000000010e", Message::HaveAll),
            ("000000050400000001", Message::Have(PieceIndex(1))),
            (
                "0000000d06000000020000000000001c40",
                Message::Request(block()),
            ),
            (
                "0000000d10000000020000000000001c40",
                Message::Reject(block()),
            ),
            ("00000003091ae1", Message::Port(6881)),
            ("00000000", Message::KeepAlive),
        ] {
            let bytes = message.encoded();
            assert_eq!(::wire::text::to_hex(&bytes), hex);
            assert_eq!(messages(&bytes), Ok(vec![Frame::Message(message)]));
        }
        let extended = b"\0\0\0\x1b\x14\x02d8:msg_typei0e5:piecei0ee";
        let payload = Bytes::from_static(b"d8:msg_typei0e5:piecei0ee");
        let message = Message::Extended { id: 2, payload };
        assert_eq!(message.encoded(), extended);
        assert_eq!(messages(extended), Ok(vec![Frame::Message(message)]));
    }

    #[test]
    fn passes_payload_on_as_it_comes() {
        let block = Block { len: 5, ..block() };
        let mut bytes = super::super::PieceHead(block).encoded();
        bytes.extend_from_slice(b"hello");
        bytes.extend_from_slice(&Message::Choke.encoded());
        let payload = |at, bytes| Frame::Payload {
            block,
            at,
            bytes: Bytes::from_static(bytes),
        };
        let expected = [
            Frame::Piece(block),
            payload(0, b"hel"),
            payload(3, b"lo"),
            Frame::Message(Message::Choke),
        ];
        let found = frames(&bytes, &[16, 9], &mut Framing::new(None));
        assert_eq!(found, Ok(expected.to_vec()));
    }

    #[test]
    fn skips_what_it_does_not_know() {
        let mut bytes = Message::Unknown { id: 99, len: 1000 }.encoded();
        bytes.extend_from_slice(&Message::Unchoke.encoded());
        let expected = [
            Frame::Message(Message::Unknown { id: 99, len: 1000 }),
            Frame::Message(Message::Unchoke),
        ];
        assert_eq!(
            frames(&bytes, &[7], &mut Framing::new(None)),
            Ok(expected.to_vec())
        );
    }

    #[test]
    fn refuses_lengths_before_anything_waits_for_them() {
        let too_long =
            |field, len, max| Err(Malformed::new(field, 0, Problem::TooLong { len, max }));
        assert_eq!(
            messages(&[0, 2, 0, 10, 7]),
            too_long("piece", 131_082, 131_081)
        );
        assert_eq!(messages(&[0, 0, 0, 3, 5]), too_long("bitfield", 3, 2));
        assert_eq!(messages(&[0, 0, 0, 6, 4]), too_long("have", 6, 5));
        assert_eq!(
            messages(&[0, 16, 0, 1, 20]),
            too_long("extended", 0x10_0001, 0x10_0000)
        );
        assert_eq!(
            messages(&[0xff, 0xff, 0xff, 0xff, 99]).map_err(|e| e.field),
            Err("unknown message")
        );
        let missing = Malformed::new("request", 0, Problem::Missing { bytes: 1 });
        assert_eq!(messages(&[0, 0, 0, 12, 6]), Err(missing));
        let mut unknown = Framing::new(None);
        assert_eq!(frames(&[0, 4, 0, 1, 5], &[5], &mut unknown), Ok(vec![]));
    }

    fn any_block() -> impl Strategy<Value = Block> {
        (any::<u32>(), any::<u32>(), any::<u32>()).prop_map(|(piece, begin, len)| Block {
            piece: PieceIndex(piece),
            begin,
            len,
        })
    }

    fn any_message() -> impl Strategy<Value = Message> {
        let bytes = || vec_of(any::<u8>(), 0..300).prop_map(Bytes::from);
        prop_oneof![
            Just(Message::KeepAlive),
            Just(Message::Choke),
            Just(Message::Unchoke),
            Just(Message::Interested),
            Just(Message::NotInterested),
            Just(Message::HaveAll),
            Just(Message::HaveNone),
            any::<u32>().prop_map(|index| Message::Have(PieceIndex(index))),
            any::<u32>().prop_map(|index| Message::Suggest(PieceIndex(index))),
            any::<u32>().prop_map(|index| Message::AllowedFast(PieceIndex(index))),
            any_block().prop_map(Message::Request),
            any_block().prop_map(Message::Cancel),
            any_block().prop_map(Message::Reject),
            any::<u16>().prop_map(Message::Port),
            bytes().prop_map(Message::Bitfield),
            (any::<u8>(), bytes()).prop_map(|(id, payload)| Message::Extended { id, payload }),
            (21u8.., 0u32..300).prop_map(|(id, len)| Message::Unknown { id, len }),
        ]
    }

    proptest! {
        #[test]
        fn messages_survive_the_wire_however_it_is_cut(
            sent in vec_of(any_message(), 0..20),
            chunks in vec_of(1usize..100, 1..10),
        ) {
            let bytes: Vec<u8> = sent.iter().flat_map(Encode::encoded).collect();
            let received = frames(&bytes, &chunks, &mut Framing::new(None));
            prop_assert_eq!(received, Ok(sent.into_iter().map(Frame::Message).collect()));
        }

        #[test]
        fn frames_do_not_depend_on_the_cuts(
            bytes in vec_of(prop_oneof![Just(0u8), 0u8..24, any::<u8>()], 0..600),
            chunks in vec_of(1usize..100, 1..10),
        ) {
            let joined = |frames: Result<Vec<Frame>, Malformed>| frames.map(|frames| join(&frames));
            let whole = frames(&bytes, &[bytes.len()], &mut Framing::new(None));
            let cut = frames(&bytes, &chunks, &mut Framing::new(None));
            prop_assert_eq!(joined(cut), joined(whole));
        }
    }

    /// Puts the payload of each block together again, as far as it came.
    fn join(frames: &[Frame]) -> Vec<(Option<Message>, Option<Block>, Vec<u8>)> {
        let mut joined = Vec::new();
        for frame in frames {
            match frame {
                Frame::Message(message) => joined.push((Some(message.clone()), None, Vec::new())),
                Frame::Piece(block) => joined.push((None, Some(*block), Vec::new())),
                Frame::Payload { at, bytes, .. } => {
                    let (_, _, payload) = joined.last_mut().expect("a piece came before");
                    assert_eq!(payload.len(), *at as usize);
                    payload.extend_from_slice(bytes);
                }
            }
        }
        joined
    }
}
