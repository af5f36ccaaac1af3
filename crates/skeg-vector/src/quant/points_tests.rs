//! Keys of points against exact scores and distances in `f64`, and against the scan's estimates.

use super::points::{Points, Target};
use super::tests::{DIMS, METRICS, SHAPES, Shape, exact, queries, rounding, rows};
use super::*;
use crate::options::Named;

/// The codes that points can have.
const KINDS: [CodeKind; 7] = [
    CodeKind::F32,
    CodeKind::Int8,
    CodeKind::Binary,
    CodeKind::Tq1,
    CodeKind::Tq2,
    CodeKind::Tq4,
    CodeKind::Pq,
];

fn parameters(kind: CodeKind, metric: Metric, rows: &[Vec<f32>]) -> Parameters {
    let mut trainer = Trainer::new(kind, metric, rows[0].len() as u32, 99).unwrap();
    rows.iter().for_each(|row| trainer.add(row).unwrap());
    trainer.finish()
}

fn points(
    kind: CodeKind,
    metric: Metric,
    rows: &[Vec<f32>],
    kernels: &'static skeg_simd::Kernels,
) -> Points {
    let mut points =
        Points::with_kernels(parameters(kind, metric, rows), rows.len(), kernels).unwrap();
    rows.iter().for_each(|row| points.push(row).unwrap());
    points
}

/// Every pair of a shape and a metric, a third of them for each dimension.
fn cases() -> impl Iterator<Item = (CodeKind, usize, Shape, Metric)> {
    let kinds = KINDS.into_iter().flat_map(|kind| DIMS.map(|dim| (kind, dim)));
    kinds.flat_map(|(kind, dim)| {
        let shapes = SHAPES.into_iter().enumerate();
        shapes.map(move |(n, shape)| (kind, dim, shape, METRICS[(n + dim) % 3]))
    })
}

#[test]
fn keys_of_queries_are_as_near_to_scores_as_their_bounds_say() {
    for (kind, dim, shape, metric) in cases() {
        // Signs without a rotation promise nothing.
        if kind == CodeKind::Binary {
            continue;
        }
        let rows = rows(shape, dim);
        let points = points(kind, metric, &rows, skeg_simd::kernels());
        let all: Vec<u32> = (0..rows.len() as u32).collect();
        let (mut target, mut keys) = (Target::default(), vec![0.0; rows.len()]);
        let (mut seen, mut outside) = (0, 0);
        for query in queries(shape, dim) {
            points.aim_at_query(&query, 3.0, &mut target);
            points.keys(&target, &all, &mut keys);
            for (place, (&key, row)) in (0..).zip(keys.iter().zip(&rows)) {
                let error = f64::from(-key) - exact(metric, &query, row);
                let slack = rounding(metric, &query, row);
                seen += 1;
                let bound = f64::from(points.bound(&target, place));
                outside += usize::from(error.abs() > bound + slack);
            }
        }
        let allowed = match (kind, shape) {
            (CodeKind::F32, _) => 0,
            (_, Shape::Repeated) => seen / 16,
            (CodeKind::Pq, Shape::Spread) => seen / 40,
            _ => seen / 60,
        };
        assert!(outside <= allowed, "{kind} {shape:?} {metric} {dim}: {outside} of {seen}");
    }
}

#[test]
fn points_say_what_the_scan_says_of_the_same_codes() {
    for (kind, dim, shape, metric) in cases() {
        if kind.bits().is_none() {
            continue;
        }
        let rows = rows(shape, dim);
        let points = points(kind, metric, &rows, skeg_simd::kernels());
        let mut codes = CodedRows::new(points.parameters().clone(), rows.len());
        rows.iter().for_each(|row| codes.push(row).unwrap());
        let mut target = Target::default();
        for query in queries(shape, dim) {
            points.aim_at_query(&query, 2.0, &mut target);
            let (mut off, mut size) = (0.0, 0.0);
            codes
                .estimates(&query, 2.0, |place, estimate, bound| {
                    let mut key = [0.0];
                    points.keys(&target, &[place as u32], &mut key);
                    let slack = rounding(metric, &query, &rows[place]) as f32;
                    off += f64::from((-key[0] - estimate).abs() - slack).max(0.0);
                    size += f64::from(bound);
                })
                .unwrap();
            // They round the query to different integers; of words only the scan rounds, and its bound may be
            // nothing else.
            let allowed = if kind == CodeKind::Pq { 0.6 } else { 0.4 };
            assert!(off <= allowed * size, "{kind} {shape:?} {metric} {dim}: {off} {size}");
        }
    }
}

#[test]
fn keys_of_rows_are_distances_and_those_of_equal_rows_zero() {
    for (kind, dim, shape, metric) in cases() {
        let rows = rows(shape, dim);
        let points = points(kind, metric, &rows, skeg_simd::kernels());
        let all: Vec<u32> = (0..rows.len() as u32).collect();
        let (mut target, mut keys) = (Target::default(), vec![0.0; rows.len()]);
        let mut table = Vec::new();
        for &place in &all {
            points.aim_at_row(place, &mut target);
            points.keys(&target, &all, &mut keys);
            assert!(keys.iter().all(|&key| key >= 0.0), "{kind} {shape:?} {metric} {dim}");
            for (row, &key) in rows.iter().zip(&keys) {
                if *row == rows[place as usize] {
                    assert_eq!(key, 0.0, "{kind} {shape:?} {metric} {dim}");
                }
            }
            table.push(keys.clone());
        }
        let most = table.iter().flatten().fold(0.0_f32, |most, &key| most.max(key));
        for (a, keys) in table.iter().enumerate() {
            for (b, &one) in keys[..a].iter().enumerate() {
                let other = table[b][a];
                assert!((one - other).abs() <= 1e-3 * most, "{kind} {shape:?} {metric} {dim}");
            }
        }
    }
}

#[test]
fn distances_under_inner_product_order_rows_as_products_with_a_query_do() {
    let rows = rows(Shape::Spread, 100);
    let points = points(CodeKind::F32, Metric::InnerProduct, &rows, skeg_simd::kernels());
    let longest =
        rows.iter().map(|r| exact(Metric::InnerProduct, r, r)).fold(0.0, |a: f64, b| a.max(b));
    let further = |row: &[f32]| (longest - exact(Metric::InnerProduct, row, row)).max(0.0).sqrt();
    let mut target = Target::default();
    points.aim_at_row(3, &mut target);
    for (place, row) in (0..).zip(&rows) {
        let mut key = [0.0];
        points.keys(&target, &[place], &mut key);
        let apart = -exact(Metric::Euclidean, &rows[3], row);
        let expected = apart + (further(&rows[3]) - further(row)).powi(2);
        let error = (f64::from(key[0]) - expected).abs();
        assert!(error <= 1e-3 * longest, "{place}: {key:?} {expected}");
    }
}

#[test]
fn keys_are_the_same_at_every_level() {
    for (kind, dim, shape, metric) in cases() {
        let rows = rows(shape, dim);
        let all: Vec<u32> = (0..rows.len() as u32).collect();
        let keys_at = |kernels| {
            let points = points(kind, metric, &rows, kernels);
            let (mut target, mut keys) = (Target::default(), vec![0.0_f32; 2 * rows.len()]);
            points.aim_at_query(&queries(shape, dim)[0], 2.0, &mut target);
            points.keys(&target, &all, &mut keys[..rows.len()]);
            points.aim_at_row(5, &mut target);
            points.keys(&target, &all, &mut keys[rows.len()..]);
            keys.into_iter().map(f32::to_bits).collect::<Vec<_>>()
        };
        let expected = keys_at(skeg_simd::kernels_at(skeg_simd::Level::Scalar).unwrap());
        for kernels in skeg_simd::variants() {
            assert_eq!(keys_at(kernels), expected, "{} {kind} {dim}", kernels.level());
        }
    }
}

#[test]
fn memory_is_what_was_said_before() {
    for (kind, dim, shape, metric) in cases() {
        let rows = rows(shape, dim);
        let points = points(kind, metric, &rows, skeg_simd::kernels());
        let said = Points::bytes_of(points.parameters(), rows.len());
        assert_eq!(points.memory_bytes(), said, "{kind} {metric} {dim}");
    }
    let halves = parameters(CodeKind::F16, Metric::Cosine, &[vec![1.0; 3]]);
    let error = Points::new(halves, 0).unwrap_err();
    assert_eq!(error.kind(), crate::VectorErrorKind::Unsupported);
    assert!(CodeKind::ALL.iter().all(|kind| *kind == CodeKind::F16 || KINDS.contains(kind)));
}
