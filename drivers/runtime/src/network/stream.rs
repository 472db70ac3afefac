//! One open stream: a socket, plain or under TLS, and how bytes leave by it.
//!
//! On a plain socket a stretch of a file goes out by `sendfile`, which never brings it into our
//! memory. Its head (13 bytes, for a block of BitTorrent) is handed over just before with the
//! note that more follows, so that both travel in one packet: written apart they were forty times
//! slower.

use std::io::{self, IoSlice, Read};
use std::net::Shutdown;
use std::num::NonZeroU64;

use bytes::Bytes;
use machine::{CloseReason, FileId, FileSpan};
use mio::net::TcpStream;
use rustix::fs::Advice;
use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendFlags};

use super::out_queue::{Gathered, OutQueue};
use super::tls::TlsStream;
use crate::files::{Files, Mode};

/// How much of a stretch is brought into memory at a time where `sendfile` cannot serve, in bytes.
const COPY_MAX: u32 = 64 * 1024;

/// What padding is made of.
static ZEROS: [u8; COPY_MAX as usize] = [0; COPY_MAX as usize];

/// How far ahead the system is asked to read a file that is being sent, in bytes: peers ask for
/// the blocks of a piece in order.
const READ_AHEAD: u64 = 1024 * 1024;

/// An open stream.
#[derive(Debug)]
pub(crate) struct Stream {
    socket: Socket,
    /// Whether the socket may take more, as far as we know.
    pub(crate) writable: bool,
    /// Whether the socket may have more for us, as far as we know.
    pub(crate) readable: bool,
    /// Whether the other side has said that it sends no more, which is seen by reading on.
    pub(crate) read_closed: bool,
    /// What the system was last asked to read ahead.
    ahead: Option<(FileId, u64)>,
}

#[derive(Debug)]
enum Socket {
    Plain(TcpStream),
    Tls(Box<TlsStream>),
}

/// What came of reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// So many bytes.
    Bytes(usize),
    /// Nothing for now.
    Nothing,
    /// The stream is over.
    End(CloseReason),
}

/// What came of writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flush {
    /// All has left.
    Done,
    /// The socket takes no more for now.
    Blocked,
}

impl Stream {
    /// A stream of bytes as they are.
    pub(crate) const fn plain(socket: TcpStream) -> Self {
        Self::new(Socket::Plain(socket))
    }

    /// A stream whose handshake is complete.
    pub(crate) fn tls(tls: Box<TlsStream>) -> Self {
        Self::new(Socket::Tls(tls))
    }

    const fn new(socket: Socket) -> Self {
        Self {
            socket,
            writable: true,
            readable: true,
            read_closed: false,
            ahead: None,
        }
    }

    /// The socket, to register it.
    pub(crate) fn socket_mut(&mut self) -> &mut TcpStream {
        match &mut self.socket {
            Socket::Plain(socket) => socket,
            Socket::Tls(tls) => tls.socket_mut(),
        }
    }

    /// Reads once.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Reading {
        if !self.readable {
            return Reading::Nothing;
        }
        let read = match &mut self.socket {
            Socket::Plain(socket) => retry(|| socket.read(buffer)),
            Socket::Tls(tls) => tls.read(buffer),
        };
        match read {
            Ok(0) => Reading::End(CloseReason::ByPeer),
            Ok(count) => {
                // A plain read that does not fill the buffer has emptied the socket, and the next
                // byte brings a new event: the call that would only say so can be spared.
                let emptied = count < buffer.len() && matches!(self.socket, Socket::Plain(_));
                self.readable = !emptied || self.read_closed;
                Reading::Bytes(count)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.readable = false;
                Reading::Nothing
            }
            Err(error) => Reading::End(broken(&error)),
        }
    }

    /// Gives to the socket what it takes.
    pub(crate) fn flush(
        &mut self,
        out: &mut OutQueue,
        files: &Files,
    ) -> Result<Flush, CloseReason> {
        loop {
            while self.writable && !out.is_empty() {
                if let Some(span) = out.next_span() {
                    self.send_span(span, out, files)?;
                } else {
                    self.send_gathered(out)?;
                }
            }
            if let Socket::Tls(tls) = &mut self.socket {
                self.writable = tls.flush().map_err(|error| broken(&error))?;
            }
            if !self.writable {
                return Ok(Flush::Blocked);
            }
            if out.is_empty() {
                return Ok(Flush::Done);
            }
        }
    }

    /// Tells the other side that nothing more comes.
    pub(crate) fn finish(&mut self) {
        if let Socket::Tls(tls) = &mut self.socket {
            tls.say_goodbye();
            // If the socket is full, the end will come without a goodbye.
            let _ = tls.flush();
        }
        // It fails only if the other side was faster.
        let _ = self.socket_mut().shutdown(Shutdown::Write);
    }

    fn send_gathered(&mut self, out: &mut OutQueue) -> Result<(), CloseReason> {
        let gathered = out.gather();
        let offered = gathered.len();
        let sent = match &mut self.socket {
            Socket::Plain(socket) => send(socket, &gathered),
            Socket::Tls(tls) => write_tls(tls, gathered.slices()),
        };
        let sent = match sent {
            Ok(sent) => sent,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => return Err(broken(&error)),
        };
        let full = match self.socket {
            Socket::Plain(_) => sent < offered,
            // The cipher has a limit of its own.
            Socket::Tls(_) => sent == 0,
        };
        out.advance(sent);
        self.writable = !full;
        Ok(())
    }

    fn send_span(
        &mut self,
        span: FileSpan,
        out: &mut OutQueue,
        files: &Files,
    ) -> Result<(), CloseReason> {
        if span.file == FileId::PADDING {
            let len = span.len.min(COPY_MAX);
            out.replace_span(Bytes::from_static(&ZEROS[..len as usize]));
            return Ok(());
        }
        let unreadable = CloseReason::Unreadable(span.file);
        let file = files.open(span, Mode::Read).map_err(|_| unreadable)?;
        self.read_ahead(span, &file);
        let sent = match &mut self.socket {
            Socket::Plain(socket) => send_file(socket, &file, span),
            Socket::Tls(_) => Err(Errno::INVAL),
        };
        match sent {
            // The file is shorter than it was when the node asked.
            Ok(0) => Err(unreadable),
            Ok(sent) => {
                out.advance(sent);
                Ok(())
            }
            Err(Errno::AGAIN) => {
                self.writable = false;
                Ok(())
            }
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                out.replace_span(copy(&file, span).ok_or(unreadable)?);
                Ok(())
            }
            Err(Errno::IO | Errno::STALE | Errno::NXIO) => Err(unreadable),
            Err(error) => Err(broken(&error.into())),
        }
    }

    /// Asks the system to have the coming blocks in memory when they are needed: waiting for a
    /// disk here would be waiting for all connections.
    fn read_ahead(&mut self, span: FileSpan, file: &impl rustix::fd::AsFd) {
        let window = span.offset / READ_AHEAD;
        if self.ahead != Some((span.file, window)) {
            self.ahead = Some((span.file, window));
            let len = NonZeroU64::new(READ_AHEAD);
            // It is only advice.
            let _ = rustix::fs::fadvise(file, span.offset, len, Advice::WillNeed);
        }
    }
}

fn send(socket: &TcpStream, gathered: &Gathered<'_>) -> io::Result<usize> {
    let mut flags = SendFlags::NOSIGNAL;
    if gathered.more {
        flags |= SendFlags::MORE;
    }
    let mut nothing = SendAncillaryBuffer::default();
    retry(|| {
        let sent = rustix::net::sendmsg(socket, gathered.slices(), &mut nothing, flags);
        Ok(sent?)
    })
}

fn write_tls(tls: &mut TlsStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    let taken = tls.write(slices)?;
    if taken == 0 && tls.flush()? {
        return tls.write(slices);
    }
    Ok(taken)
}

fn send_file(
    socket: &TcpStream,
    file: &impl rustix::fd::AsFd,
    span: FileSpan,
) -> rustix::io::Result<usize> {
    let mut offset = span.offset;
    rustix::io::retry_on_intr(|| {
        rustix::fs::sendfile(socket, file, Some(&mut offset), span.len as usize)
    })
}

/// Reads the beginning of a stretch; `None` if it cannot be read.
fn copy(file: &impl rustix::fd::AsFd, span: FileSpan) -> Option<Bytes> {
    let len = span.len.min(COPY_MAX) as usize;
    let mut bytes = Vec::with_capacity(len);
    while bytes.len() < len {
        let at = span.offset + bytes.len() as u64;
        let read = rustix::io::retry_on_intr(|| {
            let room = rustix::buffer::spare_capacity(&mut bytes);
            rustix::io::pread(file, room, at)
        });
        if read.ok()? == 0 {
            return None;
        }
    }
    bytes.truncate(len);
    Some(bytes.into())
}

fn retry(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Why an open stream broke.
fn broken(error: &io::Error) -> CloseReason {
    if error.kind() == io::ErrorKind::InvalidData {
        return CloseReason::Insecure;
    }
    match Errno::from_io_error(error) {
        Some(Errno::TIMEDOUT) => CloseReason::TimedOut,
        Some(Errno::HOSTUNREACH | Errno::NETUNREACH | Errno::NETDOWN) => CloseReason::Unreachable,
        _ => CloseReason::Reset,
    }
}
