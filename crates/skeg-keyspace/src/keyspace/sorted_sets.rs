//! Changes of sorted sets.
//!
//! May not know: more than its parent.

use std::cmp::Ordering;

use super::Keyspace;
use super::collections::Form;
use crate::collection::Indexed;
use crate::collection::element::{self, Element};
use crate::collection::flat::{self, Flat};
use crate::collection::ranking;
use crate::value::{Kind, StrRef, WrongType};

/// The score of an entry of a flat sorted set.
fn score_at(entry: &[u8]) -> f64 {
    element::score(flat::second(entry))
}

/// Where a member that is not there belongs.
fn place_for(flat: &Flat<'_, 2>, member: StrRef<'_>, score: f64) -> usize {
    let mut entries = flat.entries();
    let later = entries.find(|(_, entry)| {
        let other = (score_at(entry), element::string(entry));
        ranking::compare(other, (score, member)) == Ordering::Greater
    });
    later.map_or(flat.bytes().len(), |(at, _)| at)
}

impl Keyspace {
    /// Gives a member of the sorted set `key` (created when absent, its deadline kept) a score;
    /// returns the one it had. A score is any number but NaN; -0 is equal to 0, but kept as it is.
    ///
    /// # Errors
    /// [`WrongType`] when the key holds something else.
    pub fn zset_set(
        &mut self,
        hash: u64,
        key: &[u8],
        member: &[u8],
        score: f64,
    ) -> Result<Option<f64>, WrongType> {
        let pair = [Element::new(member), Element::score(score)];
        let Some(mut place) = self.place(hash, key, Kind::SortedSet)? else {
            self.create(hash, key, Kind::SortedSet, &pair);
            return Ok(None);
        };
        let (number, before) = match place.form {
            Form::Indexed(number) => (number, None),
            Form::Flat => {
                let flat = Flat::<2>::new(self.flat_bytes(&place));
                let mut entries = flat.len();
                let mut before = None;
                if let Some(at) = flat.find(&pair[0]) {
                    let old = &flat.bytes()[at..];
                    let old_score = score_at(old);
                    if old_score.to_bits() == score.to_bits() {
                        return Ok(Some(old_score));
                    }
                    before = Some(old_score);
                    let range = at..at + flat::entry_len::<2>(old);
                    entries -= 1;
                    let is_flat = self.splice(&place, range, &[], entries);
                    debug_assert!(is_flat, "what shrinks stays flat");
                    // It may have moved to another cell.
                    place = self.place(hash, key, Kind::SortedSet)?.expect("it was found before");
                }
                let flat = Flat::<2>::new(self.flat_bytes(&place));
                let at = place_for(&flat, pair[0].value(), score);
                if self.splice(&place, at..at, &pair, entries + 1) {
                    return Ok(before);
                }
                (self.index(key, Kind::SortedSet, &place), before)
            }
        };
        let found = self.collections.change(number, |collection| match &mut collection.0 {
            Indexed::SortedSet(sorted) => sorted.set(&pair[0], score),
            _ => unreachable!("the cell says what it is"),
        });
        Ok(before.or(found))
    }

    /// Removes a member of the sorted set `key`, and with the last one the key; returns its score.
    ///
    /// # Errors
    /// [`WrongType`] when the key holds something else.
    pub fn zset_remove(
        &mut self,
        hash: u64,
        key: &[u8],
        member: &[u8],
    ) -> Result<Option<f64>, WrongType> {
        let member = Element::new(member);
        let Some(place) = self.place(hash, key, Kind::SortedSet)? else { return Ok(None) };
        match place.form {
            Form::Flat => {
                let flat = Flat::<2>::new(self.flat_bytes(&place));
                let (Some(at), entries) = (flat.find(&member), flat.len()) else {
                    return Ok(None);
                };
                let entry = &flat.bytes()[at..];
                let (score, end) = (score_at(entry), at + flat::entry_len::<2>(entry));
                self.cut(hash, &place, at..end, entries - 1);
                Ok(Some(score))
            }
            Form::Indexed(number) => {
                let removed = self.collections.change(number, |collection| {
                    let Indexed::SortedSet(sorted) = &mut collection.0 else {
                        unreachable!("the cell says what it is")
                    };
                    sorted.remove(&member)
                });
                self.remove_if_empty(hash, &place, number);
                Ok(removed)
            }
        }
    }
}
