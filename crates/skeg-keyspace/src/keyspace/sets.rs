//! Changes of sets.
//!
//! May not know: more than its parent.

use super::Keyspace;
use super::collections::Form;
use crate::collection::Indexed;
use crate::collection::element::{self, Element};
use crate::collection::flat::Flat;
use crate::value::{Kind, WrongType};

impl Keyspace {
    /// Adds a member to the set `key` (created when absent, its deadline kept); says whether it is
    /// new.
    ///
    /// # Errors
    /// [`WrongType`] when the key holds something else.
    pub fn set_add(&mut self, hash: u64, key: &[u8], member: &[u8]) -> Result<bool, WrongType> {
        let member = Element::new(member);
        let Some(place) = self.place(hash, key, Kind::Set)? else {
            self.create(hash, key, Kind::Set, &[member]);
            return Ok(true);
        };
        let number = match place.form {
            Form::Indexed(number) => number,
            Form::Flat => {
                let flat = Flat::<1>::new(self.flat_bytes(&place));
                if flat.find(&member).is_some() {
                    return Ok(false);
                }
                let (entries, end) = (flat.len(), flat.bytes().len());
                if self.splice(&place, end..end, &[member], entries + 1) {
                    return Ok(true);
                }
                self.index(key, Kind::Set, &place)
            }
        };
        Ok(self.collections.change(number, |collection| match &mut collection.0 {
            Indexed::Set(table) => table.set([member]),
            _ => unreachable!("the cell says what it is"),
        }))
    }

    /// Removes a member of the set `key`, and with the last one the key; says whether it was there.
    ///
    /// # Errors
    /// [`WrongType`] when the key holds something else.
    pub fn set_remove(&mut self, hash: u64, key: &[u8], member: &[u8]) -> Result<bool, WrongType> {
        let member = Element::new(member);
        let Some(place) = self.place(hash, key, Kind::Set)? else { return Ok(false) };
        match place.form {
            Form::Flat => {
                let flat = Flat::<1>::new(self.flat_bytes(&place));
                let (Some(at), entries) = (flat.find(&member), flat.len()) else {
                    return Ok(false);
                };
                let end = at + element::len(&flat.bytes()[at..]);
                self.cut(hash, &place, at..end, entries - 1);
                Ok(true)
            }
            Form::Indexed(number) => {
                let removed = self.collections.change(number, |collection| {
                    let Indexed::Set(table) = &mut collection.0 else {
                        unreachable!("the cell says what it is")
                    };
                    table.remove(&member, |_| ()).is_some()
                });
                self.remove_if_empty(hash, &place, number);
                Ok(removed)
            }
        }
    }
}
