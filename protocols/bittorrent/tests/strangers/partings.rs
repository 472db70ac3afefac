//! Peers that go, and when they are called again.

use core::time::Duration;

use bittorrent::api::Command;
use bittorrent::wire::{Capability, Message, Reserved};
use machine::{CloseReason, ConnId, Endpoint, Target};

use super::*;
use stage::{TORRENT, host};

fn introduce(stage: &mut Stage, peer: Endpoint) {
    let (torrent, peers) = (TORRENT, vec![peer]);
    stage.command(Command::AddPeers { torrent, peers });
}

/// Takes the node's one call, which must be for `seed`, and serves as a seed there.
fn serve_call(stage: &mut Stage, seed: Endpoint) -> ConnId {
    let [(conn, Target::Endpoint(called))] = stage.calls[..] else {
        panic!("{:?}", stage.calls);
    };
    assert_eq!(called, seed);
    stage.answer(conn, seed);
    stage.greet(conn, 1, Reserved::default().with(Capability::Fast));
    stage.say(conn, &Message::HaveAll);
    stage.say(conn, &Message::Unchoke);
    conn
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn a_seed_that_broke_off_is_called_again_within_a_second() {
    let mut stage = leecher();
    introduce(&mut stage, host(1));
    let seed = serve_call(&mut stage, host(1));
    let first = stage.requests(seed)[0];
    stage.send_block(seed, first);
    stage.end(seed, CloseReason::Reset);
    stage.pass(seconds(1));
    // It is not there yet; after two seconds more it is.
    let (call, _) = stage.calls[0];
    stage.end(call, CloseReason::Refused);
    stage.pass(Duration::from_millis(1_900));
    assert_eq!(stage.calls, []);
    stage.pass(Duration::from_millis(100));
    let seed = serve_call(&mut stage, host(1));
    serve(&mut stage, seed);
    stage.assert_complete();
}

#[test]
fn a_seed_that_gave_nothing_is_not_called_again_at_once() {
    let mut stage = leecher();
    introduce(&mut stage, host(1));
    let seed = serve_call(&mut stage, host(1));
    assert!(!stage.requests(seed).is_empty());
    stage.end(seed, CloseReason::Reset);
    stage.pass(seconds(4));
    assert_eq!(stage.calls, []);
}

#[test]
fn a_seed_that_gave_all_is_not_called_again_at_once() {
    let mut stage = leecher();
    introduce(&mut stage, host(1));
    let seed = serve_call(&mut stage, host(1));
    serve(&mut stage, seed);
    stage.assert_complete();
    stage.pass(seconds(30));
    assert_eq!(stage.calls, []);
}

#[test]
fn of_twins_the_one_that_goes_calls_nobody() {
    let mut stage = leecher();
    introduce(&mut stage, host(1));
    let seed = serve_call(&mut stage, host(1));
    let first = stage.requests(seed)[0];
    stage.send_block(seed, first);
    // The same peer calls too; whichever stays, nobody is called.
    let twin = stage.seed_comes(host(1).with_port(50_000), 1);
    assert!(stage.is_open(seed) != stage.is_open(twin));
    for conn in [seed, twin] {
        if !stage.is_open(conn) {
            stage.end(conn, CloseReason::ByPeer);
        }
    }
    stage.pass(seconds(4));
    assert_eq!(stage.calls, []);
}
