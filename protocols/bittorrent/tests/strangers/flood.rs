//! Ten thousand who never finish a handshake, and ten thousand who never answer.

use core::time::Duration;

use bittorrent::api::Command;
use bittorrent::wire::{Capability, Message, Reserved};
use machine::{CloseReason, ConnId};

use super::*;
use stage::{Heard, TORRENT, host};

const CROWD: u32 = 10_000;

/// Strangers, and the peers of one torrent: what a node keeps at most of those who call it.
const KEPT_MAX: usize = 100 + 50;

/// A peer asks for a block and gets it.
fn is_served(stage: &mut Stage, peer: ConnId, block: Block) -> bool {
    stage.say(peer, &Message::Request(block));
    stage.hear(peer).contains(&Heard::Block(block))
}

fn friend(stage: &mut Stage) -> ConnId {
    let friend = stage.knock(host(CROWD + 1));
    stage.greet(friend, 7, Reserved::default().with(Capability::Fast));
    stage.say(friend, &Message::HaveNone);
    stage.say(friend, &Message::Interested);
    assert!(
        stage
            .hear(friend)
            .contains(&Heard::Message(Message::Unchoke))
    );
    friend
}

#[test]
fn ten_thousand_half_open_connections_keep_nobody_from_being_served() {
    let mut stage = seed();
    let friend = friend(&mut stage);
    let handshake = {
        let mut bytes = Vec::new();
        wire::Encode::encode(&b"\x13BitTorrent protocol\0\0\0\0"[..], &mut bytes);
        bytes
    };
    for number in 0..CROWD {
        let conn = stage.knock(host(number));
        // Some say nothing at all, and some begin.
        if number % 2 == 0 {
            stage.say(conn, &handshake[..]);
        }
        if number % 1000 == 0 {
            assert!(is_served(&mut stage, friend, block(0, 0, BLOCK_LEN)));
            stage.pass(Duration::from_millis(1));
        }
    }
    assert!(stage.open_most <= KEPT_MAX, "{} were kept", stage.open_most);
    // Who comes now, and means it, finds a place.
    let late = stage.knock(host(CROWD + 2));
    stage.greet(late, 8, Reserved::default().with(Capability::Fast));
    assert!(stage.hear(late).contains(&Heard::Handshake));
    stage.pass(Duration::from_secs(11));
    assert_eq!(stage.open.iter().collect::<Vec<_>>(), [&friend, &late]);
    assert!(is_served(&mut stage, friend, block(1, 0, BLOCK_LEN)));
}

#[test]
fn ten_thousand_who_name_the_torrent_and_nothing_else_are_few_at_a_time() {
    let mut stage = seed();
    let friend = friend(&mut stage);
    for number in 0..CROWD {
        let conn = stage.knock(host(number));
        let start = bittorrent::wire::HandshakeStart {
            reserved: Reserved::default(),
            info_hash: stage.info.hash(),
        };
        stage.say(conn, &start);
    }
    assert!(stage.open_most <= KEPT_MAX, "{} were kept", stage.open_most);
    assert!(is_served(&mut stage, friend, block(0, 0, BLOCK_LEN)));
    stage.pass(Duration::from_secs(12));
    assert_eq!(stage.open.iter().collect::<Vec<_>>(), [&friend]);
    assert!(is_served(&mut stage, friend, block(1, 0, BLOCK_LEN)));
}

#[test]
fn ten_thousand_who_never_answer_are_called_few_at_a_time() {
    let mut stage = leecher();
    let peers = (0..CROWD).map(host).collect();
    let torrent = TORRENT;
    stage.command(Command::AddPeers { torrent, peers });
    let mut called = 0;
    // The driver gives each call up after half a minute; an hour passes.
    for _ in 0..120 {
        stage.pass(Duration::from_secs(30));
        for (conn, _) in core::mem::take(&mut stage.calls) {
            stage.end(conn, CloseReason::TimedOut);
            called += 1;
        }
    }
    assert!(called > 1000, "{called} calls");
    assert!(
        stage.calls_most <= 20,
        "{} calls at a time",
        stage.calls_most
    );
    // And a seed that calls us is not kept waiting.
    let seed = stage.seed_comes(host(CROWD + 1), 1);
    assert!(!stage.requests(seed).is_empty());
}
