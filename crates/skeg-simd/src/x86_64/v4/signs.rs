//! The scan of a sign plane with AVX-512: a register holds four groups, and the shuffle of bytes
//! looks 64 numbers up in their four tables at once.
//!
//! Four numbers of at most 63 are added as bytes before they are widened to 16 bits, where the even
//! and the odd rows of a register are told apart: `all` adds both, `odd` the odd ones alone.
//!
//! May not know: what rows and tables stand for.

use std::arch::x86_64::*;

use crate::dispatch::{ENTRY_MAX, ROWS, RowTest, UNIT};
use crate::x86_64::SCAN_AHEAD;

/// Bytes in a register.
const WIDTH: usize = 64;

/// Units after which a sum of 16 bits could overflow: it takes 16 numbers of each.
const UNITS_MAX: usize = u16::MAX as usize / (16 * ENTRY_MAX as usize);

#[expect(unsafe_code, reason = "loads through a pointer")]
#[inline]
#[target_feature(enable = "avx512f")]
fn load(bytes: &[u8; WIDTH]) -> __m512i {
    // SAFETY: the array is as long as the register; no alignment is asked for.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

/// Sums of 16 bits for 16 rows, in each of four lanes.
#[derive(Clone, Copy)]
struct Sums {
    all: __m512i,
    odd: __m512i,
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn add(sums: Sums, bytes: __m512i) -> Sums {
    Sums {
        all: _mm512_add_epi16(sums.all, bytes),
        odd: _mm512_add_epi16(sums.odd, _mm512_srli_epi16::<8>(bytes)),
    }
}

/// Adds the lanes up, and them to the sums of 16 rows.
#[expect(unsafe_code, reason = "loads and stores through a pointer")]
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2")]
fn finish(sums: Sums, out: &mut [u32; 16]) {
    let even = _mm512_sub_epi16(sums.all, _mm512_slli_epi16::<8>(sums.odd));
    let first = _mm512_unpacklo_epi16(even, sums.odd);
    let second = _mm512_unpackhi_epi16(even, sums.odd);
    let [first, second] = [first, second].map(|lanes| {
        let two =
            _mm256_add_epi16(_mm512_castsi512_si256(lanes), _mm512_extracti64x4_epi64::<1>(lanes));
        _mm_add_epi16(_mm256_castsi256_si128(two), _mm256_extracti128_si256::<1>(two))
    });
    let sixteen = _mm512_cvtepu16_epi32(_mm256_set_m128i(second, first));
    // SAFETY: the array is as long as the register; no alignment is asked for.
    let before = unsafe { _mm512_loadu_si512(out.as_ptr().cast()) };
    let after = _mm512_add_epi32(before, sixteen);
    // SAFETY: as above.
    unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), after) };
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2")]
pub(super) fn scan_signs(plane: &[u8], table: &[u8], sums: &mut [u32; ROWS]) {
    let (low_sums, high_sums) = halves(sums);
    let nibble = _mm512_set1_epi8(0x0f);
    let zero = Sums { all: _mm512_setzero_si512(), odd: _mm512_setzero_si512() };
    for (plane, table) in plane.chunks(UNITS_MAX * UNIT).zip(table.chunks(UNITS_MAX * UNIT)) {
        let (units, _) = plane.as_chunks::<UNIT>();
        let (tables, _) = table.as_chunks::<UNIT>();
        let (mut low, mut high) = (zero, zero);
        for (unit, entries) in units.iter().zip(tables) {
            let (groups, _) = unit.as_chunks::<WIDTH>();
            let (entries, _) = entries.as_chunks::<WIDTH>();
            let (mut low_bytes, mut high_bytes) = (_mm512_setzero_si512(), _mm512_setzero_si512());
            for n in 0..UNIT / WIDTH {
                let ahead = groups[n].as_ptr().wrapping_add(SCAN_AHEAD).cast::<i8>();
                _mm_prefetch::<_MM_HINT_T0>(ahead);
                let (bits, entries) = (load(&groups[n]), load(&entries[n]));
                let below = _mm512_and_si512(bits, nibble);
                let above = _mm512_and_si512(_mm512_srli_epi16::<4>(bits), nibble);
                low_bytes = _mm512_add_epi8(low_bytes, _mm512_shuffle_epi8(entries, below));
                high_bytes = _mm512_add_epi8(high_bytes, _mm512_shuffle_epi8(entries, above));
            }
            low = add(low, low_bytes);
            high = add(high, high_bytes);
        }
        finish(low, low_sums);
        finish(high, high_sums);
    }
}

/// The sums of rows 0 to 15 and of the others.
#[inline]
fn halves(sums: &mut [u32; ROWS]) -> (&mut [u32; 16], &mut [u32; 16]) {
    let ([low, high], _) = sums.as_chunks_mut::<16>() else {
        unreachable!("32 are twice 16");
    };
    (low, high)
}

/// The oracle's test of 16 rows.
#[expect(unsafe_code, reason = "loads through a pointer")]
#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
fn sixteen(test: &RowTest, sums: &[u32; 16], slopes: &[f32; 16], norms: &[f32; 16]) -> u32 {
    // SAFETY: the arrays are as long as the registers; no alignment is asked for.
    let sums = unsafe { _mm512_loadu_si512(sums.as_ptr().cast()) };
    // SAFETY: as above.
    let slopes = unsafe { _mm512_loadu_ps(slopes.as_ptr()) };
    // SAFETY: as above.
    let norms = unsafe { _mm512_loadu_ps(norms.as_ptr()) };
    let all = |number| _mm512_set1_ps(number);
    let sums = _mm512_cvtepi32_ps(sums);
    let inner = _mm512_add_ps(_mm512_mul_ps(sums, all(test.step)), all(test.offset));
    let shared = _mm512_add_ps(_mm512_mul_ps(norms, all(test.weight)), all(test.base));
    let estimate = _mm512_add_ps(shared, _mm512_mul_ps(slopes, inner));
    let short = _mm512_sub_ps(all(test.floor), estimate);
    let spread = _mm512_sub_ps(
        _mm512_mul_ps(_mm512_mul_ps(slopes, slopes), all(test.noise)),
        _mm512_mul_ps(norms, all(test.known)),
    );
    let above = _mm512_cmp_ps_mask::<_CMP_LE_OQ>(short, _mm512_setzero_ps());
    let near = _mm512_cmp_ps_mask::<_CMP_LE_OQ>(_mm512_mul_ps(short, short), spread);
    u32::from(above | near)
}

#[target_feature(enable = "avx512f,avx512dq")]
pub(super) fn passing(
    test: &RowTest,
    sums: &[u32; ROWS],
    slopes: &[f32; ROWS],
    norms: &[f32; ROWS],
) -> u32 {
    let (sums, _) = sums.as_chunks::<16>();
    let (slopes, _) = slopes.as_chunks::<16>();
    let (norms, _) = norms.as_chunks::<16>();
    let low = sixteen(test, &sums[0], &slopes[0], &norms[0]);
    let high = sixteen(test, &sums[1], &slopes[1], &norms[1]);
    low | high << 16
}
