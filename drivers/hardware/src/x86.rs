//! SHA-1 in the vector registers of x86-64: each lane of 32 bits runs a message of its own.
//!
//! The algorithm stands once, in the macro of `rounds`; the three modules beside it say what a
//! vector is and how to compute with it. The tokens here prove that the CPU can run them.
#![expect(
    unsafe_code,
    reason = "vector loads and stores, and calls that need a CPU feature"
)]

#[macro_use]
mod rounds;
mod avx2_eight;
mod avx512_eight;
mod avx512_sixteen;

use std::arch::is_x86_feature_detected;
use std::array;

use crate::blocks::{Block, State, singly};

/// The states of `L` messages as the lanes hold them: word by word instead of message by message.
type LaneStates<const L: usize> = [[u32; L]; 5];
/// The blocks of `L` messages; all have the same number of blocks.
type LaneBlocks<'a, const L: usize> = [&'a [Block]; L];

/// From this many messages AVX2 beats the SHA instructions (`examples/sha1_lanes.rs`).
const AVX2_PAYS_FROM: usize = 5;
/// From this many messages eight lanes of AVX-512 beat the SHA instructions.
const AVX512_PAYS_FROM: usize = 3;
/// From this many messages 16 lanes of AVX-512 beat eight of them and a second turn for the rest.
const AVX512_FULL_PAYS_FROM: usize = 9;

/// The proof that this CPU has AVX2 (2013 and later).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2(());

/// The proof that this CPU has the parts of AVX-512 that are used here (servers from 2017).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx512(());

impl Avx2 {
    /// Looks whether this CPU has it.
    pub(crate) fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx2").then_some(Self(()))
    }

    /// Advances the first few of the `unfinished` messages, as many as pay at once.
    pub(crate) fn advance(
        self,
        states: &mut [State],
        blocks: &mut [&[Block]],
        unfinished: &[usize],
    ) {
        if unfinished.len() < AVX2_PAYS_FROM {
            return singly(states, blocks, unfinished);
        }
        abreast(states, blocks, unfinished, |states, blocks| {
            // SAFETY: only `detect` makes an `Avx2`, having seen the feature.
            unsafe { avx2_eight::compress(states, blocks) }
        });
    }
}

impl Avx512 {
    /// Looks whether this CPU has it.
    pub(crate) fn detect() -> Option<Self> {
        let detected = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl");
        detected.then_some(Self(()))
    }

    /// Advances the first few of the `unfinished` messages, as many as pay at once.
    pub(crate) fn advance(
        self,
        states: &mut [State],
        blocks: &mut [&[Block]],
        unfinished: &[usize],
    ) {
        if unfinished.len() < AVX512_PAYS_FROM {
            singly(states, blocks, unfinished);
        } else if unfinished.len() < AVX512_FULL_PAYS_FROM {
            abreast(states, blocks, unfinished, |states, blocks| {
                // SAFETY: only `detect` makes an `Avx512`, having seen the features.
                unsafe { avx512_eight::compress(states, blocks) }
            });
        } else {
            abreast(states, blocks, unfinished, |states, blocks| {
                // SAFETY: only `detect` makes an `Avx512`, having seen the features.
                unsafe { avx512_sixteen::compress(states, blocks) }
            });
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
