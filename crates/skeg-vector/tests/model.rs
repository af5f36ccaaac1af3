//! The index against a `BTreeMap` and a search in `f64`: random histories of writes, removals, views
//! and searches, for every metric, both kinds of ids and vectors of every size.

#![expect(clippy::unwrap_used, reason = "a step that is refused fails the test")]

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use skeg_vector::{Hit, Id, IdKind, Index, IndexOptions, Metric, View};

type Model = BTreeMap<Id, Vec<f32>>;

#[derive(Debug, Clone)]
enum Step {
    Set { name: u8, shape: Values, seed: u32 },
    Remove { name: u8 },
    View,
    Search { shape: Values, seed: u32, k: usize },
    SearchView { pick: u8, shape: Values, seed: u32, k: usize },
}

/// What kind of numbers a vector has.
#[derive(Debug, Clone, Copy)]
enum Values {
    /// Between -1 and 1.
    Ordinary,
    /// -1, 0 or 1: many equal vectors and equal scores.
    Coarse,
    /// Up to the greatest `f32`.
    Huge,
    /// Down to subnormal numbers.
    Tiny,
}

fn values() -> impl Strategy<Value = Values> {
    prop_oneof![
        4 => Just(Values::Ordinary),
        4 => Just(Values::Coarse),
        1 => Just(Values::Huge),
        1 => Just(Values::Tiny),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (any::<u8>(), values(), any::<u32>())
            .prop_map(|(name, shape, seed)| Step::Set { name, shape, seed }),
        3 => any::<u8>().prop_map(|name| Step::Remove { name }),
        1 => Just(Step::View),
        2 => (values(), any::<u32>(), 1..30_usize)
            .prop_map(|(shape, seed, k)| Step::Search { shape, seed, k }),
        2 => (any::<u8>(), values(), any::<u32>(), 1..30_usize)
            .prop_map(|(pick, shape, seed, k)| Step::SearchView { pick, shape, seed, k }),
    ]
}

fn vector(dim: usize, shape: Values, seed: u32) -> Vec<f32> {
    let mut state = u64::from(seed) | 1 << 40;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1_u32 << 23) as f32 - 1.0
    };
    let one = |unit: f32| match shape {
        Values::Ordinary => unit,
        Values::Coarse => (unit * 1.5).round(),
        Values::Huge => unit * f32::MAX,
        Values::Tiny => unit * 1e-38,
    };
    let mut vector: Vec<f32> = (0..dim).map(|_| one(next())).collect();
    if vector.iter().all(|&x| x == 0.0) {
        vector[0] = 1.0;
    }
    vector
}

fn id(kind: IdKind, name: u8) -> Id {
    match kind {
        IdKind::U64 => Id::U64(u64::from(name) << 50),
        IdKind::Str => {
            let padding = "é".repeat(usize::from(name % 40));
            Id::from(format!("{padding}{name}").as_str())
        }
    }
}

/// The score in `f64`, and how far the index may be off.
fn exact(metric: Metric, q: &[f32], r: &[f32]) -> (f64, f64) {
    let pairs = || q.iter().zip(r).map(|(&x, &y)| (f64::from(x), f64::from(y)));
    let dot: f64 = pairs().map(|(x, y)| x * y).sum();
    let size: f64 = pairs().map(|(x, y)| (x * y).abs()).sum();
    let unit = f64::from(f32::EPSILON) * (q.len() as f64 / 32.0 + 12.0);
    let limit = f64::from(f32::MAX);
    let subnormal = q.len() as f64 * 1e-44;
    match metric {
        Metric::Cosine => {
            let norm = |v: &[f32]| v.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
            ((dot / (norm(q) * norm(r))).clamp(-1.0, 1.0), unit)
        }
        Metric::InnerProduct => (dot.clamp(-limit, limit), size.min(limit) * unit + subnormal),
        Metric::Euclidean => {
            let distance: f64 = pairs().map(|(x, y)| (x - y).powi(2)).sum();
            (-distance.min(limit), distance.min(limit) * unit + subnormal)
        }
    }
}

/// Every hit has the right score, they are in order, and no row that is left out beats one of them.
fn check(model: &Model, options: &IndexOptions, query: &[f32], k: usize, hits: &[Hit]) {
    assert_eq!(hits.len(), k.min(model.len()));
    for pair in hits.windows(2) {
        let [a, b] = pair else { unreachable!() };
        assert!(a.score > b.score || (a.score == b.score && a.id < b.id), "{a:?} before {b:?}");
    }
    for hit in hits {
        let (score, error) = exact(options.metric, query, &model[&hit.id]);
        assert!(hit.score.is_finite());
        assert!((f64::from(hit.score) - score).abs() <= error, "{hit:?}: {score} ± {error}");
    }
    let Some(worst) = hits.last() else { return };
    for (id, row) in model {
        if !hits.iter().any(|hit| hit.id == *id) {
            let (score, error) = exact(options.metric, query, row);
            assert!(score <= f64::from(worst.score) + error, "{id} left out: {score} > {worst:?}");
            let twin = hits.iter().find(|hit| model[&hit.id] == *row);
            assert!(twin.is_none_or(|twin| twin.id < *id), "equal rows in the order of their ids");
        }
    }
}

fn same(model: &Model, held: impl Iterator<Item = (Id, Vec<f32>)>) {
    let bits = |row: &Vec<f32>| row.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    let held: BTreeMap<Id, Vec<u32>> = held.map(|(id, row)| (id, bits(&row))).collect();
    let wanted: BTreeMap<Id, Vec<u32>> =
        model.iter().map(|(id, row)| (id.clone(), bits(row))).collect();
    assert_eq!(held, wanted);
}

fn run(options: IndexOptions, steps: &[Step]) {
    let dim = options.dim as usize;
    let mut index = Index::new(options, 7).unwrap();
    let mut model = Model::new();
    let mut views: Vec<(Arc<View>, Model)> = Vec::new();
    for step in steps {
        match *step {
            Step::Set { name, shape, seed } => {
                let (id, row) = (id(options.ids, name), vector(dim, shape, seed));
                let replaced = index.set(&id, &row).unwrap();
                assert_eq!(replaced, model.insert(id, row).is_some());
            }
            Step::Remove { name } => {
                let id = id(options.ids, name);
                assert_eq!(index.remove(&id), model.remove(&id).is_some());
            }
            Step::View => views.push((index.view(), model.clone())),
            Step::Search { shape, seed, k } => {
                let query = vector(dim, shape, seed);
                check(&model, &options, &query, k, &index.view().search(&query, k).unwrap());
            }
            Step::SearchView { pick, shape, seed, k } => {
                if let Some((view, then)) = views.get(usize::from(pick) % views.len().max(1)) {
                    let query = vector(dim, shape, seed);
                    check(then, &options, &query, k, &view.search(&query, k).unwrap());
                }
            }
        }
        assert_eq!(index.len(), model.len());
    }
    for name in 0..=u8::MAX {
        let id = id(options.ids, name);
        let found = index.get(&id).map(|row| row.read().unwrap().into_owned());
        assert_eq!(found.as_ref(), model.get(&id));
    }
    same(&model, index.view().unstored().map(|(id, row)| (id.to_owned(), row.to_vec())));
    for (view, then) in &views {
        assert_eq!(view.len(), then.len());
        same(then, view.unstored().map(|(id, row)| (id.to_owned(), row.to_vec())));
    }
}

fn options() -> impl Strategy<Value = IndexOptions> {
    let dim = prop_oneof![Just(1), Just(7), Just(100), Just(384), Just(1000), Just(1536)];
    let metric =
        prop_oneof![Just(Metric::Cosine), Just(Metric::InnerProduct), Just(Metric::Euclidean)];
    (dim, metric, prop_oneof![Just(IdKind::U64), Just(IdKind::Str)])
        .prop_map(|(dim, metric, ids)| IndexOptions { ids, ..IndexOptions::new(dim, metric) })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_history_reads_like_the_model(
        options in options(),
        steps in proptest::collection::vec(step(), 1..120),
    ) {
        run(options, &steps);
    }
}
