//! A seed that serves no padding.

use bittorrent::wire::Message;
use wire::bencode;

use super::*;
use stage::host;

/// A file of two blocks and a bit, padding to the end of its third piece, and a file of one byte:
/// one piece is half a padding block, one is nothing else.
fn padded_sample() -> (Arc<Info>, Vec<u8>) {
    let (first, padding, last) = (2 * BLOCK_LEN + 5, 4 * BLOCK_LEN - 5, 1);
    let mut content = vec![7; first as usize];
    content.resize((first + padding) as usize, 0);
    content.push(9);
    let files: [(&str, u32, &str); 3] = [("a", first, ""), ("1", padding, "p"), ("b", last, "")];
    let info = bencode::encode_dict(|info| {
        info.list("files", |list| {
            for (name, len, attributes) in files {
                list.dict(|file| {
                    if !attributes.is_empty() {
                        file.bytes("attr", attributes);
                    }
                    file.int("length", len);
                    file.list("path", |parts| parts.bytes(name));
                });
            }
        });
        info.bytes("name", "padded");
        info.int("piece length", PIECE_LEN);
        info.bytes("pieces", hashes(&content));
    });
    let info = Info::parse(info.into()).expect("a torrent");
    assert_eq!(info.piece_count(), 4);
    (Arc::new(info), content)
}

#[test]
fn a_seed_that_serves_no_padding_is_enough() {
    let (info, content) = padded_sample();
    let mut stage = Stage::new(info, content, Bitfield::none(4));
    let seed = stage.seed_comes(host(1), 1);
    let mut asked = Vec::new();
    loop {
        let requests = stage.requests(seed);
        if requests.is_empty() {
            break;
        }
        for block in requests {
            asked.push((block.piece.0, block.begin));
            if matches!((block.piece.0, block.begin), (0, _) | (1, 0) | (3, 0)) {
                stage.send_block(seed, block);
            } else {
                stage.say(seed, &Message::Reject(block));
            }
        }
    }
    asked.sort_unstable();
    assert_eq!(asked, [(0, 0), (0, BLOCK_LEN), (1, 0), (3, 0)]);
    stage.assert_complete();
}

#[test]
fn padding_is_served_all_the_same() {
    let (info, content) = padded_sample();
    let mut stage = Stage::new(info, content, Bitfield::all(4));
    let peer = stage.knock(host(1));
    stage.greet(peer, 1, bittorrent::wire::Reserved::default());
    stage.say(peer, &Message::Interested);
    stage.hear(peer);
    let padding = block(2, BLOCK_LEN, BLOCK_LEN);
    stage.say(peer, &Message::Request(padding));
    assert_eq!(stage.hear(peer), [stage::Heard::Block(padding)]);
}
