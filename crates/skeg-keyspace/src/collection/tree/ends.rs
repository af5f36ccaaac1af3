//! The ends of a sequence, where lists grow and shrink: one entry more or less in the leaf at an end, if
//! no node has to be added or to go.
//!
//! May not know: more than its parent.

use super::{Child, Key, Node, SHORT_ENTRIES_MAX, Tree, is_full};
use crate::collection::element::Element;

/// An end of the sequence.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Front,
    Back,
}

impl Side {
    pub(super) fn of<T>(self, children: &[T]) -> Option<&T> {
        if self == Self::Front { children.first() } else { children.last() }
    }

    pub(super) fn of_mut<T>(self, children: &mut [T]) -> Option<&mut T> {
        if self == Self::Front { children.first_mut() } else { children.last_mut() }
    }
}

impl<K> Child<K> {
    /// The leaf at an end of what is below.
    pub(super) fn end(&self, side: Side) -> &Self {
        let mut child = self;
        while let Node::Branch(children) = &child.node {
            child = side.of(children).expect("no branch is empty");
        }
        child
    }
}

impl<K: Key, const WIDTH: usize> Tree<K, WIDTH> {
    /// Puts an entry at an end, if the leaf there has room; says whether it had. Nothing but counts, and
    /// keys at the front, changes on the way down.
    pub(super) fn add_at_end(&mut self, side: Side, elements: &[Element<'_>; WIDTH]) -> bool {
        let added = elements.iter().map(Element::len).sum::<usize>();
        let Some(end) = self.root.as_ref().map(|root| root.end(side)) else { return false };
        let Node::Leaf(leaf) = &end.node else { unreachable!("an end is a leaf") };
        if is_full::<K>(end.count, leaf.len() + added) {
            return false;
        }
        let mut next = self.root.as_mut();
        while let Some(child) = next {
            let before = child.count;
            child.count += 1;
            next = match &mut child.node {
                Node::Branch(children) => side.of_mut(children),
                Node::Leaf(leaf) => {
                    self.bytes -= leaf.memory_bytes();
                    leaf.extend(side, before, elements);
                    self.bytes += leaf.memory_bytes();
                    None
                }
            };
        }
        self.rekey_end(side);
        true
    }

    /// Removes the entry at an end, if others stay in its leaf; says whether they do. The leaf may become
    /// sparse: it is the only one at its end.
    pub(super) fn remove_at_end(&mut self, side: Side) -> bool {
        if self.root.as_ref().is_none_or(|root| root.end(side).count < 2) {
            return false;
        }
        let is_long = self.len() > SHORT_ENTRIES_MAX;
        let mut next = self.root.as_mut();
        while let Some(child) = next {
            child.count -= 1;
            let others = child.count;
            next = match &mut child.node {
                Node::Branch(children) => side.of_mut(children),
                Node::Leaf(leaf) => {
                    let index = if side == Side::Front { 0 } else { others };
                    self.bytes -= leaf.memory_bytes();
                    let part = leaf.part::<WIDTH>(index..index + 1);
                    if is_long {
                        leaf.take_out(part);
                    } else {
                        leaf.splice(part, &[]);
                    }
                    self.bytes += leaf.memory_bytes();
                    None
                }
            };
        }
        self.rekey_end(side);
        true
    }

    /// Takes the keys at an end again, after its leaf was changed.
    fn rekey_end(&mut self, side: Side) {
        if side == Side::Front
            && size_of::<K>() > 0
            && let Some(root) = &mut self.root
        {
            let key = K::of(root.first());
            let mut next = Some(root);
            while let Some(child) = next {
                child.key = key;
                next = match &mut child.node {
                    Node::Branch(children) => side.of_mut(children),
                    Node::Leaf(_) => None,
                };
            }
        }
    }
}
