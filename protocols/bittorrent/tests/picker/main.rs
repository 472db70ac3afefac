//! The piece picker: each rule of the specification (section 16) by example, and what must hold
//! whatever happens.

mod one_seed;
mod rules;
mod world;

use bittorrent::bitfield::Bitfield;
use bittorrent::metainfo::Cut;
use bittorrent::numbers::{BLOCK_LEN, Block, PieceIndex};
use bittorrent::picker::{Opening, Permission, Picker, Source, Speed, Standing};
use machine::{ConnId, Rng, Seed};

/// Blocks a piece in most tests.
const BLOCKS: u32 = 4;

const UNCHOKED: Permission<'static> = Permission::Unchoked {
    suggested: &[],
    unadvised_max: usize::MAX,
};

fn source(peer: ConnId, has: &Bitfield) -> Source<'_> {
    Source {
        peer,
        has,
        speed: Speed::Fast,
        standing: Standing::Trusted,
        permission: UNCHOKED,
    }
}

fn rng(seed: u128) -> Rng {
    Rng::new(Seed(seed), 0, 0)
}
