//! Views of lists.
//!
//! May not know: how lists are changed.

use std::ops::Range;

use super::element;
use super::flat::Flat;
use super::items::Items;
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
pub struct ListRef<'a>(Inner<'a>);

#[derive(Clone, Copy, Debug)]
enum Inner<'a> {
    Flat(Flat<'a, 1>),
    Items(&'a Items),
}

impl<'a> ListRef<'a> {
    pub(crate) fn flat(bytes: &'a [u8]) -> Self {
        Self(Inner::Flat(Flat::new(bytes)))
    }

    pub(crate) fn items(items: &'a Items) -> Self {
        Self(Inner::Items(items))
    }

    /// The number of items; never 0.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "an empty list does not exist")]
    pub fn len(&self) -> usize {
        match self.0 {
            Inner::Flat(flat) => flat.len(),
            Inner::Items(items) => items.len(),
        }
    }

    /// Whether it is stored as one run of bytes.
    #[must_use]
    pub fn is_flat(&self) -> bool {
        matches!(self.0, Inner::Flat(_))
    }

    /// Item `index`, from 0 on.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<StrRef<'a>> {
        match self.0 {
            Inner::Flat(flat) => {
                let at = (index < flat.len()).then(|| flat.place_of(index))?;
                Some(element::string(&flat.bytes()[at..]))
            }
            Inner::Items(items) => items.get(index),
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
        ListIter { list: *self, rest: indexes.start.min(end)..end }
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
pub struct ListIter<'a> {
    list: ListRef<'a>,
    rest: Range<usize>,
}

impl<'a> Iterator for ListIter<'a> {
    type Item = StrRef<'a>;

    fn next(&mut self) -> Option<StrRef<'a>> {
        self.rest.next().and_then(|index| self.list.get(index))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.rest.size_hint()
    }
}

impl DoubleEndedIterator for ListIter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.rest.next_back().and_then(|index| self.list.get(index))
    }
}

impl ExactSizeIterator for ListIter<'_> {}
