//! A set of rows, one bit each, that views share.
//!
//! Invariants: a clone is a second hold and copies one pointer for 32,768 rows; a write copies the 4 KiB
//! that it touches, and only while somebody else holds them.
//!
//! May not know: what the rows are.

use std::sync::Arc;

/// Words of one block.
const WORDS: usize = 512;
const BITS: usize = WORDS * u64::BITS as usize;

/// See the module's header.
#[derive(Debug, Clone, Default)]
pub(crate) struct RowSet {
    /// Blocks without a row are not there; those behind the last one neither.
    blocks: Vec<Option<Arc<[u64; WORDS]>>>,
    len: usize,
}

impl RowSet {
    /// Rows in it.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether a row is in it.
    #[inline]
    pub(crate) fn contains(&self, row: u32) -> bool {
        let row = row as usize;
        match self.blocks.get(row / BITS) {
            Some(Some(block)) => block[row % BITS / 64] >> (row % 64) & 1 == 1,
            _ => false,
        }
    }

    /// Adds a row. Tells whether it is new.
    pub(crate) fn insert(&mut self, row: u32) -> bool {
        if self.contains(row) {
            return false;
        }
        let row = row as usize;
        if self.blocks.len() <= row / BITS {
            self.blocks.resize(row / BITS + 1, None);
        }
        let block = self.blocks[row / BITS].get_or_insert_with(|| Arc::new([0; WORDS]));
        Arc::make_mut(block)[row % BITS / 64] |= 1 << (row % 64);
        self.len += 1;
        true
    }

    /// The rows in it, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> {
        let words = self.blocks.iter().enumerate().flat_map(|(number, block)| {
            let words = block.iter().flat_map(|block| block.iter());
            words.enumerate().map(move |(word, &bits)| ((number * WORDS + word) as u32 * 64, bits))
        });
        words.filter(|(_, bits)| *bits != 0).flat_map(|(first, mut bits)| {
            std::iter::from_fn(move || {
                let bit = bits.trailing_zeros();
                bits &= bits.wrapping_sub(1);
                (bit < u64::BITS).then_some(first + bit)
            })
        })
    }

    /// Bytes allocated behind this struct.
    pub(crate) fn heap_bytes(&self) -> usize {
        let blocks = self.blocks.iter().flatten().count();
        self.blocks.capacity() * size_of::<Option<Arc<[u64; WORDS]>>>()
            + blocks * (size_of::<[u64; WORDS]>() + 2 * size_of::<usize>())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_set_and_clones_do_not_change(
            rows in proptest::collection::vec((0..100_000_u32, any::<bool>()), 0..200)
        ) {
            let (mut set, mut model) = (RowSet::default(), BTreeSet::new());
            let mut held = Vec::new();
            for (row, hold) in rows {
                if hold {
                    held.push((set.clone(), model.clone()));
                }
                prop_assert_eq!(set.insert(row), model.insert(row));
                prop_assert!(set.contains(row));
            }
            held.push((set, model));
            for (set, model) in held {
                prop_assert_eq!(set.len(), model.len());
                prop_assert!(set.iter().eq(model.iter().copied()));
                prop_assert!(!set.contains(100_001));
            }
        }
    }
}
