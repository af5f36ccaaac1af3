//! Views of hashes.
//!
//! May not know: how hashes are changed.

use super::element::{self, Element};
use super::flat::{self, Flat};
use super::table::{self, Table};
use crate::value::StrRef;

/// A hash, borrowed from the keyspace.
#[derive(Clone, Copy, Debug)]
pub struct HashRef<'a>(Inner<'a>);

#[derive(Clone, Copy, Debug)]
enum Inner<'a> {
    Flat(Flat<'a, 2>),
    Table(&'a Table<2>),
}

impl<'a> HashRef<'a> {
    pub(crate) fn flat(bytes: &'a [u8]) -> Self {
        Self(Inner::Flat(Flat::new(bytes)))
    }

    pub(crate) fn table(table: &'a Table<2>) -> Self {
        Self(Inner::Table(table))
    }

    /// The number of fields; never 0.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "an empty hash does not exist")]
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

    /// The value of a field.
    #[inline]
    #[must_use]
    pub fn get(&self, field: &[u8]) -> Option<StrRef<'a>> {
        match self.0 {
            Inner::Flat(flat) => {
                let at = flat.find(&Element::new(field))?;
                Some(element::string(flat::second(&flat.bytes()[at..])))
            }
            Inner::Table(table) => {
                table.get(&Element::new(field)).map(|entry| table.string(flat::second(entry)))
            }
        }
    }

    /// Whether there is such a field.
    #[must_use]
    pub fn contains(&self, field: &[u8]) -> bool {
        match self.0 {
            Inner::Flat(flat) => flat.find(&Element::new(field)).is_some(),
            Inner::Table(table) => table.get(&Element::new(field)).is_some(),
        }
    }

    /// All fields with their values; flat ones in the order of insertion, others in none.
    #[must_use]
    pub fn iter(&self) -> HashIter<'a> {
        HashIter(match self.0 {
            Inner::Flat(flat) => InnerIter::Flat(flat.entries()),
            Inner::Table(table) => InnerIter::Table(table, table.entries()),
        })
    }

    /// A field and its value picked by `draw`, a random number; each is as likely as any other.
    #[must_use]
    pub fn random(&self, draw: u64) -> Option<(StrRef<'a>, StrRef<'a>)> {
        match self.0 {
            Inner::Flat(flat) => {
                let range = flat.range_of(super::pick_of(draw, flat.len()));
                Some(flat_pair(&flat.bytes()[range]))
            }
            Inner::Table(table) => table.random(draw).map(|entry| pair(table, entry)),
        }
    }

    /// Shows fields and values from `cursor` on, about `count` of them (a flat hash in one go), and
    /// returns the cursor to go on from; 0 starts and 0 ends. What is there from the start of a
    /// scan to its end is shown at least once, whatever else is written in between. Cursors are
    /// below 2^48.
    pub fn scan(
        &self,
        cursor: u64,
        count: usize,
        visit: &mut dyn FnMut(StrRef<'a>, StrRef<'a>),
    ) -> u64 {
        match self.0 {
            Inner::Flat(_) => {
                self.iter().for_each(|(field, value)| visit(field, value));
                0
            }
            Inner::Table(table) => table.scan(cursor, count, &mut |entry| {
                let (field, value) = pair(table, entry);
                visit(field, value);
            }),
        }
    }
}

impl<'a> IntoIterator for HashRef<'a> {
    type Item = (StrRef<'a>, StrRef<'a>);
    type IntoIter = HashIter<'a>;

    fn into_iter(self) -> HashIter<'a> {
        self.iter()
    }
}

fn flat_pair(entry: &[u8]) -> (StrRef<'_>, StrRef<'_>) {
    (element::string(entry), element::string(flat::second(entry)))
}

fn pair<'a>(table: &'a Table<2>, entry: &'a [u8]) -> (StrRef<'a>, StrRef<'a>) {
    (table.string(entry), table.string(flat::second(entry)))
}

/// All fields of a hash with their values.
#[derive(Clone, Debug)]
pub struct HashIter<'a>(InnerIter<'a>);

#[derive(Clone, Debug)]
enum InnerIter<'a> {
    Flat(flat::Entries<'a, 2>),
    Table(&'a Table<2>, table::Entries<'a>),
}

impl<'a> Iterator for HashIter<'a> {
    type Item = (StrRef<'a>, StrRef<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            InnerIter::Flat(entries) => entries.next().map(|(_, entry)| flat_pair(entry)),
            InnerIter::Table(table, entries) => entries.next().map(|entry| pair(table, entry)),
        }
    }
}
