//! Asking for memory before it is needed.
//!
//! A single stream of SHA-1 waits for each cache line that is far away, unless the CPU guesses it in
//! time; not all do, and virtual machines often may not. Asking costs nothing when the guess was
//! right, and saves a third of the time where it was not (`examples/sha1_lanes.rs`).
#![cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "prefetching has no safe form")
)]

/// How much is asked for at a time, in bytes: eight cache lines, as many as a core keeps waiting
/// for without effort.
const PART_BYTES: usize = 512;

/// Calls `work` on one part of the bytes after the other, having asked for the part that follows.
///
/// Parts are whole blocks, except for the last.
pub(crate) fn in_parts(bytes: &[u8], mut work: impl FnMut(&[u8])) {
    let mut parts = bytes.chunks(PART_BYTES).peekable();
    while let Some(part) = parts.next() {
        if let Some(next) = parts.peek() {
            prefetch(next);
        }
        work(part);
    }
}

#[cfg(target_arch = "x86_64")]
fn prefetch(bytes: &[u8]) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    for line in bytes.chunks(64) {
        // SAFETY: every x86-64 has SSE, and a prefetch has no effect but on time.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) }
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn prefetch(_bytes: &[u8]) {}
