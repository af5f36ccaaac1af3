//! Which pages of a file have blocks on the disk.
//!
//! Invariants: ranges are disjoint, not empty and not adjacent; `pages` is their sum.

use std::collections::BTreeMap;
use std::ops::Range;

/// A set of page numbers, kept as ranges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Blocks {
    /// Start to end (exclusive).
    ranges: BTreeMap<u64, u64>,
    pages: u64,
}

impl Blocks {
    /// How many pages have blocks.
    pub(super) fn pages(&self) -> u64 {
        self.pages
    }

    /// How many pages of `range` have none yet.
    pub(super) fn missing(&self, range: &Range<u64>) -> u64 {
        let mut missing = range.end.saturating_sub(range.start);
        for (&start, &end) in self.ranges.range(..range.end).rev() {
            if end <= range.start {
                break;
            }
            missing -= end.min(range.end) - start.max(range.start);
        }
        missing
    }

    /// Gives all of `range` blocks.
    pub(super) fn insert(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        self.pages += self.missing(&range);
        let Range { mut start, mut end } = range;
        while let Some((&other_start, &other_end)) = self.ranges.range(..=end).next_back() {
            if other_end < start {
                break;
            }
            start = start.min(other_start);
            end = end.max(other_end);
            self.ranges.remove(&other_start);
        }
        self.ranges.insert(start, end);
    }

    /// Frees all blocks from page `first` on.
    pub(super) fn cut(&mut self, first: u64) {
        for (start, end) in self.ranges.split_off(&first) {
            self.pages -= end - start;
        }
        if let Some((_, end)) = self.ranges.range_mut(..first).next_back() {
            self.pages -= end.saturating_sub(first);
            *end = (*end).min(first);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn behaves_like_a_set(
            steps in prop::collection::vec((any::<bool>(), 0u64..60, 0u64..20), 1..40)
        ) {
            let (mut blocks, mut model) = (Blocks::default(), BTreeSet::new());
            for (insert, start, len) in steps {
                let range = start..start + len;
                let missing = range.clone().filter(|page| !model.contains(page)).count();
                prop_assert_eq!(blocks.missing(&range), missing as u64);
                if insert {
                    blocks.insert(range.clone());
                    model.extend(range);
                } else {
                    blocks.cut(start);
                    model.retain(|&page| page < start);
                }
                prop_assert_eq!(blocks.pages(), model.len() as u64);
            }
        }
    }
}
