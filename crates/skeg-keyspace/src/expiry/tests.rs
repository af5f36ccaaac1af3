//! The deadline index against a sorted map.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::entry::Stored;
use crate::stamp::Stamp;
use crate::value::StrRef;

/// Entries with deadlines, and which deadline each has.
struct Entries {
    store: Store,
    deadlines: Deadlines,
    model: BTreeMap<u32, u64>,
}

impl Entries {
    fn new() -> Self {
        Self { store: Store::new(), deadlines: Deadlines::new(), model: BTreeMap::new() }
    }

    fn add(&mut self, deadline: u64) {
        let handle = self.store.take(entry::value_start(3, true));
        let value = Stored::new(StrRef::Bytes(b""));
        entry::write(self.store.cell_mut(handle), b"key", &value, Some(deadline), Stamp::default());
        self.deadlines.add(&mut self.store, handle, deadline);
        assert_eq!(self.model.insert(handle, deadline), None);
    }

    fn remove(&mut self, handle: u32) {
        self.model.remove(&handle).expect("it is there");
        let place = entry::place(self.store.cell(handle));
        self.deadlines.remove(&mut self.store, place);
        self.store.give(handle);
    }

    fn nth(&self, index: usize) -> Option<u32> {
        self.model.keys().nth(index % self.model.len().max(1)).copied()
    }

    /// Removes up to `limit` due entries; returns how many.
    fn pop(&mut self, now_ms: u64, limit: usize) -> usize {
        let mut due = Vec::new();
        let mut removed = 0;
        while removed < limit {
            self.deadlines.due(&self.store, now_ms, &mut due);
            if due.is_empty() {
                break;
            }
            for (deadline, handle) in due.iter().take(limit - removed) {
                assert_eq!(self.model.values().min(), Some(deadline), "earliest first");
                assert!(*deadline <= now_ms);
                assert_eq!(self.model[handle], *deadline);
                self.remove(*handle);
                removed += 1;
            }
        }
        if removed < limit {
            assert!(self.model.values().all(|deadline| *deadline > now_ms));
        }
        removed
    }

    fn check(&self) {
        self.deadlines.check(&self.store);
        assert_eq!(self.deadlines.len(), self.model.len());
        assert_eq!(self.deadlines.first(&self.store), self.model.values().min().copied());
    }
}

#[derive(Clone, Debug)]
enum Step {
    Add(u64, u32),
    Remove(usize, u32),
    Change(usize, u64),
    Pop(u64, usize),
}

fn step() -> impl Strategy<Value = Step> {
    let deadline = prop_oneof![Just(500_u64), 0_u64..1_000, 490_u64..510, 0_u64..1 << 48];
    prop_oneof![
        (deadline.clone(), 1_u32..300).prop_map(|(deadline, count)| Step::Add(deadline, count)),
        (any::<usize>(), 1_u32..300).prop_map(|(index, count)| Step::Remove(index, count)),
        (any::<usize>(), deadline.clone())
            .prop_map(|(index, deadline)| Step::Change(index, deadline)),
        (deadline, 0_usize..300).prop_map(|(now_ms, limit)| Step::Pop(now_ms, limit)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn agrees_with_a_sorted_map(
        steps in prop::collection::vec(step(), 0..40),
        spread in prop::sample::select(vec![0_u64, 1, 10, 1 << 30]),
    ) {
        let mut entries = Entries::new();
        for step in steps {
            match step {
                Step::Add(deadline, count) => for index in 0..u64::from(count) {
                    let offset = index.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 17;
                    let deadline = deadline + offset.checked_rem(spread).unwrap_or(0);
                    entries.add(deadline.min((1 << 48) - 1));
                },
                Step::Remove(index, count) => for step in 0..count as usize {
                    if let Some(handle) = entries.nth(index.wrapping_add(step * 7)) {
                        entries.remove(handle);
                    }
                },
                Step::Change(index, deadline) => if let Some(handle) = entries.nth(index) {
                    entries.deadlines.change(&mut entries.store, handle, deadline);
                    entries.model.insert(handle, deadline);
                },
                Step::Pop(now_ms, limit) => { entries.pop(now_ms, limit); }
            }
            entries.check();
        }
        while let Some(handle) = entries.nth(0) {
            entries.remove(handle);
        }
        prop_assert_eq!(entries.deadlines.memory_bytes(), 0);
    }
}

#[test]
fn rising_deadlines_fill_the_leaves() {
    let mut entries = Entries::new();
    (0..100_000).for_each(|deadline| entries.add(deadline));
    assert!(entries.deadlines.memory_bytes() < 100_000 * 5);
    entries.check();
}

#[test]
fn one_deadline_for_all_is_no_burden() {
    let mut entries = Entries::new();
    (0..100_000).for_each(|_| entries.add(1_000));
    entries.add(999);
    entries.add(1_001);
    assert!(entries.deadlines.memory_bytes() < 100_000 * 5);
    entries.check();
    let odd: Vec<u32> = entries.model.keys().copied().filter(|handle| handle % 2 == 1).collect();
    odd.into_iter().for_each(|handle| entries.remove(handle));
    entries.check();
}
