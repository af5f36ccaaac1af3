//! Where an entry is, or would be: found on the way down by its place, or by the order that entries are in.
//!
//! May not know: what is done there.

use std::cmp::Ordering;

use super::leaf::Leaf;
use super::{Child, Key, lengths};

/// Finds a place among the entries on the way down.
pub(super) trait Seek<K: Key> {
    /// The child to go on with.
    fn child(&mut self, children: &[Child<K>]) -> usize;
    /// Where the place is in a leaf of so many entries: before which of them, and where that begins; or at
    /// the end.
    fn place(&mut self, leaf: &Leaf<K>, count: usize) -> (usize, usize);
}

/// Before entry `index` of the `count` below, or behind the last.
pub(super) struct At<const WIDTH: usize> {
    pub(super) index: usize,
    pub(super) count: usize,
}

impl<K: Key, const WIDTH: usize> Seek<K> for At<WIDTH> {
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

    fn place(&mut self, leaf: &Leaf<K>, _: usize) -> (usize, usize) {
        let is_end = self.index == self.count;
        (self.index, if is_end { leaf.len() } else { leaf.place::<WIDTH>(self.index) })
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

impl<K: Key, O: Order<K>, const WIDTH: usize> Seek<K> for By<'_, O, WIDTH> {
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

    fn place(&mut self, leaf: &Leaf<K>, count: usize) -> (usize, usize) {
        let is_before = |entry: &[u8]| {
            let (ordering, len) = self.order.entry(entry);
            (ordering == Ordering::Less).then_some(len)
        };
        let (mut index, mut at) = leap(leaf, count, |entry| is_before(entry).is_some());
        while at < leaf.len()
            && let Some(len) = is_before(&leaf[at..])
        {
            at += len;
            index += 1;
        }
        (index, at)
    }
}

/// How many entries certainly come before the first for which `is_before` does not hold, and where that many
/// end: eight at a time, as far as their lengths are known.
pub(super) fn leap<K: Key>(
    leaf: &Leaf<K>,
    count: usize,
    is_before: impl Fn(&[u8]) -> bool,
) -> (usize, usize) {
    let (mut index, mut at) = (0, 0);
    while index + 8 < count
        && let Some(bytes) = lengths::eight(leaf.lengths(), index)
        && is_before(&leaf[at + bytes..])
    {
        at += bytes;
        index += 8;
    }
    (index, at)
}
