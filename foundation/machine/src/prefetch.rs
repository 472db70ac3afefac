//! Asking for memory before it is needed.
//!
//! A simulator with a million nodes finds none of them in the cache. But it knows who is next, and
//! asks for that memory while it still works on others: that doubles its speed. No protocol must
//! do so, and none can tell whether anybody did.
#![cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "prefetching has no safe form")
)]

/// How many bytes come together, on all machines of today that matter.
#[cfg(target_arch = "x86_64")]
const LINE_LEN: usize = 64;

/// How many lines of one value are asked for at most: a core keeps about a dozen waiting.
#[cfg(target_arch = "x86_64")]
const LINES_MAX: usize = 8;

/// Asks for a value's memory, the first half KiB of it; it changes nothing but time.
#[inline(always)]
#[cfg(target_arch = "x86_64")]
pub fn prefetch<T: ?Sized>(value: &T) {
    use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    let start = core::ptr::from_ref(value).cast::<i8>();
    let skew = start.addr() % LINE_LEN;
    let lines = (skew + size_of_val(value))
        .div_ceil(LINE_LEN)
        .min(LINES_MAX);
    for line in 0..lines {
        // SAFETY: every x86-64 has SSE, and a prefetch has no effect but on time.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(line * LINE_LEN)) }
    }
}

/// Asks for a value's memory: nothing, on this kind of machine.
#[inline(always)]
#[cfg(not(target_arch = "x86_64"))]
pub fn prefetch<T: ?Sized>(_value: &T) {}
