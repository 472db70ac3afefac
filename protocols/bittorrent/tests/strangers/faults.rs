//! Blocks that are sent twice, out of range, or unasked; requests for what is not there.

use bittorrent::api::Event;
use bittorrent::wire::{Capability, Message, Reserved};

use super::*;
use stage::{Heard, host};

fn stored(stage: &Stage) -> usize {
    let told = stage.told.iter();
    told.filter(|event| matches!(event, Event::Stored { .. }))
        .count()
}

#[test]
fn a_block_sent_twice_is_taken_once() {
    let mut stage = leecher();
    let seed = stage.seed_comes(host(1), 1);
    let first = stage.requests(seed);
    for block in &first {
        stage.send_block(seed, *block);
        // The second copy, with other bytes, cannot spoil the first.
        stage.send_payload(seed, *block, vec![0; block.len as usize]);
    }
    assert!(stage.is_open(seed));
    serve(&mut stage, seed);
    stage.assert_complete();
    assert_eq!(stored(&stage), PIECES as usize);
}

#[test]
fn who_sends_the_same_block_for_ever_is_closed() {
    let mut stage = leecher();
    let seed = stage.seed_comes(host(1), 1);
    let first = stage.requests(seed)[0];
    let mut copies = 0;
    while stage.is_open(seed) {
        stage.send_block(seed, first);
        copies += 1;
        assert!(copies < 100);
    }
    assert!(copies > 2, "cancels cross with blocks: some are forgiven");
}

#[test]
fn a_block_out_of_range_is_no_block() {
    for nonsense in [
        block(0, 2 * BLOCK_LEN, BLOCK_LEN),
        block(0, u32::MAX - 5, BLOCK_LEN),
        block(PIECES, 0, BLOCK_LEN),
        block(u32::MAX, 0, 1),
        block(0, BLOCK_LEN / 2, BLOCK_LEN),
    ] {
        let mut stage = leecher();
        let seed = stage.seed_comes(host(1), 1);
        let mut copies = 0;
        while stage.is_open(seed) {
            stage.send_payload(seed, nonsense, vec![1; nonsense.len as usize]);
            copies += 1;
            assert!(copies < 100, "{nonsense:?}");
        }
        let honest = stage.seed_comes(host(2), 2);
        serve(&mut stage, honest);
        stage.assert_complete();
    }
}

#[test]
fn an_unasked_block_is_waste_and_too_many_close_the_peer() {
    let mut stage = leecher();
    let seed = stage.seed_comes(host(1), 1);
    let asked = stage.requests(seed);
    let unasked = (0..PIECES * 2)
        .map(|number| block(number / 2, number % 2 * BLOCK_LEN, BLOCK_LEN))
        .find(|block| !asked.contains(block));
    let unasked = unasked.expect("a pipeline begins shallow");
    stage.send_payload(seed, unasked, vec![0; unasked.len as usize]);
    assert!(stage.is_open(seed));
    let others = (2..100).take_while(|_| {
        stage.send_payload(seed, unasked, vec![0; unasked.len as usize]);
        stage.is_open(seed)
    });
    assert!(others.count() < 90);
    let honest = stage.seed_comes(host(2), 2);
    serve(&mut stage, honest);
    stage.assert_complete();
}

#[test]
fn requests_out_of_range_are_refused_and_then_close_the_peer() {
    for nonsense in [
        block(0, PIECE_LEN, 1),
        block(0, 1, PIECE_LEN),
        block(PIECES, 0, BLOCK_LEN),
        block(0, 0, 0),
        block(0, 0, u32::MAX),
        block(u32::MAX, u32::MAX, u32::MAX),
    ] {
        let mut stage = seed();
        let peer = stage.knock(host(1));
        stage.greet(peer, 1, Reserved::default().with(Capability::Fast));
        stage.say(peer, &Message::HaveNone);
        stage.say(peer, &Message::Interested);
        stage.hear(peer);
        let mut requests = 0;
        while stage.is_open(peer) {
            stage.say(peer, &Message::Request(nonsense));
            requests += 1;
            assert!(requests < 100, "{nonsense:?}");
        }
        let heard = stage.hear(peer);
        let served = heard.iter().any(|heard| matches!(heard, Heard::Block(_)));
        assert!(!served && requests > 1, "{nonsense:?}");
    }
}
