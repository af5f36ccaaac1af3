//! Sums of an `f32` query with rows in half precision: IEEE 754 binary16, stored as its bits.
//!
//! Invariants: a half becomes the `f32` of the same value, exactly (a signalling NaN may become a
//! quiet one), and is then summed as in `float.rs`: lanes, order and reduction are the same.
//!
//! May not know: instruction sets.

use super::float::sum;

/// The value of a half as `f32`.
#[inline(always)]
pub(crate) fn widen(half: u16) -> f32 {
    let sign = u32::from(half & 0x8000) << 16;
    let exponent = u32::from(half >> 10 & 0x1f);
    let fraction = u32::from(half & 0x03ff);
    match exponent {
        // Zero and the subnormal halves: multiples of 2^-24.
        0 => f32::from_bits(sign | (fraction as f32 * f32::from_bits(0x3380_0000)).to_bits()),
        0x1f => f32::from_bits(sign | 0x7f80_0000 | fraction << 13),
        _ => f32::from_bits(sign | (exponent + 112) << 23 | fraction << 13),
    }
}

/// [`crate::Kernels::dot_f16_rows`].
pub(crate) fn dot_f16_rows(query: &[f32], rows: &[u16], out: &mut [f32]) {
    for (result, row) in out.iter_mut().zip(rows.chunks_exact(query.len())) {
        *result = sum(query, row, |x, y| x * widen(y));
    }
}

/// [`crate::Kernels::l2sq_f16_rows`].
pub(crate) fn l2sq_f16_rows(query: &[f32], rows: &[u16], out: &mut [f32]) {
    for (result, row) in out.iter_mut().zip(rows.chunks_exact(query.len())) {
        *result = sum(query, row, |x, y| {
            let difference = x - widen(y);
            difference * difference
        });
    }
}
