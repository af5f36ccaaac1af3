//! The tree against a vector.

use std::ops::Range;

use proptest::prelude::*;

use super::*;
use crate::collection::element;
use crate::collection::items::Items;
use crate::collection::runs::{Source, Walk};
use crate::collection::{next_draw, pick_of, ranking};

fn text(entry: &[u8]) -> Vec<u8> {
    element::with_bytes(element::string(entry), <[u8]>::to_vec)
}

fn walk(items: &Items, range: Range<usize>) -> Walk<'_, crate::collection::items::Unordered, 1> {
    Walk::new(Source::Tree(items), range)
}

#[derive(Clone, Debug)]
enum Step {
    Insert(usize, usize),
    Append(usize),
    Prepend(usize),
    Replace(usize, usize),
    Remove(usize, usize),
    Pop(bool, usize),
    Copy,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (any::<usize>(), 1_usize..120).prop_map(|(at, count)| Step::Insert(at, count)),
        2 => (1_usize..1_500).prop_map(Step::Append),
        2 => (1_usize..1_500).prop_map(Step::Prepend),
        2 => (any::<usize>(), 0_usize..300).prop_map(|(at, len)| Step::Replace(at, len)),
        3 => (any::<usize>(), 0_usize..60).prop_map(|(at, count)| Step::Remove(at, count)),
        2 => (any::<usize>(), 0_usize..3_000).prop_map(|(at, count)| Step::Remove(at, count)),
        2 => (any::<bool>(), 0_usize..300).prop_map(|(front, count)| Step::Pop(front, count)),
        1 => Just(Step::Copy),
    ]
}

/// Some are long, a few longer than a leaf.
fn item(number: usize) -> Vec<u8> {
    match number % 50 {
        0 => vec![b'x'; number % 5_000],
        1..5 => number.to_string().into_bytes(),
        _ => format!("item {number}").into_bytes(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn agrees_with_a_vector(steps in prop::collection::vec(step(), 0..40), draw in any::<u64>()) {
        let (mut items, mut model) = (Items::new(), Vec::new());
        let mut number = draw as usize % 1_000;
        let mut next = || { number += 1; item(number) };
        for step in steps {
            let mut insert = |items: &mut Items, at: usize| {
                let item = next();
                items.insert(at, &[Element::new(&item)]);
                model.insert(at, item);
            };
            match step {
                Step::Insert(at, count) => {
                    let at = at % (items.len() + 1);
                    (at..at + count).for_each(|at| insert(&mut items, at));
                }
                Step::Append(count) => {
                    (0..count).for_each(|_| { let end = items.len(); insert(&mut items, end); });
                }
                Step::Prepend(count) => (0..count).for_each(|_| insert(&mut items, 0)),
                Step::Replace(at, len) if items.len() > 0 => {
                    let (at, item) = (at % items.len(), vec![b'r'; len]);
                    items.replace(at, &[Element::new(&item)]);
                    model[at] = item;
                }
                Step::Remove(at, count) => {
                    let at = at % (items.len() + 1);
                    let count = count.min(items.len() - at);
                    items.remove(at, count);
                    model.drain(at..at + count);
                }
                Step::Pop(front, count) => {
                    for _ in 0..count.min(items.len()) {
                        let at = if front { 0 } else { items.len() - 1 };
                        items.remove(at, 1);
                        model.remove(at);
                    }
                }
                Step::Copy => items = items.clone(),
                Step::Replace(..) => {}
            }
            items.check();
            prop_assert_eq!(items.len(), model.len());
            let at = pick_of(draw, items.len() + 1);
            prop_assert_eq!(items.get(at).map(text), model.get(at).cloned());
            let end = (at + 700).min(items.len());
            prop_assert!(walk(&items, at..end).map(text).eq(model[at..end].iter().cloned()));
            let start = at.saturating_sub(700);
            let back = walk(&items, start..at).rev().map(text);
            prop_assert!(back.eq(model[start..at].iter().rev().cloned()));
        }
        prop_assert!(walk(&items, 0..items.len()).map(text).eq(model));
        let (mut shed, len) = (0, items.len());
        while items.shed(2) { shed += 1; }
        prop_assert!(shed <= len / 2 + 8);
    }

    /// Random scores, equal scores, names of equal beginnings.
    #[test]
    fn ranks_agree_with_a_sorted_vector(
        count in 0_usize..3_000, scores in 1_u64..2_000, draw in any::<u64>(),
    ) {
        let mut state = draw;
        let mut ranking = ranking::Ranking::new();
        let mut model: Vec<(u64, Vec<u8>)> = Vec::new();
        for number in 0..count {
            let score = next_draw(&mut state) % scores;
            let name = format!("member:{}", number * 7 % 4_003).into_bytes();
            ranking.insert(&Element::new(&name), score as f64);
            model.push((score, name));
        }
        model.sort();
        ranking.check();
        for rank in (0..count).step_by(7) {
            let (score, name) = &model[rank];
            let name = Element::new(name);
            prop_assert_eq!(ranking.rank(name.value(), *score as f64), rank);
            let below = model.partition_point(|(it, _)| it < score);
            let up_to = model.partition_point(|(it, _)| it <= score);
            prop_assert_eq!(ranking.count_to_score(*score as f64, false), below);
            prop_assert_eq!(ranking.count_to_score(*score as f64, true), up_to);
        }
        while model.len() > count / 3 {
            let (score, name) = model.remove(pick_of(next_draw(&mut state), model.len()));
            ranking.remove(Element::new(&name).value(), score as f64);
        }
        ranking.check();
        let left = (0..ranking.tree().len()).map(|rank| ranking.get(rank).expect("it is there"));
        let left = left.map(|(name, score)| (score as u64, element::with_bytes(name, <[u8]>::to_vec)));
        prop_assert!(left.eq(model));
    }
}

#[test]
fn rising_and_falling_scores_fill_leaves_completely() {
    let name = |number: i32| format!("member:{number:09}").into_bytes();
    for sign in [1, -1] {
        let mut ranking = ranking::Ranking::new();
        for number in 0..50_000 {
            ranking.insert(&Element::new(&name(number)), f64::from(sign * number));
        }
        ranking.check();
        let entry_bytes = 17 + 9;
        assert!(ranking.memory_bytes() < 50_000 * entry_bytes * 5 / 4);
        assert_eq!(ranking.get(0).map(|it| it.1), Some(if sign > 0 { 0.0 } else { -49_999.0 }));
    }
}

#[test]
fn ends_fill_leaves_completely() {
    let mut items = Items::new();
    for number in 0..100_000 {
        items.insert(items.len(), &[Element::new(format!("item:{number:011}").as_bytes())]);
    }
    items.check();
    let bytes = items.memory_bytes();
    assert!(bytes < 100_000 * 36 / 2, "{bytes}");
    for _ in 0..100_000 {
        items.insert(0, &[Element::new(b"another")]);
        items.remove(items.len() - 1, 1);
    }
    items.check();
    assert_eq!(items.len(), 100_000);
    assert!(items.memory_bytes() < 100_000 * 10);
}
