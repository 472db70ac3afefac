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

use crate::blocks::{LaneBlocks, LaneStates};

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

    /// Compresses the blocks of eight messages.
    pub(crate) fn compress_8(self, states: &mut LaneStates<8>, blocks: &LaneBlocks<'_, 8>) {
        // SAFETY: only `detect` makes an `Avx2`, having seen the feature.
        unsafe { avx2_eight::compress(states, blocks) }
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

    /// Compresses the blocks of eight messages.
    pub(crate) fn compress_8(self, states: &mut LaneStates<8>, blocks: &LaneBlocks<'_, 8>) {
        // SAFETY: only `detect` makes an `Avx512`, having seen the features.
        unsafe { avx512_eight::compress(states, blocks) }
    }

    /// Compresses the blocks of 16 messages.
    pub(crate) fn compress_16(self, states: &mut LaneStates<16>, blocks: &LaneBlocks<'_, 16>) {
        // SAFETY: only `detect` makes an `Avx512`, having seen the features.
        unsafe { avx512_sixteen::compress(states, blocks) }
    }
}
