//! Codes of b bits a dimension, kept as planes: the first signs of 32 rows together, for the scan, and row by row
//! the other bits, for the one or two rows of a block that it leaves. Tiers `tq1`, `tq2`, `tq4`; `binary`: one plane, unrotated.
//!
//! RaBitQ: Gao and Long, "RaBitQ: Quantizing High-Dimensional Vectors with a Theoretical Error Bound for Approximate
//! Nearest Neighbor Search" (SIGMOD 2024, arXiv 2405.12497), and its extension to more bits: Gao et al., arXiv
//! 2409.09913. Notation, estimator and bound are in `residuals.rs`; a code x has elements in {±1/2, ±3/2, ...}.
//!
//! - The query is rounded to integers of about 7 bits (§3.3.1), `q ≈ step·k`, the error e adds the
//!   variance `slope²·|x|²·|e|²/D`.
//! - With b bits, element x of the code is `u − (2^b − 1)/2` for an unsigned u whose bits are the
//!   planes: `⟨x, k⟩` follows from the planes' sums (as in arXiv 2409.09913).
//!
//! May not know: where rows and bytes are kept, k.

use skeg_simd::{ENTRY_MAX, Kernels, ROWS, RowTest, Sifted};

use super::Codec;
use super::code::{Coder, Fine};
use super::laid::Laid;
use super::ready::{Ready, Scores, places};
use super::residuals::{Residuals, SLACK, Sums, below};
use super::stored::{Fill, Sink, load, save};
use crate::Metric;

/// The largest sum of four of the query's integers before they are rounded: at most 2 are added.
const FOUR_MAX: f32 = ENTRY_MAX as f32 - 2.0;

/// Rows coded as planes.
#[derive(Debug)]
pub(crate) struct Planes {
    kernels: &'static Kernels,
    bits: u32,
    residuals: Residuals,
    laid: Laid,
    fine: Vec<Fine>,
    coder: Coder,
    residual: Vec<f32>,
}

impl Planes {
    /// No rows yet. The centroid has the dimension of the rows.
    pub(crate) fn new(
        kernels: &'static Kernels,
        metric: Metric,
        bits: u32,
        rotation_seed: Option<u64>,
        centroid: Vec<f32>,
    ) -> Self {
        let residuals = Residuals::new(kernels, metric, rotation_seed, centroid);
        // Without a rotation nothing says that the first dimensions stand for all.
        let laid = Laid::new(kernels, bits, residuals.dim, rotation_seed.is_some());
        let (fine, coder, residual) = (Vec::new(), Coder::default(), Vec::new());
        Self { kernels, bits, residuals, laid, fine, coder, residual }
    }

    /// All codes, as they are kept.
    pub(super) fn blocks(&self) -> [&[u8]; 2] {
        self.laid.bytes()
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
        Sums { step: ready.step, zero, length2: self.laid.dim as f32 / 4.0 }
    }

    /// Estimate and bound of one row by all its planes; `signs` is the scan's sum.
    fn refine(&self, ready: &Ready, place: usize, signs: u32) -> (f32, f32) {
        let test = &ready.whole;
        let laid = &self.laid;
        let (slope, norm2) =
            (laid.slopes[place / ROWS][place % ROWS], laid.norms[place / ROWS][place % ROWS]);
        let shared = norm2 * test.weight + test.base;
        let rounding = SLACK * (ready.size - norm2 * test.weight);
        if self.bits == 1 {
            let estimate = shared + slope * (signs as f32 * test.step + test.offset);
            let variance = slope * slope * test.noise - norm2 * test.known;
            return (estimate, variance.max(0.0).sqrt() + rounding);
        }
        let mut weight = (1_u32 << (self.bits - 1)) as f32;
        let mut sum = weight * (signs as f32 + ready.below);
        for plane in laid.rest(place)[laid.tail_bytes()..].chunks_exact(laid.dim / 8) {
            weight *= 0.5;
            sum += weight * self.kernels.sum_where(plane, &ready.numbers) as f32;
        }
        sum -= ((1_u32 << self.bits) - 1) as f32 * 0.5 * ready.total;
        let fine = self.fine[place];
        let slope = slope * fine.ratio();
        let estimate = shared + slope * (self.residuals.gain() * ready.step) * sum;
        // |slope·x|² = |o|² / cos².
        let length2 = norm2 / (fine.cosine() * fine.cosine());
        let variance = (length2 - norm2) * test.known
            + length2 * ready.rounding * (self.residuals.gain() * ready.deviations).powi(2);
        (estimate, variance.max(0.0).sqrt() + rounding)
    }
}

impl Codec for Planes {
    fn len(&self) -> usize {
        self.laid.len
    }

    fn reserve(&mut self, rows: usize) {
        self.laid.reserve(rows);
        self.fine.reserve_exact(if self.bits > 1 { rows } else { 0 });
    }

    fn push(&mut self, row: &[f32]) -> bool {
        self.residuals.of_row(row, &mut self.residual);
        let factors = self.coder.encode(self.kernels, self.bits, &self.residual);
        self.laid.push(&self.coder.levels, factors.slope, factors.norm2);
        if self.bits > 1 {
            self.fine.push(factors.fine);
        }
        true
    }

    fn prepare(&self, query: &[f32], deviations: f32, ready: &mut Ready) {
        let base = self.residuals.prepare(query, deviations, ready);
        let (dim, head) = (self.laid.dim, self.laid.head);
        ready.rounding = Self::round(ready, head) / dim as f32;
        ready.rest_below = ready.numbers[head..].iter().map(|&k| i32::from(k.min(0))).sum();
        ready.head = self.residuals.test(ready, base, head, self.sums(ready, head));
        ready.whole = self.residuals.test(ready, base, dim, self.sums(ready, dim));
    }

    fn ahead(&self) -> usize {
        self.laid.ahead()
    }

    #[inline]
    fn sift(
        &self,
        block: usize,
        soon: Option<usize>,
        asked: &[(&Ready, f32)],
        sifted: &mut [Sifted],
    ) {
        self.laid.sift(block, soon, asked, sifted);
    }

    #[inline]
    fn prefetch(&self, block: usize, rows: u32) {
        for place in places(rows).map(|place| block * ROWS + place) {
            skeg_simd::prefetch(self.laid.rest(place));
            if self.bits > 1 {
                skeg_simd::prefetch(&self.fine[place..][..1]);
            }
        }
    }

    #[inline]
    fn score(
        &self,
        ready: &Ready,
        block: usize,
        floor: f32,
        sifted: &Sifted,
        scores: &mut Scores,
    ) -> u32 {
        let laid = &self.laid;
        let (slopes, norms) = (&laid.slopes[block], &laid.norms[block]);
        let floor = below(ready, floor);
        let test = RowTest { floor, ..ready.whole };
        let mut reaching = 0;
        for within in places(sifted.rows) {
            let place = block * ROWS + within;
            let mut sum = sifted.sums[within];
            if laid.head < laid.dim {
                let tail = &laid.rest(place)[..laid.tail_bytes()];
                let tail = self.kernels.sum_where(tail, &ready.numbers[laid.head..]);
                // As in the tables of the first step, what numbers below zero add comes off.
                sum = sum.wrapping_add_signed(tail - ready.rest_below);
                if !test.passes(sum, slopes[within], norms[within]) {
                    continue;
                }
            }
            let (estimate, bound) = self.refine(ready, place, sum);
            scores.estimates[within] = estimate;
            scores.bounds[within] = bound;
            reaching |= u32::from(estimate + bound >= floor) << within;
        }
        reaching
    }

    fn code_bytes(&self) -> usize {
        self.laid.code_bytes()
    }

    fn factor_bytes(&self) -> usize {
        self.laid.factor_bytes() + size_of_val(&self.fine[..])
    }

    fn save_codes<E>(&self, out: &mut impl Sink<E>) -> Result<(), E> {
        self.laid.save_planes(out)
    }

    fn save_factors<E>(&self, out: &mut impl Sink<E>) -> Result<(), E> {
        self.laid.save_factors(out)?;
        save(&self.fine, out)
    }

    fn load<E>(
        &mut self,
        rows: usize,
        codes: &mut impl Fill<E>,
        factors: &mut impl Fill<E>,
    ) -> Result<(), E> {
        self.laid.load(rows, codes, factors)?;
        self.fine = load(if self.bits > 1 { rows } else { 0 }, factors)?;
        Ok(())
    }
}
