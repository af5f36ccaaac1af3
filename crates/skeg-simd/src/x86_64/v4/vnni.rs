//! Inner products of bytes, and of bytes with bits, with VNNI: four products and their sum in one
//! instruction. It takes unsigned bytes on one side: signed ones are raised by 128, and 128 times
//! the sum of the others is taken off at the end.
//!
//! Sums wrap on the way; the result fits, so it is right.
//!
//! May not know: what the bytes are.

use std::arch::x86_64::*;

use super::bytes::{WIDTH, load};
use super::levels::{ROWS, by_four, spread, totals};
use crate::dispatch::Levels;
use crate::scalar;

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(super) fn dot_i8_rows(query: &[i8], rows: &[i8], out: &mut [i32]) {
    let (parts, last) = query.as_chunks::<WIDTH>();
    let ones = _mm512_set1_epi8(1);
    let mut all = _mm512_setzero_si512();
    for part in parts {
        all = _mm512_dpbusd_epi32(all, ones, load(part));
    }
    let raised = _mm512_reduce_add_epi32(all).wrapping_mul(128);
    let sign = _mm512_set1_epi8(i8::MIN);
    for (result, row) in out.iter_mut().zip(rows.chunks_exact(query.len())) {
        let (row_parts, row_last) = row.as_chunks::<WIDTH>();
        let mut sum = _mm512_setzero_si512();
        for (a, b) in parts.iter().zip(row_parts) {
            sum = _mm512_dpbusd_epi32(sum, _mm512_xor_si512(load(b), sign), load(a));
        }
        let sum = _mm512_reduce_add_epi32(sum).wrapping_sub(raised);
        *result = sum.wrapping_add(scalar::dot_i8(last, row_last));
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(super) fn sum_where(bits: &[u8], query: &[i8]) -> i32 {
    let (words, _) = bits.as_chunks::<8>();
    let (parts, _) = query.as_chunks::<WIDTH>();
    let ones = _mm512_set1_epi8(1);
    let mut sum = _mm512_setzero_si512();
    for (word, part) in words.iter().zip(parts) {
        let chosen = _mm512_maskz_mov_epi8(u64::from_le_bytes(*word), ones);
        sum = _mm512_dpbusd_epi32(sum, chosen, load(part));
    }
    _mm512_reduce_add_epi32(sum)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vnni")]
fn dot<const BYTES: usize>(query: &[i8], codes: [&[u8]; ROWS]) -> [i32; ROWS] {
    let [a, b, c, d] = codes;
    let (a, b) = (a.as_chunks::<BYTES>().0, b.as_chunks::<BYTES>().0);
    let (c, d) = (c.as_chunks::<BYTES>().0, d.as_chunks::<BYTES>().0);
    let mut sums = [_mm512_setzero_si512(); ROWS];
    let units = a.iter().zip(b).zip(c).zip(d);
    for (part, (((a, b), c), d)) in query.as_chunks::<WIDTH>().0.iter().zip(units) {
        let part = load(part);
        sums[0] = _mm512_dpbusd_epi32(sums[0], spread(a), part);
        sums[1] = _mm512_dpbusd_epi32(sums[1], spread(b), part);
        sums[2] = _mm512_dpbusd_epi32(sums[2], spread(c), part);
        sums[3] = _mm512_dpbusd_epi32(sums[3], spread(d), part);
    }
    totals(sums)
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vnni")]
pub(super) fn dot_levels(query: &[i8], levels: &Levels<'_>, places: &[u32], out: &mut [i32]) {
    for (four, out) in by_four(places).zip(out.chunks_mut(ROWS)) {
        let [a, b, c, d] = four;
        let code = |place| levels.code(place, query.len());
        let codes = [code(a), code(b), code(c), code(d)];
        let sums = match levels.bits {
            1 => dot::<8>(query, codes),
            2 => dot::<16>(query, codes),
            4 => dot::<32>(query, codes),
            _ => dot::<64>(query, codes),
        };
        out.copy_from_slice(&sums[..out.len()]);
    }
}
