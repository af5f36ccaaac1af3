//! Where an entry is, or would be: found on the way down by its place, or by the order that entries are in.
//!
//! May not know: what is done there.

use std::cmp::Ordering;

use super::{Child, place_in};

/// Finds a place among the entries on the way down.
pub(super) trait Seek<K> {
    /// The child to go on with.
    fn child(&mut self, children: &[Child<K>]) -> usize;
    /// Where the place is in a leaf: where an entry begins, or the leaf ends.
    fn place(&mut self, leaf: &[u8]) -> usize;
}

/// Before entry `index` of the `count` below, or behind the last.
pub(super) struct At<const WIDTH: usize> {
    pub(super) index: usize,
    pub(super) count: usize,
}

impl<K, const WIDTH: usize> Seek<K> for At<WIDTH> {
    fn child(&mut self, children: &[Child<K>]) -> usize {
        let mut at = 0;
        if self.index == self.count {
            at = children.len() - 1;
            self.index = children[at].count;
        }
        while self.index > children[at].count {
            self.index -= children[at].count;
            at += 1;
        }
        self.count = children[at].count;
        at
    }

    fn place(&mut self, leaf: &[u8]) -> usize {
        if self.index == self.count { leaf.len() } else { place_in::<WIDTH>(leaf, self.index) }
    }
}

/// How keys and entries compare to one that is sought, in the order that the tree is kept in.
pub(crate) trait Order<K> {
    /// By the key; equal where that does not tell.
    fn key(&self, key: &K) -> Ordering;
    /// By the entry itself, and how many bytes that is.
    fn entry(&self, entry: &[u8]) -> (Ordering, usize);
}

/// Before the first entry that does not come before the one that is sought; or, if that is there, at it.
pub(super) struct By<'a, O, const WIDTH: usize> {
    pub(super) order: &'a O,
    pub(super) is_there: bool,
}

impl<K, O: Order<K>, const WIDTH: usize> Seek<K> for By<'_, O, WIDTH> {
    fn child(&mut self, children: &[Child<K>]) -> usize {
        let later = children.partition_point(|child| {
            let by_key = self.order.key(&child.key);
            match by_key.then_with(|| self.order.entry(child.first()).0) {
                Ordering::Less => true,
                Ordering::Equal => self.is_there,
                Ordering::Greater => false,
            }
        });
        later.saturating_sub(1)
    }

    fn place(&mut self, leaf: &[u8]) -> usize {
        let mut at = 0;
        while at < leaf.len()
            && let (Ordering::Less, len) = self.order.entry(&leaf[at..])
        {
            at += len;
        }
        at
    }
}
