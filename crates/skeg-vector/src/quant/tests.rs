//! One suite for all codes: estimates against exact scores in `f64`, recall, equality of levels.

use proptest::prelude::*;

use super::*;
use crate::VectorErrorKind;
use crate::options::Named;

pub(super) const METRICS: [Metric; 3] = [Metric::Cosine, Metric::InnerProduct, Metric::Euclidean];
pub(super) const DIMS: [usize; 7] = [1, 7, 100, 384, 768, 1000, 1536];
const ROWS_EACH: usize = 160;

/// What the rows of a test are like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Shape {
    /// Around clusters, as embeddings are.
    Clustered,
    /// Far from zero, compared with the distances between them.
    Shifted,
    /// Norms from a thousandth to a thousand.
    Spread,
    /// Each row ten times.
    Repeated,
    /// All rows the same: no residuals.
    Equal,
}

pub(super) const SHAPES: [Shape; 5] =
    [Shape::Clustered, Shape::Shifted, Shape::Spread, Shape::Repeated, Shape::Equal];

/// Numbers that look normally distributed and depend on `seed` alone.
pub(super) fn normal(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut uniform = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1_u32 << 24) as f32
    };
    (0..count).map(|_| (0..6).map(|_| uniform()).sum::<f32>() * 1.414 - 4.243).collect()
}

/// The row of a place.
fn row(shape: Shape, dim: usize, place: usize) -> Vec<f32> {
    let seed = place as u64;
    let (size, center, offset, seed) = match shape {
        Shape::Clustered => (1.0, seed % 9, 0.0, seed),
        Shape::Shifted => (1.0, seed % 9, 20.0, seed),
        Shape::Spread => (10.0_f32.powf((seed % 61) as f32 / 10.0 - 3.0), seed % 9, 0.0, seed),
        Shape::Repeated => (1.0, seed / 10 % 9, 0.0, seed / 10),
        Shape::Equal => (1.0, 0, 0.0, 0),
    };
    let (own, center) = (normal(dim, seed + 1_000), normal(dim, center + 7));
    own.iter().zip(center).map(|(x, c)| (x + 1.5 * c + offset) * size).collect()
}

pub(super) fn rows(shape: Shape, dim: usize) -> Vec<Vec<f32>> {
    (0..ROWS_EACH).map(|place| row(shape, dim, place)).collect()
}

/// Shapes and metrics: every pair somewhere, a third of them for each dimension.
fn pairs(dim: usize) -> impl Iterator<Item = (Shape, Metric)> {
    SHAPES.into_iter().enumerate().map(move |(n, shape)| (shape, METRICS[(n + dim) % 3]))
}

pub(super) fn queries(shape: Shape, dim: usize) -> Vec<Vec<f32>> {
    (0..4).map(|n| row(shape, dim, 5_000 + 11 * n)).collect()
}

fn coded(
    kind: CodeKind,
    metric: Metric,
    rows: &[Vec<f32>],
    kernels: &'static skeg_simd::Kernels,
) -> CodedRows {
    let mut trainer = Trainer::new(kind, metric, rows[0].len() as u32, 99).unwrap();
    for row in rows {
        trainer.add(row).unwrap();
    }
    let mut codes = CodedRows::with_kernels(trainer.finish(), rows.len(), kernels);
    for row in rows {
        codes.push(row).unwrap();
    }
    codes
}

pub(super) fn exact(metric: Metric, a: &[f32], b: &[f32]) -> f64 {
    let pairs = || a.iter().zip(b).map(|(&x, &y)| (f64::from(x), f64::from(y)));
    let dot: f64 = pairs().map(|(x, y)| x * y).sum();
    match metric {
        Metric::Cosine => {
            let (a2, b2) = pairs().fold((0.0, 0.0), |(a2, b2), (x, y)| (a2 + x * x, b2 + y * y));
            dot / (a2 * b2).sqrt()
        }
        Metric::InnerProduct => dot,
        Metric::Euclidean => -pairs().map(|(x, y)| (x - y).powi(2)).sum::<f64>(),
    }
}

/// Rounding of `f32` in what a score is made of.
pub(super) fn rounding(metric: Metric, query: &[f32], row: &[f32]) -> f64 {
    let (a, b) = (exact(Metric::InnerProduct, query, query), exact(Metric::InnerProduct, row, row));
    3e-6 * match metric {
        Metric::Cosine => 1.0,
        Metric::InnerProduct => (a * b).sqrt(),
        Metric::Euclidean => a + b,
    }
}

#[test]
fn estimates_are_as_near_as_their_bounds_say() {
    for (kind, dim) in CodeKind::ALL.iter().flat_map(|&kind| DIMS.map(|dim| (kind, dim))) {
        // Signs without a rotation promise nothing.
        if kind == CodeKind::Binary {
            continue;
        }
        for (shape, metric) in pairs(dim) {
            let rows = rows(shape, dim);
            let codes = coded(kind, metric, &rows, skeg_simd::kernels());
            let (mut seen, mut outside, mut off) = (0, 0, 0.0);
            for query in queries(shape, dim) {
                codes
                    .estimates(&query, 3.0, |place, estimate, bound| {
                        let exact = exact(metric, &query, &rows[place]);
                        let slack = rounding(metric, &query, &rows[place]);
                        let error = f64::from(estimate) - exact;
                        seen += 1;
                        outside += usize::from(error.abs() > f64::from(bound) + slack);
                        off += error / (f64::from(bound) + slack);
                    })
                    .unwrap();
            }
            let context = format!("{kind} {shape:?} {metric} {dim}: {outside} of {seen}, {off}");
            assert_eq!(seen, 4 * ROWS_EACH, "{context}");
            // One in 370 of normally distributed errors is more than three deviations off. Rows that
            // are repeated are off together.
            let allowed = match (kind, shape) {
                (CodeKind::F32 | CodeKind::F16, _) => 0,
                (_, Shape::Repeated) => seen / 16,
                // Rows that are short beside the centroid have the same word, and the same error.
                (CodeKind::Pq, Shape::Spread) => seen / 40,
                _ => seen / 60,
            };
            assert!(outside <= allowed, "{context}");
            // Unbiased over rotations. Deviations are a third of a bound, and rows have much in common.
            let biased = !kind.is_rotated() || matches!(shape, Shape::Repeated | Shape::Equal);
            assert!(biased || off.abs() / seen as f64 <= 0.2, "{context}");
        }
    }
}

/// The part of the ten nearest that a search finds without comparing more than `rerank` rows.
fn recall(
    codes: &CodedRows,
    metric: Metric,
    shape: Shape,
    rows: &[Vec<f32>],
    rerank: usize,
) -> f64 {
    let memory = Memory::new(metric, rows[0].len() as u32, rows.concat()).unwrap();
    let (mut scratch, mut hits, mut all) = (Scratch::default(), 0, 0);
    let options = ScanOptions { k: 10, rerank: Some(rerank), deviations: 3.0 };
    for query in queries(shape, rows[0].len()) {
        codes.search(&memory, &query, &options, &mut scratch).unwrap();
        let mut scores: Vec<f64> = rows.iter().map(|row| exact(metric, &query, row)).collect();
        let found = scratch.found(0);
        let worst = found.last().unwrap();
        assert!(found.is_sorted() && found.len() == 10 && worst.score.is_finite());
        let reached: Vec<f64> = found.iter().map(|found| scores[found.place as usize]).collect();
        scores.sort_unstable_by(|a, b| b.total_cmp(a));
        let slack = rounding(metric, &query, &rows[0]);
        hits += reached.iter().filter(|&&score| score >= scores[9] - slack).count();
        all += 10;
    }
    f64::from(hits as u32) / f64::from(all)
}

#[test]
fn every_code_finds_the_nearest_rows() {
    for (kind, dim) in CodeKind::ALL.iter().flat_map(|&kind| DIMS.map(|dim| (kind, dim))) {
        for (shape, metric) in pairs(dim) {
            let rows = rows(shape, dim);
            let codes = coded(kind, metric, &rows, skeg_simd::kernels());
            let found = recall(&codes, metric, shape, &rows, usize::MAX);
            // One bit says little about one dimension or seven, and no code sees less of them.
            let tolerated = match kind {
                CodeKind::F32 | CodeKind::F16 | CodeKind::Int8 => 1.0,
                CodeKind::Binary => 0.3,
                _ => 0.95,
            };
            assert!(found >= tolerated, "{kind} {shape:?} {metric} {dim}: {found}");
        }
    }
}

#[test]
fn more_bits_leave_less_to_compare() {
    let rows = rows(Shape::Clustered, 384);
    for metric in METRICS {
        let reach = |kind, rerank| {
            let codes = coded(kind, metric, &rows, skeg_simd::kernels());
            recall(&codes, metric, Shape::Clustered, &rows, rerank)
        };
        let with = [CodeKind::Tq1, CodeKind::Tq2, CodeKind::Tq4].map(|kind| reach(kind, 10));
        assert!(with.is_sorted() && with[2] >= 0.9, "{metric}: {with:?}");
        assert!(reach(CodeKind::Tq1, 40) >= 0.95 && reach(CodeKind::Tq2, 20) >= 0.95, "{metric}");
    }
}

#[test]
fn a_budget_is_spent_on_the_greatest_bounds() {
    let (dim, shape, metric) = (100, Shape::Clustered, Metric::Cosine);
    // From some rows on floors are guessed.
    let rows: Vec<Vec<f32>> = (0..3_000).map(|place| row(shape, dim, place)).collect();
    let memory = Memory::new(metric, dim as u32, rows.concat()).unwrap();
    let query = &queries(shape, dim)[0];
    // Bounds so wide that no row is dropped for its signs.
    let deviations = 5.0;
    for kind in [CodeKind::Tq1, CodeKind::Tq2, CodeKind::Int8, CodeKind::Pq] {
        let codes = coded(kind, metric, &rows, skeg_simd::kernels());
        let mut bounds = Vec::new();
        let mut each = |place, estimate: f32, bound: f32| {
            bounds.push(Found { place: place as u32, score: estimate + bound });
        };
        codes.estimates(query, deviations, &mut each).unwrap();
        bounds.sort_unstable();
        for (k, budget) in [(1, 1), (10, 10), (10, 13), (10, 40), (40, 45), (10, 41), (10, 2_000)] {
            let mut scratch = Scratch::default();
            let options = ScanOptions { k, rerank: Some(budget), deviations };
            codes.search(&memory, query, &options, &mut scratch).unwrap();
            let mut expected: Vec<f64> = bounds[..budget]
                .iter()
                .map(|bound| exact(metric, query, &rows[bound.place as usize]))
                .collect();
            expected.sort_unstable_by(|a, b| b.total_cmp(a));
            let found = scratch.found(0);
            assert_eq!(found.len(), k);
            for (found, expected) in found.iter().zip(expected) {
                let off = (f64::from(found.score) - expected).abs();
                assert!(off < 1e-5, "{kind} {k} {budget}: {found:?} {expected}");
            }
            assert!(scratch.reranked(0) <= budget);
        }
    }
}

#[test]
fn every_level_gives_the_same_codes_and_estimates() {
    let (shape, metric) = (Shape::Clustered, Metric::Euclidean);
    for (kind, dim) in CodeKind::ALL.iter().flat_map(|&kind| [7, 1000].map(|dim| (kind, dim))) {
        let rows = rows(shape, dim);
        let query = &queries(shape, dim)[0];
        let all: Vec<Vec<[u32; 3]>> = skeg_simd::variants()
            .map(|kernels| {
                let mut all = Vec::new();
                let codes = coded(kind, metric, &rows, kernels);
                codes
                    .estimates(query, 3.0, |place, estimate, bound| {
                        all.push([place as u32, estimate.to_bits(), bound.to_bits()]);
                    })
                    .unwrap();
                all
            })
            .collect();
        assert!(all.iter().all(|one| *one == all[0]), "{kind} {dim}");
    }
}

#[test]
fn rows_and_queries_at_the_ends_of_f32_are_compared_exactly() {
    for (kind, metric) in
        CodeKind::ALL.iter().flat_map(|&kind| METRICS.map(|metric| (kind, metric)))
    {
        let sizes = [1e-38_f32, 1e-25, 1e-7, 1.0, 1e7, 1e15, 1e30];
        let rows: Vec<Vec<f32>> = (0..70)
            .map(|n| row(Shape::Clustered, 8, n).iter().map(|x| x * sizes[n % 7]).collect())
            .collect();
        let codes = coded(kind, metric, &rows, skeg_simd::kernels());
        let memory = Memory::new(metric, 8, rows.concat()).unwrap();
        let mut scratch = Scratch::default();
        // Bounds wide enough that nothing is left to chance.
        let options = ScanOptions { deviations: f32::INFINITY, ..ScanOptions::default() };
        for size in [1e-30, 1e-7, 1.0, 1e7, 1e25] {
            let query: Vec<f32> = row(Shape::Clustered, 8, 300).iter().map(|x| x * size).collect();
            codes.search(&memory, &query, &options, &mut scratch).unwrap();
            let huge = f64::from(f32::MAX);
            let score = |row: &Vec<f32>| exact(metric, &query, row).clamp(-huge, huge);
            let scores: Vec<f64> = rows.iter().map(score).collect();
            let mut sorted = scores.clone();
            sorted.sort_unstable_by(|a, b| b.total_cmp(a));
            let size2 = exact(Metric::InnerProduct, &query, &query);
            let slack = if metric == Metric::InnerProduct { 0.0 } else { 3e-6 * size2.max(1.0) };
            let reach = sorted[9] - slack - sorted[9].abs() * 3e-6;
            assert_eq!(scratch.found(0).len(), 10);
            for found in scratch.found(0) {
                let score = scores[found.place as usize];
                assert!(
                    found.score.is_finite() && score >= reach,
                    "{kind} {metric} {size} {found:?}"
                );
            }
        }
    }
}

#[test]
fn many_queries_give_what_each_gives_alone() {
    let (dim, shape) = (100, Shape::Clustered);
    let rows = rows(shape, dim);
    let memory = Memory::new(Metric::Cosine, dim as u32, rows.concat()).unwrap();
    let queries: Vec<Vec<f32>> = (0..21).map(|n| row(shape, dim, 900 + n)).collect();
    for &kind in CodeKind::ALL {
        let codes = coded(kind, Metric::Cosine, &rows, skeg_simd::kernels());
        let options = ScanOptions { k: 7, ..ScanOptions::default() };
        let (mut together, mut alone) = (Scratch::default(), Scratch::default());
        codes.search(&memory, &queries.concat(), &options, &mut together).unwrap();
        for (n, query) in queries.iter().enumerate() {
            codes.search(&memory, query, &options, &mut alone).unwrap();
            assert_eq!(together.found(n), alone.found(0), "{kind} {n}");
        }
    }
}

#[test]
fn what_cannot_be_coded_or_searched_is_refused() {
    let parameters = Trainer::new(CodeKind::Tq2, Metric::Cosine, 3, 1).unwrap().finish();
    let mut codes = CodedRows::new(parameters, 0);
    let kind_of = |result: Result<(), crate::VectorError>| result.unwrap_err().kind();
    assert_eq!(kind_of(codes.push(&[1.0, 2.0])), VectorErrorKind::Dimension);
    assert_eq!(kind_of(codes.push(&[0.0; 3])), VectorErrorKind::ZeroVector);
    assert_eq!(kind_of(codes.push(&[1.0, f32::NAN, 0.0])), VectorErrorKind::NotFinite);
    assert!(codes.is_empty());
    let memory = Memory::new(Metric::Cosine, 3, vec![]).unwrap();
    let search = |query: &[f32], k| {
        let options = ScanOptions { k, ..ScanOptions::default() };
        codes.search(&memory, query, &options, &mut Scratch::default())
    };
    assert_eq!(kind_of(search(&[1.0; 3], 0)), VectorErrorKind::K);
    assert_eq!(kind_of(search(&[1.0; 3], crate::K_MAX + 1)), VectorErrorKind::K);
    assert_eq!(kind_of(search(&[1.0; 4], 1)), VectorErrorKind::Dimension);
    assert_eq!(kind_of(search(&[0.0; 3], 1)), VectorErrorKind::ZeroVector);
    search(&[1.0; 3], 1).unwrap();
    assert!(Trainer::new(CodeKind::Tq2, Metric::Cosine, 0, 1).is_err());
    assert!(Memory::new(Metric::Cosine, 3, vec![1.0; 4]).is_err());
}

#[test]
fn the_stored_form_of_parameters_is_fixed() {
    let mut trainer = Trainer::new(CodeKind::Tq2, Metric::Euclidean, 2, 0x0102_0304).unwrap();
    trainer.add(&[1.0, 2.0]).unwrap();
    trainer.add(&[3.0, 0.0]).unwrap();
    let parameters = trainer.finish();
    let mut expected = vec![1, 5, 2, 1, 0, 0, 2, 0, 0, 0, 4, 3, 2, 1, 0, 0, 0, 0];
    expected.extend([0, 0, 0, 0x40, 0, 0, 0x80, 0x3f]);
    assert_eq!(parameters.to_bytes(), expected);
    assert_eq!(Parameters::from_bytes(&expected), Ok(parameters));
    for (place, found) in [(0, 2), (3, 2)] {
        let mut later = expected.clone();
        later[place] = found;
        let error = Parameters::from_bytes(&later).unwrap_err();
        assert_eq!(error, crate::VectorError::FormatVersion { found });
    }
    for cut in 0..expected.len() {
        let error = Parameters::from_bytes(&expected[..cut]).unwrap_err();
        assert_eq!(error.kind(), VectorErrorKind::Corrupt);
    }
}

proptest! {
    #[test]
    fn stored_parameters_read_back_or_are_refused(
        start in prop_oneof![
            Just(vec![1, 5, 0, 1, 0, 0, 2, 0, 0, 0]),
            Just(vec![1, 2, 1, 0, 0, 0, 9, 0, 0, 0]),
            Just(vec![1, 7, 1, 1, 0, 0, 1, 0, 0, 0]),
            proptest::collection::vec(any::<u8>(), 0..12),
        ],
        rest in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        let bytes = [start, rest].concat();
        if let Ok(parameters) = Parameters::from_bytes(&bytes) {
            prop_assert_eq!(parameters.to_bytes(), bytes);
        }
    }
}
