//! What all codes of signs of some rows have in common, wherever those are kept: how residuals are made, how many
//! dimensions a scan looks at first; and a query made ready for them. The notation is that of `residuals.rs`.
//!
//! - The query is rounded to integers of about 7 bits (RaBitQ, §3.3.1), `q ≈ step·k`, the error e adds the
//!   variance `slope²·|x|²·|e|²/D`.
//!
//! May not know: where codes are kept, how many rows there are.

use skeg_simd::{ENTRY_MAX, Kernels, Sifted, SignBlock};

use super::laid;
use super::ready::Ready;
use super::residuals::{Residuals, SLACK, Sums};
use crate::Metric;

/// The largest sum of four of the query's integers before they are rounded: at most 2 are added.
const FOUR_MAX: f32 = ENTRY_MAX as f32 - 2.0;

/// See the module's header.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(super) kernels: &'static Kernels,
    pub(super) bits: u32,
    /// Dimensions of a code.
    pub(super) dim: usize,
    /// Those of the first step of a scan.
    pub(super) head: usize,
    residuals: Residuals,
}

impl Frame {
    /// The centroid has the dimension of the rows.
    pub(crate) fn new(
        kernels: &'static Kernels,
        metric: Metric,
        bits: u32,
        rotation_seed: Option<u64>,
        centroid: Vec<f32>,
    ) -> Self {
        let residuals = Residuals::new(kernels, metric, rotation_seed, centroid);
        let dim = residuals.dim;
        // Without a rotation nothing says that the first dimensions stand for all.
        let head = laid::head(dim, rotation_seed.is_some());
        Self { kernels, bits, dim, head, residuals }
    }

    /// The same, for a scan that looks at all dimensions at once.
    pub(crate) fn in_one_step(self) -> Self {
        Self { head: self.dim, ..self }
    }

    /// Bytes allocated behind this struct.
    pub(super) fn heap_bytes(&self) -> usize {
        self.residuals.heap_bytes()
    }

    /// The residual of a row, turned.
    pub(super) fn residual_into(&self, row: &[f32], residual: &mut Vec<f32>) {
        self.residuals.of_row(row, residual);
    }

    /// Makes a query ready. `deviations` are those of a bound.
    pub(super) fn prepare(&self, query: &[f32], deviations: f32, ready: &mut Ready) {
        let base = self.residuals.prepare(query, deviations, ready);
        ready.rounding = Self::round(ready, self.head) / self.dim as f32;
        ready.rest_below = ready.numbers[self.head..].iter().map(|&k| i32::from(k.min(0))).sum();
        ready.head = self.residuals.test(ready, base, self.head, self.sums(ready, self.head));
        ready.whole = self.residuals.test(ready, base, self.dim, self.sums(ready, self.dim));
    }

    /// Looks at the first dimensions of a block for some queries at once, each with its floor.
    #[inline]
    pub(super) fn sift(
        &self,
        signs: &SignBlock<'_>,
        asked: &[(&Ready, f32)],
        sifted: &mut [Sifted],
    ) {
        laid::sift(self.kernels, signs, asked, sifted);
    }

    /// How many blocks ahead of the scan signs are fetched.
    pub(super) fn ahead(&self) -> usize {
        laid::ahead(self.head)
    }

    /// Writes the first signs of a row, of which these are the elements, into its places of a block of the
    /// scan's layout.
    pub(super) fn put_signs(&self, levels: &[u8], block: &mut [u8], place: usize) {
        laid::put_first(self.bits, levels, block, place);
    }

    /// The query's integers and, for the first dimensions, the table of what four signs add. Gives the squared
    /// norm of the rounding error.
    fn round(ready: &mut Ready, head: usize) -> f32 {
        let largest = ready.vector.chunks_exact(4).fold(0.0_f32, |largest, four| {
            largest.max(four[0].abs() + four[1].abs() + four[2].abs() + four[3].abs())
        });
        ready.step = largest / FOUR_MAX;
        let inverse = if largest > 0.0 { FOUR_MAX / largest } else { 0.0 };
        // Adding 1.5 × 2^23 leaves the nearest integer in the lowest bits.
        const ROUND: f32 = 12_582_912.0;
        ready.numbers.clear();
        let integers = ready.vector.iter().map(|&x| (x * inverse + ROUND).to_bits() as i8);
        ready.numbers.extend(integers);
        let mut error = 0.0;
        let (mut total, mut below) = (0, 0);
        for (&x, &k) in ready.vector.iter().zip(&ready.numbers) {
            let off = x - ready.step * f32::from(k);
            error += off * off;
            total += i32::from(k);
            below += i32::from(k.min(0));
        }
        ready.total = total as f32;
        ready.below = below as f32;
        ready.table.clear();
        for four in ready.numbers[..head].as_chunks::<4>().0 {
            let negative: i8 = four.iter().map(|&k| k.min(0)).sum();
            let mut entries = [negative.wrapping_neg().cast_unsigned(); 16];
            for (n, &k) in four.iter().enumerate() {
                for (pattern, entry) in entries.iter_mut().enumerate() {
                    let chosen = if pattern >> n & 1 == 1 { k.cast_unsigned() } else { 0 };
                    *entry = entry.wrapping_add(chosen);
                }
            }
            ready.table.extend_from_slice(&entries);
        }
        error
    }

    /// What sums over the first `dims` dimensions stand for.
    fn sums(&self, ready: &Ready, dims: usize) -> Sums {
        let (mut below, mut sum) = (0, 0);
        for &k in &ready.numbers[..dims] {
            below += i32::from(k.min(0));
            sum += i32::from(k);
        }
        let zero = ready.step * (below as f32 - 0.5 * sum as f32);
        Sums { step: ready.step, zero, length2: self.dim as f32 / 4.0 }
    }

    /// What ⟨o, q⟩ is multiplied by in a score.
    pub(super) fn gain(&self) -> f32 {
        self.residuals.gain()
    }

    /// What rounding may shift a row's score by.
    pub(super) fn rounding(&self, ready: &Ready, norm2: f32) -> f32 {
        SLACK * (ready.size - norm2 * ready.whole.weight)
    }

    /// Estimate and bound of one row by its signs alone; `signs` is the scan's sum.
    pub(super) fn by_signs(
        &self,
        ready: &Ready,
        (slope, norm2): (f32, f32),
        signs: u32,
    ) -> (f32, f32) {
        let test = &ready.whole;
        let shared = norm2 * test.weight + test.base;
        let estimate = shared + slope * (signs as f32 * test.step + test.offset);
        let variance = slope * slope * test.noise - norm2 * test.known;
        (estimate, variance.max(0.0).sqrt() + self.rounding(ready, norm2))
    }
}
