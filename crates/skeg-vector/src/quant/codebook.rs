//! Codewords learned from rows: 16 for each four dimensions of a residual, by k-means (product quantisation: Jégou, Douze
//! and Schmid, "Product Quantization for Nearest Neighbor Search", TPAMI 2011, with the rotation before it that Ge et
//! al. add, "Optimized Product Quantization", CVPR 2013, here a random one).
//!
//! Residuals are brought to length √D before they are coded, so that rows of all lengths share the words; what a row's
//! length was is in its slope. Beside the rows of a sample, random vectors are learned from when the rows are few:
//! then there are words in directions that the sample has none in.
//!
//! Errors of such codes are not spread over all directions as evenly as those of signs, since words follow what the rows have
//! in common. How much greater their variance is, as rows see them from each other, is measured on the sample and kept.
//!
//! Invariants: words depend on the sample and the seed alone, and are the same on every processor; no word is further
//! out than the longest residual of any dimension.
//!
//! May not know: where rows come from, blocks, queries' bounds.

use std::sync::Arc;

use super::code::append_plane;
use crate::random::SplitMix;

/// Dimensions that share words.
pub(super) const PART: usize = 4;

/// Words of each part: a code of four bits.
pub(super) const WORDS: usize = 16;

/// Bytes of a part's words.
const PART_BYTES: usize = PART * WORDS * size_of::<f32>();

/// Rounds of k-means at most.
const ROUNDS: usize = 8;

/// Vectors that are learned from at least.
const LEARNED_MIN: usize = 256;

/// No word has a greater element: the length of a residual in the most dimensions.
const ELEMENT_MAX: f32 = 256.0;

/// Rows of a sample whose codes are looked at from how many others, to see how errors are spread.
const CODES: usize = 128;
const QUERIES: usize = 64;
/// So many of them, the nearest, count by themselves, too: those are what a search is after.
const NEAREST: usize = 8;

/// Codes whose errors are a smaller part of the residual have none worth counting.
const ERROR_MIN: f32 = 1e-4;

/// Codes whose cosine with the residual is less say nothing of it.
const COSINE_MIN: f32 = 0.125;

/// The words of four dimensions: dimension after dimension, one number of each word.
pub(super) type Words = [[f32; WORDS]; PART];

/// See the module's header.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Codebook {
    parts: Arc<[Words]>,
    /// Half the squared length of each word.
    halves: Arc<[[f32; WORDS]]>,
    /// The variance of errors, as a multiple of what it is when they are spread evenly; at least 1.
    spread: f32,
}

/// What is kept of a code x of a residual o.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Coded {
    /// |o|².
    pub(super) norm2: f32,
    /// |o|² / ⟨x, o⟩; 0 for a residual of 0.
    pub(super) slope: f32,
    /// The cosine of x and o; 1 for a residual of 0.
    pub(super) cosine: f32,
    /// Whether it says anything of the residual.
    pub(super) is_valid: bool,
}

/// Brings a residual to length √D. `false` for one of 0.
fn normalize(residual: &mut [f32], norm2: f32) -> bool {
    let factor = (residual.len() as f64 / f64::from(norm2)).sqrt();
    if norm2 > 0.0 {
        residual.iter_mut().for_each(|x| *x = (f64::from(*x) * factor) as f32);
    }
    norm2 > 0.0
}

/// The squared distance to each word, halved, less half the squared length of the part.
fn distances(words: &Words, halves: &[f32; WORDS], part: &[f32; PART]) -> [f32; WORDS] {
    let mut distances = *halves;
    for (numbers, &x) in words.iter().zip(part) {
        for (distance, number) in distances.iter_mut().zip(numbers) {
            *distance -= number * x;
        }
    }
    distances
}

/// The nearest word, the first of those at one distance.
fn nearest(words: &Words, halves: &[f32; WORDS], part: &[f32; PART]) -> (usize, f32) {
    let distances = distances(words, halves, part);
    let mut best = (0, distances[0]);
    for (word, &distance) in distances.iter().enumerate().skip(1) {
        if distance < best.1 {
            best = (word, distance);
        }
    }
    best
}

fn halves_of(words: &Words) -> [f32; WORDS] {
    let mut halves = [0.0; WORDS];
    for numbers in words {
        for (half, number) in halves.iter_mut().zip(numbers) {
            *half += 0.5 * (number * number);
        }
    }
    halves
}

impl Codebook {
    fn new(parts: Vec<Words>, spread: f32) -> Self {
        let halves = parts.iter().map(halves_of).collect();
        Self { parts: parts.into(), halves, spread }
    }

    /// Bytes of the stored form for D dimensions.
    pub(super) fn bytes(dim: usize) -> usize {
        dim / PART * PART_BYTES + size_of::<f32>()
    }

    pub(super) fn spread(&self) -> f32 {
        self.spread
    }

    /// Learns words for D dimensions, a multiple of four, from residuals of as many that lie end to end.
    pub(super) fn learn(mut residuals: Vec<f32>, dim: usize, seed: u64) -> Self {
        let mut learned = Vec::with_capacity(residuals.len() / dim);
        for (row, residual) in residuals.chunks_exact_mut(dim).enumerate() {
            let norm2 = skeg_simd::norm2_f32(residual);
            if normalize(residual, norm2) {
                learned.push(row);
            }
        }
        let mut random = SplitMix::new(seed);
        let mut points = Vec::new();
        let parts = (0..dim).step_by(PART).map(|from| {
            points.clear();
            points.extend(learned.iter().map(|row| part_at(&residuals, row * dim + from)));
            while points.len() < LEARNED_MIN {
                points.push(std::array::from_fn(|_| normal(&mut random)));
            }
            cluster(&points, &mut random)
        });
        let mut learned_words = Self::new(parts.collect(), 1.0);
        learned_words.spread = learned_words.spread_of(&residuals, &learned, dim);
        learned_words
    }

    /// How errors of the codes of some residuals are spread, as others see them.
    fn spread_of(&self, residuals: &[f32], rows: &[usize], dim: usize) -> f32 {
        let row = |row: usize| &residuals[row * dim..][..dim];
        let some = |count: usize| rows.iter().copied().step_by(rows.len().div_ceil(count).max(1));
        // Of all, and of the nearest.
        let (mut sums, mut counts) = ([0.0; 2], [0_u32; 2]);
        let (mut levels, mut code) = (Vec::new(), Vec::new());
        let (mut own, mut error) = (Vec::new(), Vec::new());
        for coded in some(CODES) {
            own.clear();
            own.extend_from_slice(row(coded));
            self.encode(&mut own, &mut levels);
            code.clear();
            append_plane(&levels, 0, 0, &mut code);
            self.decode(&code, &mut error);
            let slope = skeg_simd::norm2_f32(&own) / skeg_simd::dot_f32(&error, &own);
            error.iter_mut().zip(&own).for_each(|(x, o)| *x = slope * *x - o);
            let size2 = skeg_simd::norm2_f32(&error);
            if size2 <= ERROR_MIN * dim as f32 {
                continue;
            }
            let others = some(QUERIES).filter(|&query| query != coded);
            let mut others: Vec<_> =
                others.map(|query| (skeg_simd::dot_f32(&own, row(query)), query)).collect();
            others.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            for (rank, &(_, query)) in others.iter().enumerate() {
                let dot = f64::from(skeg_simd::dot_f32(&error, row(query)));
                let kinds = if rank < NEAREST { 0..2 } else { 0..1 };
                for kind in kinds {
                    sums[kind] += dot * dot / f64::from(size2);
                    counts[kind] += 1;
                }
            }
        }
        // A residual's squared length is D, so an even spread has `D / (D − 1)`.
        let even = dim as f64 / (dim - 1) as f64;
        let means = sums.iter().zip(counts).map(|(sum, count)| sum / f64::from(count.max(1)));
        ((means.fold(0.0, f64::max) / even) as f32).clamp(1.0, dim as f32)
    }

    /// Codes a residual of D dimensions: one number of each part, cut into four bits, the lowest first. Changes its length.
    pub(super) fn encode(&self, residual: &mut [f32], levels: &mut Vec<u8>) -> Coded {
        let norm2 = skeg_simd::norm2_f32(residual);
        let dim = residual.len() as f64;
        let is_zero = !normalize(residual, norm2);
        levels.clear();
        let (mut dot, mut length2) = (0.0, 0.0);
        let parts = residual.as_chunks::<PART>().0;
        for ((part, words), halves) in parts.iter().zip(&*self.parts).zip(&*self.halves) {
            let (word, distance) = nearest(words, halves, part);
            let half = f64::from(halves[word]);
            dot += half - f64::from(distance);
            length2 += 2.0 * half;
            levels.extend([0, 1, 2, 3].map(|bit| (word >> bit & 1) as u8));
        }
        if is_zero {
            return Coded { norm2: 0.0, slope: 0.0, cosine: 1.0, is_valid: true };
        }
        let cosine = dot / (dim * length2).sqrt();
        if cosine.is_nan() || cosine < f64::from(COSINE_MIN) {
            return Coded { norm2: 0.0, slope: 0.0, cosine: 1.0, is_valid: false };
        }
        let slope = (f64::from(norm2) * dim).sqrt() / dot;
        let cosine = (cosine as f32).min(1.0);
        Coded { norm2, slope: slope as f32, cosine, is_valid: true }
    }

    /// What each word of each part adds to the product with a vector of D dimensions.
    pub(super) fn products(&self, vector: &[f32], to: &mut Vec<f32>) {
        to.clear();
        for (part, words) in vector.as_chunks::<PART>().0.iter().zip(&*self.parts) {
            let mut products = [0.0; WORDS];
            for (numbers, &x) in words.iter().zip(part) {
                for (product, number) in products.iter_mut().zip(numbers) {
                    *product += number * x;
                }
            }
            to.extend_from_slice(&products);
        }
    }

    /// The words of a code, two parts in a byte, the first in its lower half.
    pub(super) fn decode(&self, code: &[u8], to: &mut Vec<f32>) {
        to.clear();
        for (words, word) in self.parts.iter().zip(numbers(code)) {
            to.extend(words.iter().map(|numbers| numbers[word]));
        }
    }

    /// Bytes of memory, those of all who share it.
    pub(crate) fn memory_bytes(&self) -> usize {
        size_of_val(&*self.parts) + size_of_val(&*self.halves)
    }

    pub(super) fn append_bytes(&self, to: &mut Vec<u8>) {
        to.extend(self.parts.as_flattened().as_flattened().iter().flat_map(|x| x.to_le_bytes()));
        to.extend_from_slice(&self.spread.to_le_bytes());
    }

    /// Reads what was appended: whole parts. Says what is wrong with it otherwise.
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, &'static str> {
        let read = |bytes: &[u8; PART_BYTES]| -> Words {
            let (numbers, _) = bytes.as_chunks::<4>();
            std::array::from_fn(|d| {
                std::array::from_fn(|word| f32::from_le_bytes(numbers[d * WORDS + word]))
            })
        };
        let (parts, rest) = bytes.as_chunks::<PART_BYTES>();
        let &[s0, s1, s2, s3] = rest else { return Err("codewords are cut short") };
        let spread = f32::from_le_bytes([s0, s1, s2, s3]);
        if !(1.0..=(parts.len() * PART).max(1) as f32).contains(&spread) {
            return Err("a spread of errors that none has");
        }
        let parts: Vec<Words> = parts.iter().map(read).collect();
        let all = parts.as_flattened().as_flattened();
        if !all.iter().all(|x| x.abs() <= ELEMENT_MAX) {
            return Err("a codeword that is too long");
        }
        Ok(Self::new(parts, spread))
    }
}

/// The numbers of a code, part by part.
pub(super) fn numbers(code: &[u8]) -> impl Iterator<Item = usize> {
    code.iter().flat_map(|&byte| [usize::from(byte & 0x0f), usize::from(byte >> 4)])
}

fn part_at(numbers: &[f32], at: usize) -> [f32; PART] {
    *numbers[at..].first_chunk().expect("dimensions are a multiple of four")
}

/// About normally distributed.
fn normal(random: &mut SplitMix) -> f32 {
    let mut uniform = || (random.next() >> 40) as f32 / (1_u32 << 24) as f32;
    (0..12).map(|_| uniform()).sum::<f32>() - 6.0
}

/// Below one.
fn uniform(random: &mut SplitMix) -> f64 {
    (random.next() >> 11) as f64 / (1_u64 << 53) as f64
}

fn distance2(a: &[f32; PART], b: &[f32; PART]) -> f32 {
    a.iter().zip(b).fold(0.0, |sum, (a, b)| sum + (a - b) * (a - b))
}

/// Words that are near to points: k-means, begun by k-means++ (Arthur and Vassilvitskii, SODA 2007).
fn cluster(points: &[[f32; PART]], random: &mut SplitMix) -> Words {
    let mut centers = [[0.0; PART]; WORDS];
    let mut apart = vec![f32::INFINITY; points.len()];
    let first = (uniform(random) * points.len() as f64) as usize;
    centers[0] = points[first.min(points.len() - 1)];
    for chosen in 1..WORDS {
        let mut total = 0.0;
        for (apart, point) in apart.iter_mut().zip(points) {
            *apart = apart.min(distance2(point, &centers[chosen - 1]));
            total += f64::from(*apart);
        }
        let mut left = uniform(random) * total;
        let reached = apart.iter().position(|&apart| {
            left -= f64::from(apart);
            left < 0.0
        });
        centers[chosen] = points[reached.unwrap_or(0)];
    }
    let mut words = words_of(&centers);
    let mut owners = vec![WORDS; points.len()];
    for _ in 0..ROUNDS {
        let halves = halves_of(&words);
        let (mut sums, mut counts) = ([[0.0_f64; PART]; WORDS], [0_u32; WORDS]);
        let mut changed = false;
        for (owner, point) in owners.iter_mut().zip(points) {
            let (word, _) = nearest(&words, &halves, point);
            changed |= std::mem::replace(owner, word) != word;
            counts[word] += 1;
            for (sum, &x) in sums[word].iter_mut().zip(point) {
                *sum += f64::from(x);
            }
        }
        if !changed {
            break;
        }
        for (word, (sum, &count)) in sums.iter().zip(&counts).enumerate() {
            if count > 0 {
                centers[word] = sum.map(|sum| (sum / f64::from(count)) as f32);
            }
        }
        fill_empty(&mut centers, &counts, points, &owners);
        words = words_of(&centers);
    }
    words
}

/// Brings words that are nobody's nearest to the points that are furthest from theirs.
fn fill_empty(
    centers: &mut [[f32; PART]; WORDS],
    counts: &[u32; WORDS],
    points: &[[f32; PART]],
    owners: &[usize],
) {
    let mut taken = Vec::new();
    for empty in (0..WORDS).filter(|&word| counts[word] == 0) {
        let (mut furthest, mut most) = (None, -1.0);
        for (place, (point, &owner)) in points.iter().zip(owners).enumerate() {
            let far = distance2(point, &centers[owner]);
            if far > most && !taken.contains(&place) {
                (furthest, most) = (Some(place), far);
            }
        }
        if let Some(place) = furthest {
            centers[empty] = points[place];
            taken.push(place);
        }
    }
}

fn words_of(centers: &[[f32; PART]; WORDS]) -> Words {
    std::array::from_fn(|d| std::array::from_fn(|word| centers[word][d]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIM: usize = 64;

    fn residuals(rows: usize, seed: u64) -> Vec<f32> {
        let mut random = SplitMix::new(seed);
        (0..rows * DIM).map(|_| normal(&mut random)).collect()
    }

    #[test]
    fn words_are_nearer_to_rows_than_signs_are() {
        let codebook = Codebook::learn(residuals(2_000, 1), DIM, 7);
        let mut levels = Vec::new();
        let (mut cosines, mut signs) = (0.0, 0.0);
        for row in residuals(500, 2).chunks_exact_mut(DIM) {
            let size: f32 = row.iter().map(|x| x.abs()).sum();
            let norm2 = skeg_simd::norm2_f32(row);
            signs += f64::from(size / (norm2 * DIM as f32).sqrt()) / 500.0;
            let coded = codebook.encode(row, &mut levels);
            assert!(coded.is_valid && coded.norm2 == norm2);
            cosines += f64::from(coded.cosine) / 500.0;
        }
        // The best that four bits for four dimensions can be is about .82 (Gaussian, 4.7 dB): not much more.
        assert!(cosines > signs + 0.001 && cosines < 0.85, "{cosines} {signs}");
        assert!(codebook.spread() < 1.2, "{}", codebook.spread());
    }

    #[test]
    fn the_factors_are_those_of_the_code() {
        let codebook = Codebook::learn(residuals(300, 3), DIM, 7);
        for size in [1e-15_f32, 1e-3, 1.0, 1e8] {
            let row: Vec<f32> = residuals(1, 4).iter().map(|x| x * size).collect();
            let (mut levels, mut code, mut decoded) = (Vec::new(), Vec::new(), Vec::new());
            let coded = codebook.encode(&mut row.clone(), &mut levels);
            append_plane(&levels, 0, 0, &mut code);
            codebook.decode(&code, &mut decoded);
            let f64s = |of: &[f32]| of.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
            let (x, o) = (f64s(&decoded), f64s(&row));
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            let slope = dot(&o, &o) / dot(&x, &o);
            assert!((f64::from(coded.slope) / slope - 1.0).abs() < 1e-4, "{coded:?} {slope}");
            let cosine = dot(&x, &o) / (dot(&x, &x) * dot(&o, &o)).sqrt();
            assert!((f64::from(coded.cosine) - cosine).abs() < 1e-4, "{coded:?} {cosine}");
            let mut table = Vec::new();
            codebook.products(&row, &mut table);
            let sum: f32 =
                numbers(&code).enumerate().map(|(n, word)| table[n * WORDS + word]).sum();
            assert!((f64::from(sum) / dot(&x, &o) - 1.0).abs() < 1e-4, "{sum}");
        }
    }

    #[test]
    fn few_rows_and_none_leave_words_in_all_directions() {
        for rows in [0, 1, 3] {
            let one = residuals(1, 5).repeat(rows);
            let codebook = Codebook::learn(one, DIM, 7);
            for row in residuals(100, 6).chunks_exact_mut(DIM) {
                let coded = codebook.encode(row, &mut Vec::new());
                assert!(coded.is_valid && coded.cosine > 0.6, "{rows}: {coded:?}");
            }
        }
        let zero = Codebook::learn(vec![0.0; 5 * DIM], DIM, 7);
        let coded = zero.encode(&mut [0.0; DIM], &mut Vec::new());
        assert_eq!(coded, Coded { norm2: 0.0, slope: 0.0, cosine: 1.0, is_valid: true });
    }

    #[test]
    fn a_residual_that_no_word_is_near_to_is_said_to_have_no_code() {
        let row = residuals(1, 8);
        let codebook = Codebook::learn(row.repeat(1_000), DIM, 7);
        let coded = codebook.encode(&mut row.clone(), &mut Vec::new());
        assert!(coded.is_valid && coded.cosine > 0.999, "{coded:?}");
        let mut other: Vec<f32> = row.iter().map(|x| -x).collect();
        assert!(!codebook.encode(&mut other, &mut Vec::new()).is_valid);
    }

    #[test]
    fn words_read_back_or_are_refused() {
        let codebook = Codebook::learn(residuals(20, 9), DIM, 7);
        let mut bytes = Vec::new();
        codebook.append_bytes(&mut bytes);
        assert_eq!(bytes.len(), Codebook::bytes(DIM));
        assert_eq!(Codebook::from_bytes(&bytes), Ok(codebook));
        assert!(Codebook::from_bytes(&bytes[1..]).is_err());
        for (bad, at) in [f32::NAN, f32::INFINITY, 257.0]
            .into_iter()
            .flat_map(|x| [(x, 40), (x, bytes.len() - 4)])
        {
            let mut other = bytes.clone();
            other[at..at + 4].copy_from_slice(&bad.to_le_bytes());
            assert!(Codebook::from_bytes(&other).is_err(), "{bad} at {at}");
        }
    }

    #[test]
    fn empty_words_go_where_points_are_far() {
        // Two places, and most words begin in one of them.
        let mut points = vec![[1.0; PART]; 100];
        points.extend((0..40_u8).map(|n| [f32::from(n) * 3.0, 0.0, 0.0, 0.0]));
        let words = cluster(&points, &mut SplitMix::new(3));
        let halves = halves_of(&words);
        let off = points.iter().map(|point| {
            let (word, _) = nearest(&words, &halves, point);
            distance2(point, &std::array::from_fn(|d| words[d][word]))
        });
        assert!(off.sum::<f32>() < 40.0 * 16.0);
    }
}
