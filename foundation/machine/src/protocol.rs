//! The two traits that a protocol implements: the node, and its datagrams.

use alloc::vec::Vec;
use core::convert::Infallible;
use core::fmt;

use wire::Malformed;

use crate::{Input, Instant, Io};

/// A peer-to-peer protocol, seen from one node: inputs go in, effects come out.
pub trait Protocol: Sized {
    /// A datagram of this protocol ([`Infallible`] for protocols of streams only). Small: what
    /// is long stands behind a `Box`, because the simulator keeps millions of them in flight.
    type Message: Wire<Self::Shared>;
    /// What a user may ask of this node.
    type Command;
    /// What the node tells its user.
    type Event;
    /// What all nodes of one driver share, read-only in [`handle`](Self::handle): interned
    /// contacts, configuration; `()` if nothing.
    type Shared;

    /// Takes one input and asks, through `io`, for everything that follows from it.
    ///
    /// It cannot fail: a peer's fault closes that peer's connection, and a command's fault is an
    /// event that names the command.
    fn handle(&mut self, input: Input<Self>, io: &mut Io<'_, Self>);

    /// Tells the next moment at which this node wants [`Input::Wake`], if any.
    ///
    /// It is asked after every turn, so it must be O(1). After a due `Wake` it must lie in the
    /// future.
    fn next_wakeup(&self) -> Option<Instant>;

    /// Asks, through [`prefetch`](crate::prefetch), for the memory that a coming input will touch.
    ///
    /// A hint without meaning: a driver may call it some inputs ahead, or never, and a protocol
    /// that does nothing here does nothing wrong. By then the node's own record is in the cache;
    /// what it points at is not.
    fn expect(&self, _coming: Coming<'_, Self>, _shared: &Self::Shared) {}
}

/// An input that will come soon, as far as it is known already.
pub enum Coming<'a, P: Protocol> {
    /// This datagram.
    Message(&'a P::Message),
    /// A wake.
    Wake,
}

impl<P: Protocol> Clone for Coming<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P: Protocol> Copy for Coming<'_, P> {}

impl<P: Protocol<Message: fmt::Debug>> fmt::Debug for Coming<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(message) => f.debug_tuple("Message").field(message).finish(),
            Self::Wake => f.write_str("Wake"),
        }
    }
}

/// A datagram as a value that has a form on the wire.
///
/// `S` is the protocol's [`Protocol::Shared`]: tables that are needed to read or write a message,
/// for example of interned contacts.
pub trait Wire<S>: Sized {
    /// The names of the kinds of messages, for those who count them.
    const KINDS: &'static [&'static str] = &["message"];

    /// Tells the message's kind: an index of [`KINDS`](Self::KINDS).
    fn kind(&self) -> usize {
        0
    }

    /// Appends the datagram's bytes to `out`.
    fn encode(&self, shared: &S, out: &mut Vec<u8>);

    /// Reads a datagram from all of `bytes`.
    ///
    /// # Errors
    /// When the bytes are no message of this protocol; the driver drops and reports them as
    /// [`Input::Garbled`].
    fn decode(bytes: &[u8], shared: &mut S) -> Result<Self, Malformed>;

    /// Tells how many bytes [`encode`](Self::encode) would append: what the simulator charges.
    fn encoded_len(&self, shared: &S) -> usize;
}

/// Protocols of streams only have no datagram, so whatever arrives is none.
impl<S> Wire<S> for Infallible {
    fn encode(&self, _shared: &S, _out: &mut Vec<u8>) {
        match *self {}
    }

    fn decode(_bytes: &[u8], _shared: &mut S) -> Result<Self, Malformed> {
        Err(Malformed {
            field: "datagram",
            offset: 0,
            problem: wire::Problem::Invalid("this protocol has no datagrams"),
        })
    }

    fn encoded_len(&self, _shared: &S) -> usize {
        match *self {}
    }
}
