//! Strings: those that are read, wherever they are, those that were written to files of their own, and those that are changed in place.
//!
//! Invariant: what is changed in place is in memory, whole, before anything of it is logged.
//! May not know: more than its parent.

use std::ops::Range;

use skeg_keyspace::{Keyspace, StrRef, ValueRef, WrongType};
use skeg_log::Logged;

use super::{Expiry, Shard, Slice};
use crate::effect::Effect;
use crate::error::ReadError;
use crate::notify::NotifyClass;
use crate::values::{Values, Wanted, away_of, logged};
use crate::writing::WrittenString;

/// The string of a key, from memory or what is wanted of it from where it is.
#[inline]
fn string_in<'a>(
    keyspace: &'a Keyspace,
    slice: &'a mut Slice,
    values: Option<&Values>,
    (hash, key): (u64, &[u8]),
    wanted: impl FnOnce(Logged) -> Wanted,
) -> Result<Option<StrRef<'a>>, ReadError> {
    match keyspace.get(hash, key).map(|entry| entry.value) {
        Some(ValueRef::Str(value)) => Ok(Some(value)),
        Some(ValueRef::Away(away)) => {
            let bytes = slice.wanted_of(values, wanted(logged(&away)));
            bytes.map(|bytes| Some(StrRef::Bytes(bytes)))
        }
        Some(_) => Err(WrongType.into()),
        None => Ok(None),
    }
}

fn len_of(value: ValueRef<'_>) -> Result<usize, WrongType> {
    match value {
        ValueRef::Away(away) => Ok(away.len as usize),
        other => other.string().map(|value| value.len()),
    }
}

impl Shard {
    /// The string that the key holds.
    ///
    /// # Errors
    /// [`ReadError`]: the key holds something else, or the string is not to be had now.
    pub fn string(&mut self, db: u8, key: &[u8]) -> Result<Option<StrRef<'_>>, ReadError> {
        let hash = self.hash_of(key);
        self.see(hash);
        if self.keyspace(db).expiring_len() != 0 && !self.is_live(db, hash, key) {
            return Ok(None);
        }
        let Self { databases, slice, values, .. } = self;
        let keyspace = &databases[usize::from(db)];
        string_in(keyspace, slice, values.as_deref(), (hash, key), Wanted::whole)
    }

    /// [`Shard::string`], counted as a keyspace hit or miss.
    ///
    /// # Errors
    /// As [`Shard::string`].
    #[inline]
    pub fn read_string(&mut self, db: u8, key: &[u8]) -> Result<Option<StrRef<'_>>, ReadError> {
        self.read_wanted(db, key, Wanted::whole)
    }

    /// A range of the string that the key holds, which `pick` says when it knows how long that is; counted as
    /// a keyspace hit or miss. Returns a string, and where in it the range is: of a long one only what
    /// is needed is read from the disk.
    ///
    /// # Errors
    /// As [`Shard::string`].
    pub fn read_range(
        &mut self,
        db: u8,
        key: &[u8],
        pick: impl Fn(usize) -> Range<usize>,
    ) -> Result<Option<(StrRef<'_>, Range<usize>)>, ReadError> {
        let mut is_range = false;
        let found = self.read_wanted(db, key, |value| {
            let range = Wanted::range(value, &pick(value.bytes as usize));
            is_range = range.is_some();
            range.unwrap_or(Wanted::whole(value))
        })?;
        Ok(found.map(|found| {
            let len = found.len();
            (found, if is_range { 0..len } else { pick(len) })
        }))
    }

    /// What is wanted of the string that the key holds, or all of it where that is in memory.
    #[inline]
    fn read_wanted(
        &mut self,
        db: u8,
        key: &[u8],
        wanted: impl FnOnce(Logged) -> Wanted,
    ) -> Result<Option<StrRef<'_>>, ReadError> {
        let hash = self.hash_of(key);
        if !self.begin_read(db, hash, key) {
            return Ok(None);
        }
        let Self { databases, slice, values, stats, switches, events, .. } = self;
        let keyspace = &databases[usize::from(db)];
        let found = string_in(keyspace, slice, values.as_deref(), (hash, key), wanted);
        match &found {
            Ok(None) => {
                stats.misses += 1;
                switches.note_key(events, NotifyClass::KEY_MISS, "keymiss", db, key);
            }
            // It is read again.
            Err(ReadError::Away) => {}
            _ => stats.hits += 1,
        }
        found
    }

    /// How long the string is that the key holds, wherever it is.
    ///
    /// # Errors
    /// [`WrongType`] when the key holds something else.
    pub fn string_len(&mut self, db: u8, key: &[u8]) -> Result<Option<usize>, WrongType> {
        self.find(db, key).map(|entry| len_of(entry.value)).transpose()
    }

    /// [`Shard::string_len`], counted as a keyspace hit or miss.
    ///
    /// # Errors
    /// As [`Shard::string_len`].
    pub fn read_string_len(&mut self, db: u8, key: &[u8]) -> Result<Option<usize>, WrongType> {
        self.read(db, key).map(|entry| len_of(entry.value)).transpose()
    }

    /// The value that the job which runs waited for, as it was when it was asked for first.
    #[must_use]
    pub fn fetched(&self) -> Option<&[u8]> {
        self.slice.pins.values().next()?.as_deref().ok()
    }

    /// Stores a string that was written before ([`Engine::begin_writing`](crate::Engine::begin_writing)); `true` when the key was there. Once for each.
    pub fn set_written(
        &mut self,
        db: u8,
        key: &[u8],
        written: &WrittenString,
        expiry: Expiry,
    ) -> bool {
        let hash = self.hash_of(key);
        self.clear_expired(db, hash, key);
        let expire_at_ms = self.deadline_of(db, hash, key, expiry);
        let value = written.value();
        let keyspace = self.writable(db, hash);
        let replaced = keyspace.put_away(hash, key, away_of(&value), expire_at_ms);
        if !replaced {
            self.notify(NotifyClass::NEW, "new", db, key);
        }
        self.changed(db, hash, key, &Effect::SetAway { db, key, value, expire_at_ms });
        self.slice.given.add(written);
        replaced
    }

    /// Appends to the string, which is created if missing, and returns its new length.
    ///
    /// # Errors
    /// As [`Shard::string`].
    pub fn append(&mut self, db: u8, key: &[u8], tail: &[u8]) -> Result<usize, ReadError> {
        let hash = self.hash_of(key);
        self.clear_expired(db, hash, key);
        self.bring_back(db, hash, key)?;
        let length = self.writable(db, hash).append(hash, key, tail)?;
        self.changed(db, hash, key, &Effect::Append { db, key, tail });
        Ok(length)
    }

    /// Writes bytes at an offset of the string, zero-filling up to there, and returns its new length;
    /// no bytes change nothing. The caller keeps `offset + bytes.len()` within [`VALUE_BYTES_MAX`](crate::VALUE_BYTES_MAX).
    ///
    /// # Errors
    /// As [`Shard::string`].
    pub fn set_range(
        &mut self,
        db: u8,
        key: &[u8],
        offset: usize,
        bytes: &[u8],
    ) -> Result<usize, ReadError> {
        if bytes.is_empty() {
            return Ok(self.string_len(db, key)?.unwrap_or(0));
        }
        let hash = self.hash_of(key);
        self.clear_expired(db, hash, key);
        self.bring_back(db, hash, key)?;
        self.notify_if_new(db, hash, key);
        let length = self.writable(db, hash).set_range(hash, key, offset, bytes)?;
        self.changed(db, hash, key, &Effect::SetRange { db, key, offset: offset as u64, bytes });
        Ok(length)
    }
}
