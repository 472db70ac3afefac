//! Connections that leave this machine by one of its addresses only: for `--bind`.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use ureq::Error;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};

use super::CONNECT_MAX;

/// Makes connections from an address.
#[derive(Debug)]
pub(super) struct BoundConnector(pub(super) IpAddr);

/// A connection, and what is on its way.
#[derive(Debug)]
pub(super) struct BoundTransport {
    stream: TcpStream,
    buffers: LazyBuffers,
}

impl Connector for BoundConnector {
    type Out = BoundTransport;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _chained: Option<()>,
    ) -> Result<Option<BoundTransport>, Error> {
        let same_family = |to: &&SocketAddr| to.is_ipv4() == self.0.is_ipv4();
        let mut failure = io::Error::from(io::ErrorKind::NetworkUnreachable);
        for to in details.addrs.iter().filter(same_family) {
            match connect(self.0, *to, CONNECT_MAX.min(*details.timeout.after)) {
                Ok(stream) => {
                    let config = details.config;
                    let (input, output) = (config.input_buffer_size(), config.output_buffer_size());
                    let buffers = LazyBuffers::new(input, output);
                    return Ok(Some(BoundTransport { stream, buffers }));
                }
                Err(error) => failure = error,
            }
        }
        Err(failure.into())
    }
}

impl Transport for BoundTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.stream.set_write_timeout(patience(timeout)?)?;
        let output = self.buffers.output().get(..amount).unwrap_or_default();
        let sent = self.stream.write_all(output);
        sent.map_err(|error| in_time(error, timeout))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.stream.set_read_timeout(patience(timeout)?)?;
        let read = self.stream.read(self.buffers.input_append_buf());
        let len = read.map_err(|error| in_time(error, timeout))?;
        self.buffers.input_appended(len);
        Ok(len > 0)
    }

    fn is_open(&mut self) -> bool {
        // Nothing is asked twice over one connection.
        false
    }
}

fn connect(from: IpAddr, to: SocketAddr, patience: Duration) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
    socket.bind(&SockAddr::from(SocketAddr::new(from, 0)))?;
    socket.connect_timeout(&SockAddr::from(to), patience)?;
    Ok(socket.into())
}

/// How long to wait; `None` is for ever.
fn patience(timeout: NextTimeout) -> Result<Option<Duration>, Error> {
    if timeout.after.is_not_happening() {
        return Ok(None);
    }
    match *timeout.after {
        Duration::ZERO => Err(Error::Timeout(timeout.reason)),
        left => Ok(Some(left)),
    }
}

fn in_time(error: io::Error, timeout: NextTimeout) -> Error {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Error::Timeout(timeout.reason),
        _ => error.into(),
    }
}
