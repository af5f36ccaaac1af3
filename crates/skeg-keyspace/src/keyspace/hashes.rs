//! Changes of hashes.
//!
//! May not know: more than its parent.

use super::Keyspace;
use super::collections::Form;
use crate::collection::Indexed;
use crate::collection::element::{self, Element};
use crate::collection::flat::{self, Flat};
use crate::value::{Kind, WrongType};

impl Keyspace {
    /// Gives a field of the hash `key` (created when absent, its deadline kept) a value; says
    /// whether the field is new.
    ///
    /// # Errors
    /// [`WrongType`] when the key holds something else.
    pub fn hash_set(
        &mut self,
        hash: u64,
        key: &[u8],
        field: &[u8],
        value: &[u8],
    ) -> Result<bool, WrongType> {
        let pair = [Element::new(field), Element::new(value)];
        let Some(place) = self.place(hash, key, Kind::Hash)? else {
            self.create(hash, key, Kind::Hash, &pair);
            return Ok(true);
        };
        let number = match place.form {
            Form::Indexed(number) => number,
            Form::Flat => {
                let flat = Flat::<2>::new(self.flat_bytes(&place));
                let entries = flat.len();
                let done = match flat.find(&pair[0]) {
                    None => {
                        let end = flat.bytes().len();
                        self.splice(&place, end..end, &pair, entries + 1).then_some(true)
                    }
                    Some(at) => {
                        let entry = &flat.bytes()[at..];
                        let (start, len) = (element::len(entry), flat::entry_len::<2>(entry));
                        let range = at + start..at + len;
                        self.splice(&place, range, &pair[1..], entries).then_some(false)
                    }
                };
                if let Some(is_new) = done {
                    return Ok(is_new);
                }
                self.index(key, Kind::Hash, &place)
            }
        };
        Ok(self.collections.change(number, |collection| match &mut collection.0 {
            Indexed::Hash(table) => table.set(pair),
            _ => unreachable!("the cell says what it is"),
        }))
    }

    /// Removes a field of the hash `key`, and with the last one the key; says whether the field was
    /// there.
    ///
    /// # Errors
    /// [`WrongType`] when the key holds something else.
    pub fn hash_remove(&mut self, hash: u64, key: &[u8], field: &[u8]) -> Result<bool, WrongType> {
        let field = Element::new(field);
        let Some(place) = self.place(hash, key, Kind::Hash)? else { return Ok(false) };
        match place.form {
            Form::Flat => {
                let flat = Flat::<2>::new(self.flat_bytes(&place));
                let (Some(at), entries) = (flat.find(&field), flat.len()) else {
                    return Ok(false);
                };
                let end = at + flat::entry_len::<2>(&flat.bytes()[at..]);
                self.cut(hash, &place, at..end, entries - 1);
                Ok(true)
            }
            Form::Indexed(number) => {
                let removed = self.collections.change(number, |collection| {
                    let Indexed::Hash(table) = &mut collection.0 else {
                        unreachable!("the cell says what it is")
                    };
                    table.remove(&field, |_| ()).is_some()
                });
                self.remove_if_empty(hash, &place, number);
                Ok(removed)
            }
        }
    }
}
