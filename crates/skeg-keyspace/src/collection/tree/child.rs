//! A node and what is below it: entries come and go, and nodes are split and joined on the way up.
//!
//! May not know: how places are found.

use std::ops::Range;

use super::ends::Side;
use super::leaf::{Leaf, Part};
use super::seek::Seek;
use super::{CHILDREN_MAX, Child, Edges, JOINED_EIGHTHS, Key, Node, Split, entry_len, is_full};
use crate::collection::element::Element;

impl<K: Key> Clone for Child<K> {
    fn clone(&self) -> Self {
        let node = match &self.node {
            Node::Leaf(leaf) => Node::Leaf(leaf.clone()),
            Node::Branch(children) => Node::Branch(children.clone()),
        };
        Self { count: self.count, key: self.key, node }
    }
}

impl<K> Child<K> {
    /// The first entry below.
    pub(super) fn first(&self) -> &[u8] {
        match &self.end(Side::Front).node {
            Node::Leaf(leaf) => leaf,
            Node::Branch(_) => unreachable!("an end is a leaf"),
        }
    }
}

impl<K: Key> Child<K> {
    pub(super) fn leaf(leaf: Leaf<K>, count: usize) -> Self {
        Self { count, key: K::of(&leaf), node: Node::Leaf(leaf) }
    }

    pub(super) fn branch(children: Vec<Self>) -> Self {
        Self {
            count: children.iter().map(|child| child.count).sum(),
            key: children[0].key,
            node: Node::Branch(children),
        }
    }

    /// What the node has allocated, without what its children have.
    pub(super) fn own_bytes(&self) -> usize {
        match &self.node {
            Node::Leaf(leaf) => leaf.memory_bytes(),
            Node::Branch(children) => children.capacity() * size_of::<Self>(),
        }
    }

    /// What the node and all below it have allocated.
    pub(super) fn all_bytes(&self) -> usize {
        let below = match &self.node {
            Node::Leaf(_) => 0,
            Node::Branch(children) => children.iter().map(Self::all_bytes).sum(),
        };
        self.own_bytes() + below
    }

    /// Takes the first entry's key again.
    pub(super) fn rekey(&mut self) {
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
    pub(super) fn insert<const WIDTH: usize>(
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
                let (index, place) = seek.place(leaf, self.count);
                at = index;
                edges.front &= place == 0;
                edges.back &= place == leaf.len();
                let len = leaf.len() + elements.iter().map(Element::len).sum::<usize>();
                let is_full = is_full::<K>(self.count, len);
                let later = if is_full && (edges.front || edges.back) {
                    let side = if edges.back { Side::Back } else { Side::Front };
                    let new = match edges.is_long {
                        true => Leaf::beside(leaf, side, elements),
                        false => Leaf::of(elements),
                    };
                    leaf.close();
                    if edges.back {
                        Some(Self::leaf(new, 1))
                    } else {
                        let old = std::mem::replace(leaf, new);
                        let count = std::mem::replace(&mut self.count, 1);
                        Some(Self::leaf(old, count))
                    }
                } else {
                    if is_full || !(edges.front || edges.back) {
                        leaf.splice(Part::at(index, place), elements);
                    } else {
                        let side = if edges.front { Side::Front } else { Side::Back };
                        leaf.extend(side, self.count, elements);
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
        let later = Self::leaf(leaf.split_off(entries, at), self.count - entries);
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
    pub(super) fn remove<const WIDTH: usize>(&mut self, range: Range<usize>, bytes: &mut usize) {
        *bytes -= self.own_bytes();
        self.count -= range.len();
        match &mut self.node {
            Node::Leaf(leaf) => {
                leaf.splice(leaf.part::<WIDTH>(range), &[]);
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
    pub(super) fn remove_one<const WIDTH: usize>(
        &mut self,
        seek: &mut impl Seek<K>,
        bytes: &mut usize,
    ) {
        *bytes -= self.own_bytes();
        let before = self.count;
        self.count -= 1;
        let at;
        match &mut self.node {
            Node::Leaf(leaf) => {
                let (index, place) = seek.place(leaf, before);
                at = index;
                let len = entry_len::<WIDTH>(&leaf[place..]);
                leaf.splice(Part { entries: index..index + 1, bytes: place..place + len }, &[]);
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
    let count = child.count;
    *bytes -= child.own_bytes() + right.own_bytes();
    child.count += right.count;
    match (&mut child.node, right.node) {
        (Node::Leaf(leaf), Node::Leaf(more)) => leaf.join(count, &more),
        (Node::Branch(children), Node::Branch(more)) => children.extend(more),
        _ => unreachable!("neighbours are equally deep"),
    }
    *bytes += child.own_bytes();
}
