//! Whole values of any kind that go from key to key.
//!
//! Within a shard the effect names both keys. Between shards the value itself is in the record of
//! the shard that gets it, as if it had been built there.
//!
//! May not know: more than its parent.

use skeg_keyspace::{EntryRef, StrRef, Value, ValueRef};

use super::Shard;
use crate::effect::{Change, Effect};
use crate::error::ReadError;
use crate::notify::NotifyClass;

/// What a key held, and its deadline.
pub type Held = (Value, Option<u64>);

/// Bytes of log that an element takes beside its own, a score included.
const ELEMENT_BYTES: u64 = 20;

/// What telling of an element costs beside its bytes, in such: about what finding it takes.
pub(crate) const ELEMENT_COST: usize = 64;

impl Shard {
    /// Gives the value and deadline of a key to another key of this shard, which is replaced and counts as
    /// new; `false` when the source is not there. Source and destination differ.
    pub fn move_key(&mut self, from: (u8, &[u8]), to: (u8, &[u8]), keep_source: bool) -> bool {
        let ((db, key), (to_db, to)) = (from, to);
        let hash = self.hash_of(key);
        self.see(hash);
        if !self.is_live(db, hash, key) {
            return false;
        }
        let moved = if keep_source {
            self.keyspace(db).copy_value(hash, key)
        } else {
            self.writable(db, hash).take_value(hash, key)
        };
        let Some((value, expire_at_ms)) = moved else { return false };
        let to_hash = self.hash_of(to);
        self.forget_large(to_db, to_hash);
        self.carry_large((db, hash), (to_db, to_hash), to);
        self.notify(NotifyClass::NEW, "new", to_db, to);
        self.writable(to_db, to_hash).put_value(to_hash, to, value, expire_at_ms);
        self.log_effect(&Effect::Move { db, key, to_db, to, keep_source });
        self.note_moved(to_db, to_hash, to);
        if !keep_source {
            self.forget_large(db, hash);
            self.touch(hash);
            self.watches.changed(db, key);
        }
        true
    }

    /// Bytes of log that [`Shard::put_value`] takes for what the key holds, beside the key; 0 without
    /// key.
    pub fn value_bytes(&mut self, db: u8, key: &[u8]) -> u64 {
        let Some(entry) = self.find(db, key) else { return 0 };
        let element = |value: StrRef<'_>| value.len() as u64 + ELEMENT_BYTES;
        match entry.value {
            ValueRef::Str(value) => element(value),
            ValueRef::Away(away) => u64::from(away.len) + ELEMENT_BYTES,
            ValueRef::Hash(hash) => hash.iter().map(|(f, v)| element(f) + element(v)).sum(),
            ValueRef::List(list) => list.iter().map(element).sum(),
            ValueRef::Set(set) => set.iter().map(element).sum(),
            ValueRef::SortedSet(set) => set.iter().map(|(member, _)| element(member)).sum(),
            _ => 0,
        }
    }

    /// A copy of what the key holds, and its deadline.
    ///
    /// # Errors
    /// [`ReadError`]: it is a string that is not to be had now.
    pub fn copy_value(&mut self, db: u8, key: &[u8]) -> Result<Option<Held>, ReadError> {
        let Some(EntryRef { value, expire_at_ms }) = self.find(db, key) else { return Ok(None) };
        if let ValueRef::Away(away) = value {
            let bytes = self.slice.bytes_of(self.values.as_deref(), &away)?;
            return Ok(Some((Value::bytes(bytes), expire_at_ms)));
        }
        let keyspace = self.keyspace(db);
        Ok(keyspace.copy_value(keyspace.hash(key), key))
    }

    /// Removes the key and returns what it held, and its deadline.
    ///
    /// # Errors
    /// As [`Shard::copy_value`]; the key stays then.
    pub fn take_value(&mut self, db: u8, key: &[u8]) -> Result<Option<Held>, ReadError> {
        let Some(hash) = self.begin_removal(db, key) else { return Ok(None) };
        self.bring_back(db, hash, key)?;
        let taken = self.writable(db, hash).take_value(hash, key);
        if taken.is_some() {
            self.changed(db, hash, key, &Effect::Remove { db, key });
        }
        Ok(taken)
    }

    /// Stores a value under a key that counts as new, whatever it held.
    pub fn put_value(&mut self, db: u8, key: &[u8], value: Value, expire_at_ms: Option<u64>) {
        let hash = self.hash_of(key);
        self.see(hash);
        self.clear_expired(db, hash, key);
        self.notify(NotifyClass::NEW, "new", db, key);
        if let ValueRef::Str(string) = value.view() {
            let mut bytes = Vec::new();
            let value = bytes_of(string, &mut bytes);
            self.changed(db, hash, key, &Effect::Set { db, key, value, expire_at_ms });
            self.note_string(db, hash, key, value.len());
        } else {
            if self.keyspace(db).get(hash, key).is_some() {
                self.changed(db, hash, key, &Effect::Remove { db, key });
            }
            self.log_collection(db, hash, key, value.view());
            if expire_at_ms.is_some() {
                self.changed(db, hash, key, &Effect::Expire { db, key, expire_at_ms });
            }
        }
        self.writable(db, hash).put_value(hash, key, value, expire_at_ms);
    }

    /// Logs all elements of a collection that the key gets.
    fn log_collection(&mut self, db: u8, hash: u64, key: &[u8], value: ValueRef<'_>) {
        each_change(value, &mut |change, elements| {
            self.changed_elements(db, hash, key, change, elements);
        });
    }
}

/// The changes that make a collection out of nothing, in an order that keeps it as it is.
pub(crate) fn each_change(value: ValueRef<'_>, told: &mut dyn FnMut(Change, &[&[u8]])) {
    let mut budget = usize::MAX;
    changes_from(value, 0, &mut budget, told);
}

/// [`each_change`] from a place of the collection on (0 is its beginning) until the budget is spent;
/// returns the place to go on from, unless that is the end. An element costs its bytes and
/// [`ELEMENT_COST`]. As long as the collection is not changed, its places stay what they are.
pub(crate) fn changes_from(
    value: ValueRef<'_>,
    place: u64,
    budget: &mut usize,
    told: &mut dyn FnMut(Change, &[&[u8]]),
) -> Option<u64> {
    let (mut first, mut second) = (Vec::new(), Vec::new());
    let mut tell = |change, elements: &[&[u8]]| {
        told(change, elements);
        let cost = elements.iter().map(|element| element.len() + ELEMENT_COST).sum();
        *budget = budget.saturating_sub(cost);
        *budget > 0
    };
    match value {
        ValueRef::Str(_) | ValueRef::Away(_) => None,
        ValueRef::Hash(fields) => by_cursor(place, |cursor, goes_on| {
            fields.scan(cursor, 1, &mut |field, value| {
                let pair = [bytes_of(field, &mut first), bytes_of(value, &mut second)];
                *goes_on = tell(Change::HashSet, &pair);
            })
        }),
        ValueRef::Set(members) => by_cursor(place, |cursor, goes_on| {
            members.scan(cursor, 1, &mut |member| {
                *goes_on = tell(Change::SetAdd, &[bytes_of(member, &mut first)]);
            })
        }),
        ValueRef::List(items) => {
            by_index(place, items.len(), items.range(place as usize..items.len()), |it| {
                tell(Change::PushBack, &[bytes_of(it, &mut first)])
            })
        }
        ValueRef::SortedSet(members) => {
            let rest = members.range(place as usize..members.len());
            by_index(place, members.len(), rest, |(member, score)| {
                let pair = [bytes_of(member, &mut first), &score.to_le_bytes()[..]];
                tell(Change::SortedSetSet, &pair)
            })
        }
        other => unreachable!("no effect says what a {:?} holds", other.kind()),
    }
}

/// Scans on from a cursor as long as that says so; the cursor to go on from.
fn by_cursor(mut cursor: u64, mut scan: impl FnMut(u64, &mut bool) -> u64) -> Option<u64> {
    let mut goes_on = true;
    loop {
        cursor = scan(cursor, &mut goes_on);
        if cursor == 0 || !goes_on {
            return (cursor != 0).then_some(cursor);
        }
    }
}

/// Takes items as long as `take` says so; the index to go on from.
fn by_index<T>(
    mut index: u64,
    len: usize,
    items: impl Iterator<Item = T>,
    mut take: impl FnMut(T) -> bool,
) -> Option<u64> {
    for item in items {
        index += 1;
        if !take(item) {
            break;
        }
    }
    (index < len as u64).then_some(index)
}

/// The bytes of a string; `digits` has room for those of a number.
pub(crate) fn bytes_of<'a>(value: StrRef<'a>, digits: &'a mut Vec<u8>) -> &'a [u8] {
    match value {
        StrRef::Bytes(bytes) => bytes,
        StrRef::Int(_) => {
            digits.clear();
            value.write_to(digits);
            digits
        }
    }
}
