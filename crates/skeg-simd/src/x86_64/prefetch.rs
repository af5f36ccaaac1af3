//! Hints of what is read next.
//!
//! The row kernels read as many streams of memory side by side as there are rows in a pass, each from
//! the start of its stretch of the rows to its end, and fetch ahead in each: 22 GB/s instead of 12
//! on the Zen 3 that this was tuned on. More streams, or neighbouring rows for streams, leave the
//! processor's own prefetcher behind.
//!
//! May not know: what is computed.

use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

/// Streams side by side.
pub(super) const STREAMS: usize = 4;

/// Bytes of a cache line.
pub(super) const LINE: usize = 64;

/// How far ahead of each stream memory is fetched, in bytes: the best of 256 to 8,192.
pub(super) const AHEAD: usize = 384;

#[expect(unsafe_code, reason = "the hint is an instruction of SSE")]
fn hint<T>(address: *const T) {
    // SAFETY: x86-64 has SSE; a prefetch reads nothing and faults on no address.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
}

/// See [`crate::prefetch`].
pub(crate) fn prefetch<T>(value: &T) {
    for line in (0..size_of::<T>()).step_by(LINE) {
        hint(std::ptr::from_ref(value).wrapping_byte_add(line));
    }
}

/// See [`crate::prefetch_rows`].
pub(crate) fn prefetch_rows(rows: &[f32], dim: usize) {
    let stretch = rows.len() / dim / STREAMS * dim;
    for stream in 0..STREAMS {
        let head = rows.as_ptr().wrapping_add(stream * stretch);
        for line in (0..AHEAD).step_by(LINE) {
            hint(head.wrapping_byte_add(line));
        }
    }
}
