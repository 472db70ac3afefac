//! The side that has the file.

use std::collections::BTreeMap;
use std::convert::Infallible;

use machine::{ConnId, FileSpan, Input, Instant, Io, Protocol, StreamInput};
use wire::StreamBuffer;

use crate::{FILE, HEAD_LEN, PIECE, REQUEST_LEN};

/// Answers requests as they come.
#[derive(Debug, Default)]
pub(crate) struct Seed {
    received: BTreeMap<ConnId, StreamBuffer>,
}

impl Protocol for Seed {
    type Message = Infallible;
    type Command = ();
    type Event = ();
    type Shared = ();

    fn handle(&mut self, input: Input<Self>, io: &mut Io<'_, Self>) {
        let Input::Stream { conn, input } = input else {
            return;
        };
        match input {
            StreamInput::Received(bytes) => {
                let buffer = self.received.entry(conn).or_default();
                buffer.push(bytes);
                while let Some(request) = buffer.peek_array::<REQUEST_LEN>() {
                    buffer.skip(REQUEST_LEN);
                    answer(conn, request, io);
                }
                buffer.compact();
            }
            StreamInput::Closed(_) => drop(self.received.remove(&conn)),
            StreamInput::Accepted { .. } | StreamInput::Connected { .. } | StreamInput::Flushed => {
            }
        }
    }

    fn next_wakeup(&self) -> Option<Instant> {
        None
    }
}

fn answer(conn: ConnId, request: [u8; REQUEST_LEN], io: &mut Io<'_, Seed>) {
    let word = |at: usize| {
        let mut word = [0; 4];
        word.copy_from_slice(&request[at..at + 4]);
        u32::from_be_bytes(word)
    };
    let (piece, begin, len) = (word(5), word(9), word(13));
    let mut head = [0; HEAD_LEN];
    head[..4].copy_from_slice(&(len + 9).to_be_bytes());
    head[4] = 7;
    head[5..9].copy_from_slice(&piece.to_be_bytes());
    head[9..].copy_from_slice(&begin.to_be_bytes());
    let span = FileSpan {
        file: FILE,
        offset: u64::from(piece) * u64::from(PIECE) + u64::from(begin),
        len,
    };
    io.send(conn, &head);
    io.send_span(conn, span);
}
