//! Eight lanes in 256-bit vectors.

use std::arch::x86_64::*;
use std::array;

use super::{LaneBlocks, LaneStates};

pub(super) const LANES: usize = 8;
pub(super) type Vector = __m256i;

define_compress!("avx2");

/// Reads a block of each lane; vector `t` of the result holds word `t` of all lanes.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn message(blocks: &LaneBlocks<'_, LANES>, block: usize) -> [Vector; 16] {
    // Bytes 3, 2, 1, 0 of each word: the words of a message are big-endian.
    let swapped = _mm256_broadcastsi128_si256(_mm_set_epi32(
        0x0c0d_0e0f,
        0x0809_0a0b,
        0x0405_0607,
        0x0001_0203,
    ));
    let half = |half: usize| {
        transpose(array::from_fn(|lane| {
            let (halves, _) = blocks[lane][block].as_chunks();
            _mm256_shuffle_epi8(load_half_block(&halves[half]), swapped)
        }))
    };
    let [low, high] = [half(0), half(1)];
    array::from_fn(|t| if t < 8 { low[t] } else { high[t - 8] })
}

/// Turns the rows of an 8 x 8 matrix of words into its columns.
///
/// First within each half of 128 bits, as 4 x 4 matrices, then the halves themselves.
#[inline]
#[target_feature(enable = "avx2")]
fn transpose(rows: [Vector; 8]) -> [Vector; 8] {
    let mut halves = rows;
    for i in [0, 4] {
        let low01 = _mm256_unpacklo_epi32(rows[i], rows[i + 1]);
        let high01 = _mm256_unpackhi_epi32(rows[i], rows[i + 1]);
        let low23 = _mm256_unpacklo_epi32(rows[i + 2], rows[i + 3]);
        let high23 = _mm256_unpackhi_epi32(rows[i + 2], rows[i + 3]);
        halves[i] = _mm256_unpacklo_epi64(low01, low23);
        halves[i + 1] = _mm256_unpackhi_epi64(low01, low23);
        halves[i + 2] = _mm256_unpacklo_epi64(high01, high23);
        halves[i + 3] = _mm256_unpackhi_epi64(high01, high23);
    }
    let mut columns = halves;
    for i in 0..4 {
        columns[i] = _mm256_permute2x128_si256::<0x20>(halves[i], halves[i + 4]);
        columns[i + 4] = _mm256_permute2x128_si256::<0x31>(halves[i], halves[i + 4]);
    }
    columns
}

#[inline]
#[target_feature(enable = "avx2")]
fn load_half_block(bytes: &[u8; 32]) -> Vector {
    // SAFETY: the reference proves 32 readable bytes; this load needs no alignment.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn load(words: &[u32; LANES]) -> Vector {
    // SAFETY: the reference proves eight readable words; this load needs no alignment.
    unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn store(words: &mut [u32; LANES], vector: Vector) {
    // SAFETY: the reference proves eight writable words; this store needs no alignment.
    unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), vector) }
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn splat(word: u32) -> Vector {
    _mm256_set1_epi32(word.cast_signed())
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn add(x: Vector, y: Vector) -> Vector {
    _mm256_add_epi32(x, y)
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn xor(x: Vector, y: Vector) -> Vector {
    _mm256_xor_si256(x, y)
}

/// Rotates by `LEFT` bits; `RIGHT` is what remains of 32.
#[inline]
#[target_feature(enable = "avx2")]
fn rotate_left<const LEFT: i32, const RIGHT: i32>(x: Vector) -> Vector {
    _mm256_or_si256(_mm256_slli_epi32::<LEFT>(x), _mm256_srli_epi32::<RIGHT>(x))
}

/// `x ? y : z`, bit by bit.
#[inline]
#[target_feature(enable = "avx2")]
fn choose(x: Vector, y: Vector, z: Vector) -> Vector {
    xor(z, _mm256_and_si256(x, xor(y, z)))
}

#[inline]
#[target_feature(enable = "avx2")]
fn parity(x: Vector, y: Vector, z: Vector) -> Vector {
    xor(x, xor(y, z))
}

/// The bits that at least two have: `x` and `y`, or `z` and one of the two.
#[inline]
#[target_feature(enable = "avx2")]
fn majority(x: Vector, y: Vector, z: Vector) -> Vector {
    add(_mm256_and_si256(x, y), _mm256_and_si256(z, xor(x, y)))
}
