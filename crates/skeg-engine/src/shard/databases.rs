//! Databases as wholes: how many keys they have, walking through them, emptying and exchanging them, and
//! giving back what memory they do not need.
//!
//! Invariant: what empties or exchanges a database is one effect, and tells every watcher whom it concerns.
//! May not know: what the numbers of databases mean to clients.

use skeg_keyspace::{EntryRef, Keyspace};

use super::Shard;
use crate::effect::Effect;

/// Where giving back sparse pages goes on.
#[derive(Debug, Default)]
pub(super) struct Tidying {
    /// The database to look at first.
    db: usize,
    /// Nothing is moved before: the last time gave nothing back. By the monotonic clock.
    resting_until_ms: u64,
}

impl Shard {
    /// Keys of the database on this shard, those included whose deadline has passed unnoticed.
    #[must_use]
    pub fn len(&self, db: u8) -> usize {
        self.keyspace(db).len()
    }

    /// Whether the database has no key on this shard.
    #[must_use]
    pub fn is_empty(&self, db: u8) -> bool {
        self.len(db) == 0
    }

    /// Keys of the database on this shard that have a deadline.
    #[must_use]
    pub fn expiring_len(&self, db: u8) -> usize {
        self.keyspace(db).expiring_len()
    }

    /// Visits about `count` entries from `cursor` on (0 starts; below 2^48) and returns the next
    /// cursor (0: done). What is there during the whole scan is visited at least once. Entries whose
    /// deadline has passed are left out.
    pub fn scan(
        &mut self,
        db: u8,
        cursor: u64,
        count: usize,
        visit: &mut dyn FnMut(&[u8], EntryRef<'_>),
    ) -> u64 {
        self.see_all();
        let now_ms = self.slice.now_ms;
        self.keyspace(db).scan(cursor, count, &mut |key, entry| {
            if entry.expire_at_ms.is_none_or(|at| at > now_ms) {
                visit(key, entry);
            }
        })
    }

    /// Visits every entry as it lies there, also those whose deadline has passed; whoever looks this way
    /// shows it to nobody. For tests.
    #[cfg(feature = "failpoints")]
    pub fn inspect(&self, db: u8, visit: &mut dyn FnMut(&[u8], EntryRef<'_>)) {
        let mut cursor = 0;
        loop {
            cursor = self.keyspace(db).scan(cursor, 64, visit);
            if cursor == 0 {
                return;
            }
        }
    }

    /// A key drawn by the random number, if there is one; its deadline may have passed.
    #[must_use]
    pub fn random(&self, db: u8, draw: u64) -> Option<&[u8]> {
        self.keyspace(db).random(draw).map(|(key, _)| key)
    }

    /// Removes every key of the database on this shard and returns the old contents, to be freed
    /// off the latch, unless a snapshot still needs them.
    pub fn flush(&mut self, db: u8) -> Option<Keyspace> {
        if self.is_empty(db) {
            // That it is empty may be pending: what was removed last could come back.
            self.see_all();
            return None;
        }
        self.watchers_of_all(db, None);
        self.flush_large(db);
        let old = self.databases[usize::from(db)].clear();
        self.log_effect(&Effect::Flush { db });
        self.slice.touched_all = true;
        match &mut self.walk {
            Some(walk) => walk.flushed(db, old),
            None => Some(old),
        }
    }

    /// Exchanges two databases on this shard.
    pub fn swap(&mut self, a: u8, b: u8) {
        if a == b {
            return;
        }
        self.expire_watched(a, b);
        self.watchers_of_all(a, Some(b));
        self.watchers_of_all(b, Some(a));
        self.databases.swap(usize::from(a), usize::from(b));
        self.swap_large(a, b);
        self.slice.removed |= 1 << a | 1 << b;
        if let Some(walk) = &mut self.walk {
            walk.swapped(a, b);
        }
        self.log_effect(&Effect::Swap { a, b });
        self.slice.touched_all = true;
        if !self.waits.is_empty() {
            self.waits.note_all(a);
            self.waits.note_all(b);
        }
    }

    /// Removes what has expired under watched keys of two databases: to a watch, it is not there.
    fn expire_watched(&mut self, a: u8, b: u8) {
        let watched: Vec<Box<[u8]>> =
            self.watches.keys(a).chain(self.watches.keys(b)).map(Into::into).collect();
        for key in watched {
            self.exists(a, &key);
            self.exists(b, &key);
        }
    }

    /// Tells the watchers of keys that exist in the database or in the one that takes its place.
    fn watchers_of_all(&self, db: u8, other: Option<u8>) {
        let exists = |db: u8, key: &[u8]| {
            let keyspace = self.keyspace(db);
            keyspace.get(self.hash_of(key), key).is_some()
        };
        self.watches.changed_where(db, |key| {
            exists(db, key) || other.is_some_and(|other| exists(other, key))
        });
    }

    /// Moves up to about `budget` entries out of sparse pages, so that these are freed, when enough is
    /// to be had. Returns whether there is more; rests when moving gives nothing back. No effect is
    /// logged: what clients see stays the same.
    pub(crate) fn defragment(&mut self, monotonic_ms: u64, budget: usize, rest_ms: u64) -> bool {
        if monotonic_ms < self.tidying.resting_until_ms {
            return false;
        }
        let count = self.databases.len();
        let from = self.tidying.db;
        let Some(db) = (from..from + count)
            .map(|place| place % count)
            .find(|db| self.databases[*db].is_fragmented())
        else {
            return false;
        };
        let goes_on = self.databases[db].defragment(budget);
        if goes_on {
            self.tidying.db = db;
        } else {
            self.tidying = Tidying { db: db + 1, resting_until_ms: monotonic_ms + rest_ms };
        }
        goes_on
    }
}
