//! What a runtime is given before it starts.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, mpsc};

use machine::{Protocol, SlotPlan};
use mio::{Poll, Token, Waker};

use crate::datagrams;
use crate::disk::Caching;
use crate::files::Files;
use crate::handle::Handle;
use crate::listener;
use crate::network::Outgoing;
use crate::reactor::{Parts, Reactor, WAKER};

/// Builds a runtime for one node: what it listens to, what it may use.
#[derive(Debug)]
pub struct Builder<P: Protocol> {
    node: P,
    shared: P::Shared,
    listeners: Vec<SocketAddr>,
    datagrams: Vec<SocketAddr>,
    outgoing: Outgoing,
    slots: SlotPlan,
    limits: Limits,
    files: Files,
    caching: Caching,
}

/// How much of the system a runtime may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How many connections there may be in all. At the limit no stranger is let in, and what the
    /// node asks for ends with [`CloseReason::TooMany`](machine::CloseReason::TooMany).
    pub connections: usize,
    /// How many connections may wait for the other side's first answer; more that the node asks
    /// for wait their turn.
    pub half_open: usize,
}

/// Why a runtime cannot start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// Connections cannot be received there; most often, somebody else listens already.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        reason: io::ErrorKind,
    },
    /// Datagrams cannot be received there.
    #[error("cannot receive datagrams on {address}: {reason}")]
    Datagrams {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        reason: io::ErrorKind,
    },
    /// The system gives no thread or no descriptor.
    #[error("the system gives no {what}: {reason}")]
    System {
        /// What was needed.
        what: &'static str,
        /// What the system says.
        reason: io::ErrorKind,
    },
}

impl Default for Limits {
    /// As many connections as a busy BitTorrent client has, and as many half-open ones as home
    /// routers were seen to stand.
    fn default() -> Self {
        Self {
            connections: 2_000,
            half_open: 100,
        }
    }
}

impl<P> Builder<P>
where
    P: Protocol + Send + 'static,
    P::Shared: Send,
    P::Command: Send,
    P::Event: Send,
    P::Message: Send,
{
    /// Begins with a node that listens to nothing and has no slots.
    #[must_use]
    pub fn new(node: P, shared: P::Shared) -> Self {
        Self {
            node,
            shared,
            listeners: Vec::new(),
            datagrams: Vec::new(),
            outgoing: Outgoing::default(),
            slots: SlotPlan { count: 0, len: 0 },
            limits: Limits::default(),
            files: Files::new(),
            caching: Caching::default(),
        }
    }

    /// Listens for connections; the first call names `ListenerId(0)`, and so on. Port 0 lets the
    /// system choose ([`Handle::listeners`] tells what). IPv6 addresses do not receive IPv4.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listeners.push(address);
        self
    }

    /// Receives datagrams there, and sends them from there: once for each family that is needed.
    #[must_use]
    pub fn datagrams(mut self, address: SocketAddr) -> Self {
        self.datagrams.push(address);
        self
    }

    /// Makes connections from this address. Once one is named, nothing is connected by the other
    /// family unless one is named for it too: who binds to an interface wants nothing to leave by
    /// another.
    #[must_use]
    pub fn connect_from(mut self, address: IpAddr) -> Self {
        self.outgoing.set(address);
        self
    }

    /// Lends memory for pieces: the plan that the node knows too.
    #[must_use]
    pub fn slots(mut self, plan: SlotPlan) -> Self {
        self.slots = plan;
        self
    }

    /// Sets how much of the system may be used.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Uses a registry of files that exists already.
    #[must_use]
    pub fn files(mut self, files: Files) -> Self {
        self.files = files;
        self
    }

    /// Sets what becomes of written bytes in the page cache.
    #[must_use]
    pub fn caching(mut self, caching: Caching) -> Self {
        self.caching = caching;
        self
    }

    /// Opens the sockets and starts the threads. `on_event` is called on the network thread for
    /// each event of the node's; it should be quick, as sending into a channel is.
    ///
    /// # Errors
    /// When an address is taken or not ours, or the system has no thread or descriptor left.
    pub fn start(
        self,
        on_event: impl FnMut(P::Event) + Send + 'static,
    ) -> Result<Handle<P>, StartError> {
        let poll = Poll::new().map_err(|error| system("event queue", &error))?;
        let waker = Waker::new(poll.registry(), Token(WAKER));
        let waker = Arc::new(waker.map_err(|error| system("event queue", &error))?);

        let mut listeners = Vec::new();
        for &address in &self.listeners {
            let reason = |error: io::Error| StartError::Listen {
                address,
                reason: error.kind(),
            };
            let socket = listener::bind(address).map_err(reason)?;
            listeners.push((socket.local_addr().map_err(reason)?, socket));
        }
        let mut sockets = Vec::new();
        for &address in &self.datagrams {
            let reason = |error: io::Error| StartError::Datagrams {
                address,
                reason: error.kind(),
            };
            let socket = datagrams::bind(address).map_err(reason)?;
            sockets.push((socket.local_addr().map_err(reason)?, socket));
        }
        let listener_addresses = listeners.iter().map(|(address, _)| *address).collect();
        let datagram_addresses = sockets.iter().map(|(address, _)| *address).collect();

        let (orders, to_do) = mpsc::channel();
        let parts = Parts {
            node: self.node,
            shared: self.shared,
            poll,
            waker: Arc::clone(&waker),
            orders: to_do,
            listeners: listeners.into_iter().map(|(_, socket)| socket).collect(),
            datagrams: sockets.into_iter().map(|(_, socket)| socket).collect(),
            outgoing: self.outgoing,
            slots: self.slots,
            limits: self.limits,
            files: self.files.clone(),
            caching: self.caching,
            on_event: Box::new(on_event),
        };
        let reactor = Reactor::new(parts).map_err(|error| system("descriptor", &error))?;
        let thread = std::thread::Builder::new()
            .name("manyhop-network".into())
            .spawn(move || reactor.run())
            .map_err(|error| system("thread", &error))?;
        Ok(Handle::new(
            orders,
            waker,
            thread,
            self.files,
            listener_addresses,
            datagram_addresses,
        ))
    }
}

fn system(what: &'static str, error: &io::Error) -> StartError {
    StartError::System {
        what,
        reason: error.kind(),
    }
}
