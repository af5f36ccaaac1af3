//! Sorted sets of a shard.
//!
//! May not know: more than its parent.

use skeg_keyspace::{SortedSetRef, WrongType};

use super::Shard;
use crate::effect::Change;

impl Shard {
    /// The sorted set that the key holds.
    ///
    /// # Errors
    /// [`WrongType`] when it holds something else.
    pub fn sorted_set(
        &mut self,
        db: u8,
        key: &[u8],
    ) -> Result<Option<SortedSetRef<'_>>, WrongType> {
        self.find(db, key).map(|entry| entry.value.sorted_set()).transpose()
    }

    /// [`Shard::sorted_set`], counted as a keyspace hit or miss.
    ///
    /// # Errors
    /// [`WrongType`] when the key holds something else.
    pub fn read_sorted_set(
        &mut self,
        db: u8,
        key: &[u8],
    ) -> Result<Option<SortedSetRef<'_>>, WrongType> {
        self.read_as(db, key, |keyspace, hash| keyspace.sorted_set(hash, key))
    }

    /// Gives a member of the sorted set, which is created if missing, a score (any number but NaN);
    /// returns the one it had.
    ///
    /// # Errors
    /// [`WrongType`] when the key holds something else.
    pub fn zset_set(
        &mut self,
        db: u8,
        key: &[u8],
        member: &[u8],
        score: f64,
    ) -> Result<Option<f64>, WrongType> {
        let hash = self.begin_write(db, key);
        self.put_score(db, hash, key, member, score)
    }

    #[inline]
    fn put_score(
        &mut self,
        db: u8,
        hash: u64,
        key: &[u8],
        member: &[u8],
        score: f64,
    ) -> Result<Option<f64>, WrongType> {
        let before = self.writable(db, hash).zset_set(hash, key, member, score)?;
        if before.map(f64::to_bits) != Some(score.to_bits()) {
            let pair = [member, &score.to_le_bytes()[..]];
            self.changed_elements(db, hash, key, Change::SortedSetSet, &pair);
        }
        Ok(before)
    }

    /// Removes a member of the sorted set, and the key with the last one; returns its score.
    ///
    /// # Errors
    /// [`WrongType`] when the key holds something else.
    pub fn zset_remove(
        &mut self,
        db: u8,
        key: &[u8],
        member: &[u8],
    ) -> Result<Option<f64>, WrongType> {
        let Some(hash) = self.begin_removal(db, key) else { return Ok(None) };
        let removed = self.writable(db, hash).zset_remove(hash, key, member)?;
        if removed.is_some() {
            self.changed_elements(db, hash, key, Change::SortedSetRemove, &[member]);
        }
        Ok(removed)
    }

    /// Stores a sorted set of these members and scores, whatever the key held; without any the key
    /// is gone. Returns how many there are.
    pub fn zset_store<'a>(
        &mut self,
        db: u8,
        key: &[u8],
        members: impl IntoIterator<Item = (&'a [u8], f64)>,
    ) -> usize {
        let mut members = members.into_iter().peekable();
        let hash = self.begin_store(db, key, members.peek().is_none());
        let added = members.filter(|(member, score)| {
            let before = self.put_score(db, hash, key, member, *score);
            before.expect("what the key held has been removed").is_none()
        });
        added.count()
    }
}
