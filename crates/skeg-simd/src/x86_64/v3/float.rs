//! Sums over `f32` with AVX2: the 32 lanes of the oracle are four registers.
//!
//! Invariant: the order of operations is that of `scalar/float.rs`, so the bits are, too.
//!
//! May not know: which rows are compared, and why.

use std::arch::x86_64::*;

use crate::x86_64::{AHEAD, LINE, STREAMS};

/// Numbers in a register.
pub(super) const WIDTH: usize = 8;

/// Registers that make up the oracle's lanes.
pub(super) const REGISTERS: usize = 4;

pub(super) const BLOCK: usize = REGISTERS * WIDTH;

/// Rows that one pass over a query serves.
const ROWS: usize = STREAMS;

#[expect(unsafe_code, reason = "loads through a pointer")]
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn load(numbers: &[f32; WIDTH]) -> __m256 {
    // SAFETY: the array is as long as the register; no alignment is asked for.
    unsafe { _mm256_loadu_ps(numbers.as_ptr()) }
}

/// Loads fewer numbers than a register holds; the others are zero.
#[expect(unsafe_code, reason = "loads through a pointer")]
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn load_some(numbers: &[f32]) -> __m256 {
    let count = _mm256_set1_epi32(numbers.len().min(WIDTH) as i32);
    let mask = _mm256_cmpgt_epi32(count, _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    // SAFETY: the mask is set for the first `numbers.len()` places only, and no other is read.
    unsafe { _mm256_maskload_ps(numbers.as_ptr(), mask) }
}

/// Fetches what lies [`AHEAD`] of a block of numbers.
#[inline]
#[target_feature(enable = "avx2")]
fn fetch_ahead_of(block: &[f32; BLOCK]) {
    let ahead = block.as_ptr().wrapping_byte_add(AHEAD).cast::<i8>();
    _mm_prefetch::<_MM_HINT_T0>(ahead);
    _mm_prefetch::<_MM_HINT_T0>(ahead.wrapping_byte_add(LINE));
}

/// `x × y`, or `(x − y)²`.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn term<const DISTANCE: bool>(x: __m256, y: __m256) -> __m256 {
    if DISTANCE {
        let difference = _mm256_sub_ps(x, y);
        _mm256_mul_ps(difference, difference)
    } else {
        _mm256_mul_ps(x, y)
    }
}

/// The oracle's reduction.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn reduce([a, b, c, d]: [__m256; REGISTERS]) -> f32 {
    let eight = _mm256_add_ps(_mm256_add_ps(a, c), _mm256_add_ps(b, d));
    let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
    let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
}

/// Sums the terms of one query with each of `N` rows of its length.
#[inline]
#[target_feature(enable = "avx2")]
fn sums<const DISTANCE: bool, const N: usize>(query: &[f32], rows: [&[f32]; N]) -> [f32; N] {
    let mut lanes = [[_mm256_setzero_ps(); REGISTERS]; N];
    let (blocks, rest) = query.as_chunks::<BLOCK>();
    let row_blocks = rows.map(|row| row.as_chunks::<BLOCK>().0);
    for (place, block) in blocks.iter().enumerate() {
        let (parts, _) = block.as_chunks::<WIDTH>();
        for n in 0..N {
            let (row_parts, _) = row_blocks[n][place].as_chunks::<WIDTH>();
            if N > 1 {
                fetch_ahead_of(&row_blocks[n][place]);
            }
            for r in 0..REGISTERS {
                let term = term::<DISTANCE>(load(&parts[r]), load(&row_parts[r]));
                lanes[n][r] = _mm256_add_ps(lanes[n][r], term);
            }
        }
    }
    let done = query.len() - rest.len();
    let (parts, last) = rest.as_chunks::<WIDTH>();
    for n in 0..N {
        let (row_parts, row_last) = rows[n][done..].as_chunks::<WIDTH>();
        for (lane, (x, y)) in lanes[n].iter_mut().zip(parts.iter().zip(row_parts)) {
            *lane = _mm256_add_ps(*lane, term::<DISTANCE>(load(x), load(y)));
        }
        if !last.is_empty() {
            let term = term::<DISTANCE>(load_some(last), load_some(row_last));
            let lane = &mut lanes[n][parts.len()];
            *lane = _mm256_add_ps(*lane, term);
        }
    }
    let mut results = [0.0; N];
    for n in 0..N {
        results[n] = reduce(lanes[n]);
    }
    results
}

/// [`sums`] of the query with every row. The rows are read in [`ROWS`] stretches side by side, each
/// from its start to its end.
#[inline]
#[target_feature(enable = "avx2")]
fn sums_of_rows<const DISTANCE: bool>(query: &[f32], rows: &[f32], out: &mut [f32]) {
    let dim = query.len();
    let stretch = out.len() / ROWS;
    let (together, last) = out.split_at_mut(ROWS * stretch);
    for place in 0..stretch {
        let row = |n| &rows[(n * stretch + place) * dim..][..dim];
        let results = sums::<DISTANCE, ROWS>(query, [row(0), row(1), row(2), row(3)]);
        for n in 0..ROWS {
            together[n * stretch + place] = results[n];
        }
    }
    let rest = rows[ROWS * stretch * dim..].chunks_exact(dim);
    for (result, row) in last.iter_mut().zip(rest) {
        [*result] = sums::<DISTANCE, 1>(query, [row]);
    }
}

#[target_feature(enable = "avx2")]
pub(super) fn dot_f32(a: &[f32], b: &[f32]) -> f32 {
    let [sum] = sums::<false, 1>(a, [b]);
    sum
}

#[target_feature(enable = "avx2")]
pub(super) fn l2sq_f32(a: &[f32], b: &[f32]) -> f32 {
    let [sum] = sums::<true, 1>(a, [b]);
    sum
}

#[target_feature(enable = "avx2")]
pub(super) fn norm2_f32(a: &[f32]) -> f32 {
    dot_f32(a, a)
}

#[target_feature(enable = "avx2")]
pub(super) fn dot_f32_rows(query: &[f32], rows: &[f32], out: &mut [f32]) {
    sums_of_rows::<false>(query, rows, out);
}

#[target_feature(enable = "avx2")]
pub(super) fn l2sq_f32_rows(query: &[f32], rows: &[f32], out: &mut [f32]) {
    sums_of_rows::<true>(query, rows, out);
}
