//! What all codes of bits of some rows have in common: the centroid that is taken off, the rotation, how many
//! dimensions a scan looks at first; and a query made ready for them. The notation is that of `planes.rs`.
//!
//! May not know: where codes are kept, how many rows there are.

use skeg_simd::{ENTRY_MAX, Kernels, ROWS, RowTest, Sieve, Sifted, SignBlock};

use super::ready::Ready;
use super::rotation::{MULTIPLE, Rotation};
use super::unit_into;
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

/// See the module's header.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(super) kernels: &'static Kernels,
    pub(super) metric: Metric,
    pub(super) bits: u32,
    /// Dimensions of a code.
    pub(super) dim: usize,
    /// Those of the first step of a scan.
    pub(super) head: usize,
    rotation: Option<Rotation>,
    centroid: Vec<f32>,
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
        }
    }

    /// The same, for a scan that looks at all dimensions at once.
    pub(crate) fn in_one_step(self) -> Self {
        Self { head: self.dim, ..self }
    }

    /// Bytes allocated behind this struct.
    pub(super) fn heap_bytes(&self) -> usize {
        self.centroid.capacity() * size_of::<f32>()
            + self.rotation.as_ref().map_or(0, Rotation::heap_bytes)
    }

    /// The residual of a row, turned.
    pub(super) fn residual_into(&self, row: &[f32], residual: &mut Vec<f32>) {
        unit_into(self.metric, row, residual);
        for (x, c) in residual.iter_mut().zip(&self.centroid) {
            *x -= c;
        }
        residual.resize(self.dim, 0.0);
        if let Some(rotation) = &self.rotation {
            rotation.turn(residual);
        }
    }

    /// Makes a query ready. `deviations` are those of a bound.
    pub(super) fn prepare(&self, query: &[f32], deviations: f32, ready: &mut Ready) {
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

    /// The first step's.
    fn sieve<'a>(&self, &(ready, floor): &(&'a Ready, f32)) -> Sieve<'a> {
        let test = RowTest { floor: Self::below(ready, floor), ..ready.head };
        Sieve { table: &ready.table, test }
    }

    /// Looks at the first dimensions of a block for some queries at once, each with its floor.
    #[inline]
    pub(super) fn sift(
        &self,
        signs: &SignBlock<'_>,
        asked: &[(&Ready, f32)],
        sifted: &mut [Sifted],
    ) {
        if let [one] = asked {
            self.kernels.sift_signs(signs, &[self.sieve(one)], sifted);
            return;
        }
        for (asked, sifted) in asked.chunks(TOGETHER).zip(sifted.chunks_mut(TOGETHER)) {
            let mut sieves = [Sieve { table: &[], test: RowTest::default() }; TOGETHER];
            for (to, from) in sieves.iter_mut().zip(asked) {
                *to = self.sieve(from);
            }
            self.kernels.sift_signs(signs, &sieves[..asked.len()], sifted);
        }
    }

    /// How many blocks ahead of the scan signs are fetched.
    pub(super) fn ahead(&self) -> usize {
        AHEAD.div_ceil(self.head * BYTES)
    }

    /// Writes the first signs of a row, of which these are the elements, into its places of a block of the
    /// scan's layout.
    pub(super) fn put_signs(&self, levels: &[u8], block: &mut [u8], place: usize) {
        let (shift, top) = (place / 16 * 4, self.bits - 1);
        let groups = block.as_chunks_mut::<16>().0;
        for (group, four) in groups.iter_mut().zip(levels.as_chunks::<4>().0) {
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

    pub(super) fn freedom(&self) -> f32 {
        (self.dim - 1) as f32
    }

    /// A floor, less what rounding may have taken off a score.
    pub(super) fn below(ready: &Ready, floor: f32) -> f32 {
        floor - SLACK * (floor.abs() + ready.size)
    }

    /// What ⟨o, q⟩ is multiplied by in a score.
    pub(super) fn gain(&self) -> f32 {
        if self.metric == Metric::Euclidean { 2.0 } else { 1.0 }
    }

    /// What |o|² is multiplied by in a score.
    pub(super) fn weight(&self) -> f32 {
        match self.metric {
            Metric::Cosine => -0.5,
            Metric::InnerProduct => 0.0,
            Metric::Euclidean => -1.0,
        }
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
