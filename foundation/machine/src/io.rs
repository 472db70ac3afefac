//! The node's only door to the world.

use alloc::boxed::Box;
use core::fmt;

use bytes::Bytes;
use wire::Encode;

use crate::{
    ConnId, DiskWork, Effect, Effects, Endpoint, FileSpan, Ids, Instant, JobId, Protocol, Rng,
    SlotId, Target,
};

/// A connection whose backlog has reached this many bytes hears
/// [`Flushed`](crate::StreamInput::Flushed) once it has fallen below [`BACKLOG_LOW`]. Enough for
/// the wire never to run dry, little enough that a short message does not wait long behind it.
pub const BACKLOG_HIGH: usize = 128 * 1024;

/// Where a backlog counts as flushed, in bytes.
pub const BACKLOG_LOW: usize = 64 * 1024;

/// What a node may know of its connections without being told: lent by the driver.
pub trait Streams {
    /// How many bytes were given to the connection and have not yet left, as of the start of the
    /// turn; 0 for one that is gone.
    fn backlog(&self, conn: ConnId) -> usize;
}

/// A node that has no connections.
#[derive(Debug, Clone, Copy)]
pub struct NoStreams;

impl Streams for NoStreams {
    fn backlog(&self, _conn: ConnId) -> usize {
        0
    }
}

/// The node's only door to the world, open for the length of one input.
///
/// Nothing happens while the node still speaks: each call notes an [`Effect`], and the driver
/// carries them out, in order, when the turn is over.
pub struct Io<'a, P: Protocol> {
    pub(crate) now: Instant,
    pub(crate) shared: &'a P::Shared,
    pub(crate) rng: Rng,
    pub(crate) ids: &'a mut Ids,
    pub(crate) streams: &'a dyn Streams,
    pub(crate) effects: &'a mut Effects<P>,
}

impl<P: Protocol> Io<'_, P> {
    /// The moment of this turn: the same throughout.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// What all nodes of this driver share.
    #[must_use]
    pub const fn shared(&self) -> &P::Shared {
        self.shared
    }

    /// The chance of this turn.
    pub const fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    /// Sends a datagram. It may be lost, doubled or overtaken.
    #[inline(always)]
    pub fn send_to(&mut self, to: Endpoint, message: P::Message) {
        self.effects.push_with(|| Effect::SendTo { to, message });
    }

    /// Opens a connection; `Connected` or `Closed` follows.
    pub fn connect(&mut self, to: Target) -> ConnId {
        let conn = self.ids.next_conn();
        self.effects.push(Effect::Connect { conn, to });
        conn
    }

    /// Sends a message on a connection. Before `Connected` it waits; after the end it is lost.
    pub fn send(&mut self, conn: ConnId, message: &impl Encode) {
        self.effects.write(conn, |out| message.encode(out));
    }

    /// Sends bytes that somebody holds already, without a copy.
    pub fn send_bytes(&mut self, conn: ConnId, bytes: Bytes) {
        self.effects.push(Effect::SendBytes { conn, bytes });
    }

    /// Sends a stretch of a file, after what was sent before; its head is a message of its own
    /// ([`send`](Self::send)), and the two leave together. The driver reads the file when its
    /// turn on the wire has come. If it cannot be read, the connection ends with
    /// [`CloseReason::Unreadable`](crate::CloseReason::Unreadable).
    pub fn send_span(&mut self, conn: ConnId, span: FileSpan) {
        self.effects.push(Effect::SendSpan { conn, span });
    }

    /// How many bytes were given to the connection and have not yet left, as of the start of
    /// this turn. Once it has reached [`BACKLOG_HIGH`] and falls below [`BACKLOG_LOW`] comes
    /// [`StreamInput::Flushed`](crate::StreamInput::Flushed).
    #[must_use]
    pub fn backlog(&self, conn: ConnId) -> usize {
        self.streams.backlog(conn)
    }

    /// Closes a connection once all that was sent has left. Nothing more is heard of it.
    pub fn close(&mut self, conn: ConnId) {
        self.effects.push(Effect::Close { conn });
    }

    /// Reads no more from a connection for now, so that the other side must wait. What the
    /// driver has read already may still come.
    pub fn pause(&mut self, conn: ConnId) {
        self.effects.push(Effect::Pause { conn });
    }

    /// Reads again from a paused connection.
    pub fn resume(&mut self, conn: ConnId) {
        self.effects.push(Effect::Resume { conn });
    }

    /// Copies payload in hand into a slot, `at` bytes from its start.
    pub fn put(&mut self, slot: SlotId, at: u32, bytes: Bytes) {
        self.effects.push(Effect::Put { slot, at, bytes });
    }

    /// Forgets what a slot holds: after a [`DiskError`](crate::DiskError), which keeps the slots,
    /// or when a piece is given up.
    pub fn free(&mut self, slot: SlotId) {
        self.effects.push(Effect::Free { slot });
    }

    /// Asks for work on the disk; the answer is [`Input::Disk`](crate::Input::Disk).
    pub fn disk(&mut self, work: DiskWork) -> JobId {
        let job = self.ids.next_job();
        self.effects.push(Effect::Disk {
            job,
            work: Box::new(work),
        });
        job
    }

    /// Tells the driver not to wait for more pieces to hash side by side: the node has no slot
    /// left, or nothing more to fetch.
    pub fn hurry_disk(&mut self) {
        self.effects.push(Effect::HurryDisk);
    }

    /// Looks up a host's name, for datagrams; the answer is
    /// [`Input::Resolved`](crate::Input::Resolved).
    pub fn resolve(&mut self, name: &str, port: u16) -> JobId {
        let job = self.ids.next_job();
        self.effects.push(Effect::Resolve {
            job,
            name: name.into(),
            port,
        });
        job
    }

    /// Tells the user something.
    pub fn emit(&mut self, event: P::Event) {
        self.effects.push(Effect::Emit(event));
    }
}

impl<P: Protocol> fmt::Debug for Io<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Io")
            .field("now", &self.now)
            .field("effects", &self.effects)
            .finish()
    }
}
