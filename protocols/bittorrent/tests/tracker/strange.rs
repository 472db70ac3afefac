//! Askers and web servers that are none of ours.

use crate::asker::{Asker, Command};
use crate::net::{Host, Node, Script, Then, World};
use crate::{HASH, Line, add, ask, heard, seconds};
use bittorrent::numbers::InfoHash;
use bittorrent::tracker::{AnnounceEvent, Failure, Retry, Swarm, TierPolicy};
use core::time::Duration;
use machine::{CloseReason, Instant};

/// A whole answer of status 200.
fn ok(body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

const ONE_PEER: &[u8] = b"d8:intervali1800e5:peers6:\x0a\0\0\x02\x1a\xe1e";

fn keeps(_: &str) -> (Vec<u8>, Then) {
    (ok(ONE_PEER), Then::Stays)
}

/// A world in which host 0 asks the tracker `http://tracker.example`, host 1.
fn world() -> (World, Node<Asker>) {
    let mut world = World::new(&["10.0.0.1:1", "10.0.0.9:80", "10.0.0.8:80"]);
    world.name("tracker.example", "10.0.0.9:80");
    world.name("other.example", "10.0.0.8:80");
    world.name("dead.example", "10.0.0.7:80");
    (world, Node::new(Asker::new(1001), 0))
}

const URL: &str = "http://tracker.example/announce?key=1";

/// The world with its asker, and one web server at `tracker.example`.
struct Scene<F> {
    world: World,
    asker: Node<Asker>,
    script: Script<F>,
}

impl<F: FnMut(&str) -> (Vec<u8>, Then)> Scene<F> {
    fn new(answer: F) -> Self {
        let (world, asker) = world();
        let script = Script::new(answer);
        Self {
            world,
            asker,
            script,
        }
    }

    /// The same, and a torrent is announced there.
    fn with_announce(answer: F) -> Self {
        let mut scene = Self::new(answer);
        scene.ask(add(HASH, &[&[URL]], 5));
        scene
    }

    fn ask(&mut self, command: Command) {
        let (world, asker) = (&mut self.world, &mut self.asker);
        ask(world, asker, &mut [&mut self.script], command);
    }

    fn run(&mut self, count: u64) {
        let hosts: &mut [&mut dyn Host] = &mut [&mut self.asker, &mut self.script];
        self.world.run_for(hosts, seconds(count));
    }

    /// What the asker heard since this was asked last.
    fn heard(&mut self) -> Vec<Line> {
        heard(&mut self.asker)
    }
}

fn result_of(answer: impl FnMut(&str) -> (Vec<u8>, Then)) -> Result<usize, Failure> {
    let mut scene = Scene::with_announce(answer);
    scene.run(40);
    scene.heard().remove(0).3
}

#[test]
fn answers_end_by_length_by_chunks_or_with_the_connection() {
    assert_eq!(result_of(keeps), Ok(1));
    let until_close = [b"HTTP/1.0 200 OK\r\n\r\n", ONE_PEER].concat();
    assert_eq!(result_of(|_| (until_close.clone(), Then::Closes)), Ok(1));
    let head =
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let (a, b) = ONE_PEER.split_at(10);
    let size = format!("{:x}\r\n", b.len());
    let chunked = [
        &head[..],
        b"a\r\n",
        a,
        b"\r\n",
        size.as_bytes(),
        b,
        b"\r\n0\r\n\r\n",
    ]
    .concat();
    assert_eq!(result_of(|_| (chunked.clone(), Then::Stays)), Ok(1));
}

#[test]
fn a_compressed_answer_is_inflated() {
    // Of python3: gzip.compress(b"d5:peers6:\x0a\0\0\x02\x1a\xe1e", mtime=0)
    let gzip = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x4b\x31\xb5\x2a\x48\x4d\x2d\x2a\x36\
        \xb3\xe2\x62\x60\x60\x92\x7a\x98\x0a\x00\x03\xc1\xca\x37\x11\x00\x00\x00";
    let head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 37\r\n\r\n";
    let answer = [head.as_bytes(), gzip].concat();
    assert_eq!(result_of(|_| (answer.clone(), Then::Stays)), Ok(1));
}

#[test]
fn refusals_and_nonsense_are_told_apart() {
    let not_found = |_: &str| {
        (
            b"HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\n\r\n<html>".to_vec(),
            Then::Stays,
        )
    };
    assert_eq!(result_of(not_found), Err(Failure::Status(404)));
    let reason = b"HTTP/1.1 400 No\r\n\r\nd14:failure reason2:noe";
    let refused = Failure::refused("no", Retry::Usual);
    assert_eq!(result_of(|_| (reason.to_vec(), Then::Closes)), Err(refused));
    let nonsense: [&[u8]; 4] = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\nde",
        b"220 smtp.example\r\n\r\n",
    ];
    for answer in nonsense {
        let result = result_of(|_| (answer.to_vec(), Then::Stays));
        assert!(matches!(result, Err(Failure::Malformed(_))), "{result:?}");
    }
    assert_eq!(
        result_of(|_| (
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nd".to_vec(),
            Then::Closes
        )),
        Err(Failure::Closed(CloseReason::ByPeer))
    );
}

#[test]
fn redirections_are_followed_but_not_for_ever() {
    let moved = |to: &str| {
        let answer = format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
        (answer.into_bytes(), Then::Stays)
    };
    let mut first = Script::new(|_: &str| moved("http://other.example/there?x=y"));
    let mut second = Script::new(keeps);
    let (mut world, mut asker) = world();
    ask(
        &mut world,
        &mut asker,
        &mut [&mut first, &mut second],
        add(HASH, &[&[URL]], 5),
    );
    world.run_for(&mut [&mut asker, &mut first, &mut second], seconds(1));
    assert!(first.requests[0].starts_with("GET /announce?key=1&info_hash=hhhhhhhhhhhhhhhhhhhh&"));
    let request = "GET /there?x=y HTTP/1.1\r\nHost: other.example\r\n";
    assert!(
        second.requests[0].starts_with(request),
        "{}",
        second.requests[0]
    );
    let done = (
        1,
        "tracker.example".to_string(),
        AnnounceEvent::Started,
        Ok(1),
    );
    assert_eq!(heard(&mut asker), [done]);
    assert_eq!(result_of(|_| moved("/round")), Err(Failure::Astray(5)));
    assert_eq!(
        result_of(|_| moved("udp://elsewhere.example")),
        Err(Failure::Astray(0))
    );
}

/// Lets many torrents announce to a server; tells how many connections that took.
fn many(answer: impl FnMut(&str) -> (Vec<u8>, Then)) -> u64 {
    let mut scene = Scene::new(answer);
    (0..200).for_each(|number| scene.ask(add(InfoHash([number; 20]), &[&[URL]], 5)));
    scene.run(9);
    let lines = scene.heard();
    assert_eq!(lines.len(), 200);
    assert!(lines.iter().all(|line| line.3.is_ok()));
    let most_open = scene.world.most_open;
    assert!(most_open <= 4, "{most_open} connections at once");
    scene.world.opened
}

#[test]
fn servers_that_close_are_asked_again_at_once() {
    // By the book: HTTP/1.0.
    let close = [b"HTTP/1.0 200 OK\r\n\r\n", ONE_PEER].concat();
    assert_eq!(many(|_| (close.clone(), Then::Closes)), 200);
    // Without a word: on each of the first four connections one request more is lost.
    assert_eq!(many(|_| (ok(ONE_PEER), Then::Closes)), 200);
    assert_eq!(many(keeps), 4);
    // In the middle of what was sent ahead.
    let mut answered = 0;
    let moody = |_: &str| {
        answered += 1;
        (
            ok(ONE_PEER),
            if answered % 7 == 0 {
                Then::Closes
            } else {
                Then::Stays
            },
        )
    };
    assert!(many(moody) < 200);
}

#[test]
fn a_silent_server_is_given_up() {
    let mut scene = Scene::new(|_: &str| (Vec::new(), Then::Stays));
    (0..20).for_each(|number| scene.ask(add(InfoHash([number; 20]), &[&[URL]], 5)));
    scene.run(31);
    let lines = scene.heard();
    assert_eq!(lines.len(), 20);
    for (at, _, _, result) in lines {
        assert_eq!((at, result), (31, Err(Failure::TimedOut)));
    }
    // One that lets nobody in is given up sooner.
    scene.world.silence("10.0.0.9:80");
    scene.ask(add(HASH, &[&[URL]], 5));
    let asked = scene.world.now.since(Instant::ZERO).as_secs();
    scene.run(15);
    let (at, .., result) = scene.heard().pop().expect("it was given up");
    assert_eq!((at, result), (asked + 15, Err(Failure::TimedOut)));
}

#[test]
fn a_farewell_takes_five_seconds_at_most() {
    let mut answers = 1;
    let once = |_: &str| {
        answers -= 1;
        (
            if answers == 0 {
                ok(ONE_PEER)
            } else {
                Vec::new()
            },
            Then::Stays,
        )
    };
    let mut scene = Scene::with_announce(once);
    scene.run(3);
    scene.ask(Command::Stop(HASH));
    scene.run(4);
    assert!(scene.asker.node.is_busy_with(HASH));
    scene.run(1);
    assert!(!scene.asker.node.is_busy_with(HASH));
    let request = &scene.script.requests[1];
    assert!(request.contains("&numwant=0&event=stopped"), "{request}");
    // Who never heard of us is told nothing.
    scene.ask(Command::Stop(HASH));
    assert!(!scene.asker.node.is_busy_with(HASH));
}

#[test]
fn tiers_are_tried_in_order_and_rest_after_failures() {
    let mut scene = Scene::new(keeps);
    let dead = "http://dead.example/announce";
    scene.ask(add(HASH, &[&[dead], &[URL]], 5));
    scene.run(3 * 1800);
    let lines = scene.heard();
    let names: Vec<_> = lines.iter().map(|(_, name, ..)| &name[..4]).collect();
    assert_eq!(names, ["dead", "trac", "dead", "trac", "dead", "trac"]);
    let refused = Err(Failure::Closed(CloseReason::Refused));
    assert_eq!((&lines[0].3, &lines[1].3), (&refused, &Ok(1)));
    let events: Vec<_> = lines.iter().map(|line| line.2).collect();
    let (started, none) = (AnnounceEvent::Started, AnnounceEvent::None);
    assert_eq!(events, [started, started, started, none, started, none]);
}

#[test]
fn who_answers_moves_to_the_front_of_its_tier() {
    let mut scene = Scene::new(keeps);
    let dead: Vec<_> = (0..8)
        .map(|n| format!("http://dead.example/{n}/announce"))
        .collect();
    let tier: Vec<&str> = dead.iter().map(String::as_str).chain([URL]).collect();
    scene.ask(add(HASH, &[&tier], 5));
    scene.run(2 * 1800);
    let lines = scene.heard();
    // By chance it stood fifth or so; from then on nobody else is asked.
    let first = lines
        .iter()
        .position(|line| line.1 == "tracker.example")
        .expect("it was asked");
    assert!(
        first > 0,
        "the seed of this test puts it first: take another"
    );
    assert_eq!(lines.len(), first + 2);
}

#[test]
fn rests_grow_with_failures_and_end_at_an_hour() {
    let mut scene = Scene::new(keeps);
    scene.ask(add(HASH, &[&["http://dead.example/announce"]], 5));
    scene.run(40 * 3600);
    let lines = scene.heard();
    let rests: Vec<u64> = lines.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    for (failures, &rest) in (1..).zip(&rests) {
        let least = (5 + 25 * failures * failures / 2).min(3600);
        assert!(
            (least..=least + least / 10 + 1).contains(&rest),
            "{failures}: {rest}"
        );
    }
    assert!(rests.len() > 30);
}

/// Announces to a tracker that says so, and tells when the next announce is due, in seconds.
fn next_due_after(answer: &str) -> Option<u64> {
    let mut scene = Scene::with_announce(|_: &str| (ok(answer.as_bytes()), Then::Closes));
    scene.run(1);
    let at = scene.asker.heard[0].at;
    scene
        .asker
        .node
        .next_due()
        .map(|due| due.since(at).as_secs())
}

#[test]
fn a_tracker_that_lies_about_its_interval_is_not_believed() {
    for (interval, expected) in [
        ("0", 30),
        ("-5", 1800),
        ("9223372036854775807", 86_400),
        ("40", 40),
        ("1800", 1800),
    ] {
        let answer = format!("d8:intervali{interval}e5:peers0:e");
        assert_eq!(next_due_after(&answer), Some(expected), "{interval}");
    }
    assert_eq!(next_due_after("d5:peers0:e"), Some(1800));
    assert_eq!(next_due_after("d8:interval3:abce"), Some(1800));
}

#[test]
fn a_tracker_says_when_to_try_again() {
    let refusal = |retry: &str| format!("d14:failure reason2:no8:retry in{retry}e");
    assert_eq!(next_due_after(&refusal("i10e")), Some(600));
    assert_eq!(next_due_after(&refusal("i99999999999e")), Some(86_400));
    assert_eq!(next_due_after(&refusal("5:never")), None);
    assert!(next_due_after(&refusal("i-1e")).is_some_and(|rest| (17..=19).contains(&rest)));
}

#[test]
fn who_hurries_waits_a_minute_all_the_same() {
    let mut scene = Scene::with_announce(keeps);
    scene.run(10);
    scene.ask(Command::Hurry(HASH));
    scene.run(300);
    scene.ask(Command::Hurry(HASH));
    scene.run(10);
    let times: Vec<_> = scene.heard().into_iter().map(|line| line.0).collect();
    assert_eq!(times, [1, 61, 311]);
}

#[test]
fn news_is_told_once_and_only_to_who_knows_us() {
    // Complete from the start: nothing to tell.
    let mut scene = Scene::new(keeps);
    scene.ask(add(HASH, &[&[URL]], 0));
    scene.run(5);
    scene.ask(Command::Complete(HASH));
    scene.run(5);
    assert_eq!(scene.asker.heard.len(), 1);
    // Complete while the first announce is under way: told as soon as that is answered.
    let other = InfoHash([b'o'; 20]);
    scene.ask(add(other, &[&[URL]], 5));
    scene.ask(Command::Complete(other));
    scene.run(5);
    scene.ask(Command::Complete(other));
    scene.run(5);
    let events: Vec<_> = scene.heard().into_iter().map(|line| line.2).collect();
    let (started, completed) = (AnnounceEvent::Started, AnnounceEvent::Completed);
    assert_eq!(events, [started, started, completed]);
}

#[test]
fn a_private_torrent_that_changes_its_tracker_changes_its_swarm() {
    let (mut world, mut asker) = world();
    let mut answers = 2;
    let mut first = Script::new(|_: &str| {
        answers -= 1;
        if answers < 0 {
            (Vec::new(), Then::Closes)
        } else {
            keeps("")
        }
    });
    let mut second = Script::new(keeps);
    let tiers = [URL, "http://other.example/announce"]
        .map(|url| vec![url.into()])
        .to_vec();
    let (info_hash, policy) = (HASH, TierPolicy::Private);
    let add = Command::Add {
        info_hash,
        tiers,
        policy,
        left: None,
    };
    ask(&mut world, &mut asker, &mut [&mut first, &mut second], add);
    world.run_for(
        &mut [&mut asker, &mut first, &mut second],
        seconds(2 * 1800 + 60),
    );
    let swarms: Vec<_> = asker.heard.iter().map(|heard| heard.swarm).collect();
    assert_eq!(
        swarms,
        [Swarm::Same, Swarm::Same, Swarm::Same, Swarm::Other]
    );
    assert!(first.requests[0].contains("&left=16384&"));
    assert_eq!(second.requests.len(), 1);
}

#[test]
fn each_tier_can_be_asked_at_a_time() {
    let (mut world, mut asker) = world();
    let (mut first, mut second) = (Script::new(keeps), Script::new(keeps));
    let tiers = [URL, "http://other.example/announce"]
        .map(|url| vec![url.into()])
        .to_vec();
    let (info_hash, policy) = (HASH, TierPolicy::EachTier);
    let add = Command::Add {
        info_hash,
        tiers,
        policy,
        left: Some(1),
    };
    ask(&mut world, &mut asker, &mut [&mut first, &mut second], add);
    world.run_for(
        &mut [&mut asker, &mut first, &mut second],
        Duration::from_millis(100),
    );
    assert_eq!((first.requests.len(), second.requests.len()), (1, 1));
    assert_eq!(asker.heard.len(), 2);
}
