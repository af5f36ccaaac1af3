//! A long sequence of entries: packed leaves below a tree that counts them.
//!
//! Entries are found by their place: each branch knows how many are below each of its children.
//! Who keeps the entries in an order of their own lets children be known by a key of their first
//! entry, and finds places by halving. Leaves are runs of entries as in flat collections; they
//! are split when they become full and joined when they become sparse, so every change moves at
//! most some hundred entries.
//!
//! Invariants:
//! - all leaves are equally deep; no leaf and no branch is empty, but the root of an empty tree;
//! - a child's count and key are those of what is below it;
//! - `bytes` is what leaves and branches have allocated.
//!
//! May not know: what entries mean.

mod child;
mod ends;
mod leaf;
pub(crate) mod lengths;
mod seek;

use self::ends::Side;
use self::leaf::Leaf;
pub(crate) use self::seek::Order;
use self::seek::{At, By, Seek, leap};
use super::element::Element;
use super::flat::{entry_len, place_in};

/// The most children of a branch.
const CHILDREN_MAX: usize = 64;

/// Nodes that together fill no more than this part of one (in eighths) are joined, when one of
/// them has become sparse.
const JOINED_EIGHTHS: usize = 6;

/// What a child of a branch is known by, beside its count.
pub(crate) trait Key: Copy + std::fmt::Debug {
    /// The most entries of a leaf.
    const LEAF_ENTRIES_MAX: usize;
    /// A leaf of several entries is split when it is longer.
    const LEAF_BYTES_MAX: usize;
    /// Whether a leaf knows the lengths of its entries beside them: a byte an entry more, for who goes to
    /// places within leaves. The most entries are then one less than a multiple of eight.
    const HAS_LENGTHS: bool;
    /// The key of an entry.
    fn of(entry: &[u8]) -> Self;
}

#[derive(Debug)]
struct Child<K> {
    count: usize,
    key: K,
    node: Node<K>,
}

#[derive(Debug)]
enum Node<K> {
    Leaf(Leaf<K>),
    Branch(Vec<Child<K>>),
}

/// Entries in a row: all of a leaf.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run<'a> {
    /// The place of the first entry.
    pub(crate) first: usize,
    pub(crate) entries: usize,
    pub(crate) bytes: &'a [u8],
    /// The lengths of the entries, as far as they are known.
    pub(crate) lengths: &'a [u8],
}

impl Run<'_> {
    /// Where entry `index` begins, which is there, or the run ends.
    #[inline]
    pub(crate) fn place_of<const WIDTH: usize>(&self, index: usize) -> usize {
        let at = index - self.first;
        lengths::place(self.lengths, at).unwrap_or_else(|| place_in::<WIDTH>(self.bytes, at))
    }
}

/// A sequence of more entries is long: a leaf at an end is a small part of it, and may have all the room that
/// it will need, or has needed.
const SHORT_ENTRIES_MAX: usize = 1024;

/// Which ends of the sequence a place is at, as far as the way down has shown.
#[derive(Clone, Copy)]
struct Edges {
    front: bool,
    back: bool,
    is_long: bool,
}

/// What is split off behind a node, and where the entry was put that split it.
type Split<K> = Option<(Child<K>, Edges)>;

/// A sequence of entries of `WIDTH` elements each.
#[derive(Debug)]
pub(crate) struct Tree<K, const WIDTH: usize> {
    root: Option<Child<K>>,
    bytes: usize,
}

/// Whether a leaf of `count` entries takes none more that would make it `len` bytes long.
fn is_full<K: Key>(count: usize, len: usize) -> bool {
    count >= K::LEAF_ENTRIES_MAX || len > K::LEAF_BYTES_MAX
}

impl<K: Key, const WIDTH: usize> Clone for Tree<K, WIDTH> {
    fn clone(&self) -> Self {
        let root = self.root.clone();
        // A copy has no room to spare.
        Self { bytes: root.as_ref().map_or(0, Child::all_bytes), root }
    }
}

impl<K: Key, const WIDTH: usize> Tree<K, WIDTH> {
    pub(crate) fn new() -> Self {
        Self { root: None, bytes: 0 }
    }

    /// The number of entries.
    pub(crate) fn len(&self) -> usize {
        self.root.as_ref().map_or(0, |root| root.count)
    }

    /// The bytes that the tree has allocated.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.bytes
    }

    /// The leaf that holds entry `index`, which is there.
    pub(crate) fn run_at(&self, index: usize) -> Run<'_> {
        let mut child = self.root.as_ref().expect("there is an entry");
        let mut rest = index;
        loop {
            match &child.node {
                Node::Leaf(leaf) => {
                    let (first, lengths) = (index - rest, leaf.lengths());
                    return Run { first, entries: child.count, bytes: leaf, lengths };
                }
                Node::Branch(children) => {
                    let mut children = children.iter();
                    child = children
                        .find(|child| {
                            let is_here = rest < child.count;
                            rest -= if is_here { 0 } else { child.count };
                            is_here
                        })
                        .expect("a branch counts what is below it");
                }
            }
        }
    }

    /// Entry `index`.
    pub(crate) fn get(&self, index: usize) -> Option<&[u8]> {
        if index >= self.len() {
            return None;
        }
        let run = self.run_at(index);
        Some(&run.bytes[run.place_of::<WIDTH>(index)..])
    }

    /// How many entries come first for which `is_before` holds. `by_key` tells it from an entry's
    /// key where that suffices.
    pub(crate) fn count_while(
        &self,
        by_key: impl Fn(&K) -> Option<bool>,
        is_before: impl Fn(&[u8]) -> bool,
    ) -> usize {
        let Some(mut child) = self.root.as_ref() else { return 0 };
        let mut count = 0;
        loop {
            match &child.node {
                Node::Branch(children) => {
                    let later = children.partition_point(|child| {
                        by_key(&child.key).unwrap_or_else(|| is_before(child.first()))
                    });
                    let Some(at) = later.checked_sub(1) else { return count };
                    count += children[..at].iter().map(|child| child.count).sum::<usize>();
                    child = &children[at];
                }
                Node::Leaf(leaf) => {
                    let (before, mut at) = leap(leaf, child.count, &is_before);
                    count += before;
                    while at < leaf.len() && is_before(&leaf[at..]) {
                        at += entry_len::<WIDTH>(&leaf[at..]);
                        count += 1;
                    }
                    return count;
                }
            }
        }
    }

    /// The leaf that a look-up will read which goes by this order, as far as keys tell; the leaf itself is
    /// not read.
    pub(crate) fn leaf_hint(&self, is_before: impl Fn(&K) -> bool) -> &[u8] {
        let Some(mut child) = self.root.as_ref() else { return &[] };
        loop {
            match &child.node {
                Node::Leaf(leaf) => return leaf.hint(),
                Node::Branch(children) => {
                    let later = children.partition_point(|child| is_before(&child.key));
                    child = &children[later.saturating_sub(1)];
                }
            }
        }
    }

    /// Puts an entry before entry `index`, or at the end.
    pub(crate) fn insert(&mut self, index: usize, elements: &[Element<'_>; WIDTH]) {
        let Some(root) = &self.root else {
            let leaf = Leaf::of(elements);
            self.bytes += leaf.memory_bytes();
            self.root = Some(Child::leaf(leaf, 1));
            return;
        };
        let count = root.count;
        let is_added = match index {
            _ if index == count => self.add_at_end(Side::Back, elements),
            0 => self.add_at_end(Side::Front, elements),
            _ => false,
        };
        if !is_added {
            self.insert_at(&mut At::<WIDTH> { index, count }, elements);
        }
    }

    /// Puts an entry where the order wants it; it is not there yet.
    pub(crate) fn insert_by(&mut self, order: &impl Order<K>, elements: &[Element<'_>; WIDTH]) {
        if self.root.is_none() {
            return self.insert(0, elements);
        }
        self.insert_at(&mut By::<_, WIDTH> { order, is_there: false }, elements);
    }

    fn insert_at(&mut self, seek: &mut impl Seek<K>, elements: &[Element<'_>; WIDTH]) {
        let Some(root) = &mut self.root else { unreachable!("there are entries") };
        let is_long = root.count > SHORT_ENTRIES_MAX;
        let everywhere = Edges { front: true, back: true, is_long };
        if let Some((later, _)) = root.insert(seek, elements, everywhere, &mut self.bytes) {
            let first = self.root.take().expect("it was there");
            let root = Child::branch(vec![first, later]);
            self.bytes += root.own_bytes();
            self.root = Some(root);
        }
    }

    /// Replaces entry `index`, which is there.
    pub(crate) fn replace(&mut self, index: usize, elements: &[Element<'_>; WIDTH]) {
        let run = self.run_at(index);
        let at = run.place_of::<WIDTH>(index);
        let old_len = entry_len::<WIDTH>(&run.bytes[at..]);
        let len = elements.iter().map(Element::len).sum::<usize>();
        if len == old_len {
            self.write(index, at, elements);
            return;
        }
        if self.len() == 1 {
            self.root = None;
            self.bytes = 0;
        } else {
            self.remove(index, 1);
        }
        self.insert(index, elements);
    }

    /// Overwrites entry `index`, which lies at `at` in its leaf, by one of the same length.
    fn write(&mut self, index: usize, at: usize, elements: &[Element<'_>; WIDTH]) {
        fn write_below<K: Key>(
            child: &mut Child<K>,
            mut index: usize,
            at: usize,
            elements: &[Element<'_>],
        ) {
            match &mut child.node {
                Node::Leaf(leaf) => {
                    let mut at = at;
                    for element in elements {
                        element.write(&mut leaf[at..]);
                        at += element.len();
                    }
                }
                Node::Branch(children) => {
                    let mut child = 0;
                    while index >= children[child].count {
                        index -= children[child].count;
                        child += 1;
                    }
                    write_below(&mut children[child], index, at, elements);
                }
            }
            child.rekey();
        }
        let root = self.root.as_mut().expect("there is an entry");
        write_below(root, index, at, elements);
    }

    /// Removes `count` entries from `start` on, which are there.
    pub(crate) fn remove(&mut self, start: usize, count: usize) {
        if count == 0 {
            return;
        }
        let Some(root) = &mut self.root else { unreachable!("there are entries") };
        if count == root.count {
            *self = Self::new();
            return;
        }
        let is_back = start + 1 == root.count;
        if count == 1
            && (start == 0 || is_back)
            && self.remove_at_end(if is_back { Side::Back } else { Side::Front })
        {
            return;
        }
        let Some(root) = &mut self.root else { unreachable!("there are entries") };
        root.remove::<WIDTH>(start..start + count, &mut self.bytes);
        self.lower();
    }

    /// Removes the entry that the order finds, which is there.
    pub(crate) fn remove_by(&mut self, order: &impl Order<K>) {
        let Some(root) = &mut self.root else { unreachable!("there are entries") };
        if root.count == 1 {
            *self = Self::new();
            return;
        }
        let mut seek = By::<_, WIDTH> { order, is_there: true };
        root.remove_one::<WIDTH>(&mut seek, &mut self.bytes);
        self.lower();
    }

    /// Takes off roots of one child.
    fn lower(&mut self) {
        let Some(root) = &mut self.root else { return };
        while let Node::Branch(children) = &mut root.node
            && children.len() == 1
        {
            let only = children.pop().expect("there is one");
            self.bytes -= root.own_bytes();
            *root = only;
        }
    }

    /// Frees about `budget` leaves; says whether there are more. Counts are wrong afterwards.
    pub(crate) fn shed(&mut self, budget: usize) -> bool {
        fn shed_below<K>(child: &mut Child<K>, budget: &mut usize) {
            match &mut child.node {
                Node::Leaf(_) => *budget = budget.saturating_sub(1),
                Node::Branch(children) => {
                    while *budget > 0
                        && let Some(last) = children.last_mut()
                    {
                        shed_below(last, budget);
                        let is_bare = match &last.node {
                            Node::Leaf(_) => true,
                            Node::Branch(children) => children.is_empty(),
                        };
                        if is_bare {
                            children.pop();
                        }
                    }
                }
            }
        }
        let mut budget = budget.max(1);
        let Some(root) = &mut self.root else { return false };
        shed_below(root, &mut budget);
        let is_bare = match &root.node {
            Node::Leaf(_) => true,
            Node::Branch(children) => children.is_empty(),
        };
        if is_bare {
            self.root = None;
        }
        !is_bare
    }

    /// Recounts everything.
    #[cfg(test)]
    pub(crate) fn check(&self)
    where
        K: PartialEq,
    {
        fn check_below<K: Key + PartialEq, const WIDTH: usize>(child: &Child<K>) -> usize {
            assert!(child.key == K::of(child.first()));
            match &child.node {
                Node::Leaf(leaf) => {
                    assert_eq!(place_in::<WIDTH>(leaf, child.count), leaf.len());
                    for index in 0..=child.count {
                        assert_eq!(leaf.place::<WIDTH>(index), place_in::<WIDTH>(leaf, index));
                    }
                    assert!(child.count > 0 && child.count <= K::LEAF_ENTRIES_MAX);
                    1
                }
                Node::Branch(children) => {
                    assert!(!children.is_empty() && children.len() <= CHILDREN_MAX);
                    assert_eq!(children.iter().map(|it| it.count).sum::<usize>(), child.count);
                    let depths: Vec<_> = children.iter().map(check_below::<K, WIDTH>).collect();
                    assert!(depths.iter().all(|depth| *depth == depths[0]));
                    depths[0] + 1
                }
            }
        }
        if let Some(root) = &self.root {
            check_below::<K, WIDTH>(root);
        }
        assert_eq!(self.root.as_ref().map_or(0, Child::all_bytes), self.bytes);
    }
}

#[cfg(test)]
mod tests;
