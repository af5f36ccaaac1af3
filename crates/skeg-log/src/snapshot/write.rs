//! Writing a snapshot file, and handing it over when it is complete.
//!
//! Invariant: blocks follow one another, each with the checksum of the one before.
//! May not know: what is in the records, when to take a snapshot.

use std::collections::BTreeSet;

use skeg_io::sync::Arc;
use skeg_io::sync::atomic::Ordering::SeqCst;

use super::format::{
    BLOCK_END, BLOCK_ENTRIES, BLOCK_HEADER_BYTES, BlockHead, End, FILES, HEADER_BYTES,
    SnapshotHeader,
};
use crate::core::Core;
use crate::current::SnapshotRef;
use crate::error::LogError;
use crate::failpoint::{Broken, breaks};
use crate::reshard::Dealt;
use crate::side::{SideFile, beside_bytes};
use crate::types::{Epoch, ShardId, ShardPlace};

/// A published snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SnapshotInfo {
    /// Its number; the file is named by it.
    pub id: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// The newest epoch that is in it, in part at least.
    pub covered: Epoch,
}

/// A snapshot that is being written. Dropped before [`SnapshotWriter::publish`], it leaves nothing.
#[derive(Debug)]
pub struct SnapshotWriter {
    side: SideFile,
    header: SnapshotHeader,
    offset: u64,
    blocks: u64,
    previous: u32,
    entries: u64,
    payload_bytes: u64,
    /// Bytes of history when it was begun: what comes later is behind it for certain.
    history_bytes: u64,
    covered: Epoch,
    /// Must be durable before it is published.
    awaited: Epoch,
    /// Older ones need not be replayed.
    needed: Epoch,
    completed: bool,
}

impl SnapshotWriter {
    /// Begins a snapshot.
    pub(crate) fn create(core: &Arc<Core>) -> Result<Self, LogError> {
        core.condition.check()?;
        let (id, database_id, expected) = core.upkeeper.lock().next_snapshot(core);
        let beside = beside_bytes(&core.options);
        let side = SideFile::create(core, FILES, id, HEADER_BYTES + expected, beside)?;
        let header = SnapshotHeader {
            id,
            database_id,
            salt: core.io.entropy.next_u64(),
            shards: core.buffers.shards(),
        };
        let mut writer = Self {
            side,
            header,
            offset: HEADER_BYTES,
            blocks: 0,
            previous: 0,
            entries: 0,
            payload_bytes: 0,
            history_bytes: core.history_bytes.load(SeqCst),
            covered: Epoch(0),
            awaited: Epoch(0),
            needed: Epoch(0),
            completed: false,
        };
        writer.side.write(&header.encode(), 0)?;
        Ok(writer)
    }

    /// Appends a record that recreates `entries` entries of a shard.
    ///
    /// # Errors
    /// [`LogError::Full`], [`LogError::Io`]: the snapshot is to be given up; nothing else is wrong.
    pub fn append(
        &mut self,
        shard: ShardId,
        kind: u8,
        payload: &[u8],
        entries: u64,
    ) -> Result<(), LogError> {
        self.side.core().condition.check()?;
        let head = BlockHead {
            kind: BLOCK_ENTRIES,
            record: kind,
            shard: shard.0,
            length: payload.len() as u64,
            number: self.blocks,
            entries,
            previous: self.previous,
        };
        self.put(&head, payload)?;
        self.entries += entries;
        self.payload_bytes += payload.len() as u64;
        Ok(())
    }

    fn put(&mut self, head: &BlockHead, payload: &[u8]) -> Result<(), LogError> {
        let end = self.offset + BLOCK_HEADER_BYTES as u64 + payload.len() as u64;
        self.side.make_room(end)?;
        let (bytes, sum) = head.encode(self.header.salt, self.offset, payload);
        self.side.write(&bytes, self.offset)?;
        self.side.write(payload, self.offset + BLOCK_HEADER_BYTES as u64)?;
        self.offset = end;
        self.side.core().forecast.note_written(end);
        self.previous = sum;
        self.blocks += 1;
        Ok(())
    }

    /// Bytes written so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.offset
    }

    /// Entries written so far.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Writes the end mark and makes the file durable, down to its directory entry. `places` are the
    /// shards' places, all of them. Returns the epoch that must be durable before it may be published.
    ///
    /// # Errors
    /// As [`SnapshotWriter::append`].
    ///
    /// # Panics
    /// When the number of places is not that of the shards.
    pub fn complete(&mut self, places: &[ShardPlace]) -> Result<Epoch, LogError> {
        assert_eq!(places.len(), usize::from(self.header.shards), "each shard has its place");
        self.covered = places.iter().map(|place| place.covered()).max().unwrap_or_default();
        self.needed = places.iter().map(|place| place.epoch).min().unwrap_or_default();
        let end = End { payload_bytes: self.payload_bytes, places: places.to_vec() };
        let payload = end.encode();
        let head = BlockHead {
            kind: BLOCK_END,
            record: 0,
            shard: 0,
            length: payload.len() as u64,
            number: self.blocks,
            entries: self.entries,
            previous: self.previous,
        };
        self.put(&head, &payload)?;
        self.side.complete(self.offset, !breaks(Broken::ForgetsTheDirectory))?;
        self.completed = true;
        // A value that was moved while its shard was walked is named by its new place, in a block that
        // may be younger than all that is covered.
        self.awaited = self.covered.max(self.side.core().written());
        Ok(if breaks(Broken::PublishesEarly) { Epoch(0) } else { self.awaited })
    }

    /// Lets CURRENT name the snapshot, and removes what that makes superfluous: segments that need not
    /// be replayed and are not among `kept`, those with values that the snapshot or memory names.
    ///
    /// # Errors
    /// [`LogError::Full`]: the snapshot is given up and everything is as it was. [`LogError::Io`]: it
    /// is published, but not all that is superfluous could be removed; the next open does it.
    /// [`LogError::Poisoned`]: the log has failed, now or earlier.
    ///
    /// # Panics
    /// When the snapshot is not complete, or not everything that it covers is durable.
    pub fn publish(mut self, kept: &BTreeSet<u64>) -> Result<SnapshotInfo, LogError> {
        let core = Arc::clone(self.side.core());
        let named = self.finished(&core)?;
        let published = core.upkeeper.lock().publish_snapshot(&core, named, self.needed, kept);
        // After any other failure it is unknown which CURRENT a crash would leave: both keep their files.
        if !matches!(published, Err(LogError::Full { .. })) {
            self.side.keep();
            core.behind_from.store(self.history_bytes, SeqCst);
        }
        published.map(|()| named.info())
    }

    /// [`Self::publish`] of one that everything was dealt out to, under another number of shards.
    pub(crate) fn publish_dealt(mut self, dealt: &Dealt) -> Result<(), LogError> {
        let core = Arc::clone(self.side.core());
        let named = self.finished(&core)?;
        let published = core.upkeeper.lock().publish_dealt(&core, named, dealt);
        if !matches!(published, Err(LogError::Full { .. })) {
            self.side.keep();
        }
        published
    }

    /// How CURRENT names it, now that it may be published.
    fn finished(&self, core: &Core) -> Result<SnapshotRef, LogError> {
        core.condition.check()?;
        assert!(self.completed, "only what is complete is published");
        assert!(
            core.durable() >= self.awaited || breaks(Broken::PublishesEarly),
            "nothing is published before what it covers is durable"
        );
        Ok(SnapshotRef {
            id: self.header.id,
            length: self.offset,
            covered: self.covered.0,
            sum: self.previous,
        })
    }
}

impl Drop for SnapshotWriter {
    fn drop(&mut self) {
        self.side.core().forecast.note_written(0);
    }
}
