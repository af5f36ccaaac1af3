//! Hashes of a shard.
//!
//! May not know: more than its parent.

use skeg_keyspace::{HashRef, WrongType};

use super::Shard;
use crate::effect::Change;

impl Shard {
    /// The hash that the key holds.
    ///
    /// # Errors
    /// [`WrongType`] when it holds something else.
    pub fn hash(&mut self, db: u8, key: &[u8]) -> Result<Option<HashRef<'_>>, WrongType> {
        self.find(db, key).map(|entry| entry.value.hash()).transpose()
    }

    /// [`Shard::hash`], counted as a keyspace hit or miss.
    ///
    /// # Errors
    /// [`WrongType`] when the key holds something else.
    pub fn read_hash(&mut self, db: u8, key: &[u8]) -> Result<Option<HashRef<'_>>, WrongType> {
        self.read(db, key).map(|entry| entry.value.hash()).transpose()
    }

    /// Gives a field of the hash, which is created if missing, a value; `true` when the field is
    /// new.
    ///
    /// # Errors
    /// [`WrongType`] when the key holds something else.
    pub fn hash_set(
        &mut self,
        db: u8,
        key: &[u8],
        field: &[u8],
        value: &[u8],
    ) -> Result<bool, WrongType> {
        let hash = self.begin_write(db, key);
        let is_new = self.writable(db, hash).hash_set(hash, key, field, value)?;
        self.changed_elements(db, hash, key, Change::HashSet, &[field, value]);
        Ok(is_new)
    }

    /// Removes a field of the hash, and the key with the last one; `true` when the field was there.
    ///
    /// # Errors
    /// [`WrongType`] when the key holds something else.
    pub fn hash_remove(&mut self, db: u8, key: &[u8], field: &[u8]) -> Result<bool, WrongType> {
        let Some(hash) = self.begin_removal(db, key) else { return Ok(false) };
        let removed = self.writable(db, hash).hash_remove(hash, key, field)?;
        if removed {
            self.changed_elements(db, hash, key, Change::HashRemove, &[field]);
        }
        Ok(removed)
    }
}
