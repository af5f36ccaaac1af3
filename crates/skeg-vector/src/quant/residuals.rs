//! Rows less the centroid, turned: what codes of planes and of products stand for. And how a score is made of the
//! product of two such residuals.
//!
//! Notation: a row's residual o = R(r − c), with the centroid c and the rotation R over D dimensions; the query
//! q = R(query − c), under inner product R(query). Scores: cosine (of rows and queries at length 1) is `1 − |o|²/2 −
//! |q|²/2 + ⟨o, q⟩`, minus the squared distance is `2⟨o, q⟩ − |o|² − |q|²`, the inner product is `⟨c, query⟩ + ⟨o, q⟩`.
//!
//! - The estimator of ⟨o, q⟩ by a code x is `slope·⟨x, q⟩` with `slope = |o|² / ⟨x, o⟩` (RaBitQ, Theorem 3.2: unbiased
//!   over rotations).
//! - Its variance is `(slope²·|x|² − |o|²)·|q|² / (D − 1)`: the bound of Theorem 3.2, with
//!   `cos(x, o)²` multiplied out. Zero residuals have slope 0: both are 0.
//! - After the first dimensions alone, which hold the share s of |q|², the estimator is
//!   `slope·⟨x, q⟩_first / s`, with `|x|² / s` for `|x|²` in its variance: where R spreads x evenly,
//!   what the others add is noise of the same kind (as in ADSampling: Gao and Long, SIGMOD 2023).
//!
//! May not know: how a code is made, how ⟨x, q⟩ is found.

use skeg_simd::{Kernels, RowTest};

use super::ready::Ready;
use super::rotation::{MULTIPLE, Rotation};
use super::unit_into;
use crate::Metric;

/// What rounding may shift a score by, relative to the numbers that it is made of.
pub(super) const SLACK: f32 = 1e-6;

/// A floor, less what rounding may have taken off a score.
pub(super) fn below(ready: &Ready, floor: f32) -> f32 {
    floor - SLACK * (floor.abs() + ready.size)
}

/// See the module's header.
#[derive(Debug)]
pub(super) struct Residuals {
    kernels: &'static Kernels,
    metric: Metric,
    /// D.
    pub(super) dim: usize,
    rotation: Option<Rotation>,
    centroid: Vec<f32>,
    /// The variance of errors, as a multiple of that which a rotation leaves.
    spread: f32,
}

/// ⟨x, q⟩ over some dimensions, from the sum of a scan.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sums {
    /// What one unit of a sum stands for.
    pub(super) step: f32,
    /// What a sum of zero stands for.
    pub(super) zero: f32,
    /// |x|², or the greatest.
    pub(super) length2: f32,
}

impl Residuals {
    /// The centroid has the dimension of the rows.
    pub(super) fn new(
        kernels: &'static Kernels,
        metric: Metric,
        rotation_seed: Option<u64>,
        centroid: Vec<f32>,
    ) -> Self {
        let dim = centroid.len().next_multiple_of(MULTIPLE);
        let rotation = rotation_seed.map(|seed| Rotation::new(kernels, seed, dim));
        Self { kernels, metric, dim, rotation, centroid, spread: 1.0 }
    }

    /// Bytes allocated behind this struct.
    pub(super) fn heap_bytes(&self) -> usize {
        self.centroid.capacity() * size_of::<f32>()
            + self.rotation.as_ref().map_or(0, Rotation::heap_bytes)
    }

    /// Errors are not spread evenly: their variance is so many times as great.
    pub(super) fn with_spread(self, spread: f32) -> Self {
        Self { spread, ..self }
    }

    /// The residual of a row.
    pub(super) fn of_row(&self, row: &[f32], residual: &mut Vec<f32>) {
        unit_into(self.metric, row, residual);
        self.of_unit(residual);
    }

    /// That of a row which is at length 1 under cosine, in its place.
    pub(super) fn of_unit(&self, residual: &mut Vec<f32>) {
        for (x, c) in residual.iter_mut().zip(&self.centroid) {
            *x -= c;
        }
        self.turn(residual);
    }

    fn turn(&self, vector: &mut Vec<f32>) {
        vector.resize(self.dim, 0.0);
        if let Some(rotation) = &self.rotation {
            rotation.turn(vector);
        }
    }

    /// Makes a query's q. Gives the part of a score that all rows share.
    pub(super) fn prepare(&self, query: &[f32], deviations: f32, ready: &mut Ready) -> f32 {
        ready.deviations = deviations;
        unit_into(self.metric, query, &mut ready.vector);
        let with_centroid = self.kernels.dot_f32(&ready.vector, &self.centroid);
        if self.metric != Metric::InnerProduct {
            for (x, c) in ready.vector.iter_mut().zip(&self.centroid) {
                *x -= c;
            }
        }
        ready.norm2 = self.kernels.norm2_f32(&ready.vector);
        self.turn(&mut ready.vector);
        let (base, size) = match self.metric {
            Metric::Cosine => (1.0 - 0.5 * ready.norm2, 1.0),
            Metric::InnerProduct => {
                let centroid = self.kernels.norm2_f32(&self.centroid);
                (with_centroid, (centroid * ready.norm2).sqrt())
            }
            Metric::Euclidean => (-ready.norm2, ready.norm2),
        };
        ready.size = size;
        base
    }

    /// The test after the first `dims` dimensions.
    pub(super) fn test(&self, ready: &Ready, base: f32, dims: usize, sums: Sums) -> RowTest {
        let part = &ready.vector[..dims];
        let share = self.kernels.norm2_f32(part) / ready.norm2;
        let share = if dims == self.dim || !share.is_finite() {
            dims as f32 / self.dim as f32
        } else {
            share.max(f32::MIN_POSITIVE)
        };
        let gain = self.gain();
        let square = (gain * ready.deviations).powi(2);
        let noise = ready.norm2 / (self.freedom() * share) + ready.rounding / share;
        RowTest {
            floor: 0.0,
            base,
            weight: self.weight(),
            step: gain * sums.step / share,
            offset: gain * sums.zero / share,
            noise: square * sums.length2 * noise,
            known: square * ready.norm2 / self.freedom(),
        }
    }

    fn freedom(&self) -> f32 {
        (self.dim - 1) as f32 / self.spread
    }

    /// What ⟨o, q⟩ is multiplied by in a score.
    pub(super) fn gain(&self) -> f32 {
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
}
