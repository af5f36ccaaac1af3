//! Keeps the heap ahead of large collections that grow.
//!
//! glibc lets the heaps of all threads but the first grow by the page, with a call of the system each time: one for
//! every two leaves of a list. A block that is allocated and freed at once leaves the heap as long as if it were
//! still there. Its pages are not touched, so they take no memory; where the heap had such a block already, or
//! another allocator is in use, next to nothing happens.
//!
//! May not know: what grows.

use std::hint::black_box;

/// How far ahead. glibc neither maps such a block by itself nor gives it back at once.
const AHEAD_BYTES: usize = 64 << 10;

/// What grows had so many bytes, and has so many now.
#[inline]
pub(crate) fn follow(before: usize, after: usize) {
    if after / AHEAD_BYTES > before / AHEAD_BYTES {
        reach_out();
    }
}

#[cold]
fn reach_out() {
    drop(black_box(Vec::<u8>::with_capacity(AHEAD_BYTES)));
}
