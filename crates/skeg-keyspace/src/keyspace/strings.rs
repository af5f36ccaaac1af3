//! Strings that are changed in part: APPEND and SETRANGE keep the rest.
//!
//! May not know: more than its parent.

use super::Keyspace;
use crate::entry::{self, CellValue, Stored};
use crate::table::Spot;
use crate::value::{StrRef, WrongType};

impl Keyspace {
    /// Appends `tail` to the value of `key` (created empty when absent), keeps its deadline, and
    /// returns the new length. An integer becomes bytes.
    ///
    /// # Errors
    /// [`WrongType`] when the key holds no string, or one that is elsewhere.
    pub fn append(&mut self, hash: u64, key: &[u8], tail: &[u8]) -> Result<usize, WrongType> {
        let Some((spot, handle)) = self.find(hash, key) else {
            self.add(hash, key, &Stored::new(StrRef::Bytes(tail)), None);
            return Ok(tail.len());
        };
        let handle = self.as_bytes(spot, handle, key)?;
        let range = self.bytes_range(handle);
        self.write_range(spot, handle, range.end, range.end, tail);
        Ok(range.len() + tail.len())
    }

    /// Overwrites the value of `key` (created empty when absent) from `offset` on, padding with
    /// zero bytes, keeps its deadline, and returns the new length. An integer becomes bytes. An
    /// empty patch changes nothing and creates nothing.
    ///
    /// # Errors
    /// [`WrongType`] when the key holds no string, or one that is elsewhere.
    pub fn set_range(
        &mut self,
        hash: u64,
        key: &[u8],
        offset: usize,
        patch: &[u8],
    ) -> Result<usize, WrongType> {
        let found = self.find(hash, key);
        if patch.is_empty() {
            return match found.map(|(_, handle)| entry::view(self.store.cell(handle)).1) {
                None => Ok(0),
                Some(CellValue::Str(value)) => Ok(value.len()),
                Some(CellValue::Away(away)) => Ok(away.len as usize),
                Some(_) => Err(WrongType),
            };
        }
        let (spot, handle) = found.unwrap_or_else(|| {
            self.add(hash, key, &Stored::new(StrRef::Bytes(b"")), None);
            self.find(hash, key).expect("it was added just now")
        });
        let handle = self.as_bytes(spot, handle, key)?;
        let range = self.bytes_range(handle);
        self.write_range(spot, handle, range.end, range.start + offset, patch);
        Ok(range.len().max(offset + patch.len()))
    }

    fn bytes_range(&self, handle: u32) -> std::ops::Range<usize> {
        entry::value_range(self.store.cell(handle)).expect("the value was made bytes")
    }

    /// Turns an integer into its decimal text; returns the handle that the entry has now.
    fn as_bytes(&mut self, spot: Spot, handle: u32, key: &[u8]) -> Result<u32, WrongType> {
        let cell = self.store.cell(handle);
        let value = match entry::view(cell).1 {
            CellValue::Str(StrRef::Bytes(_)) => return Ok(handle),
            CellValue::Str(StrRef::Int(value)) => value,
            _ => return Err(WrongType),
        };
        let deadline = entry::deadline(cell);
        let mut text = itoa::Buffer::new();
        let value = Stored::new(StrRef::Bytes(text.format(value).as_bytes()));
        Ok(self.replace(spot, handle, key, &value, deadline))
    }

    /// Writes `patch` at `at` in the cell of an entry whose value ends at `end`, growing it.
    fn write_range(&mut self, spot: Spot, handle: u32, end: usize, at: usize, patch: &[u8]) {
        let patch_end = at + patch.len();
        if patch_end <= end {
            self.store.cell_mut(handle)[at..patch_end].copy_from_slice(patch);
            return;
        }
        let new = self.store.regrow(handle, patch_end, end);
        let cell = self.store.cell_mut(new);
        if at > end {
            cell[end..at].fill(0);
        }
        cell[at..patch_end].copy_from_slice(patch);
        entry::reseal(cell, patch_end);
        self.moved(spot, handle, new);
    }

    /// Notes that an entry has moved from one cell to another.
    pub(super) fn moved(&mut self, spot: Spot, old: u32, new: u32) {
        if old == new {
            return;
        }
        self.table.set_handle(spot, new);
        let cell = self.store.cell(new);
        if entry::deadline(cell).is_some() {
            self.deadlines.relocate(entry::place(cell), new);
        }
    }
}
