//! Deadlines that have passed: what is left of a key then is removed when it is met, or when its turn comes.
//!
//! Invariant: a removal is logged as any other, and waits for its turn where the log has no room or a snapshot
//! has still to hand out a large value; until then the key is there for nobody.
//! May not know: when turns come.

use skeg_keyspace::{EntryRef, Keyspace};
use skeg_log::Purpose;

use super::{EFFECT_SLACK, Shard};
use crate::effect::Effect;
use crate::notify::NotifyClass;
use crate::options::DATABASES;

impl Shard {
    /// Whether the key is there and its deadline has not passed. A key whose deadline has passed is
    /// removed, if the log has room for saying so and no snapshot has still to hand out a large value.
    pub(super) fn is_live(&mut self, db: u8, hash: u64, key: &[u8]) -> bool {
        match self.keyspace(db).get(hash, key) {
            None => false,
            Some(EntryRef { expire_at_ms: Some(at), .. }) if at <= self.slice.now_ms => {
                if !self.switches.keeps_expired(self.slice.now_ms)
                    && self.reserve_removals(key.len() as u64 + EFFECT_SLACK)
                    && !self.is_left_to_walk(db, hash)
                {
                    self.expire(db, hash, key);
                }
                false
            }
            Some(_) => true,
        }
    }

    /// Removes the entry if its deadline has passed, so that a write starts from nothing. The
    /// write's own reservation covers the effect.
    pub(super) fn clear_expired(&mut self, db: u8, hash: u64, key: &[u8]) {
        if self.keyspace(db).expiring_len() == 0 {
            return;
        }
        let now_ms = self.slice.now_ms;
        let entry = self.keyspace(db).get(hash, key);
        if entry.is_some_and(|entry| entry.expire_at_ms.is_some_and(|at| at <= now_ms)) {
            self.expire(db, hash, key);
        }
    }

    pub(super) fn expire(&mut self, db: u8, hash: u64, key: &[u8]) {
        self.writable(db, hash).remove(hash, key);
        self.stats.expired += 1;
        let made_changes = self.slice.made_changes;
        self.changed(db, hash, key, &Effect::Remove { db, key });
        self.slice.made_changes = made_changes;
        self.notify(NotifyClass::EXPIRED, "expired", db, key);
    }

    pub(super) fn reserve_removals(&mut self, bytes: u64) -> bool {
        if self.must_wait_for_walk() {
            return false;
        }
        let Some(log) = &self.log else { return true };
        log.reserve_more(&mut self.slice.space, bytes, Purpose::Release).is_ok()
    }

    /// Removes up to `limit` entries whose deadline has passed, in the order of their deadlines.
    pub(crate) fn expire_due(&mut self, limit: usize) -> usize {
        let now_ms = self.slice.now_ms;
        let mut removed = 0;
        for db in 0..DATABASES {
            let due = |ks: &Keyspace| ks.next_deadline_ms().is_some_and(|at| at <= now_ms);
            while removed < limit && due(self.keyspace(db)) && self.reserve_removals(16 << 10) {
                let mut keys: Vec<Box<[u8]>> = Vec::new();
                let batch = (limit - removed).min(64);
                self.keyspace(db).due(now_ms, batch, &mut |key| keys.push(key.into()));
                if keys.is_empty() {
                    break;
                }
                let before = removed;
                for key in &keys {
                    let hash = self.hash_of(key);
                    if !self.is_left_to_walk(db, hash) {
                        self.expire(db, hash, key);
                        removed += 1;
                    }
                }
                if removed - before < keys.len() {
                    // The others go once the snapshot under way has them.
                    break;
                }
            }
        }
        removed
    }
}
