//! Lists of a shard.
//!
//! May not know: more than its parent.

use skeg_keyspace::{End, ListRef, StrRef, WrongType};

use super::Shard;
use crate::effect::{Change, Effect};

impl Shard {
    /// The list that the key holds.
    ///
    /// # Errors
    /// [`WrongType`] when it holds something else.
    pub fn list(&mut self, db: u8, key: &[u8]) -> Result<Option<ListRef<'_>>, WrongType> {
        self.find(db, key).map(|entry| entry.value.list()).transpose()
    }

    /// [`Shard::list`], counted as a keyspace hit or miss.
    ///
    /// # Errors
    /// [`WrongType`] when the key holds something else.
    pub fn read_list(&mut self, db: u8, key: &[u8]) -> Result<Option<ListRef<'_>>, WrongType> {
        self.read_as(db, key, |keyspace, hash| keyspace.list(hash, key))
    }

    /// Adds an item at an end of the list, which is created if missing; returns its new length.
    ///
    /// # Errors
    /// [`WrongType`] when the key holds something else.
    pub fn list_push(
        &mut self,
        db: u8,
        key: &[u8],
        end: End,
        item: &[u8],
    ) -> Result<usize, WrongType> {
        let hash = self.begin_write(db, key);
        self.push_item(db, hash, key, end, item)
    }

    #[inline]
    fn push_item(
        &mut self,
        db: u8,
        hash: u64,
        key: &[u8],
        end: End,
        item: &[u8],
    ) -> Result<usize, WrongType> {
        let length = self.writable(db, hash).list_push(hash, key, end, item)?;
        let change = match end {
            End::Front => Change::PushFront,
            End::Back => Change::PushBack,
        };
        self.changed_elements(db, hash, key, change, &[item]);
        Ok(length)
    }

    /// Removes the item at an end of the list, and the key with the last one; `look` sees it before it goes.
    /// Returns what `look` made of it, if there was a list.
    ///
    /// # Errors
    /// [`WrongType`] when the key holds something else.
    pub fn list_pop<R>(
        &mut self,
        db: u8,
        key: &[u8],
        end: End,
        look: impl FnOnce(StrRef<'_>) -> R,
    ) -> Result<Option<R>, WrongType> {
        let Some(hash) = self.begin_removal(db, key) else { return Ok(None) };
        let popped = self.writable(db, hash).list_pop(hash, key, end, look)?;
        let Some((start, result)) = popped else { return Ok(None) };
        let effect = Effect::ListRemove { db, key, start: start as u64, count: 1 };
        self.changed(db, hash, key, &effect);
        Ok(Some(result))
    }

    /// Replaces item `index` of the list; `true` when there was one.
    ///
    /// # Errors
    /// [`WrongType`] when the key holds something else.
    pub fn list_set(
        &mut self,
        db: u8,
        key: &[u8],
        index: usize,
        item: &[u8],
    ) -> Result<bool, WrongType> {
        let hash = self.begin_write(db, key);
        let replaced = self.writable(db, hash).list_set(hash, key, index, item)?;
        if replaced {
            self.changed(db, hash, key, &Effect::ListSet { db, key, index: index as u64, item });
        }
        Ok(replaced)
    }

    /// Puts an item before item `index` of the list, or at the end if that is its length; returns
    /// the new length, or nothing if there is no such place.
    ///
    /// # Errors
    /// [`WrongType`] when the key holds something else.
    pub fn list_insert(
        &mut self,
        db: u8,
        key: &[u8],
        index: usize,
        item: &[u8],
    ) -> Result<Option<usize>, WrongType> {
        let hash = self.begin_write(db, key);
        let length = self.writable(db, hash).list_insert(hash, key, index, item)?;
        if length.is_some() {
            self.changed(db, hash, key, &Effect::ListInsert { db, key, index: index as u64, item });
        }
        Ok(length)
    }

    /// Removes up to `count` items of the list from item `start` on, and the key with the last one;
    /// returns how many there were.
    ///
    /// # Errors
    /// [`WrongType`] when the key holds something else.
    pub fn list_remove(
        &mut self,
        db: u8,
        key: &[u8],
        start: usize,
        count: usize,
    ) -> Result<usize, WrongType> {
        let Some(hash) = self.begin_removal(db, key) else { return Ok(0) };
        let removed = self.writable(db, hash).list_remove(hash, key, start, count)?;
        if removed > 0 {
            let (start, count) = (start as u64, removed as u64);
            self.changed(db, hash, key, &Effect::ListRemove { db, key, start, count });
        }
        Ok(removed)
    }

    /// Stores a list of these items, whatever the key held; without any the key is gone. Returns
    /// how many there are.
    pub fn list_store<'a>(
        &mut self,
        db: u8,
        key: &[u8],
        items: impl IntoIterator<Item = &'a [u8]>,
    ) -> usize {
        let mut items = items.into_iter().peekable();
        let hash = self.begin_store(db, key, items.peek().is_none());
        let added = items.map(|item| {
            let pushed = self.push_item(db, hash, key, End::Back, item);
            pushed.expect("what the key held has been removed")
        });
        added.count()
    }
}
