//! Sums over `f32` with NEON: the 32 lanes of the oracle are eight registers.
//!
//! Invariant: the order of operations is that of `scalar/float.rs`, so the bits are, too: never a
//! fused multiply-add.
//!
//! May not know: which rows are compared, and why.

use std::arch::aarch64::*;

/// Numbers in a register.
const WIDTH: usize = 4;

/// Registers that make up the oracle's lanes.
const REGISTERS: usize = 8;

const BLOCK: usize = REGISTERS * WIDTH;

/// Rows that one pass over a query serves: two streams of memory, of which the sums leave registers
/// to load into.
const ROWS: usize = 2;

#[expect(unsafe_code, reason = "loads through a pointer")]
#[inline]
#[target_feature(enable = "neon")]
fn load(numbers: &[f32; WIDTH]) -> float32x4_t {
    // SAFETY: the array is as long as the register; no alignment is asked for.
    unsafe { vld1q_f32(numbers.as_ptr()) }
}

/// Loads fewer numbers than a register holds; the others are zero.
#[inline]
#[target_feature(enable = "neon")]
fn load_some(numbers: &[f32]) -> float32x4_t {
    let mut padded = [0.0; WIDTH];
    for (place, &number) in padded.iter_mut().zip(numbers) {
        *place = number;
    }
    load(&padded)
}

/// `x × y`, or `(x − y)²`.
#[inline]
#[target_feature(enable = "neon")]
fn term<const DISTANCE: bool>(x: float32x4_t, y: float32x4_t) -> float32x4_t {
    if DISTANCE {
        let difference = vsubq_f32(x, y);
        vmulq_f32(difference, difference)
    } else {
        vmulq_f32(x, y)
    }
}

/// The oracle's reduction.
#[inline]
#[target_feature(enable = "neon")]
fn reduce([a, b, c, d, e, f, g, h]: [float32x4_t; REGISTERS]) -> f32 {
    let [a, b] = [vaddq_f32(a, e), vaddq_f32(b, f)];
    let [c, d] = [vaddq_f32(c, g), vaddq_f32(d, h)];
    let four = vaddq_f32(vaddq_f32(a, c), vaddq_f32(b, d));
    let two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
    vget_lane_f32::<0>(two) + vget_lane_f32::<1>(two)
}

/// Sums the terms of one query with each of `N` rows of its length.
#[inline]
#[target_feature(enable = "neon")]
fn sums<const DISTANCE: bool, const N: usize>(query: &[f32], rows: [&[f32]; N]) -> [f32; N] {
    let mut lanes = [[vdupq_n_f32(0.0); REGISTERS]; N];
    let (blocks, rest) = query.as_chunks::<BLOCK>();
    let row_blocks = rows.map(|row| row.as_chunks::<BLOCK>().0);
    for (place, block) in blocks.iter().enumerate() {
        let (parts, _) = block.as_chunks::<WIDTH>();
        for n in 0..N {
            let (row_parts, _) = row_blocks[n][place].as_chunks::<WIDTH>();
            for r in 0..REGISTERS {
                let term = term::<DISTANCE>(load(&parts[r]), load(&row_parts[r]));
                lanes[n][r] = vaddq_f32(lanes[n][r], term);
            }
        }
    }
    let done = query.len() - rest.len();
    let (parts, last) = rest.as_chunks::<WIDTH>();
    for n in 0..N {
        let (row_parts, row_last) = rows[n][done..].as_chunks::<WIDTH>();
        for (lane, (x, y)) in lanes[n].iter_mut().zip(parts.iter().zip(row_parts)) {
            *lane = vaddq_f32(*lane, term::<DISTANCE>(load(x), load(y)));
        }
        if !last.is_empty() {
            let term = term::<DISTANCE>(load_some(last), load_some(row_last));
            let lane = &mut lanes[n][parts.len()];
            *lane = vaddq_f32(*lane, term);
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
#[target_feature(enable = "neon")]
fn sums_of_rows<const DISTANCE: bool>(query: &[f32], rows: &[f32], out: &mut [f32]) {
    let dim = query.len();
    let stretch = out.len() / ROWS;
    let (together, last) = out.split_at_mut(ROWS * stretch);
    for place in 0..stretch {
        let row = |n| &rows[(n * stretch + place) * dim..][..dim];
        let results = sums::<DISTANCE, ROWS>(query, [row(0), row(1)]);
        for n in 0..ROWS {
            together[n * stretch + place] = results[n];
        }
    }
    let rest = rows[ROWS * stretch * dim..].chunks_exact(dim);
    for (result, row) in last.iter_mut().zip(rest) {
        [*result] = sums::<DISTANCE, 1>(query, [row]);
    }
}

#[target_feature(enable = "neon")]
pub(super) fn dot_f32(a: &[f32], b: &[f32]) -> f32 {
    let [sum] = sums::<false, 1>(a, [b]);
    sum
}

#[target_feature(enable = "neon")]
pub(super) fn l2sq_f32(a: &[f32], b: &[f32]) -> f32 {
    let [sum] = sums::<true, 1>(a, [b]);
    sum
}

#[target_feature(enable = "neon")]
pub(super) fn norm2_f32(a: &[f32]) -> f32 {
    dot_f32(a, a)
}

#[target_feature(enable = "neon")]
pub(super) fn dot_f32_rows(query: &[f32], rows: &[f32], out: &mut [f32]) {
    sums_of_rows::<false>(query, rows, out);
}

#[target_feature(enable = "neon")]
pub(super) fn l2sq_f32_rows(query: &[f32], rows: &[f32], out: &mut [f32]) {
    sums_of_rows::<true>(query, rows, out);
}
