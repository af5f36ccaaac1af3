//! The scan of a sign plane with AVX2: a register holds two groups, and the shuffle of bytes looks 32
//! numbers up in their two tables at once.
//!
//! Four numbers of at most 63 are added as bytes before they are widened to 16 bits, where the even
//! and the odd rows of a register are told apart: `all` adds both, `odd` the odd ones alone.
//!
//! May not know: what rows and tables stand for.

use std::arch::x86_64::*;

use crate::dispatch::{ENTRY_MAX, ROWS, UNIT};
use crate::scalar;
use crate::sieve::{RowTest, Sieve, Sifted, SignBlock, SignRun};
use crate::x86_64::Soon;

/// Bytes in a register.
const WIDTH: usize = 32;

/// Registers whose numbers are added as bytes.
const TOGETHER: usize = 4;

/// Units after which a sum of 16 bits could overflow: it takes 16 numbers of each.
const UNITS_MAX: usize = u16::MAX as usize / (16 * ENTRY_MAX as usize);

#[expect(unsafe_code, reason = "loads through a pointer")]
#[inline]
#[target_feature(enable = "avx2")]
fn load(bytes: &[u8; WIDTH]) -> __m256i {
    // SAFETY: the array is as long as the register; no alignment is asked for.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

/// Sums of 16 bits for 16 rows, in each of two lanes.
#[derive(Clone, Copy)]
struct Sums {
    all: __m256i,
    odd: __m256i,
}

#[inline]
#[target_feature(enable = "avx2")]
fn add(sums: Sums, bytes: __m256i) -> Sums {
    Sums {
        all: _mm256_add_epi16(sums.all, bytes),
        odd: _mm256_add_epi16(sums.odd, _mm256_srli_epi16::<8>(bytes)),
    }
}

/// Adds the lanes up, and them to the sums of 16 rows.
#[expect(unsafe_code, reason = "loads and stores through a pointer")]
#[inline]
#[target_feature(enable = "avx2")]
fn finish(sums: Sums, out: &mut [u32]) {
    let even = _mm256_sub_epi16(sums.all, _mm256_slli_epi16::<8>(sums.odd));
    let first = _mm256_unpacklo_epi16(even, sums.odd);
    let second = _mm256_unpackhi_epi16(even, sums.odd);
    let (eights, _) = out.as_chunks_mut::<8>();
    for (lanes, out) in [first, second].into_iter().zip(eights) {
        let eight =
            _mm_add_epi16(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256::<1>(lanes));
        let eight = _mm256_cvtepu16_epi32(eight);
        // SAFETY: the array is as long as the register; no alignment is asked for.
        let before = unsafe { _mm256_loadu_si256(out.as_ptr().cast()) };
        let after = _mm256_add_epi32(before, eight);
        // SAFETY: as above.
        unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), after) };
    }
}

#[target_feature(enable = "avx2")]
pub(super) fn scan_signs(plane: &[u8], table: &[u8], sums: &mut [u32; ROWS]) {
    scan(plane, table, sums, None);
}

#[inline]
#[target_feature(enable = "avx2")]
fn scan(plane: &[u8], table: &[u8], sums: &mut [u32; ROWS], soon: Option<Soon>) {
    let (low_sums, high_sums) = sums.split_at_mut(ROWS / 2);
    let nibble = _mm256_set1_epi8(0x0f);
    let zero = Sums { all: _mm256_setzero_si256(), odd: _mm256_setzero_si256() };
    const PART: usize = UNITS_MAX * UNIT;
    for (number, (plane, table)) in plane.chunks(PART).zip(table.chunks(PART)).enumerate() {
        let start = number * PART;
        let (parts, _) = plane.as_chunks::<{ TOGETHER * WIDTH }>();
        let (tables, _) = table.as_chunks::<{ TOGETHER * WIDTH }>();
        let (mut low, mut high) = (zero, zero);
        for (number, (part, entries)) in parts.iter().zip(tables).enumerate() {
            let (groups, _) = part.as_chunks::<WIDTH>();
            let (entries, _) = entries.as_chunks::<WIDTH>();
            let (mut low_bytes, mut high_bytes) = (_mm256_setzero_si256(), _mm256_setzero_si256());
            if let Some(soon) = soon {
                soon.fetch(start + number * size_of_val(part));
                soon.fetch(start + number * size_of_val(part) + 2 * WIDTH);
            }
            for n in 0..TOGETHER {
                let (bits, entries) = (load(&groups[n]), load(&entries[n]));
                let below = _mm256_and_si256(bits, nibble);
                let above = _mm256_and_si256(_mm256_srli_epi16::<4>(bits), nibble);
                low_bytes = _mm256_add_epi8(low_bytes, _mm256_shuffle_epi8(entries, below));
                high_bytes = _mm256_add_epi8(high_bytes, _mm256_shuffle_epi8(entries, above));
            }
            low = add(low, low_bytes);
            high = add(high, high_bytes);
        }
        finish(low, low_sums);
        finish(high, high_sums);
    }
}

/// The oracle's test of eight rows.
#[expect(unsafe_code, reason = "loads through a pointer")]
#[inline]
#[target_feature(enable = "avx2")]
fn eight(test: &RowTest, sums: &[u32; 8], slopes: &[f32; 8], norms: &[f32; 8]) -> u32 {
    // SAFETY: the arrays are as long as the registers; no alignment is asked for.
    let sums = unsafe { _mm256_loadu_si256(sums.as_ptr().cast()) };
    // SAFETY: as above.
    let slopes = unsafe { _mm256_loadu_ps(slopes.as_ptr()) };
    // SAFETY: as above.
    let norms = unsafe { _mm256_loadu_ps(norms.as_ptr()) };
    let all = |number| _mm256_set1_ps(number);
    let sums = _mm256_cvtepi32_ps(sums);
    let inner = _mm256_add_ps(_mm256_mul_ps(sums, all(test.step)), all(test.offset));
    let shared = _mm256_add_ps(_mm256_mul_ps(norms, all(test.weight)), all(test.base));
    let estimate = _mm256_add_ps(shared, _mm256_mul_ps(slopes, inner));
    let short = _mm256_sub_ps(all(test.floor), estimate);
    let spread = _mm256_sub_ps(
        _mm256_mul_ps(_mm256_mul_ps(slopes, slopes), all(test.noise)),
        _mm256_mul_ps(norms, all(test.known)),
    );
    let above = _mm256_cmp_ps::<_CMP_LE_OQ>(short, _mm256_setzero_ps());
    let near = _mm256_cmp_ps::<_CMP_LE_OQ>(_mm256_mul_ps(short, short), spread);
    _mm256_movemask_ps(_mm256_or_ps(above, near)).cast_unsigned()
}

#[target_feature(enable = "avx2")]
pub(super) fn passing(
    test: &RowTest,
    sums: &[u32; ROWS],
    slopes: &[f32; ROWS],
    norms: &[f32; ROWS],
) -> u32 {
    let (sums, _) = sums.as_chunks::<8>();
    let (slopes, _) = slopes.as_chunks::<8>();
    let (norms, _) = norms.as_chunks::<8>();
    let mut mask = 0;
    for (n, sums) in sums.iter().enumerate() {
        mask |= eight(test, sums, &slopes[n], &norms[n]) << (8 * n);
    }
    mask
}

/// Registers are too few for more than one query's sums. The first query's scan fetches what is read soon.
#[target_feature(enable = "avx2")]
pub(super) fn sift_signs(block: &SignBlock<'_>, sieves: &[Sieve<'_>], sifted: &mut [Sifted]) {
    let mut soon = Some(Soon::new(block.plane, block.soon));
    scalar::sift_one_by_one(
        block,
        sieves,
        sifted,
        |plane, table, sums| scan(plane, table, sums, soon.take()),
        |test, sums, slopes, norms| passing(test, sums, slopes, norms),
    );
}

#[target_feature(enable = "avx2")]
pub(super) fn seek_signs(runs: &[SignRun<'_>; 2], sieve: &Sieve<'_>, sifted: &mut Sifted) -> usize {
    scalar::seek_block_by_block(runs, sieve, sifted, |block, sieves, sifted| {
        sift_signs(block, sieves, sifted);
    })
}
