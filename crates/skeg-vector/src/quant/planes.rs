//! Codes of b bits a dimension, kept as planes: the signs first, for the scan, then the further bits,
//! for what the scan leaves. Tiers `tq1`, `tq2`, `tq4`; `binary` is one plane without a rotation.
//!
//! RaBitQ: Gao and Long, "RaBitQ: Quantizing High-Dimensional Vectors with a Theoretical Error Bound
//! for Approximate Nearest Neighbor Search" (SIGMOD 2024, arXiv 2405.12497), and its extension to
//! more bits: Gao et al., arXiv 2409.09913. Notation: a row's residual o = R(r − c), with the
//! centroid c and the rotation R over D dimensions; its code x of elements in {±1/2, ±3/2, ...}; the
//! query q = R(query − c), under inner product R(query).
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
use super::ready::{Ready, Scores, live, places};
use super::rotation::{MULTIPLE, Rotation};
use super::stored::{Fill, Sink, load, load_bytes, save};
use super::{Codec, Soon, unit_into};
use crate::Metric;

/// Bytes of a block's signs for one dimension.
const BYTES: usize = ROWS / 8;

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
    dim: usize,
    /// Those of the first step of a scan.
    head: usize,
    rotation: Option<Rotation>,
    centroid: Vec<f32>,
    len: usize,
    /// Signs of the first dimensions, block after block, and those of the others.
    heads: Vec<u8>,
    tails: Vec<u8>,
    /// The further planes, row after row.
    further: Vec<u8>,
    slopes: Vec<[f32; ROWS]>,
    norms: Vec<[f32; ROWS]>,
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
            heads: Vec::new(),
            tails: Vec::new(),
            further: Vec::new(),
            slopes: Vec::new(),
            norms: Vec::new(),
            fine: Vec::new(),
            coder: Coder::default(),
            residual: Vec::new(),
        }
    }

    /// All codes, as they are kept.
    pub(super) fn blocks(&self) -> [&[u8]; 3] {
        [&self.heads, &self.tails, &self.further]
    }

    /// Bytes of the further planes of one row.
    fn further_bytes(&self) -> usize {
        (self.bits as usize - 1) * self.dim / 8
    }

    /// The first step's.
    fn sieve<'a>(&self, &(ready, floor): &(&'a Ready, f32)) -> Sieve<'a> {
        let test = RowTest { floor: Self::below(ready, floor), ..ready.head };
        Sieve { table: &ready.table[..self.head * BYTES], test }
    }

    /// The signs of a block that only the second step looks at; none when there is one step.
    fn tail(&self, block: usize) -> &[u8] {
        let bytes = (self.dim - self.head) * BYTES;
        &self.tails[block * bytes..][..bytes]
    }

    /// Writes the signs of a row into its places of the scan's layout.
    fn put_signs(&mut self, block: usize, place: usize) {
        let (head, dim) = (self.head, self.dim);
        let shift = place / 16 * 4;
        for (group, four) in self.coder.levels.chunks_exact(4).enumerate() {
            let top = self.bits - 1;
            let bit = |n: usize| (four[n] >> top & 1) << n;
            let pattern = (bit(0) | bit(1) | bit(2) | bit(3)) << shift;
            let byte = if group * 4 < head {
                &mut self.heads[block * head * BYTES + group * 16 + place % 16]
            } else {
                let group = group - head / 4;
                &mut self.tails[block * (dim - head) * BYTES + group * 16 + place % 16]
            };
            *byte = *byte & !(0x0f << shift) | pattern;
        }
    }

    /// The query's integers and the table of what four signs add. Gives the squared norm of the
    /// rounding error.
    fn round(ready: &mut Ready) -> f32 {
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
        for four in ready.numbers.as_chunks::<4>().0 {
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
        let bytes = self.further_bytes();
        for plane in self.further[place * bytes..][..bytes].chunks_exact(self.dim / 8) {
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
        self.tails.reserve_exact(blocks * (self.dim - self.head) * BYTES);
        self.slopes.reserve_exact(blocks);
        self.norms.reserve_exact(blocks);
        self.further.reserve_exact(rows * self.further_bytes());
        self.fine.reserve_exact(if self.bits > 1 { rows } else { 0 });
    }

    fn push(&mut self, row: &[f32]) {
        let (block, place) = (self.len / ROWS, self.len % ROWS);
        if place == 0 {
            self.heads.resize((block + 1) * self.head * BYTES, 0);
            self.tails.resize((block + 1) * (self.dim - self.head) * BYTES, 0);
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
        if self.bits > 1 {
            self.fine.push(factors.fine);
            for plane in (0..self.bits - 1).rev() {
                self.coder.append_plane(plane, &mut self.further);
            }
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
        ready.rounding = Self::round(ready) / self.dim as f32;
        let (base, size) = match self.metric {
            Metric::Cosine => (1.0 - 0.5 * ready.norm2, 1.0),
            Metric::InnerProduct => {
                let centroid = self.kernels.norm2_f32(&self.centroid);
                (with_centroid, (centroid * ready.norm2).sqrt())
            }
            Metric::Euclidean => (-ready.norm2, ready.norm2),
        };
        ready.size = size;
        ready.head = self.test(ready, base, self.head);
        ready.whole = self.test(ready, base, self.dim);
    }

    fn ahead(&self) -> usize {
        AHEAD.div_ceil(self.head * BYTES)
    }

    #[inline]
    fn sift(&self, block: usize, soon: Soon, asked: &[(&Ready, f32)], sifted: &mut [Sifted]) {
        let head = |block| &self.heads[block * self.head * BYTES..][..self.head * BYTES];
        if let Some(first) = soon.first {
            skeg_simd::prefetch(&self.slopes[first]);
            skeg_simd::prefetch(&self.norms[first]);
        }
        let first = soon.first.map_or(&[][..], head);
        let second = soon.second.map_or(&[][..], |block| self.tail(block));
        let signs = SignBlock {
            plane: head(block),
            slopes: &self.slopes[block],
            norms: &self.norms[block],
            soon: [first, second],
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
        if self.bits == 1 {
            return;
        }
        let bytes = self.further_bytes();
        for place in places(rows).map(|place| block * ROWS + place) {
            skeg_simd::prefetch(&self.further[place * bytes..][..bytes]);
            skeg_simd::prefetch(&self.fine[place..][..1]);
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
        let Sifted { rows: mut mask, mut sums } = *sifted;
        let tail_table = &ready.table[self.head * BYTES..];
        if !tail_table.is_empty() {
            self.kernels.scan_signs(self.tail(block), tail_table, &mut sums);
            let test = RowTest { floor, ..ready.whole };
            mask &= self.kernels.passing(&test, &sums, slopes, norms);
        }
        let mut reaching = 0;
        for place in places(mask) {
            let (estimate, bound) = self.refine(ready, block * ROWS + place, sums[place]);
            scores.estimates[place] = estimate;
            scores.bounds[place] = bound;
            reaching |= u32::from(estimate + bound >= floor) << place;
        }
        reaching
    }

    fn code_bytes(&self) -> usize {
        self.heads.len() + self.tails.len() + self.further.len()
    }

    fn factor_bytes(&self) -> usize {
        size_of_val(&self.slopes[..]) + size_of_val(&self.norms[..]) + size_of_val(&self.fine[..])
    }

    fn save_codes<E>(&self, out: &mut impl Sink<E>) -> Result<(), E> {
        out(&self.heads)?;
        out(&self.tails)?;
        out(&self.further)
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
        self.heads = load_bytes(blocks * self.head * BYTES, codes)?;
        self.tails = load_bytes(blocks * (self.dim - self.head) * BYTES, codes)?;
        self.further = load_bytes(rows * self.further_bytes(), codes)?;
        self.slopes = load_blocks(blocks, factors)?;
        self.norms = load_blocks(blocks, factors)?;
        self.fine = load(if self.bits > 1 { rows } else { 0 }, factors)?;
        self.len = rows;
        Ok(())
    }
}
