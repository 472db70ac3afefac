//! The side that wants the file.

use std::collections::BTreeMap;
use std::convert::Infallible;

use machine::{
    ConnId, DiskWork, Endpoint, Expect, FileSpan, Input, Instant, Io, Protocol, SlotId,
    StreamInput, Target,
};
use wire::StreamBuffer;

use crate::{BLOCK, FILE, HEAD_LEN, PIECE, SLOTS};

/// How many blocks are asked for and have not come; half of them are asked for at a time.
const DEPTH: u32 = 128;

/// Asks for one block after the other, and stores each piece that is whole.
#[derive(Debug)]
pub(crate) struct Leech {
    pieces: u32,
    expect: Expect,
    received: StreamBuffer,
    /// The rest of the block that is coming: where the next byte of it goes.
    coming: Option<Coming>,
    /// Pieces that are coming: their slots, and how many bytes are there.
    open: BTreeMap<u32, (SlotId, u32)>,
    free: Vec<SlotId>,
    /// The next block to ask for, counted from the first of the file.
    next_block: u32,
    asked: u32,
    stored: u32,
}

#[derive(Debug)]
struct Coming {
    piece: u32,
    at: u32,
    left: u32,
}

impl Leech {
    pub(crate) fn new(pieces: u32, expect: Expect) -> Self {
        Self {
            pieces,
            expect,
            received: StreamBuffer::new(),
            coming: None,
            open: BTreeMap::new(),
            free: (0..SLOTS.count).map(SlotId).collect(),
            next_block: 0,
            asked: 0,
            stored: 0,
        }
    }

    /// Asks for more when half of what was asked for has come.
    fn ask(&mut self, conn: ConnId, io: &mut Io<'_, Self>) {
        if self.asked > DEPTH / 2 {
            return;
        }
        while self.asked < DEPTH {
            let begin = self.next_block % (PIECE / BLOCK) * BLOCK;
            let piece = self.next_block / (PIECE / BLOCK);
            if piece == self.pieces {
                break;
            }
            if begin == 0 {
                let Some(slot) = self.free.pop() else {
                    io.hurry_disk();
                    break;
                };
                self.open.insert(piece, (slot, 0));
            }
            io.send(conn, &13u32);
            io.send(conn, &6u8);
            for word in [piece, begin, BLOCK] {
                io.send(conn, &word);
            }
            self.next_block += 1;
            self.asked += 1;
        }
    }

    fn take_blocks(&mut self, conn: ConnId, io: &mut Io<'_, Self>) {
        loop {
            match &mut self.coming {
                None => {
                    let Some(head) = self.received.peek_array::<HEAD_LEN>() else {
                        break;
                    };
                    self.received.skip(HEAD_LEN);
                    let word = |at: usize| {
                        let mut word = [0; 4];
                        word.copy_from_slice(&head[at..at + 4]);
                        u32::from_be_bytes(word)
                    };
                    self.coming = Some(Coming {
                        piece: word(5),
                        at: word(9),
                        left: word(0) - 9,
                    });
                }
                Some(coming) => {
                    let Some(bytes) = self.received.take_front(coming.left as usize) else {
                        break;
                    };
                    let len = bytes.len() as u32;
                    let piece = coming.piece;
                    let (slot, there) = self.open.get_mut(&piece).expect("asked for");
                    io.put(*slot, coming.at, bytes);
                    *there += len;
                    let whole = *there == PIECE;
                    coming.at += len;
                    coming.left -= len;
                    if coming.left == 0 {
                        self.coming = None;
                        self.asked -= 1;
                    }
                    if whole {
                        self.store(piece, io);
                    }
                }
            }
        }
        self.received.compact();
        self.ask(conn, io);
    }

    fn store(&mut self, piece: u32, io: &mut Io<'_, Self>) {
        let (slot, _) = self.open[&piece];
        let span = FileSpan {
            file: FILE,
            offset: u64::from(piece) * u64::from(PIECE),
            len: PIECE,
        };
        io.disk(DiskWork::Store {
            slots: [(slot, PIECE)].into_iter().collect(),
            expect: self.expect,
            to: [span].into_iter().collect(),
        });
        if piece + 1 == self.pieces {
            io.hurry_disk();
        }
    }
}

impl Protocol for Leech {
    type Message = Infallible;
    type Command = Endpoint;
    type Event = ();
    type Shared = ();

    fn handle(&mut self, input: Input<Self>, io: &mut Io<'_, Self>) {
        match input {
            Input::Command(seed) => {
                io.connect(Target::Endpoint(seed));
            }
            Input::Stream { conn, input } => match input {
                StreamInput::Connected { .. } => self.ask(conn, io),
                StreamInput::Received(bytes) => {
                    self.received.push(bytes);
                    self.take_blocks(conn, io);
                }
                StreamInput::Closed(reason) => panic!("{reason}"),
                StreamInput::Accepted { .. } | StreamInput::Flushed => {}
            },
            Input::Disk { result, .. } => {
                if let Err(error) = result {
                    panic!("{error}");
                }
                // Pieces end in the order in which they were begun.
                let (_, (slot, _)) = self.open.pop_first().expect("was stored");
                self.free.push(slot);
                self.stored += 1;
                if self.stored == self.pieces {
                    io.emit(());
                }
                self.ask(ConnId(1), io);
            }
            Input::Message { .. } | Input::Garbled { .. } | Input::Resolved { .. } => {}
            Input::Wake => {}
        }
    }

    fn next_wakeup(&self) -> Option<Instant> {
        None
    }
}
