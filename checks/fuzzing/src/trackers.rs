//! What peers and trackers say to each other.

use bittorrent::tracker::announce::PEERS_MAX;
use bittorrent::tracker::compact::is_dialable;
use bittorrent::tracker::{Datagram, http};
use bittorrent::tracker_server::{Config, Tracker};
use bytes::Bytes;
use machine::{
    ConnId, Effects, Input, Instant, ListenerId, Rng, Seed, StreamInput, Streams, Turns, Wire,
};

/// The body of a tracker's answer: what it brings can be dialled, and is not too much.
pub fn tracker_answer(data: &[u8]) {
    if let Ok(outcome) = http::parse_announce(data) {
        assert!(outcome.peers.len() <= PEERS_MAX);
        assert!(outcome.peers.into_iter().all(is_dialable));
    }
    let _ = http::parse_scrape(data);
}

/// A datagram of a UDP tracker or to one: it survives being written.
pub fn tracker_datagram(data: &[u8]) {
    let Ok(datagram) = Datagram::decode(data, &mut ()) else {
        return;
    };
    let mut encoded = Vec::new();
    datagram.encode(&(), &mut encoded);
    assert_eq!(encoded.len(), datagram.encoded_len(&()));
    assert_eq!(Datagram::decode(&encoded, &mut ()), Ok(datagram));
}

/// A connection with our own tracker: every input is taken, and no more peers are listed than
/// there were requests.
pub fn tracker_connection(data: &[u8]) {
    let seed = Seed(1);
    let mut tracker = Tracker::new(Config::default(), &mut Rng::new(seed, 0, 0));
    let (mut turns, mut effects) = (Turns::new(seed, 0), Effects::new());
    let conn = turns.accept();
    let from = "192.0.2.1:5000".parse().expect("an endpoint");
    let accepted = StreamInput::Accepted {
        from,
        listener: ListenerId(0),
    };
    let (first, second) = data.split_at(data.len() / 2);
    let received = [first, second].map(|part| StreamInput::Received(Bytes::copy_from_slice(part)));
    for input in [accepted].into_iter().chain(received) {
        let input = Input::Stream { conn, input };
        turns.take(
            &mut tracker,
            input,
            Instant::ZERO,
            &(),
            &NoBacklog,
            &mut effects,
        );
    }
    let requests = data
        .windows(4)
        .filter(|window| window == b"\r\n\r\n")
        .count();
    let totals = tracker.totals();
    assert!(totals.peers <= requests && totals.torrents <= requests);
}

struct NoBacklog;

impl Streams for NoBacklog {
    fn backlog(&self, _conn: ConnId) -> usize {
        0
    }
}
