//! Askers and UDP trackers on a lossy net.

use crate::asker::{Asker, Command};
use crate::net::{Coming, Going, Host, Node, World};
use crate::{HASH, add, ask, endpoint, heard, seconds};
use bittorrent::tracker::announce::AnnounceEvent;
use bittorrent::tracker::udp::{ConnectionId, Datagram, Request, Response};
use bittorrent::tracker::{Failure, Retry};
use bittorrent::tracker_server::{Config, Tracker};
use machine::{Instant, ResolveError, Rng, Seed, Wire as _};

const URL: &str = "udp://tracker.example:6969/announce";

fn world() -> (World, Node<Asker>, Node<Tracker>) {
    let mut world = World::new(&["10.0.0.1:1", "10.0.0.9:6969"]);
    world.name("tracker.example", "10.0.0.9:80");
    let tracker = Tracker::new(Config::default(), &mut Rng::new(Seed(1), 0, 0));
    (world, Node::new(Asker::new(1001), 0), Node::new(tracker, 1))
}

#[test]
fn lost_datagrams_are_sent_again() {
    let (mut world, mut asker, mut server) = world();
    world.lose = 2;
    ask(
        &mut world,
        &mut asker,
        &mut [&mut server],
        add(HASH, &[&[URL]], 5),
    );
    world.run_for(&mut [&mut asker, &mut server], seconds(14));
    assert_eq!(heard(&mut asker), []);
    world.run_for(&mut [&mut asker, &mut server], seconds(3));
    let line = (
        16,
        "tracker.example".to_string(),
        AnnounceEvent::Started,
        Ok(0),
    );
    assert_eq!(heard(&mut asker), [line]);
}

#[test]
fn a_silent_tracker_is_given_up_and_the_next_one_asked() {
    let (mut world, mut asker, mut server) = world();
    world.name("silent.example", "10.0.0.7:80");
    let tiers: [&[&str]; 2] = [&["udp://silent.example:1"], &[URL]];
    ask(
        &mut world,
        &mut asker,
        &mut [&mut server],
        add(HASH, &tiers, 5),
    );
    world.run_for(&mut [&mut asker, &mut server], seconds(37));
    let line = |name: &str, result| (36, name.to_string(), AnnounceEvent::Started, result);
    let silent = line("silent.example", Err(Failure::TimedOut));
    assert_eq!(heard(&mut asker), [silent, line("tracker.example", Ok(0))]);
}

#[test]
fn an_unknown_name_fails_at_once() {
    let (mut world, mut asker, _) = world();
    ask(
        &mut world,
        &mut asker,
        &mut [],
        add(HASH, &[&["udp://nowhere.example:1"]], 5),
    );
    world.run_for(&mut [&mut asker], seconds(1));
    let failure = Failure::Unresolved(ResolveError::NotFound);
    assert_eq!(heard(&mut asker)[0].3, Err(failure));
}

#[test]
fn the_next_address_is_tried_when_the_first_is_silent() {
    let mut world = World::new(&["10.0.0.1:1", "10.0.0.9:6969"]);
    world.name("tracker.example", "10.0.0.8:80");
    world.name("tracker.example", "10.0.0.9:80");
    let (_, mut asker, mut server) = self::world();
    ask(
        &mut world,
        &mut asker,
        &mut [&mut server],
        add(HASH, &[&[URL]], 5),
    );
    world.run_for(&mut [&mut asker, &mut server], seconds(6));
    assert_eq!(heard(&mut asker)[0].3, Ok(0));
}

#[test]
fn a_connection_id_that_went_stale_is_fetched_anew() {
    let (mut world, mut asker, mut server) = world();
    ask(
        &mut world,
        &mut asker,
        &mut [&mut server],
        add(HASH, &[&[URL]], 5),
    );
    world.run_for(&mut [&mut asker, &mut server], seconds(30));
    // The tracker starts anew, with another secret.
    let tracker = Tracker::new(Config::default(), &mut Rng::new(Seed(2), 0, 0));
    let mut server = Node::new(tracker, 1);
    ask(
        &mut world,
        &mut asker,
        &mut [&mut server],
        Command::Complete(HASH),
    );
    world.run_for(&mut [&mut asker, &mut server], seconds(30));
    let results: Vec<_> = heard(&mut asker).into_iter().map(|line| line.3).collect();
    let refused = Failure::refused("connection id unknown or too old", Retry::Usual);
    assert_eq!(results, [Ok(0), Err(refused), Ok(0)]);
}

#[test]
fn a_farewell_to_a_silent_tracker_takes_five_seconds() {
    let (mut world, mut asker, mut server) = world();
    ask(
        &mut world,
        &mut asker,
        &mut [&mut server],
        add(HASH, &[&[URL]], 5),
    );
    world.run_for(&mut [&mut asker, &mut server], seconds(100));
    world.silence("10.0.0.9:6969");
    ask(
        &mut world,
        &mut asker,
        &mut [&mut server],
        Command::Stop(HASH),
    );
    world.run_for(&mut [&mut asker, &mut server], seconds(5));
    assert!(!asker.node.is_busy_with(HASH));
    world.run_for(&mut [&mut asker, &mut server], seconds(100));
    assert_eq!(heard(&mut asker).len(), 2);
}

/// A tracker whose responses come out altered.
struct Forger<F> {
    server: Node<Tracker>,
    forge: F,
}

impl<F: Fn(Response) -> Response> Host for Forger<F> {
    fn take(&mut self, coming: Coming, now: Instant) -> Vec<Going> {
        let mut going = self.server.take(coming, now);
        for going in &mut going {
            if let Going::Datagram { bytes, .. } = going
                && let Ok(Datagram::Response(response)) = Datagram::decode(bytes, &mut ())
            {
                bytes.clear();
                Datagram::Response((self.forge)(response)).encode(&(), bytes);
            }
        }
        going
    }
}

/// Tells what an asker makes of altered responses.
fn forged(forge: impl Fn(Response) -> Response) -> Result<usize, Failure> {
    let (mut world, mut asker, server) = world();
    let mut forger = Forger { server, forge };
    ask(
        &mut world,
        &mut asker,
        &mut [&mut forger],
        add(HASH, &[&[URL]], 5),
    );
    world.run_for(&mut [&mut asker, &mut forger], seconds(40));
    heard(&mut asker).remove(0).3
}

#[test]
fn responses_that_nobody_asked_for_are_passed_over() {
    let to_another_request = |mut response: Response| {
        if let Response::Connect { transaction, .. } = &mut response {
            transaction.0 ^= 1;
        }
        response
    };
    assert_eq!(forged(to_another_request), Err(Failure::TimedOut));
    let of_another_kind = |response: Response| {
        if let Response::Announce(response) = response {
            let (transaction, counts) = (response.transaction, Vec::new());
            return Response::Scrape {
                transaction,
                counts,
            };
        }
        response
    };
    assert_eq!(forged(of_another_kind), Err(Failure::TimedOut));
}

#[test]
fn responses_of_strangers_are_passed_over() {
    let (world, mut asker, _) = world();
    let going = asker.command(add(HASH, &[&["udp://10.0.0.9:6969"]], 5), world.now);
    let [Going::Datagram { bytes, .. }] = &going[..] else {
        panic!("one request")
    };
    let Ok(Datagram::Request(Request::Connect { transaction })) = Datagram::decode(bytes, &mut ())
    else {
        panic!("a connect request, not {bytes:?}")
    };
    let mut bytes = Vec::new();
    let connection = ConnectionId(5);
    Datagram::Response(Response::Connect {
        transaction,
        connection,
    })
    .encode(&(), &mut bytes);
    let mut answered_by = |from: &str| {
        let (from, bytes) = (endpoint(from), bytes.clone());
        asker
            .take(Coming::Datagram { from, bytes }, world.now)
            .len()
    };
    assert_eq!(answered_by("10.0.0.8:6969"), 0);
    assert_eq!(answered_by("10.0.0.9:6968"), 0);
    assert_eq!(answered_by("10.0.0.9:6969"), 1);
}

#[test]
fn errors_are_the_trackers_words() {
    let error = |response: Response| {
        let (transaction, message) = (response.transaction(), "go\x07away".into());
        Response::Error {
            transaction,
            message,
        }
    };
    assert_eq!(forged(error), Err(Failure::refused("goaway", Retry::Usual)));
}

#[test]
fn who_shows_no_connection_id_gets_less_than_he_sent() {
    let (world, _, mut server) = world();
    let from = endpoint("192.0.2.1:5000");
    let scrape = Request::Scrape {
        connection: ConnectionId::new(1),
        transaction: bittorrent::tracker::udp::TransactionId(7),
        info_hashes: vec![HASH; 3],
    };
    let mut bytes = Vec::new();
    Datagram::Request(scrape).encode(&(), &mut bytes);
    let sent = bytes.len();
    let going = server.take(Coming::Datagram { from, bytes }, world.now);
    let [Going::Datagram { to, bytes }] = &going[..] else {
        panic!("one answer")
    };
    assert!(*to == from && bytes.len() < sent);
    let answer = Datagram::decode(bytes, &mut ());
    assert!(
        matches!(answer, Ok(Datagram::Response(Response::Error { .. }))),
        "{answer:?}"
    );
}
