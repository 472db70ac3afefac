//! What a node asks for, as the driver finds it after a turn.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use bytes::Bytes;

use crate::{ConnId, DiskWork, Endpoint, FileSpan, JobId, Protocol, SlotId, Target};

/// One wish of a node. Wishes are carried out in the order in which they were uttered.
pub enum Effect<P: Protocol> {
    /// Send a datagram.
    SendTo {
        /// To whom.
        to: Endpoint,
        /// What.
        message: P::Message,
    },
    /// Open a connection.
    Connect {
        /// Its id from now on.
        conn: ConnId,
        /// Where to.
        to: Target,
    },
    /// Send small messages, already encoded into [`Effects::written`].
    Write {
        /// On which connection.
        conn: ConnId,
        /// Which bytes.
        written: Written,
    },
    /// Send bytes that somebody holds already.
    SendBytes {
        /// On which connection.
        conn: ConnId,
        /// The bytes.
        bytes: Bytes,
    },
    /// Send a stretch of a file; its head was written before.
    SendSpan {
        /// On which connection.
        conn: ConnId,
        /// The stretch.
        span: FileSpan,
    },
    /// Close a connection once all that was sent has left.
    Close {
        /// Which one.
        conn: ConnId,
    },
    /// Read no more from a connection, so that the other side must wait.
    Pause {
        /// Which one.
        conn: ConnId,
    },
    /// Read again from a paused connection.
    Resume {
        /// Which one.
        conn: ConnId,
    },
    /// Copy payload into a slot.
    Put {
        /// Which slot.
        slot: SlotId,
        /// Where in the slot, in bytes.
        at: u32,
        /// The payload.
        bytes: Bytes,
    },
    /// Forget what a slot holds.
    Free {
        /// Which slot.
        slot: SlotId,
    },
    /// Do some work on the disk.
    Disk {
        /// The id under which the answer comes.
        job: JobId,
        /// The work.
        work: Box<DiskWork>,
    },
    /// Begin with the disk work that waits for company.
    HurryDisk,
    /// Look up a host's name.
    Resolve {
        /// The id under which the answer comes.
        job: JobId,
        /// The name.
        name: Box<str>,
        /// The port that the answered endpoints shall have.
        port: u16,
    },
    /// Tell the user something.
    Emit(P::Event),
}

/// A range of [`Effects::written`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    start: u32,
    end: u32,
}

/// The wishes of one turn. The driver owns the buffer, lends it for each turn and empties it
/// afterwards, so a turn allocates nothing.
pub struct Effects<P: Protocol> {
    list: Vec<Effect<P>>,
    written: Vec<u8>,
}

impl Written {
    fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// How many bytes.
    #[must_use]
    pub const fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.end == self.start
    }
}

impl<P: Protocol> Effects<P> {
    /// No wishes.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            list: Vec::new(),
            written: Vec::new(),
        }
    }

    /// Whether nothing is asked for.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The bytes of an [`Effect::Write`].
    #[must_use]
    pub fn written(&self, written: Written) -> &[u8] {
        &self.written[written.range()]
    }

    /// Takes the wishes out; the written bytes stay until [`clear`](Self::clear).
    ///
    /// It hands over the list itself, so that the driver can read the written bytes while it
    /// walks through it; give it back by [`restore`](Self::restore) to keep its memory.
    pub fn take(&mut self) -> Vec<Effect<P>> {
        core::mem::take(&mut self.list)
    }

    /// Gives an emptied list back for the next turn, and forgets the written bytes.
    pub fn restore(&mut self, mut list: Vec<Effect<P>>) {
        list.clear();
        self.list = list;
        self.written.clear();
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.list.clear();
        self.written.clear();
    }

    #[inline]
    pub(crate) fn push(&mut self, effect: Effect<P>) {
        self.list.push(effect);
    }

    /// Adds an effect that is put together where it will stand, not moved there.
    #[inline(always)]
    pub(crate) fn push_with(&mut self, effect: impl FnOnce() -> Effect<P>) {
        self.list.extend(core::iter::once_with(effect));
    }

    /// Lets `encode` append to the written bytes and sends them on `conn`, joined to what was
    /// written on it just before.
    pub(crate) fn write(&mut self, conn: ConnId, encode: impl FnOnce(&mut Vec<u8>)) {
        let start = self.written.len();
        encode(&mut self.written);
        let end = self.written.len();
        if end == start {
            return;
        }
        let position = |at: usize| u32::try_from(at).expect("a turn writes less than 4 GiB");
        if let Some(Effect::Write {
            conn: last,
            written,
        }) = self.list.last_mut()
            && *last == conn
            && written.end as usize == start
        {
            written.end = position(end);
            return;
        }
        let written = Written {
            start: position(start),
            end: position(end),
        };
        self.list.push(Effect::Write { conn, written });
    }
}

impl<P: Protocol> Default for Effects<P> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Protocol> fmt::Debug for Effects<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Effects")
            .field("list", &self.list.len())
            .field("written", &self.written.len())
            .finish()
    }
}

impl<P: Protocol> fmt::Debug for Effect<P>
where
    P::Message: fmt::Debug,
    P::Event: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SendTo { to, message } => write!(f, "SendTo({to}, {message:?})"),
            Self::Connect { conn, to } => write!(f, "Connect({}, {to:?})", conn.0),
            Self::Write { conn, written } => {
                write!(f, "Write({}, {} bytes)", conn.0, written.len())
            }
            Self::SendBytes { conn, bytes } => {
                write!(f, "SendBytes({}, {} bytes)", conn.0, bytes.len())
            }
            Self::SendSpan { conn, span } => write!(f, "SendSpan({}, {span:?})", conn.0),
            Self::Close { conn } => write!(f, "Close({})", conn.0),
            Self::Pause { conn } => write!(f, "Pause({})", conn.0),
            Self::Resume { conn } => write!(f, "Resume({})", conn.0),
            Self::Put { slot, at, bytes } => {
                write!(f, "Put({}, {at}, {} bytes)", slot.0, bytes.len())
            }
            Self::Free { slot } => write!(f, "Free({})", slot.0),
            Self::Disk { job, work } => write!(f, "Disk({}, {work:?})", job.0),
            Self::HurryDisk => f.write_str("HurryDisk"),
            Self::Resolve { job, name, port } => write!(f, "Resolve({}, {name}:{port})", job.0),
            Self::Emit(event) => write!(f, "Emit({event:?})"),
        }
    }
}
