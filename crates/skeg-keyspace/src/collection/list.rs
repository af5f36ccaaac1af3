//! Views of lists.
//!
//! May not know: how lists are changed.

use std::ops::Range;

use super::element;
use super::flat::Flat;
use super::items::{Items, Unordered};
use super::runs::{Source, Walk};
use crate::value::StrRef;

/// One of the two ends of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Where item 0 is.
    Front,
    /// Where the last item is.
    Back,
}

/// A list, borrowed from the keyspace.
#[derive(Clone, Copy, Debug)]
pub struct ListRef<'a>(Source<'a, Unordered, 1>);

impl<'a> ListRef<'a> {
    pub(crate) fn flat(bytes: &'a [u8]) -> Self {
        Self(Source::Flat(Flat::new(bytes)))
    }

    pub(crate) fn items(items: &'a Items) -> Self {
        Self(Source::Tree(items))
    }

    /// The number of items; never 0.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "an empty list does not exist")]
    pub fn len(&self) -> usize {
        match self.0 {
            Source::Flat(flat) => flat.len(),
            Source::Tree(items) => items.len(),
        }
    }

    /// Whether it is stored as one run of bytes.
    #[must_use]
    pub fn is_flat(&self) -> bool {
        matches!(self.0, Source::Flat(_))
    }

    /// Item `index`, from 0 on.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<StrRef<'a>> {
        match self.0 {
            Source::Flat(flat) => {
                let at = (index < flat.len()).then(|| flat.place_of(index))?;
                Some(element::string(&flat.bytes()[at..]))
            }
            Source::Tree(items) => items.get(index).map(element::string),
        }
    }

    /// All items in order; `rev` goes backwards.
    #[must_use]
    pub fn iter(&self) -> ListIter<'a> {
        self.range(0..self.len())
    }

    /// The items of a range of indexes, as far as there are such; `rev` goes backwards.
    #[must_use]
    pub fn range(&self, indexes: Range<usize>) -> ListIter<'a> {
        let end = indexes.end.min(self.len());
        ListIter(Walk::new(self.0, indexes.start.min(end)..end))
    }
}

impl<'a> IntoIterator for ListRef<'a> {
    type Item = StrRef<'a>;
    type IntoIter = ListIter<'a>;

    fn into_iter(self) -> ListIter<'a> {
        self.iter()
    }
}

/// Items of a list, in order.
#[derive(Clone, Debug)]
pub struct ListIter<'a>(Walk<'a, Unordered, 1>);

impl<'a> Iterator for ListIter<'a> {
    type Item = StrRef<'a>;

    #[inline]
    fn next(&mut self) -> Option<StrRef<'a>> {
        self.0.next().map(element::string)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl DoubleEndedIterator for ListIter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back().map(element::string)
    }
}

impl ExactSizeIterator for ListIter<'_> {}
