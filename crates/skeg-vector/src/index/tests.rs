//! Histories of writes, freezes, flushes, merges, snapshots and restarts against a `BTreeMap`: what an
//! owner with a log does, with files in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::graph::Alone;
use crate::random::SplitMix;
use crate::segment::SegmentFile;
use crate::segment::SegmentTag;
use crate::segment::tests::{Bytes, TAG};
use crate::{Backend, Id, IdKind, Metric, Tier};

const DIM: u32 = 8;

type Model = BTreeMap<Id, Vec<f32>>;

#[derive(Debug, Clone)]
enum Step {
    Set {
        name: u8,
        seed: u32,
    },
    Remove {
        name: u8,
    },
    Freeze,
    /// Builds a segment of what is frozen, with the steps that come while it is built.
    Flush {
        meanwhile: Vec<(u8, Option<u32>)>,
    },
    Merge {
        from: u8,
        count: u8,
        meanwhile: Vec<(u8, Option<u32>)>,
    },
    View,
    /// The log before is forgotten.
    Snapshot,
    Restart,
    Search {
        seed: u32,
        k: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let meanwhile = || proptest::collection::vec((0..30_u8, any::<Option<u32>>()), 0..4);
    prop_oneof![
        14 => (0..30_u8, any::<u32>()).prop_map(|(name, seed)| Step::Set { name, seed }),
        4 => (0..30_u8).prop_map(|name| Step::Remove { name }),
        4 => Just(Step::Freeze),
        4 => meanwhile().prop_map(|meanwhile| Step::Flush { meanwhile }),
        2 => (any::<u8>(), 1..4_u8, meanwhile())
            .prop_map(|(from, count, meanwhile)| Step::Merge { from, count, meanwhile }),
        1 => Just(Step::View),
        1 => Just(Step::Snapshot),
        1 => Just(Step::Restart),
        3 => (any::<u32>(), 1..40_usize).prop_map(|(seed, k)| Step::Search { seed, k }),
    ]
}

fn row(seed: u32) -> Vec<f32> {
    // Coarse, so that scores are often equal.
    let number = |n: u32| (seed.wrapping_add(n).wrapping_mul(0x9e37_79b9) >> 30) as f32 - 1.5;
    (0..DIM).map(number).collect()
}

fn id(kind: IdKind, name: u8) -> Id {
    match kind {
        IdKind::U64 => Id::U64(u64::from(name) << 40),
        IdKind::Str => Id::Str(format!("{}{name}", "é".repeat(usize::from(name % 5))).into()),
    }
}

/// What the log of an owner holds, and its snapshot.
#[derive(Debug, Clone)]
enum Logged {
    Set(Id, Vec<f32>),
    Remove(Id),
    Freeze,
}

impl Logged {
    fn of(change: Change<'_>) -> Self {
        match change {
            Change::Set(id, row) => Self::Set(id.to_owned(), row.to_vec()),
            Change::Remove(id) => Self::Remove(id.to_owned()),
            Change::Freeze => Self::Freeze,
        }
    }

    fn change(&self) -> Change<'_> {
        match self {
            Self::Set(id, row) => Change::Set(id.as_ref(), row),
            Self::Remove(id) => Change::Remove(id.as_ref()),
            Self::Freeze => Change::Freeze,
        }
    }
}

pub(super) struct Owner {
    options: IndexOptions,
    pub(super) index: Index,
    model: Model,
    /// The generation that the log begins with.
    base: u64,
    log: Vec<Logged>,
    /// Published files, by number.
    files: BTreeMap<u64, Arc<Bytes>>,
    next_file: u64,
}

impl Owner {
    pub(super) fn new(options: IndexOptions) -> Self {
        Self {
            options,
            index: Index::new(options, 1).unwrap(),
            model: Model::new(),
            base: 0,
            log: Vec::new(),
            files: BTreeMap::new(),
            next_file: 1,
        }
    }

    fn set(&mut self, name: u8, seed: u32) {
        let (id, row) = (id(self.options.ids, name), row(seed));
        let replaced = self.index.set(&id, &row).unwrap();
        self.log.push(Logged::Set(id.clone(), row.clone()));
        assert_eq!(replaced, self.model.insert(id, row).is_some());
    }

    fn remove(&mut self, name: u8) {
        let id = id(self.options.ids, name);
        let removed = self.index.remove(&id);
        if removed {
            self.log.push(Logged::Remove(id.clone()));
        }
        assert_eq!(removed, self.model.remove(&id).is_some());
    }

    pub(super) fn build(&mut self, mut build: Build, meanwhile: &[(u8, Option<u32>)]) {
        let file = Bytes::of(Vec::new());
        let mut write = |bytes: &[u8], offset| file.write(bytes, offset);
        let tag = SegmentTag { file: self.next_file, ..TAG };
        build.begin(tag, 3).unwrap();
        while build.step(3, &mut write).unwrap() {}
        for &(name, seed) in meanwhile {
            match seed {
                Some(seed) => self.set(name, seed),
                None => self.remove(name),
            }
        }
        let replaced: Vec<u64> = build.replaces().collect();
        let of = Arc::clone(&file) as Arc<dyn SegmentFile>;
        let (built, length, _) = build.finish(of, &Alone, &mut write).unwrap();
        file.complete(length);
        replaced.iter().for_each(|number| drop(self.files.remove(number)));
        self.files.insert(self.next_file, file);
        self.next_file += 1;
        self.index.install(built);
    }

    fn snapshot(&mut self) {
        let view = self.index.view();
        self.base = view.base_generation();
        self.log = view.changes().map(Logged::of).collect();
    }

    fn restart(&mut self) {
        let mut index = Index::new(self.options, 2).unwrap();
        let open = |file: &Arc<Bytes>| Segment::open(Arc::clone(file) as _).unwrap().0;
        index.attach(self.files.values().map(open).collect()).unwrap();
        index.resume(self.base);
        self.log.iter().for_each(|logged| index.replay(logged.change()).unwrap());
        self.index = index;
    }

    fn check(&self) {
        assert_eq!(self.index.len(), self.model.len());
        for name in 0..30 {
            let id = id(self.options.ids, name);
            let found = self.index.get(&id).map(|row| row.read().unwrap().into_owned());
            assert_eq!(found.as_ref(), self.model.get(&id), "{id}");
        }
    }
}

/// The flat index is the oracle: scores have its bits, and ties its order.
fn check_search(view: &View, model: &Model, seed: u32, k: usize) {
    let mut flat = FlatIndex::new(*view.options(), 5).unwrap();
    model.iter().for_each(|(id, row)| assert!(!flat.set(id, row).unwrap()));
    let query = row(seed);
    assert_eq!(view.search(&query, k).unwrap(), flat.view().search(&query, k).unwrap());
    let queries = [query, row(seed ^ 77)].concat();
    let (options, mut scratch) = (SearchOptions::new(k), SearchScratch::default());
    let many = view.search_many(&queries, &options, &mut scratch).unwrap();
    assert_eq!(many, flat.view().search_many(&queries, k).unwrap());
}

fn run(options: IndexOptions, steps: &[Step]) {
    let mut owner = Owner::new(options);
    let mut views: Vec<(Arc<View>, Model)> = Vec::new();
    for step in steps {
        match step {
            Step::Set { name, seed } => owner.set(*name, *seed),
            Step::Remove { name } => owner.remove(*name),
            Step::Freeze => {
                if owner.index.freeze() {
                    owner.log.push(Logged::Freeze);
                }
            }
            Step::Flush { meanwhile } => {
                if let Some(build) = owner.index.flush() {
                    owner.build(build, meanwhile);
                }
            }
            Step::Merge { from, count, meanwhile } => {
                let segments = owner.index.segment_rows().len();
                if segments > 0 {
                    let from = usize::from(*from) % segments;
                    let to = (from + usize::from(*count)).min(segments);
                    let build = owner.index.merge(from..to);
                    owner.build(build, meanwhile);
                }
            }
            Step::View => views.push((owner.index.view(), owner.model.clone())),
            Step::Snapshot => owner.snapshot(),
            Step::Restart => owner.restart(),
            Step::Search { seed, k } => {
                check_search(&owner.index.view(), &owner.model, *seed, *k);
            }
        }
        owner.check();
    }
    owner.restart();
    owner.check();
    for (view, model) in &views {
        assert_eq!(view.len(), model.len());
        let read = |(id, row): (IdRef<'_>, Row<'_>)| (id.to_owned(), row.read().unwrap().into());
        assert_eq!(&view.vectors().map(read).collect::<Model>(), model);
        assert_eq!(view.vectors().count(), model.len(), "no id twice");
        check_search(view, model, 5, 7);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_history_with_segments_reads_like_the_model(
        ids in prop_oneof![Just(IdKind::U64), Just(IdKind::Str)],
        metric in prop_oneof![Just(Metric::Euclidean), Just(Metric::InnerProduct)],
        steps in proptest::collection::vec(step(), 1..80),
    ) {
        let options = IndexOptions { ids, backend: Backend::Disk, ..IndexOptions::new(DIM, metric) };
        run(options, &steps);
    }
}

/// Rows around a few centres.
pub(super) fn clustered(count: u32, dim: u32) -> Vec<Vec<f32>> {
    let number = |n: u32| {
        let mixed = n.wrapping_mul(0x9e37_79b9) ^ n.wrapping_mul(0x85eb_ca6b).rotate_left(13);
        (mixed.wrapping_mul(0xc2b2_ae35) >> 8) as f32 / (1_u32 << 23) as f32 - 1.0
    };
    let centre = |c: u32, d: u32| number(c * 7919 + d + 1_000_000);
    (0..count)
        .map(|n| (0..dim).map(|d| centre(n % 50, d) + 0.7 * number(n * dim + d)).collect())
        .collect()
}

#[test]
fn coded_segments_find_what_is_near_and_tell_exact_scores() {
    let (dim, count) = (256, 4_000);
    let rows = clustered(count + 100, dim);
    for tier in [Tier::Tq2, Tier::Tq1, Tier::Int8, Tier::Pq] {
        let options =
            IndexOptions { ids: IdKind::U64, tier, ..IndexOptions::new(dim, Metric::Cosine) };
        let mut owner = Owner::new(options);
        let mut flat = FlatIndex::new(options, 1).unwrap();
        for (n, row) in rows[..count as usize].iter().enumerate() {
            owner.index.set(n as u64, row).unwrap();
            flat.set(n as u64, row).unwrap();
            if n % 900 == 899 && owner.index.freeze() {
                let build = owner.index.flush().unwrap();
                owner.build(build, &[]);
            }
        }
        assert_eq!(owner.index.figures().segments, 4);
        let mut scratch = SearchScratch::default();
        let (mut hits, mut wanted) = (0, 0);
        for query in &rows[count as usize..] {
            let exact = flat.view().search(query, 10).unwrap();
            let found = owner.index.view();
            let found = found.search_with(query, &SearchOptions::new(10), &mut scratch).unwrap();
            wanted += exact.len();
            hits += found.iter().filter(|hit| exact.contains(hit)).count();
        }
        assert!(hits * 1000 >= wanted * 990, "{tier}: {hits} of {wanted}");
    }
}

#[test]
fn a_damaged_row_is_named_and_never_an_answer() {
    let options = IndexOptions {
        ids: IdKind::U64,
        tier: Tier::Tq2,
        ..IndexOptions::new(DIM, Metric::Euclidean)
    };
    let mut owner = Owner::new(options);
    for n in 0..40_u64 {
        owner.index.set(n, &row(n as u32 * 7)).unwrap();
    }
    owner.index.freeze();
    let build = owner.index.flush().unwrap();
    owner.build(build, &[]);
    let file = Arc::clone(owner.files.values().next().unwrap());
    file.0.lock().unwrap()[4096 + 5 * 32] ^= 1;
    let view = owner.index.view();
    let error = view.search(&row(35), 40).unwrap_err();
    assert!(error.to_string().contains("damaged at offset 4256"), "{error}");
    assert!(matches!(owner.index.get(5).unwrap().read(), Err(VectorError::Segment(_))));
    assert!(owner.index.get(6).unwrap().read().is_ok());
}

/// Rows around a few directions.
fn near_row(seed: u32) -> Vec<f32> {
    let numbers = |seed: u32| {
        let mut random = SplitMix::new(seed.into());
        move || (random.next() >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    let (mut own, mut center) = (numbers(seed + 1_000), numbers(seed % 7));
    (0..DIM).map(|_| own() + center()).collect()
}

/// Hits of both views with the scores of the first: how many of how many, over some queries.
fn shared(found: &View, expected: &flat::View, k: usize) -> (usize, usize) {
    let (mut same, mut all) = (0, 0);
    let mut scratch = SearchScratch::default();
    for seed in 0..40 {
        let query = near_row(1_000_000 + seed);
        let hits = found.search_with(&query, &SearchOptions::new(k), &mut scratch).unwrap();
        let best = expected.search(&query, k).unwrap();
        assert!(hits.iter().is_sorted_by(|a, b| a.score >= b.score));
        same += hits.iter().filter(|hit| best.contains(hit)).count();
        all += best.len();
    }
    (same, all)
}

/// A short list misses more than a long one; one that is too long for a walk is no list: all is scanned.
fn check_lists(found: &View, expected: &flat::View) {
    let mut scratch = SearchScratch::default();
    let mut hits = |list| {
        let options = SearchOptions { list: Some(list), ..SearchOptions::new(5) };
        let seeds = 1_000_000..1_000_040;
        let same = seeds.map(|seed| {
            let query = near_row(seed);
            let best = expected.search(&query, 5).unwrap();
            let hits = found.search_with(&query, &options, &mut scratch).unwrap();
            hits.iter().filter(|hit| best.contains(hit)).count()
        });
        same.sum::<usize>()
    };
    let [none, long, scan] = [0, 300, 100_000].map(&mut hits);
    assert!(none < long && long >= 190 && scan >= 199, "{none} {long} {scan}");
}

#[test]
fn a_linked_segment_is_walked_beside_others_and_without_its_dead_rows() {
    for tier in [Tier::Int8, Tier::Tq2, Tier::Pq, Tier::F32] {
        let backend = Backend::Disk;
        let ids = IdKind::U64;
        let options = IndexOptions { ids, tier, backend, ..IndexOptions::new(DIM, Metric::Cosine) };
        let mut owner = Owner::new(options);
        let mut flat = FlatIndex::new(options, 1).unwrap();
        let set = |index: &mut Index, flat: &mut FlatIndex, id: u32, seed: u32| {
            index.set(&Id::U64(id.into()), &near_row(seed)).unwrap();
            flat.set(&Id::U64(id.into()), &near_row(seed)).unwrap();
        };
        (0..1_500).for_each(|n| set(&mut owner.index, &mut flat, n, n));
        assert!(owner.index.freeze());
        let build = owner.index.flush().unwrap();
        owner.build(build, &[]);
        assert!(!owner.index.view().segments[0].segment.is_linked(), "there was no time");
        let unlinked = owner.index.unlinked(0..1, 1);
        assert_eq!(unlinked.is_some(), tier != Tier::F32);
        let Some(at) = unlinked else { continue };
        let mut build = owner.index.merge(at..at + 1);
        build.take_time(1);
        owner.build(build, &[]);
        assert!(owner.index.view().segments[0].segment.is_linked());
        assert_eq!(owner.index.unlinked(0..1, 1), None);
        let view = owner.index.view();
        let (same, all) = shared(&view, &flat.view(), 10);
        assert!(same * 100 >= all * 98, "{tier}: {same} of {all}");
        check_lists(&view, &flat.view());

        // Other segments, rows in memory, dead ones; and all of it read again.
        (1_000..1_700).for_each(|n| set(&mut owner.index, &mut flat, n, n + 50_000));
        assert!(owner.index.freeze());
        let build = owner.index.flush().unwrap();
        owner.build(build, &[]);
        (100..150).for_each(|n| set(&mut owner.index, &mut flat, n, n + 90_000));
        for id in 500..700 {
            assert!(owner.index.remove(&Id::U64(id)) && flat.remove(&Id::U64(id)));
        }
        for k in [1, 10, 300] {
            let (same, all) = shared(&owner.index.view(), &flat.view(), k);
            assert!(same * 100 >= all * 98, "{tier} {k}: {same} of {all}");
        }
        let many: Vec<f32> = (0..20).flat_map(near_row).collect();
        let view = owner.index.view();
        let mut scratch = SearchScratch::default();
        let answers = view.search_many(&many, &SearchOptions::new(5), &mut scratch).unwrap();
        for (query, hits) in many.chunks_exact(DIM as usize).zip(answers) {
            assert_eq!(hits, view.search(query, 5).unwrap());
        }
        // A merge takes no time for a graph unless it is told to; who asks gets one.
        let build = owner.index.merge(0..2);
        owner.build(build, &[]);
        assert!(!owner.index.view().segments[0].segment.is_linked());
        assert_eq!(owner.index.unlinked(0..1, 1), Some(0));
        let mut build = owner.index.merge(0..1);
        build.take_time(1);
        owner.build(build, &[]);
        assert!(owner.index.view().segments[0].segment.is_linked());
        let file = Arc::clone(owner.files.values().last().unwrap());
        let opened = Segment::open(file).unwrap().0;
        assert!(opened.is_linked());
        let segments = &owner.index.view().segments;
        assert_eq!(opened.memory_bytes(), segments[0].segment.memory_bytes());
        let (same, all) = shared(&owner.index.view(), &flat.view(), 10);
        assert!(same * 100 >= all * 98, "{tier}: {same} of {all}");
    }
}

#[test]
fn a_search_where_all_rows_around_are_dead_finds_those_further_away() {
    let (ids, tier, backend) = (IdKind::U64, Tier::Int8, Backend::Disk);
    let options = IndexOptions { ids, tier, backend, ..IndexOptions::new(DIM, Metric::Euclidean) };
    let mut owner = Owner::new(options);
    let mut flat = FlatIndex::new(options, 1).unwrap();
    // Two clusters far apart.
    let numbers = |id: u32| {
        let far = if id < 600 { 9.0 } else { 0.0 };
        near_row(id).iter().map(|number| number + far).collect::<Vec<f32>>()
    };
    for id in 0..1_500 {
        owner.index.set(&Id::U64(id.into()), &numbers(id)).unwrap();
    }
    assert!(owner.index.freeze());
    let build = owner.index.flush().unwrap();
    owner.build(build, &[]);
    let mut build = owner.index.merge(0..1);
    build.take_time(1);
    owner.build(build, &[]);
    for id in 0..1_500 {
        if id < 600 {
            assert!(owner.index.remove(&Id::U64(id.into())));
        } else {
            flat.set(&Id::U64(id.into()), &numbers(id)).unwrap();
        }
    }
    let view = owner.index.view();
    let options = SearchOptions { list: Some(30), ..SearchOptions::new(10) };
    let mut scratch = SearchScratch::default();
    let (among_dead, elsewhere) = (numbers(5), numbers(1_000));
    let hits = view.search_with(&among_dead, &options, &mut scratch).unwrap();
    assert_eq!(hits, flat.view().search(&among_dead, 10).unwrap());
    let alone = view.search_with(&elsewhere, &options, &mut scratch).unwrap();
    let queries = [elsewhere, among_dead].concat();
    assert_eq!(view.search_many(&queries, &options, &mut scratch).unwrap(), [alone, hits]);
}
