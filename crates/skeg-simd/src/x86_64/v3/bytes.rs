//! Inner products of bytes, and of bytes with bits, with AVX2.
//!
//! May not know: what the bytes are.

use std::arch::x86_64::*;

use crate::scalar;

/// Bytes in a register.
const WIDTH: usize = 32;

#[expect(unsafe_code, reason = "loads through a pointer")]
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn load(bytes: &[i8; WIDTH]) -> __m256i {
    // SAFETY: the array is as long as the register; no alignment is asked for.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

/// Σ of the products of neighbours.
#[inline]
#[target_feature(enable = "avx2")]
fn pairs(a: __m128i, b: __m128i) -> __m256i {
    _mm256_madd_epi16(_mm256_cvtepi8_epi16(a), _mm256_cvtepi8_epi16(b))
}

/// Σ of the eight numbers.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn reduce(eight: __m256i) -> i32 {
    let four = _mm_add_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256::<1>(eight));
    let two = _mm_add_epi32(four, _mm_shuffle_epi32::<0b00_00_11_10>(four));
    _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32::<0b00_00_00_01>(two)))
}

#[target_feature(enable = "avx2")]
pub(super) fn dot_i8_rows(query: &[i8], rows: &[i8], out: &mut [i32]) {
    let (parts, last) = query.as_chunks::<WIDTH>();
    for (result, row) in out.iter_mut().zip(rows.chunks_exact(query.len())) {
        let (row_parts, row_last) = row.as_chunks::<WIDTH>();
        let mut sums = [_mm256_setzero_si256(); 2];
        for (a, b) in parts.iter().zip(row_parts) {
            let (a, b) = (load(a), load(b));
            let low = pairs(_mm256_castsi256_si128(a), _mm256_castsi256_si128(b));
            let high = pairs(_mm256_extracti128_si256::<1>(a), _mm256_extracti128_si256::<1>(b));
            sums = [_mm256_add_epi32(sums[0], low), _mm256_add_epi32(sums[1], high)];
        }
        *result = reduce(_mm256_add_epi32(sums[0], sums[1])) + scalar::dot_i8(last, row_last);
    }
}

#[target_feature(enable = "avx2")]
pub(super) fn sum_where(bits: &[u8], query: &[i8]) -> i32 {
    let (words, _) = bits.as_chunks::<4>();
    let (parts, _) = query.as_chunks::<WIDTH>();
    // Byte j of a register needs bit j % 8 of byte j / 8.
    let byte_of = _mm256_setr_epi8(
        0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3,
        3, 3,
    );
    let bit_of = _mm256_set1_epi64x(0x8040_2010_0804_0201_u64.cast_signed());
    let ones = _mm256_set1_epi8(1);
    let twos = _mm256_set1_epi16(1);
    let mut sum = _mm256_setzero_si256();
    for (word, part) in words.iter().zip(parts) {
        let spread = _mm256_set1_epi32(i32::from_le_bytes(*word));
        let bits = _mm256_and_si256(_mm256_shuffle_epi8(spread, byte_of), bit_of);
        let chosen = _mm256_and_si256(_mm256_cmpeq_epi8(bits, bit_of), load(part));
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(ones, chosen), twos));
    }
    reduce(sum)
}
