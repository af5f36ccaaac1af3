//! Sums with rows in half precision with AVX2 and F16C: 8 halves become 8 `f32` in one instruction.
//!
//! Invariant: the order of operations is that of `scalar/float.rs`, so the bits are, too.
//!
//! May not know: which rows are compared, and why.

use std::arch::x86_64::*;

use super::float::{BLOCK, REGISTERS, WIDTH, load, load_some, reduce, term};
use crate::x86_64::AHEAD;

#[expect(unsafe_code, reason = "loads through a pointer")]
#[inline]
#[target_feature(enable = "avx2,f16c")]
fn load_halves(halves: &[u16; WIDTH]) -> __m256 {
    // SAFETY: the array is as long as the register; no alignment is asked for.
    _mm256_cvtph_ps(unsafe { _mm_loadu_si128(halves.as_ptr().cast()) })
}

/// Loads fewer halves than a register holds; the others are zero.
#[inline]
#[target_feature(enable = "avx2,f16c")]
fn load_some_halves(halves: &[u16]) -> __m256 {
    let mut padded = [0; WIDTH];
    for (place, &half) in padded.iter_mut().zip(halves) {
        *place = half;
    }
    load_halves(&padded)
}

/// Sums the terms of a query with a row of its length.
#[inline]
#[target_feature(enable = "avx2,f16c")]
fn sums<const DISTANCE: bool>(query: &[f32], row: &[u16]) -> f32 {
    let mut lanes = [_mm256_setzero_ps(); REGISTERS];
    let (blocks, rest) = query.as_chunks::<BLOCK>();
    let (row_blocks, row_rest) = row.as_chunks::<BLOCK>();
    for (block, row_block) in blocks.iter().zip(row_blocks) {
        let (parts, _) = block.as_chunks::<WIDTH>();
        let (row_parts, _) = row_block.as_chunks::<WIDTH>();
        _mm_prefetch::<_MM_HINT_T0>(row_block.as_ptr().wrapping_byte_add(AHEAD).cast());
        for r in 0..REGISTERS {
            let term = term::<DISTANCE>(load(&parts[r]), load_halves(&row_parts[r]));
            lanes[r] = _mm256_add_ps(lanes[r], term);
        }
    }
    let (parts, last) = rest.as_chunks::<WIDTH>();
    let (row_parts, row_last) = row_rest.as_chunks::<WIDTH>();
    for (lane, (x, y)) in lanes.iter_mut().zip(parts.iter().zip(row_parts)) {
        *lane = _mm256_add_ps(*lane, term::<DISTANCE>(load(x), load_halves(y)));
    }
    if !last.is_empty() {
        let term = term::<DISTANCE>(load_some(last), load_some_halves(row_last));
        let lane = &mut lanes[parts.len()];
        *lane = _mm256_add_ps(*lane, term);
    }
    reduce(lanes)
}

#[target_feature(enable = "avx2,f16c")]
pub(super) fn dot_f16_rows(query: &[f32], rows: &[u16], out: &mut [f32]) {
    for (result, row) in out.iter_mut().zip(rows.chunks_exact(query.len())) {
        *result = sums::<false>(query, row);
    }
}

#[target_feature(enable = "avx2,f16c")]
pub(super) fn l2sq_f16_rows(query: &[f32], rows: &[u16], out: &mut [f32]) {
    for (result, row) in out.iter_mut().zip(rows.chunks_exact(query.len())) {
        *result = sums::<true>(query, row);
    }
}
