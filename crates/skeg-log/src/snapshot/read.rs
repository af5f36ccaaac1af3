//! Loading a snapshot: every block verified before it is handed on, the end mark against the counts.
//!
//! Invariants: no allocation is larger than the file; whatever does not verify stops the open with
//! file and offset: a snapshot that CURRENT names was durable, so no crash explains it.
//! May not know: what a payload means.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use skeg_io::sync::Arc;
use skeg_io::{Disk, File};

use super::format::{
    BLOCK_END, BLOCK_ENTRIES, BLOCK_HEADER_BYTES, BlockHead, End, FILES, HEADER_BYTES,
    SnapshotHeader, block_sum,
};
use crate::block::Mismatch;
use crate::current::{Current, SnapshotRef};
use crate::error::{LogError, ReplayError, Unapplied, corrupt, io_error};
use crate::inspect::RecordInfo;
use crate::numbered::open_named;
use crate::types::{Replay, ShardId, ShardPlace};

/// What a snapshot came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Loaded {
    /// Where each shard's log goes on.
    pub(crate) places: Vec<ShardPlace>,
    pub(crate) entries: u64,
}

/// Loads the snapshot that CURRENT names; `log_bytes` are still to be read behind it.
pub(crate) fn load(
    disk: &dyn Disk,
    dir: &Path,
    current: &Current,
    named: &SnapshotRef,
    log_bytes: u64,
    replay: &mut dyn Replay,
) -> Result<Loaded, LogError> {
    let mut reader = Reader::open(disk, dir, current, named)?;
    let loaded = reader.load(current, named, log_bytes, replay);
    replay.settle().map_err(|Unapplied { mark, source, .. }| reader.not_applied(mark, source))?;
    loaded
}

/// A block of a snapshot that has verified.
#[derive(Clone, Debug)]
pub enum SnapshotFound<'a> {
    /// What recreates entries of a shard.
    Entries {
        /// Bytes of the block.
        bytes: u64,
        /// Keys and vectors that it recreates.
        entries: u64,
        /// The record, which begins with the block.
        record: RecordInfo<'a>,
    },
    /// The end mark.
    End {
        /// Where it is in the file.
        offset: u64,
        /// Its bytes.
        bytes: u64,
        /// Entries of all blocks.
        entries: u64,
        /// Where the history goes on, for shard 0 first.
        places: Vec<ShardPlace>,
    },
}

/// Shows the blocks of the snapshot that CURRENT names, up to the first that does not verify.
pub(crate) fn walk(
    disk: &dyn Disk,
    dir: &Path,
    current: &Current,
    named: &SnapshotRef,
    show: &mut dyn FnMut(SnapshotFound<'_>) -> ControlFlow<()>,
) -> Result<(), LogError> {
    let mut reader = Reader::open(disk, dir, current, named)?;
    let (mut offset, mut number, mut previous) = (HEADER_BYTES, 0, 0);
    loop {
        let (head, sum) = reader.block(offset, number, previous, current.shards)?;
        let (bytes, entries) = (BLOCK_HEADER_BYTES as u64 + head.length, head.entries);
        let payload = reader.payload.as_slice();
        let is_end = head.kind == BLOCK_END;
        let found = if is_end {
            let places = End::decode(payload, current.shards).map(|end| end.places);
            SnapshotFound::End { offset, bytes, entries, places: places.unwrap_or_default() }
        } else {
            let shard = ShardId(head.shard);
            let record = RecordInfo { offset, shard, kind: head.record, payload };
            SnapshotFound::Entries { bytes, entries, record }
        };
        if show(found).is_break() || is_end {
            return Ok(());
        }
        offset += bytes;
        number += 1;
        previous = sum;
    }
}

struct Reader {
    path: PathBuf,
    file: Arc<dyn File>,
    salt: u64,
    /// Nothing is read from here on.
    limit: u64,
    /// The payload read last.
    payload: Vec<u8>,
}

impl Reader {
    fn open(
        disk: &dyn Disk,
        dir: &Path,
        current: &Current,
        named: &SnapshotRef,
    ) -> Result<Self, LogError> {
        let path = FILES.path(dir, named.id);
        let file = open_named(disk, &path, "snapshot", named.length)?;
        let bytes = named.length;
        let damage = |at: u64, expected: String, found: String| {
            Err(corrupt(&path, at, Mismatch::new(expected, found)))
        };
        let mut header = vec![0; bytes.min(HEADER_BYTES) as usize];
        file.read_exact_at(&mut header, 0).map_err(|error| io_error("read", &path, error))?;
        let header = SnapshotHeader::decode(&path, &header)?;
        if header.database_id != current.database_id {
            let (expected, found) = ("a snapshot of this database", "one of another database");
            return damage(24, expected.into(), found.into());
        }
        if header.id != named.id || header.shards != current.shards {
            let expected = format!("snapshot {} of {} shards", named.id, current.shards);
            return damage(16, expected, format!("snapshot {} of {}", header.id, header.shards));
        }
        Ok(Self { path, file, salt: header.salt, limit: bytes, payload: Vec::new() })
    }

    fn load(
        &mut self,
        current: &Current,
        named: &SnapshotRef,
        log_bytes: u64,
        replay: &mut dyn Replay,
    ) -> Result<Loaded, LogError> {
        let (mut offset, mut number, mut previous) = (HEADER_BYTES, 0, 0);
        let (mut entries, mut payload_bytes) = (0_u64, 0_u64);
        loop {
            let (head, sum) = self.block(offset, number, previous, current.shards)?;
            let (at, payload) = (offset, self.payload.as_slice());
            offset += BLOCK_HEADER_BYTES as u64 + head.length;
            previous = sum;
            if head.kind == BLOCK_END {
                let wrong = |expected: &str| {
                    let found = Mismatch::new(expected, "an end mark that says otherwise");
                    Err(corrupt(&self.path, at, found))
                };
                let Some(end) = End::decode(payload, current.shards) else {
                    return wrong("an end mark with a place for each shard");
                };
                if head.entries != entries || end.payload_bytes != payload_bytes {
                    return wrong(&format!("{entries} entries in {payload_bytes} bytes"));
                }
                if offset != named.length || sum != named.sum {
                    return wrong("the end that CURRENT names");
                }
                if end.places.iter().any(|place| !named.covers(*place, current.start.epoch)) {
                    return wrong("places behind which the log goes on");
                }
                return Ok(Loaded { places: end.places, entries });
            }
            replay.enter(at);
            let applied = replay.record(ShardId(head.shard), head.record, payload);
            applied.map_err(|source| self.not_applied(at, source))?;
            entries = entries.saturating_add(head.entries);
            payload_bytes += head.length;
            if (offset >> 24) != (at >> 24) {
                replay.progress(offset, named.length + log_bytes);
            }
            number += 1;
        }
    }

    fn not_applied(&self, at: u64, source: ReplayError) -> LogError {
        let found = Mismatch::new("entries that can be recreated", source.0);
        corrupt(&self.path, at, found)
    }

    /// Reads and verifies the block at an offset; its payload is in `self.payload` afterwards.
    fn block(
        &mut self,
        offset: u64,
        number: u64,
        previous: u32,
        shards: u16,
    ) -> Result<(BlockHead, u32), LogError> {
        let damage = |path: &Path, expected: String, found: String| {
            Err(corrupt(path, offset, Mismatch::new(expected, found)))
        };
        let left = self.limit.saturating_sub(offset + BLOCK_HEADER_BYTES as u64);
        if offset + BLOCK_HEADER_BYTES as u64 > self.limit {
            return damage(&self.path, "a block or the end mark".into(), "the end".into());
        }
        let mut head_bytes = [0; BLOCK_HEADER_BYTES];
        self.read(&mut head_bytes, offset)?;
        let (head, stored) = BlockHead::decode(&head_bytes)
            .map_err(|mismatch| corrupt(&self.path, offset, mismatch))?;
        if head.length > left {
            let found = format!("{} of {left}", head.length);
            return damage(&self.path, "a block within the file".into(), found);
        }
        let mut payload = std::mem::take(&mut self.payload);
        payload.resize(usize::try_from(head.length).expect("it is no larger than its file"), 0);
        self.read(&mut payload, offset + BLOCK_HEADER_BYTES as u64)?;
        self.payload = payload;
        let sum = block_sum(self.salt, offset, &head_bytes, &self.payload);
        if sum != stored {
            let expected = format!("block checksum {sum:08x}");
            return damage(&self.path, expected, format!("{stored:08x}"));
        }
        if head.number != number || head.previous != previous {
            let expected = format!("block {number} after checksum {previous:08x}");
            let found = format!("block {} after {:08x}", head.number, head.previous);
            return damage(&self.path, expected, found);
        }
        let known = match head.kind {
            BLOCK_ENTRIES => head.shard < shards,
            BLOCK_END => head.shard == 0 && head.record == 0,
            _ => false,
        };
        if !known {
            let found = format!("kind {} of shard {}", head.kind, head.shard);
            return damage(&self.path, "a block of a known kind and shard".into(), found);
        }
        Ok((head, sum))
    }

    fn read(&self, bytes: &mut [u8], offset: u64) -> Result<(), LogError> {
        self.file.read_exact_at(bytes, offset).map_err(|error| io_error("read", &self.path, error))
    }
}
