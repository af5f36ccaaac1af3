//! The table against a map, its scans, its random picks.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::collection::{flat, next_draw};

fn table<const WIDTH: usize>() -> Table<WIDTH> {
    Table::new(ahash::RandomState::with_seeds(1, 2, 3, 4))
}

fn text(value: StrRef<'_>) -> Vec<u8> {
    element::with_bytes(value, <[u8]>::to_vec)
}

fn name(number: u32) -> Vec<u8> {
    match number % 9 {
        0 => number.to_string().into_bytes(),
        1 => vec![b'n'; number as usize % 500],
        _ => format!("name:{number}").into_bytes(),
    }
}

fn set(table: &mut Table<1>, number: u32) -> bool {
    table.set([Element::new(format!("name:{number}").as_bytes())])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn agrees_with_a_map(
        steps in prop::collection::vec((0_u32..4_000, 1_u32..500, 0_u32..900, 0_u8..4), 0..40),
    ) {
        let (mut table, mut model) = (table::<2>(), BTreeMap::new());
        for (from, count, value, what) in steps {
            for number in from..from + count {
                let first = name(number);
                if what == 0 {
                    let removed = table.remove(&Element::new(&first), <[u8]>::len).is_some();
                    prop_assert_eq!(removed, model.remove(&first).is_some());
                } else {
                    let value = name(value + number % 5);
                    let is_new = table.set([Element::new(&first), Element::new(&value)]);
                    prop_assert_eq!(is_new, model.insert(first, value).is_none());
                }
            }
            if what == 3 {
                table = table.clone();
            }
            table.check();
            prop_assert_eq!(table.len(), model.len());
        }
        let shown: BTreeMap<_, _> = table
            .entries()
            .map(|entry| (text(table.string(entry)), text(table.string(flat::second(entry)))))
            .collect();
        prop_assert_eq!(&shown, &model);
        for (first, value) in &model {
            let entry = table.get(&Element::new(first)).expect("it is there");
            prop_assert_eq!(&text(table.string(flat::second(entry))), value);
        }
        for first in model.keys() {
            table.remove(&Element::new(first), |_| ());
        }
        table.check();
        prop_assert_eq!(table.len(), 0);
        prop_assert!(table.memory_bytes() < 2_048, "{} bytes are left", table.memory_bytes());
    }

    /// While others come and go, a scan shows what stays.
    #[test]
    fn a_scan_shows_what_stays(
        steps in prop::collection::vec((1_usize..50, 0_u32..5_000, 1_u32..800, any::<bool>()), 0..60),
    ) {
        let mut table = table::<1>();
        (100_000..100_200).for_each(|number| assert!(set(&mut table, number)));
        let mut shown = BTreeSet::new();
        let mut cursor = 0;
        for (count, from, len, grow) in steps {
            for number in from..from + len {
                if grow {
                    set(&mut table, number);
                } else {
                    table.remove(&Element::new(format!("name:{number}").as_bytes()), |_| ());
                }
            }
            cursor = table.scan(cursor, count, &mut |entry| { shown.insert(entry.to_vec()); });
            prop_assert!(cursor < 1 << POSITION_BITS);
            if cursor == 0 {
                let stayed = shown.iter().filter(|it| it.starts_with(b"\x0bname:100")).count();
                prop_assert_eq!(stayed, 200);
                shown.clear();
            }
        }
    }
}

#[test]
fn a_scan_of_a_still_table_shows_everything_once() {
    for count in [0, 1, 33, 1_000, 5_000] {
        let mut table = table::<1>();
        (0..count).for_each(|number| assert!(set(&mut table, number)));
        let (mut shown, mut cursor) = (BTreeSet::new(), 0);
        loop {
            cursor = table.scan(cursor, 10, &mut |entry| {
                assert!(shown.insert(entry.to_vec()), "it was shown before");
            });
            if cursor == 0 {
                break;
            }
        }
        assert_eq!(shown.len(), count as usize);
    }
}

#[test]
fn random_picks_are_even() {
    let mut table = table::<1>();
    (0..500).for_each(|number| assert!(set(&mut table, number)));
    let (mut state, mut picks) = (7, BTreeMap::new());
    for _ in 0..50_000 {
        let entry = table.random(next_draw(&mut state)).expect("it is not empty");
        *picks.entry(entry.to_vec()).or_insert(0) += 1;
    }
    assert_eq!(picks.len(), 500);
    // 100 expected, a deviation of 10: six of them to each side.
    assert!(picks.values().all(|count| (40..160).contains(count)), "{picks:?}");
}

#[test]
fn entries_take_little_more_than_their_bytes() {
    let mut table = table::<1>();
    for number in 0..100_000 {
        table.set([Element::new(format!("member:{number:09}").as_bytes())]);
        if number > 1_000 && number % 1_000 == 0 {
            let bytes = table.memory_bytes() as f64 / table.len() as f64;
            assert!(bytes < 24.0, "{bytes} bytes an entry of 16 at {number}");
        }
    }
    table.check();
}
