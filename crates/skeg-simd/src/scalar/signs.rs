//! The scan of a sign plane, 32 rows at a time, and the test of what it found.
//!
//! A plane cut for the scan is a sequence of groups of four dimensions, 16 bytes each: the lower
//! half of byte j holds the four bits of row j, the upper half those of row 16 + j, the first
//! dimension in the lowest bit. The table holds 16 numbers for each group: what each pattern of
//! four bits adds. After André, Kermarrec and Le Scouarnec, "Cache locality is not enough" (VLDB
//! 2015), as Gao and Long use it for RaBitQ (SIGMOD 2024, §3.3.2).
//!
//! Invariant: sums are integers, exact in any order; the test is in `f32` in the order written here.
//!
//! May not know: instruction sets.

use crate::dispatch::ROWS;
use crate::sieve::{RowTest, Sieve, Sifted, SignBlock, SignRun};

/// [`crate::Kernels::scan_signs`].
pub(crate) fn scan_signs(plane: &[u8], table: &[u8], sums: &mut [u32; ROWS]) {
    let (groups, _) = plane.as_chunks::<16>();
    let (entries, _) = table.as_chunks::<16>();
    let (low, high) = sums.split_at_mut(ROWS / 2);
    for (group, entry) in groups.iter().zip(entries) {
        for ((&byte, low), high) in group.iter().zip(low.iter_mut()).zip(high.iter_mut()) {
            *low += u32::from(entry[usize::from(byte & 0x0f)]);
            *high += u32::from(entry[usize::from(byte >> 4)]);
        }
    }
}

/// [`crate::Kernels::passing`].
pub(crate) fn passing(
    test: &RowTest,
    sums: &[u32; ROWS],
    slopes: &[f32; ROWS],
    norms: &[f32; ROWS],
) -> u32 {
    let mut mask = 0;
    for (place, ((&sum, &slope), &norm)) in sums.iter().zip(slopes).zip(norms).enumerate() {
        mask |= u32::from(test.passes(sum, slope, norm)) << place;
    }
    mask
}

/// [`crate::Kernels::sift_signs`].
pub(crate) fn sift_signs(block: &SignBlock<'_>, sieves: &[Sieve<'_>], sifted: &mut [Sifted]) {
    sift_one_by_one(block, sieves, sifted, scan_signs, passing);
}

/// One query after the other, by the kernels of a level.
#[inline]
pub(crate) fn sift_one_by_one(
    block: &SignBlock<'_>,
    sieves: &[Sieve<'_>],
    sifted: &mut [Sifted],
    mut scan: impl FnMut(&[u8], &[u8], &mut [u32; ROWS]),
    passing: impl Fn(&RowTest, &[u32; ROWS], &[f32; ROWS], &[f32; ROWS]) -> u32,
) {
    for (sieve, sifted) in sieves.iter().zip(sifted) {
        sifted.sums = [0; ROWS];
        scan(block.plane, sieve.table, &mut sifted.sums);
        sifted.rows = passing(&sieve.test, &sifted.sums, block.slopes, block.norms);
    }
}

/// [`crate::Kernels::seek_signs`].
pub(crate) fn seek_signs(runs: &[SignRun<'_>; 2], sieve: &Sieve<'_>, sifted: &mut Sifted) -> usize {
    seek_block_by_block(runs, sieve, sifted, sift_signs)
}

/// One block after the other, by a level's [`sift_signs`].
#[inline]
pub(crate) fn seek_block_by_block(
    [run, soon]: &[SignRun<'_>; 2],
    sieve: &Sieve<'_>,
    sifted: &mut Sifted,
    sift: impl Fn(&SignBlock<'_>, &[Sieve<'_>], &mut [Sifted]),
) -> usize {
    let blocks = run.slopes.len();
    let (sieve, sifted) = (std::slice::from_ref(sieve), std::slice::from_mut(sifted));
    (0..blocks)
        .find(|&number| {
            sift(&run.block(number, sieve[0].table.len(), soon), sieve, sifted);
            sifted[0].rows != 0
        })
        .unwrap_or(blocks)
}
