//! Rows as they are: tier `f32`. An estimate is off by rounding alone.
//!
//! May not know: where rows are kept, k.

use skeg_simd::{Kernels, ROWS, Sifted};

use super::ready::{Ready, Scores};
use super::stored::{Fill, Sink, load, save};
use super::{Blocks, Codec, rows_in, unit_into};
use crate::Metric;

/// Rounding of sums of `f32` and of the numbers at length 1, relative to what is summed.
const ROUNDING: f32 = 1e-6;

/// Rows of `f32`, at length 1 under cosine.
#[derive(Debug)]
pub(crate) struct Exact {
    kernels: &'static Kernels,
    metric: Metric,
    dim: usize,
    rows: Vec<f32>,
    norms: Vec<f32>,
    unit: Vec<f32>,
}

impl Exact {
    pub(crate) fn new(kernels: &'static Kernels, metric: Metric, dim: usize) -> Self {
        let (rows, norms, unit) = (Vec::new(), Vec::new(), Vec::new());
        Self { kernels, metric, dim, rows, norms, unit }
    }
}

impl Blocks for Exact {
    fn len(&self) -> usize {
        self.norms.len()
    }

    fn prepare(&self, query: &[f32], deviations: f32, ready: &mut Ready) {
        ready.deviations = deviations;
        unit_into(self.metric, query, &mut ready.vector);
        ready.norm2 = self.kernels.norm2_f32(&ready.vector);
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
        let estimates = &mut scores.estimates[..count];
        let norm = ready.norm2.sqrt();
        let norms = &self.norms[block * ROWS..][..count];
        if self.metric == Metric::Euclidean {
            self.kernels.l2sq_f32_rows(&ready.vector, rows, estimates);
            for (estimate, bound) in estimates.iter_mut().zip(&mut scores.bounds) {
                *bound = *estimate * ROUNDING;
                *estimate = -*estimate;
            }
        } else {
            self.kernels.dot_f32_rows(&ready.vector, rows, estimates);
            for (bound, row_norm) in scores.bounds.iter_mut().zip(norms) {
                *bound = ROUNDING * norm * row_norm;
            }
        }
        scores.reaching(floor, sifted.rows)
    }
}

impl Codec for Exact {
    fn reserve(&mut self, rows: usize) {
        self.rows.reserve_exact(rows * self.dim);
        self.norms.reserve_exact(rows);
    }

    fn push(&mut self, row: &[f32]) -> bool {
        unit_into(self.metric, row, &mut self.unit);
        self.rows.extend_from_slice(&self.unit);
        self.norms.push(self.kernels.norm2_f32(&self.unit).sqrt());
        true
    }

    fn code_bytes(&self) -> usize {
        size_of_val(&self.rows[..])
    }

    fn factor_bytes(&self) -> usize {
        size_of_val(&self.norms[..])
    }

    fn save_codes<E>(&self, out: &mut impl Sink<E>) -> Result<(), E> {
        save(&self.rows, out)
    }

    fn save_factors<E>(&self, out: &mut impl Sink<E>) -> Result<(), E> {
        save(&self.norms, out)
    }

    fn load<E>(
        &mut self,
        rows: usize,
        codes: &mut impl Fill<E>,
        factors: &mut impl Fill<E>,
    ) -> Result<(), E> {
        self.rows = load(rows * self.dim, codes)?;
        self.norms = load(rows, factors)?;
        Ok(())
    }
}
