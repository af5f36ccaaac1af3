//! Codes of words: for each four dimensions of a turned residual the nearest of 16 that were learned from rows. Tier `pq`.
//!
//! Such a code is four bits for four dimensions, as signs are, and is scanned by the same look-ups: only that the table of
//! a part says what each word adds to ⟨x, q⟩, not what each pattern of signs does. Notation, estimator and bound are
//! in `residuals.rs`.
//!
//! - Table entries are six bits, all of one step above the least of their part. What rounding them adds is a variance
//!   of its own, `slope²·Σ e²` with the mean squared error of each part.
//! - Codes differ in |x|. The tests of a scan take the greatest for all; what they leave is held against the
//!   row's own, which follows from the cosine of code and residual: `slope²·|x|² = |o|²/cos²`.
//!
//! - Errors are less evenly spread than those of signs: their variance is a multiple that was measured (`codebook.rs`).
//!
//! Invariants: as of planes; a row whose code says nothing of it (`codebook.rs`) is said to have none.
//!
//! May not know: where rows and bytes are kept, k.

use std::ops::Range;

use skeg_simd::{ENTRY_MAX, Kernels, ROWS, RowTest, Sifted};

use super::codebook::{Codebook, WORDS};
use super::laid::{self, BYTES, Laid};
use super::order::Run;
use super::ready::{Ready, Scores, places};
use super::residuals::{Residuals, SLACK, Sums, below};
use super::stored::{Fill, Sink, load, save};
use super::{Blocks, Codec};
use crate::Metric;

/// Cosines are kept in units of this, rounded down.
const UNITS: f32 = 65_536.0;

/// Rows coded as words.
#[derive(Debug)]
pub(crate) struct Product {
    residuals: Residuals,
    codebook: Codebook,
    laid: Laid,
    /// The cosine of code and residual, of each row.
    cosines: Vec<u16>,
    /// The greatest |x|².
    longest: f32,
    levels: Vec<u8>,
    residual: Vec<f32>,
}

impl Product {
    /// No rows yet. The centroid has the dimension of the rows, the codebook that of their residuals.
    pub(crate) fn new(
        kernels: &'static Kernels,
        metric: Metric,
        rotation_seed: Option<u64>,
        centroid: Vec<f32>,
        codebook: Codebook,
    ) -> Self {
        let residuals = Residuals::new(kernels, metric, rotation_seed, centroid);
        let residuals = residuals.with_spread(codebook.spread());
        let head = laid::head(residuals.dim, rotation_seed.is_some());
        let laid = Laid::new(kernels, 1, residuals.dim, head);
        let (cosines, levels, residual) = (Vec::new(), Vec::new(), Vec::new());
        Self { residuals, codebook, laid, cosines, longest: 0.0, levels, residual }
    }

    /// All codes, as they are kept.
    pub(super) fn blocks(&self) -> [&[u8]; 2] {
        self.laid.bytes()
    }

    /// The query's tables. Gives the sum of what rounding them adds to a variance.
    fn round(&self, ready: &mut Ready) -> f32 {
        self.codebook.products(&ready.vector, &mut ready.products);
        let parts = ready.products.as_chunks::<WORDS>().0;
        let least = |part: &[f32; WORDS]| part.iter().fold(f32::INFINITY, |a, &b| a.min(b));
        let widest = parts.iter().fold(0.0_f32, |widest, part| {
            let most = part.iter().fold(f32::NEG_INFINITY, |a, &b| a.max(b));
            widest.max(most - least(part))
        });
        ready.step = widest / f32::from(ENTRY_MAX);
        let inverse = if widest > 0.0 { f32::from(ENTRY_MAX) / widest } else { 0.0 };
        // Adding 2^23 leaves the nearest integer in the lowest bits.
        const ROUND: f32 = 8_388_608.0;
        ready.table.clear();
        ready.least.clear();
        let mut error = 0.0;
        for part in parts {
            let least = least(part);
            let entries = part.map(|x| ((x - least) * inverse + ROUND).to_bits() as u8);
            for (&x, entry) in part.iter().zip(entries) {
                let off = x - least - ready.step * f32::from(entry);
                error += off * off;
            }
            ready.table.extend_from_slice(&entries);
            ready.least.push(least);
        }
        error / WORDS as f32
    }

    /// What sums over the first `dims` dimensions stand for.
    fn sums(&self, ready: &Ready, dims: usize) -> Sums {
        let zero = ready.least[..dims / 4].iter().sum();
        Sums { step: ready.step, zero, length2: self.longest }
    }

    /// Looks what is behind the first dimensions of a row up.
    fn tail(&self, ready: &Ready, place: usize) -> u32 {
        let table = ready.table[self.laid.head * BYTES..].as_chunks::<{ 4 * WORDS }>().0;
        let codes = self.laid.rest(place).as_chunks::<2>().0;
        let mut sum = 0;
        // Two bytes have the words of four parts.
        for (four, bytes) in table.iter().zip(codes) {
            let words = usize::from(u16::from_le_bytes(*bytes));
            let entry = |part: usize| four[part * WORDS + (words >> (4 * part) & 0x0f)];
            sum += u32::from(entry(0))
                + u32::from(entry(1))
                + u32::from(entry(2))
                + u32::from(entry(3));
        }
        sum
    }

    fn cosine(&self, place: usize) -> f32 {
        f32::from(self.cosines[place].max(1)) / UNITS
    }

    /// Takes the length of a row's code into account: that which its factors stand for.
    fn note_length(&mut self, place: usize) {
        let (block, within) = (place / ROWS, place % ROWS);
        let (slope, norm2) = (self.laid.slopes[block][within], self.laid.norms[block][within]);
        if slope > 0.0 {
            let cosine = f64::from(self.cosine(place));
            let length2 = f64::from(norm2) / (f64::from(slope) * cosine).powi(2);
            self.longest = self.longest.max(length2 as f32);
        }
    }
}

impl Blocks for Product {
    fn len(&self) -> usize {
        self.laid.len
    }

    fn prepare(&self, query: &[f32], deviations: f32, ready: &mut Ready) {
        let base = self.residuals.prepare(query, deviations, ready);
        let error = self.round(ready);
        ready.rounding = if self.longest > 0.0 { error / self.longest } else { 0.0 };
        let (dim, head) = (self.laid.dim, self.laid.head);
        ready.head = self.residuals.test(ready, base, head, self.sums(ready, head));
        ready.whole = self.residuals.test(ready, base, dim, self.sums(ready, dim));
        ready.rounding = error * (self.residuals.gain() * ready.deviations).powi(2);
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
            skeg_simd::prefetch(&self.cosines[place..][..1]);
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
        let (slopes, norms) = (&self.laid.slopes[block], &self.laid.norms[block]);
        let floor = below(ready, floor);
        let test = RowTest { floor, ..ready.whole };
        let mut reaching = 0;
        for within in places(sifted.rows) {
            let place = block * ROWS + within;
            let (slope, norm2) = (slopes[within], norms[within]);
            let mut sum = sifted.sums[within];
            if self.laid.head < self.laid.dim {
                sum += self.tail(ready, place);
                if !test.passes(sum, slope, norm2) {
                    continue;
                }
            }
            let shared = norm2 * test.weight + test.base;
            let estimate = shared + slope * (sum as f32 * test.step + test.offset);
            let cosine = self.cosine(place);
            let spread = (norm2 / (cosine * cosine) - norm2) * test.known;
            let variance = spread + slope * slope * ready.rounding;
            let rounding = SLACK * (ready.size - norm2 * test.weight);
            let bound = variance.max(0.0).sqrt() + rounding;
            scores.estimates[within] = estimate;
            scores.bounds[within] = bound;
            reaching |= u32::from(estimate + bound >= floor) << within;
        }
        reaching
    }
}

impl Codec for Product {
    fn reserve(&mut self, rows: usize) {
        self.laid.reserve(rows);
        self.cosines.reserve_exact(rows);
    }

    fn push(&mut self, row: &[f32]) -> bool {
        self.residuals.of_row(row, &mut self.residual);
        let coded = self.codebook.encode(&mut self.residual, &mut self.levels);
        let place = self.laid.len;
        self.laid.push(&self.levels, coded.slope, coded.norm2);
        self.cosines.push((coded.cosine * UNITS).min(UNITS - 1.0) as u16);
        self.note_length(place);
        coded.is_valid
    }

    fn code_bytes(&self) -> usize {
        self.laid.code_bytes()
    }

    fn factor_bytes(&self) -> usize {
        self.laid.factor_bytes() + size_of_val(&self.cosines[..])
    }

    fn save_codes<E>(&self, out: &mut impl Sink<E>) -> Result<(), E> {
        self.laid.save_planes(out)
    }

    fn save_factors<E>(&self, out: &mut impl Sink<E>) -> Result<(), E> {
        self.laid.save_factors(out)?;
        save(&self.cosines, out)
    }

    fn load<E>(
        &mut self,
        rows: usize,
        codes: &mut impl Fill<E>,
        factors: &mut impl Fill<E>,
    ) -> Result<(), E> {
        self.laid.load(rows, codes, factors)?;
        self.cosines = load(rows, factors)?;
        (0..rows).for_each(|place| self.note_length(place));
        Ok(())
    }
}
