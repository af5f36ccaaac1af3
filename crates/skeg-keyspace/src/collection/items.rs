//! The items of a large list.
//!
//! May not know: keys.

use std::collections::VecDeque;

use super::element::{self, Element};
use crate::value::StrRef;

#[derive(Clone, Debug)]
pub(crate) struct Items {
    items: VecDeque<Box<[u8]>>,
    item_bytes: usize,
}

fn boxed(element: &Element<'_>) -> Box<[u8]> {
    let mut bytes = vec![0; element.len()].into_boxed_slice();
    element.write(&mut bytes);
    bytes
}

impl Items {
    pub(crate) fn new() -> Self {
        Self { items: VecDeque::new(), item_bytes: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.item_bytes + self.items.capacity() * size_of::<Box<[u8]>>()
    }

    /// Item `index`.
    pub(crate) fn get(&self, index: usize) -> Option<StrRef<'_>> {
        self.items.get(index).map(|item| element::string(item))
    }

    /// Puts an item before item `index`, or at the end.
    pub(crate) fn insert(&mut self, index: usize, item: &Element<'_>) {
        self.item_bytes += item.len();
        self.items.insert(index, boxed(item));
    }

    /// Replaces item `index`.
    pub(crate) fn replace(&mut self, index: usize, item: &Element<'_>) {
        let place = &mut self.items[index];
        self.item_bytes = self.item_bytes - place.len() + item.len();
        *place = boxed(item);
    }

    /// Removes `count` items from `start` on.
    pub(crate) fn remove(&mut self, start: usize, count: usize) {
        let removed = self.items.drain(start..start + count).map(|item| item.len()).sum::<usize>();
        self.item_bytes -= removed;
    }

    /// Frees about `budget` blocks; says whether there are more.
    pub(crate) fn shed(&mut self, budget: usize) -> bool {
        self.items.truncate(self.items.len().saturating_sub(budget * 64));
        !self.items.is_empty()
    }

    #[cfg(test)]
    pub(crate) fn check(&self) {
        assert_eq!(self.items.iter().map(|item| item.len()).sum::<usize>(), self.item_bytes);
    }
}
