//! A node for these tests: it sends what it is told to and keeps what it gets.

use bytes::Bytes;
use machine::{
    CloseReason, ConnId, DiskDone, DiskError, DiskWork, Endpoint, FileSpan, Input, Instant, Io,
    Protocol, SlotId, StreamInput, Target, Wire,
};
use wire::Malformed;

/// A node that does what it is told.
#[derive(Debug, Default)]
pub(crate) struct Talker {
    /// How many bytes came, on all connections.
    pub(crate) received: usize,
    /// The connections it has.
    pub(crate) conns: Vec<ConnId>,
    /// A wake every second counts them down.
    pub(crate) wakes: u32,
    pub(crate) deadline: Option<Instant>,
    /// Who sent the last datagram.
    pub(crate) last_sender: Option<Endpoint>,
    /// What it does at the next wake.
    pub(crate) later: Option<Tell>,
}

/// What to do.
#[derive(Debug, Clone)]
pub(crate) enum Tell {
    /// Opens a connection and sends zeros on it.
    Send { to: Endpoint, len: usize },
    /// Sends datagrams.
    Words { to: Endpoint, count: u32 },
    /// Opens a connection and sends a stretch of a file.
    Span { to: Endpoint, span: FileSpan },
    /// Reads no more.
    Pause,
    /// Closes all.
    Close,
    /// Puts bytes into a slot.
    Put { slot: SlotId, at: u32, bytes: Bytes },
    /// Works on the disk.
    Disk(DiskWork),
    /// Wakes so many times, each after a random time.
    Wakes(u32),
    /// Does something when it wakes, after a random time.
    Later(Box<Self>),
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Heard {
    Connected,
    Closed(CloseReason),
    Word(u32),
    Garbled,
    Disk(Result<DiskDone, DiskError>),
    /// So many bytes had come when the other side closed.
    Whole(usize),
    Woken,
}

/// A datagram with a number.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Word(pub(crate) u32);

impl Wire<()> for Word {
    fn encode(&self, _: &(), out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0.to_be_bytes());
        out.extend_from_slice(&(!self.0).to_be_bytes());
    }

    fn decode(bytes: &[u8], _: &mut ()) -> Result<Self, Malformed> {
        let invalid = Malformed::invalid("word", 0, "a number and its complement");
        let bytes: &[u8; 8] = bytes.try_into().map_err(|_| invalid)?;
        let word = u64::from_be_bytes(*bytes);
        let (number, complement) = ((word >> 32) as u32, word as u32);
        (number == !complement)
            .then_some(Self(number))
            .ok_or(invalid)
    }

    fn encoded_len(&self, _: &()) -> usize {
        8
    }
}

impl Protocol for Talker {
    type Message = Word;
    type Command = Tell;
    type Event = Heard;
    type Shared = ();

    fn handle(&mut self, input: Input<Self>, io: &mut Io<'_, Self>) {
        match input {
            Input::Command(tell) => self.told(tell, io),
            Input::Message { from, message } => {
                self.last_sender = Some(from);
                io.emit(Heard::Word(message.0));
            }
            Input::Garbled { .. } => io.emit(Heard::Garbled),
            Input::Disk { result, .. } => io.emit(Heard::Disk(result)),
            Input::Stream { conn, input } => match input {
                StreamInput::Accepted { .. } => self.conns.push(conn),
                StreamInput::Connected { .. } => {
                    self.conns.push(conn);
                    io.emit(Heard::Connected);
                }
                StreamInput::Received(bytes) => self.received += bytes.len(),
                StreamInput::Closed(CloseReason::ByPeer) => io.emit(Heard::Whole(self.received)),
                StreamInput::Closed(reason) => io.emit(Heard::Closed(reason)),
                StreamInput::Flushed => {}
            },
            Input::Wake => {
                io.emit(Heard::Woken);
                if let Some(tell) = self.later.take() {
                    self.told(tell, io);
                }
                self.sleep(io);
            }
            Input::Resolved { .. } => {}
        }
    }

    fn next_wakeup(&self) -> Option<Instant> {
        self.deadline
    }
}

impl Talker {
    fn told(&mut self, tell: Tell, io: &mut Io<'_, Self>) {
        match tell {
            Tell::Send { to, len } => {
                let conn = io.connect(Target::Endpoint(to));
                io.send_bytes(conn, Bytes::from(vec![0; len]));
            }
            Tell::Words { to, count } => (0..count).for_each(|word| io.send_to(to, Word(word))),
            Tell::Span { to, span } => {
                let conn = io.connect(Target::Endpoint(to));
                io.send_span(conn, span);
                io.close(conn);
            }
            Tell::Pause => self.conns.iter().for_each(|&conn| io.pause(conn)),
            Tell::Close => self.conns.drain(..).for_each(|conn| io.close(conn)),
            Tell::Put { slot, at, bytes } => io.put(slot, at, bytes),
            Tell::Disk(work) => {
                io.disk(work);
            }
            Tell::Later(tell) => {
                self.later = Some(*tell);
                self.wakes = 1;
                self.sleep(io);
            }
            Tell::Wakes(count) => {
                self.wakes = count;
                self.sleep(io);
            }
        }
    }

    fn sleep(&mut self, io: &mut Io<'_, Self>) {
        self.deadline = None;
        if self.wakes > 0 {
            self.wakes -= 1;
            let nap = core::time::Duration::from_micros(1 + io.rng().below(1_000_000));
            self.deadline = Some(io.now() + nap);
        }
    }
}
