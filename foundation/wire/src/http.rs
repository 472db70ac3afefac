//! The little of HTTP/1 (RFC 9112) that trackers, web seeds and discovery on the local net need.
//!
//! Both sides of it: [`RequestHead`] and [`ResponseHead`] are read and written, [`Body`] follows
//! the framing that a head announces, [`gunzip`] and [`decode_content`] undo compression. All of it
//! is pure: whoever owns the connection pushes bytes in. Each size a stranger chooses has a bound.
//!
//! ```
//! use wire::http::{Body, Framing, RequestHead, ResponseHead, Url};
//! use wire::Encode;
//!
//! let url = Url::parse("http://tracker.example:6969/announce?key=1")?;
//! let request = RequestHead::new("GET", &url.target).with("Host", &url.authority());
//! assert!(request.encoded().starts_with(b"GET /announce?key=1 HTTP/1.1\r\nHost: tracker"));
//!
//! let response = ResponseHead::parse(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")?;
//! let mut body = Body::new(Framing::of_response(&request, &response)?, 1 << 20)?;
//! assert_eq!(body.push(b"deHTTP/1.1 the next response")?, 2);
//! assert!(body.is_done());
//! assert_eq!(body.into_bytes(), b"de");
//! # Ok::<(), wire::Malformed>(())
//! ```

mod body;
mod gzip;
mod head;
mod headers;
mod query;
mod url;

pub use body::{Body, Framing};
pub use gzip::{decode_content, gunzip};
pub use head::{
    HEAD_MAX, Head, RequestHead, RequestLine, ResponseHead, StatusLine, Version, take_head,
};
pub use headers::{HEADERS_MAX, Headers};
pub use query::{QueryPairs, percent_decode, percent_encode, query_pairs};
pub use url::{Scheme, Url};
