//! The walk of a snapshot over a keyspace that goes on being changed.
//!
//! Between [`Keyspace::begin_walk`] and the end of the walk, whoever changes an entry calls
//! [`Keyspace::preserve`] first. Then the entries that both show are those that were there when the walk
//! began, each exactly once and as it was.
//!
//! May not know: more than its parent.

use super::{KeyHashes, Keyspace, view};
use crate::collection::store::Collections;
use crate::entry;
use crate::store::Store;
use crate::value::EntryRef;

/// An entry that a walk shows.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// Its key.
    pub key: &'a [u8],
    /// Its value and deadline.
    pub entry: EntryRef<'a>,
    /// What reading all of it reads, in bytes of memory.
    pub bytes: usize,
}

impl Keyspace {
    /// Starts a walk; one that was not finished is over.
    pub fn begin_walk(&mut self) {
        self.walk = self.walk.wrapping_add(1);
    }

    /// Shows entries from `cursor` on that the walk has not shown, and returns the cursor to go on from;
    /// 0 starts and 0 ends. It stops when what `visit` says that they cost reaches `budget`; entries that
    /// share a bucket (at most eleven) are shown together.
    pub fn walk(
        &mut self,
        cursor: u64,
        budget: usize,
        visit: &mut dyn FnMut(Shown<'_>) -> usize,
    ) -> u64 {
        let Self { hasher, table, store, collections, walk, .. } = self;
        let hashes = KeyHashes(hasher, store);
        table
            .walk(cursor, *walk, budget, &hashes, |handle| visit(shown(store, collections, handle)))
    }

    /// Shows the entries that a change of the key with this hash might move or change, unless the walk
    /// has shown them.
    pub fn preserve(&mut self, hash: u64, visit: &mut dyn FnMut(Shown<'_>)) {
        let Self { hasher, table, store, collections, walk, .. } = self;
        table.show_unshown(hash, *walk, &KeyHashes(hasher, store), |handle| {
            visit(shown(store, collections, handle));
        });
    }
}

fn shown<'a>(store: &'a Store, collections: &'a Collections, handle: u32) -> Shown<'a> {
    let (key, entry) = view(store, collections, handle);
    let number = entry::number(store.cell(handle));
    let elsewhere = number.map_or(0, |number| collections.bytes_of(number));
    Shown { key, entry, bytes: store.bytes_of(handle) + elsewhere }
}
