//! Askers and our own tracker.

use crate::asker::{Asker, Command};
use crate::net::{Coming, Going, Host, Node, World};
use crate::{HASH, add, ask, endpoint, heard, seconds};
use bittorrent::numbers::InfoHash;
use bittorrent::tracker::{AnnounceEvent, Failure, Retry, ScrapeCounts};
use bittorrent::tracker_server::{Change, Config, Event, Totals, Tracker};
use bytes::Bytes;
use machine::{Endpoint, ListenerId, Rng, Seed, StreamInput};
use proptest::prelude::*;

const URLS: [&str; 3] = [
    "http://10.0.0.9:6969/announce",
    "udp://10.0.0.9:6969",
    "http://[::9]:6969/announce",
];

fn tracker(config: Config) -> Node<Tracker> {
    Node::new(Tracker::new(config, &mut Rng::new(Seed(1), 0, 0)), 99)
}

fn quick() -> Config {
    Config {
        interval: seconds(60),
        ..Config::default()
    }
}

fn totals(tracker: &mut Node<Tracker>, world: &World) -> Totals {
    tracker.command(bittorrent::tracker_server::Command::Count, world.now);
    match tracker.heard.pop() {
        Some(Event::Totals(totals)) => totals,
        other => panic!("totals, not {other:?}"),
    }
}

/// Two nodes announce, one after the other; what each hears of peers is returned.
fn two_meet(url: &str, addresses: [&str; 2], tracker_at: &str) -> [Vec<Endpoint>; 2] {
    let mut world = World::new(&[addresses[0], addresses[1], tracker_at]);
    let (mut seed, mut leech) = (
        Node::new(Asker::new(1001), 0),
        Node::new(Asker::new(1002), 1),
    );
    let mut server = tracker(quick());
    let going = seed.command(add(HASH, &[&[url]], 0), world.now);
    world.carry(0, &mut [&mut seed, &mut leech, &mut server], going);
    world.run_for(&mut [&mut seed, &mut leech, &mut server], seconds(1));
    let going = leech.command(add(HASH, &[&[url]], 5), world.now);
    world.carry(1, &mut [&mut seed, &mut leech, &mut server], going);
    world.run_for(&mut [&mut seed, &mut leech, &mut server], seconds(1));
    let peers = |node: &Node<Asker>| {
        let [heard] = &node.heard[..] else {
            panic!("one announce, not {:?}", node.heard)
        };
        let outcome = heard.finished.result.clone().expect("it was answered");
        assert_eq!(outcome.interval, Some(seconds(60)));
        outcome.peers
    };
    [peers(&seed), peers(&leech)]
}

#[test]
fn two_meet_over_each_protocol_and_family() {
    for url in &URLS[..2] {
        let [first, second] = two_meet(url, ["10.0.0.1:1", "10.0.0.2:1"], "10.0.0.9:6969");
        assert_eq!(
            (first, second),
            (vec![], vec![endpoint("10.0.0.1:1001")]),
            "{url}"
        );
    }
    for url in ["http://[::9]:6969/announce", "udp://[::9]:6969/announce"] {
        let [first, second] = two_meet(url, ["[::1]:1", "[::2]:1"], "[::9]:6969");
        assert_eq!(
            (first, second),
            (vec![], vec![endpoint("[::1]:1001")]),
            "{url}"
        );
    }
}

#[test]
fn a_session_from_start_to_farewell() {
    for url in &URLS[..2] {
        let mut world = World::new(&["10.0.0.1:1", "10.0.0.9:6969"]);
        let (mut asker, mut server) = (Node::new(Asker::new(1001), 0), tracker(quick()));
        ask(
            &mut world,
            &mut asker,
            &mut [&mut server],
            add(HASH, &[&[url]], 5),
        );
        world.run_for(&mut [&mut asker, &mut server], seconds(30));
        ask(
            &mut world,
            &mut asker,
            &mut [&mut server],
            Command::Complete(HASH),
        );
        world.run_for(&mut [&mut asker, &mut server], seconds(100));
        ask(
            &mut world,
            &mut asker,
            &mut [&mut server],
            Command::Stop(HASH),
        );
        assert!(asker.node.is_busy_with(HASH));
        world.run_for(&mut [&mut asker, &mut server], seconds(1));
        assert!(!asker.node.is_busy_with(HASH));
        let told: Vec<_> = heard(&mut asker)
            .into_iter()
            .map(|(at, _, event, _)| (at, event))
            .collect();
        let expected = [
            (1, AnnounceEvent::Started),
            (31, AnnounceEvent::Completed),
            (91, AnnounceEvent::None),
            (131, AnnounceEvent::Stopped),
        ];
        assert_eq!(told, expected, "{url}");
        let peer = endpoint("10.0.0.1:1001");
        let changes = [
            (Change::Joined, (0, 0, 1)),
            (Change::Completed, (1, 1, 0)),
            (Change::Left, (0, 1, 0)),
        ];
        let expected = changes.map(|(change, (seeds, completed, leechers))| Event::Peer {
            info_hash: HASH,
            peer,
            change,
            counts: ScrapeCounts {
                seeds,
                completed,
                leechers,
            },
        });
        assert_eq!(server.heard, expected, "{url}");
        world.run_for(&mut [&mut asker, &mut server], seconds(200));
        let nothing = Totals {
            torrents: 0,
            peers: 0,
            connections: 0,
        };
        assert_eq!(totals(&mut server, &world), nothing, "{url}");
        assert_eq!(
            (asker.next_wakeup(), server.next_wakeup()),
            (None, None),
            "{url}"
        );
    }
}

#[test]
fn who_falls_silent_is_forgotten() {
    let mut world = World::new(&["10.0.0.1:1", "10.0.0.9:6969"]);
    let (mut asker, mut server) = (Node::new(Asker::new(1001), 0), tracker(quick()));
    ask(
        &mut world,
        &mut asker,
        &mut [&mut server],
        add(HASH, &[&URLS[1..2]], 5),
    );
    world.run_for(&mut [&mut asker, &mut server], seconds(1));
    assert_eq!(totals(&mut server, &world).peers, 1);
    world.silence("10.0.0.9:6969");
    world.run_for(&mut [&mut asker, &mut server], seconds(118));
    assert_eq!(totals(&mut server, &world).peers, 1);
    world.run_for(&mut [&mut asker, &mut server], seconds(62));
    assert_eq!(
        totals(&mut server, &world),
        Totals {
            torrents: 0,
            peers: 0,
            connections: 0
        }
    );
}

#[test]
fn a_thousand_torrents_share_four_connections() {
    let mut world = World::new(&["10.0.0.1:1", "10.0.0.9:6969"]);
    let (mut asker, mut server) = (Node::new(Asker::new(1001), 0), tracker(Config::default()));
    for number in 0..1000u16 {
        let mut info_hash = [0; 20];
        info_hash[..2].copy_from_slice(&number.to_be_bytes());
        let add = add(InfoHash(info_hash), &[&URLS[..1]], 5);
        ask(&mut world, &mut asker, &mut [&mut server], add);
    }
    // 63 rounds of 16 on 4 connections, of 20 ms each, would be 320 ms; the first two are alone.
    world.run_for(
        &mut [&mut asker, &mut server],
        core::time::Duration::from_millis(500),
    );
    assert_eq!(asker.heard.len(), 1000);
    assert!(
        asker
            .heard
            .iter()
            .all(|heard| heard.finished.result.is_ok())
    );
    assert_eq!((world.opened, world.most_open), (4, 4));
    assert_eq!(
        totals(&mut server, &world),
        Totals {
            torrents: 1000,
            peers: 1000,
            connections: 4
        }
    );
    world.run_for(&mut [&mut asker, &mut server], seconds(11));
    assert_eq!(totals(&mut server, &world).connections, 0);
}

#[test]
fn a_thousand_torrents_share_one_connection_id() {
    let mut world = World::new(&["10.0.0.1:1", "10.0.0.9:6969"]);
    let (mut asker, mut server) = (Node::new(Asker::new(1001), 0), tracker(Config::default()));
    for number in 0..1000u16 {
        let mut info_hash = [0; 20];
        info_hash[..2].copy_from_slice(&number.to_be_bytes());
        let add = add(InfoHash(info_hash), &[&URLS[1..2]], 5);
        ask(&mut world, &mut asker, &mut [&mut server], add);
    }
    world.run_for(&mut [&mut asker, &mut server], seconds(2));
    assert_eq!(asker.heard.len(), 1000);
    assert_eq!(world.datagrams, 2 * 1001);
}

#[test]
fn limits_turn_strangers_away() {
    let config = Config {
        torrents_max: 1,
        peers_max: 2,
        ..quick()
    };
    let mut world = World::new(&["10.0.0.1:1", "10.0.0.9:6969"]);
    let (mut asker, mut server) = (Node::new(Asker::new(1001), 0), tracker(config));
    for (hash, url) in [(1, URLS[0]), (2, URLS[0]), (3, URLS[1])] {
        let add = add(InfoHash([hash; 20]), &[&[url]], 5);
        ask(&mut world, &mut asker, &mut [&mut server], add);
        world.run_for(&mut [&mut asker, &mut server], seconds(1));
    }
    let full = Failure::refused("this tracker is full: it holds 1 torrents", Retry::Usual);
    let results: Vec<_> = heard(&mut asker)
        .into_iter()
        .map(|(_, _, _, result)| result)
        .collect();
    assert_eq!(results, [Ok(0), Err(full.clone()), Err(full)]);
}

/// Sends bytes to a tracker on a fresh connection and returns its answer as text, with `<close>`.
fn said(server: &mut Node<Tracker>, world: &World, link: u64, chunks: &[&[u8]]) -> String {
    let from = endpoint("127.0.0.1:5000");
    let input = StreamInput::Accepted {
        from,
        listener: ListenerId(0),
    };
    let mut going = server.take(Coming::Stream { link, input }, world.now);
    for chunk in chunks {
        let input = StreamInput::Received(Bytes::copy_from_slice(chunk));
        going.extend(server.take(Coming::Stream { link, input }, world.now));
    }
    let mut said = String::new();
    for going in going {
        match going {
            Going::Bytes { bytes, .. } => said += &String::from_utf8_lossy(&bytes),
            Going::Close { .. } => said += "<close>",
            Going::Datagram { .. } | Going::Connect { .. } | Going::Resolve { .. } => {
                panic!("not on a connection")
            }
        }
    }
    said
}

const ANNOUNCE: &str = "/announce?info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=-XX0001-bbbbbbbbbbbb";

#[test]
fn requests_are_answered_as_each_version_of_http_has_it() {
    let world = World::new(&[]);
    let mut server = tracker(quick());
    let body = "d8:completei0e10:downloadedi0e11:external ip4:\x7f\0\0\x01\
        10:incompletei1e8:intervali60e12:min intervali60e5:peerslee";
    let length = body.len();
    let request = format!("GET {ANNOUNCE}&port=7&left=1 HTTP/1.0\r\n\r\n");
    assert_eq!(
        said(&mut server, &world, 1, &[request.as_bytes()]),
        format!(
            "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{body}<close>"
        )
    );
    let request = request.replace("1.0\r\n", "1.0\r\nConnection: keep-alive\r\n");
    assert!(
        said(&mut server, &world, 2, &[request.as_bytes()])
            .contains("\r\nConnection: keep-alive\r\n")
    );
    // Two requests at once, cut anywhere, the second from another peer that wants dictionaries.
    let first = format!("GET {ANNOUNCE}&port=7&left=1 HTTP/1.1\r\nHost: h\r\n\r\n");
    let second = first.replace("port=7&left=1", "port=8&left=1");
    let both = first + &second;
    let (before, behind) = both.as_bytes().split_at(100);
    let answers = said(&mut server, &world, 3, &[before, behind]);
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2);
    assert!(!answers.contains("<close>"));
    // Both have the same name, and nobody is given himself, at whatever address.
    assert!(answers.ends_with("5:peerslee"), "{answers}");
    let third = second.replace("port=8", "port=9").replace("bbb", "ccc");
    let answer = said(&mut server, &world, 4, &[third.as_bytes()]);
    let peer = "d2:ip9:127.0.0.17:peer id20:-XX0001-bbbbbbbbbbbb4:porti7ee";
    assert!(answer.contains(peer), "{answer}");
}

#[test]
fn a_scrape_counts() {
    let world = World::new(&[]);
    let mut server = tracker(quick());
    let request = format!("GET {ANNOUNCE}&port=7&left=1 HTTP/1.1\r\n\r\n");
    said(&mut server, &world, 1, &[request.as_bytes()]);
    let request = "GET /scrape?info_hash=bbbbbbbbbbbbbbbbbbbb&info_hash=aaaaaaaaaaaaaaaaaaaa \
        HTTP/1.1\r\n\r\n";
    let answer = said(&mut server, &world, 2, &[request.as_bytes()]);
    let counts = |hash, leechers| {
        format!("20:{hash}d8:completei0e10:downloadedi0e10:incompletei{leechers}ee")
    };
    let (a, b) = (
        counts("aaaaaaaaaaaaaaaaaaaa", 1),
        counts("bbbbbbbbbbbbbbbbbbbb", 0),
    );
    assert!(
        answer.ends_with(&format!("\r\n\r\nd5:filesd{a}{b}ee")),
        "{answer}"
    );
    let all = said(&mut server, &world, 3, &[b"GET /scrape HTTP/1.1\r\n\r\n"]);
    assert!(all.contains("14:failure reason"), "{all}");
}

#[test]
fn nonsense_is_answered_once_and_closed() {
    let world = World::new(&[]);
    let mut server = tracker(quick());
    let bad = "HTTP/1.1 400 Bad Request";
    let long = vec![b'a'; 20_000];
    let many = b"GET / HTTP/1.1\r\n\r\n".repeat(100);
    let cases: [(&[u8], &str, bool); 7] = [
        (b"\r\n\r\n", bad, true),
        (b"\x13BitTorrent protocol\r\n\r\n", bad, true),
        (&long, bad, true),
        (
            b"POST /announce HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
            "HTTP/1.1 405",
            true,
        ),
        (b"GET /etc/passwd HTTP/1.1\r\n\r\n", "HTTP/1.1 404", false),
        (b"GET /announce HTTP/1.1\r\n\r\n", "HTTP/1.1 200", false),
        (&many, "HTTP/1.1 404", true),
    ];
    for (link, (request, status, closes)) in (1..).zip(cases) {
        let answer = said(&mut server, &world, link, &[request]);
        assert!(answer.starts_with(status), "{answer}");
        assert_eq!(answer.ends_with("<close>"), closes, "{answer}");
    }
}

#[test]
fn the_address_is_where_one_comes_from() {
    let world = World::new(&[]);
    let first = format!("GET {ANNOUNCE}&port=7&left=1&ip=192.0.2.1 HTTP/1.1\r\n\r\n");
    let second = first.replace("bbb", "ccc").replace("port=7", "port=8");
    let trusting = bittorrent::tracker_server::IpParameter::FromLoopback;
    for (config, ip) in [
        (quick(), "9:127.0.0.1"),
        (
            Config {
                ip_parameter: trusting,
                ..quick()
            },
            "9:192.0.2.1",
        ),
    ] {
        let mut server = tracker(config);
        said(&mut server, &world, 1, &[first.as_bytes()]);
        let answer = said(&mut server, &world, 2, &[second.as_bytes()]);
        assert!(answer.contains(ip), "{answer}");
    }
}

#[test]
fn connections_have_a_limit() {
    let mut server = tracker(Config {
        connections_max: 2,
        ..quick()
    });
    let world = World::new(&[]);
    assert_eq!(said(&mut server, &world, 1, &[]), "");
    assert_eq!(said(&mut server, &world, 2, &[]), "");
    assert_eq!(said(&mut server, &world, 3, &[]), "<close>");
    assert_eq!(totals(&mut server, &world).connections, 2);
}

proptest! {
    /// Whatever strangers send, the tracker neither fails nor forgets its limits.
    #[test]
    fn any_bytes_are_harmless(
        streams in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..8),
        datagrams in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..120), 0..8),
    ) {
        let world = World::new(&[]);
        let mut server = tracker(quick());
        for (link, stream) in (1..).zip(&streams) {
            said(&mut server, &world, link, &[b"GET /announce?", stream, b" HTTP/1.1\r\n\r\n"]);
        }
        for bytes in datagrams {
            let from = endpoint("192.0.2.1:5000");
            server.take(Coming::Datagram { from, bytes }, world.now);
        }
        prop_assert_eq!(totals(&mut server, &world).peers, 0);
    }
}
