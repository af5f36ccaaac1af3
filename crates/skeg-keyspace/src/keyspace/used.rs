//! Uses of entries, and which entries might go when memory is short.
//!
//! May not know: which policy there is, clocks, randomness.

use super::{KeyHashes, Keyspace};
use crate::entry;
use crate::stamp::{Stamp, Used};

/// The upper bits of a random number are where in the table a sample starts.
const POSITION_SHIFT: u32 = 16;

/// An entry that might go.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Its key.
    pub key: &'a [u8],
    /// When or how often it was used.
    pub stamp: Stamp,
    /// Its deadline in Unix milliseconds.
    pub expire_at_ms: Option<u64>,
}

impl Keyspace {
    /// Notes a use of `key`, if it is there; whether it is.
    pub fn note_use(&mut self, hash: u64, key: &[u8], used: Used) -> bool {
        let Some((_, handle)) = self.find(hash, key) else { return false };
        let cell = self.store.cell_mut(handle);
        let before = entry::stamp(cell);
        let after = before.after(used);
        if after != before {
            entry::set_stamp(cell, after);
        }
        true
    }

    /// Says when or how often `key` was used, if it is there.
    pub fn set_stamp(&mut self, hash: u64, key: &[u8], stamp: Stamp) {
        if let Some((_, handle)) = self.find(hash, key) {
            entry::set_stamp(self.store.cell_mut(handle), stamp);
        }
    }

    /// When or how often `key` was used; none when it is not there.
    #[must_use]
    pub fn stamp(&self, hash: u64, key: &[u8]) -> Option<Stamp> {
        let (_, handle) = self.find(hash, key)?;
        Some(entry::stamp(self.store.cell(handle)))
    }

    fn candidate(&self, handle: u32) -> Candidate<'_> {
        let cell = self.store.cell(handle);
        let (stamp, expire_at_ms) = (entry::stamp(cell), entry::deadline(cell));
        Candidate { key: entry::key(cell), stamp, expire_at_ms }
    }

    /// Shows entries from a place on that `draw`, a random number, picks: whole buckets, `count` entries or
    /// some more; all of them, some twice, when there are no more. The table is in the order of hashes, so
    /// neighbours are as good as entries drawn one by one, and cost fewer cache misses.
    pub fn sample(&self, draw: u64, count: usize, visit: &mut dyn FnMut(Candidate<'_>)) {
        let mut shown = 0;
        let mut cursor = draw >> POSITION_SHIFT;
        let mut laps = 0;
        while shown < count && laps < 2 {
            let hashes = KeyHashes(&self.hasher, &self.store);
            cursor = self.table.scan(cursor, count - shown, &hashes, |handle| {
                shown += 1;
                visit(self.candidate(handle));
            });
            laps += usize::from(cursor == 0);
        }
    }

    /// An entry with a deadline, picked by `draw`, a random number.
    #[must_use]
    pub fn sample_expiring(&self, draw: u64) -> Option<Candidate<'_>> {
        self.deadlines.pick(draw).map(|handle| self.candidate(handle))
    }
}
