//! Codes of b bits a dimension, kept as planes: the first signs of 32 rows together, for the scan, and row by row
//! the other bits, for the one or two rows of a block that it leaves. Tiers `tq1`, `tq2`, `tq4`; `binary`: one plane, unrotated.
//!
//! RaBitQ: Gao and Long, "RaBitQ: Quantizing High-Dimensional Vectors with a Theoretical Error Bound for Approximate
//! Nearest Neighbor Search" (SIGMOD 2024, arXiv 2405.12497), and its extension to more bits: Gao et al., arXiv
//! 2409.09913. Notation, estimator and bound are in `residuals.rs` and `frame.rs`; a code x has elements in {±1/2, ±3/2, ...}.
//!
//! - With b bits, element x of the code is `u − (2^b − 1)/2` for an unsigned u whose bits are the
//!   planes: `⟨x, k⟩` follows from the planes' sums (as in arXiv 2409.09913).
//!
//! May not know: where rows and bytes are kept, k.

use std::ops::Range;

use skeg_simd::{Kernels, ROWS, RowTest, Sifted};

use super::code::{Coder, Fine};
use super::frame::Frame;
use super::laid::Laid;
use super::order::Run;
use super::ready::{Ready, Scores, places};
use super::residuals::below;
use super::stored::{Fill, Sink, load, save};
use super::{Blocks, Codec};
use crate::Metric;

/// Rows coded as planes.
#[derive(Debug)]
pub(crate) struct Planes {
    frame: Frame,
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
        let frame = Frame::new(kernels, metric, bits, rotation_seed, centroid);
        let laid = Laid::new(kernels, bits, frame.dim, frame.head);
        let (fine, coder, residual) = (Vec::new(), Coder::default(), Vec::new());
        Self { frame, laid, fine, coder, residual }
    }

    /// All codes, as they are kept.
    pub(super) fn blocks(&self) -> [&[u8]; 2] {
        self.laid.bytes()
    }

    /// Estimate and bound of one row by all its planes; `signs` is the scan's sum.
    fn refine(&self, ready: &Ready, place: usize, signs: u32) -> (f32, f32) {
        let test = &ready.whole;
        let laid = &self.laid;
        let (slope, norm2) =
            (laid.slopes[place / ROWS][place % ROWS], laid.norms[place / ROWS][place % ROWS]);
        if self.frame.bits == 1 {
            return self.frame.by_signs(ready, (slope, norm2), signs);
        }
        let shared = norm2 * test.weight + test.base;
        let mut weight = (1_u32 << (self.frame.bits - 1)) as f32;
        let mut sum = weight * (signs as f32 + ready.below);
        for plane in laid.rest(place)[laid.tail_bytes()..].chunks_exact(laid.dim / 8) {
            weight *= 0.5;
            sum += weight * self.frame.kernels.sum_where(plane, &ready.numbers) as f32;
        }
        sum -= ((1_u32 << self.frame.bits) - 1) as f32 * 0.5 * ready.total;
        let fine = self.fine[place];
        let slope = slope * fine.ratio();
        let estimate = shared + slope * (self.frame.gain() * ready.step) * sum;
        // |slope·x|² = |o|² / cos².
        let length2 = norm2 / (fine.cosine() * fine.cosine());
        let variance = (length2 - norm2) * test.known
            + length2 * ready.rounding * (self.frame.gain() * ready.deviations).powi(2);
        (estimate, variance.max(0.0).sqrt() + self.frame.rounding(ready, norm2))
    }
}

impl Blocks for Planes {
    fn len(&self) -> usize {
        self.laid.len
    }

    fn prepare(&self, query: &[f32], deviations: f32, ready: &mut Ready) {
        self.frame.prepare(query, deviations, ready);
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
    fn seek(
        &self,
        blocks: Range<usize>,
        run: &Run,
        asked: (&Ready, f32),
        sifted: &mut Sifted,
    ) -> usize {
        self.laid.seek(blocks, run, asked, sifted)
    }

    #[inline]
    fn prefetch(&self, block: usize, rows: u32) {
        for place in places(rows).map(|place| block * ROWS + place) {
            skeg_simd::prefetch(self.laid.rest(place));
            if self.frame.bits > 1 {
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
                let tail = self.frame.kernels.sum_where(tail, &ready.numbers[laid.head..]);
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
}

impl Codec for Planes {
    fn reserve(&mut self, rows: usize) {
        self.laid.reserve(rows);
        self.fine.reserve_exact(if self.frame.bits > 1 { rows } else { 0 });
    }

    fn push(&mut self, row: &[f32]) -> bool {
        self.frame.residual_into(row, &mut self.residual);
        let factors = self.coder.encode(self.frame.kernels, self.frame.bits, &self.residual);
        self.laid.push(&self.coder.levels, factors.slope, factors.norm2);
        if self.frame.bits > 1 {
            self.fine.push(factors.fine);
        }
        true
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
        self.fine = load(if self.frame.bits > 1 { rows } else { 0 }, factors)?;
        Ok(())
    }
}
