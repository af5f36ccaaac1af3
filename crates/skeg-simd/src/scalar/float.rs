//! Sums over `f32`, in the one order that every level keeps.
//!
//! Invariants: element `i` is added to lane `i % 32`; a product is rounded before it is added; at
//! the end lane `i` takes lane `i + w` for w = 16, 8, 4, 2, 1. A lane never holds -0, so adding a
//! padding zero changes nothing. Against the exact sum the error is at most
//! `(n / 32 + 8) × 2^-24 × Σ|terms|` as long as nothing overflows or is subnormal.
//!
//! May not know: instruction sets.

/// How many sums run side by side: four registers of AVX2, two of AVX-512, eight of NEON.
pub(crate) const LANES: usize = 32;

/// Sums `term(a[i], b[i])`.
#[inline(always)]
pub(super) fn sum<T: Copy>(a: &[f32], b: &[T], term: impl Fn(f32, T) -> f32) -> f32 {
    let mut lanes = [0.0_f32; LANES];
    let (a_blocks, a_tail) = a.as_chunks::<LANES>();
    let (b_blocks, b_tail) = b.as_chunks::<LANES>();
    for (a_block, b_block) in a_blocks.iter().zip(b_blocks) {
        for ((lane, &x), &y) in lanes.iter_mut().zip(a_block).zip(b_block) {
            *lane += term(x, y);
        }
    }
    for ((lane, &x), &y) in lanes.iter_mut().zip(a_tail).zip(b_tail) {
        *lane += term(x, y);
    }
    reduce(lanes)
}

/// Adds the lanes up, halving the width each time.
#[inline(always)]
fn reduce(mut lanes: [f32; LANES]) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        let (low, high) = lanes.split_at_mut(width);
        for (lane, &other) in low.iter_mut().zip(high.iter()) {
            *lane += other;
        }
        width /= 2;
    }
    lanes[0]
}

/// Σ a·b.
pub(crate) fn dot_f32(a: &[f32], b: &[f32]) -> f32 {
    sum(a, b, |x, y| x * y)
}

/// Σ (a − b)².
pub(crate) fn l2sq_f32(a: &[f32], b: &[f32]) -> f32 {
    sum(a, b, |x, y| (x - y) * (x - y))
}

/// Σ a².
pub(crate) fn norm2_f32(a: &[f32]) -> f32 {
    sum(a, a, |x, y| x * y)
}

/// [`dot_f32`] of one query with each row.
pub(crate) fn dot_f32_rows(query: &[f32], rows: &[f32], out: &mut [f32]) {
    for (result, row) in out.iter_mut().zip(rows.chunks_exact(query.len())) {
        *result = dot_f32(query, row);
    }
}

/// [`l2sq_f32`] of one query and each row.
pub(crate) fn l2sq_f32_rows(query: &[f32], rows: &[f32], out: &mut [f32]) {
    for (result, row) in out.iter_mut().zip(rows.chunks_exact(query.len())) {
        *result = l2sq_f32(query, row);
    }
}
