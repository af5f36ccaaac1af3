//! What a scan of signs looks at, and what it lets through.
//!
//! May not know: instruction sets.

#[cfg(target_arch = "x86_64")]
use std::slice;

use crate::dispatch::ROWS;

/// What [`crate::Kernels::passing`] holds 32 rows against. A row with the sum u, the slope s and the
/// squared norm n passes when its estimate `base + weight·n + s·(step·u + offset)` lacks at most
/// `√(noise·s² − known·n)` of `floor`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct RowTest {
    /// What an estimate must reach.
    pub floor: f32,
    /// The part of an estimate that all rows share.
    pub base: f32,
    /// What a row's squared norm is multiplied by.
    pub weight: f32,
    /// What one unit of a sum stands for.
    pub step: f32,
    /// What a sum of zero stands for.
    pub offset: f32,
    /// The variance allowed, for a slope of 1.
    pub noise: f32,
    /// The variance that is none, for a squared norm of 1.
    pub known: f32,
}

impl RowTest {
    /// Whether a row passes: what [`crate::Kernels::passing`] says of it. A sum must be below 2^24.
    #[inline]
    #[must_use]
    pub fn passes(&self, sum: u32, slope: f32, norm2: f32) -> bool {
        let product = slope * (sum as f32 * self.step + self.offset);
        let short = self.floor - ((norm2 * self.weight + self.base) + product);
        let spread = slope * slope * self.noise - norm2 * self.known;
        short <= 0.0 || short * short <= spread
    }
}

/// Signs of [`ROWS`] rows, cut as [`crate::Kernels::scan_signs`] says, and what else is known of each row.
#[derive(Debug, Clone, Copy)]
pub struct SignBlock<'a> {
    /// The signs.
    pub plane: &'a [u8],
    /// The slope of each row.
    pub slopes: &'a [f32; ROWS],
    /// The squared norm of each row.
    pub norms: &'a [f32; ROWS],
    /// What is read soon: as many bytes as there are signs are fetched beside, or none when it is empty. So
    /// memory is asked for as evenly as the scan goes on.
    pub soon: &'a [u8],
}

impl<'a> SignBlock<'a> {
    /// The block as a run of one, and what is read soon.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn runs(&self) -> [SignRun<'a>; 2] {
        let (slopes, norms) = (slice::from_ref(self.slopes), slice::from_ref(self.norms));
        let soon = SignRun { planes: self.soon, ..SignRun::default() };
        [SignRun { planes: self.plane, slopes, norms }, soon]
    }
}

/// Blocks of signs that lie one after the other.
#[derive(Debug, Clone, Copy, Default)]
pub struct SignRun<'a> {
    /// The signs of all blocks, end to end.
    pub planes: &'a [u8],
    /// The slopes of each block.
    pub slopes: &'a [[f32; ROWS]],
    /// The squared norms of each block.
    pub norms: &'a [[f32; ROWS]],
}

impl<'a> SignRun<'a> {
    /// The signs of a block, which take so many bytes: none when there is no such block.
    #[inline]
    fn plane(&self, number: usize, bytes: usize) -> &'a [u8] {
        self.planes.get(number * bytes..(number + 1) * bytes).unwrap_or_default()
    }

    /// A block of the run, beside which that of another run is fetched.
    #[inline]
    pub(crate) fn block(&self, number: usize, bytes: usize, soon: &Self) -> SignBlock<'a> {
        if let (Some(slopes), Some(norms)) = (soon.slopes.get(number), soon.norms.get(number)) {
            crate::prefetch(slopes);
            crate::prefetch(norms);
        }
        SignBlock {
            plane: self.plane(number, bytes),
            slopes: &self.slopes[number],
            norms: &self.norms[number],
            soon: soon.plane(number, bytes),
        }
    }
}

/// What one query lets through.
#[derive(Debug, Clone, Copy)]
pub struct Sieve<'a> {
    /// As [`crate::Kernels::scan_signs`] takes it.
    pub table: &'a [u8],
    /// The test of the sums.
    pub test: RowTest,
}

/// What a sieve has let through.
#[derive(Debug, Clone, Copy)]
pub struct Sifted {
    /// The rows that passed: row i in bit i.
    pub rows: u32,
    /// The sums of all rows; when none has passed, whatever they were before.
    pub sums: [u32; ROWS],
}

impl Default for Sifted {
    fn default() -> Self {
        Self { rows: 0, sums: [0; ROWS] }
    }
}
