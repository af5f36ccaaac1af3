//! Strings that stay in the log are stated again at its end, so that the segments can go where they
//! stood.
//!
//! Invariants: a string is stated again only while its entry points to the very place that it was read
//! from, so nothing comes back that was removed, and nothing is undone that was written or moved in
//! between; value, deadline, and what watches of the key know stay as they are.
//! May not know: which segments are to go, and when (`snapshot/compact.rs`).

use std::collections::BTreeSet;

use skeg_keyspace::ValueRef;
use skeg_log::{Broken, Logged, breaks};

use super::Shard;
use crate::effect::Effect;
use crate::options::DATABASES;
use crate::values::logged;

/// Entries that are looked at under one hold of a latch: about 100 microseconds.
const SEEK_ENTRIES: usize = 1_024;

/// A string in the log, and the key that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stray {
    db: u8,
    key: Box<[u8]>,
    pub(crate) value: Logged,
}

impl Stray {
    /// Bytes of log that it takes to state it again, at most.
    pub(crate) fn log_bytes(&self) -> u64 {
        self.key.len() as u64 + u64::from(self.value.bytes) + super::EFFECT_SLACK
    }
}

/// How far the strings of a shard have been looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seek {
    db: u8,
    cursor: u64,
}

impl Shard {
    /// Looks for strings in these segments, as far as one hold of the latch bears, and tells where to
    /// go on. What is written meanwhile is not in a segment that was full before.
    pub(crate) fn seek_strings(
        &self,
        segments: &BTreeSet<u64>,
        seek: Seek,
    ) -> (Vec<Stray>, Option<Seek>) {
        let Seek { mut db, cursor } = seek;
        let mut found = Vec::new();
        let has_some = |db: u8| {
            self.databases[usize::from(db)].homes().any(|(home, _)| segments.contains(&home))
        };
        if !has_some(db) {
            let next = (db + 1..DATABASES).find(|db| has_some(*db));
            return (found, next.map(|db| Seek { db, cursor: 0 }));
        }
        let keyspace = &self.databases[usize::from(db)];
        let next = keyspace.scan(cursor, SEEK_ENTRIES, &mut |key, entry| {
            if let ValueRef::Away(away) = entry.value
                && segments.contains(&away.home)
            {
                found.push(Stray { db, key: key.into(), value: logged(&away) });
            }
        });
        if next == 0 {
            db += 1;
        }
        (found, (db < DATABASES).then_some(Seek { db, cursor: next }))
    }

    /// States a string again, whose bytes these are, unless the key's entry does not point to it any
    /// more. The entry gets the new place as that of any large string, once it is written.
    pub(crate) fn restate(&mut self, stray: &Stray, bytes: &[u8]) -> bool {
        let Stray { db, ref key, value } = *stray;
        let keyspace = &self.databases[usize::from(db)];
        let hash = keyspace.hash(key);
        let entry = keyspace.get(hash, key);
        let expire_at_ms = entry.as_ref().and_then(|entry| entry.expire_at_ms);
        let is_there = match entry.map(|entry| entry.value) {
            Some(ValueRef::Away(away)) => logged(&away) == value,
            _ => false,
        };
        if !is_there && !breaks(Broken::RestatesChanged) {
            return false;
        }
        if bytes.len() <= self.inline_max {
            // It was written when strings of its length stayed in the log.
            self.writable(db, hash).take_back(hash, key, bytes);
        }
        self.log_effect(&Effect::Set { db, key, value: bytes, expire_at_ms });
        self.note_string(db, hash, key, bytes.len());
        true
    }
}
