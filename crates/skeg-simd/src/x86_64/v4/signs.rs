//! The scan of a sign plane with AVX-512: a register holds four groups, and the shuffle of bytes
//! looks 64 numbers up in their four tables at once.
//!
//! Four numbers of at most 63 are added as bytes before they are widened to 16 bits, where the even
//! and the odd rows of a register are told apart: `all` adds both, `odd` the odd ones alone.
//!
//! May not know: what rows and tables stand for.

use std::arch::x86_64::*;

use crate::dispatch::{ENTRY_MAX, ROWS, UNIT};
use crate::sieve::{RowTest, Sieve, Sifted, SignBlock, SignRun};
use crate::x86_64::Soon;

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

/// Adds four lanes up.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2")]
fn fold(lanes: __m512i) -> __m128i {
    let two =
        _mm256_add_epi16(_mm512_castsi512_si256(lanes), _mm512_extracti64x4_epi64::<1>(lanes));
    _mm_add_epi16(_mm256_castsi256_si128(two), _mm256_extracti128_si256::<1>(two))
}

/// Adds the lanes up: sums of 32 bits for 16 rows.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2")]
fn finish(sums: Sums) -> __m512i {
    let even = _mm512_sub_epi16(sums.all, _mm512_slli_epi16::<8>(sums.odd));
    let first = fold(_mm512_unpacklo_epi16(even, sums.odd));
    let second = fold(_mm512_unpackhi_epi16(even, sums.odd));
    _mm512_cvtepu16_epi32(_mm256_set_m128i(second, first))
}

#[expect(unsafe_code, reason = "loads through a pointer")]
#[inline]
#[target_feature(enable = "avx512f")]
fn load_sums(sums: &[u32; 16]) -> __m512i {
    // SAFETY: the array is as long as the register; no alignment is asked for.
    unsafe { _mm512_loadu_si512(sums.as_ptr().cast()) }
}

#[expect(unsafe_code, reason = "stores through a pointer")]
#[inline]
#[target_feature(enable = "avx512f")]
fn store_sums(sums: &mut [u32; 16], numbers: __m512i) {
    // SAFETY: the array is as long as the register; no alignment is asked for.
    unsafe { _mm512_storeu_si512(sums.as_mut_ptr().cast(), numbers) };
}

/// What some tables of as many groups as `plane` has make of it: sums of rows 0 to 15, and of the others.
/// Takes the plane apart once.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2")]
fn sums<const N: usize>(plane: &[u8], tables: [&[u8]; N], soon: Option<Soon>) -> [[__m512i; 2]; N] {
    const PART: usize = UNITS_MAX * UNIT;
    let nibble = _mm512_set1_epi8(0x0f);
    let zero = _mm512_setzero_si512();
    let mut totals = [[zero; 2]; N];
    for start in (0..plane.len()).step_by(PART) {
        let end = plane.len().min(start + PART);
        let (units, _) = plane[start..end].as_chunks::<UNIT>();
        let mut parts: [&[[u8; UNIT]]; N] = [&[]; N];
        for (part, table) in parts.iter_mut().zip(tables) {
            *part = table[start..end].as_chunks::<UNIT>().0;
        }
        let mut sums = [[Sums { all: zero, odd: zero }; 2]; N];
        for (number, unit) in units.iter().enumerate() {
            let (groups, _) = unit.as_chunks::<WIDTH>();
            let mut bytes = [[zero; 2]; N];
            for (n, group) in groups.iter().enumerate() {
                if let Some(soon) = soon {
                    soon.fetch(start + number * UNIT + n * WIDTH);
                }
                let bits = load(group);
                let below = _mm512_and_si512(bits, nibble);
                let above = _mm512_and_si512(_mm512_srli_epi16::<4>(bits), nibble);
                for ([low, high], part) in bytes.iter_mut().zip(&parts) {
                    let entries = load(&part[number].as_chunks::<WIDTH>().0[n]);
                    *low = _mm512_add_epi8(*low, _mm512_shuffle_epi8(entries, below));
                    *high = _mm512_add_epi8(*high, _mm512_shuffle_epi8(entries, above));
                }
            }
            for ([low, high], bytes) in sums.iter_mut().zip(bytes) {
                *low = add(*low, bytes[0]);
                *high = add(*high, bytes[1]);
            }
        }
        for ([low, high], sums) in totals.iter_mut().zip(sums) {
            *low = _mm512_add_epi32(*low, finish(sums[0]));
            *high = _mm512_add_epi32(*high, finish(sums[1]));
        }
    }
    totals
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2")]
pub(super) fn scan_signs(plane: &[u8], table: &[u8], sums: &mut [u32; ROWS]) {
    let [[low, high]] = self::sums(plane, [table], None);
    let (low_sums, high_sums) = halves(sums);
    store_sums(low_sums, _mm512_add_epi32(load_sums(low_sums), low));
    store_sums(high_sums, _mm512_add_epi32(load_sums(high_sums), high));
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
fn sixteen(test: &RowTest, sums: __m512i, slopes: &[f32; 16], norms: &[f32; 16]) -> u32 {
    // SAFETY: the arrays are as long as the registers; no alignment is asked for.
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

#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
fn both(
    test: &RowTest,
    [low, high]: [__m512i; 2],
    slopes: &[f32; ROWS],
    norms: &[f32; ROWS],
) -> u32 {
    let (slopes, _) = slopes.as_chunks::<16>();
    let (norms, _) = norms.as_chunks::<16>();
    let low = sixteen(test, low, &slopes[0], &norms[0]);
    let high = sixteen(test, high, &slopes[1], &norms[1]);
    low | high << 16
}

#[target_feature(enable = "avx512f,avx512dq")]
pub(super) fn passing(
    test: &RowTest,
    sums: &[u32; ROWS],
    slopes: &[f32; ROWS],
    norms: &[f32; ROWS],
) -> u32 {
    let (sums, _) = sums.as_chunks::<16>();
    both(test, [load_sums(&sums[0]), load_sums(&sums[1])], slopes, norms)
}

/// As many queries at once as registers have sums for.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2")]
pub(super) fn sift_signs(block: &SignBlock<'_>, sieves: &[Sieve<'_>], sifted: &mut [Sifted]) {
    let (fours, rest) = sieves.as_chunks::<4>();
    let (four_sifted, rest_sifted) = sifted.as_chunks_mut::<4>();
    for (sieves, sifted) in fours.iter().zip(four_sifted) {
        sift(block, sieves, sifted);
    }
    let (twos, rest) = rest.as_chunks::<2>();
    let (two_sifted, rest_sifted) = rest_sifted.as_chunks_mut::<2>();
    for (sieves, sifted) in twos.iter().zip(two_sifted) {
        sift(block, sieves, sifted);
    }
    for (sieve, sifted) in rest.iter().zip(rest_sifted) {
        seek_signs(&block.runs(), sieve, sifted);
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2")]
fn sift<const N: usize>(block: &SignBlock<'_>, sieves: &[Sieve<'_>; N], sifted: &mut [Sifted; N]) {
    let mut tables: [&[u8]; N] = [&[]; N];
    for (table, sieve) in tables.iter_mut().zip(sieves) {
        *table = sieve.table;
    }
    let sums = sums(block.plane, tables, Some(Soon::new(block.plane, block.soon)));
    for ((sieve, sifted), sums) in sieves.iter().zip(sifted).zip(sums) {
        sifted.rows = both(&sieve.test, sums, block.slopes, block.norms);
        if sifted.rows != 0 {
            let (low, high) = halves(&mut sifted.sums);
            store_sums(low, sums[0]);
            store_sums(high, sums[1]);
        }
    }
}

/// All that is the same for every block stays in registers, so what looks at one is part of this.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2")]
pub(super) fn seek_signs(
    [run, soon]: &[SignRun<'_>; 2],
    sieve: &Sieve<'_>,
    sifted: &mut Sifted,
) -> usize {
    let (sieves, sifted) = (std::array::from_ref(sieve), std::array::from_mut(sifted));
    for number in 0..run.slopes.len() {
        sift(&run.block(number, sieve.table.len(), soon), sieves, sifted);
        if sifted[0].rows != 0 {
            return number;
        }
    }
    run.slopes.len()
}
