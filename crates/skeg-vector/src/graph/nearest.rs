//! The nearest rows that a walk has found so far, in order.
//!
//! An entry is one number: above the key's bits, made to order as integers, below them the place and
//! two marks. So entries compare in one instruction, and equal keys are ordered by place.
//!
//! Invariants: entries ascend; at most `limit` of them are admitted, and none that is not lies
//! behind the last of that many; places are below [`PLACES_MAX`].
//!
//! May not know: rows, graphs.

/// Places fit in the 30 bits that an entry has for them.
pub(crate) const PLACES_MAX: usize = 1 << 30;

/// A row that a walk has come by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry(u64);

/// Of an entry whose neighbours have been looked at; of a candidate for a link, that it was chosen before.
const EXPANDED: u64 = 1;

/// Of an entry that is no answer, only a step on the way.
const EXCLUDED: u64 = 2;

impl Entry {
    pub(crate) fn new(key: f32, place: u32, is_admitted: bool) -> Self {
        let bits = key.to_bits();
        let ordered = bits ^ ((bits.cast_signed() >> 31).cast_unsigned() | 1 << 31);
        let mark = if is_admitted { 0 } else { EXCLUDED };
        Self(u64::from(ordered) << 32 | u64::from(place) << 2 | mark)
    }

    pub(crate) fn key(self) -> f32 {
        let ordered = (self.0 >> 32) as u32;
        let flipped = (!(ordered.cast_signed() >> 31)).cast_unsigned() | 1 << 31;
        f32::from_bits(ordered ^ flipped)
    }

    pub(crate) fn place(self) -> u32 {
        (self.0 >> 2) as u32 & (PLACES_MAX - 1) as u32
    }

    pub(crate) fn is_admitted(self) -> bool {
        self.0 & EXCLUDED == 0
    }

    fn is_expanded(self) -> bool {
        self.0 & EXPANDED != 0
    }

    /// A candidate that pruning chose before.
    pub(crate) fn chosen(key: f32, place: u32) -> Self {
        Self(Self::new(key, place, true).0 | EXPANDED)
    }

    pub(crate) fn is_chosen(self) -> bool {
        self.is_expanded()
    }
}

/// See the module's header.
#[derive(Debug, Default)]
pub(crate) struct Nearest {
    entries: Vec<Entry>,
    admitted: usize,
    /// Admitted entries at most, and entries of all kinds.
    limit: usize,
    size_max: usize,
    /// No entry before this one is left to be expanded.
    cursor: usize,
}

impl Nearest {
    pub(crate) fn begin(&mut self, limit: usize, size_max: usize) {
        self.entries.clear();
        (self.admitted, self.limit, self.size_max, self.cursor) = (0, limit, size_max, 0);
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What an entry must be less than to be taken.
    pub(crate) fn worst(&self) -> Option<Entry> {
        let is_full = self.admitted >= self.limit || self.entries.len() >= self.size_max;
        self.entries.last().copied().filter(|_| is_full)
    }

    /// Whether so many entries are not admitted that there was no place for as many as asked for.
    pub(crate) fn is_cut_short(&self) -> bool {
        self.admitted < self.limit && self.entries.len() >= self.size_max
    }

    /// Takes entries, which ascend. Gives where the first of them went.
    pub(crate) fn merge(&mut self, incoming: &[Entry]) -> usize {
        let mut left = self.entries.len();
        let mut to = left + incoming.len();
        self.entries.resize(to, Entry(0));
        for &entry in incoming.iter().rev() {
            let stay = self.entries[..left].partition_point(|&other| other < entry);
            self.entries.copy_within(stay..left, to - (left - stay));
            to -= left - stay + 1;
            self.entries[to] = entry;
            left = stay;
        }
        self.admitted += incoming.iter().filter(|entry| entry.is_admitted()).count();
        while let Some(last) = self.entries.last() {
            let is_over = if last.is_admitted() {
                self.admitted > self.limit
            } else {
                self.admitted >= self.limit
            };
            if !is_over && self.entries.len() <= self.size_max {
                break;
            }
            self.admitted -= usize::from(last.is_admitted());
            self.entries.pop();
        }
        if !incoming.is_empty() {
            self.cursor = self.cursor.min(to);
        }
        to
    }

    /// The nearest entry that is not expanded, and where it is.
    pub(crate) fn next(&mut self) -> Option<(usize, Entry)> {
        let found = self.entries[self.cursor.min(self.entries.len())..]
            .iter()
            .position(|entry| !entry.is_expanded())?;
        self.cursor += found;
        Some((self.cursor, self.entries[self.cursor]))
    }

    /// Marks the entry that [`Self::next`] gave.
    pub(crate) fn expand(&mut self) {
        self.entries[self.cursor].0 |= EXPANDED;
        self.cursor += 1;
    }

    /// The k-th admitted entry, counted from 1.
    pub(crate) fn admitted(&self, k: usize) -> Option<Entry> {
        if self.admitted == self.entries.len() {
            return self.entries.get(k - 1).copied();
        }
        self.entries.iter().copied().filter(|entry| entry.is_admitted()).nth(k - 1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn entries_give_back_what_they_are_made_of_and_order_as_keys() {
        let keys = [f32::MIN, -2.5, -1e-30, 0.0, 1e-30, 1.0, f32::MAX];
        for key in keys {
            for (place, admitted) in [(0, true), (PLACES_MAX as u32 - 1, false)] {
                let entry = Entry::new(key, place, admitted);
                assert_eq!((entry.key(), entry.place()), (key, place));
                assert_eq!(entry.is_admitted(), admitted);
            }
        }
        assert!(keys.map(|key| Entry::new(key, 3, true)).is_sorted());
        assert!(Entry::new(1.0, 3, false) < Entry::new(1.0, 4, true));
    }

    proptest! {
        #[test]
        fn a_list_holds_what_sorting_everything_leaves(
            groups in proptest::collection::vec(
                proptest::collection::vec((0..40_u8, any::<bool>()), 0..9), 0..12,
            ),
            limit in 1..20_usize,
            size_max in 20..60_usize,
        ) {
            let mut nearest = Nearest::default();
            nearest.begin(limit, size_max);
            let mut all: Vec<Entry> = Vec::new();
            let mut place = 0;
            for group in groups {
                let mut incoming: Vec<Entry> = group
                    .into_iter()
                    .map(|(key, admitted)| {
                        place += 1;
                        Entry::new(f32::from(key), place, admitted)
                    })
                    .filter(|&entry| nearest.worst().is_none_or(|worst| entry < worst))
                    .collect();
                incoming.sort_unstable();
                nearest.merge(&incoming);
                all.extend(incoming);
                all.sort_unstable();
                let last = all.iter().enumerate().filter(|(_, entry)| entry.is_admitted());
                let end = last.map(|(n, _)| n + 1).nth(limit - 1).unwrap_or(all.len());
                all.truncate(end.min(size_max));
                prop_assert_eq!(nearest.entries(), &all[..]);
                for k in 1..=limit + 1 {
                    let expected = all.iter().copied().filter(|e| e.is_admitted()).nth(k - 1);
                    prop_assert_eq!(nearest.admitted(k), expected);
                }
            }
        }

        #[test]
        fn every_entry_is_expanded_once_the_nearest_first(
            keys in proptest::collection::vec((0..20_u8, 0..20_u8), 1..30),
        ) {
            let mut nearest = Nearest::default();
            nearest.begin(100, 100);
            let mut waiting = Vec::new();
            for (place, (first, second)) in keys.into_iter().enumerate() {
                let place = place as u32 * 2;
                let mut incoming = [
                    Entry::new(f32::from(first), place, true),
                    Entry::new(f32::from(second), place + 1, false),
                ];
                incoming.sort_unstable();
                nearest.merge(&incoming);
                waiting.extend(incoming);
                waiting.sort_unstable();
                let (_, entry) = nearest.next().expect("one is left");
                nearest.expand();
                prop_assert_eq!(entry, waiting.remove(0));
            }
            while let Some((_, entry)) = nearest.next() {
                nearest.expand();
                prop_assert_eq!(entry, waiting.remove(0));
            }
            prop_assert!(waiting.is_empty());
        }
    }
}
