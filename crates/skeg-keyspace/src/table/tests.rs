//! The table with hashes good and bad.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// A hash of `number` that behaves like one.
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

impl<F: Fn(u32) -> u64> Hashes for F {
    fn hash_of(&self, handle: u32) -> u64 {
        self(handle)
    }

    fn touch(&self, _: u32) -> u8 {
        0
    }
}

/// A table of the handles 0, 1, 2 ... whose hashes a function gives.
struct Numbers<F> {
    table: Table,
    hash_of: F,
}

impl<F: Fn(u32) -> u64> Numbers<F> {
    fn new(hash_of: F) -> Self {
        Self { table: Table::new(), hash_of }
    }

    fn insert(&mut self, number: u32) {
        self.table.insert((self.hash_of)(number), number, &self.hash_of);
    }

    fn has(&self, number: u32) -> bool {
        self.table.find((self.hash_of)(number), |handle| handle == number).is_some()
    }

    fn remove(&mut self, number: u32) -> bool {
        let hash = (self.hash_of)(number);
        let found = self.table.find(hash, |handle| handle == number);
        if let Some((spot, _)) = found {
            self.table.remove(spot, hash, &self.hash_of);
        }
        found.is_some()
    }

    fn check(&self) -> usize {
        self.table.check(&self.hash_of)
    }

    fn scan_all(&self, count: usize) -> Vec<u32> {
        let mut shown = Vec::new();
        let mut cursor = 0;
        loop {
            cursor = self.table.scan(cursor, count, &self.hash_of, |handle| shown.push(handle));
            if cursor == 0 {
                shown.sort_unstable();
                return shown;
            }
        }
    }

    /// Inserts, finds and removes 0 to `count`, checking on the way.
    fn exercise(&mut self, count: u32) {
        for number in 0..count {
            assert!(!self.has(number));
            self.insert(number);
        }
        self.check();
        assert!((0..count).all(|number| self.has(number)));
        assert_eq!(self.scan_all(10), (0..count).collect::<Vec<_>>());
        for number in (0..count).filter(|number| number % 3 > 0) {
            assert!(self.remove(number));
        }
        self.check();
        assert!((0..count).all(|number| self.has(number) == (number % 3 == 0)));
        for number in (0..count).filter(|number| number % 3 == 0) {
            assert!(self.remove(number));
        }
        self.check();
        assert_eq!(self.table.len(), 0);
        assert_eq!(self.table.random(7, &self.hash_of), None);
    }
}

#[test]
fn grows_and_shrinks_without_losing_anything() {
    Numbers::new(|number| mixed(number.into())).exercise(100_000);
}

#[test]
fn takes_few_bytes_an_entry_and_gives_them_back() {
    let mut numbers = Numbers::new(|number| mixed(number.into()));
    let empty = numbers.table.memory_bytes();
    for number in 0..200_000 {
        numbers.insert(number);
        let bytes = numbers.table.memory_bytes();
        assert!(number < 2_000 || bytes < number as usize * 12, "{bytes} bytes at {number}");
    }
    let away = numbers.check();
    assert!(away < 200_000 / 5, "{away} entries live away from home");
    for number in 0..200_000 {
        numbers.remove(number);
        let left = 199_999 - number as usize;
        let bytes = numbers.table.memory_bytes();
        assert!(bytes < left * 32 + 16_384, "{bytes} bytes at {left}");
    }
    assert!(numbers.table.memory_bytes() < empty + 1_024);
}

#[test]
fn equal_tags_are_told_apart() {
    Numbers::new(|number| mixed(number.into()) & !0xff | 0x5a).exercise(20_000);
}

#[test]
fn equal_hashes_cost_time_but_no_memory() {
    let mut numbers = Numbers::new(|_| 0x0123_4567_89ab_cdef);
    for number in 0..1_000 {
        numbers.insert(number);
    }
    numbers.check();
    assert!(numbers.table.memory_bytes() < 20_000);
    for number in 0..1_000 {
        assert!(numbers.remove(number));
    }
    numbers.exercise(1_000);
}

#[test]
fn the_directory_stays_in_proportion_when_hashes_share_a_prefix() {
    for shared_bits in [8, 20, 40] {
        let hash_of = move |number: u32| mixed(number.into()) >> shared_bits;
        let mut numbers = Numbers::new(hash_of);
        for number in 0..5_000 {
            numbers.insert(number);
        }
        assert!(numbers.table.memory_bytes() < 5_000 * 40, "{shared_bits} bits");
        numbers.check();
        Numbers::new(hash_of).exercise(5_000);
    }
}

#[test]
fn versions_are_inherited_by_every_split() {
    let hash_of = |number: u32| mixed(number.into());
    let mut numbers = Numbers::new(hash_of);
    for number in 0..60 {
        numbers.insert(number);
    }
    let [only] = &mut numbers.table.segments[..] else { panic!("60 entries fit one segment") };
    let buckets = only.bucket_count();
    for bucket in 0..buckets {
        only.set_version(bucket, bucket as u32 % 3);
    }
    let expected: Vec<u64> = (0..=buckets).map(|bucket| only.start_of(bucket)).collect();
    for number in 60..50_000 {
        numbers.insert(number);
    }
    for number in 0..49_000 {
        numbers.remove(number);
    }
    numbers.check();
    assert!(numbers.table.segments.len() > 1, "what differs is not merged");
    for segment in &numbers.table.segments {
        for bucket in 0..segment.bucket_count() {
            let (start, end) = (segment.start_of(bucket), segment.start_of(bucket + 1));
            let ancestor = expected.partition_point(|bound| *bound <= start) - 1;
            assert!(end <= expected[ancestor + 1], "a bucket descends from one bucket");
            assert_eq!(segment.bucket(bucket).version, ancestor as u32 % 3);
        }
    }
}

#[test]
fn a_random_pick_is_fair() {
    for count in [1, 10, 1_000, 5_000] {
        let mut numbers = Numbers::new(|number| mixed(number.into()));
        for number in 0..count {
            numbers.insert(number);
        }
        let mut picked = BTreeMap::new();
        for draw in 0..u64::from(count) * 100 {
            let handle = numbers.table.random(mixed(draw), &numbers.hash_of);
            *picked.entry(handle.expect("the table is not empty")).or_insert(0) += 1;
        }
        assert_eq!(picked.len(), count as usize);
        assert!(picked.values().all(|times| (45..170).contains(times)), "{count}: {picked:?}");
    }
}

#[test]
fn a_random_pick_finds_a_lone_entry() {
    let mut numbers = Numbers::new(|number| mixed(number.into()));
    (0..50_000).for_each(|number| numbers.insert(number));
    numbers.table.segments[0].set_version(0, 1);
    (0..49_999).for_each(|number| assert!(numbers.remove(number)));
    for draw in 0..100 {
        assert_eq!(numbers.table.random(draw, &numbers.hash_of), Some(49_999));
    }
}

#[test]
fn a_scan_of_a_sparse_table_returns_soon() {
    let mut numbers = Numbers::new(|number| mixed(number.into()));
    (0..50_000).for_each(|number| numbers.insert(number));
    for segment in &mut numbers.table.segments {
        segment.set_version(0, 1);
    }
    (0..49_999).for_each(|number| assert!(numbers.remove(number)));
    let mut calls = 0;
    let mut cursor = 0;
    loop {
        cursor = numbers.table.scan(cursor, 10, &numbers.hash_of, |_| {});
        calls += 1;
        if cursor == 0 {
            break;
        }
    }
    assert!(calls > 20, "{calls} calls");
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u32, u32),
    Remove(u32, u32),
    Scan(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0_u32..20_000, 1_u32..2_000).prop_map(|(from, count)| Step::Insert(from, count)),
        (0_u32..20_000, 1_u32..4_000).prop_map(|(from, count)| Step::Remove(from, count)),
        (1_usize..400).prop_map(Step::Scan),
        (1_usize..400).prop_map(Step::Scan),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Entries below `stable` stay; all others come and go while scans are under way.
    #[test]
    fn a_scan_shows_what_stays(
        steps in prop::collection::vec(step(), 1..60),
        stable in 0_u32..300,
        mask in prop::sample::select(vec![u64::MAX, 0xff00_ffff_ffff_ffff, 0xff00_0000_0000_0003]),
    ) {
        let mut numbers = Numbers::new(move |number| mixed(number.into()) & mask);
        (0..stable).for_each(|number| numbers.insert(number));
        let mut model: BTreeSet<u32> = (0..stable).collect();
        let mut shown = BTreeSet::new();
        let mut cursor = 0;
        for step in steps {
            match step {
                Step::Insert(from, count) => for number in from.max(stable)..from + count {
                    if model.insert(number) {
                        numbers.insert(number);
                    }
                },
                Step::Remove(from, count) => for number in from.max(stable)..from + count {
                    prop_assert_eq!(numbers.remove(number), model.remove(&number));
                },
                Step::Scan(count) => {
                    let mut part = Vec::new();
                    let hash_of = &numbers.hash_of;
                    cursor = numbers.table.scan(cursor, count, hash_of, |handle| part.push(handle));
                    prop_assert!(cursor < 1 << 48);
                    for handle in part {
                        prop_assert!(model.contains(&handle));
                        shown.insert(handle);
                    }
                    if cursor == 0 {
                        prop_assert!((0..stable).all(|number| shown.contains(&number)));
                        shown.clear();
                    }
                }
            }
        }
        numbers.check();
        prop_assert_eq!(numbers.scan_all(100), model.into_iter().collect::<Vec<_>>());
    }
}
