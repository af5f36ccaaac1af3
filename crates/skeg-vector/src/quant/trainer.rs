//! Parameters that suit rows: their mean becomes the centroid, and where codes have words, a sample of their residuals
//! is what the words are learned from.
//!
//! Invariant: rows in one order and one seed give one result, on every processor.
//!
//! May not know: where rows are kept.

use super::codebook::Codebook;
use super::coded::{check_dim, is_coded};
use super::residuals::Residuals;
use super::{CodeKind, Parameters, unit_into};
use crate::random::SplitMix;
use crate::{DIM_MAX, Metric, VectorError};

/// Rows of a sample, and fewer where they have many dimensions.
const SAMPLE: usize = 2_048;
const SAMPLE_MIN: usize = 256;

/// Numbers in a sample, about.
const NUMBERS: usize = 8 << 20;

/// Keeps what is random here apart from the signs of the rotation.
const SAMPLE_SEED: u64 = 0x7361_6d70_6c65;
const WORDS_SEED: u64 = 0x0077_6f72_6473;

/// Finds parameters that suit rows: see the module's header.
#[derive(Debug)]
pub struct Trainer {
    parameters: Parameters,
    sums: Vec<f64>,
    rows: u64,
    sample: Vec<f32>,
    /// Rows that the sample was taken from.
    sampled: u64,
    random: SplitMix,
    unit: Vec<f32>,
}

impl Trainer {
    /// For rows of `dim` numbers. `seed` chooses the rotation and the sample.
    ///
    /// # Errors
    /// [`VectorError::DimensionOption`].
    pub fn new(kind: CodeKind, metric: Metric, dim: u32, seed: u64) -> Result<Self, VectorError> {
        if dim == 0 || dim > DIM_MAX {
            return Err(VectorError::DimensionOption { given: dim });
        }
        let sums = vec![0.0; if kind.bits().is_some() { dim as usize } else { 0 }];
        let parameters =
            Parameters { kind, metric, dim, seed, centroid: Vec::new(), codebook: None };
        let (sample, unit) = (Vec::new(), Vec::new());
        let random = SplitMix::new(seed ^ SAMPLE_SEED);
        Ok(Self { parameters, sums, rows: 0, sample, sampled: 0, random, unit })
    }

    /// Takes a row into account. Rows that are not coded (see [`super::CodedRows::push`]) are left
    /// out.
    ///
    /// # Errors
    /// [`VectorError::Dimension`].
    pub fn add(&mut self, row: &[f32]) -> Result<(), VectorError> {
        check_dim(self.parameters.dim, row)?;
        if self.sums.is_empty() || !is_coded(self.parameters.metric, row) {
            return Ok(());
        }
        unit_into(self.parameters.metric, row, &mut self.unit);
        for (sum, &x) in self.sums.iter_mut().zip(&self.unit) {
            *sum += f64::from(x);
        }
        self.rows += 1;
        self.sample_unit();
        Ok(())
    }

    /// Takes `rows` rows into account that were coded with other parameters of this kind: by their
    /// centroid. Where codes have words, some of them are to be given to [`Self::sample`].
    pub(crate) fn add_parts(&mut self, parameters: &Parameters, rows: u64) {
        for (sum, &x) in self.sums.iter_mut().zip(&parameters.centroid) {
            *sum += f64::from(x) * rows as f64;
        }
        self.rows += rows;
    }

    /// How many rows a sample of all has at most; none where nothing is learned from them.
    pub(crate) fn sample_rows(&self) -> usize {
        if !self.parameters.kind.has_words() {
            return 0;
        }
        (NUMBERS / self.parameters.dim as usize).clamp(SAMPLE_MIN, SAMPLE)
    }

    /// Takes a row into the sample that counts otherwise. Those that are not coded are left out.
    pub(crate) fn sample(&mut self, row: &[f32]) {
        if is_coded(self.parameters.metric, row) {
            unit_into(self.parameters.metric, row, &mut self.unit);
            self.sample_unit();
        }
    }

    /// Keeps a row or not, so that all are as likely to be in the sample (Vitter's algorithm R).
    fn sample_unit(&mut self) {
        let (dim, most) = (self.parameters.dim as usize, self.sample_rows());
        if most == 0 {
            return;
        }
        self.sampled += 1;
        if self.sample.len() < most * dim {
            self.sample.extend_from_slice(&self.unit);
            return;
        }
        let chosen = (u128::from(self.random.next()) * u128::from(self.sampled)) >> 64;
        if let Some(place) = usize::try_from(chosen).ok().filter(|&place| place < most) {
            self.sample[place * dim..][..dim].copy_from_slice(&self.unit);
        }
    }

    /// The parameters.
    #[must_use]
    pub fn finish(self) -> Parameters {
        let rows = self.rows.max(1) as f64;
        let centroid: Vec<f32> = self.sums.iter().map(|sum| (sum / rows) as f32).collect();
        let Parameters { kind, metric, dim, seed, .. } = self.parameters;
        let codebook = kind.has_words().then(|| {
            let turned = kind.is_rotated().then_some(seed);
            let kernels = skeg_simd::kernels();
            let residuals = Residuals::new(kernels, metric, turned, centroid.clone());
            let (mut all, mut one) = (Vec::new(), self.unit);
            for unit in self.sample.chunks_exact(dim as usize) {
                one.clear();
                one.extend_from_slice(unit);
                residuals.of_unit(&mut one);
                all.extend_from_slice(&one);
            }
            Codebook::learn(all, residuals.dim, seed ^ WORDS_SEED)
        });
        Parameters { kind, metric, dim, seed, centroid, codebook }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trained(rows: impl Iterator<Item = u32>) -> Parameters {
        let mut trainer = Trainer::new(CodeKind::Pq, Metric::Euclidean, 20, 5).unwrap();
        let number = |n: u32| (n.wrapping_mul(0x9e37_79b9) >> 8) as f32 / (1_u32 << 23) as f32;
        for row in rows {
            let row: Vec<f32> = (0..20).map(|d| number(row * 20 + d)).collect();
            trainer.add(&row).unwrap();
        }
        assert!(trainer.sample.len() <= SAMPLE * 20);
        trainer.finish()
    }

    #[test]
    fn a_sample_has_rows_from_everywhere_and_depends_on_the_seed_alone() {
        let all = trained(0..9_000);
        assert_eq!(all, trained(0..9_000));
        // Had it only the first of them, these would be the same.
        let first = trained(0..SAMPLE as u32);
        assert_ne!(all.codebook, first.codebook);
        let bytes = all.to_bytes();
        assert_eq!(Parameters::from_bytes(&bytes), Ok(all));
    }

    #[test]
    fn a_sample_of_many_dimensions_has_fewer_rows() {
        let rows = |kind, dim| Trainer::new(kind, Metric::Cosine, dim, 1).unwrap().sample_rows();
        assert_eq!(
            [1, 4_096, 8_192, DIM_MAX].map(|dim| rows(CodeKind::Pq, dim)),
            [2_048, 2_048, 1_024, 256]
        );
        assert_eq!(rows(CodeKind::Tq2, 4), 0);
    }
}
