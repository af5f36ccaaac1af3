//! Inner products of bytes with small unsigned numbers, with AVX-512: a unit of 64 dimensions is one
//! register, and four rows are summed side by side, so that a part of the query is read once for them.
//!
//! May not know: what the numbers are.

use std::arch::x86_64::*;

use super::bytes::load;
use crate::dispatch::Levels;

/// Rows side by side.
pub(super) const ROWS: usize = 4;

/// The numbers of a unit, whose length says how many bits each has.
#[expect(unsafe_code, reason = "loads through a pointer")]
#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
pub(super) fn spread<const BYTES: usize>(unit: &[u8; BYTES]) -> __m512i {
    let start = unit.as_ptr();
    match BYTES {
        8 => {
            // SAFETY: the array has eight bytes; no alignment is asked for.
            let all = _mm512_set1_epi64(unsafe { start.cast::<i64>().read_unaligned() });
            let shifts = _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7);
            _mm512_and_si512(_mm512_srlv_epi64(all, shifts), _mm512_set1_epi8(1))
        }
        16 => {
            // SAFETY: the array has 16 bytes; no alignment is asked for.
            let all = _mm512_broadcast_i32x4(unsafe { _mm_loadu_si128(start.cast()) });
            let shifts = _mm512_setr_epi32(0, 0, 0, 0, 2, 2, 2, 2, 4, 4, 4, 4, 6, 6, 6, 6);
            _mm512_and_si512(_mm512_srlv_epi32(all, shifts), _mm512_set1_epi8(3))
        }
        32 => {
            // SAFETY: the array has 32 bytes; no alignment is asked for.
            let all = _mm512_broadcast_i64x4(unsafe { _mm256_loadu_si256(start.cast()) });
            let shifts = _mm512_setr_epi64(0, 0, 0, 0, 4, 4, 4, 4);
            _mm512_and_si512(_mm512_srlv_epi64(all, shifts), _mm512_set1_epi8(0x0f))
        }
        // SAFETY: the array has 64 bytes; no alignment is asked for.
        _ => unsafe { _mm512_loadu_si512(start.cast()) },
    }
}

/// Σ of products of four neighbours. Two products of at most 15 × 128 fit 16 bits, those of greater
/// numbers are widened first.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn fours<const BYTES: usize>(numbers: __m512i, query: __m512i) -> __m512i {
    if BYTES < 64 {
        let twos = _mm512_maddubs_epi16(numbers, query);
        return _mm512_madd_epi16(twos, _mm512_set1_epi16(1));
    }
    let low = _mm512_madd_epi16(
        _mm512_cvtepu8_epi16(_mm512_castsi512_si256(numbers)),
        _mm512_cvtepi8_epi16(_mm512_castsi512_si256(query)),
    );
    let high = _mm512_madd_epi16(
        _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64::<1>(numbers)),
        _mm512_cvtepi8_epi16(_mm512_extracti64x4_epi64::<1>(query)),
    );
    _mm512_add_epi32(low, high)
}

/// The places of a call by fours, the last one repeated where there are fewer.
#[inline]
pub(super) fn by_four(places: &[u32]) -> impl Iterator<Item = [u32; ROWS]> {
    places.chunks(ROWS).map(|some| {
        let last = some.len() - 1;
        [some[0], some[last.min(1)], some[last.min(2)], some[last]]
    })
}

/// The sum of each register's numbers.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn totals([a, b, c, d]: [__m512i; ROWS]) -> [i32; ROWS] {
    [
        _mm512_reduce_add_epi32(a),
        _mm512_reduce_add_epi32(b),
        _mm512_reduce_add_epi32(c),
        _mm512_reduce_add_epi32(d),
    ]
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq")]
fn dot<const BYTES: usize>(query: &[i8], codes: [&[u8]; ROWS]) -> [i32; ROWS] {
    let [a, b, c, d] = codes;
    let (a, b) = (a.as_chunks::<BYTES>().0, b.as_chunks::<BYTES>().0);
    let (c, d) = (c.as_chunks::<BYTES>().0, d.as_chunks::<BYTES>().0);
    let mut sums = [_mm512_setzero_si512(); ROWS];
    let units = a.iter().zip(b).zip(c).zip(d);
    for (part, (((a, b), c), d)) in query.as_chunks::<64>().0.iter().zip(units) {
        let part = load(part);
        sums[0] = _mm512_add_epi32(sums[0], fours::<BYTES>(spread(a), part));
        sums[1] = _mm512_add_epi32(sums[1], fours::<BYTES>(spread(b), part));
        sums[2] = _mm512_add_epi32(sums[2], fours::<BYTES>(spread(c), part));
        sums[3] = _mm512_add_epi32(sums[3], fours::<BYTES>(spread(d), part));
    }
    totals(sums)
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq")]
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
