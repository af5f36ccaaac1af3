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

mod ends;
mod leaf;

use std::cmp::Ordering;
use std::ops::Range;

use self::ends::Side;
use self::leaf::Leaf;
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
    Leaf(Leaf),
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

/// Which ends of the sequence a place is at, as far as the way down has shown.
#[derive(Clone, Copy)]
struct Edges {
    front: bool,
    back: bool,
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

/// Finds a place among the entries on the way down.
trait Seek<K> {
    /// The child to go on with.
    fn child(&mut self, children: &[Child<K>]) -> usize;
    /// Where the place is in a leaf: where an entry begins, or the leaf ends.
    fn place(&mut self, leaf: &[u8]) -> usize;
}

/// Before entry `index` of the `count` below, or behind the last.
struct At<const WIDTH: usize> {
    index: usize,
    count: usize,
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
struct By<'a, O, const WIDTH: usize> {
    order: &'a O,
    is_there: bool,
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

impl<K> Child<K> {
    /// The first entry below.
    fn first(&self) -> &[u8] {
        match &self.end(Side::Front).node {
            Node::Leaf(leaf) => leaf,
            Node::Branch(_) => unreachable!("an end is a leaf"),
        }
    }
}

impl<K: Key> Child<K> {
    fn leaf(leaf: Leaf, count: usize) -> Self {
        Self { count, key: K::of(&leaf), node: Node::Leaf(leaf) }
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
            Node::Leaf(leaf) => leaf.memory_bytes(),
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

    /// Puts an entry at the place; returns what was split off behind this node.
    fn insert<const WIDTH: usize>(
        &mut self,
        seek: &mut impl Seek<K>,
        elements: &[Element<'_>; WIDTH],
        mut edges: Edges,
        bytes: &mut usize,
    ) -> Split<K> {
        *bytes -= self.own_bytes();
        let at;
        let split = match &mut self.node {
            Node::Leaf(leaf) => {
                at = seek.place(leaf);
                edges.front &= at == 0;
                edges.back &= at == leaf.len();
                let len = leaf.len() + elements.iter().map(Element::len).sum::<usize>();
                let is_full = is_full::<K>(self.count, len);
                let later = if is_full && (edges.front || edges.back) {
                    let new = Leaf::of(elements);
                    leaf.shrink_to_fit();
                    if edges.back {
                        Some(Self::leaf(new, 1))
                    } else {
                        let old = std::mem::replace(leaf, new);
                        let count = std::mem::replace(&mut self.count, 1);
                        Some(Self::leaf(old, count))
                    }
                } else {
                    if is_full || !(edges.front || edges.back) {
                        leaf.splice(at..at, elements);
                    } else {
                        leaf.extend(if edges.front { Side::Front } else { Side::Back }, elements);
                    }
                    self.count += 1;
                    is_full.then(|| self.split_leaf::<WIDTH>())
                };
                later.map(|later| (later, edges))
            }
            Node::Branch(children) => {
                at = seek.child(children);
                edges.front &= at == 0;
                edges.back &= at == children.len() - 1;
                self.count += 1;
                let new = children[at].insert(seek, elements, edges, bytes);
                new.and_then(|(new, edges)| {
                    self.adopt(at + 1, new, edges).map(|later| (later, edges))
                })
            }
        };
        if at == 0 {
            self.rekey();
        }
        *bytes += self.own_bytes();
        if let Some((later, _)) = &split {
            *bytes += later.own_bytes();
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
        let later = Self::leaf(leaf.split_off(at), self.count - entries);
        self.count = entries;
        later
    }

    /// Puts a child into a branch; returns what was split off behind it.
    fn adopt(&mut self, at: usize, child: Self, edges: Edges) -> Option<Self> {
        let Node::Branch(children) = &mut self.node else { unreachable!("only branches adopt") };
        children.insert(at, child);
        if children.len() <= CHILDREN_MAX {
            return None;
        }
        let middle = match edges {
            Edges { front: true, .. } => 1,
            Edges { back: true, .. } => children.len() - 1,
            _ => children.len() / 2,
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
                leaf.splice(start..end, &[]);
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
                tidy(children, at, bytes);
            }
        }
        self.rekey();
        *bytes += self.own_bytes();
    }

    /// Removes the entry at the place; some stay.
    fn remove_one<const WIDTH: usize>(&mut self, seek: &mut impl Seek<K>, bytes: &mut usize) {
        *bytes -= self.own_bytes();
        self.count -= 1;
        let at;
        match &mut self.node {
            Node::Leaf(leaf) => {
                at = seek.place(leaf);
                let len = entry_len::<WIDTH>(&leaf[at..]);
                leaf.splice(at..at + len, &[]);
            }
            Node::Branch(children) => {
                at = seek.child(children);
                if children[at].count == 1 {
                    *bytes -= children[at].all_bytes();
                    children.remove(at);
                } else {
                    children[at].remove_one::<WIDTH>(seek, bytes);
                }
                tidy(children, at, bytes);
            }
        }
        if at == 0 {
            self.rekey();
        }
        *bytes += self.own_bytes();
    }
}

/// After a removal from the child at `at`, or of it: gives room back, joins what has become sparse.
fn tidy<K: Key>(children: &mut Vec<Child<K>>, at: usize, bytes: &mut usize) {
    if children.capacity() > 2 * children.len() + 4 {
        children.shrink_to(children.len() + 2);
    }
    for place in [at + 1, at] {
        join::<K>(children, place, bytes);
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
        (Node::Leaf(leaf), Node::Leaf(more)) => leaf.join(&more),
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

    /// The leaf that a look-up will read which goes by this order, as far as keys tell; the leaf itself is
    /// not read.
    pub(crate) fn leaf_hint(&self, is_before: impl Fn(&K) -> bool) -> &[u8] {
        let Some(mut child) = self.root.as_ref() else { return &[] };
        loop {
            match &child.node {
                Node::Leaf(leaf) => return leaf,
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
        let everywhere = Edges { front: true, back: true };
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
