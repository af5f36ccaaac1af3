//! Rows in half precision: 2 bytes a dimension. Each is first scaled by a power of two to where a
//! half is most exact, so that rows of any size keep 11 bits an element.
//!
//! May not know: where rows are kept, k.

use skeg_simd::{Kernels, ROWS, Sifted};

use super::ready::{Ready, Scores};
use super::stored::{Fill, Sink, load, save};
use super::{Blocks, Codec, rows_in, score_of, unit_into};
use crate::Metric;

/// The greatest element of a row after scaling is at least half of this, and less than it.
const TOP: f32 = 16_384.0;

/// How far a half is from the number that it stands for, relative to it, and (of those below 2^-14)
/// as a part of the greatest in its row; and what sums of `f32` add.
const ERROR: f32 = 1.0 / 2048.0 + 1e-5;

/// Rows of halves.
#[derive(Debug)]
pub(crate) struct Half {
    kernels: &'static Kernels,
    metric: Metric,
    dim: usize,
    rows: Vec<u16>,
    /// What an element is multiplied by.
    scales: Vec<f32>,
    /// Squared norms.
    norms: Vec<f32>,
    unit: Vec<f32>,
}

impl Half {
    pub(crate) fn new(kernels: &'static Kernels, metric: Metric, dim: usize) -> Self {
        let (rows, scales) = (Vec::new(), Vec::new());
        Self { kernels, metric, dim, rows, scales, norms: Vec::new(), unit: Vec::new() }
    }
}

impl Blocks for Half {
    fn len(&self) -> usize {
        self.scales.len()
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
        self.kernels.dot_f16_rows(&ready.vector, rows, &mut scores.estimates[..count]);
        let gain = if self.metric == Metric::Euclidean { 2.0 } else { 1.0 };
        for n in 0..count {
            let place = block * ROWS + n;
            let dot = scores.estimates[n] * self.scales[place];
            scores.estimates[n] = score_of(self.metric, dot, self.norms[place], ready.norm2);
            scores.bounds[n] = gain * ERROR * (self.norms[place] * ready.norm2).sqrt();
        }
        scores.reaching(floor, sifted.rows)
    }
}

impl Codec for Half {
    fn reserve(&mut self, rows: usize) {
        self.rows.reserve_exact(rows * self.dim);
        self.scales.reserve_exact(rows);
        self.norms.reserve_exact(rows);
    }

    fn push(&mut self, row: &[f32]) -> bool {
        unit_into(self.metric, row, &mut self.unit);
        let most = self.unit.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
        // The exponent of the greatest element alone: a power of two, or 0 for a row of zeros.
        let power = f32::from_bits(most.to_bits() & 0x7f80_0000);
        let scale = if power > 0.0 { TOP / 2.0 / power } else { 1.0 };
        self.rows.extend(self.unit.iter().map(|x| narrow(x * scale)));
        self.scales.push(1.0 / scale);
        self.norms.push(self.kernels.norm2_f32(&self.unit));
        true
    }

    fn code_bytes(&self) -> usize {
        size_of_val(&self.rows[..])
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

/// The nearest half of a number whose size is below 65,504, the even one of two.
fn narrow(number: f32) -> u16 {
    let bits = number.to_bits();
    let sign = (bits >> 16 & 0x8000) as u16;
    let size = f32::from_bits(bits & 0x7fff_ffff);
    // Below 2^-14 a half is a multiple of 2^-24: adding 1/2, whose last place is that, rounds to it.
    if size < f32::from_bits(0x3880_0000) {
        return sign | ((size + 0.5).to_bits() - 0.5_f32.to_bits()) as u16;
    }
    let bits = size.to_bits() - (112 << 23);
    sign | ((bits + 0x0fff + (bits >> 13 & 1)) >> 13) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_is_its_own_nearest_and_between_two_the_nearer_is_taken() {
        let value = |half: u16| {
            let mut out = [0.0];
            skeg_simd::kernels().dot_f16_rows(&[1.0], &[half], &mut out);
            out[0]
        };
        for half in 0..0x7bff {
            assert_eq!(narrow(value(half)), half);
            assert_eq!(narrow(-value(half)), half | 0x8000);
            let (low, high) = (value(half), value(half + 1));
            assert_eq!(narrow(low + (high - low) * 0.49), half);
            assert_eq!(narrow(low + (high - low) * 0.51), half + 1);
            assert_eq!(narrow(low + (high - low) * 0.5), half + half % 2);
        }
    }
}
