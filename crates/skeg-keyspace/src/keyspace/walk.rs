//! The walk of a snapshot over a keyspace that goes on being changed.
//!
//! Between [`Keyspace::begin_walk`] and the end of the walk, whoever changes an entry calls
//! [`Keyspace::preserve`] first. Then the entries that both show are those that were there when the walk
//! began, each exactly once and as it was.
//!
//! May not know: more than its parent.

use super::{KeyHashes, Keyspace, view};
use crate::entry;
use crate::value::EntryRef;

/// What an entry costs beside its bytes: about what reading one that is not cached takes.
const ENTRY_COST: usize = 256;

impl Keyspace {
    /// Starts a walk; one that was not finished is over.
    pub fn begin_walk(&mut self) {
        self.walk = self.walk.wrapping_add(1);
    }

    /// Shows entries from `cursor` on that the walk has not shown, and returns the cursor to go on from;
    /// 0 starts and 0 ends. It stops when bytes of keys and values, and 256 for each entry, reach
    /// `budget`; entries that share a bucket are shown together.
    pub fn walk(
        &mut self,
        cursor: u64,
        budget: usize,
        visit: &mut dyn FnMut(&[u8], EntryRef<'_>),
    ) -> u64 {
        let Self { hasher, table, store, collections, walk, .. } = self;
        let hashes = KeyHashes(hasher, store);
        table.walk(cursor, *walk, budget, &hashes, |handle| {
            let (key, entry) = view(store, collections, handle);
            visit(key, entry);
            let number = entry::number(store.cell(handle));
            let elsewhere = number.map_or(0, |number| collections.bytes_of(number));
            ENTRY_COST + store.bytes_of(handle) + elsewhere
        })
    }

    /// Shows the entries that a change of the key with this hash might move or change, unless the walk
    /// has shown them.
    pub fn preserve(&mut self, hash: u64, visit: &mut dyn FnMut(&[u8], EntryRef<'_>)) {
        let Self { hasher, table, store, collections, walk, .. } = self;
        table.show_unshown(hash, *walk, &KeyHashes(hasher, store), |handle| {
            let (key, entry) = view(store, collections, handle);
            visit(key, entry);
        });
    }
}
