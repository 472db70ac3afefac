//! Strangers that do what no peer should, one by one, as a dialogue.

mod faults;
mod flood;
mod padding;
mod partings;
mod stage;

use std::sync::Arc;

use bittorrent::bitfield::Bitfield;
use bittorrent::metainfo::{self, Builder, Info};
use bittorrent::numbers::{BLOCK_LEN, Block, PieceIndex};
use machine::{ConnId, Rng, Seed};
use sha1::{Digest as _, Sha1};
use stage::Stage;

/// Two blocks a piece.
const PIECE_LEN: u32 = 2 * BLOCK_LEN;

const PIECES: u32 = 6;

/// Random bytes for so many pieces, and their torrent of one file.
fn sample() -> (Arc<Info>, Vec<u8>) {
    let mut rng = Rng::new(Seed(5), 0, 0);
    let content: Vec<u8> = (0..PIECES * PIECE_LEN)
        .map(|_| rng.next_u64() as u8)
        .collect();
    let mut builder = Builder::new(
        "sample".into(),
        metainfo::Content::File(content.len() as u64),
    );
    builder.piece_length = PIECE_LEN;
    let info = builder.build(&hashes(&content)).expect("a torrent").info;
    (Arc::new(info), content)
}

fn hashes(content: &[u8]) -> Vec<u8> {
    let pieces = content.chunks(PIECE_LEN as usize);
    pieces.flat_map(Sha1::digest).collect()
}

/// A node that lacks everything.
fn leecher() -> Stage {
    let (info, content) = sample();
    Stage::new(info, content, Bitfield::none(PIECES))
}

/// A node that has everything.
fn seed() -> Stage {
    let (info, content) = sample();
    Stage::new(info, content, Bitfield::all(PIECES))
}

fn block(piece: u32, begin: u32, len: u32) -> Block {
    let piece = PieceIndex(piece);
    Block { piece, begin, len }
}

/// A seed answers all requests until there are no more.
fn serve(stage: &mut Stage, seed: ConnId) {
    loop {
        let requests = stage.requests(seed);
        if requests.is_empty() {
            return;
        }
        requests
            .into_iter()
            .for_each(|block| stage.send_block(seed, block));
    }
}
