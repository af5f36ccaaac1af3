//! Rows coded for access one by one: what a graph is built and walked on.
//!
//! The codes are those of the scan; each row's lie together, with its factors behind them (`records.rs`). Notation as
//! in `residuals.rs`.
//!
//! A [`Target`] is what rows are compared with, by keys: less is nearer. For a query a key is the
//! estimate of its score, negated. For a row it is a squared distance, the one of what the codes of
//! the two stand for, each stretched to its row's length: so equal rows are at distance 0 and distances
//! are those of points, which pruning relies on. Under inner product rows get a further
//! element that brings all to the length M of the longest, where distances order as inner products
//! with a query do (Bachrach et al., RecSys 2014): √(M² − |r|²), 0 for a query.
//!
//! Invariant: keys are the same on every processor, never NaN, and those of rows symmetric but for
//! rounding.
//!
//! May not know: graphs, where rows are kept.

use skeg_simd::Kernels;

use super::codebook::Codebook;
use super::coded::{check_dim, is_coded};
use super::records::{Coded, Factors, TOGETHER, bits_of, factor_bytes, round, stride_of};
use super::rotation::MULTIPLE;
use super::scan::DEVIATIONS_MAX;
use super::stored::{Fill, Sink, load_bytes};
use super::{CodeKind, Parameters, unit_into};
use crate::metric::admit;
use crate::{Metric, VectorError};

/// What rounding of `f32` adds to a bound, relative to the numbers that a score is made of.
const ROUNDING: f32 = 1e-6;

/// Squared distances below this part of the squared norms are rounding, that of factors above all:
/// the rows have equal codes.
const EQUAL: f32 = 2e-4;

/// See the module's header.
#[derive(Debug)]
pub struct Points {
    parameters: Parameters,
    kernels: &'static Kernels,
    form: Form,
    uncoded: Vec<u32>,
    /// The greatest squared norm of a row: M².
    longest: f32,
    unit: Vec<f32>,
}

#[derive(Debug)]
enum Form {
    /// Rows as they are, at length 1 under cosine, and their squared norms.
    Exact {
        rows: Vec<f32>,
        norms: Vec<f32>,
    },
    Coded(Coded),
}

/// What rows are compared with. Keeps what it allocates.
#[derive(Debug, Clone, Default)]
pub(crate) struct Target {
    /// A query as it is compared.
    vector: Vec<f32>,
    /// A row that is made a query.
    row: Vec<f32>,
    /// It, or a row's code, in integers; or for codes of words what each word adds.
    numbers: Vec<i8>,
    table: Vec<f32>,
    /// Whether it is a row of the same points.
    is_row: bool,
    /// A key is `base + weight·|o|² + slope·(step·sum + offset)`, of a row with the slope of its
    /// point for `slope`.
    base: f32,
    weight: f32,
    step: f32,
    offset: f32,
    norm2: f32,
    /// A row's further element under inner product.
    further: f32,
    /// The variance of what rounding a query adds, for a code of length 1.
    rounding: f32,
    deviations: f32,
}

impl Points {
    /// No rows yet, and room for as many.
    ///
    /// # Errors
    /// [`VectorError::Unsupported`] for codes in half precision.
    pub fn new(parameters: Parameters, rows: usize) -> Result<Self, VectorError> {
        Self::with_kernels(parameters, rows, skeg_simd::kernels())
    }

    pub(super) fn with_kernels(
        parameters: Parameters,
        rows: usize,
        kernels: &'static Kernels,
    ) -> Result<Self, VectorError> {
        let dim = parameters.dim as usize;
        if parameters.kind == CodeKind::F16 {
            return Err(VectorError::Unsupported {
                option: "code of a graph",
                given: "f16",
                supported: "f32, int8, binary, tq1, tq2, tq4, pq",
            });
        }
        let form = match bits_of(parameters.kind) {
            None => Form::Exact {
                rows: Vec::with_capacity(rows * dim),
                norms: Vec::with_capacity(rows),
            },
            Some(bits) => Form::Coded(Coded::new(kernels, &parameters, bits, rows)),
        };
        let (uncoded, unit) = (Vec::new(), Vec::new());
        Ok(Self { parameters, kernels, form, uncoded, longest: 0.0, unit })
    }

    /// What the rows are coded with.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    pub(crate) fn metric(&self) -> Metric {
        self.parameters.metric
    }

    pub(crate) fn dim(&self) -> u32 {
        self.parameters.dim
    }

    /// Rows.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.form {
            Form::Exact { norms, .. } => norms.len(),
            Form::Coded(coded) => coded.records.len() / coded.stride,
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of the records of so many rows with these parameters; nothing where rows have none.
    pub(crate) fn size(parameters: &Parameters, rows: usize) -> Option<u64> {
        let bits = bits_of(parameters.kind)?;
        Some(rows as u64 * stride_of(parameters, bits) as u64)
    }

    /// All records; nothing where rows have none.
    pub(crate) fn records(&self) -> &[u8] {
        match &self.form {
            Form::Exact { .. } => &[],
            Form::Coded(coded) => &coded.records,
        }
    }

    /// Hands out all records: `docs/format/codes.md`.
    pub(crate) fn save<E>(&self, out: &mut impl Sink<E>) -> Result<(), E> {
        match &self.form {
            Form::Exact { .. } => Ok(()),
            Form::Coded(coded) => out(&coded.records),
        }
    }

    /// Reads the records of so many rows, of [`Self::size`] bytes. `uncoded` are the rows whose codes
    /// say nothing.
    ///
    /// # Panics
    /// When there are no records with these parameters.
    pub(crate) fn load<E>(
        parameters: Parameters,
        rows: usize,
        uncoded: &[u32],
        fill: &mut impl Fill<E>,
    ) -> Result<Self, E> {
        let mut loaded = Self::new(parameters, 0).expect("such codes have records");
        let Form::Coded(coded) = &mut loaded.form else { panic!("such codes have records") };
        coded.records = load_bytes(rows * coded.stride, fill)?;
        loaded.uncoded = uncoded.to_vec();
        if loaded.parameters.metric == Metric::InnerProduct {
            let all = (0..rows as u32).map(|place| coded.factors(place).whole);
            loaded.longest = all.fold(0.0, f32::max);
        }
        Ok(loaded)
    }

    /// Bytes of all rows as they are coded.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        match &self.form {
            Form::Exact { rows, norms } => size_of_val(&rows[..]) + size_of_val(&norms[..]),
            Form::Coded(coded) => coded.records.len(),
        }
    }

    /// Bytes that as many rows would take.
    #[must_use]
    pub fn bytes_of(parameters: &Parameters, rows: usize) -> usize {
        let dim = parameters.dim as usize;
        let bits = match parameters.kind {
            CodeKind::F32 => return rows * (dim + 1) * size_of::<f32>(),
            CodeKind::F16 => 16,
            CodeKind::Int8 => 8,
            kind => kind.bits().unwrap_or(8) as usize,
        };
        rows * (dim.next_multiple_of(MULTIPLE) / 8 * bits + factor_bytes(parameters.metric))
    }

    /// The rows that are not coded, in the order of their places: every search compares them exactly.
    pub(crate) fn uncoded(&self) -> &[u32] {
        &self.uncoded
    }

    /// Codes a further row. Its place is the number of rows before it. One whose norm is near the
    /// ends of `f32`, or whose code says nothing of it, is not coded: every search compares it exactly.
    ///
    /// # Errors
    /// [`VectorError::Dimension`], [`VectorError::NotFinite`], [`VectorError::ZeroVector`],
    /// [`VectorError::Full`].
    pub fn push(&mut self, row: &[f32]) -> Result<(), VectorError> {
        let metric = self.parameters.metric;
        check_dim(self.parameters.dim, row)?;
        admit(metric, self.kernels, row)?;
        let len = self.len();
        let place = u32::try_from(len).map_err(|_| VectorError::Full { len })?;
        let mut unit = std::mem::take(&mut self.unit);
        let mut says_something = is_coded(metric, row);
        if says_something {
            unit_into(metric, row, &mut unit);
        } else {
            unit.clear();
            unit.resize(row.len(), 1.0);
        }
        let whole = self.kernels.norm2_f32(&unit);
        self.longest = self.longest.max(whole);
        match &mut self.form {
            Form::Exact { rows, norms } => {
                rows.extend_from_slice(&unit);
                norms.push(whole);
            }
            Form::Coded(coded) => {
                let centroid = &self.parameters.centroid;
                unit.iter_mut().zip(centroid).for_each(|(x, c)| *x -= c);
                let factors = coded.encode(self.kernels, &mut unit);
                says_something &= factors.is_some();
                let factors = factors.unwrap_or(Factors { cosine: 1.0, ..Factors::default() });
                Factors { whole, ..factors }.append(metric, &mut coded.records);
            }
        }
        self.unit = unit;
        if !says_something {
            self.uncoded.push(place);
        }
        Ok(())
    }

    /// Makes a query a target: one that [`is_coded`]. A bound is `deviations` standard deviations.
    pub(crate) fn aim_at_query(&self, query: &[f32], deviations: f32, target: &mut Target) {
        let metric = self.parameters.metric;
        unit_into(metric, query, &mut target.vector);
        target.is_row = false;
        target.deviations = if deviations >= 0.0 { deviations.min(DEVIATIONS_MAX) } else { 0.0 };
        let Form::Coded(coded) = &self.form else {
            target.norm2 = self.kernels.norm2_f32(&target.vector);
            return;
        };
        let centroid = &self.parameters.centroid;
        let mut base = 0.0;
        if metric == Metric::InnerProduct {
            if !centroid.is_empty() {
                base = -self.kernels.dot_f32(&target.vector, centroid);
            }
        } else {
            target.vector.iter_mut().zip(centroid).for_each(|(x, c)| *x -= c);
        }
        target.norm2 = self.kernels.norm2_f32(&target.vector);
        let (weight, gain) = match metric {
            Metric::Cosine => (0.5, 1.0),
            Metric::InnerProduct => (0.0, 1.0),
            Metric::Euclidean => (1.0, 2.0),
        };
        target.base = match metric {
            Metric::Cosine => 0.5 * target.norm2 - 1.0,
            Metric::InnerProduct => base,
            Metric::Euclidean => target.norm2,
        };
        target.weight = weight;
        coded.turn(&mut target.vector);
        if let Some(codebook) = &coded.codebook {
            codebook.products(&target.vector, &mut target.table);
            (target.step, target.offset, target.rounding) = (-gain, 0.0, 0.0);
            return;
        }
        let (step, total, error) = round(&target.vector, &mut target.numbers);
        target.rounding = error / self.spread_over(coded);
        target.step = -gain * step;
        target.offset = gain * step * coded.middle() * total as f32;
    }

    /// Makes the row at a place a target.
    pub(crate) fn aim_at_row(&self, place: u32, target: &mut Target) {
        let metric = self.parameters.metric;
        target.is_row = true;
        target.weight = 1.0;
        let further = |whole: f32| (self.longest - whole).max(0.0).sqrt();
        match &self.form {
            Form::Exact { rows, norms } => {
                target.vector.clear();
                let dim = self.parameters.dim as usize;
                target.vector.extend_from_slice(&rows[place as usize * dim..][..dim]);
                target.norm2 = norms[place as usize];
                target.further = further(target.norm2);
            }
            Form::Coded(coded) => {
                let factors = coded.factors(place);
                let length = factors.slope * factors.cosine;
                target.base = factors.norm2;
                target.norm2 = factors.norm2;
                target.further = further(factors.whole);
                if let Some(codebook) = &coded.codebook {
                    codebook.decode(coded.code(place), &mut target.vector);
                    codebook.products(&target.vector, &mut target.table);
                    (target.step, target.offset) = (-2.0 * length, 0.0);
                } else {
                    let total = coded.numbers(place, &mut target.numbers);
                    // Numbers are twice the elements of a code below 8 bits.
                    let half = if coded.bits < 8 { 0.5 } else { 1.0 };
                    target.step = -2.0 * length * half;
                    target.offset = -target.step * coded.middle() * total as f32;
                }
            }
        }
        if metric != Metric::InnerProduct {
            target.further = 0.0;
        }
    }

    /// Makes the row at a place, as its code has it, a target for other codes of these rows. Its own must not be
    /// rotated.
    pub(crate) fn aim_at_decoded(&self, place: u32, others: &Self, target: &mut Target) {
        let dim = self.parameters.dim as usize;
        let mut row = std::mem::take(&mut target.row);
        row.clear();
        match &self.form {
            Form::Exact { rows, .. } => row.extend_from_slice(&rows[place as usize * dim..][..dim]),
            Form::Coded(coded) => {
                debug_assert!(!self.parameters.kind.is_rotated(), "numbers of other dimensions");
                coded.numbers(place, &mut target.numbers);
                let factors = coded.factors(place);
                let half = if coded.bits < 8 { 0.5 } else { 1.0 };
                let length = factors.slope * factors.cosine * half;
                row.extend(target.numbers[..dim].iter().map(|&x| length * f32::from(x)));
                row.iter_mut().zip(&self.parameters.centroid).for_each(|(x, c)| *x += c);
            }
        }
        others.aim_at_query(&row, 0.0, target);
        target.row = row;
    }

    /// Asks for what the key of a row is made of.
    #[inline]
    pub(crate) fn prefetch(&self, place: u32) {
        match &self.form {
            Form::Exact { rows, .. } => {
                let dim = self.parameters.dim as usize;
                skeg_simd::prefetch(&rows[place as usize * dim..][..dim]);
            }
            Form::Coded(coded) => skeg_simd::prefetch(coded.record(place)),
        }
    }

    /// The keys of rows: `keys[i]` becomes that of the one at `places[i]`.
    pub(crate) fn keys(&self, target: &Target, places: &[u32], keys: &mut [f32]) {
        match &self.form {
            Form::Exact { rows, norms } => {
                let dim = self.parameters.dim as usize;
                for (key, &place) in keys.iter_mut().zip(places) {
                    let place = place as usize;
                    let row = &rows[place * dim..][..dim];
                    *key = self.exact_key(target, row, norms[place]);
                }
            }
            Form::Coded(coded) => {
                for (places, keys) in places.chunks(TOGETHER).zip(keys.chunks_mut(TOGETHER)) {
                    self.coded_keys(coded, target, places, keys);
                }
            }
        }
    }

    fn exact_key(&self, target: &Target, row: &[f32], norm2: f32) -> f32 {
        if target.is_row {
            let mut key = self.kernels.l2sq_f32(&target.vector, row);
            if self.parameters.metric == Metric::InnerProduct {
                key += ((self.longest - norm2).max(0.0).sqrt() - target.further).powi(2);
            }
            return key;
        }
        match self.parameters.metric {
            Metric::Cosine | Metric::InnerProduct => -self.kernels.dot_f32(&target.vector, row),
            Metric::Euclidean => self.kernels.l2sq_f32(&target.vector, row),
        }
    }

    fn coded_keys(&self, coded: &Coded, target: &Target, places: &[u32], keys: &mut [f32]) {
        let mut sums = [0.0; TOGETHER];
        let sums = &mut sums[..places.len()];
        coded.sums(self.kernels, (&target.numbers, &target.table), places, sums);
        let raises = target.is_row && self.parameters.metric == Metric::InnerProduct;
        for ((key, &place), &sum) in keys.iter_mut().zip(places).zip(&*sums) {
            let factors = coded.factors(place);
            let shared = factors.norm2 * target.weight + target.base;
            let length = if target.is_row { factors.slope * factors.cosine } else { factors.slope };
            *key = shared + length * (sum * target.step + target.offset);
            if target.is_row && *key <= EQUAL * shared {
                *key = 0.0;
            }
            if raises {
                let further = (self.longest - factors.whole).max(0.0).sqrt();
                *key += (further - target.further).powi(2);
            }
        }
    }

    /// How far the key of a row may be off, for a query.
    pub(crate) fn bound(&self, target: &Target, place: u32) -> f32 {
        match &self.form {
            Form::Exact { norms, .. } => {
                let norm2 = norms[place as usize];
                ROUNDING
                    * match self.parameters.metric {
                        Metric::Cosine | Metric::InnerProduct => (norm2 * target.norm2).sqrt(),
                        Metric::Euclidean => norm2 + target.norm2,
                    }
            }
            Form::Coded(coded) => {
                let factors = coded.factors(place);
                let spread = coded.codebook.as_ref().map_or(1.0, Codebook::spread);
                let freedom = (self.spread_over(coded) - 1.0).max(1.0) / spread;
                let gain = if self.parameters.metric == Metric::Euclidean { 2.0 } else { 1.0 };
                // |slope·x|² = |o|² / cos².
                let length2 = factors.norm2 / (factors.cosine * factors.cosine);
                let spread = (length2 - factors.norm2).max(0.0) * target.norm2 / freedom;
                let variance = spread + length2 * target.rounding;
                let size = (factors.norm2 * target.norm2).sqrt() + target.base.abs();
                gain * (target.deviations * variance.sqrt() + ROUNDING * size)
            }
        }
    }

    /// The dimensions that errors are spread over: those of rows, unless a rotation fills all.
    fn spread_over(&self, coded: &Coded) -> f32 {
        if coded.rotation.is_some() { coded.dim as f32 } else { self.parameters.dim as f32 }
    }

    /// The key up to which a walk goes on whose k-th nearest row has the key `key`: that of a
    /// distance `1 + slack` times as great.
    pub(crate) fn reach(&self, target: &Target, key: f32, slack: f32) -> f32 {
        let (shift, gain) = match self.parameters.metric {
            Metric::Cosine => (2.0, 2.0),
            Metric::InnerProduct => (target.norm2 + self.longest, 2.0),
            Metric::Euclidean => (0.0, 1.0),
        };
        let distance2 = (shift + gain * key).max(0.0);
        (distance2 * (1.0 + slack).powi(2) - shift) / gain
    }
}
