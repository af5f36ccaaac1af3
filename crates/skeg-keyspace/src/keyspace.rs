//! The map from keys to values and deadlines: table, store and deadline index together.
//!
//! Invariants:
//! - the table holds exactly the handles in use, the index exactly those with a deadline;
//! - what is read hands out slices of the cells: no read copies or allocates.
//!
//! May not know: clocks, logs, shards.

mod away;
mod collections;
mod hashes;
mod lists;
mod sets;
mod sorted_sets;
mod strings;
mod used;
mod values;
mod walk;

pub use used::Candidate;
pub use values::Value;
pub use walk::Shown;

use self::away::Homes;
use crate::collection::Collection;
use crate::collection::store::Collections;
use crate::entry::{self, CellValue, Stored};
use crate::expiry::Deadlines;
use crate::stamp::Stamp;
use crate::store::Store;
use crate::table::{Hashes, Spot, Table};
use crate::value::{
    DEADLINE_MS_MAX, EntryRef, HashSeed, StrRef, ValueRef, WrongType, canonical_int,
};

/// What an entry takes in the table: its share of a bucket, at the usual load.
const TABLE_BYTES_PER_ENTRY: usize = 8;
/// What an entry with a deadline takes in the deadline index.
const INDEX_BYTES_PER_ENTRY: usize = 4;

/// Most keys end before this byte of their cell.
const KEY_END_USUAL: usize = 31;

/// An entry that is not aligned mostly reaches into the cache line that has this byte of its cell.
const CACHE_LINE_END: usize = 63;

/// One logical database of one shard.
///
/// Every `hash` argument is [`Keyspace::hash`] of the key beside it.
#[derive(Debug)]
pub struct Keyspace {
    hasher: ahash::RandomState,
    table: Table,
    store: Store,
    deadlines: Deadlines,
    collections: Collections,
    homes: Homes,
    /// Number of the walk that runs, or ran last.
    walk: u32,
}

/// The key and the entry behind a handle.
fn view<'a>(
    store: &'a Store,
    collections: &'a Collections,
    handle: u32,
) -> (&'a [u8], EntryRef<'a>) {
    let cell = store.cell(handle);
    let (key, value) = entry::view(cell);
    let value = collections::collection(collections, value);
    (key, EntryRef { value, expire_at_ms: entry::deadline(cell) })
}

/// The cell of an entry that was found, and what stands there for the value.
struct Found<'a> {
    cell: &'a [u8],
    value: CellValue<'a>,
}

/// Hashes the keys behind handles.
struct KeyHashes<'a>(&'a ahash::RandomState, &'a Store);

impl Hashes for KeyHashes<'_> {
    #[inline]
    fn hash_of(&self, handle: u32) -> u64 {
        self.0.hash_one(entry::key(self.1.cell(handle)))
    }

    #[inline]
    fn touch(&self, handle: u32) -> u8 {
        let cell = self.1.cell(handle);
        cell[0] ^ cell[KEY_END_USUAL.min(cell.len() - 1)]
    }
}

impl Keyspace {
    /// An empty keyspace.
    #[must_use]
    pub fn new(seed: HashSeed) -> Self {
        Self::with_hasher(seed.hasher())
    }

    fn with_hasher(hasher: ahash::RandomState) -> Self {
        Self {
            hasher,
            table: Table::new(),
            store: Store::new(),
            deadlines: Deadlines::new(),
            collections: Collections::new(),
            homes: Homes::default(),
            walk: 0,
        }
    }

    /// The hash of `key`; every call that takes a hash wants this one.
    #[inline]
    #[must_use]
    pub fn hash(&self, key: &[u8]) -> u64 {
        self.hasher.hash_one(key)
    }

    #[inline]
    fn find(&self, hash: u64, key: &[u8]) -> Option<(Spot, u32)> {
        debug_assert_eq!(hash, self.hash(key), "the hash is the key's own");
        self.table.find(hash, |handle| entry::has_key(self.store.cell(handle), key))
    }

    /// What is there under a key.
    #[inline]
    fn find_value(&self, hash: u64, key: &[u8]) -> Option<Found<'_>> {
        debug_assert_eq!(hash, self.hash(key), "the hash is the key's own");
        let mut found = None;
        self.table.find(hash, |handle| {
            let cell = self.store.cell(handle);
            found = entry::view_of(cell, key).map(|value| Found { cell, value });
            found.is_some()
        })?;
        found
    }

    /// The entry of `key`, expired or not.
    #[inline]
    #[must_use]
    pub fn get(&self, hash: u64, key: &[u8]) -> Option<EntryRef<'_>> {
        let Found { cell, value } = self.find_value(hash, key)?;
        Some(EntryRef { value: self.resolve(value), expire_at_ms: entry::deadline(cell) })
    }

    /// The value behind what stands in a cell.
    #[inline]
    fn resolve<'a>(&'a self, value: CellValue<'a>) -> ValueRef<'a> {
        match value {
            CellValue::Str(value) => ValueRef::Str(value),
            collection => collections::collection(&self.collections, collection),
        }
    }

    fn view(&self, handle: u32) -> (&[u8], EntryRef<'_>) {
        view(&self.store, &self.collections, handle)
    }

    /// What a look-up of `hash` reads first. Look-ups wait for memory one by one; whoever reads several of
    /// these in a row waits once, and then once for those of [`Keyspace::entry_hint`].
    #[inline]
    #[must_use]
    pub fn bucket_hint(&self, hash: u64) -> &u64 {
        self.table.bucket_hint(hash)
    }

    /// What a look-up of `hash` reads next: the cache lines of an entry.
    #[inline]
    #[must_use]
    pub fn entry_hint(&self, hash: u64) -> Option<[&u8; 2]> {
        let cell = self.store.cell(self.table.candidate(hash)?);
        Some([&cell[0], &cell[CACHE_LINE_END.min(cell.len() - 1)]])
    }

    /// The collection that a look-up of `hash` will probably find, if that is a large one: for
    /// [`Collection::element_hint`].
    #[inline]
    #[must_use]
    pub fn large_collection(&self, hash: u64) -> Option<&Collection> {
        if self.collections.is_empty() {
            return None;
        }
        let cell = self.store.cell(self.table.candidate(hash)?);
        match entry::view(cell).1 {
            CellValue::Indexed(_, number) => Some(self.collections.get(number)),
            _ => None,
        }
    }

    /// Stores `value` under `key`; says whether it replaced an entry. A value that is the
    /// canonical decimal text of an `i64` is stored as that integer. Deadlines are Unix
    /// milliseconds; later ones than [`DEADLINE_MS_MAX`] are stored as that.
    pub fn set(&mut self, hash: u64, key: &[u8], value: &[u8], expire_at_ms: Option<u64>) -> bool {
        let value = canonical_int(value).map_or(StrRef::Bytes(value), StrRef::Int);
        self.put(hash, key, &Stored::new(value), expire_at_ms)
    }

    /// Stores an integer under `key` and keeps its deadline; says whether it replaced an entry.
    pub fn set_int(&mut self, hash: u64, key: &[u8], value: i64) -> bool {
        let value = Stored::new(StrRef::Int(value));
        let Some((spot, handle)) = self.find(hash, key) else {
            self.add(hash, key, &value, None);
            return false;
        };
        self.release(handle);
        let deadline = entry::deadline(self.store.cell(handle));
        self.replace(spot, handle, key, &value, deadline);
        true
    }

    /// Stores under `key` the integer that `change` makes of the string there, and keeps its deadline;
    /// returns it, and whether it replaced an entry.
    ///
    /// # Errors
    /// Those of `change`, which gets [`WrongType`] for anything but a string in memory: nothing is changed.
    pub fn change_int<E>(
        &mut self,
        hash: u64,
        key: &[u8],
        change: impl FnOnce(Result<Option<StrRef<'_>>, WrongType>) -> Result<i64, E>,
    ) -> Result<(i64, bool), E> {
        let Some((spot, handle)) = self.find(hash, key) else {
            let value = change(Ok(None))?;
            self.add(hash, key, &Stored::new(StrRef::Int(value)), None);
            return Ok((value, false));
        };
        let cell = self.store.cell(handle);
        let value = change(match entry::view(cell).1 {
            CellValue::Str(value) => Ok(Some(value)),
            _ => Err(WrongType),
        })?;
        let deadline = entry::deadline(cell);
        self.replace(spot, handle, key, &Stored::new(StrRef::Int(value)), deadline);
        Ok((value, true))
    }

    fn put(
        &mut self,
        hash: u64,
        key: &[u8],
        value: &Stored<'_>,
        expire_at_ms: Option<u64>,
    ) -> bool {
        let deadline = expire_at_ms.map(|at| at.min(DEADLINE_MS_MAX));
        match self.find(hash, key) {
            Some((spot, handle)) => {
                self.release(handle);
                self.replace(spot, handle, key, value, deadline);
                true
            }
            None => {
                self.add(hash, key, value, deadline);
                false
            }
        }
    }

    /// Adds an entry for a key that has none.
    fn add(&mut self, hash: u64, key: &[u8], value: &Stored<'_>, deadline: Option<u64>) {
        let start = entry::value_start(key.len(), deadline.is_some());
        let handle = self.store.take(start + value.len());
        entry::write(self.store.cell_mut(handle), key, value, deadline, Stamp::default());
        self.table.insert(hash, handle, &KeyHashes(&self.hasher, &self.store));
        if let Some(deadline) = deadline {
            self.deadlines.add(&mut self.store, handle, deadline);
        }
    }

    /// Writes another value and deadline into an entry, in its cell if they belong there;
    /// returns the handle that it has now. What the old value was beside the cell, the caller has
    /// taken.
    fn replace(
        &mut self,
        spot: Spot,
        handle: u32,
        key: &[u8],
        value: &Stored<'_>,
        deadline: Option<u64>,
    ) -> u32 {
        let before = entry::deadline(self.store.cell(handle));
        let start = entry::value_start(key.len(), deadline.is_some());
        if before.is_some() == deadline.is_some() && self.store.fit(handle, start + value.len()) {
            entry::write_value(self.store.cell_mut(handle), start, value);
            if let Some(deadline) = deadline
                && before != Some(deadline)
            {
                self.deadlines.change(&mut self.store, handle, deadline);
            }
            return handle;
        }
        let stamp = entry::stamp(self.store.cell(handle));
        self.unindex(handle);
        self.store.give(handle);
        let new = self.store.take(start + value.len());
        entry::write(self.store.cell_mut(new), key, value, deadline, stamp);
        self.table.set_handle(spot, new);
        if let Some(deadline) = deadline {
            self.deadlines.add(&mut self.store, new, deadline);
        }
        new
    }

    /// Takes an entry out of the deadline index, if it is there.
    fn unindex(&mut self, handle: u32) {
        let cell = self.store.cell(handle);
        if entry::deadline(cell).is_some() {
            let place = entry::place(cell);
            self.deadlines.remove(&mut self.store, place);
        }
    }

    /// Removes `key`; says whether it was there.
    pub fn remove(&mut self, hash: u64, key: &[u8]) -> bool {
        let found = self.find(hash, key);
        if let Some((spot, handle)) = found {
            self.take_out(hash, spot, handle);
        }
        found.is_some()
    }

    /// Frees the large collection that an entry holds, or counts out the string that is elsewhere.
    #[inline]
    fn release(&mut self, handle: u32) {
        let cell = self.store.cell(handle);
        if entry::is_here(cell) {
            return;
        }
        match (entry::number(cell), entry::away(cell)) {
            (Some(number), _) => self.collections.remove(number),
            (None, Some(away)) => self.homes.remove(&away),
            (None, None) => {}
        }
    }

    /// Takes out an entry and what it holds.
    fn take_out(&mut self, hash: u64, spot: Spot, handle: u32) {
        self.release(handle);
        self.take_out_cell(hash, spot, handle);
    }

    fn take_out_cell(&mut self, hash: u64, spot: Spot, handle: u32) {
        self.unindex(handle);
        self.table.remove(spot, hash, &KeyHashes(&self.hasher, &self.store));
        self.store.give(handle);
    }

    /// Gives `key` a deadline or takes it away; says whether the key is there.
    pub fn set_expiry(&mut self, hash: u64, key: &[u8], expire_at_ms: Option<u64>) -> bool {
        let Some((spot, handle)) = self.find(hash, key) else { return false };
        let deadline = expire_at_ms.map(|at| at.min(DEADLINE_MS_MAX));
        match (entry::deadline(self.store.cell(handle)), deadline) {
            (before, after) if before == after => {}
            (Some(_), Some(deadline)) => {
                self.deadlines.change(&mut self.store, handle, deadline);
            }
            _ => self.reshape(spot, handle, key, deadline),
        }
        true
    }

    /// Copies an entry into another cell because it gets or loses a deadline.
    fn reshape(&mut self, spot: Spot, handle: u32, key: &[u8], deadline: Option<u64>) {
        self.unindex(handle);
        let value_len = Stored::copied(self.store.cell(handle)).len();
        let new = self.store.take(entry::value_start(key.len(), deadline.is_some()) + value_len);
        let (from, to) = self.store.pair(handle, new);
        entry::write(to, key, &Stored::copied(from), deadline, entry::stamp(from));
        self.store.give(handle);
        self.table.set_handle(spot, new);
        if let Some(deadline) = deadline {
            self.deadlines.add(&mut self.store, new, deadline);
        }
    }

    /// The number of entries, expired ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of entries that have a deadline.
    #[must_use]
    pub fn expiring_len(&self) -> usize {
        self.deadlines.len()
    }

    /// The bytes that this keyspace has allocated, unused room included: pages, large entries,
    /// buckets, directory, deadline index, large collections (also removed ones that nobody has
    /// taken yet), and the lists of these.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.table.memory_bytes()
            + self.store.memory_bytes()
            + self.deadlines.memory_bytes()
            + self.collections.memory_bytes()
            + self.homes.memory_bytes()
    }

    /// Of these, the bytes of cells that hold nothing: the next entries lie there.
    #[must_use]
    pub fn free_bytes(&self) -> usize {
        self.store.free_bytes()
    }

    /// The bytes of all entries alone: of the cells that they take, and of large collections.
    #[must_use]
    pub fn entries_bytes(&self) -> usize {
        self.store.memory_bytes() - self.store.free_bytes() + self.collections.memory_bytes()
    }

    /// The bytes that `key`, its value and its share of table and deadline index take.
    #[must_use]
    pub fn entry_bytes(&self, hash: u64, key: &[u8]) -> Option<usize> {
        let (_, handle) = self.find(hash, key)?;
        let cell = self.store.cell(handle);
        let is_indexed = entry::deadline(cell).is_some();
        let index_bytes = if is_indexed { INDEX_BYTES_PER_ENTRY } else { 0 };
        let number = entry::number(cell);
        let collection_bytes = number.map_or(0, |number| self.collections.bytes_of(number));
        Some(self.store.bytes_of(handle) + TABLE_BYTES_PER_ENTRY + index_bytes + collection_bytes)
    }

    /// Shows entries from `cursor` on, about `count` of them, and returns the cursor to go on
    /// from; 0 starts and 0 ends. An entry that is there from the start of a scan to its end is
    /// shown at least once, whatever else is written in between. Cursors are below 2^48.
    pub fn scan(
        &self,
        cursor: u64,
        count: usize,
        visit: &mut dyn FnMut(&[u8], EntryRef<'_>),
    ) -> u64 {
        self.table.scan(cursor, count, &KeyHashes(&self.hasher, &self.store), |handle| {
            let (key, entry) = self.view(handle);
            visit(key, entry);
        })
    }

    /// An entry picked by `draw`, a random number; each is as likely as any other.
    #[must_use]
    pub fn random(&self, draw: u64) -> Option<(&[u8], EntryRef<'_>)> {
        let handle = self.table.random(draw, &KeyHashes(&self.hasher, &self.store))?;
        Some(self.view(handle))
    }

    /// Removes at most `limit` entries whose deadline is at or before `now_ms`, earliest first,
    /// shows their keys, and returns how many there were.
    pub fn pop_expired(
        &mut self,
        now_ms: u64,
        limit: usize,
        visit: &mut dyn FnMut(&[u8]),
    ) -> usize {
        let mut removed = 0;
        let mut due = Vec::new();
        while removed < limit {
            self.deadlines.due(&self.store, now_ms, &mut due);
            if due.is_empty() {
                break;
            }
            for (_, handle) in due.iter().take(limit - removed) {
                let key = entry::key(self.store.cell(*handle));
                visit(key);
                let hash = self.hash(key);
                let (spot, _) = self
                    .table
                    .find(hash, |other| other == *handle)
                    .expect("the table holds every handle in use");
                self.take_out(hash, spot, *handle);
                removed += 1;
            }
        }
        removed
    }

    /// Shows the keys of at most `limit` entries whose deadline is at or before `now_ms`, earliest first.
    pub fn due(&self, now_ms: u64, limit: usize, visit: &mut dyn FnMut(&[u8])) {
        let mut due = Vec::new();
        self.deadlines.due(&self.store, now_ms, &mut due);
        for (_, handle) in due.iter().take(limit) {
            visit(entry::key(self.store.cell(*handle)));
        }
    }

    /// The earliest deadline.
    #[must_use]
    pub fn next_deadline_ms(&self) -> Option<u64> {
        self.deadlines.first(&self.store)
    }

    /// Empties the keyspace; the returned one holds what it held, to be dropped elsewhere.
    #[must_use]
    pub fn clear(&mut self) -> Self {
        let empty = Self::with_hasher(self.hasher.clone());
        std::mem::replace(self, empty)
    }

    /// Whether [`Keyspace::defragment`] would give back a good part of the memory.
    #[must_use]
    pub fn is_fragmented(&self) -> bool {
        self.store.is_fragmented()
    }

    /// Moves entries out of sparse pages, so that these are freed; stops when `budget` entries
    /// were moved or pages looked at, and a page is finished. Returns whether a further call may
    /// free more.
    pub fn defragment(&mut self, budget: usize) -> bool {
        let Self { hasher, table, store, deadlines, .. } = self;
        store.defragment(budget, &mut |cell, old, new| {
            let hash = hasher.hash_one(entry::key(cell));
            let (spot, _) = table
                .find(hash, |handle| handle == old)
                .expect("the table holds every handle in use");
            table.set_handle(spot, new);
            if entry::deadline(cell).is_some() {
                deadlines.relocate(entry::place(cell), new);
            }
        })
    }

    /// Recounts everything that is counted.
    #[cfg(test)]
    fn check(&self) {
        self.table.check(&KeyHashes(&self.hasher, &self.store));
        self.store.check();
        self.deadlines.check(&self.store);
        self.collections.check();
        assert_eq!(self.homes, self.recounted_homes());
    }
}

#[cfg(test)]
mod tests;
