//! What is written is read back, however the stream was cut.

use proptest::collection::vec;
use proptest::prelude::*;
use wire::Encode;
use wire::http::{
    Body, Framing, RequestHead, ResponseHead, Url, gunzip, percent_decode, percent_encode,
    query_pairs,
};

const TOKEN: &str = "[A-Za-z0-9!#$%&'*+.^_`|~-]{1,12}";
const VALUE: &str = "([!-~é]([ -~\té]{0,20}[!-~é])?)?";

/// Cuts a body into chunks of the given lengths, over and over.
fn chunked(body: &[u8], lengths: &[usize]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = body;
    for length in lengths.iter().cycle() {
        let (chunk, after) = rest.split_at((*length).min(rest.len()));
        out.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        out.extend_from_slice(chunk);
        if chunk.is_empty() {
            break;
        }
        out.extend_from_slice(b"\r\n");
        rest = after;
    }
    out.extend_from_slice(b"\r\n");
    out
}

proptest! {
    #[test]
    fn a_request_survives(
        method in TOKEN,
        target in "/[!-~é]{0,20}",
        headers in vec((TOKEN, VALUE), 0..8),
    ) {
        let mut request = RequestHead::new(&method, &target);
        for (name, value) in &headers {
            request.headers.push(name, value);
        }
        prop_assert_eq!(RequestHead::parse(&request.encoded()), Ok(request));
    }

    #[test]
    fn a_response_survives(
        status in 100u16..1000,
        reason in "[ -~]{0,12}",
        headers in vec((TOKEN, VALUE), 0..8),
    ) {
        let mut response = ResponseHead::new(status, &reason);
        for (name, value) in &headers {
            response.headers.push(name, value);
        }
        prop_assert_eq!(ResponseHead::parse(&response.encoded()), Ok(response));
    }

    #[test]
    fn any_text_in_a_head_stays_in_its_place(
        method in ".{1,4}",
        target in ".{1,8}",
        name in ".{1,4}",
        value in any::<String>(),
    ) {
        let request = RequestHead::new(&method, &target).with(&name, &value);
        let read = RequestHead::parse(&request.encoded()).expect("one head");
        prop_assert_eq!(read.headers.iter().count(), 1);
    }

    #[test]
    fn chunks_and_cuts_do_not_matter(
        body in vec(any::<u8>(), 0..200),
        chunks in vec(1usize..50, 1..5),
        cuts in vec(1usize..20, 1..5),
    ) {
        let mut sent = chunked(&body, &chunks);
        let framed_len = sent.len();
        sent.extend_from_slice(b"HTTP/1.1 200 OK");
        let mut received = Body::new(Framing::Chunked, body.len()).expect("no length is known");
        let (mut used, mut cut) = (0, cuts.iter().cycle());
        while !received.is_done() {
            let end = (used + cut.next().expect("a cycle")).min(sent.len());
            used += received.push(&sent[used..end]).expect("valid chunks");
        }
        prop_assert_eq!(used, framed_len);
        prop_assert_eq!(received.into_bytes(), body);
    }

    #[test]
    fn percent_encoding_survives(bytes in vec(any::<u8>(), 0..40)) {
        let encoded = percent_encode(&bytes);
        prop_assert_eq!(&percent_decode(encoded.as_bytes())[..], &bytes);
        let query = format!("a=1&info_hash={encoded}&b");
        let found = query_pairs(&query).find(|(key, _)| &key[..] == b"info_hash");
        prop_assert_eq!(&found.expect("the pair was written").1[..], &bytes);
    }

    #[test]
    fn a_url_survives(
        url in "(http|https|udp)://([a-z0-9.-]{1,12}|\\[::[1-9a-f]{1,4}\\])(:[1-9][0-9]{0,3})?/[!-\"$-~]{0,20}"
    ) {
        let parsed = Url::parse(&url).expect("a URL");
        prop_assert_eq!(parsed.to_string(), url);
    }

    #[test]
    fn anything_is_a_url_or_an_error(text in any::<String>(), location in any::<String>()) {
        let base = Url::parse("http://h/a").expect("a URL");
        let results = [Url::parse(&text), Url::parse(&format!("udp://{text}")), base.join(&location)];
        for url in results.into_iter().flatten() {
            prop_assert_eq!(Url::parse(&url.to_string()), Ok(url));
        }
    }

    #[test]
    fn garbage_is_an_error_at_most(bytes in vec(any::<u8>(), 0..200)) {
        let text = [b"GET / HTTP/1.1\r\n", &bytes[..], b"\r\n\r\n"].concat();
        let _: Option<RequestHead> = RequestHead::parse(&text).ok();
        let _: Option<ResponseHead> = ResponseHead::parse(&bytes).ok();
        let gzip = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3], &bytes[..]].concat();
        prop_assert!(gunzip(&gzip, 1 << 16).is_err());
    }
}
