//! Strings that are kept elsewhere: an entry has their length and place, and they are counted by home.
//!
//! Invariant: the count of a home is that of the entries whose place is there, at any time; whoever
//! owns the homes knows by it when nothing of one is needed any more.
//!
//! May not know: what a home is, how a string gets there and back.

use std::collections::BTreeMap;

use super::{KeyHashes, Keyspace};
use crate::entry::{self, CellValue, Stored};
use crate::value::{Away, Kept, StrRef};

/// What is kept at each home; those with nothing are not in it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Homes(BTreeMap<u64, Kept>);

impl Homes {
    fn add(&mut self, away: &Away) {
        let kept = self.0.entry(away.home).or_default();
        kept.values += 1;
        kept.bytes += u64::from(away.len);
    }

    pub(super) fn remove(&mut self, away: &Away) {
        let kept = self.0.get_mut(&away.home).expect("what is removed was counted");
        kept.values -= 1;
        kept.bytes -= u64::from(away.len);
        if kept.values == 0 {
            self.0.remove(&away.home);
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.0.len() * size_of::<(u64, Kept)>()
    }
}

impl Keyspace {
    /// Stores a string that is elsewhere under `key`; says whether it replaced an entry.
    pub fn put_away(
        &mut self,
        hash: u64,
        key: &[u8],
        away: Away,
        expire_at_ms: Option<u64>,
    ) -> bool {
        let replaced = self.put(hash, key, &Stored::away(&away), expire_at_ms);
        self.homes.add(&away);
        replaced
    }

    /// The string of `key` is elsewhere from now on; its deadline stays. `false`, and nothing happens,
    /// when the key holds no string of that length.
    pub fn send_away(&mut self, hash: u64, key: &[u8], away: Away) -> bool {
        let Some((spot, handle)) = self.find(hash, key) else { return false };
        let cell = self.store.cell(handle);
        let deadline = entry::deadline(cell);
        let len = match entry::view(cell).1 {
            CellValue::Str(StrRef::Bytes(bytes)) => bytes.len(),
            CellValue::Away(before) => before.len as usize,
            _ => return false,
        };
        if len != away.len as usize {
            return false;
        }
        self.release(handle);
        self.replace(spot, handle, key, &Stored::away(&away), deadline);
        self.homes.add(&away);
        true
    }

    /// The string of `key` is here from now on; its deadline stays. `false`, and nothing happens, when
    /// it was not elsewhere.
    pub fn take_back(&mut self, hash: u64, key: &[u8], bytes: &[u8]) -> bool {
        let Some((spot, handle)) = self.find(hash, key) else { return false };
        let cell = self.store.cell(handle);
        let Some(away) = entry::away(cell) else { return false };
        debug_assert_eq!(away.len as usize, bytes.len(), "it is the string that was sent away");
        let deadline = entry::deadline(cell);
        self.homes.remove(&away);
        self.replace(spot, handle, key, &Stored::new(StrRef::Bytes(bytes)), deadline);
        true
    }

    /// Whether any string is elsewhere.
    #[inline]
    #[must_use]
    pub fn has_away(&self) -> bool {
        !self.homes.0.is_empty()
    }

    /// How much is kept at each home, homes ascending.
    pub fn homes(&self) -> impl Iterator<Item = (u64, Kept)> {
        self.homes.0.iter().map(|(home, kept)| (*home, *kept))
    }

    /// Gives strings that are elsewhere the places that `moved` says, each of the same length. Looks
    /// at every entry.
    pub fn relocate(&mut self, moved: &dyn Fn(&Away) -> Option<Away>) {
        let mut found = Vec::new();
        self.each_away(&mut |handle, away| {
            if let Some(to) = moved(&away) {
                found.push((handle, away, to));
            }
        });
        for (handle, from, to) in found {
            debug_assert_eq!(from.len, to.len, "a string stays as long as it is");
            self.homes.remove(&from);
            self.homes.add(&to);
            let cell = self.store.cell_mut(handle);
            let start = entry::value_start(entry::key(cell).len(), entry::deadline(cell).is_some());
            entry::write_value(cell, start, &Stored::away(&to));
        }
    }

    fn each_away(&self, visit: &mut dyn FnMut(u32, Away)) {
        let mut cursor = 0;
        loop {
            let hashes = KeyHashes(&self.hasher, &self.store);
            cursor = self.table.scan(cursor, usize::MAX, &hashes, |handle| {
                if let Some(away) = entry::away(self.store.cell(handle)) {
                    visit(handle, away);
                }
            });
            if cursor == 0 {
                return;
            }
        }
    }

    #[cfg(test)]
    pub(super) fn recounted_homes(&self) -> Homes {
        let mut homes = Homes::default();
        self.each_away(&mut |_, away| homes.add(&away));
        homes
    }
}
