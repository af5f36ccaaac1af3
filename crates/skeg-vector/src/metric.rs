//! How two vectors are compared: scores, and what is kept beside a row so that they cost one pass.
//!
//! Scores are `f32`, greater is nearer: cosine in [-1, 1], the inner product, minus the squared
//! Euclidean distance. Invariants: a score is never NaN, never -0 and never infinite (one beyond
//! the range of `f32` becomes the greatest number of its sign); equal rows get equal scores
//! wherever they lie. Where `f32` overflows on the way, or a norm is outside [1e-30, 1e37], the
//! score is computed again in `f64`.
//!
//! May not know: ids, chunks, k.

use std::borrow::Cow;

use skeg_simd::Kernels;

use crate::VectorError;
use crate::options::Named;

/// How two vectors are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Metric {
    /// The cosine of the angle between them, in [-1, 1]. Not defined for a vector of zeros.
    Cosine,
    /// The inner product as it is.
    InnerProduct,
    /// Minus the squared Euclidean distance.
    Euclidean,
}

impl Named for Metric {
    const OPTION: &'static str = "metric";
    const KNOWN: &'static str = "cosine, ip, euclidean";
    const ALL: &'static [Self] = &[Self::Cosine, Self::InnerProduct, Self::Euclidean];

    fn name(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::InnerProduct => "ip",
            Self::Euclidean => "euclidean",
        }
    }
}

/// The norms whose inverse times an `f32` dot product is safe from overflow and underflow.
const NORMS: std::ops::RangeInclusive<f64> = 1e-30..=1e37;

/// The squared norms that are exact enough in `f32`.
const NORMS_SQUARED_F32: std::ops::RangeInclusive<f32> = 1e-30..=1e37;

/// The scale of a row whose score needs `f64`.
const UNSAFE_SCALE: f32 = 0.0;

/// Checks a vector and gives its scale: under cosine what its dot product with a unit vector is
/// multiplied by, otherwise 1.
pub(crate) fn admit(metric: Metric, kernels: &Kernels, vector: &[f32]) -> Result<f32, VectorError> {
    let norm_squared = kernels.norm2_f32(vector);
    if !norm_squared.is_finite()
        && let Some(position) = vector.iter().position(|x| !x.is_finite())
    {
        return Err(VectorError::NotFinite { position, value: vector[position] });
    }
    if metric != Metric::Cosine {
        return Ok(1.0);
    }
    if NORMS_SQUARED_F32.contains(&norm_squared) {
        return Ok((1.0 / f64::from(norm_squared).sqrt()) as f32);
    }
    let norm = dot_f64(vector, vector).sqrt();
    if norm == 0.0 {
        return Err(VectorError::ZeroVector);
    }
    Ok(if NORMS.contains(&norm) { (1.0 / norm) as f32 } else { UNSAFE_SCALE })
}

/// A query made ready for a scan.
#[derive(Debug)]
pub(crate) struct Query<'a> {
    metric: Metric,
    kernels: &'static Kernels,
    given: &'a [f32],
    /// Under cosine the query at length 1, otherwise as given.
    scaled: Cow<'a, [f32]>,
}

impl<'a> Query<'a> {
    /// Checks the query, of which the length is right already.
    pub(crate) fn new(
        metric: Metric,
        kernels: &'static Kernels,
        given: &'a [f32],
    ) -> Result<Self, VectorError> {
        Self::reusing(metric, kernels, given, Vec::new())
    }

    /// [`Self::new`] with what an earlier query allocated.
    pub(crate) fn reusing(
        metric: Metric,
        kernels: &'static Kernels,
        given: &'a [f32],
        mut buffer: Vec<f32>,
    ) -> Result<Self, VectorError> {
        admit(metric, kernels, given)?;
        let scaled = if metric == Metric::Cosine {
            let norm = dot_f64(given, given).sqrt();
            buffer.clear();
            buffer.extend(given.iter().map(|&x| (f64::from(x) / norm) as f32));
            Cow::Owned(buffer)
        } else {
            Cow::Borrowed(given)
        };
        Ok(Self { metric, kernels, given, scaled })
    }

    /// What it has allocated, for the next one.
    pub(crate) fn into_buffer(self) -> Vec<f32> {
        match self.scaled {
            Cow::Owned(buffer) => buffer,
            Cow::Borrowed(_) => Vec::new(),
        }
    }

    /// The score of each row of `rows`, which lie end to end, with their scales.
    pub(crate) fn score(&self, rows: &[f32], scales: &[f32], scores: &mut [f32]) {
        match self.metric {
            Metric::Cosine => self.cosine(rows, scales, scores),
            Metric::InnerProduct => {
                self.kernels.dot_f32_rows(&self.scaled, rows, scores);
                self.finish(rows, scores, |dot| dot + 0.0, dot_f64);
            }
            Metric::Euclidean => {
                self.kernels.l2sq_f32_rows(&self.scaled, rows, scores);
                self.finish(rows, scores, |distance| 0.0 - distance, |q, r| -l2sq_f64(q, r));
            }
        }
    }

    fn cosine(&self, rows: &[f32], scales: &[f32], scores: &mut [f32]) {
        self.kernels.dot_f32_rows(&self.scaled, rows, scores);
        let mut safe = true;
        for (score, &scale) in scores.iter_mut().zip(scales) {
            safe &= scale != UNSAFE_SCALE;
            *score = (*score * scale).clamp(-1.0, 1.0) + 0.0;
        }
        if safe {
            return;
        }
        for ((score, &scale), row) in scores.iter_mut().zip(scales).zip(self.rows(rows)) {
            if scale == UNSAFE_SCALE {
                let norms = dot_f64(self.given, self.given).sqrt() * dot_f64(row, row).sqrt();
                *score = (dot_f64(self.given, row) / norms).clamp(-1.0, 1.0) as f32 + 0.0;
            }
        }
    }

    /// Turns kernel results into scores, those that overflowed by `exact`.
    fn finish(
        &self,
        rows: &[f32],
        scores: &mut [f32],
        score_of: impl Fn(f32) -> f32,
        exact: impl Fn(&[f32], &[f32]) -> f64,
    ) {
        let mut finite = true;
        for score in scores.iter_mut() {
            finite &= score.is_finite();
            *score = score_of(*score);
        }
        if finite {
            return;
        }
        for (score, row) in scores.iter_mut().zip(self.rows(rows)) {
            if !score.is_finite() {
                *score = (exact(self.given, row) as f32).clamp(f32::MIN, f32::MAX) + 0.0;
            }
        }
    }

    fn rows<'r>(&self, rows: &'r [f32]) -> std::slice::ChunksExact<'r, f32> {
        rows.chunks_exact(self.given.len())
    }
}

/// Σ a·b in `f64`, which no sum of products of `f32` overflows.
fn dot_f64(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum()
}

/// Σ (a − b)² in `f64`.
fn l2sq_f64(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&x, &y)| (f64::from(x) - f64::from(y)).powi(2)).sum()
}
