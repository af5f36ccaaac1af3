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

use std::ops::Range;

use super::element::Element;
use super::flat::entry_len;

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
    /// The key of an entry.
    fn of(entry: &[u8]) -> Self;
}

#[derive(Clone, Debug)]
struct Child<K> {
    count: usize,
    key: K,
    node: Node<K>,
}

#[derive(Clone, Debug)]
enum Node<K> {
    Leaf(Vec<u8>),
    Branch(Vec<Child<K>>),
}

/// Entries in a row: all of a leaf.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run<'a> {
    /// The place of the first entry.
    pub(crate) first: usize,
    pub(crate) entries: usize,
    pub(crate) bytes: &'a [u8],
}

/// The ends of a sequence.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Edge {
    None,
    Front,
    Back,
}

/// A sequence of entries of `WIDTH` elements each.
#[derive(Debug)]
pub(crate) struct Tree<K, const WIDTH: usize> {
    root: Option<Child<K>>,
    bytes: usize,
}

/// A capacity for `len` bytes and a few more, as allocators give it.
fn roomy(len: usize) -> usize {
    (len + len / 8 + 8).next_multiple_of(16) - 8
}

/// Where entry `index` of a leaf begins, or the leaf ends.
fn place_in<const WIDTH: usize>(leaf: &[u8], index: usize) -> usize {
    (0..index).fold(0, |at, _| at + entry_len::<WIDTH>(&leaf[at..]))
}

/// Replaces a range of a leaf by elements.
fn splice(leaf: &mut Vec<u8>, range: Range<usize>, elements: &[Element<'_>]) {
    let added = elements.iter().map(Element::len).sum::<usize>();
    let (before, after) = (leaf.len(), leaf.len() - range.len() + added);
    if after > leaf.capacity() {
        leaf.reserve_exact(roomy(after) - before);
    }
    leaf.resize(before.max(after), 0);
    leaf.copy_within(range.end..before, range.start + added);
    leaf.truncate(after);
    let mut at = range.start;
    for element in elements {
        element.write(&mut leaf[at..]);
        at += element.len();
    }
    if leaf.capacity() > 2 * after + 64 {
        leaf.shrink_to(roomy(after));
    }
}

impl<K: Key> Child<K> {
    fn leaf(bytes: Vec<u8>, count: usize) -> Self {
        Self { count, key: K::of(&bytes), node: Node::Leaf(bytes) }
    }

    fn branch(children: Vec<Self>) -> Self {
        Self {
            count: children.iter().map(|child| child.count).sum(),
            key: children[0].key,
            node: Node::Branch(children),
        }
    }

    /// What the node has allocated, without what its children have.
    fn own_bytes(&self) -> usize {
        match &self.node {
            Node::Leaf(leaf) => leaf.capacity(),
            Node::Branch(children) => children.capacity() * size_of::<Self>(),
        }
    }

    /// What the node and all below it have allocated.
    fn all_bytes(&self) -> usize {
        let below = match &self.node {
            Node::Leaf(_) => 0,
            Node::Branch(children) => children.iter().map(Self::all_bytes).sum(),
        };
        self.own_bytes() + below
    }

    /// Takes the first entry's key again.
    fn rekey(&mut self) {
        self.key = match &self.node {
            Node::Leaf(leaf) => K::of(leaf),
            Node::Branch(children) => children[0].key,
        };
    }

    /// How full it is, in eighths of the most it holds.
    fn eighths(&self) -> usize {
        match &self.node {
            Node::Leaf(leaf) => {
                let by_entries = self.count * 8 / K::LEAF_ENTRIES_MAX;
                by_entries.max(leaf.len() * 8 / K::LEAF_BYTES_MAX)
            }
            Node::Branch(children) => children.len() * 8 / CHILDREN_MAX,
        }
    }

    /// The first entry below.
    fn first(&self) -> &[u8] {
        let mut child = self;
        loop {
            match &child.node {
                Node::Leaf(leaf) => return leaf,
                Node::Branch(children) => child = &children[0],
            }
        }
    }

    /// Puts an entry before entry `index`; returns what was split off behind this node.
    fn insert<const WIDTH: usize>(
        &mut self,
        index: usize,
        elements: &[Element<'_>; WIDTH],
        edge: Edge,
        bytes: &mut usize,
    ) -> Option<Self> {
        *bytes -= self.own_bytes();
        let split = match &mut self.node {
            Node::Leaf(leaf) => {
                let at =
                    if edge == Edge::Back { leaf.len() } else { place_in::<WIDTH>(leaf, index) };
                let len = leaf.len() + elements.iter().map(Element::len).sum::<usize>();
                let is_full = self.count >= K::LEAF_ENTRIES_MAX || len > K::LEAF_BYTES_MAX;
                if is_full && edge != Edge::None {
                    let mut new = Vec::new();
                    splice(&mut new, 0..0, elements);
                    leaf.shrink_to_fit();
                    if edge == Edge::Back {
                        Some(Self::leaf(new, 1))
                    } else {
                        let old = std::mem::replace(leaf, new);
                        let count = std::mem::replace(&mut self.count, 1);
                        Some(Self::leaf(old, count))
                    }
                } else {
                    splice(leaf, at..at, elements);
                    self.count += 1;
                    is_full.then(|| self.split_leaf::<WIDTH>())
                }
            }
            Node::Branch(children) => {
                let mut index = index;
                let mut at = 0;
                while index > children[at].count {
                    index -= children[at].count;
                    at += 1;
                }
                self.count += 1;
                let new = children[at].insert(index, elements, edge, bytes);
                new.and_then(|new| self.adopt(at + 1, new, edge))
            }
        };
        self.rekey();
        *bytes += self.own_bytes();
        if let Some(split) = &split {
            *bytes += split.own_bytes();
        }
        split
    }

    /// Takes the later half of a leaf off.
    fn split_leaf<const WIDTH: usize>(&mut self) -> Self {
        let Node::Leaf(leaf) = &mut self.node else { unreachable!("only leaves are split so") };
        let (mut at, mut entries) = (0, 0);
        while entries == 0 || (at < leaf.len() / 2 && entries + 1 < self.count) {
            at += entry_len::<WIDTH>(&leaf[at..]);
            entries += 1;
        }
        let mut later = Vec::with_capacity(roomy(leaf.len() - at));
        later.extend_from_slice(&leaf[at..]);
        leaf.truncate(at);
        leaf.shrink_to(roomy(at));
        let later = Self::leaf(later, self.count - entries);
        self.count = entries;
        later
    }

    /// Puts a child into a branch; returns what was split off behind it.
    fn adopt(&mut self, at: usize, child: Self, edge: Edge) -> Option<Self> {
        let Node::Branch(children) = &mut self.node else { unreachable!("only branches adopt") };
        children.insert(at, child);
        if children.len() <= CHILDREN_MAX {
            return None;
        }
        let middle = match edge {
            Edge::None => children.len() / 2,
            Edge::Front => 1,
            Edge::Back => children.len() - 1,
        };
        let later = Self::branch(children.split_off(middle));
        children.shrink_to_fit();
        self.count -= later.count;
        Some(later)
    }

    /// Removes entries; some stay.
    fn remove<const WIDTH: usize>(&mut self, range: Range<usize>, bytes: &mut usize) {
        *bytes -= self.own_bytes();
        self.count -= range.len();
        match &mut self.node {
            Node::Leaf(leaf) => {
                let start = place_in::<WIDTH>(leaf, range.start);
                let end = start + place_in::<WIDTH>(&leaf[start..], range.len());
                splice(leaf, start..end, &[]);
            }
            Node::Branch(children) => {
                let (mut at, mut first) = (0, 0);
                while first + children[at].count <= range.start {
                    first += children[at].count;
                    at += 1;
                }
                let mut gone = at..at;
                let mut seen = at;
                while first < range.end {
                    let child = &mut children[seen];
                    let count = child.count;
                    let within =
                        range.start.max(first) - first..range.end.min(first + count) - first;
                    if within.len() == count {
                        *bytes -= child.all_bytes();
                        gone = if gone.is_empty() { seen..seen + 1 } else { gone.start..seen + 1 };
                    } else {
                        child.remove::<WIDTH>(within, bytes);
                    }
                    first += count;
                    seen += 1;
                }
                children.drain(gone);
                if children.capacity() > 2 * children.len() + 4 {
                    children.shrink_to(children.len() + 2);
                }
                for place in [at + 1, at] {
                    join::<K>(children, place, bytes);
                }
            }
        }
        self.rekey();
        *bytes += self.own_bytes();
    }
}

/// Joins the child at `at` with a neighbour if it is sparse and both fit well into one.
fn join<K: Key>(children: &mut Vec<Child<K>>, at: usize, bytes: &mut usize) {
    let Some(child) = children.get(at).filter(|child| child.eighths() < 2) else { return };
    let fits = |other: usize| {
        let other = children.get(other);
        other.is_some_and(|other| other.eighths() + child.eighths() < JOINED_EIGHTHS)
    };
    let left = if fits(at + 1) {
        at
    } else if at > 0 && fits(at - 1) {
        at - 1
    } else {
        return;
    };
    let right = children.remove(left + 1);
    let child = &mut children[left];
    *bytes -= child.own_bytes() + right.own_bytes();
    child.count += right.count;
    match (&mut child.node, right.node) {
        (Node::Leaf(leaf), Node::Leaf(more)) => {
            let room = roomy(leaf.len() + more.len());
            leaf.reserve_exact(room.saturating_sub(leaf.len()));
            leaf.extend_from_slice(&more);
        }
        (Node::Branch(children), Node::Branch(more)) => children.extend(more),
        _ => unreachable!("neighbours are equally deep"),
    }
    *bytes += child.own_bytes();
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
                Node::Leaf(bytes) => {
                    return Run { first: index - rest, entries: child.count, bytes };
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
        Some(&run.bytes[place_in::<WIDTH>(run.bytes, index - run.first)..])
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
                    let mut at = 0;
                    while at < leaf.len() && is_before(&leaf[at..]) {
                        at += entry_len::<WIDTH>(&leaf[at..]);
                        count += 1;
                    }
                    return count;
                }
            }
        }
    }

    /// Puts an entry before entry `index`, or at the end.
    pub(crate) fn insert(&mut self, index: usize, elements: &[Element<'_>; WIDTH]) {
        let Some(root) = &mut self.root else {
            let mut leaf = Vec::new();
            splice(&mut leaf, 0..0, elements);
            self.bytes += leaf.capacity();
            self.root = Some(Child::leaf(leaf, 1));
            return;
        };
        let edge = match index {
            0 => Edge::Front,
            _ if index == root.count => Edge::Back,
            _ => Edge::None,
        };
        if let Some(later) = root.insert(index, elements, edge, &mut self.bytes) {
            let first = self.root.take().expect("it was there");
            let root = Child::branch(vec![first, later]);
            self.bytes += root.own_bytes();
            self.root = Some(root);
        }
    }

    /// Replaces entry `index`, which is there.
    pub(crate) fn replace(&mut self, index: usize, elements: &[Element<'_>; WIDTH]) {
        let run = self.run_at(index);
        let at = place_in::<WIDTH>(run.bytes, index - run.first);
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
        root.remove::<WIDTH>(start..start + count, &mut self.bytes);
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
