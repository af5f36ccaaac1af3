//! One random rotation for each index, so that no direction is special and the bits of a code share
//! a vector's length evenly.
//!
//! Version 1: rounds of random signs and a Walsh-Hadamard transform. Where the padded dimension is a
//! power of two: three rounds over all of it. Otherwise four, over the first and the last 2^p
//! elements in turns (2^p is the greatest power that fits), each followed by a step of Kac's walk
//! that turns element i and element i + half of the dimension by 45 degrees: after four rounds every
//! element has reached every other.
//!
//! Invariants: orthogonal but for rounding; the same bits for the same seed on every processor.
//!
//! May not know: codes.

use skeg_simd::Kernels;

use crate::random::SplitMix;

/// Dimensions of a rotation are a multiple of this.
pub(crate) const MULTIPLE: usize = 64;

/// A rotation of vectors of one dimension.
#[derive(Debug)]
pub(crate) struct Rotation {
    kernels: &'static Kernels,
    /// Elements of a transform: the greatest power of two that fits.
    span: usize,
    /// Signs of each round; those of elements that are transformed carry its scale.
    rounds: Vec<Vec<f32>>,
}

impl Rotation {
    /// The rotation of a seed. `dim` is a multiple of [`MULTIPLE`].
    pub(crate) fn new(kernels: &'static Kernels, seed: u64, dim: usize) -> Self {
        let span = if dim.is_power_of_two() { dim } else { dim.next_power_of_two() / 2 };
        let scale = (1.0 / (span as f64).sqrt()) as f32;
        let mut random = SplitMix::new(seed);
        let mut is_plus = || random.next() >> 63 == 1;
        let rounds = if span == dim { 3 } else { 4 };
        let rounds = (0..rounds)
            .map(|round| {
                let start = start_of(round, dim, span);
                let size = |place| {
                    if (start..start + span).contains(&place) { scale } else { 1.0 }
                };
                (0..dim).map(|n| if is_plus() { size(n) } else { -size(n) }).collect()
            })
            .collect();
        Self { kernels, span, rounds }
    }

    /// Bytes allocated behind this struct.
    pub(crate) fn heap_bytes(&self) -> usize {
        let signs = self.rounds.iter().map(|signs| signs.capacity() * size_of::<f32>());
        self.rounds.capacity() * size_of::<Vec<f32>>() + signs.sum::<usize>()
    }

    /// Turns a vector in place.
    pub(crate) fn turn(&self, vector: &mut [f32]) {
        let dim = vector.len();
        for (round, signs) in self.rounds.iter().enumerate() {
            for (x, sign) in vector.iter_mut().zip(signs) {
                *x *= sign;
            }
            let start = start_of(round, dim, self.span);
            self.kernels.hadamard(&mut vector[start..start + self.span]);
            if self.span < dim {
                let (first, second) = vector.split_at_mut(dim / 2);
                for (a, b) in first.iter_mut().zip(second) {
                    let half = std::f32::consts::FRAC_1_SQRT_2;
                    (*a, *b) = ((*a + *b) * half, (*a - *b) * half);
                }
            }
        }
    }
}

/// Where the transform of a round begins.
fn start_of(round: usize, dim: usize, span: usize) -> usize {
    if round.is_multiple_of(2) { 0 } else { dim - span }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIMS: [usize; 7] = [64, 128, 192, 384, 768, 1024, 1536];

    fn spike(dim: usize, place: usize) -> Vec<f32> {
        (0..dim).map(|n| f32::from(u8::from(n == place))).collect()
    }

    #[test]
    fn lengths_and_angles_stay() {
        for dim in DIMS {
            let rotation = Rotation::new(skeg_simd::kernels(), 7, dim);
            let mut a: Vec<f32> = (0..dim).map(|n| (n as f32 * 0.37).sin()).collect();
            let mut b: Vec<f32> = (0..dim).map(|n| (n as f32 * 0.11).cos()).collect();
            let before = (skeg_simd::norm2_f32(&a), skeg_simd::dot_f32(&a, &b));
            rotation.turn(&mut a);
            rotation.turn(&mut b);
            let after = (skeg_simd::norm2_f32(&a), skeg_simd::dot_f32(&a, &b));
            assert!((before.0 - after.0).abs() < 1e-4 * before.0, "{dim}: {before:?} {after:?}");
            assert!((before.1 - after.1).abs() < 1e-4 * before.0, "{dim}: {before:?} {after:?}");
        }
    }

    #[test]
    fn every_element_reaches_every_other() {
        for dim in DIMS {
            let rotation = Rotation::new(skeg_simd::kernels(), 3, dim);
            for place in [0, 1, dim / 3, dim / 2, dim - 1] {
                let mut vector = spike(dim, place);
                rotation.turn(&mut vector);
                let most = vector.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
                assert!(most * (dim as f32).sqrt() < 6.0, "{dim} {place}: {most}");
                let zeros = vector.iter().filter(|x| x.abs() < 1e-6).count();
                assert!(zeros < dim / 2, "{dim} {place}: {zeros} elements stay zero");
            }
        }
    }

    #[test]
    fn version_1_is_fixed() {
        let mut vector = spike(192, 5);
        Rotation::new(skeg_simd::kernels(), 42, 192).turn(&mut vector);
        let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
        assert_eq!(skeg_simd::crc32c(0, &bytes), VERSION_1, "a change takes the next version");
    }

    const VERSION_1: u32 = 671_809_767;
}
