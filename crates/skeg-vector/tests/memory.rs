//! The account of memory against the allocator's own, byte by byte, and that a scan of codes takes
//! none. A program of its own instead of a
//! test of the harness: that one's threads allocate at moments of their own.

use std::alloc::System;

use skeg_vector::quant::{CodeKind, CodedRows, Memory, ScanOptions, Scratch, Trainer};
use skeg_vector::{FlatIndex, IdKind, Index, IndexOptions, Metric, Tier};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Bytes that were allocated and not freed since the region began.
fn held(region: &Region<'_, System>) -> usize {
    let change = region.change();
    change.bytes_allocated - change.bytes_deallocated
}

#[expect(clippy::print_stdout, reason = "what `cargo test` prints, for whoever adds tests up")]
fn main() {
    every_byte_is_counted();
    codes_of_rows_that_wait_are_counted();
    a_scan_of_codes_allocates_nothing_once_it_is_warm();
    println!("test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out");
}

fn a_scan_of_codes_allocates_nothing_once_it_is_warm() {
    let (dim, count) = (100_u32, 900);
    let number = |n: u32| (n.wrapping_mul(0x9e37_79b9) >> 8) as f32 / (1_u32 << 23) as f32 - 1.0;
    let rows: Vec<f32> = (0..dim * count).map(number).collect();
    let queries: Vec<f32> = (0..dim * 12).map(|n| number(n + 7_777_777)).collect();
    let kinds =
        [CodeKind::F32, CodeKind::F16, CodeKind::Int8, CodeKind::Tq1, CodeKind::Tq4, CodeKind::Pq];
    for (kind, metric) in kinds.iter().flat_map(|&k| [(k, Metric::Cosine), (k, Metric::Euclidean)])
    {
        let mut trainer = Trainer::new(kind, metric, dim, 1).expect("a valid dimension");
        let memory = Memory::new(metric, dim, rows.clone()).expect("whole rows");
        memory.iter().for_each(|row| trainer.add(row).expect("a valid row"));
        let mut codes = CodedRows::new(trainer.finish(), count as usize);
        memory.iter().for_each(|row| codes.push(row).expect("a valid row"));
        let mut scratch = Scratch::default();
        let mut search = |k| {
            let options = ScanOptions { k, ..ScanOptions::default() };
            codes.search(&memory, &queries, &options, &mut scratch).expect("valid queries");
        };
        search(200);
        let region = Region::new(ALLOCATOR);
        for k in [200, 1, 10] {
            search(k);
        }
        assert_eq!(region.change().allocations, 0, "{kind} {metric}");
    }
}

fn every_byte_is_counted() {
    for (dim, ids) in [(1, IdKind::Str), (7, IdKind::U64), (384, IdKind::Str), (9_000, IdKind::U64)]
    {
        for metric in [Metric::Cosine, Metric::Euclidean] {
            let vector = vec![1.0; dim as usize];
            let names: Vec<String> = (0..3_000).map(|n| format!("row {}", n * n)).collect();
            let count = if dim > 1_000 { 70 } else { 3_000 };
            let region = Region::new(ALLOCATOR);
            let options = IndexOptions { ids, ..IndexOptions::new(dim, metric) };
            let mut index = FlatIndex::new(options, 5).expect("the options are valid");
            let check = |index: &FlatIndex, moment: &str| {
                let counted = index.memory_bytes() - size_of::<FlatIndex>();
                assert_eq!(counted, held(&region), "{dim} {ids} {metric}: {moment}");
            };
            check(&index, "empty");
            let change = |index: &mut FlatIndex, place: usize, add: bool| {
                let name = names[place].as_str();
                match (ids, add) {
                    (IdKind::U64, true) => {
                        index.set(place as u64, &vector).expect("a valid vector")
                    }
                    (IdKind::Str, true) => index.set(name, &vector).expect("a valid vector"),
                    (IdKind::U64, false) => index.remove(place as u64),
                    (IdKind::Str, false) => index.remove(name),
                }
            };
            for place in 0..count {
                change(&mut index, place, true);
                if place % 7 == 0 {
                    check(&index, "filling");
                }
            }
            let view = index.view();
            check(&index, "with a view");
            drop(view);
            check(&index, "with its view cached");
            for place in (0..count).step_by(3) {
                change(&mut index, place, true);
                index.view();
                change(&mut index, count - 1 - place, false);
                check(&index, "writing between views");
            }
            for place in 0..count {
                change(&mut index, place, false);
            }
            check(&index, "emptied");
            assert_eq!(index.len(), 0);
        }
    }
}

fn codes_of_rows_that_wait_are_counted() {
    for (dim, metric) in [(64, Metric::Cosine), (384, Metric::Euclidean), (1_000, Metric::Cosine)] {
        // Some that no code describes, under one of the metrics.
        let size = |n: u64| if n.is_multiple_of(9) { 1e12 } else { 1.0 };
        let row = |n: u64| (0..dim).map(|d| (d % 7 + 1) as f32 * size(n)).collect::<Vec<f32>>();
        let rows: Vec<Vec<f32>> = (0..1_500).map(row).collect();
        let region = Region::new(ALLOCATOR);
        let options =
            IndexOptions { ids: IdKind::U64, tier: Tier::Tq2, ..IndexOptions::new(dim, metric) };
        let mut index = Index::new(options, 5).expect("the options are valid");
        index.code_waiting();
        let check = |index: &Index, moment: &str| {
            let counted = index.memory_bytes() - size_of::<Index>();
            assert_eq!(counted, held(&region), "{dim} {metric}: {moment}");
        };
        check(&index, "empty");
        for (n, row) in rows.iter().enumerate() {
            index.set(n as u64, row).expect("a valid vector");
            if n.is_multiple_of(37) {
                check(&index, "filling");
                drop(index.view());
                check(&index, "with its view cached");
            }
        }
        assert!(index.freeze());
        check(&index, "frozen");
        for (n, row) in rows.iter().enumerate().step_by(3) {
            index.set(n as u64, row).expect("a valid vector");
            index.remove(1_499 - n as u64);
        }
        check(&index, "with another delta");
    }
}
