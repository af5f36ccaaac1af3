//! Sets of a shard.
//!
//! May not know: more than its parent.

use skeg_keyspace::{SetRef, WrongType};

use super::Shard;
use crate::effect::Change;

impl Shard {
    /// The set that the key holds.
    ///
    /// # Errors
    /// [`WrongType`] when it holds something else.
    pub fn set_of(&mut self, db: u8, key: &[u8]) -> Result<Option<SetRef<'_>>, WrongType> {
        self.find(db, key).map(|entry| entry.value.set()).transpose()
    }

    /// [`Shard::set_of`], counted as a keyspace hit or miss.
    ///
    /// # Errors
    /// [`WrongType`] when the key holds something else.
    pub fn read_set(&mut self, db: u8, key: &[u8]) -> Result<Option<SetRef<'_>>, WrongType> {
        self.read(db, key).map(|entry| entry.value.set()).transpose()
    }

    /// Adds a member to the set, which is created if missing; `true` when it is new.
    ///
    /// # Errors
    /// [`WrongType`] when the key holds something else.
    pub fn set_add(&mut self, db: u8, key: &[u8], member: &[u8]) -> Result<bool, WrongType> {
        let hash = self.begin_write(db, key);
        self.put_member(db, hash, key, member)
    }

    #[inline]
    fn put_member(
        &mut self,
        db: u8,
        hash: u64,
        key: &[u8],
        member: &[u8],
    ) -> Result<bool, WrongType> {
        let is_new = self.writable(db, hash).set_add(hash, key, member)?;
        if is_new {
            self.changed_elements(db, hash, key, Change::SetAdd, &[member]);
        }
        Ok(is_new)
    }

    /// Removes a member of the set, and the key with the last one; `true` when it was there.
    ///
    /// # Errors
    /// [`WrongType`] when the key holds something else.
    pub fn set_remove(&mut self, db: u8, key: &[u8], member: &[u8]) -> Result<bool, WrongType> {
        let Some(hash) = self.begin_removal(db, key) else { return Ok(false) };
        let removed = self.writable(db, hash).set_remove(hash, key, member)?;
        if removed {
            self.changed_elements(db, hash, key, Change::SetRemove, &[member]);
        }
        Ok(removed)
    }

    /// Stores a set of these members, whatever the key held; without any the key is gone. Returns
    /// how many there are.
    pub fn set_store<'a>(
        &mut self,
        db: u8,
        key: &[u8],
        members: impl IntoIterator<Item = &'a [u8]>,
    ) -> usize {
        let mut members = members.into_iter().peekable();
        let hash = self.begin_store(db, key, members.peek().is_none());
        let added = members.filter(|member| {
            let added = self.put_member(db, hash, key, member);
            added.expect("what the key held has been removed")
        });
        added.count()
    }
}
