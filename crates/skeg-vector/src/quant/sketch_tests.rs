//! Codes of waiting rows against those of a row alone, whatever was at its place before.

use proptest::prelude::*;

use super::sketch::{Sketch, Sketched};
use super::tests::normal;
use super::{CodeKind, CodedRows, Trainer};
use crate::Metric;

const DIM: usize = 100;

/// A row, now and then one that no code describes.
fn row(seed: u32) -> Vec<f32> {
    let size = if seed.is_multiple_of(31) { 1e12 } else { 1.0 };
    normal(DIM, seed.into()).into_iter().map(|x| (x + 3.0) * size).collect()
}

fn sketch(chunk_rows: usize) -> Sketch {
    let kernels = skeg_simd::kernels();
    Sketch::new(kernels, Metric::Euclidean, DIM as u32, 9, chunk_rows).unwrap()
}

#[derive(Debug, Clone)]
enum Step {
    Push { count: u8, seed: u32 },
    Change { place: u16, seed: u32 },
    Remove { place: u16 },
    Share,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..90_u8, 0..4_000_u32).prop_map(|(count, seed)| Step::Push { count, seed }),
        3 => (any::<u16>(), any::<u32>()).prop_map(|(place, seed)| Step::Change { place, seed }),
        3 => any::<u16>().prop_map(|place| Step::Remove { place }),
        2 => Just(Step::Share),
    ]
}

/// What was shared says of each row what it says of a row that has come alone.
fn check(sketched: Option<&Sketched>, rows: &[u32]) {
    let Some(sketched) = sketched else { return };
    let count = sketched.rows();
    assert!(count <= rows.len() && rows.len() - count < 32 || count == 0, "{count}");
    let is_uncoded = |place: &u32| rows[*place as usize].is_multiple_of(31);
    let expected: Vec<u32> = (0..count as u32).filter(is_uncoded).collect();
    assert_eq!(sketched.uncoded(), expected);
    for (place, &seed) in rows.iter().enumerate().take(count) {
        if !seed.is_multiple_of(31) {
            assert_eq!(sketched.code(place), sketched.code_of(&row(seed)), "{place}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_code_is_that_of_its_row_whatever_was_there_before(
        steps in proptest::collection::vec(step(), 1..40)
    ) {
        let mut sketch = sketch(8);
        let (mut rows, mut held) = (Vec::new(), Vec::new());
        for step in steps {
            match step {
                Step::Push { count, seed } => {
                    rows.extend((0..u32::from(count)).map(|n| seed + n));
                    let all: Vec<Vec<f32>> = rows.iter().map(|&seed| row(seed)).collect();
                    sketch.follow(rows.len(), |place| &all[place]);
                }
                Step::Change { place, seed } if !rows.is_empty() => {
                    let place = usize::from(place) % rows.len();
                    rows[place] = seed;
                    sketch.change(place, &row(seed));
                }
                Step::Remove { place } if !rows.is_empty() => {
                    let place = usize::from(place) % rows.len();
                    rows.swap_remove(place);
                    sketch.shrink(rows.len());
                    if place < rows.len() {
                        sketch.change(place, &row(rows[place]));
                    }
                }
                Step::Share => held.push((sketch.share(), rows.clone())),
                _ => {}
            }
        }
        held.push((sketch.share(), rows));
        for (sketched, rows) in &held {
            check(sketched.as_ref(), rows);
        }
    }
}

#[test]
fn signs_of_waiting_rows_are_those_of_a_segment_of_one_bit() {
    for (metric, dim) in
        [(Metric::Cosine, 64), (Metric::InnerProduct, 100), (Metric::Euclidean, 384)]
    {
        let rows: Vec<Vec<f32>> = (0..64).map(|seed| normal(dim, seed)).collect();
        let mut trainer = Trainer::new(CodeKind::Tq1, metric, dim as u32, 5).unwrap();
        rows.iter().for_each(|row| trainer.add(row).unwrap());
        let mut codes = CodedRows::new(trainer.finish(), rows.len());
        rows.iter().for_each(|row| codes.push(row).unwrap());
        let kernels = skeg_simd::kernels();
        let mut sketch = Sketch::new(kernels, metric, dim as u32, 5, 8).unwrap();
        sketch.follow(rows.len(), |place| &rows[place]);
        let sketched = sketch.share().unwrap();
        let query = normal(dim, 77);
        let mut expected = Vec::new();
        codes
            .estimates(&query, 3.0, |place, estimate, bound| {
                expected.push((place, estimate, bound));
            })
            .unwrap();
        assert_eq!(sketched.estimates(&query, 3.0), expected, "{metric} {dim}");
    }
}

#[test]
fn every_level_makes_the_same_codes() {
    let rows: Vec<Vec<f32>> = (0..200).map(|seed| normal(384, seed)).collect();
    let codes = |kernels| {
        let mut sketch = Sketch::new(kernels, Metric::Cosine, 384, 5, 32).unwrap();
        sketch.follow(rows.len(), |place| &rows[place]);
        let sketched = sketch.share().unwrap();
        let codes: Vec<_> = (0..sketched.rows()).map(|place| sketched.code(place)).collect();
        (codes, sketched.estimates(&rows[3], 2.0))
    };
    let expected = codes(skeg_simd::kernels_at(skeg_simd::Level::Scalar).unwrap());
    for kernels in skeg_simd::variants() {
        assert_eq!(codes(kernels), expected, "{kernels:?}");
    }
}
