//! Where a body ends: by its length, by chunks, or with the connection (RFC 9112, section 6).

use crate::http::head::{HEAD_MAX, RequestHead, ResponseHead};
use crate::http::headers::Headers;
use crate::malformed::{Malformed, Problem};
use crate::stream_buffer::StreamBuffer;
use alloc::vec::Vec;

/// How the end of a body is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// After so many bytes, perhaps none.
    Length(u64),
    /// In chunks, each with its length before it.
    Chunked,
    /// When the connection is closed.
    UntilClose,
}

/// Collects a body as it comes in.
///
/// What has been collected can be drained at any time, so a large body need not be held whole.
#[derive(Debug)]
pub struct Body {
    state: State,
    collected: Vec<u8>,
    /// Bytes of the body so far, drained ones included.
    len: usize,
    /// The greatest length allowed.
    max: usize,
    /// Bytes of the stream so far, framing included.
    offset: usize,
    /// Bytes of chunk extensions and trailers so far.
    overhead: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// So many bytes of a body of known length are to come.
    Length(usize),
    UntilClose,
    /// So many bytes of a chunk are to come.
    Chunk(usize),
    /// What stands between chunks is to come.
    Between(Between),
    Done,
}

/// What stands between chunks, read byte by byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Between {
    /// The next chunk's length in hex, so far.
    Length { length: u64, digits: u8 },
    /// What may follow the length, up to the line's end.
    Extension { length: u64 },
    /// The line feed that ends the line of the length.
    LengthEnd { length: u64 },
    /// The carriage return behind a chunk.
    Return,
    /// The line feed behind a chunk.
    End,
    /// A line behind the last chunk, of which so many characters have come.
    Trailer { characters: usize },
}

/// Where the line of a chunk's length begins.
const LENGTH: Between = Between::Length {
    length: 0,
    digits: 0,
};

impl Framing {
    /// Tells how the body of a response ends.
    ///
    /// # Errors
    /// [`Problem::Invalid`] when the headers contradict themselves or ask for what none supports.
    pub fn of_response(request: &RequestHead, response: &ResponseHead) -> Result<Self, Malformed> {
        let is_bodiless = matches!(response.status, 100..=199 | 204 | 304);
        if is_bodiless || request.method == "HEAD" {
            return Ok(Self::Length(0));
        }
        Self::of_headers(&response.headers, Self::UntilClose)
    }

    /// Tells how the body of a request ends; most have none.
    ///
    /// # Errors
    /// As [`Framing::of_response`].
    pub fn of_request(request: &RequestHead) -> Result<Self, Malformed> {
        Self::of_headers(&request.headers, Self::Length(0))
    }

    fn of_headers(headers: &Headers, otherwise: Self) -> Result<Self, Malformed> {
        let encoding = headers.find("Transfer-Encoding").map(str::trim);
        match encoding {
            None => {}
            Some(name) if name.eq_ignore_ascii_case("identity") => {}
            Some(name) if name.eq_ignore_ascii_case("chunked") => return Ok(Self::Chunked),
            Some(_) => return Err(Malformed::invalid("Transfer-Encoding", 0, "chunked")),
        }
        let mut framing = None;
        for length in headers
            .all("Content-Length")
            .flat_map(|value| value.split(','))
        {
            let length = parse_length(length.trim())?;
            if framing.is_some_and(|known| known != Self::Length(length)) {
                return Err(Malformed::invalid(
                    "Content-Length",
                    0,
                    "one length, not two",
                ));
            }
            framing = Some(Self::Length(length));
        }
        Ok(framing.unwrap_or(otherwise))
    }
}

impl Body {
    /// Starts a body that may have `max` bytes.
    ///
    /// # Errors
    /// [`Problem::TooLong`] when its length is known and greater.
    pub fn new(framing: Framing, max: usize) -> Result<Self, Malformed> {
        let state = match framing {
            Framing::Length(0) => State::Done,
            Framing::Length(length) => match usize::try_from(length) {
                Ok(length) if length <= max => State::Length(length),
                _ => return Err(too_long(0, length, max)),
            },
            Framing::Chunked => State::Between(LENGTH),
            Framing::UntilClose => State::UntilClose,
        };
        Ok(Self {
            state,
            collected: Vec::new(),
            len: 0,
            max,
            offset: 0,
            overhead: 0,
        })
    }

    /// Takes what belongs to the body off the front of `bytes` and tells how many bytes that was:
    /// all, unless the body is done.
    ///
    /// # Errors
    /// [`Problem::TooLong`] beyond the greatest length; [`Problem::Invalid`] for broken chunks. The
    /// connection is of no more use then.
    pub fn push(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        let mut rest = bytes;
        while !self.is_done() && !rest.is_empty() {
            let used = self.step(rest)?;
            self.offset += used;
            rest = rest.get(used..).unwrap_or_default();
        }
        Ok(bytes.len() - rest.len())
    }

    /// Takes what belongs to the body off the front of a stream.
    ///
    /// # Errors
    /// As [`Body::push`].
    pub fn push_from(&mut self, stream: &mut StreamBuffer) -> Result<(), Malformed> {
        while !self.is_done() && !stream.is_empty() {
            let used = self.push(stream.front())?;
            stream.skip(used);
        }
        Ok(())
    }

    /// Tells the body that the connection was closed.
    ///
    /// # Errors
    /// [`Problem::Missing`] when that came too soon.
    pub const fn close(&mut self) -> Result<(), Malformed> {
        let bytes = match self.state {
            State::UntilClose | State::Done => {
                self.state = State::Done;
                return Ok(());
            }
            State::Length(left) | State::Chunk(left) => left,
            State::Between(_) => 1,
        };
        Err(Malformed::new(
            "body",
            self.offset,
            Problem::Missing { bytes },
        ))
    }

    /// Tells whether the body is whole.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Takes what has been collected since the last time.
    pub fn drain(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.collected)
    }

    /// Gives what has been collected and was not drained.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.collected
    }

    /// Uses one byte or more of `bytes`, which has some.
    fn step(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        match self.state {
            State::Length(left) => {
                let used = self.collect(bytes, left);
                self.state = match left - used {
                    0 => State::Done,
                    left => State::Length(left),
                };
                Ok(used)
            }
            State::Chunk(left) => {
                let used = self.collect(bytes, left);
                self.state = match left - used {
                    0 => State::Between(Between::Return),
                    left => State::Chunk(left),
                };
                Ok(used)
            }
            State::UntilClose => {
                let len = self.len as u64 + bytes.len() as u64;
                if len > self.max as u64 {
                    return Err(too_long(self.offset, len, self.max));
                }
                Ok(self.collect(bytes, bytes.len()))
            }
            State::Between(between) => {
                if let Some(byte) = bytes.first() {
                    self.state = self.between(between, *byte)?;
                }
                Ok(1)
            }
            State::Done => Ok(0),
        }
    }

    fn collect(&mut self, bytes: &[u8], at_most: usize) -> usize {
        let part = bytes.get(..at_most).unwrap_or(bytes);
        self.collected.extend_from_slice(part);
        self.len += part.len();
        part.len()
    }

    /// Tells what follows one byte between chunks.
    fn between(&mut self, between: Between, byte: u8) -> Result<State, Malformed> {
        let next = match (between, byte) {
            (Between::Length { digits: 16.., .. }, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                return Err(self.invalid("a chunk's length of at most 16 digits"));
            }
            (Between::Length { length, digits }, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = char::from(byte).to_digit(16).unwrap_or_default();
                let (length, digits) = (length << 4 | u64::from(digit), digits + 1);
                Between::Length { length, digits }
            }
            (Between::Length { digits: 0, .. }, _) => {
                return Err(self.invalid("a chunk's length"));
            }
            (Between::Length { length, .. } | Between::Extension { length }, b'\r') => {
                Between::LengthEnd { length }
            }
            (Between::Length { length, .. }, b';' | b' ' | b'\t') => Between::Extension { length },
            (Between::Extension { .. }, 0x20.. | b'\t') => {
                self.spend()?;
                between
            }
            (Between::LengthEnd { length }, b'\n') => return self.chunk(length),
            (Between::Return, b'\r') => Between::End,
            (Between::End, b'\n') => LENGTH,
            (Between::Trailer { characters: 0 }, b'\n') => return Ok(State::Done),
            (Between::Trailer { .. }, b'\n') => Between::Trailer { characters: 0 },
            (Between::Trailer { .. }, b'\r') => {
                self.spend()?;
                between
            }
            (Between::Trailer { characters }, _) => {
                self.spend()?;
                Between::Trailer {
                    characters: characters + 1,
                }
            }
            (Between::Length { .. } | Between::Extension { .. }, _) => {
                return Err(self.invalid("CR LF behind a chunk's length"));
            }
            (Between::LengthEnd { .. } | Between::Return | Between::End, _) => {
                return Err(self.invalid("CR LF around a chunk"));
            }
        };
        Ok(State::Between(next))
    }

    fn chunk(&self, length: u64) -> Result<State, Malformed> {
        let len = (self.len as u64).saturating_add(length);
        match usize::try_from(length) {
            Ok(0) => Ok(State::Between(Between::Trailer { characters: 0 })),
            Ok(length) if len <= self.max as u64 => Ok(State::Chunk(length)),
            _ => Err(too_long(self.offset, len, self.max)),
        }
    }

    /// Counts a byte that is read and thrown away.
    fn spend(&mut self) -> Result<(), Malformed> {
        self.overhead += 1;
        if self.overhead > HEAD_MAX {
            let problem = Problem::TooLong {
                len: self.overhead as u64,
                max: HEAD_MAX as u64,
            };
            return Err(Malformed::new(
                "chunk extensions and trailers",
                self.offset,
                problem,
            ));
        }
        Ok(())
    }

    const fn invalid(&self, expected: &'static str) -> Malformed {
        Malformed::invalid("body", self.offset, expected)
    }
}

fn parse_length(text: &str) -> Result<u64, Malformed> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|_| is_number)
        .ok_or(Malformed::invalid(
            "Content-Length",
            0,
            "a number below 2^64",
        ))
}

const fn too_long(offset: usize, len: u64, max: usize) -> Malformed {
    Malformed::new(
        "body",
        offset,
        Problem::TooLong {
            len,
            max: max as u64,
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::borrow::ToOwned;
    use bytes::Bytes;

    const CHUNKED: &[u8] = b"4\r\nWiki\r\n5;a=b\r\npedia\r\n0\r\nTrailer: x\r\n\r\nnext";

    fn framing(lines: &[(&str, &str)]) -> Result<Framing, Malformed> {
        let mut response = ResponseHead::new(200, "OK");
        for (name, value) in lines {
            response.headers.push(name, value);
        }
        Framing::of_response(&RequestHead::new("GET", "/"), &response)
    }

    fn whole(framing: Framing, max: usize, bytes: &[u8]) -> Result<(Vec<u8>, usize), Malformed> {
        let mut body = Body::new(framing, max)?;
        let used = body.push(bytes)?;
        body.close()?;
        Ok((body.into_bytes(), used))
    }

    #[test]
    fn headers_tell_the_framing() {
        assert_eq!(framing(&[]), Ok(Framing::UntilClose));
        assert_eq!(framing(&[("content-length", "7")]), Ok(Framing::Length(7)));
        assert_eq!(
            framing(&[("Content-Length", "7, 7")]),
            Ok(Framing::Length(7))
        );
        let both = [("Content-Length", "7"), ("Transfer-Encoding", "Chunked")];
        assert_eq!(framing(&both), Ok(Framing::Chunked));
        assert!(framing(&[("Content-Length", "7"), ("Content-Length", "8")]).is_err());
        for bad in ["", "+7", "-1", "7 7", "18446744073709551616"] {
            assert!(framing(&[("Content-Length", bad)]).is_err(), "{bad}");
        }
        assert!(framing(&[("Transfer-Encoding", "gzip, chunked")]).is_err());
        let get = RequestHead::new("GET", "/").with("Content-Length", "7");
        let head = RequestHead::new("HEAD", "/");
        let ok = ResponseHead::new(200, "").with("Content-Length", "7");
        assert_eq!(Framing::of_response(&head, &ok), Ok(Framing::Length(0)));
        assert_eq!(
            Framing::of_response(&get, &ResponseHead::new(304, "")),
            Ok(Framing::Length(0))
        );
        assert_eq!(Framing::of_request(&get), Ok(Framing::Length(7)));
        assert_eq!(Framing::of_request(&head), Ok(Framing::Length(0)));
    }

    #[test]
    fn each_framing_ends_where_it_should() {
        assert_eq!(
            whole(Framing::Length(4), 4, b"bodynext"),
            Ok((b"body".to_vec(), 4))
        );
        assert_eq!(whole(Framing::Length(0), 0, b"next"), Ok((Vec::new(), 0)));
        assert_eq!(
            whole(Framing::UntilClose, 4, b"body"),
            Ok((b"body".to_vec(), 4))
        );
        let used = CHUNKED.len() - b"next".len();
        assert_eq!(
            whole(Framing::Chunked, 9, CHUNKED),
            Ok((b"Wikipedia".to_vec(), used))
        );
    }

    #[test]
    fn bytes_one_by_one_make_the_same_body() {
        let mut body = Body::new(Framing::Chunked, 9).expect("no length is known");
        let mut stream = StreamBuffer::new();
        for byte in CHUNKED {
            stream.push(Bytes::copy_from_slice(&[*byte]));
            body.push_from(&mut stream).expect("the chunks are right");
        }
        assert_eq!(&stream.peek(9)[..], b"next");
        assert_eq!(body.into_bytes(), b"Wikipedia");
    }

    #[test]
    fn a_body_can_be_drained_and_still_has_its_limit() {
        let mut body = Body::new(Framing::UntilClose, 4).expect("no length is known");
        body.push(b"bod").expect("short enough");
        assert_eq!(body.drain(), b"bod".to_owned());
        assert_eq!(body.push(b"yy"), Err(too_long(3, 5, 4)));
    }

    #[test]
    fn the_limit_holds_for_each_framing() {
        assert_eq!(whole(Framing::Length(5), 4, b""), Err(too_long(0, 5, 4)));
        assert_eq!(
            whole(Framing::Length(u64::MAX), 4, b""),
            Err(too_long(0, u64::MAX, 4))
        );
        assert_eq!(
            whole(Framing::UntilClose, 3, b"body"),
            Err(too_long(0, 4, 3))
        );
        assert_eq!(
            whole(Framing::Chunked, 8, CHUNKED).map_err(|e| e.offset),
            Err(15)
        );
        let extension = [b"0;", &b"x".repeat(HEAD_MAX + 1)[..]].concat();
        let error = whole(Framing::Chunked, 9, &extension).expect_err("an endless extension");
        assert_eq!(error.field, "chunk extensions and trailers");
        assert!(whole(Framing::Chunked, usize::MAX, b"ffffffffffffffff\r\nx").is_err());
        assert!(whole(Framing::Chunked, usize::MAX, b"00000000000000000\r\n\r\n").is_err());
    }

    #[test]
    fn a_close_too_soon_is_an_error() {
        let missing = |offset, bytes| Malformed::new("body", offset, Problem::Missing { bytes });
        assert_eq!(whole(Framing::Length(4), 4, b"bo"), Err(missing(2, 2)));
        for len in 0..CHUNKED.len() - b"next".len() {
            let part = CHUNKED.get(..len).unwrap_or_default();
            assert!(whole(Framing::Chunked, 9, part).is_err(), "{len}");
        }
    }

    #[test]
    fn broken_chunks_are_refused() {
        for bad in [
            &b"\r\n"[..],
            b"g\r\n",
            b"1\n",
            b"1\rx",
            b"1\r\nab",
            b"1\r\na\rb",
            b"1;\n",
            b"-1",
        ] {
            assert!(
                Body::new(Framing::Chunked, 9)
                    .and_then(|mut body| body.push(bad))
                    .is_err()
            );
        }
    }
}
