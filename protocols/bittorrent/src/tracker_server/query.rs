//! What a peer asks over HTTP, read from the query of its request (spec section 5).

use crate::numbers::{InfoHash, PeerId};
use crate::tracker::announce::{Announce, AnnounceEvent, UNKNOWN_LEFT};
use alloc::vec::Vec;
use core::net::IpAddr;
use core::str::FromStr;
use wire::http::query_pairs;

/// An announce over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnnounceQuery {
    /// What is announced.
    pub announce: Announce,
    /// How the peers shall be written.
    pub form: PeersForm,
    /// The address the asker claims to have.
    pub ip: Option<IpAddr>,
}

/// How the peers of an answer are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeersForm {
    /// Side by side in 6 or 18 bytes (BEP 23).
    Compact,
    /// A dictionary each, with or without the peer's id.
    Dicts(PeerIds),
}

/// Whether dictionaries of peers have their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerIds {
    /// They have.
    Told,
    /// They have not: the asker saves us the bytes.
    Omitted,
}

/// Says what a query lacks, as the asker is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// No torrent.
    #[error("info_hash must be 20 bytes, percent-encoded")]
    InfoHash,
    /// No name.
    #[error("peer_id must be 20 bytes, percent-encoded")]
    PeerId,
    /// No place to be reached.
    #[error("port must be between 1 and 65535")]
    Port,
}

/// Reads the query of an announce. Numbers that are none count as not given.
///
/// # Errors
/// [`QueryError`] when it lacks what nothing can stand for.
pub fn parse_announce(query: &str) -> Result<AnnounceQuery, QueryError> {
    let (mut info_hash, mut peer_id, mut port) = (None, None, None);
    let (mut uploaded, mut downloaded, mut left, mut key) = (0, 0, UNKNOWN_LEFT, 0);
    let (mut numwant, mut ip, mut event) = (None, None, AnnounceEvent::None);
    let (mut is_compact, mut ids) = (false, PeerIds::Told);
    for (name, value) in query_pairs(query) {
        match &*name {
            b"info_hash" => info_hash = value.as_ref().try_into().ok().map(InfoHash),
            b"peer_id" => peer_id = value.as_ref().try_into().ok().map(PeerId),
            b"port" => port = number(&value).filter(|&port| port != 0),
            b"uploaded" => uploaded = number(&value).unwrap_or(0),
            b"downloaded" => downloaded = number(&value).unwrap_or(0),
            b"left" => left = number(&value).unwrap_or(UNKNOWN_LEFT),
            b"event" => event = parse_event(&value),
            b"key" => key = parse_key(&value),
            b"numwant" => numwant = number(&value),
            b"compact" => is_compact = *value == *b"1",
            b"no_peer_id" if *value == *b"1" => ids = PeerIds::Omitted,
            b"ip" => ip = number(&value),
            _ => {}
        }
    }
    let info_hash = info_hash.ok_or(QueryError::InfoHash)?;
    let peer_id = peer_id.ok_or(QueryError::PeerId)?;
    let port = port.ok_or(QueryError::Port)?;
    let announce = Announce {
        info_hash,
        peer_id,
        port,
        uploaded,
        downloaded,
        left,
        event,
        key,
        numwant,
    };
    let form = if is_compact {
        PeersForm::Compact
    } else {
        PeersForm::Dicts(ids)
    };
    Ok(AnnounceQuery { announce, form, ip })
}

/// Reads the torrents of a scrape; there may be none, and all of it is bounded by the head's
/// greatest length.
///
/// # Errors
/// [`QueryError::InfoHash`]
pub fn parse_scrape(query: &str) -> Result<Vec<InfoHash>, QueryError> {
    query_pairs(query)
        .filter(|(name, _)| **name == *b"info_hash")
        .map(|(_, value)| value.as_ref().try_into().map(InfoHash))
        .collect::<Result<_, _>>()
        .map_err(|_| QueryError::InfoHash)
}

fn number<T: FromStr>(value: &[u8]) -> Option<T> {
    core::str::from_utf8(value).ok()?.parse().ok()
}

fn parse_event(value: &[u8]) -> AnnounceEvent {
    match value {
        b"started" => AnnounceEvent::Started,
        b"completed" => AnnounceEvent::Completed,
        b"stopped" => AnnounceEvent::Stopped,
        _ => AnnounceEvent::None,
    }
}

/// Reads a key as most clients write it, in hex; another text counts as none.
fn parse_key(value: &[u8]) -> u32 {
    let text = core::str::from_utf8(value).unwrap_or_default();
    u32::from_str_radix(text, 16).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tracker::http;
    use proptest::prelude::*;

    const BOTH: &str = "info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=bbbbbbbbbbbbbbbbbbbb";

    #[test]
    fn what_is_not_said_has_a_meaning() {
        let query = alloc::format!("{BOTH}&port=80&numwant=-1&left=x&event=paused&key=%ff&ip=me");
        let parsed = parse_announce(&query).expect("an announce");
        assert_eq!(parsed.form, PeersForm::Dicts(PeerIds::Told));
        assert_eq!((parsed.ip, parsed.announce.numwant), (None, None));
        assert_eq!(
            (parsed.announce.left, parsed.announce.key),
            (UNKNOWN_LEFT, 0)
        );
        assert_eq!(parsed.announce.event, AnnounceEvent::None);
    }

    #[test]
    fn what_is_lacking_is_named() {
        assert_eq!(parse_announce(""), Err(QueryError::InfoHash));
        assert_eq!(parse_announce("info_hash=aaa"), Err(QueryError::InfoHash));
        assert_eq!(parse_announce(&BOTH[..30]), Err(QueryError::PeerId));
        for port in ["", "&port=0", "&port=65536", "&port=-1"] {
            assert_eq!(
                parse_announce(&alloc::format!("{BOTH}{port}")),
                Err(QueryError::Port)
            );
        }
    }

    #[test]
    fn a_scrape_names_torrents() {
        assert_eq!(parse_scrape(BOTH), Ok(Vec::from([InfoHash([b'a'; 20])])));
        assert_eq!(parse_scrape(""), Ok(Vec::new()));
        assert_eq!(parse_scrape("info_hash=%"), Err(QueryError::InfoHash));
    }

    fn event() -> impl Strategy<Value = AnnounceEvent> {
        prop::sample::select(&[
            AnnounceEvent::None,
            AnnounceEvent::Completed,
            AnnounceEvent::Started,
            AnnounceEvent::Stopped,
        ])
    }

    proptest! {
        #[test]
        fn what_our_client_writes_is_read(
            (info_hash, peer_id, port) in (any::<[u8; 20]>(), any::<[u8; 20]>(), 1u16..),
            (uploaded, downloaded, left) in any::<(u64, u64, u64)>(),
            (event, key, numwant) in (event(), any::<u32>(), any::<Option<u32>>()),
        ) {
            let (info_hash, peer_id) = (InfoHash(info_hash), PeerId(peer_id));
            let announce = Announce {
                info_hash, peer_id, port, uploaded, downloaded, left, event, key, numwant,
            };
            let target = http::announce_target("/announce", &announce, None);
            let (_, query) = target.split_once('?').expect("a query");
            let parsed = AnnounceQuery { announce, form: PeersForm::Compact, ip: None };
            prop_assert_eq!(parse_announce(query), Ok(parsed));
        }
    }
}
