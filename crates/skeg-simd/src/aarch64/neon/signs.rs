//! The scan of a sign plane with NEON: a register holds one group, and the table look-up of bytes
//! finds 16 numbers at once.
//!
//! Four numbers of at most 63 are added as bytes before they are widened to 16 bits.
//!
//! May not know: what rows and tables stand for.

use std::arch::aarch64::*;

use crate::dispatch::{ENTRY_MAX, ROWS, UNIT};
use crate::scalar;
use crate::sieve::{Sieve, Sifted, SignBlock, SignRun};

/// Bytes in a register.
const WIDTH: usize = 16;

/// Registers whose numbers are added as bytes.
const TOGETHER: usize = 4;

/// Units after which a sum of 16 bits could overflow: it takes 16 numbers of each.
const UNITS_MAX: usize = u16::MAX as usize / (16 * ENTRY_MAX as usize);

#[expect(unsafe_code, reason = "loads through a pointer")]
#[inline]
#[target_feature(enable = "neon")]
fn load(bytes: &[u8; WIDTH]) -> uint8x16_t {
    // SAFETY: the array is as long as the register; no alignment is asked for.
    unsafe { vld1q_u8(bytes.as_ptr()) }
}

/// Adds 16 bytes to the sums of 16 rows.
#[inline]
#[target_feature(enable = "neon")]
fn add([first, second]: [uint16x8_t; 2], bytes: uint8x16_t) -> [uint16x8_t; 2] {
    [vaddw_u8(first, vget_low_u8(bytes)), vaddw_high_u8(second, bytes)]
}

/// Adds sums of 16 bits to those of 32.
#[expect(unsafe_code, reason = "stores through a pointer")]
#[inline]
#[target_feature(enable = "neon")]
fn finish(sums: [uint16x8_t; 2], out: &mut [u32]) {
    let (eights, _) = out.as_chunks_mut::<8>();
    for (sums, out) in sums.into_iter().zip(eights) {
        let mut numbers = [0_u16; 8];
        // SAFETY: the array is as long as the register; no alignment is asked for.
        unsafe { vst1q_u16(numbers.as_mut_ptr(), sums) };
        for (sum, number) in out.iter_mut().zip(numbers) {
            *sum += u32::from(number);
        }
    }
}

#[target_feature(enable = "neon")]
pub(super) fn scan_signs(plane: &[u8], table: &[u8], sums: &mut [u32; ROWS]) {
    let (low_sums, high_sums) = sums.split_at_mut(ROWS / 2);
    let nibble = vdupq_n_u8(0x0f);
    for (plane, table) in plane.chunks(UNITS_MAX * UNIT).zip(table.chunks(UNITS_MAX * UNIT)) {
        let (parts, _) = plane.as_chunks::<{ TOGETHER * WIDTH }>();
        let (tables, _) = table.as_chunks::<{ TOGETHER * WIDTH }>();
        let (mut low, mut high) = ([vdupq_n_u16(0); 2], [vdupq_n_u16(0); 2]);
        for (part, entries) in parts.iter().zip(tables) {
            let (groups, _) = part.as_chunks::<WIDTH>();
            let (entries, _) = entries.as_chunks::<WIDTH>();
            let (mut low_bytes, mut high_bytes) = (vdupq_n_u8(0), vdupq_n_u8(0));
            for n in 0..TOGETHER {
                let (bits, entries) = (load(&groups[n]), load(&entries[n]));
                low_bytes = vaddq_u8(low_bytes, vqtbl1q_u8(entries, vandq_u8(bits, nibble)));
                high_bytes = vaddq_u8(high_bytes, vqtbl1q_u8(entries, vshrq_n_u8::<4>(bits)));
            }
            low = add(low, low_bytes);
            high = add(high, high_bytes);
        }
        finish(low, low_sums);
        finish(high, high_sums);
    }
}

#[target_feature(enable = "neon")]
pub(super) fn sift_signs(block: &SignBlock<'_>, sieves: &[Sieve<'_>], sifted: &mut [Sifted]) {
    let scan = |plane: &[u8], table: &[u8], sums: &mut [u32; ROWS]| scan_signs(plane, table, sums);
    scalar::sift_one_by_one(block, sieves, sifted, scan, scalar::passing);
}

#[target_feature(enable = "neon")]
pub(super) fn seek_signs(runs: &[SignRun<'_>; 2], sieve: &Sieve<'_>, sifted: &mut Sifted) -> usize {
    scalar::seek_block_by_block(runs, sieve, sifted, |block, sieves, sifted| {
        sift_signs(block, sieves, sifted);
    })
}
