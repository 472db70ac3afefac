//! On the way to being connected: addresses tried in turn, few at a time.
//!
//! A node may ask for hundreds of connections at once, to addresses of which most answer nothing.
//! Some home routers and firewalls fail under so many half-open connections, so the runtime opens
//! a limited number at a time and lets the others wait.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use machine::{CloseReason, Endpoint};
use mio::net::TcpStream;
use socket2::{Domain, Protocol, Socket, Type};

use super::tls::Secure;

/// How long one address may take to answer, and how long a TLS handshake may take. A lost first
/// packet is sent again after 1, 3 and 7 seconds (RFC 6298, section 2), so three losses pass.
pub(crate) const DIAL_TIMEOUT: Duration = Duration::from_secs(15);

/// How many addresses of one name are tried.
const ADDRESSES_MAX: usize = 8;

/// The local addresses that connections are made from.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Outgoing {
    pub(crate) v4: Option<IpAddr>,
    pub(crate) v6: Option<IpAddr>,
}

/// What is still to be tried for one connection.
#[derive(Debug)]
pub(crate) struct Dial {
    addresses: std::vec::IntoIter<SocketAddr>,
    /// Set if TLS is to be spoken.
    pub(crate) secure: Option<Secure>,
    /// Why the address before failed.
    pub(crate) failure: CloseReason,
}

impl Outgoing {
    /// Sets the address for its family.
    pub(crate) fn set(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(_) => self.v4 = Some(address),
            IpAddr::V6(_) => self.v6 = Some(address),
        }
    }

    /// The address to bind to on the way to `to`; `None` for any. Who names an address of one
    /// family only wants nothing to leave by the other.
    fn local_address(&self, to: SocketAddr) -> io::Result<Option<IpAddr>> {
        let (own, other) = if to.is_ipv4() {
            (self.v4, self.v6)
        } else {
            (self.v6, self.v4)
        };
        if own.is_none() && other.is_some() {
            return Err(io::ErrorKind::NetworkUnreachable.into());
        }
        Ok(own)
    }
}

impl Dial {
    /// Will try these addresses, the first few of them.
    pub(crate) fn new(mut addresses: Vec<SocketAddr>, secure: Option<Secure>) -> Self {
        addresses.truncate(ADDRESSES_MAX);
        Self {
            addresses: addresses.into_iter(),
            secure,
            failure: CloseReason::Unreachable,
        }
    }

    /// Begins to connect to the next address that can be tried at all.
    pub(crate) fn next(&mut self, outgoing: &Outgoing) -> Option<TcpStream> {
        loop {
            let address = self.addresses.next()?;
            match open(address, outgoing) {
                Ok(socket) => return Some(socket),
                Err(error) => self.failure = failure(&error),
            }
        }
    }
}

fn open(to: SocketAddr, outgoing: &Outgoing) -> io::Result<TcpStream> {
    let local = outgoing.local_address(to)?;
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    if let Some(local) = local {
        socket.bind(&SocketAddr::new(local, 0).into())?;
    }
    match socket.connect(&to.into()) {
        Ok(()) => {}
        Err(error)
            if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {}
        Err(error) => return Err(error),
    }
    Ok(TcpStream::from_std(socket.into()))
}

/// Tells whether a connection that was being made is made: `None` if that is not yet known.
pub(crate) fn outcome(socket: &TcpStream) -> Option<Result<Endpoint, CloseReason>> {
    match socket.take_error() {
        Ok(Some(error)) | Err(error) => return Some(Err(failure(&error))),
        Ok(None) => {}
    }
    match socket.peer_addr() {
        // With no listener in the range of ports that the system takes for our own side, a
        // connection can meet itself.
        Ok(peer) if socket.local_addr().is_ok_and(|own| own == peer) => {
            Some(Err(CloseReason::Refused))
        }
        Ok(peer) => Some(Ok(peer.into())),
        Err(error) if error.kind() == io::ErrorKind::NotConnected => None,
        Err(error) => Some(Err(failure(&error))),
    }
}

/// Why a connection could not be made.
fn failure(error: &io::Error) -> CloseReason {
    use rustix::io::Errno;
    match Errno::from_io_error(error) {
        Some(Errno::CONNREFUSED) => CloseReason::Refused,
        Some(Errno::TIMEDOUT) => CloseReason::TimedOut,
        Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => CloseReason::TooMany,
        Some(Errno::CONNRESET) => CloseReason::Reset,
        _ => CloseReason::Unreachable,
    }
}
