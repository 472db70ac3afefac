//! Where strangers knock.

use std::io;
use std::net::SocketAddr;

use machine::ListenerId;
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};

/// How many strangers may wait at the door. The system cuts it down to its own limit.
const BACKLOG: i32 = 4096;

/// A socket that listens.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) id: ListenerId,
    socket: TcpListener,
    /// Whether somebody may be waiting, as far as we know.
    pub(crate) ready: bool,
}

/// What came of opening the door.
#[derive(Debug)]
pub(crate) enum Knock {
    /// Somebody came in.
    Stranger(TcpStream, SocketAddr),
    /// Nobody is there.
    Nobody,
    /// Somebody is there, but the process or the system has no descriptor left.
    NoRoom,
}

/// Opens a socket that listens at an address. IPv6 is for itself, so that the same port can be
/// had for both families.
pub(crate) fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // Else a port stays taken for a minute after its last connection.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

impl Listener {
    /// Watches a socket that listens.
    pub(crate) fn new(
        id: ListenerId,
        socket: std::net::TcpListener,
        token: Token,
        registry: &Registry,
    ) -> io::Result<Self> {
        let mut socket = TcpListener::from_std(socket);
        registry.register(&mut socket, token, Interest::READABLE)?;
        Ok(Self {
            id,
            socket,
            ready: true,
        })
    }

    /// Lets one stranger in.
    pub(crate) fn accept(&mut self) -> Knock {
        loop {
            let error = match self.socket.accept() {
                Ok((stream, from)) => return Knock::Stranger(stream, from),
                Err(error) => error,
            };
            match Errno::from_io_error(&error) {
                Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
                    return Knock::NoRoom;
                }
                Some(Errno::AGAIN) => {
                    self.ready = false;
                    return Knock::Nobody;
                }
                // Somebody knocked and went away, or the call was interrupted: the next, please.
                // (accept(2) lists the errors of the network that are to be taken that way.)
                _ => {}
            }
        }
    }
}
