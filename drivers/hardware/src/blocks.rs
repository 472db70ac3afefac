//! The compression of whole blocks in many states, by the instructions that fit their number.

use std::mem;

use crate::prefetch::in_parts;
use crate::width::{Instructions, Width};

/// The words a, b, c, d, e of one message (FIPS 180-4, section 6.1).
pub(crate) type State = [u32; 5];
/// 512 bits of a message, the unit of compression.
pub(crate) type Block = [u8; BLOCK_BYTES];

/// The length of a block (FIPS 180-4, section 1).
pub(crate) const BLOCK_BYTES: usize = 64;
/// The value that every state begins with (FIPS 180-4, section 5.3.1).
pub(crate) const INITIAL: State = [
    0x6745_2301,
    0xefcd_ab89,
    0x98ba_dcfe,
    0x1032_5476,
    0xc3d2_e1f0,
];

/// Compresses all of `blocks[i]` into `states[i]`, for each `i`, and leaves `blocks[i]` empty.
///
/// Messages may have different numbers of blocks: in each turn a group advances by what its
/// shortest message has left, so a message that ends early leaves the group.
pub(crate) fn compress<const N: usize>(
    width: Width,
    states: &mut [State; N],
    blocks: &mut [&[Block]; N],
) {
    let mut unfinished = [0; N];
    loop {
        let mut count = 0;
        for (message, left) in blocks.iter().enumerate() {
            if !left.is_empty() {
                unfinished[count] = message;
                count += 1;
            }
        }
        if count == 0 {
            return;
        }
        advance(width, states, blocks, &unfinished[..count]);
    }
}

/// Advances the first few of the `unfinished` messages, as many as pay at once.
fn advance(width: Width, states: &mut [State], blocks: &mut [&[Block]], unfinished: &[usize]) {
    match width.0 {
        Instructions::Single => singly(states, blocks, unfinished),
        #[cfg(target_arch = "x86_64")]
        Instructions::Eight(avx2) => avx2.advance(states, blocks, unfinished),
        #[cfg(target_arch = "x86_64")]
        Instructions::Sixteen(avx512) => avx512.advance(states, blocks, unfinished),
    }
}

/// Finishes the `unfinished` messages one after the other.
pub(crate) fn singly(states: &mut [State], blocks: &mut [&[Block]], unfinished: &[usize]) {
    for &message in unfinished {
        let blocks = mem::take(&mut blocks[message]);
        in_parts(blocks.as_flattened(), |part| {
            sha1::block_api::compress(&mut states[message], part.as_chunks().0);
        });
    }
}
