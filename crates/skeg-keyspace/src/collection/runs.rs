//! Walks over entries in their order, from both ends: of a flat collection, or of the leaves of a
//! tree.
//!
//! May not know: what entries mean.

use std::ops::Range;

use super::flat::{Flat, HEAD_BYTES, entry_len};
use super::tree::{Key, Run, Tree};

/// Where entries lie.
#[derive(Debug)]
pub(crate) enum Source<'a, K, const WIDTH: usize> {
    Flat(Flat<'a, WIDTH>),
    Tree(&'a Tree<K, WIDTH>),
}

impl<K, const WIDTH: usize> Clone for Source<'_, K, WIDTH> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, const WIDTH: usize> Copy for Source<'_, K, WIDTH> {}

impl<'a, K: Key, const WIDTH: usize> Source<'a, K, WIDTH> {
    fn run_at(&self, index: usize) -> Run<'a> {
        match self {
            Self::Flat(flat) => {
                let bytes = &flat.bytes()[HEAD_BYTES..];
                Run { first: 0, entries: flat.len(), bytes, lengths: &[] }
            }
            Self::Tree(tree) => tree.run_at(index),
        }
    }

    /// Entry `index`; what is left of the run before it comes to be what is left behind it.
    #[inline]
    fn take_front(&self, front: &mut &'a [u8], index: usize) -> &'a [u8] {
        if front.is_empty() {
            *front = self.run_at(index).bytes;
        }
        let entry = *front;
        *front = &entry[entry_len::<WIDTH>(entry)..];
        entry
    }
}

/// The entries of a range of places.
#[derive(Clone, Debug)]
pub(crate) struct Walk<'a, K, const WIDTH: usize> {
    source: Source<'a, K, WIDTH>,
    rest: Range<usize>,
    /// What is left of the run at the front.
    front: &'a [u8],
    /// The run at the back: the place of its first entry, and where each begins. Nothing is allocated
    /// for whoever walks forwards only, as most do.
    back: Run<'a>,
    starts: Vec<u32>,
}

impl<'a, K: Key, const WIDTH: usize> Walk<'a, K, WIDTH> {
    /// The range is within the places that there are.
    pub(crate) fn new(source: Source<'a, K, WIDTH>, rest: Range<usize>) -> Self {
        let back = Run { first: usize::MAX, entries: 0, bytes: &[], lengths: &[] };
        let mut walk = Self { source, rest, front: &[], back, starts: Vec::new() };
        if !walk.rest.is_empty() {
            let run = walk.source.run_at(walk.rest.start);
            walk.front = &run.bytes[run.place_of::<WIDTH>(walk.rest.start)..];
        }
        walk
    }
}

impl<'a, K: Key, const WIDTH: usize> Iterator for Walk<'a, K, WIDTH> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let index = self.rest.next()?;
        Some(self.source.take_front(&mut self.front, index))
    }

    /// Faster than one by one: what is left of the run stays in registers.
    #[inline]
    fn fold<B, F: FnMut(B, &'a [u8]) -> B>(self, init: B, mut with: F) -> B {
        let (source, mut front) = (self.source, self.front);
        self.rest.fold(init, |all, index| with(all, source.take_front(&mut front, index)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.rest.size_hint()
    }
}

impl<'a, K: Key, const WIDTH: usize> DoubleEndedIterator for Walk<'a, K, WIDTH> {
    fn next_back(&mut self) -> Option<&'a [u8]> {
        let index = self.rest.next_back()?;
        if index < self.back.first {
            self.back = self.source.run_at(index);
            let bytes = self.back.bytes;
            self.starts.clear();
            self.starts.extend((0..self.back.entries).scan(0, |at, _| {
                let start = *at as u32;
                *at += entry_len::<WIDTH>(&bytes[*at..]);
                Some(start)
            }));
        }
        Some(&self.back.bytes[self.starts[index - self.back.first] as usize..])
    }
}

impl<K: Key, const WIDTH: usize> ExactSizeIterator for Walk<'_, K, WIDTH> {}
