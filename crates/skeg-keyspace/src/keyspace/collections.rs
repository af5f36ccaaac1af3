//! What the four kinds of collections share: finding one, creating it, changing a flat one in its
//! cell, making it an indexed one, removing the key with the last element.
//!
//! May not know: what the elements of a kind mean.

use std::ops::Range;

use super::Keyspace;
use crate::collection::element::Element;
use crate::collection::flat::{self, HEAD_BYTES};
use crate::collection::store::Collections;
use crate::collection::{
    Collection, HashRef, Indexed, Items, ListRef, SetRef, Sorted, SortedSetRef, Table,
};
use crate::entry::{self, CellValue, Stored};
use crate::table::Spot;
use crate::value::{Kind, ValueRef, WrongType};

/// Where a collection is.
#[derive(Clone, Copy)]
pub(super) enum Form {
    /// In the key's cell.
    Flat,
    /// Under this number.
    Indexed(u32),
}

/// A collection's entry.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) spot: Spot,
    pub(super) handle: u32,
    pub(super) form: Form,
}

/// What a cell says of a value, with the collection that it may name.
pub(super) fn collection<'a>(collections: &'a Collections, value: CellValue<'a>) -> ValueRef<'a> {
    match value {
        CellValue::Str(value) => ValueRef::Str(value),
        CellValue::Away(away) => ValueRef::Away(away),
        CellValue::Flat(kind, bytes) => match kind {
            Kind::Hash => ValueRef::Hash(HashRef::flat(bytes)),
            Kind::List => ValueRef::List(ListRef::flat(bytes)),
            Kind::Set => ValueRef::Set(SetRef::flat(bytes)),
            Kind::SortedSet => ValueRef::SortedSet(SortedSetRef::flat(bytes)),
            Kind::String => unreachable!("a string is no collection"),
        },
        CellValue::Indexed(_, number) => collections.get(number).view(),
    }
}

impl Keyspace {
    /// The collection of `key`, if the key is there.
    pub(super) fn place(
        &self,
        hash: u64,
        key: &[u8],
        kind: Kind,
    ) -> Result<Option<Place>, WrongType> {
        let Some((spot, handle)) = self.find(hash, key) else { return Ok(None) };
        let form = match entry::number_of(self.store.cell(handle), kind)? {
            None => Form::Flat,
            Some(number) => Form::Indexed(number),
        };
        Ok(Some(Place { spot, handle, form }))
    }

    /// The list of `key`, if the key is there: as [`Keyspace::get`], without a detour over values of all
    /// kinds, which goes through memory more than once.
    ///
    /// # Errors
    /// [`WrongType`] when the key holds something else.
    pub fn list(&self, hash: u64, key: &[u8]) -> Result<Option<ListRef<'_>>, WrongType> {
        self.look(hash, key, Kind::List, ListRef::flat, |indexed| match indexed {
            Indexed::List(items) => Some(ListRef::items(items)),
            _ => None,
        })
    }

    /// The sorted set of `key`, if the key is there: as [`Keyspace::list`].
    ///
    /// # Errors
    /// [`WrongType`] when the key holds something else.
    pub fn sorted_set(&self, hash: u64, key: &[u8]) -> Result<Option<SortedSetRef<'_>>, WrongType> {
        self.look(hash, key, Kind::SortedSet, SortedSetRef::flat, |indexed| match indexed {
            Indexed::SortedSet(sorted) => Some(SortedSetRef::sorted(sorted)),
            _ => None,
        })
    }

    /// What either form of a collection of this kind is seen as.
    #[inline(always)]
    fn look<'s, T>(
        &'s self,
        hash: u64,
        key: &[u8],
        kind: Kind,
        flat: impl FnOnce(&'s [u8]) -> T,
        indexed: impl FnOnce(&'s Indexed) -> Option<T>,
    ) -> Result<Option<T>, WrongType> {
        let Some(place) = self.place(hash, key, kind)? else { return Ok(None) };
        Ok(Some(match place.form {
            Form::Flat => flat(self.flat_bytes(&place)),
            Form::Indexed(number) => {
                indexed(&self.collections.get(number).0).expect("the cell says what it is")
            }
        }))
    }

    /// The bytes of a flat collection.
    #[inline]
    pub(super) fn flat_bytes(&self, place: &Place) -> &[u8] {
        let cell = self.store.cell(place.handle);
        &cell[entry::value_range(cell).expect("it is flat")]
    }

    /// Creates a collection of one entry; an indexed one if that is large.
    pub(super) fn create(&mut self, hash: u64, key: &[u8], kind: Kind, elements: &[Element<'_>]) {
        let bytes = HEAD_BYTES + elements.iter().map(Element::len).sum::<usize>();
        if flat::is_flat(1, bytes) {
            let mut value = [0; flat::FLAT_BYTES_MAX];
            value[0] = 1;
            write_all(elements, &mut value[HEAD_BYTES..]);
            self.add(hash, key, &Stored::flat(kind, &value[..bytes]), None);
            return;
        }
        let mut collection = Collection::new(kind, &self.hasher);
        collection.push(elements);
        let number = self.collections.add(Box::new(collection));
        self.add(hash, key, &Stored::indexed(kind, number), None);
    }

    /// Replaces a range of the bytes of a flat collection by `elements`, if it stays small enough
    /// to be flat; says whether it did.
    pub(super) fn splice(
        &mut self,
        place: &Place,
        range: Range<usize>,
        elements: &[Element<'_>],
        entries: usize,
    ) -> bool {
        let Place { spot, handle, .. } = *place;
        let value = entry::value_range(self.store.cell(handle)).expect("it is flat");
        let added = elements.iter().map(Element::len).sum::<usize>();
        let end = value.end - range.len() + added;
        if !flat::is_flat(entries, end - value.start) {
            return false;
        }
        let new = if end > value.end { self.store.regrow(handle, end, value.end) } else { handle };
        let cell = self.store.cell_mut(new);
        let at = value.start + range.start;
        cell.copy_within(value.start + range.end..value.end, at + added);
        write_all(elements, &mut cell[at..]);
        cell[value.start] = entries as u8;
        let new = if end < value.end { self.store.regrow(new, end, end) } else { new };
        entry::reseal(self.store.cell_mut(new), end);
        self.moved(spot, handle, new);
        true
    }

    /// Makes a flat collection an indexed one; returns its number.
    pub(super) fn index(&mut self, key: &[u8], kind: Kind, place: &Place) -> u32 {
        let mut collection = Collection::new(kind, &self.hasher);
        collection.fill(kind, self.flat_bytes(place));
        let number = self.collections.add(Box::new(collection));
        let deadline = entry::deadline(self.store.cell(place.handle));
        self.replace(place.spot, place.handle, key, &Stored::indexed(kind, number), deadline);
        number
    }

    /// Removes a range of bytes of a flat collection, which then has so many entries; without
    /// any it goes.
    pub(super) fn cut(&mut self, hash: u64, place: &Place, range: Range<usize>, entries: usize) {
        if entries == 0 {
            self.take_out(hash, place.spot, place.handle);
        } else {
            let is_flat = self.splice(place, range, &[], entries);
            debug_assert!(is_flat, "what shrinks stays flat");
        }
    }

    /// Removes the key of an indexed collection if that has become empty.
    pub(super) fn remove_if_empty(&mut self, hash: u64, place: &Place, number: u32) {
        if self.collections.get(number).len() == 0 {
            self.take_out(hash, place.spot, place.handle);
        }
    }

    /// Hands out the large collections whose keys are gone, to be freed elsewhere. Should nobody
    /// ask, only a few are kept.
    #[must_use]
    pub fn take_removed(&mut self) -> Vec<Collection> {
        self.collections.take_removed()
    }

    /// Whether [`Keyspace::take_removed`] has something to hand out.
    #[inline]
    #[must_use]
    pub fn has_removed(&self) -> bool {
        self.collections.has_removed()
    }
}

fn write_all(elements: &[Element<'_>], out: &mut [u8]) {
    let mut at = 0;
    for element in elements {
        element.write(&mut out[at..]);
        at += element.len();
    }
}

impl Collection {
    /// An empty one.
    fn new(kind: Kind, hasher: &ahash::RandomState) -> Self {
        Self(match kind {
            Kind::Hash => Indexed::Hash(Table::new(hasher.clone())),
            Kind::List => Indexed::List(Items::new()),
            Kind::Set => Indexed::Set(Table::new(hasher.clone())),
            Kind::SortedSet => Indexed::SortedSet(Sorted::new(hasher.clone())),
            Kind::String => unreachable!("a string is no collection"),
        })
    }

    /// Adds an entry, at the end.
    fn push(&mut self, elements: &[Element<'_>]) {
        match (&mut self.0, elements) {
            (Indexed::Hash(table), [field, value]) => {
                table.set([*field, *value]);
            }
            (Indexed::List(items), [item]) => items.insert(items.len(), &[*item]),
            (Indexed::Set(table), [member]) => {
                table.set([*member]);
            }
            (Indexed::SortedSet(sorted), [member, score]) => {
                sorted.set(member, score.number());
            }
            _ => unreachable!("an entry is one element or two, by its kind"),
        }
    }

    /// Adds the entries of a flat collection of this kind.
    fn fill(&mut self, kind: Kind, bytes: &[u8]) {
        use crate::collection::element::{score, string};
        use crate::collection::flat::{Flat, second};
        match kind {
            Kind::Hash => Flat::<2>::new(bytes).entries().for_each(|(_, entry)| {
                self.push(&[Element::of(string(entry)), Element::of(string(second(entry)))]);
            }),
            Kind::SortedSet => Flat::<2>::new(bytes).entries().for_each(|(_, entry)| {
                let score = Element::score(score(second(entry)));
                self.push(&[Element::of(string(entry)), score]);
            }),
            _ => Flat::<1>::new(bytes)
                .entries()
                .for_each(|(_, entry)| self.push(&[Element::of(string(entry))])),
        }
    }

    pub(super) fn view(&self) -> ValueRef<'_> {
        match &self.0 {
            Indexed::Hash(table) => ValueRef::Hash(HashRef::table(table)),
            Indexed::List(items) => ValueRef::List(ListRef::items(items)),
            Indexed::Set(table) => ValueRef::Set(SetRef::table(table)),
            Indexed::SortedSet(sorted) => ValueRef::SortedSet(SortedSetRef::sorted(sorted)),
        }
    }
}
