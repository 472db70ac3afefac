//! What a visitor has asked, and waits for: datagrams, and streams for what does not fit into one.

use alloc::vec::Vec;
use core::time::Duration;

use machine::{ConnId, Endpoint, Instant, Io, StreamInput, Target};
use wire::StreamBuffer;

use super::Visitor;
use crate::contacts::Contact;
use crate::rpc::RoundTrips;
use crate::storage::streams::{LONG_TIMEOUT, framed, take_frame};
use crate::wire::{Body, Message, Transaction};

/// Questions that wait for their answers.
#[derive(Debug, Default)]
pub(super) struct Questions {
    list: Vec<Question>,
    trips: RoundTrips,
}

/// Whom to ask what.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) whom: Whom,
    pub(super) body: Body,
    pub(super) by: By,
}

/// Somebody who can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whom {
    /// Whoever is at this address.
    Door(Endpoint),
    Node(Contact),
}

/// How a question travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Datagram,
    Stream,
}

/// What came of a question.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) from: Whom,
    /// The answer, and how long it took; nothing came, if it is missing.
    pub(super) answer: Option<(Body, Duration)>,
}

#[derive(Debug)]
struct Question {
    transaction: Transaction,
    whom: Whom,
    to: Endpoint,
    prefix: u64,
    body: Body,
    sent: Instant,
    deadline: Instant,
    attempts: u8,
    stream: Option<(ConnId, StreamBuffer)>,
}

impl Questions {
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.list.iter().map(|question| question.deadline).min()
    }

    pub(super) fn ask(&mut self, ask: Ask, io: &mut Io<'_, Visitor>) {
        let (to, prefix) = match ask.whom {
            Whom::Door(door) => (door, 0),
            Whom::Node(contact) => {
                let reference = io.shared().contacts.reference(contact);
                (reference.endpoint, reference.id.prefix())
            }
        };
        let patience = match ask.by {
            By::Datagram => self.trips.patience(&io.shared().config),
            By::Stream => LONG_TIMEOUT,
        };
        let mut question = Question {
            transaction: Transaction(io.rng().next_u64()),
            whom: ask.whom,
            to,
            prefix,
            body: ask.body,
            sent: io.now(),
            deadline: io.now() + patience,
            attempts: 1,
            stream: None,
        };
        match ask.by {
            By::Datagram => io.send_to(to, question.message()),
            By::Stream => {
                let conn = io.connect(Target::Endpoint(to));
                io.send_bytes(conn, framed(&question.message(), io.shared()));
                question.stream = Some((conn, StreamBuffer::new()));
            }
        }
        self.list.push(question);
    }

    /// A datagram came; what was waited for, if it is an answer.
    pub(super) fn heard(&mut self, message: Message, now: Instant) -> Option<Reply> {
        let is_asked = |question: &Question| {
            question.transaction == message.transaction && question.stream.is_none()
        };
        let at = self.list.iter().position(is_asked)?;
        message.body.is_answer().then_some(())?;
        let question = self.list.swap_remove(at);
        let took = now.since(question.sent);
        // Of a repeated question it is not known which copy was answered (Karn's rule).
        self.trips.learn((question.attempts == 1).then_some(took));
        Some(question.reply(Some((message.body, took))))
    }

    /// Something happened on a stream.
    pub(super) fn stream(
        &mut self,
        conn: ConnId,
        input: StreamInput,
        io: &mut Io<'_, Visitor>,
    ) -> Option<Reply> {
        let is_its = |question: &Question| {
            let stream = question.stream.as_ref();
            stream.is_some_and(|(other, _)| *other == conn)
        };
        let at = self.list.iter().position(is_its)?;
        let question = self.list.get_mut(at)?;
        let answer = match input {
            StreamInput::Received(bytes) => {
                let (_, buffer) = question.stream.as_mut()?;
                buffer.push(bytes);
                match take_frame(buffer) {
                    Ok(None) => {
                        buffer.compact();
                        return None;
                    }
                    Ok(Some(message)) if message.transaction == question.transaction => {
                        Some((message.body, io.now().since(question.sent)))
                    }
                    Ok(Some(_)) | Err(_) => None,
                }
            }
            StreamInput::Closed(_) => None,
            StreamInput::Accepted { .. } | StreamInput::Connected { .. } | StreamInput::Flushed => {
                return None;
            }
        };
        let question = self.list.swap_remove(at);
        io.close(conn);
        Some(question.reply(answer))
    }

    /// Repeats what is late; gives up one that was repeated often enough.
    pub(super) fn give_up_late(&mut self, io: &mut Io<'_, Visitor>) -> Option<Reply> {
        let now = io.now();
        let attempts_max = io.shared().config.attempts;
        let patience = self.trips.patience(&io.shared().config);
        let mut over = None;
        for (at, question) in self.list.iter_mut().enumerate() {
            if question.deadline > now {
                continue;
            }
            if question.stream.is_some() || question.attempts >= attempts_max {
                over = Some(at);
                break;
            }
            question.attempts += 1;
            question.deadline = now + patience;
            io.send_to(question.to, question.message());
        }
        let question = self.list.swap_remove(over?);
        if let Some((conn, _)) = question.stream {
            io.close(conn);
        }
        Some(question.reply(None))
    }
}

impl Question {
    fn message(&self) -> Message {
        Message {
            transaction: self.transaction,
            to: self.prefix,
            body: self.body.clone(),
        }
    }

    const fn reply(&self, answer: Option<(Body, Duration)>) -> Reply {
        Reply {
            from: self.whom,
            answer,
        }
    }
}
