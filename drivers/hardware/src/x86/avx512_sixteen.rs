//! Sixteen lanes in 512-bit vectors.

use std::arch::x86_64::*;
use std::array;

use super::{LaneBlocks, LaneStates};
use crate::blocks::Block;

const LANES: usize = 16;
type Vector = __m512i;

/// How far ahead of their use blocks are asked for; the work on one takes about 130 ns, as long as
/// the way from memory.
const PREFETCH_BLOCKS: usize = 4;

define_compress!("avx512f,avx512bw");

/// Reads a block of each lane; vector `t` of the result holds word `t` of all lanes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn message(blocks: &LaneBlocks<'_, LANES>, block: usize) -> [Vector; 16] {
    for lane in blocks {
        // Past the end of a lane the address is meaningless, but a prefetch may have any.
        let ahead = lane.as_ptr().wrapping_add(block + PREFETCH_BLOCKS);
        _mm_prefetch::<_MM_HINT_T0>(ahead.cast());
    }
    // Bytes 3, 2, 1, 0 of each word: the words of a message are big-endian.
    let swapped = _mm512_set4_epi32(0x0c0d_0e0f, 0x0809_0a0b, 0x0405_0607, 0x0001_0203);
    transpose(array::from_fn(|lane| {
        _mm512_shuffle_epi8(load_block(&blocks[lane][block]), swapped)
    }))
}

/// Turns the rows of a 16 x 16 matrix of words into its columns.
///
/// First within each quarter of 128 bits, as 4 x 4 matrices, then the quarters themselves.
#[inline]
#[target_feature(enable = "avx512f")]
fn transpose(rows: [Vector; 16]) -> [Vector; 16] {
    let mut quarters = [_mm512_setzero_si512(); 16];
    for i in [0, 4, 8, 12] {
        let low01 = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
        let high01 = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
        let low23 = _mm512_unpacklo_epi32(rows[i + 2], rows[i + 3]);
        let high23 = _mm512_unpackhi_epi32(rows[i + 2], rows[i + 3]);
        quarters[i] = _mm512_unpacklo_epi64(low01, low23);
        quarters[i + 1] = _mm512_unpackhi_epi64(low01, low23);
        quarters[i + 2] = _mm512_unpacklo_epi64(high01, high23);
        quarters[i + 3] = _mm512_unpackhi_epi64(high01, high23);
    }
    let mut columns = quarters;
    for i in 0..4 {
        let [a, b, c, d] = [
            quarters[i],
            quarters[i + 4],
            quarters[i + 8],
            quarters[i + 12],
        ];
        let even_ab = _mm512_shuffle_i32x4::<0x88>(a, b);
        let odd_ab = _mm512_shuffle_i32x4::<0xdd>(a, b);
        let even_cd = _mm512_shuffle_i32x4::<0x88>(c, d);
        let odd_cd = _mm512_shuffle_i32x4::<0xdd>(c, d);
        columns[i] = _mm512_shuffle_i32x4::<0x88>(even_ab, even_cd);
        columns[i + 4] = _mm512_shuffle_i32x4::<0x88>(odd_ab, odd_cd);
        columns[i + 8] = _mm512_shuffle_i32x4::<0xdd>(even_ab, even_cd);
        columns[i + 12] = _mm512_shuffle_i32x4::<0xdd>(odd_ab, odd_cd);
    }
    columns
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_block(block: &Block) -> Vector {
    // SAFETY: the reference proves 64 readable bytes; this load needs no alignment.
    unsafe { _mm512_loadu_si512(block.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(words: &[u32; LANES]) -> Vector {
    // SAFETY: the reference proves 16 readable words; this load needs no alignment.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(words: &mut [u32; LANES], vector: Vector) {
    // SAFETY: the reference proves 16 writable words; this store needs no alignment.
    unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), vector) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn splat(word: u32) -> Vector {
    _mm512_set1_epi32(word.cast_signed())
}

#[inline]
#[target_feature(enable = "avx512f")]
fn add(x: Vector, y: Vector) -> Vector {
    _mm512_add_epi32(x, y)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn xor(x: Vector, y: Vector) -> Vector {
    _mm512_xor_si512(x, y)
}

/// Rotates by `LEFT` bits; `RIGHT` is for the vectors that must shift both ways.
#[inline]
#[target_feature(enable = "avx512f")]
fn rotate_left<const LEFT: i32, const RIGHT: i32>(x: Vector) -> Vector {
    _mm512_rol_epi32::<LEFT>(x)
}

/// `x ? y : z`, bit by bit. The number is the truth table: bit `4x + 2y + z` is the result.
#[inline]
#[target_feature(enable = "avx512f")]
fn choose(x: Vector, y: Vector, z: Vector) -> Vector {
    _mm512_ternarylogic_epi32::<0b1100_1010>(x, y, z)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn parity(x: Vector, y: Vector, z: Vector) -> Vector {
    _mm512_ternarylogic_epi32::<0b1001_0110>(x, y, z)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn majority(x: Vector, y: Vector, z: Vector) -> Vector {
    _mm512_ternarylogic_epi32::<0b1110_1000>(x, y, z)
}
