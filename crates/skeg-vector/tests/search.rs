//! Searches: scores at the edges of `f32`, order of equal scores, independence of history and
//! threads, many queries at once.
#![expect(clippy::unwrap_used, reason = "a step that is refused fails the test")]

use std::sync::Arc;

use skeg_vector::{Hit, Id, IdKind, Index, IndexOptions, Metric, SearchOptions, SearchScratch};

const METRICS: [Metric; 3] = [Metric::Cosine, Metric::InnerProduct, Metric::Euclidean];

fn numbered(dim: u32, metric: Metric) -> Index {
    Index::new(IndexOptions { ids: IdKind::U64, ..IndexOptions::new(dim, metric) }, 3).unwrap()
}

/// A vector that depends on `seed` alone.
fn vector(dim: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..dim)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1_u32 << 23) as f32 - 1.0
        })
        .collect()
}

fn ids(hits: &[Hit]) -> Vec<u64> {
    let number = |hit: &Hit| match hit.id {
        Id::U64(number) => number,
        Id::Str(_) => unreachable!("an index with numbers for ids"),
    };
    hits.iter().map(number).collect()
}

#[test]
fn scores_are_those_of_the_metric() {
    let expected = [
        (Metric::Cosine, [(1, 1.0), (2, 0.894_427_2), (3, -1.0)]),
        (Metric::InnerProduct, [(1, 50.0), (2, 20.0), (3, -25.0)]),
        (Metric::Euclidean, [(2, -5.0), (1, -25.0), (3, -100.0)]),
    ];
    for (metric, expected) in expected {
        let mut index = numbered(2, metric);
        index.set(1, &[6.0, 8.0]).unwrap();
        index.set(2, &[4.0, 2.0]).unwrap();
        index.set(3, &[-3.0, -4.0]).unwrap();
        let hits = index.view().search(&[3.0, 4.0], 9).unwrap();
        assert_eq!(ids(&hits), expected.map(|(id, _)| id));
        for (hit, (_, score)) in hits.iter().zip(expected) {
            assert!((hit.score - score).abs() < 1e-6, "{metric} {hit:?}");
        }
    }
}

#[test]
fn a_cosine_never_leaves_its_range() {
    for dim in [1, 7, 100, 1000] {
        let mut index = numbered(dim, Metric::Cosine);
        for seed in 0..200 {
            let row = vector(dim as usize, seed);
            index.set(seed, &row).unwrap();
            index.set(seed + 1_000, &row.iter().map(|x| -x).collect::<Vec<_>>()).unwrap();
        }
        for seed in 0..200 {
            let hits = index.view().search(&vector(dim as usize, seed), 400).unwrap();
            assert!(hits.iter().all(|hit| (-1.0..=1.0).contains(&hit.score)));
            assert!(hits.first().unwrap().score > 0.999_999);
            assert!(hits.last().unwrap().score < -0.999_999);
        }
    }
}

#[test]
fn the_edges_of_f32_give_right_and_finite_scores() {
    let (huge, tiny) = (f32::MAX, f32::from_bits(1));
    let rows = [[huge, huge], [huge, -huge], [tiny, tiny], [tiny, 0.0], [1.0, 1.0], [-huge, 0.0]];
    for metric in METRICS {
        let mut index = numbered(2, metric);
        for (id, row) in (0..).zip(&rows) {
            index.set(id, row).unwrap();
            assert_eq!(index.get(id).unwrap().read().unwrap(), &row[..]);
        }
        for query in &rows {
            for hit in index.view().search(query, 9).unwrap() {
                let row = rows[usize::try_from(ids(std::slice::from_ref(&hit))[0]).unwrap()];
                let pairs = || query.iter().zip(&row).map(|(&x, &y)| (f64::from(x), f64::from(y)));
                let dot: f64 = pairs().map(|(x, y)| x * y).sum();
                let norm = |v: &[f32]| f64::hypot(v[0].into(), v[1].into());
                let exact = match metric {
                    Metric::Cosine => dot / norm(query) / norm(&row),
                    Metric::InnerProduct => dot,
                    Metric::Euclidean => -pairs().map(|(x, y)| (x - y).powi(2)).sum::<f64>(),
                };
                let exact = (exact as f32).clamp(-huge, huge);
                let error = (f64::from(hit.score) - f64::from(exact)).abs();
                assert!(error <= f64::from(exact).abs() * 1e-6 + 1e-7, "{metric} {hit:?} {exact}");
            }
        }
    }
}

#[test]
fn equal_scores_are_ordered_by_id_wherever_the_rows_lie() {
    for metric in METRICS {
        for dim in [1, 7, 33, 384] {
            let mut index = numbered(dim, metric);
            let row = vector(dim as usize, 8);
            for id in (0..700).rev() {
                index.set(id * 37 % 701, &row).unwrap();
            }
            for id in 0..50 {
                assert!(index.remove(id * 3 + 1));
            }
            let left: Vec<u64> =
                (0..700).map(|id| id * 37 % 701).filter(|&id| index.get(id).is_some()).collect();
            let mut expected = left;
            expected.sort_unstable();
            let hits = index.view().search(&vector(dim as usize, 4), 100).unwrap();
            assert_eq!(ids(&hits), expected[..100], "{metric} {dim}");
        }
    }
}

#[test]
fn string_ids_are_ordered_by_their_bytes() {
    let mut index = Index::new(IndexOptions::new(1, Metric::Cosine), 3).unwrap();
    for id in ["b", "", "é", "a", "ab", "Z"] {
        index.set(id, &[2.0]).unwrap();
    }
    let hits = index.view().search(&[1.0], 5).unwrap();
    let ids: Vec<String> = hits.iter().map(|hit| hit.id.to_string()).collect();
    assert_eq!(ids, ["", "Z", "a", "ab", "b"]);
}

#[test]
fn the_answer_depends_on_the_contents_alone() {
    for metric in METRICS {
        let mut one = numbered(100, metric);
        let mut other = numbered(100, metric);
        for id in 0..900 {
            one.set(id, &vector(100, id)).unwrap();
        }
        for id in (0..1_000).rev() {
            other.set(id, &vector(100, id * 7)).unwrap();
            other.view();
        }
        for id in 0..900 {
            other.set(id, &vector(100, id)).unwrap();
        }
        for id in 900..1_000 {
            other.remove(id);
        }
        for seed in 0..10 {
            let query = vector(100, 5_000 + seed);
            let hits = one.view().search(&query, 50).unwrap();
            assert_eq!(hits, other.view().search(&query, 50).unwrap());
        }
    }
}

#[test]
fn many_queries_give_what_each_gives_alone() {
    for (dim, count) in [(1, 300), (100, 50), (1536, 30)] {
        for metric in METRICS {
            let mut index = numbered(dim, metric);
            for id in 0..500 {
                index.set(id, &vector(dim as usize, id)).unwrap();
            }
            let view = index.view();
            let queries = vector(dim as usize * count, 77);
            let together = view
                .search_many(&queries, &SearchOptions::new(10), &mut SearchScratch::default())
                .unwrap();
            let alone: Vec<Vec<Hit>> = queries
                .chunks_exact(dim as usize)
                .map(|query| view.search(query, 10).unwrap())
                .collect();
            assert_eq!(together, alone);
        }
    }
}

#[test]
fn a_view_is_the_same_until_the_next_write_and_can_be_searched_elsewhere() {
    let mut index = numbered(8, Metric::Euclidean);
    index.set(1, &[1.0; 8]).unwrap();
    let view = index.view();
    assert!(Arc::ptr_eq(&view, &index.view()));
    assert!(index.set(2, &[f32::NAN; 8]).is_err());
    assert!(!index.remove(2));
    assert!(Arc::ptr_eq(&view, &index.view()));
    index.set(1, &[2.0; 8]).unwrap();
    assert!(!Arc::ptr_eq(&view, &index.view()));
    let searching = std::thread::spawn(move || view.search(&[1.0; 8], 3).unwrap());
    for id in 2..1_000 {
        index.set(id, &[1.0; 8]).unwrap();
    }
    assert_eq!(searching.join().unwrap(), [Hit { id: Id::U64(1), score: 0.0 }]);
}
