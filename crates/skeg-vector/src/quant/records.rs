//! Records of rows: the code of each and its factors, end to end (`docs/format/codes.md`).
//!
//! The codes are those of the scan, number for number. `int8` is coded the same way, in 8 bits and without a
//! rotation.
//!
//! May not know: what rows are compared with, metrics but for the factors that they need.

use skeg_simd::{Kernels, Levels};

use super::code::{Coder, append_plane};
use super::codebook::{Codebook, WORDS};
use super::rotation::{MULTIPLE, Rotation};
use super::{CodeKind, Parameters};
use crate::Metric;

/// The greatest element of a query in integers.
const TOP: f32 = 127.0;

/// Rows whose sums are found in one go.
pub(super) const TOGETHER: usize = 32;

/// See the module's header.
#[derive(Debug)]
pub(super) struct Coded {
    pub(super) bits: usize,
    /// Dimensions of a code.
    pub(super) dim: usize,
    /// Bytes of a record.
    pub(super) stride: usize,
    pub(super) rotation: Option<Rotation>,
    /// What parts of a code stand for, where it is one of words.
    pub(super) codebook: Option<Codebook>,
    pub(super) records: Vec<u8>,
    coder: Coder,
}

/// What is kept of a row behind its code.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Factors {
    /// |o|².
    pub(super) norm2: f32,
    /// |o|² / ⟨x, o⟩.
    pub(super) slope: f32,
    /// The cosine of x and o; 1 for a residual of 0.
    pub(super) cosine: f32,
    /// |r|², under inner product.
    pub(super) whole: f32,
}

/// Bytes of the factors, under inner product and otherwise.
pub(super) const fn factor_bytes(metric: Metric) -> usize {
    if matches!(metric, Metric::InnerProduct) { 16 } else { 12 }
}

/// Bits of an element of a code; nothing where rows are kept as they are.
pub(super) fn bits_of(kind: CodeKind) -> Option<usize> {
    match kind {
        CodeKind::Int8 => Some(8),
        other => other.bits().map(|bits| bits as usize),
    }
}

/// Bytes of a record.
pub(super) fn stride_of(parameters: &Parameters, bits: usize) -> usize {
    let dim = (parameters.dim as usize).next_multiple_of(MULTIPLE);
    dim / 8 * bits + factor_bytes(parameters.metric)
}

impl Factors {
    fn read(bytes: &[u8]) -> Self {
        let (numbers, _) = bytes.as_chunks::<4>();
        let number = |n: usize| numbers.get(n).map_or(0.0, |&x| f32::from_le_bytes(x));
        Self { norm2: number(0), slope: number(1), cosine: number(2), whole: number(3) }
    }

    pub(super) fn append(self, metric: Metric, to: &mut Vec<u8>) {
        let numbers = [self.norm2, self.slope, self.cosine, self.whole];
        for number in &numbers[..factor_bytes(metric) / 4] {
            to.extend_from_slice(&number.to_le_bytes());
        }
    }
}

impl Coded {
    /// No records yet, and room for so many.
    pub(super) fn new(
        kernels: &'static Kernels,
        parameters: &Parameters,
        bits: usize,
        rows: usize,
    ) -> Self {
        let dim = (parameters.dim as usize).next_multiple_of(MULTIPLE);
        let stride = stride_of(parameters, bits);
        let turned = parameters.kind.is_rotated();
        Self {
            bits,
            dim,
            stride,
            rotation: turned.then(|| Rotation::new(kernels, parameters.seed, dim)),
            codebook: parameters.codebook.clone(),
            records: Vec::with_capacity(rows * stride),
            coder: Coder::default(),
        }
    }

    /// What is taken off a level to make the element of a code.
    pub(super) fn middle(&self) -> f32 {
        if self.bits == 8 { 128.0 } else { ((1_u32 << self.bits) - 1) as f32 / 2.0 }
    }

    fn levels(&self) -> Levels<'_> {
        Levels { bits: self.bits, records: &self.records, stride: self.stride }
    }

    pub(super) fn record(&self, place: u32) -> &[u8] {
        &self.records[place as usize * self.stride..][..self.stride]
    }

    pub(super) fn factors(&self, place: u32) -> Factors {
        Factors::read(&self.record(place)[self.dim / 8 * self.bits..])
    }

    pub(super) fn code(&self, place: u32) -> &[u8] {
        &self.record(place)[..self.dim / 8 * self.bits]
    }

    /// The products of codes with what was made numbers of, or a table where they are codes of words.
    pub(super) fn sums(
        &self,
        kernels: &Kernels,
        (numbers, table): (&[i8], &[f32]),
        places: &[u32],
        sums: &mut [f32],
    ) {
        if self.codebook.is_some() {
            for (sum, &place) in sums.iter_mut().zip(places) {
                *sum = look_up(table, self.code(place));
            }
            return;
        }
        let mut whole = [0; TOGETHER];
        let whole = &mut whole[..places.len()];
        kernels.dot_levels(numbers, &self.levels(), places, whole);
        for (sum, &whole) in sums.iter_mut().zip(&*whole) {
            *sum = whole as f32;
        }
    }

    /// Turns a residual in place.
    pub(super) fn turn(&self, residual: &mut Vec<f32>) {
        residual.resize(self.dim, 0.0);
        if let Some(rotation) = &self.rotation {
            rotation.turn(residual);
        }
    }

    /// Appends the code of a residual. Gives the factors that come behind it; nothing when the code says
    /// nothing of it.
    pub(super) fn encode(&mut self, kernels: &Kernels, residual: &mut Vec<f32>) -> Option<Factors> {
        self.turn(residual);
        if let Some(codebook) = &self.codebook {
            let coded = codebook.encode(residual, &mut self.coder.levels);
            append_plane(&self.coder.levels, 0, 0, &mut self.records);
            let (norm2, slope, cosine) = (coded.norm2, coded.slope, coded.cosine);
            return coded.is_valid.then_some(Factors { norm2, slope, cosine, whole: 0.0 });
        }
        let factors = if self.bits == 8 {
            let levels = &mut self.coder.levels;
            levels.clear();
            let norm2 = kernels.norm2_f32(residual);
            let most = residual.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
            let inverse = if most > 0.0 { TOP / most } else { 0.0 };
            let (mut dot, mut length2) = (0.0, 0.0);
            for &x in &*residual {
                let number = (x * inverse).round();
                (dot, length2) = (dot + number * x, length2 + number * number);
                levels.push((number as i8).cast_unsigned() ^ 0x80);
            }
            of_code(norm2, dot, length2)
        } else {
            let factors = self.coder.encode(kernels, self.bits as u32, residual);
            if self.bits == 1 {
                let length2 = self.dim as f32 / 4.0;
                let dot = if factors.slope > 0.0 { factors.norm2 / factors.slope } else { 0.0 };
                of_code(factors.norm2, dot, length2)
            } else if factors.slope > 0.0 {
                let slope = factors.slope * factors.fine.ratio();
                let cosine = factors.fine.cosine();
                Factors { norm2: factors.norm2, slope, cosine, whole: 0.0 }
            } else {
                of_code(0.0, 0.0, 0.0)
            }
        };
        let width = 8 * self.bits;
        for unit in self.coder.levels.chunks_exact(MULTIPLE) {
            for byte in 0..width {
                let parts = unit[byte..].iter().step_by(width).enumerate();
                let packed = parts.fold(0, |packed, (n, level)| packed | level << (n * self.bits));
                self.records.push(packed);
            }
        }
        Some(factors)
    }

    /// The code of a row in integers: twice its elements, below 8 bits. Gives their sum.
    pub(super) fn numbers(&self, place: u32, numbers: &mut Vec<i8>) -> i32 {
        numbers.clear();
        let width = 8 * self.bits;
        let mask = u8::MAX >> (8 - self.bits);
        let most = i16::from(mask);
        for unit in self.code(place).chunks_exact(width) {
            for part in 0..8 / self.bits {
                let shift = part * self.bits;
                numbers.extend(unit.iter().map(|byte| {
                    let level = byte >> shift & mask;
                    if most == 255 {
                        (level ^ 0x80).cast_signed()
                    } else {
                        (2 * i16::from(level) - most) as i8
                    }
                }));
            }
        }
        numbers.iter().map(|&x| i32::from(x)).sum()
    }
}

/// The factors of a code x with ⟨x, o⟩ and |x|².
fn of_code(norm2: f32, dot: f32, length2: f32) -> Factors {
    if dot <= 0.0 || norm2 <= 0.0 {
        return Factors { cosine: 1.0, ..Factors::default() };
    }
    let cosine = (dot / (norm2 * length2).sqrt()).clamp(f32::MIN_POSITIVE, 1.0);
    Factors { norm2, slope: norm2 / dot, cosine, whole: 0.0 }
}

/// A query in integers. Gives what one unit stands for, their sum and the squared norm of the error.
pub(super) fn round(vector: &[f32], numbers: &mut Vec<i8>) -> (f32, i32, f32) {
    let most = vector.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
    let step = most / TOP;
    let inverse = if most > 0.0 { TOP / most } else { 0.0 };
    // Adding 1.5 × 2^23 leaves the nearest integer in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    numbers.clear();
    numbers.extend(vector.iter().map(|&x| (x * inverse + ROUND).to_bits() as i8));
    let (mut total, mut error) = (0, 0.0);
    for (&x, &number) in vector.iter().zip(&*numbers) {
        total += i32::from(number);
        let off = x - step * f32::from(number);
        error += off * off;
    }
    (step, total, error)
}

/// What the words of a code add up to in a table.
fn look_up(table: &[f32], code: &[u8]) -> f32 {
    let mut lanes = [0.0; 4];
    // Two bytes have the words of four parts.
    for (four, bytes) in table.as_chunks::<{ 4 * WORDS }>().0.iter().zip(code.as_chunks::<2>().0) {
        let words = u16::from_le_bytes(*bytes);
        for (n, lane) in lanes.iter_mut().enumerate() {
            *lane += four[n * WORDS + usize::from(words >> (4 * n) & 0x0f)];
        }
    }
    (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])
}
