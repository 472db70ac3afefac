//! Streams wrapped into TLS: the client's side, for trackers and web seeds.
//!
//! `rustls` is a state machine as ours are: it is fed with what the socket brings and drained of
//! what the socket shall take. Who may vouch for a server is what the system says
//! (`SSL_CERT_FILE` included); where the system says nothing, Mozilla's list is built in.

use std::io::{self, Read, Write};
use std::sync::{Arc, OnceLock};

use mio::net::TcpStream;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

/// The most plaintext that waits for the socket within the cipher, in bytes.
const BUFFERED_MAX: usize = 64 * 1024;

/// What a connection needs to become secure.
#[derive(Debug, Clone)]
pub(crate) struct Secure {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

/// A socket and the cipher on it.
#[derive(Debug)]
pub(crate) struct TlsStream {
    socket: TcpStream,
    session: ClientConnection,
}

/// Prepares to prove the host's name; `None` if nobody could prove such a name. Reads the
/// system's certificates the first time, so it belongs on a thread that may wait.
pub(crate) fn secure(name: &str) -> Option<Secure> {
    static CONFIG: OnceLock<Option<Arc<ClientConfig>>> = OnceLock::new();
    let inner = name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let name = ServerName::try_from(inner.unwrap_or(name).to_owned()).ok()?;
    let config = CONFIG.get_or_init(config).clone()?;
    Some(Secure { config, name })
}

fn config() -> Option<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    for error in &system.errors {
        tracing::debug!(%error, "a certificate of the system cannot be read");
    }
    roots.add_parsable_certificates(system.certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .ok()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Some(Arc::new(config))
}

impl TlsStream {
    /// Begins the handshake on an open socket.
    pub(crate) fn new(socket: TcpStream, secure: Secure) -> Result<Self, rustls::Error> {
        let mut session = ClientConnection::new(secure.config, secure.name)?;
        session.set_buffer_limit(Some(BUFFERED_MAX));
        Ok(Self { socket, session })
    }

    /// The socket below.
    pub(crate) const fn socket_mut(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    /// Drives the handshake as far as the socket lets it; tells whether it is complete.
    pub(crate) fn shake_hands(&mut self) -> io::Result<bool> {
        loop {
            self.flush()?;
            if !self.session.is_handshaking() {
                return Ok(true);
            }
            match self.feed() {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads plaintext; `Ok(0)` is the end, proven to be the other side's own.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.session.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
            self.feed()?;
            // Some records want an answer. If the socket is full, it goes out with the next ones.
            self.flush()?;
        }
    }

    /// Takes plaintext, as much as there is room for.
    pub(crate) fn write(&mut self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.session.writer().write_vectored(slices)
    }

    /// Gives to the socket what is encrypted; tells whether that was all.
    pub(crate) fn flush(&mut self) -> io::Result<bool> {
        while self.session.wants_write() {
            match self.session.write_tls(&mut self.socket) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Says goodbye, once all else has been written.
    pub(crate) fn say_goodbye(&mut self) {
        self.session.send_close_notify();
    }

    /// Moves bytes from the socket into the cipher.
    fn feed(&mut self) -> io::Result<usize> {
        let read = loop {
            match self.session.read_tls(&mut self.socket) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        if let Err(error) = self.session.process_new_packets() {
            // What is wrong is told to the other side, as far as the socket takes it.
            let _ = self.flush();
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        Ok(read)
    }
}
