//! What stands before a body: the request or status line, and the headers.

use crate::codec::Encode;
use crate::http::headers::{Headers, is_token, push_token};
use crate::http::query::push_percent;
use crate::malformed::{Malformed, Problem};
use crate::stream_buffer::StreamBuffer;
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;
use core::ops::Deref;

/// How long a head may be, in bytes. Announces are well below 1 KiB; a scrape of the 74 torrents
/// that fit a UDP tracker's packet is some 5 KiB; common servers allow 8 KiB.
pub const HEAD_MAX: usize = 16 << 10;

/// Takes a whole head, with the blank line that ends it, off the front of a stream; `None` while
/// it is incomplete.
///
/// # Errors
/// [`Problem::TooLong`] when it does not end within [`HEAD_MAX`] bytes.
pub fn take_head(stream: &mut StreamBuffer) -> Result<Option<Bytes>, Malformed> {
    const END: &[u8] = b"\r\n\r\n";
    match stream.find(END, HEAD_MAX) {
        Some(start) => Ok(stream.take(start + END.len())),
        None if stream.len() >= HEAD_MAX => Err(too_long(stream.len())),
        None => Ok(None),
    }
}

/// The version of the protocol, which decides whether the connection stays open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0: one request a connection unless both say otherwise.
    Http10,
    /// HTTP/1.1: the connection stays unless one says otherwise.
    Http11,
}

/// What stands before a body: a start line and headers. What the start line says is read as if it
/// stood here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head<Start> {
    /// The start line, but for the version.
    pub start: Start,
    /// The version that the sender speaks.
    pub version: Version,
    /// The header lines.
    pub headers: Headers,
}

/// The head of a request.
pub type RequestHead = Head<RequestLine>;

/// The head of a response.
pub type ResponseHead = Head<StatusLine>;

/// How a request starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestLine {
    /// `GET`, mostly.
    pub method: String,
    /// Path and query, as sent: still percent-encoded.
    pub target: String,
}

/// How a response starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusLine {
    /// 200 if all is well.
    pub status: u16,
    /// The status in words, for people; may be empty.
    pub reason: String,
}

/// A start line: the first line of a head, version and all.
trait StartLine: Sized {
    /// What errors call it.
    const NAME: &'static str;

    /// Reads the line without its end; says what was expected instead.
    fn parse(line: &[u8]) -> Result<(Self, Version), &'static str>;

    /// Writes the line without its end.
    fn encode(&self, version: Version, out: &mut Vec<u8>);
}

impl RequestHead {
    /// Starts a request of version 1.1 without headers.
    #[must_use]
    pub fn new(method: &str, target: &str) -> Self {
        let (method, target) = (method.to_owned(), target.to_owned());
        Self::of(RequestLine { method, target })
    }

    /// Reads a head, with the blank line that ends it and nothing behind.
    ///
    /// # Errors
    /// [`Malformed`], also beyond [`HEAD_MAX`] and [`HEADERS_MAX`](super::HEADERS_MAX).
    pub fn parse(head: &[u8]) -> Result<Self, Malformed> {
        read(head)
    }
}

impl ResponseHead {
    /// Starts a response of version 1.1 without headers.
    #[must_use]
    pub fn new(status: u16, reason: &str) -> Self {
        let reason = reason.to_owned();
        Self::of(StatusLine { status, reason })
    }

    /// Reads a head, with the blank line that ends it and nothing behind.
    ///
    /// # Errors
    /// [`Malformed`], also beyond [`HEAD_MAX`] and [`HEADERS_MAX`](super::HEADERS_MAX).
    pub fn parse(head: &[u8]) -> Result<Self, Malformed> {
        read(head)
    }
}

impl<Start> Head<Start> {
    const fn of(start: Start) -> Self {
        Self {
            start,
            version: Version::Http11,
            headers: Headers::new(),
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push(name, value);
        self
    }

    /// Tells whether the sender leaves the connection open for another request.
    #[must_use]
    pub fn keeps_alive(&self) -> bool {
        match self.version {
            Version::Http10 => self.headers.has_token("Connection", "keep-alive"),
            Version::Http11 => !self.headers.has_token("Connection", "close"),
        }
    }
}

impl<Start> Deref for Head<Start> {
    type Target = Start;

    fn deref(&self) -> &Start {
        &self.start
    }
}

// For each kind by itself, since who may write a start line is nobody's business but ours.
impl Encode for RequestHead {
    fn encode(&self, out: &mut Vec<u8>) {
        encode(self, out);
    }
}

impl Encode for ResponseHead {
    fn encode(&self, out: &mut Vec<u8>) {
        encode(self, out);
    }
}

fn read<Start: StartLine>(head: &[u8]) -> Result<Head<Start>, Malformed> {
    let mut lines = Lines::new(head)?;
    let (at, line) = lines.next_line(Start::NAME)?;
    let invalid = |expected| Malformed::invalid(Start::NAME, at, expected);
    let (start, version) = Start::parse(line).map_err(invalid)?;
    Ok(Head {
        start,
        version,
        headers: lines.headers()?,
    })
}

fn encode(head: &Head<impl StartLine>, out: &mut Vec<u8>) {
    head.start.encode(head.version, out);
    out.extend_from_slice(b"\r\n");
    head.headers.encode(out);
    out.extend_from_slice(b"\r\n");
}

impl RequestLine {
    /// Gives the target up to the question mark.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target
            .split_once('?')
            .map_or(&self.target, |(path, _)| path)
    }

    /// Gives the target behind the question mark, for [`query_pairs`](super::query_pairs).
    #[must_use]
    pub fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }
}

impl StartLine for RequestLine {
    const NAME: &'static str = "request line";

    fn parse(line: &[u8]) -> Result<(Self, Version), &'static str> {
        let mut words = line.split(|byte| *byte == b' ');
        let (Some(method), Some(target), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err("a method, a target and a version");
        };
        let version = Version::parse(version).ok_or(Version::EXPECTED)?;
        let is_method = !method.is_empty() && method.iter().all(|byte| is_token(*byte));
        let method = core::str::from_utf8(method).ok().filter(|_| is_method);
        let target = core::str::from_utf8(target)
            .ok()
            .filter(|target| !target.is_empty() && !target.bytes().any(|b| b.is_ascii_control()));
        let line = Self {
            method: method.ok_or("a method of letters")?.to_owned(),
            target: target.ok_or("a target of visible characters")?.to_owned(),
        };
        Ok((line, version))
    }

    fn encode(&self, version: Version, out: &mut Vec<u8>) {
        push_token(out, &self.method);
        out.push(b' ');
        // What may not stand in a target as it is can stand there percent-encoded.
        for byte in self.target.bytes() {
            if byte <= b' ' || byte == 0x7f {
                push_percent(out, byte)
            } else {
                out.push(byte)
            }
        }
        out.push(b' ');
        out.extend_from_slice(version.name());
    }
}

impl StartLine for StatusLine {
    const NAME: &'static str = "status line";

    fn parse(line: &[u8]) -> Result<(Self, Version), &'static str> {
        let mut words = line.splitn(3, |byte| *byte == b' ');
        let version = words.next().and_then(Version::parse);
        let status = words.next().and_then(parse_status);
        let reason = String::from_utf8_lossy(words.next().unwrap_or_default());
        let version = version.ok_or(Version::EXPECTED)?;
        let line = Self {
            status: status.ok_or("a status of three digits")?,
            reason: reason
                .chars()
                .filter(|character| !character.is_control())
                .collect(),
        };
        Ok((line, version))
    }

    fn encode(&self, version: Version, out: &mut Vec<u8>) {
        out.extend_from_slice(version.name());
        out.push(b' ');
        let status = self.status.min(999);
        for unit in [100, 10, 1] {
            out.push(b'0' + (status / unit % 10) as u8);
        }
        out.push(b' ');
        out.extend(self.reason.bytes().filter(|byte| !byte.is_ascii_control()));
    }
}

impl Version {
    /// What errors name where another one stands.
    const EXPECTED: &'static str = "the version HTTP/1.0 or HTTP/1.1";

    fn parse(word: &[u8]) -> Option<Self> {
        match word {
            b"HTTP/1.0" => Some(Self::Http10),
            b"HTTP/1.1" => Some(Self::Http11),
            _ => None,
        }
    }

    const fn name(self) -> &'static [u8] {
        match self {
            Self::Http10 => b"HTTP/1.0",
            Self::Http11 => b"HTTP/1.1",
        }
    }
}

fn parse_status(word: &[u8]) -> Option<u16> {
    match word {
        [
            hundreds @ b'1'..=b'9',
            tens @ b'0'..=b'9',
            ones @ b'0'..=b'9',
        ] => {
            let digit = |byte: &u8| u16::from(byte - b'0');
            Some(digit(hundreds) * 100 + digit(tens) * 10 + digit(ones))
        }
        _ => None,
    }
}

const fn too_long(len: usize) -> Malformed {
    let problem = Problem::TooLong {
        len: len as u64,
        max: HEAD_MAX as u64,
    };
    Malformed::new("head", 0, problem)
}

/// The lines of a head.
struct Lines<'a> {
    head: &'a [u8],
    at: usize,
}

impl<'a> Lines<'a> {
    const fn new(head: &'a [u8]) -> Result<Self, Malformed> {
        if head.len() > HEAD_MAX {
            Err(too_long(head.len()))
        } else {
            Ok(Self { head, at: 0 })
        }
    }

    /// Reads a line and tells where it stands.
    fn next_line(&mut self, field: &'static str) -> Result<(usize, &'a [u8]), Malformed> {
        let start = self.at;
        let rest = self.head.get(start..).unwrap_or_default();
        let Some(length) = memchr::memmem::find(rest, b"\r\n") else {
            return Err(Malformed::invalid(
                field,
                start,
                "a line that ends in CR LF",
            ));
        };
        self.at = start + length + 2;
        Ok((start, rest.get(..length).unwrap_or_default()))
    }

    /// Reads what is left: header lines and a blank line.
    fn headers(mut self) -> Result<Headers, Malformed> {
        let mut headers = Headers::new();
        loop {
            let (start, line) = self.next_line("header")?;
            if line.is_empty() {
                break;
            }
            headers.push_line(line, start)?;
        }
        match self.head.len() - self.at {
            0 => Ok(headers),
            bytes => Err(Malformed::new("head", self.at, Problem::Trailing { bytes })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::HEADERS_MAX;

    #[test]
    fn a_request_both_ways() {
        let bytes =
            b"GET /announce?port=1&x HTTP/1.1\r\nHost: a:1\r\nAccept-Encoding: gzip\r\n\r\n";
        let head = RequestHead::parse(bytes).expect("a request");
        let same = RequestHead::new("GET", "/announce?port=1&x")
            .with("Host", "a:1")
            .with("Accept-Encoding", "gzip");
        assert_eq!(head, same);
        assert_eq!(head.encoded(), bytes);
        assert_eq!((head.path(), head.query()), ("/announce", "port=1&x"));
        assert!(head.keeps_alive());
        assert!(!head.with("connection", "Close").keeps_alive());
    }

    #[test]
    fn a_response_both_ways() {
        let bytes = b"HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n";
        let head = ResponseHead::parse(bytes).expect("a response");
        assert_eq!((head.status, head.reason.as_str()), (404, "Not Found"));
        assert_eq!(head.encoded(), bytes);
        assert!(!head.keeps_alive());
        let terse = ResponseHead::parse(b"HTTP/1.1 200\r\n\r\n").expect("no reason is needed");
        assert_eq!(terse, ResponseHead::new(200, ""));
    }

    #[test]
    fn discovery_on_the_local_net_is_a_request() {
        let bytes = b"BT-SEARCH * HTTP/1.1\r\nHost: 239.192.152.143:6771\r\nPort: 6881\r\n\r\n";
        let head = RequestHead::parse(bytes).expect("a request");
        assert_eq!(
            (head.method.as_str(), head.target.as_str()),
            ("BT-SEARCH", "*")
        );
        assert_eq!(head.headers.find("port"), Some("6881"));
    }

    #[test]
    fn nonsense_is_refused() {
        let requests: [&[u8]; 8] = [
            b"",
            b"GET / HTTP/1.1\r\n",
            b"GET / HTTP/1.1\n\n",
            b"GET /\r\n\r\n",
            b"GET  / HTTP/1.1\r\n\r\n",
            b"G(T / HTTP/1.1\r\n\r\n",
            b"GET / HTTP/2.0\r\n\r\n",
            b"GET / HTTP/1.1\r\n\r\nbody",
        ];
        for request in requests {
            assert!(RequestHead::parse(request).is_err(), "{request:?}");
        }
        for status in [
            "HTTP/1.1 20 OK",
            "HTTP/1.1 2000 OK",
            "ICY 200 OK",
            "HTTP/1.1 099 x",
        ] {
            assert!(ResponseHead::parse(&[status.as_bytes(), b"\r\n\r\n"].concat()).is_err());
        }
    }

    #[test]
    fn sizes_are_bounded() {
        let head = |lines: usize| {
            [
                b"GET / HTTP/1.1\r\n".to_vec(),
                b"a: b\r\n".repeat(lines),
                b"\r\n".to_vec(),
            ]
            .concat()
        };
        assert!(RequestHead::parse(&head(HEADERS_MAX)).is_ok());
        assert!(RequestHead::parse(&head(HEADERS_MAX + 1)).is_err());
        let long = [b"GET /", &b"a".repeat(HEAD_MAX)[..], b" HTTP/1.1\r\n\r\n"].concat();
        assert_eq!(RequestHead::parse(&long), Err(too_long(long.len())));
    }

    #[test]
    fn a_head_is_taken_off_a_stream_when_it_is_whole() {
        let mut stream = StreamBuffer::new();
        stream.push(Bytes::from_static(b"GET / HTTP/1.1\r\n\r"));
        assert_eq!(take_head(&mut stream), Ok(None));
        stream.push(Bytes::from_static(b"\nbody"));
        let head = take_head(&mut stream)
            .expect("short enough")
            .expect("whole");
        assert_eq!(&head[..], b"GET / HTTP/1.1\r\n\r\n");
        assert_eq!(stream.len(), 4);
        stream.push(Bytes::from(alloc::vec![b'a'; HEAD_MAX]));
        assert_eq!(take_head(&mut stream), Err(too_long(HEAD_MAX + 4)));
    }

    #[test]
    fn a_written_head_is_one_head() {
        let head = RequestHead::new("GE T", "/a b\r\nx").with("a\nb", "c\r\n\r\nd");
        let bytes = head.encoded();
        assert_eq!(bytes, b"GE-T /a%20b%0D%0Ax HTTP/1.1\r\na-b: c    d\r\n\r\n");
        assert!(RequestHead::parse(&bytes).is_ok());
    }
}
