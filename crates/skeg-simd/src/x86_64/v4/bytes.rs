//! Inner products of bytes, and of bytes with bits, with AVX-512 as every processor with V4 has it.
//!
//! May not know: what the bytes are.

use std::arch::x86_64::*;

use crate::scalar;

/// Bytes in a register.
pub(super) const WIDTH: usize = 64;

#[expect(unsafe_code, reason = "loads through a pointer")]
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn load(bytes: &[i8; WIDTH]) -> __m512i {
    // SAFETY: the array is as long as the register; no alignment is asked for.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

/// Σ of the products of neighbours.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn pairs(a: __m256i, b: __m256i) -> __m512i {
    _mm512_madd_epi16(_mm512_cvtepi8_epi16(a), _mm512_cvtepi8_epi16(b))
}

#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn dot_i8_rows(query: &[i8], rows: &[i8], out: &mut [i32]) {
    let (parts, last) = query.as_chunks::<WIDTH>();
    for (result, row) in out.iter_mut().zip(rows.chunks_exact(query.len())) {
        let (row_parts, row_last) = row.as_chunks::<WIDTH>();
        let mut sums = [_mm512_setzero_si512(); 2];
        for (a, b) in parts.iter().zip(row_parts) {
            let (a, b) = (load(a), load(b));
            let low = pairs(_mm512_castsi512_si256(a), _mm512_castsi512_si256(b));
            let high = pairs(_mm512_extracti64x4_epi64::<1>(a), _mm512_extracti64x4_epi64::<1>(b));
            sums = [_mm512_add_epi32(sums[0], low), _mm512_add_epi32(sums[1], high)];
        }
        let sum = _mm512_reduce_add_epi32(_mm512_add_epi32(sums[0], sums[1]));
        *result = sum + scalar::dot_i8(last, row_last);
    }
}

#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn sum_where(bits: &[u8], query: &[i8]) -> i32 {
    let (words, _) = bits.as_chunks::<8>();
    let (parts, _) = query.as_chunks::<WIDTH>();
    let ones = _mm512_set1_epi8(1);
    let pairs = _mm512_set1_epi16(1);
    let mut sum = _mm512_setzero_si512();
    for (word, part) in words.iter().zip(parts) {
        let chosen = _mm512_maskz_mov_epi8(u64::from_le_bytes(*word), load(part));
        let twos = _mm512_maddubs_epi16(ones, chosen);
        sum = _mm512_add_epi32(sum, _mm512_madd_epi16(twos, pairs));
    }
    _mm512_reduce_add_epi32(sum)
}
