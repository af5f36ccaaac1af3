//! The code of one residual: its bits and its factors.
//!
//! A code of b bits is the point of the grid {±1/2, ±3/2, ..., ±(2^b − 1)/2}^D whose direction is
//! near the residual's (arXiv 2409.09913). That paper searches all scales for the best one;
//! here ten are tried around the best uniform step for a normal distribution (Max, "Quantizing for
//! minimum distortion", 1960), which is what a rotated residual's elements follow: the cosine falls
//! short of the best by less than 0.1 %.
//!
//! May not know: blocks, metrics, queries.

use skeg_simd::Kernels;

use super::stored::Number;

/// Steps tried, as multiples of the best for a normal distribution.
const STEPS: [f32; 10] = [0.7, 0.78, 0.85, 0.91, 0.96, 1.0, 1.04, 1.1, 1.2, 1.4];

/// What is kept of a row beside its bits.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Factors {
    /// |o|².
    pub(crate) norm2: f32,
    /// |o|² / ⟨x, o⟩ for the code of the signs alone; 0 for a residual of 0.
    pub(crate) slope: f32,
    pub(crate) fine: Fine,
}

/// The further factors of a code of more than one bit, in 16 bits each.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Fine {
    /// The slope of the whole code as a part of that of the signs, in units of 2^-16.
    ratio: u16,
    /// The cosine of code and residual, rounded down, in units of 2^-16.
    cosine: u16,
}

const UNITS: f32 = 65_536.0;

impl Fine {
    fn new(ratio: f32, cosine: f32) -> Self {
        let units = |part: f32| (part * UNITS).clamp(1.0, UNITS - 1.0);
        Self { ratio: units(ratio).round() as u16, cosine: units(cosine) as u16 }
    }

    pub(crate) fn ratio(self) -> f32 {
        f32::from(self.ratio.max(1)) / UNITS
    }

    pub(crate) fn cosine(self) -> f32 {
        f32::from(self.cosine.max(1)) / UNITS
    }
}

impl Number<4> for Fine {
    fn to_le(self) -> [u8; 4] {
        let ([r0, r1], [c0, c1]) = (self.ratio.to_le_bytes(), self.cosine.to_le_bytes());
        [r0, r1, c0, c1]
    }

    fn from_le([r0, r1, c0, c1]: [u8; 4]) -> Self {
        Self { ratio: u16::from_le_bytes([r0, r1]), cosine: u16::from_le_bytes([c0, c1]) }
    }
}

/// Makes codes; keeps what it allocates.
#[derive(Debug, Default)]
pub(crate) struct Coder {
    /// The unsigned elements of the last code.
    pub(crate) levels: Vec<u8>,
    sizes: Vec<f32>,
    code: Vec<f32>,
}

impl Coder {
    /// Bytes allocated behind this struct.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.levels.capacity() + (self.sizes.capacity() + self.code.capacity()) * size_of::<f32>()
    }

    /// Codes a residual with `bits` bits a dimension.
    pub(crate) fn encode(&mut self, kernels: &Kernels, bits: u32, residual: &[f32]) -> Factors {
        self.sizes.clear();
        self.sizes.extend(residual.iter().map(|x| x.abs()));
        self.code.clear();
        self.code.resize(residual.len(), 0.5);
        let norm2 = kernels.norm2_f32(residual);
        let with_signs = kernels.dot_f32(&self.code, &self.sizes);
        let middle = 1_u8 << (bits - 1);
        self.levels.clear();
        if with_signs <= 0.0 || norm2 <= 0.0 {
            self.levels.resize(residual.len(), middle);
            return Factors::default();
        }
        let mut factors = Factors { norm2, slope: norm2 / with_signs, fine: Fine::default() };
        if bits > 1 {
            let sigma = (norm2 / residual.len() as f32).sqrt();
            let step = if bits == 2 { 0.9957 } else { 0.3352 } * sigma;
            let top = f32::from(middle - 1);
            let (mut best, mut best_step, mut best_dot) = (0.0, step, with_signs);
            for multiple in STEPS {
                let (dot, length2) = self.fit(kernels, 1.0 / (multiple * step), top);
                let cosine = dot / (length2 * norm2).sqrt();
                if cosine > best {
                    (best, best_step, best_dot) = (cosine, multiple * step, dot);
                }
            }
            self.fit(kernels, 1.0 / best_step, top);
            factors.fine = Fine::new(with_signs / best_dot, best);
        }
        let levels = residual.iter().zip(&self.code).map(|(&x, &size)| {
            let level = size as u8;
            if x >= 0.0 { middle + level } else { middle - 1 - level }
        });
        self.levels.extend(levels);
        factors
    }

    /// Fits the sizes with a step's inverse. Gives ⟨x, o⟩ and |x|².
    fn fit(&mut self, kernels: &Kernels, inverse: f32, top: f32) -> (f32, f32) {
        for (code, &size) in self.code.iter_mut().zip(&self.sizes) {
            *code = ((size * inverse) as i32 as f32).min(top) + 0.5;
        }
        (kernels.dot_f32(&self.code, &self.sizes), kernels.norm2_f32(&self.code))
    }
}

/// Appends one bit of each element from one on, the first in the lowest bit of the first byte.
pub(crate) fn append_plane(levels: &[u8], plane: u32, from: usize, to: &mut Vec<u8>) {
    to.extend(levels[from..].as_chunks::<8>().0.iter().map(|eight| {
        eight.iter().enumerate().fold(0, |byte, (n, level)| byte | (level >> plane & 1) << n)
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that look normally distributed.
    fn residual(dim: usize, seed: u64) -> Vec<f32> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut uniform = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1_u32 << 24) as f32
        };
        (0..dim).map(|_| (0..6).map(|_| uniform()).sum::<f32>() - 3.0).collect()
    }

    /// The cosine of code and residual.
    fn cosine(coder: &Coder, bits: u32, residual: &[f32]) -> f64 {
        let middle = f64::from((1_u32 << bits) - 1) / 2.0;
        let code = coder.levels.iter().map(|&level| f64::from(level) - middle);
        let (mut dot, mut code2, mut size2) = (0.0, 0.0, 0.0);
        for (x, &o) in code.zip(residual) {
            let o = f64::from(o);
            (dot, code2, size2) = (dot + x * o, code2 + x * x, size2 + o * o);
        }
        dot / (code2 * size2).sqrt()
    }

    #[test]
    fn two_bits_are_near_the_best_that_two_bits_can_be() {
        for (dim, seed) in [(64, 1), (384, 2), (1024, 3), (1536, 4)] {
            let residual = residual(dim, seed);
            let mut coder = Coder::default();
            let factors = coder.encode(skeg_simd::kernels(), 2, &residual);
            let reached = cosine(&coder, 2, &residual);
            // The best code raises the greatest elements: try every number of them.
            let mut sizes: Vec<f64> = residual.iter().map(|x| f64::from(x.abs())).collect();
            sizes.sort_unstable_by(|a, b| b.total_cmp(a));
            let size = sizes.iter().map(|x| x * x).sum::<f64>().sqrt();
            let (mut dot, mut code2) = (sizes.iter().sum::<f64>() / 2.0, dim as f64 / 4.0);
            let mut best = dot / code2.sqrt() / size;
            for x in sizes {
                (dot, code2) = (dot + x, code2 + 2.0);
                best = best.max(dot / code2.sqrt() / size);
            }
            assert!(reached <= best + 1e-6 && reached >= best * 0.999, "{dim}: {reached} {best}");
            let kept = f64::from(factors.fine.cosine());
            assert!(kept <= reached + 1e-6 && kept > reached - 1e-4, "{kept} {reached}");
        }
    }

    #[test]
    fn the_factors_are_those_of_the_code() {
        for bits in [1, 2, 4] {
            let residual = residual(192, 9);
            let mut coder = Coder::default();
            let factors = coder.encode(skeg_simd::kernels(), bits, &residual);
            let middle = ((1_u32 << bits) - 1) as f32 / 2.0;
            let pairs = coder.levels.iter().zip(&residual);
            let dot: f32 = pairs.map(|(&level, &o)| (f32::from(level) - middle) * o).sum();
            let ratio = if bits == 1 { 1.0 } else { factors.fine.ratio() };
            let slope = factors.slope * ratio;
            assert!((slope * dot / factors.norm2 - 1.0).abs() < 1e-3, "{bits}: {slope}");
            let planes: Vec<Vec<u8>> = (0..bits)
                .map(|plane| {
                    let mut bytes = Vec::new();
                    append_plane(&coder.levels, plane, 0, &mut bytes);
                    bytes
                })
                .collect();
            for (n, &level) in coder.levels.iter().enumerate() {
                let bit = |plane: &Vec<u8>| u32::from(plane[n / 8] >> (n % 8) & 1);
                let read: u32 = planes.iter().enumerate().map(|(p, plane)| bit(plane) << p).sum();
                assert_eq!(read, u32::from(level));
            }
        }
    }

    #[test]
    fn a_residual_of_zero_has_factors_of_zero() {
        for bits in [1, 2, 4] {
            let factors = Coder::default().encode(skeg_simd::kernels(), bits, &[0.0; 64]);
            assert_eq!((factors.norm2, factors.slope), (0.0, 0.0));
        }
    }
}
