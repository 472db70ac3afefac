//! What does not fit into a datagram: one question and its answer over a stream.
//!
//! A frame is the length in four bytes, and what would be the datagram. Only messages about values
//! travel so; they name no nodes.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;
use machine::{ConnId, Endpoint, Io, StreamInput, Target};
use wire::{Malformed, Problem, StreamBuffer};

use super::VALUE_MAX;
use crate::api::Shared;
use crate::contacts::{Contact, Contacts};
use crate::member::Member;
use crate::node::Node;
use crate::rpc::Rpc;
use crate::wire::{Body, Error, Message, Transaction};

/// How long an answer over a stream may take.
pub(crate) const LONG_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a frame may be: a value, and room for its head.
const FRAME_MAX: usize = VALUE_MAX + 4096;
/// How many streams of others a host serves at a time; the oldest makes room for the next.
const SERVED_MAX: usize = 64;

/// The streams that others have opened to a host.
pub(crate) type Serving = BTreeMap<ConnId, StreamBuffer>;

/// A stream of ours, that waits for its answer.
#[derive(Debug)]
pub(super) struct Link {
    transaction: Transaction,
    buffer: StreamBuffer,
}

/// Where an answer goes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Channel {
    /// To an address, as a datagram.
    Datagram(Endpoint),
    /// Back over the stream.
    Stream(ConnId),
}

impl Channel {
    pub(crate) fn answer(self, question: &Message, body: Body, io: &mut Io<'_, Node>) {
        match self {
            Self::Datagram(to) => crate::rpc::answer(to, question, body, io),
            Self::Stream(conn) => {
                let message = Message {
                    transaction: question.transaction,
                    to: question.to,
                    body,
                };
                io.send_bytes(conn, framed(&message, io.shared()));
            }
        }
    }
}

impl Member {
    /// Sends a question over a stream of its own.
    pub(super) fn ask_long(&mut self, to: Contact, body: Body, io: &mut Io<'_, Node>) -> Rpc {
        let rpc = Rpc::noted(to, self.number, LONG_TIMEOUT, io);
        let reference = io.shared().contacts.reference(to);
        let (endpoint, prefix) = (reference.endpoint, reference.id.prefix());
        let message = Message {
            transaction: rpc.transaction,
            to: prefix,
            body,
        };
        let conn = io.connect(Target::Endpoint(endpoint));
        io.send_bytes(conn, framed(&message, io.shared()));
        let link = Link {
            transaction: rpc.transaction,
            buffer: StreamBuffer::new(),
        };
        self.storage().links.insert(conn, link);
        rpc
    }

    /// Something happened on a stream; tells whether it is one of ours.
    pub(crate) fn link_heard(
        &mut self,
        conn: ConnId,
        input: &StreamInput,
        io: &mut Io<'_, Node>,
    ) -> bool {
        let storage = self.aside.as_mut().and_then(|aside| aside.storage.as_mut());
        let Some(storage) = storage else {
            return false;
        };
        let Some(link) = storage.links.get_mut(&conn) else {
            return false;
        };
        let transaction = link.transaction;
        let frame = match input {
            StreamInput::Received(bytes) => {
                link.buffer.push(bytes.clone());
                let frame = take_frame(&mut link.buffer);
                link.buffer.compact();
                frame
            }
            StreamInput::Closed(_) => Err(Malformed::invalid("stream", 0, "an answer")),
            StreamInput::Accepted { .. } | StreamInput::Connected { .. } | StreamInput::Flushed => {
                Ok(None)
            }
        };
        let body = match frame {
            Ok(None) => return true,
            Ok(Some(message)) if message.transaction == transaction => message.body,
            Ok(Some(_)) | Err(_) => Body::Refused(Error::Busy),
        };
        storage.links.remove(&conn);
        if !matches!(input, StreamInput::Closed(_)) {
            io.close(conn);
        }
        self.storage_answered(transaction, body, io);
        true
    }

    /// Gives up the stream of a question that was not answered in time.
    pub(super) fn drop_link(&mut self, transaction: Transaction, io: &mut Io<'_, Node>) {
        let links = &mut self.storage().links;
        let found = links
            .iter()
            .find(|(_, link)| link.transaction == transaction)
            .map(|(&conn, _)| conn);
        if let Some(conn) = found {
            links.remove(&conn);
            io.close(conn);
        }
    }
}

impl Node {
    /// Something happened on a stream.
    pub(crate) fn stream(&mut self, conn: ConnId, input: &StreamInput, io: &mut Io<'_, Self>) {
        for member in &mut self.members {
            if member.link_heard(conn, input, io) {
                return member.rearm();
            }
        }
        match input {
            StreamInput::Accepted { .. } => {
                let serving = self.serving.get_or_insert_default();
                serving.insert(conn, StreamBuffer::new());
                if serving.len() > SERVED_MAX
                    && let Some((oldest, _)) = serving.pop_first()
                {
                    io.close(oldest);
                }
            }
            StreamInput::Received(bytes) => self.serve(conn, bytes, io),
            StreamInput::Closed(_) => {
                if let Some(serving) = &mut self.serving {
                    serving.remove(&conn);
                }
            }
            StreamInput::Connected { .. } | StreamInput::Flushed => {}
        }
    }

    fn serve(&mut self, conn: ConnId, bytes: &Bytes, io: &mut Io<'_, Self>) {
        let Some(buffer) = self.serving.as_mut().and_then(|all| all.get_mut(&conn)) else {
            return;
        };
        buffer.push(bytes.clone());
        loop {
            let Some(buffer) = self.serving.as_mut().and_then(|all| all.get_mut(&conn)) else {
                return;
            };
            match take_frame(buffer) {
                Ok(Some(question)) => {
                    let prefix = question.to;
                    let member = self
                        .members
                        .iter_mut()
                        .find(|member| member.near.id().prefix() == prefix);
                    if let Some(member) = member {
                        member.storage_asked(Channel::Stream(conn), &question, io);
                        member.rearm();
                    }
                }
                Ok(None) => return buffer.compact(),
                Err(error) => {
                    tracing::debug!(%error, "garbled stream");
                    self.dropped = self.dropped.saturating_add(1);
                    if let Some(serving) = &mut self.serving {
                        serving.remove(&conn);
                    }
                    return io.close(conn);
                }
            }
        }
    }
}

/// A message with its length before it.
pub(crate) fn framed(message: &Message, shared: &Shared) -> Bytes {
    let mut bytes = Vec::from([0; 4]);
    machine::Wire::encode(message, shared, &mut bytes);
    let len = u32::try_from(bytes.len() - 4).unwrap_or(u32::MAX);
    bytes[..4].copy_from_slice(&len.to_be_bytes());
    Bytes::from(bytes)
}

/// The next whole frame, if it has come.
pub(crate) fn take_frame(buffer: &mut StreamBuffer) -> Result<Option<Message>, Malformed> {
    let Some(len) = buffer.peek_array().map(u32::from_be_bytes) else {
        return Ok(None);
    };
    let len = len as usize;
    if len > FRAME_MAX {
        let problem = Problem::TooLong {
            len: len as u64,
            max: FRAME_MAX as u64,
        };
        return Err(Malformed::new("frame length", 0, problem));
    }
    if buffer.len() < 4 + len {
        return Ok(None);
    }
    buffer.skip(4);
    let Some(frame) = buffer.take(len) else {
        return Ok(None);
    };
    // Frames that name nodes are refused: a table without room takes none in.
    let mut nobody = Contacts::closed();
    Message::decode_with(&frame, &mut nobody).map(Some)
}
