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

use skeg_simd::{ENTRY_MAX, Kernels, ROWS, RowTest, Sieve, Sifted, SignBlock};

use super::code::{Coder, Fine};
use super::lines::Lines;
use super::ready::{Ready, Scores, live, places};
use super::rotation::{MULTIPLE, Rotation};
use super::stored::{Fill, Sink, load, save};
use super::{Codec, unit_into};
use crate::Metric;

/// Bytes of a block's signs for one dimension.
pub(super) const BYTES: usize = ROWS / 8;

/// Dimensions from which on signs are scanned in two steps.
const SPLIT_FROM: usize = 512;

/// The largest sum of four of the query's integers before they are rounded: at most 2 are added.
const FOUR_MAX: f32 = ENTRY_MAX as f32 - 2.0;

/// How far ahead of the scan signs are fetched, in bytes, as blocks are visited.
const AHEAD: usize = 4096;

/// Queries whose signs are scanned together.
const TOGETHER: usize = 8;

/// What rounding may shift a score by, relative to the numbers that it is made of.
const SLACK: f32 = 1e-6;

/// Rows coded as planes.
#[derive(Debug)]
pub(crate) struct Planes {
    kernels: &'static Kernels,
    metric: Metric,
    bits: u32,
    /// Dimensions of a code.
    pub(super) dim: usize,
    /// Those of the first step of a scan.
    pub(super) head: usize,
    rotation: Option<Rotation>,
    centroid: Vec<f32>,
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
        let dim = centroid.len().next_multiple_of(MULTIPLE);
        // Without a rotation nothing says that the first dimensions stand for all.
        let split = rotation_seed.is_some() && dim >= SPLIT_FROM;
        Self {
            kernels,
            metric,
            bits,
            dim,
            head: if split { (dim / 2).next_multiple_of(MULTIPLE) } else { dim },
            rotation: rotation_seed.map(|seed| Rotation::new(kernels, seed, dim)),
            centroid,
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
        (self.dim - self.head) / 8
    }

    /// Bytes of what is kept of one row beside what the first step looks at.
    pub(super) fn rest_bytes(&self) -> usize {
        self.tail_bytes() + (self.bits as usize - 1) * self.dim / 8
    }

    /// That of one row.
    pub(super) fn rest(&self, place: usize) -> &[u8] {
        let bytes = self.rest_bytes();
        &self.rests[place * bytes..][..bytes]
    }

    /// The first step's.
    fn sieve<'a>(&self, &(ready, floor): &(&'a Ready, f32)) -> Sieve<'a> {
        let test = RowTest { floor: Self::below(ready, floor), ..ready.head };
        Sieve { table: &ready.table, test }
    }

    /// Writes the first signs of a row into its places of the scan's layout.
    fn put_signs(&mut self, block: usize, place: usize) {
        let shift = place / 16 * 4;
        let bytes = self.head * BYTES;
        let groups = self.heads[block * bytes..][..bytes].as_chunks_mut::<16>().0;
        for (group, four) in groups.iter_mut().zip(self.coder.levels.as_chunks::<4>().0) {
            let top = self.bits - 1;
            let bit = |n: usize| (four[n] >> top & 1) << n;
            let pattern = (bit(0) | bit(1) | bit(2) | bit(3)) << shift;
            let byte = &mut group[place % 16];
            *byte = *byte & !(0x0f << shift) | pattern;
        }
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

    /// The test after the first `dims` dimensions.
    fn test(&self, ready: &Ready, base: f32, dims: usize) -> RowTest {
        let part = &ready.vector[..dims];
        let share = self.kernels.norm2_f32(part) / ready.norm2;
        let share = if dims == self.dim || !share.is_finite() {
            dims as f32 / self.dim as f32
        } else {
            share.max(f32::MIN_POSITIVE)
        };
        let (mut below, mut sum) = (0, 0);
        for &k in &ready.numbers[..dims] {
            below += i32::from(k.min(0));
            sum += i32::from(k);
        }
        let gain = self.gain();
        let square = (gain * ready.deviations).powi(2);
        let length2 = self.dim as f32 / 4.0;
        let noise = ready.norm2 / (self.freedom() * share) + ready.rounding / share;
        RowTest {
            floor: 0.0,
            base,
            weight: self.weight(),
            step: gain * ready.step / share,
            offset: gain * ready.step * (below as f32 - 0.5 * sum as f32) / share,
            noise: square * length2 * noise,
            known: square * ready.norm2 / self.freedom(),
        }
    }

    fn freedom(&self) -> f32 {
        (self.dim - 1) as f32
    }

    /// A floor, less what rounding may have taken off a score.
    fn below(ready: &Ready, floor: f32) -> f32 {
        floor - SLACK * (floor.abs() + ready.size)
    }

    /// What ⟨o, q⟩ is multiplied by in a score.
    fn gain(&self) -> f32 {
        if self.metric == Metric::Euclidean { 2.0 } else { 1.0 }
    }

    /// What |o|² is multiplied by in a score.
    fn weight(&self) -> f32 {
        match self.metric {
            Metric::Cosine => -0.5,
            Metric::InnerProduct => 0.0,
            Metric::Euclidean => -1.0,
        }
    }

    /// Estimate and bound of one row by all its planes; `signs` is the scan's sum.
    fn refine(&self, ready: &Ready, place: usize, signs: u32) -> (f32, f32) {
        let test = &ready.whole;
        let (slope, norm2) =
            (self.slopes[place / ROWS][place % ROWS], self.norms[place / ROWS][place % ROWS]);
        let shared = norm2 * test.weight + test.base;
        let rounding = SLACK * (ready.size - norm2 * test.weight);
        if self.bits == 1 {
            let estimate = shared + slope * (signs as f32 * test.step + test.offset);
            let variance = slope * slope * test.noise - norm2 * test.known;
            return (estimate, variance.max(0.0).sqrt() + rounding);
        }
        let mut weight = (1_u32 << (self.bits - 1)) as f32;
        let mut sum = weight * (signs as f32 + ready.below);
        for plane in self.rest(place)[self.tail_bytes()..].chunks_exact(self.dim / 8) {
            weight *= 0.5;
            sum += weight * self.kernels.sum_where(plane, &ready.numbers) as f32;
        }
        sum -= ((1_u32 << self.bits) - 1) as f32 * 0.5 * ready.total;
        let fine = self.fine[place];
        let slope = slope * fine.ratio();
        let estimate = shared + slope * (self.gain() * ready.step) * sum;
        // |slope·x|² = |o|² / cos².
        let length2 = norm2 / (fine.cosine() * fine.cosine());
        let variance = (length2 - norm2) * test.known
            + length2 * ready.rounding * (self.gain() * ready.deviations).powi(2);
        (estimate, variance.max(0.0).sqrt() + rounding)
    }
}

/// Reads one number for each row of so many blocks.
fn load_blocks<E>(blocks: usize, fill: &mut impl Fill<E>) -> Result<Vec<[f32; ROWS]>, E> {
    let numbers = load::<E, 4, f32>(blocks * ROWS, fill)?;
    Ok(numbers.as_chunks().0.to_vec())
}

impl Codec for Planes {
    fn len(&self) -> usize {
        self.len
    }

    fn reserve(&mut self, rows: usize) {
        let blocks = rows.div_ceil(ROWS);
        self.heads.reserve_exact(blocks * self.head * BYTES);
        self.rests.reserve_exact(rows * self.rest_bytes());
        self.slopes.reserve_exact(blocks);
        self.norms.reserve_exact(blocks);
        self.fine.reserve_exact(if self.bits > 1 { rows } else { 0 });
    }

    fn push(&mut self, row: &[f32]) {
        let (block, place) = (self.len / ROWS, self.len % ROWS);
        if place == 0 {
            self.heads.extend_zeros(self.head * BYTES);
            self.slopes.push([0.0; ROWS]);
            self.norms.push([0.0; ROWS]);
        }
        let mut residual = std::mem::take(&mut self.residual);
        unit_into(self.metric, row, &mut residual);
        for (x, c) in residual.iter_mut().zip(&self.centroid) {
            *x -= c;
        }
        residual.resize(self.dim, 0.0);
        if let Some(rotation) = &self.rotation {
            rotation.turn(&mut residual);
        }
        let factors = self.coder.encode(self.kernels, self.bits, &residual);
        self.residual = residual;
        self.put_signs(block, place);
        self.slopes[block][place] = factors.slope;
        self.norms[block][place] = factors.norm2;
        self.rest.clear();
        for plane in (0..self.bits).rev() {
            let from = if plane == self.bits - 1 { self.head } else { 0 };
            self.coder.append_plane(plane, from, &mut self.rest);
        }
        self.rests.extend_from_slice(&self.rest);
        if self.bits > 1 {
            self.fine.push(factors.fine);
        }
        self.len += 1;
    }

    fn prepare(&self, query: &[f32], deviations: f32, ready: &mut Ready) {
        ready.deviations = deviations;
        unit_into(self.metric, query, &mut ready.vector);
        let with_centroid = self.kernels.dot_f32(&ready.vector, &self.centroid);
        if self.metric != Metric::InnerProduct {
            for (x, c) in ready.vector.iter_mut().zip(&self.centroid) {
                *x -= c;
            }
        }
        ready.norm2 = self.kernels.norm2_f32(&ready.vector);
        ready.vector.resize(self.dim, 0.0);
        if let Some(rotation) = &self.rotation {
            rotation.turn(&mut ready.vector);
        }
        ready.rounding = Self::round(ready, self.head) / self.dim as f32;
        let (base, size) = match self.metric {
            Metric::Cosine => (1.0 - 0.5 * ready.norm2, 1.0),
            Metric::InnerProduct => {
                let centroid = self.kernels.norm2_f32(&self.centroid);
                (with_centroid, (centroid * ready.norm2).sqrt())
            }
            Metric::Euclidean => (-ready.norm2, ready.norm2),
        };
        ready.size = size;
        ready.rest_below = ready.numbers[self.head..].iter().map(|&k| i32::from(k.min(0))).sum();
        ready.head = self.test(ready, base, self.head);
        ready.whole = self.test(ready, base, self.dim);
    }

    fn ahead(&self) -> usize {
        AHEAD.div_ceil(self.head * BYTES)
    }

    #[inline]
    fn sift(
        &self,
        block: usize,
        soon: Option<usize>,
        asked: &[(&Ready, f32)],
        sifted: &mut [Sifted],
    ) {
        let head = |block| &self.heads[block * self.head * BYTES..][..self.head * BYTES];
        if let Some(soon) = soon {
            skeg_simd::prefetch(&self.slopes[soon]);
            skeg_simd::prefetch(&self.norms[soon]);
        }
        let signs = SignBlock {
            plane: head(block),
            slopes: &self.slopes[block],
            norms: &self.norms[block],
            soon: soon.map_or(&[][..], head),
        };
        if let [one] = asked {
            self.kernels.sift_signs(&signs, &[self.sieve(one)], sifted);
        } else {
            for (asked, sifted) in asked.chunks(TOGETHER).zip(sifted.chunks_mut(TOGETHER)) {
                let mut sieves = [Sieve { table: &[], test: RowTest::default() }; TOGETHER];
                for (to, from) in sieves.iter_mut().zip(asked) {
                    *to = self.sieve(from);
                }
                self.kernels.sift_signs(&signs, &sieves[..asked.len()], sifted);
            }
        }
        let rows = live(block, self.len);
        sifted.iter_mut().for_each(|sifted| sifted.rows &= rows);
    }

    #[inline]
    fn prefetch(&self, block: usize, rows: u32) {
        for place in places(rows).map(|place| block * ROWS + place) {
            skeg_simd::prefetch(self.rest(place));
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
        let (slopes, norms) = (&self.slopes[block], &self.norms[block]);
        let floor = Self::below(ready, floor);
        let test = RowTest { floor, ..ready.whole };
        let mut reaching = 0;
        for within in places(sifted.rows) {
            let place = block * ROWS + within;
            let mut sum = sifted.sums[within];
            if self.head < self.dim {
                let tail = &self.rest(place)[..self.tail_bytes()];
                let tail = self.kernels.sum_where(tail, &ready.numbers[self.head..]);
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
        self.fine = load(if self.bits > 1 { rows } else { 0 }, factors)?;
        self.len = rows;
        Ok(())
    }
}
