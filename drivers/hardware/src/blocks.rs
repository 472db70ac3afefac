//! The compression of whole blocks in many states, by the instructions that fit their number.

use std::array;

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

/// The states of `L` messages as the lanes hold them: word by word instead of message by message.
pub(crate) type LaneStates<const L: usize> = [[u32; L]; 5];
/// The blocks of `L` messages; all have the same number of blocks.
pub(crate) type LaneBlocks<'a, const L: usize> = [&'a [Block]; L];

/// From this many messages AVX2 beats the SHA instructions (`examples/sha1_lanes.rs`).
const AVX2_PAYS_FROM: usize = 5;
/// From this many messages eight lanes of AVX-512 beat the SHA instructions.
const AVX512_PAYS_FROM: usize = 3;
/// From this many messages 16 lanes of AVX-512 beat eight of them and a second turn for the rest.
const AVX512_FULL_PAYS_FROM: usize = 9;

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
        #[cfg(target_arch = "x86_64")]
        Instructions::Sixteen(avx512) if unfinished.len() >= AVX512_FULL_PAYS_FROM => {
            abreast(states, blocks, unfinished, |s, b| avx512.compress_16(s, b));
        }
        #[cfg(target_arch = "x86_64")]
        Instructions::Sixteen(avx512) if unfinished.len() >= AVX512_PAYS_FROM => {
            abreast(states, blocks, unfinished, |s, b| avx512.compress_8(s, b));
        }
        #[cfg(target_arch = "x86_64")]
        Instructions::Eight(avx2) if unfinished.len() >= AVX2_PAYS_FROM => {
            abreast(states, blocks, unfinished, |s, b| avx2.compress_8(s, b));
        }
        _ => {
            for &message in unfinished {
                let blocks = std::mem::take(&mut blocks[message]);
                sha1::block_api::compress(&mut states[message], blocks);
            }
        }
    }
}

/// Advances up to `L` of the `unfinished` messages by what the shortest of them has left.
fn abreast<const L: usize>(
    states: &mut [State],
    blocks: &mut [&[Block]],
    unfinished: &[usize],
    compress: impl Fn(&mut LaneStates<L>, &LaneBlocks<'_, L>),
) {
    let group = &unfinished[..unfinished.len().min(L)];
    let turn = group
        .iter()
        .map(|&message| blocks[message].len())
        .min()
        .unwrap_or(0);
    // Lanes without a message repeat the last one of the group; nobody reads their state.
    let message_of = |lane: usize| group[lane.min(group.len() - 1)];
    let lane_blocks = array::from_fn(|lane| &blocks[message_of(lane)][..turn]);
    let mut lane_states =
        array::from_fn(|word| array::from_fn(|lane| states[message_of(lane)][word]));
    compress(&mut lane_states, &lane_blocks);
    for (lane, &message) in group.iter().enumerate() {
        states[message] = lane_states.map(|word| word[lane]);
        blocks[message] = &blocks[message][turn..];
    }
}
