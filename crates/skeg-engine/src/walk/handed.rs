//! What a walk hands out: effects that recreate entries as they were at the shard's place.
//!
//! May not know: in which order entries are handed out, and why.

use std::collections::BTreeSet;

use skeg_keyspace::{EntryRef, ValueRef};
use skeg_vector::Change;

use super::part::Flushed;
use crate::effect::{Effect, Run};
use crate::indexes::{Created, Image, logged as logged_id};
use crate::shard::{bytes_of, changes_from};
use crate::values::logged;

/// Appends the effects that recreate an entry from a place of its value on (0 is its beginning) until
/// the budget is spent; returns the place to go on from, unless that is the end. The one place that
/// knows how each kind of value is recreated.
fn recreate(
    (db, key): (u8, &[u8]),
    EntryRef { value, expire_at_ms }: EntryRef<'_>,
    place: u64,
    budget: &mut usize,
    out: &mut Vec<u8>,
) -> Option<u64> {
    if let ValueRef::Str(value) = value {
        let mut digits = Vec::new();
        let bytes = bytes_of(value, &mut digits);
        let from = place as usize;
        let to = bytes.len().min(from.saturating_add((*budget).max(1)));
        *budget = budget.saturating_sub(to - from);
        match &bytes[from..to] {
            value if from == 0 => Effect::Set { db, key, value, expire_at_ms }.encode(out),
            tail => Effect::Append { db, key, tail }.encode(out),
        }
        return (to < bytes.len()).then_some(to as u64);
    }
    if let ValueRef::Away(away) = value {
        // Whatever of it was handed out while it was in memory.
        Effect::SetAway { db, key, value: logged(&away), expire_at_ms }.encode(out);
        return None;
    }
    let mut run = None;
    let left = changes_from(value, place, budget, &mut |change, elements| {
        run = Some(Run::extend(run.take(), out, change, (db, key), elements));
    });
    if left.is_none() && expire_at_ms.is_some() {
        Effect::Expire { db, key, expire_at_ms }.encode(out);
    }
    left
}

/// What walk and writers have handed out and nobody has taken yet.
#[derive(Debug, Default)]
pub(crate) struct Handed {
    /// Effects that recreate entries.
    pub(crate) effects: Vec<u8>,
    pub(crate) entries: u64,
    /// Segments with strings that are named by their places.
    pub(crate) homes: BTreeSet<u64>,
    /// Databases that were flushed, to be handed out by whoever takes them.
    pub(crate) flushed: Vec<Flushed>,
}

impl Handed {
    /// Hands out an entry.
    pub(crate) fn add(&mut self, db: u8, key: &[u8], entry: EntryRef<'_>) {
        let mut budget = usize::MAX;
        self.add_from(db, key, entry, 0, &mut budget);
    }

    /// Hands out an entry from a place of its value on until the budget is spent; returns the place to go
    /// on from, unless that is the end.
    pub(super) fn add_from(
        &mut self,
        db: u8,
        key: &[u8],
        entry: EntryRef<'_>,
        place: u64,
        budget: &mut usize,
    ) -> Option<u64> {
        if let ValueRef::Away(away) = entry.value {
            self.homes.insert(away.home);
        }
        let left = recreate((db, key), entry, place, budget, &mut self.effects);
        self.entries += u64::from(left.is_none());
        left
    }

    /// Hands out a slice of what is left of a flushed database. Whether there is more to come.
    pub(crate) fn walk_flushed(&mut self, flushed: &mut Flushed, slice_bytes: usize) -> bool {
        flushed.part.hand_out(&mut flushed.contents, slice_bytes, slice_bytes, self);
        !flushed.part.is_over()
    }

    /// Adds what was handed out later.
    pub(crate) fn append(&mut self, mut later: Self) {
        if self.effects.is_empty() {
            std::mem::swap(&mut self.effects, &mut later.effects);
        }
        self.effects.append(&mut later.effects);
        self.entries += later.entries;
        self.homes.append(&mut later.homes);
        self.flushed.append(&mut later.flushed);
    }

    /// Hands out an index without the rows that are in its segments.
    pub(crate) fn add_index(&mut self, image: &Image) {
        let created = Created {
            options: *image.view.options(),
            number: image.number,
            generation: image.view.base_generation(),
            relies_on: image.view.stored_generation(),
            memory_max: image.memory_max,
            part: image.part,
        };
        let options = &created.to_bytes();
        Effect::IndexCreate { name: &image.name, options }.encode(&mut self.effects);
    }

    /// Hands out what has happened to an index since its segments were written.
    pub(crate) fn add_change(&mut self, name: &[u8], change: Change<'_>) {
        match change {
            Change::Set(id, row) => {
                let bytes: Vec<u8> = row.iter().flat_map(|number| number.to_le_bytes()).collect();
                let effect = Effect::VectorSet { name, id: logged_id(id), row: &bytes };
                effect.encode(&mut self.effects);
                self.entries += 1;
            }
            Change::Remove(id) => {
                Effect::VectorRemove { name, id: logged_id(id) }.encode(&mut self.effects);
            }
            Change::Freeze => Effect::IndexFreeze { name }.encode(&mut self.effects),
        }
    }
}
