//! The formats of the foundation: what all protocols are written in.

use bytes::Bytes;
use wire::bencode::{self, DictEncoder, Kind, Limits, ListEncoder, Mode, Value};
use wire::http::{self, Body, Framing, HEAD_MAX, RequestHead, ResponseHead, Url};
use wire::{Encode, Malformed, StreamBuffer};

/// The greatest body the targets take, in bytes: small, so that limits are met.
const BODY_MAX: usize = 1 << 12;

/// Bencode: strict values are those that encode to the same bytes; lenient ones can be walked.
pub fn bencode(data: &[u8]) {
    let strict = bencode::parse(data, Mode::Strict, Limits::FILE);
    let lenient = bencode::parse(data, Mode::Lenient, Limits::FILE);
    match (strict, lenient) {
        (Ok(value), _) => assert_eq!(reencode(value), data),
        (Err(error), Ok(value)) => {
            assert_eq!(value.check_strict(), Err(error));
            // What is written anew is canonical, unless an integer was not.
            reencode(value);
        }
        (Err(_), Err(_)) => {}
    }
    if let Ok((value, used)) = bencode::parse_prefix(data, Mode::Lenient, Limits::MESSAGE) {
        assert_eq!(value.span(), 0..used);
    }
}

/// Gzip: what is inflated keeps its limit.
pub fn gzip(data: &[u8]) {
    if let Ok(inflated) = http::gunzip(data, BODY_MAX) {
        assert!(inflated.len() <= BODY_MAX);
    }
}

/// A request's head: it survives being written; query and framing can be read.
pub fn http_request(data: &[u8]) {
    let Ok(head) = RequestHead::parse(data) else {
        return;
    };
    let encoded = head.encoded();
    if encoded.len() <= HEAD_MAX {
        assert_eq!(RequestHead::parse(&encoded), Ok(head.clone()));
    }
    for (key, value) in http::query_pairs(head.query()) {
        let query = format!(
            "{}={}",
            http::percent_encode(&key),
            http::percent_encode(&value)
        );
        let again = http::query_pairs(&query).next();
        assert_eq!(again, Some((key, value)));
    }
    if let Ok(framing) = Framing::of_request(&head) {
        assert_ne!(framing, Framing::UntilClose);
    }
}

/// A response with its body: the same however the stream is cut, and within its limit.
pub fn http_response(data: &[u8]) {
    let whole = read_response(data, data.len().max(1));
    // Byte by byte while the input is short; searching for the head's end anew each time is slow.
    let in_parts = read_response(data, 1 + data.len() / 64);
    assert_eq!(whole.is_ok(), in_parts.is_ok());
    if let (Ok(Some(whole)), Ok(Some(in_parts))) = (whole, in_parts) {
        assert_eq!(whole, in_parts);
        assert!(whole.1.len() <= BODY_MAX);
        if let Ok(content) = http::decode_content(&whole.0.headers, whole.1, BODY_MAX) {
            assert!(content.len() <= BODY_MAX);
        }
    }
}

/// Hex and base 32: what is read is written back, but for the case of letters.
pub fn text(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else {
        return;
    };
    if let Ok(bytes) = wire::text::from_hex::<20>("a SHA-1", text) {
        assert_eq!(wire::text::to_hex(&bytes), text.to_ascii_lowercase());
    }
    if let Ok(bytes) = wire::text::from_base32::<20>("a SHA-1", text) {
        assert_eq!(wire::text::to_base32(&bytes), text.to_ascii_uppercase());
    }
}

/// URLs: what is read survives being written; a redirection leads to a URL.
pub fn url(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else {
        return;
    };
    let base = Url::parse("http://tracker.example/a/announce").expect("a URL");
    for url in [Url::parse(text), base.join(text)].into_iter().flatten() {
        assert_eq!(Url::parse(&url.to_string()), Ok(url.clone()));
        assert_eq!(base.join(&url.to_string()), Ok(url));
    }
}

/// Writes a value anew, by way of a list, for values stand in something.
fn reencode(value: Value<'_>) -> Vec<u8> {
    let mut list = bencode::encode_list(|list| write_into_list(value, list));
    list.pop();
    list.remove(0);
    list
}

fn write_into_list(value: Value<'_>, list: &mut ListEncoder<'_>) {
    match value.kind() {
        Kind::Integer => list.int(value.as_int().expect("an integer")),
        Kind::String => list.bytes(value.as_bytes().expect("a string")),
        Kind::List => list.list(|inner| write_items(value, inner)),
        Kind::Dict => list.dict(|inner| write_entries(value, inner)),
    }
}

fn write_items(list: Value<'_>, out: &mut ListEncoder<'_>) {
    let items = list.as_list().expect("a list");
    items.for_each(|item| write_into_list(item, out));
}

fn write_entries(dict: Value<'_>, out: &mut DictEncoder<'_>) {
    for (key, value) in dict.entries().expect("a dictionary") {
        match value.kind() {
            Kind::Integer => out.int(key, value.as_int().expect("an integer")),
            Kind::String => out.bytes(key, value.as_bytes().expect("a string")),
            Kind::List => out.list(key, |inner| write_items(value, inner)),
            Kind::Dict => out.dict(key, |inner| write_entries(value, inner)),
        }
    }
}

/// Reads a response that comes in parts of `cut` bytes and ends with the connection; `None` if
/// that is before the head is whole.
fn read_response(data: &[u8], cut: usize) -> Result<Option<(ResponseHead, Vec<u8>)>, Malformed> {
    let request = RequestHead::new("GET", "/");
    let mut stream = StreamBuffer::new();
    let mut response: Option<(ResponseHead, Body)> = None;
    for part in data.chunks(cut) {
        stream.push(Bytes::copy_from_slice(part));
        if response.is_none()
            && let Some(head) = http::take_head(&mut stream)?
        {
            let head = ResponseHead::parse(&head)?;
            let body = Body::new(Framing::of_response(&request, &head)?, BODY_MAX)?;
            response = Some((head, body));
        }
        if let Some((_, body)) = &mut response {
            body.push_from(&mut stream)?;
        }
        stream.compact();
    }
    let Some((head, mut body)) = response else {
        return Ok(None);
    };
    body.close()?;
    Ok(Some((head, body.into_bytes())))
}
