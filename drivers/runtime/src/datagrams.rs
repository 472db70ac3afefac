//! Datagrams: values of the protocol on our side, bytes on the wire.

use std::io;
use std::net::{SocketAddr, UdpSocket as StdUdpSocket};

use machine::Endpoint;
use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, Socket, Type};

/// The longest datagram that UDP can carry, in bytes.
const LEN_MAX: usize = 65_535;

/// The sockets for datagrams, at most one for each family.
#[derive(Debug, Default)]
pub(crate) struct Datagrams {
    sockets: Vec<Open>,
    received: Vec<u8>,
    encoded: Vec<u8>,
}

#[derive(Debug)]
struct Open {
    socket: UdpSocket,
    family: Family,
    ready: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

/// Opens a socket for datagrams. IPv6 is for itself, so that the same port can be had for both
/// families.
pub(crate) fn bind(address: SocketAddr) -> io::Result<StdUdpSocket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

impl Datagrams {
    /// Watches a socket.
    pub(crate) fn add(
        &mut self,
        socket: StdUdpSocket,
        token: Token,
        registry: &Registry,
    ) -> io::Result<()> {
        let family = family(&socket.local_addr()?);
        let mut socket = UdpSocket::from_std(socket);
        registry.register(&mut socket, token, Interest::READABLE)?;
        self.received.resize(LEN_MAX, 0);
        self.sockets.push(Open {
            socket,
            family,
            ready: true,
        });
        Ok(())
    }

    /// Notes that something came to a socket.
    pub(crate) fn arrived(&mut self, index: usize) {
        if let Some(open) = self.sockets.get_mut(index) {
            open.ready = true;
        }
    }

    /// Whether something may have come.
    pub(crate) fn is_ready(&self) -> bool {
        self.sockets.iter().any(|open| open.ready)
    }

    /// The next datagram that came.
    pub(crate) fn receive(&mut self) -> Option<(Endpoint, &[u8])> {
        for open in &mut self.sockets {
            while open.ready {
                match open.socket.recv_from(&mut self.received) {
                    Ok((len, from)) => return Some((from.into(), &self.received[..len])),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => {
                        // What else can go wrong is an answer to something that was sent; there
                        // is nobody to tell.
                        open.ready = error.kind() != io::ErrorKind::WouldBlock;
                    }
                }
            }
        }
        None
    }

    /// Sends a datagram, as far as the network takes it.
    pub(crate) fn send(&mut self, to: Endpoint, encode: impl FnOnce(&mut Vec<u8>)) {
        let to = SocketAddr::from(to);
        let family = family(&to);
        let Some(open) = self.sockets.iter().find(|open| open.family == family) else {
            tracing::debug!(%to, "no socket for datagrams of that family");
            return;
        };
        self.encoded.clear();
        encode(&mut self.encoded);
        if let Err(error) = open.socket.send_to(&self.encoded, to) {
            tracing::debug!(%to, %error, "datagram not sent");
        }
    }

    /// Closes the sockets.
    pub(crate) fn close(&mut self) {
        self.sockets.clear();
    }
}

const fn family(address: &SocketAddr) -> Family {
    match address {
        SocketAddr::V4(_) => Family::V4,
        SocketAddr::V6(_) => Family::V6,
    }
}
