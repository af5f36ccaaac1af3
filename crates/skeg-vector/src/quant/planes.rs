//! Codes of b bits a dimension, kept as planes: the first signs of 32 rows together, for the scan, and row by row
//! the other bits, for the one or two rows of a block that it leaves. Tiers `tq1`, `tq2`, `tq4`; `binary`: one plane, unrotated.
//!
//! RaBitQ: Gao and Long, "RaBitQ: Quantizing High-Dimensional Vectors with a Theoretical Error Bound for Approximate
//! Nearest Neighbor Search" (SIGMOD 2024, arXiv 2405.12497), and its extension to more bits: Gao et al., arXiv
//! 2409.09913. Notation: a row's residual o = R(r − c), with the centroid c and the rotation R over D dimensions; its
//! code x of elements in {±1/2, ±3/2, ...}; the query q = R(query − c), under inner product R(query).
//!
//! - The estimator of ⟨o, q⟩ is `slope·⟨x, q⟩` with `slope = |o|² / ⟨x, o⟩` (Theorem 3.2: unbiased
//!   over rotations).
//! - Its variance is `(slope²·|x|² − |o|²)·|q|² / (D − 1)`: the bound of Theorem 3.2, with
//!   `cos(x, o)²` multiplied out. Zero residuals have slope 0: both are 0.
//! - After the first dimensions alone, which hold the share s of |q|², the estimator is
//!   `slope·⟨x, q⟩_first / s`, with `|x|² / s` for `|x|²` in its variance: where R spreads x evenly,
//!   what the others add is noise of the same kind (as in ADSampling: Gao and Long, SIGMOD 2023).
//! - The query is rounded to integers of about 7 bits (§3.3.1), `q ≈ step·k`, the error e adds the
//!   variance `slope²·|x|²·|e|²/D`.
//! - With b bits, element x of the code is `u − (2^b − 1)/2` for an unsigned u whose bits are the
//!   planes: `⟨x, k⟩` follows from the planes' sums (as in arXiv 2409.09913).
//!
//! Scores: cosine (of rows and queries at length 1) is `1 − |o|²/2 − |q|²/2 + ⟨o, q⟩`, minus the
//! squared distance is `2⟨o, q⟩ − |o|² − |q|²`, the inner product is `⟨c, query⟩ + ⟨o, q⟩`.
//!
//! May not know: where rows and bytes are kept, k.

use skeg_simd::{Kernels, ROWS, RowTest, Sifted, SignBlock};

use super::code::{Coder, Fine};
use super::frame::{BYTES, Frame};
use super::lines::Lines;
use super::ready::{Ready, Scores, live, places};
use super::stored::{Fill, Sink, load, save};
use super::{Blocks, Codec};
use crate::Metric;

/// Rows coded as planes.
#[derive(Debug)]
pub(crate) struct Planes {
    pub(super) frame: Frame,
    pub(super) len: usize,
    /// Signs of the first dimensions, block after block.
    pub(super) heads: Lines,
    /// Row after row: signs of the other dimensions, then the further planes.
    pub(super) rests: Lines,
    slopes: Vec<[f32; ROWS]>,
    norms: Vec<[f32; ROWS]>,
    fine: Vec<Fine>,
    coder: Coder,
    residual: Vec<f32>,
    /// What is kept of the last row.
    rest: Vec<u8>,
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
        Self {
            frame: Frame::new(kernels, metric, bits, rotation_seed, centroid),
            len: 0,
            heads: Lines::default(),
            rests: Lines::default(),
            slopes: Vec::new(),
            norms: Vec::new(),
            fine: Vec::new(),
            coder: Coder::default(),
            residual: Vec::new(),
            rest: Vec::new(),
        }
    }

    /// All codes, as they are kept.
    pub(super) fn blocks(&self) -> [&[u8]; 2] {
        [&self.heads, &self.rests]
    }

    /// Bytes of a row's signs that the first step does not look at.
    pub(super) fn tail_bytes(&self) -> usize {
        (self.frame.dim - self.frame.head) / 8
    }

    /// Bytes of what is kept of one row beside what the first step looks at.
    pub(super) fn rest_bytes(&self) -> usize {
        self.tail_bytes() + (self.frame.bits as usize - 1) * self.frame.dim / 8
    }

    /// That of one row.
    pub(super) fn rest(&self, place: usize) -> &[u8] {
        let bytes = self.rest_bytes();
        &self.rests[place * bytes..][..bytes]
    }

    /// Signs of the first dimensions of a block.
    fn head(&self, block: usize) -> &[u8] {
        let bytes = self.frame.head * BYTES;
        &self.heads[block * bytes..][..bytes]
    }

    /// Estimate and bound of one row by all its planes; `signs` is the scan's sum.
    fn refine(&self, ready: &Ready, place: usize, signs: u32) -> (f32, f32) {
        let frame = &self.frame;
        let (slope, norm2) =
            (self.slopes[place / ROWS][place % ROWS], self.norms[place / ROWS][place % ROWS]);
        if frame.bits == 1 {
            return frame.by_signs(ready, (slope, norm2), signs);
        }
        let test = &ready.whole;
        let shared = norm2 * test.weight + test.base;
        let mut weight = (1_u32 << (frame.bits - 1)) as f32;
        let mut sum = weight * (signs as f32 + ready.below);
        for plane in self.rest(place)[self.tail_bytes()..].chunks_exact(frame.dim / 8) {
            weight *= 0.5;
            sum += weight * frame.kernels.sum_where(plane, &ready.numbers) as f32;
        }
        sum -= ((1_u32 << frame.bits) - 1) as f32 * 0.5 * ready.total;
        let fine = self.fine[place];
        let slope = slope * fine.ratio();
        let estimate = shared + slope * (frame.gain() * ready.step) * sum;
        // |slope·x|² = |o|² / cos².
        let length2 = norm2 / (fine.cosine() * fine.cosine());
        let variance = (length2 - norm2) * test.known
            + length2 * ready.rounding * (frame.gain() * ready.deviations).powi(2);
        (estimate, variance.max(0.0).sqrt() + frame.rounding(ready, norm2))
    }
}

/// Reads one number for each row of so many blocks.
fn load_blocks<E>(blocks: usize, fill: &mut impl Fill<E>) -> Result<Vec<[f32; ROWS]>, E> {
    let numbers = load::<E, 4, f32>(blocks * ROWS, fill)?;
    Ok(numbers.as_chunks().0.to_vec())
}

impl Blocks for Planes {
    fn len(&self) -> usize {
        self.len
    }

    fn prepare(&self, query: &[f32], deviations: f32, ready: &mut Ready) {
        self.frame.prepare(query, deviations, ready);
    }

    fn ahead(&self) -> usize {
        self.frame.ahead()
    }

    #[inline]
    fn sift(
        &self,
        block: usize,
        soon: Option<usize>,
        asked: &[(&Ready, f32)],
        sifted: &mut [Sifted],
    ) {
        if let Some(soon) = soon {
            skeg_simd::prefetch(&self.slopes[soon]);
            skeg_simd::prefetch(&self.norms[soon]);
        }
        let signs = SignBlock {
            plane: self.head(block),
            slopes: &self.slopes[block],
            norms: &self.norms[block],
            soon: soon.map_or(&[][..], |soon| self.head(soon)),
        };
        self.frame.sift(&signs, asked, sifted);
        let rows = live(block, self.len);
        sifted.iter_mut().for_each(|sifted| sifted.rows &= rows);
    }

    #[inline]
    fn prefetch(&self, block: usize, rows: u32) {
        for place in places(rows).map(|place| block * ROWS + place) {
            skeg_simd::prefetch(self.rest(place));
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
        let (slopes, norms) = (&self.slopes[block], &self.norms[block]);
        let floor = Frame::below(ready, floor);
        let test = RowTest { floor, ..ready.whole };
        let mut reaching = 0;
        for within in places(sifted.rows) {
            let place = block * ROWS + within;
            let mut sum = sifted.sums[within];
            if self.frame.head < self.frame.dim {
                let tail = &self.rest(place)[..self.tail_bytes()];
                let tail = self.frame.kernels.sum_where(tail, &ready.numbers[self.frame.head..]);
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
        let blocks = rows.div_ceil(ROWS);
        self.heads.reserve_exact(blocks * self.frame.head * BYTES);
        self.rests.reserve_exact(rows * self.rest_bytes());
        self.slopes.reserve_exact(blocks);
        self.norms.reserve_exact(blocks);
        self.fine.reserve_exact(if self.frame.bits > 1 { rows } else { 0 });
    }

    fn push(&mut self, row: &[f32]) {
        let (block, place) = (self.len / ROWS, self.len % ROWS);
        if place == 0 {
            self.heads.extend_zeros(self.frame.head * BYTES);
            self.slopes.push([0.0; ROWS]);
            self.norms.push([0.0; ROWS]);
        }
        self.frame.residual_into(row, &mut self.residual);
        let Frame { kernels, bits, head, .. } = self.frame;
        let factors = self.coder.encode(kernels, bits, &self.residual);
        let signs = &mut self.heads[block * head * BYTES..][..head * BYTES];
        self.frame.put_signs(&self.coder.levels, signs, place);
        self.slopes[block][place] = factors.slope;
        self.norms[block][place] = factors.norm2;
        self.rest.clear();
        for plane in (0..bits).rev() {
            let from = if plane == bits - 1 { head } else { 0 };
            self.coder.append_plane(plane, from, &mut self.rest);
        }
        self.rests.extend_from_slice(&self.rest);
        if bits > 1 {
            self.fine.push(factors.fine);
        }
        self.len += 1;
    }

    fn code_bytes(&self) -> usize {
        self.heads.len() + self.rests.len()
    }

    fn factor_bytes(&self) -> usize {
        size_of_val(&self.slopes[..]) + size_of_val(&self.norms[..]) + size_of_val(&self.fine[..])
    }

    fn save_codes<E>(&self, out: &mut impl Sink<E>) -> Result<(), E> {
        self.save_planes(out)
    }

    fn save_factors<E>(&self, out: &mut impl Sink<E>) -> Result<(), E> {
        save(self.slopes.as_flattened(), out)?;
        save(self.norms.as_flattened(), out)?;
        save(&self.fine, out)
    }

    fn load<E>(
        &mut self,
        rows: usize,
        codes: &mut impl Fill<E>,
        factors: &mut impl Fill<E>,
    ) -> Result<(), E> {
        let blocks = rows.div_ceil(ROWS);
        self.load_planes(rows, codes)?;
        self.slopes = load_blocks(blocks, factors)?;
        self.norms = load_blocks(blocks, factors)?;
        self.fine = load(if self.frame.bits > 1 { rows } else { 0 }, factors)?;
        self.len = rows;
        Ok(())
    }
}
