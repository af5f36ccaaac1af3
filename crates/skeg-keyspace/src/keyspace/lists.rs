//! Changes of lists.
//!
//! May not know: more than its parent.

use std::ops::Range;

use super::Keyspace;
use super::collections::{Form, Place};
use crate::collection::element::{self, Element};
use crate::collection::flat::{Flat, HEAD_BYTES};
use crate::collection::{End, Indexed, Items, ListRef};
use crate::value::{Kind, StrRef, WrongType};

impl Keyspace {
    /// Adds an item to an end of the list `key` (created when absent, its deadline kept); returns
    /// the new length.
    ///
    /// # Errors
    /// [`WrongType`] when the key holds something else.
    pub fn list_push(
        &mut self,
        hash: u64,
        key: &[u8],
        end: End,
        item: &[u8],
    ) -> Result<usize, WrongType> {
        let item = Element::new(item);
        let Some(place) = self.place(hash, key, Kind::List)? else {
            self.create(hash, key, Kind::List, &[item]);
            return Ok(1);
        };
        let index = match end {
            End::Front => 0,
            End::Back => self.list_len(&place),
        };
        Ok(self.insert_item(key, &place, index, &item))
    }

    /// Puts an item before item `index` of the list `key`, or at the end if that is its length;
    /// returns the new length, or nothing if there is no such place.
    ///
    /// # Errors
    /// [`WrongType`] when the key holds something else.
    pub fn list_insert(
        &mut self,
        hash: u64,
        key: &[u8],
        index: usize,
        item: &[u8],
    ) -> Result<Option<usize>, WrongType> {
        let Some(place) = self.place(hash, key, Kind::List)? else { return Ok(None) };
        if index > self.list_len(&place) {
            return Ok(None);
        }
        Ok(Some(self.insert_item(key, &place, index, &Element::new(item))))
    }

    /// Replaces item `index` of the list `key`; says whether there was one.
    ///
    /// # Errors
    /// [`WrongType`] when the key holds something else.
    pub fn list_set(
        &mut self,
        hash: u64,
        key: &[u8],
        index: usize,
        item: &[u8],
    ) -> Result<bool, WrongType> {
        let item = Element::new(item);
        let Some(place) = self.place(hash, key, Kind::List)? else { return Ok(false) };
        if index >= self.list_len(&place) {
            return Ok(false);
        }
        let number = match place.form {
            Form::Indexed(number) => number,
            Form::Flat => {
                let flat = Flat::<1>::new(self.flat_bytes(&place));
                let (range, entries) = (flat.range_of(index), flat.len());
                if self.splice(&place, range, &[item], entries) {
                    return Ok(true);
                }
                self.index(key, Kind::List, &place)
            }
        };
        self.change_items(number, |items| items.replace(index, &[item]));
        Ok(true)
    }

    /// Removes the item at an end of the list `key`, and with the last one the key; `look` sees it before it
    /// goes. Returns its place and what `look` made of it.
    ///
    /// # Errors
    /// [`WrongType`] when the key holds something else.
    pub fn list_pop<R>(
        &mut self,
        hash: u64,
        key: &[u8],
        end: End,
        look: impl FnOnce(StrRef<'_>) -> R,
    ) -> Result<Option<(usize, R)>, WrongType> {
        let Some(place) = self.place(hash, key, Kind::List)? else { return Ok(None) };
        let list = match place.form {
            Form::Flat => ListRef::flat(self.flat_bytes(&place)),
            Form::Indexed(number) => self.collections.get(number).view().list()?,
        };
        let len = list.len();
        let index = match end {
            End::Front => 0,
            End::Back => len - 1,
        };
        let result = look(list.get(index).expect("no list is empty"));
        self.remove_items(hash, &place, index..index + 1, len);
        Ok(Some((index, result)))
    }

    /// Removes up to `count` items of the list `key` from item `start` on, and with the last one
    /// the key; returns how many there were.
    ///
    /// # Errors
    /// [`WrongType`] when the key holds something else.
    pub fn list_remove(
        &mut self,
        hash: u64,
        key: &[u8],
        start: usize,
        count: usize,
    ) -> Result<usize, WrongType> {
        let Some(place) = self.place(hash, key, Kind::List)? else { return Ok(0) };
        let len = self.list_len(&place);
        let count = count.min(len.saturating_sub(start));
        if count == 0 {
            return Ok(0);
        }
        self.remove_items(hash, &place, start..start + count, len);
        Ok(count)
    }

    /// Removes some of the `len` items.
    fn remove_items(&mut self, hash: u64, place: &Place, range: Range<usize>, len: usize) {
        let count = range.len();
        match place.form {
            Form::Flat => {
                let bytes = self.flat_bytes(place);
                let at = Flat::<1>::new(bytes).place_of(range.start);
                let end = (0..count).fold(at, |at, _| at + element::len(&bytes[at..]));
                self.cut(hash, place, at..end, len - count);
            }
            Form::Indexed(_) if count == len => self.take_out(hash, place.spot, place.handle),
            Form::Indexed(number) => {
                self.change_items(number, |items| items.remove(range.start, count));
            }
        }
    }

    fn list_len(&self, place: &Place) -> usize {
        match place.form {
            Form::Flat => Flat::<1>::new(self.flat_bytes(place)).len(),
            Form::Indexed(number) => self.collections.get(number).len(),
        }
    }

    /// Inserts an item at a place that is there; returns the new length.
    fn insert_item(
        &mut self,
        key: &[u8],
        place: &Place,
        index: usize,
        item: &Element<'_>,
    ) -> usize {
        let number = match place.form {
            Form::Indexed(number) => number,
            Form::Flat => {
                let flat = Flat::<1>::new(self.flat_bytes(place));
                let entries = flat.len();
                let at = match index {
                    0 => HEAD_BYTES,
                    _ if index == entries => flat.bytes().len(),
                    _ => flat.place_of(index),
                };
                if self.splice(place, at..at, &[*item], entries + 1) {
                    return entries + 1;
                }
                self.index(key, Kind::List, place)
            }
        };
        self.change_items(number, |items| items.insert(index, &[*item]));
        self.collections.get(number).len()
    }

    fn change_items(&mut self, number: u32, change: impl FnOnce(&mut Items)) {
        self.collections.change(number, |collection| match &mut collection.0 {
            Indexed::List(items) => change(items),
            _ => unreachable!("the cell says what it is"),
        });
    }
}
