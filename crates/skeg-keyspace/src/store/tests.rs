//! Cells against a list of what was written.

use proptest::prelude::*;

use super::*;

/// Fills a cell with bytes that tell which entry wrote it; the first is never 0.
fn fill(store: &mut Store, handle: u32, number: u32) {
    let cell = store.cell_mut(handle);
    cell.fill(number as u8);
    cell[0] = 1 | number as u8;
}

fn is_filled(store: &Store, handle: u32, number: u32) -> bool {
    let cell = store.cell(handle);
    cell[0] == 1 | number as u8 && cell[1..].iter().all(|byte| *byte == number as u8)
}

#[derive(Clone, Debug)]
enum Step {
    Take(usize),
    Give(usize),
    Fit(usize, usize),
    Regrow(usize, usize),
    Defragment(usize),
}

fn size() -> impl Strategy<Value = usize> {
    prop_oneof![8 => 1_usize..200, 2 => 200_usize..2_048, 1 => 2_000_usize..9_000]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => size().prop_map(Step::Take),
        4 => any::<usize>().prop_map(Step::Give),
        2 => (any::<usize>(), size()).prop_map(|(index, bytes)| Step::Fit(index, bytes)),
        2 => (any::<usize>(), size()).prop_map(|(index, bytes)| Step::Regrow(index, bytes)),
        1 => (1_usize..50).prop_map(Step::Defragment),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn cells_keep_their_bytes(steps in prop::collection::vec(step(), 0..500)) {
        let mut store = Store::new();
        let mut live: Vec<(u32, u32)> = Vec::new();
        for (number, step) in (0_u32..).zip(steps) {
            match step {
                Step::Take(bytes) => {
                    let handle = store.take(bytes);
                    prop_assert!(store.cell(handle).len() >= bytes);
                    fill(&mut store, handle, number);
                    live.push((handle, number));
                }
                Step::Give(index) if !live.is_empty() => {
                    let (handle, number) = live.swap_remove(index % live.len());
                    prop_assert!(is_filled(&store, handle, number));
                    store.give(handle);
                }
                Step::Fit(index, bytes) if !live.is_empty() => {
                    let index = index % live.len();
                    let handle = live[index].0;
                    if store.fit(handle, bytes) {
                        prop_assert!(store.cell(handle).len() >= bytes);
                        fill(&mut store, handle, number);
                        live[index].1 = number;
                    }
                }
                Step::Regrow(index, bytes) if !live.is_empty() => {
                    let index = index % live.len();
                    let (handle, old) = live[index];
                    let keep = store.cell(handle).len().min(bytes);
                    let handle = store.regrow(handle, bytes, keep);
                    let cell = store.cell(handle);
                    prop_assert!(cell.len() >= bytes && cell[0] == 1 | old as u8);
                    prop_assert!(cell[1..keep].iter().all(|byte| *byte == old as u8));
                    fill(&mut store, handle, number);
                    live[index] = (handle, number);
                }
                Step::Defragment(budget) => {
                    store.defragment(budget, &mut |_, old, new| {
                        let moved = live.iter_mut().find(|(handle, _)| *handle == old);
                        moved.expect("only live cells are moved").0 = new;
                    });
                }
                _ => {}
            }
            store.check();
        }
        for (handle, number) in &live {
            prop_assert!(is_filled(&store, *handle, *number));
            store.give(*handle);
        }
        store.check();
        prop_assert_eq!(store.memory_bytes(), 0);
    }
}

#[test]
fn pages_grow_with_their_class() {
    let mut store = Store::new();
    for number in 0..10_000 {
        let handle = store.take(82);
        fill(&mut store, handle, number);
        let wanted = 82 * (number as usize + 1);
        assert!(store.memory_bytes() < wanted * 8 / 7 + 8_192, "{number}");
    }
    assert!(store.memory_bytes() < 10_000 * 82 * 26 / 25);
}

#[test]
fn defragmentation_gives_sparse_pages_back() {
    let mut store = Store::new();
    let mut handles: Vec<Option<u32>> = (0..20_000)
        .map(|number| {
            let handle = store.take(100);
            fill(&mut store, handle, number);
            Some(handle)
        })
        .collect();
    for handle in handles.iter_mut().enumerate().filter(|(index, _)| index % 10 != 0) {
        store.give(handle.1.take().expect("each is given once"));
    }
    let sparse = store.memory_bytes();
    assert!(sparse > 1_900_000, "{sparse}");
    let mut calls = 0;
    while store.defragment(16, &mut |_, old, new| {
        let moved = handles.iter_mut().find(|handle| **handle == Some(old));
        *moved.expect("only live cells are moved") = Some(new);
    }) {
        calls += 1;
    }
    assert!(calls > 10, "a call is bounded");
    store.check();
    let dense = store.memory_bytes();
    assert!(dense < 300_000, "{dense}");
    for (number, handle) in handles.iter().enumerate() {
        assert!(handle.is_none_or(|handle| is_filled(&store, handle, number as u32)));
    }
}

#[test]
fn a_block_that_grows_step_by_step_is_not_copied_each_time() {
    let mut store = Store::new();
    let mut handle = store.take(3_000);
    fill(&mut store, handle, 1);
    let mut capacities = std::collections::BTreeSet::new();
    for bytes in 3_001..30_000 {
        handle = store.regrow(handle, bytes, bytes - 1);
        capacities.insert(store.memory_bytes());
    }
    assert!(capacities.len() < 10, "{capacities:?}");
    handle = store.regrow(handle, 3_000, 3_000);
    assert!(store.memory_bytes() < 4_000);
    store.give(handle);
}
