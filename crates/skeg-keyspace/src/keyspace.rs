//! The map from keys to values and deadlines.
//!
//! May not know: clocks, logs, shards.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use crate::value::{DEADLINE_MS_MAX, EntryRef, HashSeed, StrRef, canonical_int};

#[derive(Debug)]
enum Value {
    Bytes(Vec<u8>),
    Int(i64),
}

#[derive(Debug)]
struct Stored {
    value: Value,
    deadline: Option<u64>,
}

impl Stored {
    fn view(&self) -> EntryRef<'_> {
        let value = match &self.value {
            Value::Bytes(bytes) => StrRef::Bytes(bytes),
            Value::Int(value) => StrRef::Int(*value),
        };
        EntryRef { value, expire_at_ms: self.deadline }
    }
}

/// A slot of a scan: the upper 47 bits of the hash, so that a cursor fits 48 bits.
const SLOT_SHIFT: u32 = 17;

/// One logical database of one shard.
#[derive(Debug)]
pub struct Keyspace {
    state: ahash::RandomState,
    entries: BTreeMap<(u64, Vec<u8>), Stored>,
    deadlines: BTreeSet<(u64, u64, Vec<u8>)>,
}

impl Keyspace {
    /// An empty keyspace.
    #[must_use]
    pub fn new(seed: HashSeed) -> Self {
        Self { state: seed.state(), entries: BTreeMap::new(), deadlines: BTreeSet::new() }
    }

    /// The hash of `key`; every call that takes a hash wants this one.
    #[must_use]
    pub fn hash(&self, key: &[u8]) -> u64 {
        self.state.hash_one(key)
    }

    /// The entry of `key`, expired or not.
    #[must_use]
    pub fn get(&self, hash: u64, key: &[u8]) -> Option<EntryRef<'_>> {
        self.entries.get(&(hash, key.to_vec())).map(Stored::view)
    }

    fn put(&mut self, hash: u64, key: &[u8], value: Value, expire_at_ms: Option<u64>) -> bool {
        let deadline = expire_at_ms.map(|at| at.min(DEADLINE_MS_MAX));
        let old = self.entries.insert((hash, key.to_vec()), Stored { value, deadline });
        if let Some(at) = old.as_ref().and_then(|old| old.deadline) {
            self.deadlines.remove(&(at, hash, key.to_vec()));
        }
        if let Some(at) = deadline {
            self.deadlines.insert((at, hash, key.to_vec()));
        }
        old.is_some()
    }

    /// Stores `value` under `key`; says whether it replaced an entry. A value that is the
    /// canonical decimal text of an `i64` is stored as that integer.
    pub fn set(&mut self, hash: u64, key: &[u8], value: &[u8], expire_at_ms: Option<u64>) -> bool {
        let value = match canonical_int(value) {
            Some(int) => Value::Int(int),
            None => Value::Bytes(value.to_vec()),
        };
        self.put(hash, key, value, expire_at_ms)
    }

    /// Stores an integer under `key`; says whether it replaced an entry.
    pub fn set_int(
        &mut self,
        hash: u64,
        key: &[u8],
        value: i64,
        expire_at_ms: Option<u64>,
    ) -> bool {
        self.put(hash, key, Value::Int(value), expire_at_ms)
    }

    fn change(&mut self, hash: u64, key: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> usize {
        let (mut bytes, deadline) = match self.get(hash, key) {
            Some(entry) => {
                let mut bytes = Vec::new();
                entry.value.write_to(&mut bytes);
                (bytes, entry.expire_at_ms)
            }
            None => (Vec::new(), None),
        };
        change(&mut bytes);
        let len = bytes.len();
        self.put(hash, key, Value::Bytes(bytes), deadline);
        len
    }

    /// Appends `tail` to the value of `key` (created empty when absent), keeps its deadline,
    /// and returns the new length.
    pub fn append(&mut self, hash: u64, key: &[u8], tail: &[u8]) -> usize {
        self.change(hash, key, |bytes| bytes.extend_from_slice(tail))
    }

    /// Overwrites the value of `key` (created empty when absent) from `offset` on, padding with
    /// zero bytes, keeps its deadline, and returns the new length.
    pub fn set_range(&mut self, hash: u64, key: &[u8], offset: usize, patch: &[u8]) -> usize {
        self.change(hash, key, |bytes| {
            let end = offset + patch.len();
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            bytes[offset..end].copy_from_slice(patch);
        })
    }

    /// Removes `key`; says whether it was there.
    pub fn remove(&mut self, hash: u64, key: &[u8]) -> bool {
        let old = self.entries.remove(&(hash, key.to_vec()));
        if let Some(at) = old.as_ref().and_then(|old| old.deadline) {
            self.deadlines.remove(&(at, hash, key.to_vec()));
        }
        old.is_some()
    }

    /// Gives `key` a deadline or takes it away; says whether the key is there.
    pub fn set_expiry(&mut self, hash: u64, key: &[u8], expire_at_ms: Option<u64>) -> bool {
        match self.entries.remove(&(hash, key.to_vec())) {
            Some(old) => {
                if let Some(at) = old.deadline {
                    self.deadlines.remove(&(at, hash, key.to_vec()));
                }
                self.put(hash, key, old.value, expire_at_ms);
                true
            }
            None => false,
        }
    }

    /// The number of entries, expired ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
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

    /// The bytes that this keyspace holds.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.entries
            .iter()
            .map(|((_, key), stored)| 100 + key.len() + stored.view().value.len())
            .sum()
    }

    /// The bytes that `key`, its value and its place in the table take.
    #[must_use]
    pub fn entry_bytes(&self, hash: u64, key: &[u8]) -> Option<usize> {
        self.get(hash, key).map(|entry| 100 + key.len() + entry.value.len())
    }

    /// Shows at least `count` entries if there are that many, from `cursor` on, and returns the
    /// cursor to go on from; 0 starts and 0 ends. Every entry that is present from the start of
    /// a scan to its end is shown at least once. Cursors are below 2^48.
    pub fn scan(
        &self,
        cursor: u64,
        count: usize,
        visit: &mut dyn FnMut(&[u8], EntryRef<'_>),
    ) -> u64 {
        let from = Bound::Included((cursor << SLOT_SHIFT, Vec::new()));
        let mut last = None;
        for (shown, ((hash, key), stored)) in
            self.entries.range((from, Bound::Unbounded)).enumerate()
        {
            let slot = hash >> SLOT_SHIFT;
            if shown >= count.max(1) && last.is_some_and(|last| last != slot) {
                return slot;
            }
            visit(key, stored.view());
            last = Some(slot);
        }
        0
    }

    /// An entry picked by `draw`, a random number.
    #[must_use]
    pub fn random(&self, draw: u64) -> Option<(&[u8], EntryRef<'_>)> {
        let from = Bound::Included((draw, Vec::new()));
        let found = self.entries.range((from, Bound::Unbounded)).next();
        found
            .or_else(|| self.entries.iter().next())
            .map(|((_, key), stored)| (&key[..], stored.view()))
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
        while removed < limit {
            match self.deadlines.pop_first() {
                Some((at, hash, key)) if at <= now_ms => {
                    visit(&key);
                    self.entries.remove(&(hash, key));
                    removed += 1;
                }
                Some(later) => {
                    self.deadlines.insert(later);
                    break;
                }
                None => break,
            }
        }
        removed
    }

    /// The earliest deadline.
    #[must_use]
    pub fn next_deadline_ms(&self) -> Option<u64> {
        self.deadlines.first().map(|(at, _, _)| *at)
    }

    /// Empties the keyspace; the returned one holds what it held, to be dropped elsewhere.
    pub fn clear(&mut self) -> Self {
        let empty = Self {
            state: self.state.clone(),
            entries: BTreeMap::new(),
            deadlines: BTreeSet::new(),
        };
        std::mem::replace(self, empty)
    }
}
