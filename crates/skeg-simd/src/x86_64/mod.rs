//! Kernels for x86-64, a folder per level, and how they read memory.
//!
//! The row kernels read as many streams side by side as there are rows in a pass, each from the start
//! of its stretch of the rows to its end, and fetch ahead in each: 22 GB/s instead of 12 on the Zen 3
//! that this was tuned on. More streams, or neighbouring rows for streams, leave the processor's own
//! prefetcher behind.
//!
//! May not know: which level is chosen.

use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

pub(crate) mod v3;
pub(crate) mod v4;

/// Streams side by side.
const STREAMS: usize = 4;

/// Bytes of a cache line.
const LINE: usize = 64;

/// How far ahead of each stream memory is fetched, in bytes: the best of 256 to 8,192.
const AHEAD: usize = 384;

/// What a scan of a plane asks for beside the plane, from its start on.
#[derive(Clone, Copy)]
struct Soon(*const u8);

impl Soon {
    /// In place of nothing the plane itself, which is at hand.
    #[inline]
    fn new(plane: &[u8], soon: &[u8]) -> Self {
        Self(if soon.is_empty() { plane.as_ptr() } else { soon.as_ptr() })
    }

    /// Asks for the cache line at an offset.
    #[expect(unsafe_code, reason = "an instruction of SSE")]
    #[inline]
    fn fetch(self, offset: usize) {
        // SAFETY: every x86-64 has SSE. The instruction never faults, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(self.0.wrapping_add(offset).cast()) };
    }
}

/// See [`crate::prefetch`].
#[expect(unsafe_code, reason = "an instruction of SSE")]
#[inline]
pub(crate) fn prefetch<T>(items: &[T]) {
    let before = items.as_ptr().addr() % LINE;
    let start = items.as_ptr().wrapping_byte_sub(before).cast::<i8>();
    for offset in (0..before + size_of_val(items)).step_by(LINE) {
        // SAFETY: every x86-64 has SSE. The instruction never faults, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(offset)) };
    }
}
