//! Announces and scrapes over HTTP: queries in a URL, answers in bencode (BEP 3, 7, 23, 24, 31,
//! 48; spec section 5).

use super::announce::{Announce, AnnounceOutcome, PEERS_MAX, ScrapeCounts};
use super::compact::{self, Family};
use super::failure::{Failure, Retry, legible};
use crate::numbers::InfoHash;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;
use core::net::IpAddr;
use core::time::Duration;
use machine::Endpoint;
use wire::Malformed;
use wire::bencode::{Dict, Limits, Mode, Value, parse};
use wire::http::{RequestHead, Url, percent_encode};

/// The bytes of an answer that are read (spec section 5).
pub const BODY_MAX: usize = 1 << 20;

/// The values of an answer that are looked at: some 16,000 peers, each in a dictionary.
const LIMITS: Limits = Limits {
    depth: 16,
    items: 100_000,
};

/// Writes the request target of an announce: the URL's path and query, and behind them who asks.
#[must_use]
pub fn announce_target(target: &str, announce: &Announce, tracker_id: Option<&[u8]>) -> String {
    let Announce {
        info_hash,
        peer_id,
        port,
        uploaded,
        downloaded,
        left,
        event,
        key,
        numwant,
    } = announce;
    let mut out = String::with_capacity(target.len() + 320);
    out.push_str(target);
    out.push(separator(target));
    let (info_hash, peer_id) = (percent_encode(&info_hash.0), percent_encode(&peer_id.0));
    let written = write!(
        out,
        "info_hash={info_hash}&peer_id={peer_id}&port={port}&uploaded={uploaded}\
         &downloaded={downloaded}&left={left}&compact=1&no_peer_id=1&key={key:08X}"
    );
    written.expect("a string takes all that is written");
    if let Some(numwant) = numwant {
        write!(out, "&numwant={numwant}").expect("a string takes all that is written");
    }
    if let Some(event) = event.name() {
        out.push_str("&event=");
        out.push_str(event);
    }
    if let Some(tracker_id) = tracker_id {
        out.push_str("&trackerid=");
        out.push_str(&percent_encode(tracker_id));
    }
    out
}

/// Writes the request target of a scrape; `target` is the tracker's
/// [`scrape_target`](super::url::TrackerUrl::scrape_target).
#[must_use]
pub fn scrape_target(target: &str, info_hashes: &[InfoHash]) -> String {
    let mut out = String::from(target);
    for info_hash in info_hashes {
        out.push(separator(&out));
        out.push_str("info_hash=");
        out.push_str(&percent_encode(&info_hash.0));
    }
    out
}

/// Makes the head of a request for `target` to the server of `url`.
#[must_use]
pub fn request(url: &Url, target: &str) -> RequestHead {
    RequestHead::new("GET", target)
        .with("Host", &url.authority())
        .with("User-Agent", concat!("manyhop/", env!("CARGO_PKG_VERSION")))
        .with("Accept-Encoding", "gzip")
}

/// Reads the answer to an announce, with plain text for what a tracker refuses.
///
/// Peers may come in any of the three forms, whatever was asked; names of hosts in place of
/// addresses are passed over, for no tracker in use sends them. Counts and times of the wrong
/// type count as absent: only the peers matter.
///
/// # Errors
/// [`Failure::Refused`] with the tracker's reason, [`Failure::Malformed`].
pub fn parse_announce(body: &[u8]) -> Result<AnnounceOutcome, Failure> {
    let answer = parse_answer(body)?;
    let mut peers = match answer.find(b"peers") {
        None => Vec::new(),
        Some(peers) => parse_peers(peers)?,
    };
    if let Some(peers6) = answer.optional_bytes("peers6")? {
        peers.extend(compact::decode(Family::V6, peers6));
    }
    peers.truncate(PEERS_MAX);
    let number = |key: &str| answer.find(key.as_bytes()).and_then(Value::as_int);
    let bytes = |key: &str| answer.find(key.as_bytes()).and_then(Value::as_bytes);
    let count = |key| number(key).map(|n| u32::try_from(n.max(0)).unwrap_or(u32::MAX));
    let seconds = |key| {
        number(key)
            .and_then(|n| u64::try_from(n).ok())
            .map(Duration::from_secs)
    };
    Ok(AnnounceOutcome {
        interval: seconds("interval"),
        min_interval: seconds("min interval"),
        seeds: count("complete"),
        leechers: count("incomplete"),
        warning: bytes("warning message").map(|text| legible(&String::from_utf8_lossy(text))),
        tracker_id: bytes("tracker id").map(Into::into),
        external_ip: bytes("external ip").and_then(parse_ip),
        ..AnnounceOutcome::of(peers)
    })
}

/// Reads the answer to a scrape.
///
/// # Errors
/// [`Failure::Refused`] with the tracker's reason, [`Failure::Malformed`].
pub fn parse_scrape(body: &[u8]) -> Result<Vec<(InfoHash, ScrapeCounts)>, Failure> {
    let answer = parse_answer(body)?;
    let mut counts = Vec::new();
    for (key, value) in answer.dict("files")?.entries() {
        let Ok(info_hash) = key.try_into() else {
            return Err(value.invalid("files", "keys of 20 bytes").into());
        };
        let of = value.dict("files")?;
        let count = |key: &str| {
            let number = of
                .find(key.as_bytes())
                .and_then(Value::as_int)
                .unwrap_or_default();
            u32::try_from(number.max(0)).unwrap_or(u32::MAX)
        };
        let (seeds, completed, leechers) =
            (count("complete"), count("downloaded"), count("incomplete"));
        counts.push((
            InfoHash(info_hash),
            ScrapeCounts {
                seeds,
                completed,
                leechers,
            },
        ));
    }
    Ok(counts)
}

/// Reads the dictionary that every answer is; one with a reason for failure is a refusal.
fn parse_answer(body: &[u8]) -> Result<Dict<'_>, Failure> {
    let answer = parse(body, Mode::Lenient, LIMITS)?.dict("answer")?;
    let Some(reason) = answer.find(b"failure reason").and_then(Value::as_bytes) else {
        return Ok(answer);
    };
    let retry = match answer.find(b"retry in") {
        Some(value) if value.as_bytes() == Some(b"never") => Retry::Never,
        Some(value) => match value
            .as_int()
            .and_then(|minutes| u64::try_from(minutes).ok())
        {
            Some(minutes) => Retry::After(Duration::from_secs(minutes.saturating_mul(60))),
            None => Retry::Usual,
        },
        None => Retry::Usual,
    };
    Err(Failure::refused(&String::from_utf8_lossy(reason), retry))
}

fn parse_peers(peers: Value<'_>) -> Result<Vec<Endpoint>, Malformed> {
    if let Some(bytes) = peers.as_bytes() {
        return Ok(compact::decode(Family::V4, bytes).collect());
    }
    let mut parsed = Vec::new();
    for peer in peers.list("peers")? {
        let peer = peer.dict("peers")?;
        let address = peer
            .find(b"ip")
            .and_then(Value::as_str)
            .and_then(|ip| ip.parse().ok());
        let port = peer
            .find(b"port")
            .and_then(Value::as_int)
            .and_then(|p| u16::try_from(p).ok());
        if let (Some(address), Some(port)) = (address, port) {
            let endpoint = Endpoint::new(address, port);
            parsed.extend(Some(endpoint).filter(|&endpoint| compact::is_dialable(endpoint)));
        }
    }
    Ok(parsed)
}

fn parse_ip(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .ok()
}

/// What stands between a target and one more parameter.
fn separator(target: &str) -> char {
    if target.contains('?') { '&' } else { '?' }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numbers::PeerId;
    use crate::tracker::announce::AnnounceEvent;
    use proptest::prelude::*;
    use wire::text::from_hex;

    fn peer(text: &str) -> Endpoint {
        text.parse().expect("an endpoint")
    }

    #[test]
    fn an_announce_as_a_url() {
        let info_hash = InfoHash(
            from_hex("a SHA-1", "9cd9698af555751a9186ae066c57ea21572335e0").expect("a hash"),
        );
        let announce = Announce {
            info_hash,
            peer_id: PeerId(*b"-XX0001-abcdefghijkl"),
            port: 6881,
            uploaded: 1,
            downloaded: 2,
            left: 40_000,
            event: AnnounceEvent::Started,
            key: 0xbeef,
            numwant: Some(50),
        };
        assert_eq!(
            announce_target("/announce?passkey=x", &announce, Some(b"a b")),
            "/announce?passkey=x&info_hash=%9C%D9i%8A%F5Uu%1A%91%86%AE%06lW%EA%21W%235%E0\
             &peer_id=-XX0001-abcdefghijkl&port=6881&uploaded=1&downloaded=2&left=40000\
             &compact=1&no_peer_id=1&key=0000BEEF&numwant=50&event=started&trackerid=a%20b"
        );
        let quiet = Announce {
            event: AnnounceEvent::None,
            numwant: None,
            ..announce
        };
        assert!(announce_target("/a", &quiet, None).starts_with("/a?info_hash=%9C"));
        assert!(announce_target("/a", &quiet, None).ends_with("&key=0000BEEF"));
        assert_eq!(
            scrape_target("/scrape", &[InfoHash([b'a'; 20]), InfoHash([b'b'; 20])]),
            "/scrape?info_hash=aaaaaaaaaaaaaaaaaaaa&info_hash=bbbbbbbbbbbbbbbbbbbb"
        );
    }

    #[test]
    fn peers_of_both_families_in_compact_form() {
        // The example of spec section 5, where every byte of a peer is an `i`.
        let body = b"d8:intervali1800e5:peers6:iiiipp6:peers618:iiiiiiiiiiiiiiiippe";
        let outcome = parse_announce(body).expect("an answer");
        assert_eq!(outcome.interval, Some(Duration::from_secs(1800)));
        let v6 = "[6969:6969:6969:6969:6969:6969:6969:6969]:28784";
        assert_eq!(outcome.peers, [peer("105.105.105.105:28784"), peer(v6)]);
    }

    #[test]
    fn peers_in_dictionaries() {
        let body = b"d8:completei3e11:external ip4:\xc0\x00\x02\x0910:incompletei-1e\
            8:intervali5e12:min intervali2e5:peersl\
            d2:ip9:192.0.2.17:peer id20:aaaaaaaaaaaaaaaaaaaa4:porti6881ee\
            d2:ip11:2001:db8::14:porti80ee\
            d2:ip12:peer.example4:porti80eed2:ip9:192.0.2.24:porti0eee\
            10:tracker id3:abc15:warning message6:be\x1b[1me";
        let outcome = parse_announce(body).expect("an answer");
        assert_eq!(
            outcome.peers,
            [peer("192.0.2.1:6881"), peer("[2001:db8::1]:80")]
        );
        assert_eq!((outcome.seeds, outcome.leechers), (Some(3), Some(0)));
        assert_eq!(outcome.min_interval, Some(Duration::from_secs(2)));
        assert_eq!(outcome.tracker_id.as_deref(), Some(&b"abc"[..]));
        assert_eq!(outcome.warning.as_deref(), Some("be[1m"));
        assert_eq!(outcome.external_ip, Some(IpAddr::from([192, 0, 2, 9])));
    }

    #[test]
    fn refusals_say_when_to_come_back() {
        let refused = |body: &[u8]| parse_announce(body).expect_err("a refusal");
        let reason = |retry| Failure::refused("no", retry);
        assert_eq!(refused(b"d14:failure reason2:noe"), reason(Retry::Usual));
        let hour = Retry::After(Duration::from_secs(3600));
        assert_eq!(
            refused(b"d14:failure reason2:no8:retry ini60ee"),
            reason(hour)
        );
        let never = refused(b"d14:failure reason2:no8:retry in5:nevere");
        assert_eq!(never, reason(Retry::Never));
    }

    #[test]
    fn nonsense_is_named() {
        let problem = |body: &[u8]| alloc::format!("{}", parse_announce(body).expect_err("wrong"));
        assert_eq!(
            problem(b"<html>"),
            "the tracker's answer makes no sense: bencode: expected a value (a digit, `i`, `l` or \
             `d`) at offset 0"
        );
        assert_eq!(
            problem(b"d5:peersi1ee"),
            "the tracker's answer makes no sense: peers: expected a list at offset 8"
        );
    }

    #[test]
    fn a_scrape() {
        let body = b"d5:filesd20:aaaaaaaaaaaaaaaaaaaad8:completei1e10:downloadedi2e\
            10:incompletei3eeee";
        let counts = ScrapeCounts {
            seeds: 1,
            completed: 2,
            leechers: 3,
        };
        assert_eq!(
            parse_scrape(body),
            Ok(Vec::from([(InfoHash([b'a'; 20]), counts)]))
        );
        assert!(parse_scrape(b"d5:filesd3:abcdeee").is_err());
    }

    proptest! {
        #[test]
        fn any_answer_is_an_outcome_or_a_failure(
            body in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let _ = (parse_announce(&body), parse_scrape(&body));
        }
    }
}
