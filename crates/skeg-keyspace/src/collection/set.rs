//! Views of sets.
//!
//! May not know: how sets are changed.

use super::element::{self, Element};
use super::flat::{self, Flat};
use super::table::{self, Table};
use crate::value::StrRef;

/// A set, borrowed from the keyspace.
#[derive(Clone, Copy, Debug)]
pub struct SetRef<'a>(Inner<'a>);

#[derive(Clone, Copy, Debug)]
enum Inner<'a> {
    Flat(Flat<'a, 1>),
    Table(&'a Table<1>),
}

impl<'a> SetRef<'a> {
    pub(crate) fn flat(bytes: &'a [u8]) -> Self {
        Self(Inner::Flat(Flat::new(bytes)))
    }

    pub(crate) fn table(table: &'a Table<1>) -> Self {
        Self(Inner::Table(table))
    }

    /// The number of members; never 0.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "an empty set does not exist")]
    pub fn len(&self) -> usize {
        match self.0 {
            Inner::Flat(flat) => flat.len(),
            Inner::Table(table) => table.len(),
        }
    }

    /// Whether it is stored as one run of bytes.
    #[must_use]
    pub fn is_flat(&self) -> bool {
        matches!(self.0, Inner::Flat(_))
    }

    /// Whether this is a member.
    #[inline]
    #[must_use]
    pub fn contains(&self, member: &[u8]) -> bool {
        match self.0 {
            Inner::Flat(flat) => flat.find(&Element::new(member)).is_some(),
            Inner::Table(table) => table.get(&Element::new(member)).is_some(),
        }
    }

    /// All members; flat ones in the order of insertion, others in none.
    #[must_use]
    pub fn iter(&self) -> SetIter<'a> {
        SetIter(match self.0 {
            Inner::Flat(flat) => InnerIter::Flat(flat.entries()),
            Inner::Table(table) => InnerIter::Table(table, table.entries()),
        })
    }

    /// A member picked by `draw`, a random number; each is as likely as any other.
    #[must_use]
    pub fn random(&self, draw: u64) -> Option<StrRef<'a>> {
        match self.0 {
            Inner::Flat(flat) => {
                let at = flat.place_of(super::pick_of(draw, flat.len()));
                Some(element::string(&flat.bytes()[at..]))
            }
            Inner::Table(table) => table.random(draw).map(|entry| table.string(entry)),
        }
    }

    /// Shows members from `cursor` on, about `count` of them (a flat set in one go), and returns
    /// the cursor to go on from; 0 starts and 0 ends. What is there from the start of a scan to its
    /// end is shown at least once, whatever else is written in between. Cursors are below 2^48.
    pub fn scan(&self, cursor: u64, count: usize, visit: &mut dyn FnMut(StrRef<'a>)) -> u64 {
        match self.0 {
            Inner::Flat(_) => {
                self.iter().for_each(visit);
                0
            }
            Inner::Table(table) => {
                table.scan(cursor, count, &mut |entry| visit(table.string(entry)))
            }
        }
    }
}

impl<'a> IntoIterator for SetRef<'a> {
    type Item = StrRef<'a>;
    type IntoIter = SetIter<'a>;

    fn into_iter(self) -> SetIter<'a> {
        self.iter()
    }
}

/// All members of a set.
#[derive(Clone, Debug)]
pub struct SetIter<'a>(InnerIter<'a>);

#[derive(Clone, Debug)]
enum InnerIter<'a> {
    Flat(flat::Entries<'a, 1>),
    Table(&'a Table<1>, table::Entries<'a>),
}

impl<'a> Iterator for SetIter<'a> {
    type Item = StrRef<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            InnerIter::Flat(entries) => entries.next().map(|(_, entry)| element::string(entry)),
            InnerIter::Table(table, entries) => entries.next().map(|entry| table.string(entry)),
        }
    }
}
