//! Rows of signed bytes: tier `int8`, 1 byte a dimension and one scale a row. The query is rounded
//! the same way, so that a product is one of integers.
//!
//! The bound takes the errors of rounding for independent and uniform, of row and query both.
//!
//! May not know: where rows are kept, k.

use skeg_simd::{Kernels, ROWS, Sifted};

use super::ready::{Ready, Scores};
use super::stored::{Fill, Sink, load, save};
use super::{Blocks, Codec, rows_in, score_of, unit_into};
use crate::Metric;

/// The greatest size of an element.
const TOP: f32 = 127.0;

/// What rounding of `f32` adds to a bound, relative to the product of the norms.
const ROUNDING: f32 = 1e-6;

/// Rows of bytes.
#[derive(Debug)]
pub(crate) struct Bytes {
    kernels: &'static Kernels,
    metric: Metric,
    dim: usize,
    rows: Vec<i8>,
    /// What an element is multiplied by.
    scales: Vec<f32>,
    /// Squared norms.
    norms: Vec<f32>,
    unit: Vec<f32>,
}

impl Bytes {
    pub(crate) fn new(kernels: &'static Kernels, metric: Metric, dim: usize) -> Self {
        let (rows, scales) = (Vec::new(), Vec::new());
        Self { kernels, metric, dim, rows, scales, norms: Vec::new(), unit: Vec::new() }
    }
}

/// Appends the bytes of a vector. Gives what they are multiplied by.
fn round(vector: &[f32], to: &mut Vec<i8>) -> f32 {
    let most = vector.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
    let inverse = if most > 0.0 { TOP / most } else { 0.0 };
    to.extend(vector.iter().map(|x| (x * inverse).round() as i8));
    most / TOP
}

impl Blocks for Bytes {
    fn len(&self) -> usize {
        self.scales.len()
    }

    fn prepare(&self, query: &[f32], deviations: f32, ready: &mut Ready) {
        ready.deviations = deviations;
        unit_into(self.metric, query, &mut ready.vector);
        ready.norm2 = self.kernels.norm2_f32(&ready.vector);
        ready.numbers.clear();
        ready.step = round(&ready.vector, &mut ready.numbers);
    }

    fn score(
        &self,
        ready: &Ready,
        block: usize,
        floor: f32,
        sifted: &Sifted,
        scores: &mut Scores,
    ) -> u32 {
        let count = rows_in(block, self.len());
        let rows = &self.rows[block * ROWS * self.dim..][..count * self.dim];
        let mut dots = [0; ROWS];
        self.kernels.dot_i8_rows(&ready.numbers, rows, &mut dots[..count]);
        let gain = if self.metric == Metric::Euclidean { 2.0 } else { 1.0 };
        for (n, &dot) in dots[..count].iter().enumerate() {
            let place = block * ROWS + n;
            let (scale, norm2) = (self.scales[place], self.norms[place]);
            let dot = dot as f32 * (scale * ready.step);
            scores.estimates[n] = score_of(self.metric, dot, norm2, ready.norm2);
            let variance = (scale * scale * ready.norm2 + ready.step * ready.step * norm2) / 12.0;
            let rounding = ROUNDING * (norm2 * ready.norm2).sqrt();
            scores.bounds[n] = gain * (ready.deviations * variance.sqrt() + rounding);
        }
        scores.reaching(floor, sifted.rows)
    }
}

impl Codec for Bytes {
    fn reserve(&mut self, rows: usize) {
        self.rows.reserve_exact(rows * self.dim);
        self.scales.reserve_exact(rows);
        self.norms.reserve_exact(rows);
    }

    fn push(&mut self, row: &[f32]) -> bool {
        unit_into(self.metric, row, &mut self.unit);
        self.scales.push(round(&self.unit, &mut self.rows));
        self.norms.push(self.kernels.norm2_f32(&self.unit));
        true
    }

    fn code_bytes(&self) -> usize {
        self.rows.len()
    }

    fn factor_bytes(&self) -> usize {
        size_of_val(&self.scales[..]) + size_of_val(&self.norms[..])
    }

    fn save_codes<E>(&self, out: &mut impl Sink<E>) -> Result<(), E> {
        save(&self.rows, out)
    }

    fn save_factors<E>(&self, out: &mut impl Sink<E>) -> Result<(), E> {
        save(&self.scales, out)?;
        save(&self.norms, out)
    }

    fn load<E>(
        &mut self,
        rows: usize,
        codes: &mut impl Fill<E>,
        factors: &mut impl Fill<E>,
    ) -> Result<(), E> {
        self.rows = load(rows * self.dim, codes)?;
        self.scales = load(rows, factors)?;
        self.norms = load(rows, factors)?;
        Ok(())
    }
}
