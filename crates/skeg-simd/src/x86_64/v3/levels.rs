//! Inner products of bytes with small unsigned numbers, with AVX2. A code and all its units are read
//! once; a unit of 64 dimensions is two registers.
//!
//! May not know: what the numbers are.

use std::arch::x86_64::*;

use super::bytes::{load, reduce};
use crate::dispatch::Levels;

/// The numbers of a unit, whose length says how many bits each has.
#[expect(unsafe_code, reason = "loads through a pointer")]
#[inline]
#[target_feature(enable = "avx2")]
fn spread<const BYTES: usize>(unit: &[u8; BYTES]) -> [__m256i; 2] {
    let start = unit.as_ptr();
    match BYTES {
        8 => {
            let one = _mm256_set1_epi8(1);
            // SAFETY: the array has eight bytes; no alignment is asked for.
            let all = _mm256_set1_epi64x(unsafe { start.cast::<i64>().read_unaligned() });
            let (low, high) = (_mm256_setr_epi64x(0, 1, 2, 3), _mm256_setr_epi64x(4, 5, 6, 7));
            let [low, high] = [_mm256_srlv_epi64(all, low), _mm256_srlv_epi64(all, high)];
            [_mm256_and_si256(low, one), _mm256_and_si256(high, one)]
        }
        16 => {
            let three = _mm256_set1_epi8(3);
            // SAFETY: the array has 16 bytes; no alignment is asked for.
            let all = _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(start.cast()) });
            let low = _mm256_srlv_epi32(all, _mm256_setr_epi32(0, 0, 0, 0, 2, 2, 2, 2));
            let high = _mm256_srlv_epi32(all, _mm256_setr_epi32(4, 4, 4, 4, 6, 6, 6, 6));
            [_mm256_and_si256(low, three), _mm256_and_si256(high, three)]
        }
        _ => {
            // SAFETY: the array has 32 bytes or more; no alignment is asked for.
            let first = unsafe { _mm256_loadu_si256(start.cast()) };
            if BYTES == 32 {
                let nibble = _mm256_set1_epi8(0x0f);
                let second = _mm256_srli_epi16::<4>(first);
                return [_mm256_and_si256(first, nibble), _mm256_and_si256(second, nibble)];
            }
            // SAFETY: the array has 64 bytes; no alignment is asked for.
            [first, unsafe { _mm256_loadu_si256(start.wrapping_add(32).cast()) }]
        }
    }
}

/// Σ of products of four neighbours. Two products of at most 15 × 128 fit 16 bits, those of greater
/// numbers are widened first.
#[inline]
#[target_feature(enable = "avx2")]
fn fours<const BYTES: usize>(numbers: __m256i, query: __m256i) -> __m256i {
    if BYTES < 64 {
        let twos = _mm256_maddubs_epi16(numbers, query);
        return _mm256_madd_epi16(twos, _mm256_set1_epi16(1));
    }
    let low = _mm256_madd_epi16(
        _mm256_cvtepu8_epi16(_mm256_castsi256_si128(numbers)),
        _mm256_cvtepi8_epi16(_mm256_castsi256_si128(query)),
    );
    let high = _mm256_madd_epi16(
        _mm256_cvtepu8_epi16(_mm256_extracti128_si256::<1>(numbers)),
        _mm256_cvtepi8_epi16(_mm256_extracti128_si256::<1>(query)),
    );
    _mm256_add_epi32(low, high)
}

#[inline]
#[target_feature(enable = "avx2")]
fn dot<const BYTES: usize>(query: &[i8], code: &[u8]) -> i32 {
    let mut sums = [_mm256_setzero_si256(); 2];
    for (unit, numbers) in code.as_chunks::<BYTES>().0.iter().zip(query.as_chunks::<64>().0) {
        let parts = spread(unit);
        for (n, half) in numbers.as_chunks::<32>().0.iter().enumerate() {
            sums[n] = _mm256_add_epi32(sums[n], fours::<BYTES>(parts[n], load(half)));
        }
    }
    reduce(_mm256_add_epi32(sums[0], sums[1]))
}

#[target_feature(enable = "avx2")]
pub(super) fn dot_levels(query: &[i8], levels: &Levels<'_>, places: &[u32], out: &mut [i32]) {
    for (sum, &place) in out.iter_mut().zip(places) {
        let code = levels.code(place, query.len());
        *sum = match levels.bits {
            1 => dot::<8>(query, code),
            2 => dot::<16>(query, code),
            4 => dot::<32>(query, code),
            _ => dot::<64>(query, code),
        };
    }
}
