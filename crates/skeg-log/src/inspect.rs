//! What is in a database directory, for people and tools: files, segments, blocks, records.
//!
//! Invariants: nothing is changed; what is damaged is told in its place and the rest is shown all
//! the same.
//! May not know: what payloads mean.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::block::{Mismatch, Record, records};
use crate::current::{self, Current};
use crate::error::{LogError, corrupt};
use crate::format::{FORMAT_VERSION, KIND_COMMIT, RECORD_HEADER_BYTES};
use crate::layout::{check_owner, leftovers};
use crate::manifest::{self, Manifest};
use crate::offline::Offline;
use crate::scan::{Block, SegmentFile};
use crate::segment::{FILES, HEADER_BYTES, SPARE_NAME};
use crate::small_file::read;
use crate::snapshot::{self, SnapshotFound, SnapshotInfo};
use crate::types::{Epoch, ShardId};
use crate::walk::{ANY_SHARDS, Stretch, walk};

/// A file that makes up a database. Whatever walks over these must say what it does with each kind.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LiveFile {
    /// MANIFEST.
    Manifest,
    /// CURRENT.
    Current,
    /// A segment that CURRENT names, by its id.
    Segment(u64),
    /// A snapshot that CURRENT names, by its id.
    Snapshot(u64),
    /// A segment of vectors that CURRENT names, by its id.
    Vectors(u64),
    /// The file of a value that CURRENT names, by its id.
    Value(u64),
}

impl Current {
    /// The files that the database consists of, those last that make it one.
    pub(crate) fn live_files(&self) -> impl Iterator<Item = LiveFile> {
        self.segments
            .iter()
            .map(|named| LiveFile::Segment(named.id))
            .chain(self.snapshots().map(|named| LiveFile::Snapshot(named.id)))
            .chain(self.vectors.iter().map(|named| LiveFile::Vectors(named.id)))
            .chain(self.values.iter().map(|named| LiveFile::Value(named.id)))
            .chain([LiveFile::Current, LiveFile::Manifest])
    }
}

/// What the files of a database say of it.
#[derive(Debug)]
pub struct Summary {
    /// Version of the format that this build writes.
    pub format_version: u32,
    /// The database's identity, from MANIFEST.
    pub manifest: Result<u128, LogError>,
    /// CURRENT.
    pub current: Result<CurrentInfo, LogError>,
    /// The newest snapshot that CURRENT names, and its file.
    pub snapshot: Option<(SnapshotInfo, PathBuf)>,
    /// Every segment that CURRENT names or that is there, ascending.
    pub segments: Vec<SegmentInfo>,
    /// What the next open would remove: path, bytes.
    pub leftovers: Vec<(PathBuf, u64)>,
    /// Bytes kept for a full disk.
    pub spare_bytes: u64,
}

/// What CURRENT says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurrentInfo {
    /// Identity of the database.
    pub database_id: u128,
    /// How often CURRENT was replaced.
    pub generation: u64,
    /// Durable when this was written.
    pub durable: Epoch,
    /// Id of the next segment to be named.
    pub next_segment: u64,
    /// Shards of the database.
    pub shards: u16,
    /// The segment where replay starts.
    pub start_segment: u64,
    /// The last epoch before it.
    pub start_epoch: Epoch,
    /// Files of one value each: number and bytes.
    pub values: Vec<(u64, u64)>,
    /// Snapshots that are kept beside the newest, that one first which is loaded in its place.
    pub older: Vec<SnapshotInfo>,
}

/// A segment.
#[derive(Debug)]
pub struct SegmentInfo {
    /// Its number.
    pub id: u64,
    /// Its file.
    pub path: PathBuf,
    /// Bytes of the file; allocated ones included.
    pub file_bytes: u64,
    /// What CURRENT says of it.
    pub state: SegmentState,
    /// Its header.
    pub header: Result<HeaderInfo, LogError>,
}

/// What CURRENT says of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentState {
    /// It does not name it.
    Unnamed,
    /// Blocks may follow, or were not known to be synced.
    Open,
    /// It ends where it says.
    Sealed {
        /// To the end of the last block, in bytes.
        length: u64,
        /// Epoch of the last commit block.
        epoch: Epoch,
        /// Checksum of the last block.
        checksum: u32,
    },
}

/// The header of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderInfo {
    /// Database that it belongs to.
    pub database_id: u128,
    /// In the seed of every checksum in the segment.
    pub salt: u64,
    /// All its blocks come after this epoch.
    pub prepared_after: Epoch,
}

/// A piece of a segment.
#[derive(Clone, Debug)]
pub enum Found<'a> {
    /// A block that verifies.
    Block(BlockInfo<'a>),
    /// Bytes that are no block; none when the next block is whole but does not follow.
    Bad {
        /// Where they begin.
        offset: u64,
        /// How many.
        bytes: u64,
        /// What should have been there.
        expected: String,
        /// What is there.
        found: String,
    },
    /// Zeros, to the end.
    Free {
        /// Where they begin.
        offset: u64,
        /// How many.
        bytes: u64,
    },
}

/// What a block is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockKind {
    /// The records of one epoch.
    Commit,
    /// It only names the durable epoch.
    Watermark,
}

/// A block that has verified.
#[derive(Clone, Copy, Debug)]
pub struct BlockInfo<'a> {
    /// Where it is in the file.
    pub offset: u64,
    /// Its bytes, padding included.
    pub bytes: u64,
    /// What it is for.
    pub kind: BlockKind,
    /// Its epoch; of a watermark, that of the block before.
    pub epoch: Epoch,
    /// Highest epoch known to be durable when it was written.
    pub durable: Epoch,
    /// Checksum of the block before it.
    pub previous: u32,
    /// Its own.
    pub checksum: u32,
    /// How many records it has.
    pub records: u64,
    block: Block<'a>,
}

/// A record of a block.
#[derive(Clone, Copy, Debug)]
pub struct RecordInfo<'a> {
    /// Where it is in the file.
    pub offset: u64,
    /// The shard it belongs to.
    pub shard: ShardId,
    /// Its kind, which the log does not look at.
    pub kind: u8,
    /// What it says.
    pub payload: &'a [u8],
}

impl<'a> BlockInfo<'a> {
    pub(crate) fn new(offset: u64, block: Block<'a>) -> Self {
        let header = &block.header;
        let is_commit = header.kind == KIND_COMMIT;
        Self {
            offset,
            bytes: block.bytes.len() as u64,
            kind: if is_commit { BlockKind::Commit } else { BlockKind::Watermark },
            epoch: Epoch(header.epoch),
            durable: Epoch(header.durable),
            previous: header.previous,
            checksum: header.block_sum,
            records: block.records,
            block,
        }
    }

    /// Its records, those of a shard together.
    pub fn records(&self) -> impl Iterator<Item = RecordInfo<'a>> {
        let start = self.offset - RECORD_HEADER_BYTES as u64;
        records(self.block.bytes, &self.block.header).map(move |record| {
            let Record { shard, kind, payload, payload_at, .. } = record;
            RecordInfo { offset: start + payload_at, shard, kind, payload }
        })
    }
}

impl Offline {
    /// What the files say of the database, without reading the history.
    ///
    /// # Errors
    /// [`LogError::NotFound`] when there is nothing of a database, [`LogError::Io`]; damage is told
    /// in its place.
    pub fn summary(&self) -> Result<Summary, LogError> {
        let current = self.read_current()?;
        let mut ids = FILES.ids(&*self.disk, &self.dir)?;
        let mut leftover_files = Vec::new();
        if let Ok(current) = &current {
            ids.extend(current.segments.iter().map(|named| named.id));
            for path in leftovers(&*self.disk, &self.dir, current)? {
                if let Ok(info) = self.disk.metadata(&path) {
                    leftover_files.push((path, info.len));
                }
            }
        }
        ids.sort_unstable();
        ids.dedup();
        let manifest = self.read_manifest()?;
        let is_there = |name| self.disk.metadata(&self.dir.join(name)).is_ok();
        if ids.is_empty() && !is_there(manifest::FILE_NAME) && !is_there(current::FILE_NAME) {
            return Err(LogError::NotFound { dir: self.dir.clone() });
        }
        let segments = ids
            .into_iter()
            .map(|id| self.segment_info(id, current.as_ref().ok()))
            .collect::<Result<_, _>>()?;
        let spare = self.dir.join(FILES.folder).join(SPARE_NAME);
        let snapshot = current.as_ref().ok().and_then(|current| current.snapshot);
        Ok(Summary {
            format_version: FORMAT_VERSION,
            manifest,
            snapshot: snapshot
                .map(|it| (it.info(), snapshot::format::FILES.path(&self.dir, it.id))),
            current: current.map(|current| current.info()),
            segments,
            leftovers: leftover_files,
            spare_bytes: self.disk.metadata(&spare).map_or(0, |info| info.len),
        })
    }

    /// MANIFEST's database id; the inner error is what is wrong with the file.
    pub(crate) fn read_manifest(&self) -> Result<Result<u128, LogError>, LogError> {
        let path = self.dir.join(manifest::FILE_NAME);
        Ok(match small_file(&*self.disk, &path)? {
            Ok(bytes) => Manifest::decode(&path, &bytes).map(|manifest| manifest.database_id),
            Err(error) => Err(error),
        })
    }

    /// CURRENT; the inner error is what is wrong with the file.
    pub(crate) fn read_current(&self) -> Result<Result<Current, LogError>, LogError> {
        let path = self.dir.join(current::FILE_NAME);
        Ok(small_file(&*self.disk, &path)?.and_then(|bytes| {
            let foreign = || corrupt(&path, 0, Mismatch::new("a skeg CURRENT", "another file"));
            Current::decode(&path, &bytes)?.ok_or_else(foreign)
        }))
    }

    /// A segment of a database with this id; the inner error is what is wrong with it.
    pub(crate) fn open_segment(
        &self,
        id: u64,
        database_id: Option<u128>,
    ) -> Result<Result<SegmentFile, LogError>, LogError> {
        let path = FILES.path(&self.dir, id);
        let opened = SegmentFile::open(&*self.disk, &self.dir, id).and_then(|segment| {
            let missing = || corrupt(&path, 0, Mismatch::new("a segment", "no file"));
            let segment = segment.ok_or_else(missing)?;
            check_owner(&segment, database_id.unwrap_or(segment.header.database_id), id)?;
            Ok(segment)
        });
        inner(opened)
    }

    /// Shows the snapshot that CURRENT names block by block, as far as they verify.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] where one does not, or when CURRENT is damaged; [`LogError::Version`],
    /// [`LogError::Io`].
    pub fn walk_snapshot(
        &self,
        show: &mut dyn FnMut(SnapshotFound<'_>) -> ControlFlow<()>,
    ) -> Result<(), LogError> {
        let current = self.read_current()??;
        match &current.snapshot {
            Some(named) => snapshot::read::walk(&*self.disk, &self.dir, &current, named, show),
            None => Ok(()),
        }
    }

    fn segment_info(&self, id: u64, current: Option<&Current>) -> Result<SegmentInfo, LogError> {
        let named = current.and_then(|current| current.segments.iter().find(|s| s.id == id));
        let state = match named.map(|named| named.sealed) {
            None => SegmentState::Unnamed,
            Some(None) => SegmentState::Open,
            Some(Some(end)) => SegmentState::Sealed {
                length: end.length,
                epoch: Epoch(end.position.epoch),
                checksum: end.position.chain,
            },
        };
        let path = FILES.path(&self.dir, id);
        let segment = self.open_segment(id, current.map(|current| current.database_id))?;
        Ok(SegmentInfo {
            id,
            file_bytes: self.disk.metadata(&path).map_or(0, |info| info.len),
            path,
            state,
            header: segment.map(|segment| HeaderInfo {
                database_id: segment.header.database_id,
                salt: segment.header.salt,
                prepared_after: Epoch(segment.header.after.epoch),
            }),
        })
    }

    /// Shows a segment piece by piece, to its length when CURRENT gives it one.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] for a header that does not verify, [`LogError::Version`] for blocks of
    /// a newer version, [`LogError::Io`]. Damage behind the header is shown.
    pub fn walk_segment(
        &self,
        info: &SegmentInfo,
        show: &mut dyn FnMut(Found<'_>) -> ControlFlow<()>,
    ) -> Result<(), LogError> {
        let segment = self.open_segment(info.id, None)??;
        let limit = match info.state {
            SegmentState::Sealed { length, .. } => length,
            _ => segment.bytes,
        };
        walk(&segment, HEADER_BYTES..limit, ANY_SHARDS, None, &mut |stretch| {
            Ok(show(match stretch {
                Stretch::Block { offset, block } => Found::Block(BlockInfo::new(offset, block)),
                Stretch::Bad { offset, end, mismatch } => Found::Bad {
                    offset,
                    bytes: end - offset,
                    expected: mismatch.expected,
                    found: mismatch.found,
                },
                Stretch::Free { offset, end } => Found::Free { offset, bytes: end - offset },
            }))
        })
    }
}

impl Current {
    fn info(&self) -> CurrentInfo {
        CurrentInfo {
            database_id: self.database_id,
            generation: self.generation,
            durable: Epoch(self.durable),
            next_segment: self.next_segment,
            shards: self.shards,
            start_segment: self.start_segment,
            start_epoch: Epoch(self.start.epoch),
            values: self.values.iter().map(|named| (named.id, named.length)).collect(),
            older: self.older.iter().map(|older| older.snapshot.info()).collect(),
        }
    }
}

/// The bytes of a small file; a missing or a huge one is damage.
fn small_file(
    disk: &dyn skeg_io::Disk,
    path: &Path,
) -> Result<Result<Vec<u8>, LogError>, LogError> {
    let missing = || corrupt(path, 0, Mismatch::new("a file of this name", "no file"));
    inner(read(disk, path).and_then(|bytes| bytes.ok_or_else(missing)))
}

/// Tells what is wrong with a file from what keeps it from being read.
pub(crate) fn inner<T>(result: Result<T, LogError>) -> Result<Result<T, LogError>, LogError> {
    match result {
        Err(error @ (LogError::Corrupt(_) | LogError::Version { .. })) => Ok(Err(error)),
        Ok(value) => Ok(Ok(value)),
        Err(error) => Err(error),
    }
}
