//! Large strings leave memory: once the block with one is written, its entry keeps only the place.
//!
//! A string beyond `inlineMax` is stored as any other, and its record is traced. When the log says
//! where that was written, a slice under the latch puts the place into the entry, unless the key was
//! changed in between. So what is not yet written is in memory. A string that is changed in place comes
//! back into memory and stays there.
//!
//! Invariants: an entry gets a place only while it holds the very value that was logged there; every
//! change of a key ends what was pending for it; strings that wait are known by the epoch of their
//! record, so that nobody takes the segment that they are to point to.
//! May not know: more than its parent.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use skeg_keyspace::{Away, StrRef, ValueRef};
use skeg_log::{Broken, Epoch, Log, Logged, ShardPlace, Written, breaks};

use super::Shard;
use crate::error::ReadError;
use crate::values::{KeptValue, away_of, logged};

/// Strings that one command or tick sends away under one hold of a latch: each is read once.
const SENT_BYTES_MAX: usize = 1 << 20;

/// A large string in the current record.
#[derive(Debug)]
pub(super) struct Large {
    key: Box<[u8]>,
    /// Where it begins in the record.
    at: usize,
    len: usize,
}

/// Those of the current record, by database and hash: most records have none or one, some very many. Of two keys
/// that share both, the later one counts.
pub(super) type InRecord = BTreeMap<(u8, u64), Large>;

/// A large string that is logged and still in memory.
#[derive(Clone, Debug)]
struct Waiting {
    key: Box<[u8]>,
    /// Where it stands in the shard's history.
    at: ShardPlace,
    len: usize,
}

/// Large strings that are logged and still in memory.
#[derive(Debug, Default)]
pub(super) struct LargeStrings {
    /// By database and hash. Of two keys that share both, the later one counts.
    waiting: HashMap<(u8, u64), Waiting>,
    /// The same, in the order of the history.
    order: BTreeSet<(ShardPlace, (u8, u64))>,
    written: Vec<Written>,
}

impl LargeStrings {
    fn add(&mut self, id: (u8, u64), waiting: Waiting) {
        self.remove(id);
        self.order.insert((waiting.at, id));
        self.waiting.insert(id, waiting);
    }

    fn remove(&mut self, id: (u8, u64)) -> Option<Waiting> {
        let waiting = self.waiting.remove(&id)?;
        self.order.remove(&(waiting.at, id));
        Some(waiting)
    }

    /// The oldest, if its epoch has been reached.
    fn pop(&mut self, reached: Epoch) -> Option<((u8, u64), Waiting)> {
        let (at, id) = *self.order.first()?;
        if at.epoch > reached {
            return None;
        }
        let waiting = self.remove(id)?;
        Some((id, waiting))
    }

    fn retain_databases(&mut self, kept: impl Fn(u8) -> Option<u8>) {
        self.order.clear();
        for ((db, hash), waiting) in std::mem::take(&mut self.waiting) {
            if let Some(db) = kept(db) {
                self.add((db, hash), waiting);
            }
        }
    }
}

impl Shard {
    /// A string was logged, at the end of the current record.
    #[inline]
    pub(super) fn note_string(&mut self, db: u8, hash: u64, key: &[u8], len: usize) {
        if len > self.inline_max && self.log.is_some() {
            let at = self.slice.record.len() - len;
            self.slice.large.insert((db, hash), Large { key: key.into(), at, len });
        }
    }

    /// A key is changed: what was pending for it is over.
    #[inline]
    pub(super) fn forget_large(&mut self, db: u8, hash: u64) {
        if !self.slice.large.is_empty() {
            self.slice.large.remove(&(db, hash));
        }
        if !self.large.waiting.is_empty() && !breaks(Broken::SendsChanged) {
            self.large.remove((db, hash));
        }
    }

    /// What is pending for a key, to be carried over to another that gets its value.
    pub(super) fn carry_large(&mut self, from: (u8, u64), to: (u8, u64), key: &[u8]) {
        if let Some(&Large { at, len, .. }) = self.slice.large.get(&from) {
            self.slice.large.insert(to, Large { key: key.into(), at, len });
        } else if let Some(waiting) = self.large.waiting.get(&from) {
            self.large.add(to, Waiting { key: key.into(), ..waiting.clone() });
        }
    }

    pub(super) fn flush_large(&mut self, flushed: u8) {
        self.slice.large.retain(|(db, _), _| *db != flushed);
        self.large.retain_databases(|db| (db != flushed).then_some(db));
    }

    pub(super) fn swap_large(&mut self, a: u8, b: u8) {
        let swapped = |db: u8| match db {
            _ if db == a => b,
            _ if db == b => a,
            _ => db,
        };
        let in_record = std::mem::take(&mut self.slice.large).into_iter();
        self.slice.large =
            in_record.map(|((db, hash), large)| ((swapped(db), hash), large)).collect();
        self.large.retain_databases(|db| Some(swapped(db)));
    }

    /// Whether the current record has large strings.
    #[inline]
    pub(crate) fn has_large(&self) -> bool {
        !self.slice.large.is_empty()
    }

    /// The record was pushed: its payload begins at `place`, and the effects so many bytes behind that.
    pub(crate) fn trace_large(&mut self, place: ShardPlace, effects_at: usize) {
        for (id, Large { key, at, len }) in std::mem::take(&mut self.slice.large) {
            let at = ShardPlace { offset: place.offset + (effects_at + at) as u64, ..place };
            self.large.add(id, Waiting { key, at, len });
        }
    }

    /// Sends away what is written by now, as much as one hold of the latch bears. Whether there may be
    /// more.
    pub(crate) fn send_away(&mut self, log: &Log, reached: Epoch) -> bool {
        let mut bytes = 0;
        while bytes < SENT_BYTES_MAX {
            let Some(((db, hash), waiting)) = self.large.pop(reached) else { return false };
            bytes += waiting.len;
            let Waiting { key, at, len } = waiting;
            let part = self.part_of(log, at.epoch);
            let keyspace = &mut self.databases[usize::from(db)];
            let value = keyspace.get(hash, &key).map(|entry| entry.value);
            let sum = match value {
                Some(ValueRef::Str(StrRef::Bytes(bytes))) if bytes.len() == len => {
                    Logged::sum(bytes)
                }
                // What is moved within the log stays what it is.
                Some(ValueRef::Away(away)) if away.len as usize == len => logged(&away).sum,
                _ => continue,
            };
            let Some(part) = part else { continue };
            let (place, bytes) = (part.place.plus(at.offset), len as u32);
            keyspace.send_away(hash, &key, away_of(&Logged { place, bytes, sum }));
        }
        true
    }

    /// Where the shard's part of a written epoch is.
    fn part_of(&mut self, log: &Log, epoch: Epoch) -> Option<Written> {
        let LargeStrings { written, order, .. } = &mut self.large;
        if written.last().is_none_or(|last| last.epoch < epoch) {
            written.append(&mut log.take_written(self.id));
        }
        let found = written.iter().find(|written| written.epoch == epoch).copied();
        let oldest = order.first().map_or(epoch, |(at, _)| at.epoch);
        written.retain(|written| written.epoch >= oldest.min(epoch));
        found
    }

    /// Whether something waits to be sent away that may be by now.
    #[inline]
    pub(crate) fn can_send_away(&self, reached: Epoch) -> bool {
        self.large.order.first().is_some_and(|(at, _)| at.epoch <= reached)
    }

    /// The segments that entries of this shard point to.
    pub(crate) fn homes(&self) -> impl Iterator<Item = (u64, skeg_keyspace::Kept)> {
        self.databases.iter().flat_map(skeg_keyspace::Keyspace::homes)
    }

    /// A string of an entry stays where it is as long as what is returned is there.
    pub(crate) fn keep_value(&self, away: &Away) -> KeptValue {
        let values = self.values.as_ref().expect("only a shard with a log has strings there");
        KeptValue::new(values, logged(away))
    }

    /// Has a string in memory that is about to be changed in place.
    pub(super) fn bring_back(&mut self, db: u8, hash: u64, key: &[u8]) -> Result<(), ReadError> {
        let keyspace = &self.databases[usize::from(db)];
        if !keyspace.has_away() {
            return Ok(());
        }
        let Some(ValueRef::Away(away)) = keyspace.get(hash, key).map(|entry| entry.value) else {
            return Ok(());
        };
        self.slice.bytes_of(self.values.as_deref(), &away)?;
        let bytes = self.slice.pinned(&away).expect("it was found just now");
        self.writable(db, hash).take_back(hash, key, &bytes);
        Ok(())
    }

    /// Looks whether the string of a key is to be had, so that all that a command needs is fetched at
    /// once.
    pub fn want(&mut self, db: u8, key: &[u8]) {
        let keyspace = &self.databases[usize::from(db)];
        if !keyspace.has_away() {
            return;
        }
        let value = keyspace.get(keyspace.hash(key), key).map(|entry| entry.value);
        if let Some(ValueRef::Away(away)) = value {
            // What is missing is noted; who needs it gets the error.
            let _ = self.slice.bytes_of(self.values.as_deref(), &away);
        }
    }
}
