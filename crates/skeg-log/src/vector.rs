//! Segments of vectors: files that the engine fills, and that CURRENT names together with all else.
//!
//! Invariants: a segment that CURRENT names is durable whole, and so is every epoch that it covers; one
//! that takes the place of others does so in one step; no file is removed before the CURRENT that does
//! without it is durable; a file that is not published leaves everything as it was.
//! May not know: what is in the files; their layout is the vector crate's.

use std::path::{Path, PathBuf};

use skeg_io::sync::Arc;
use skeg_io::{Disk, File};

use crate::core::Core;
use crate::current::{Current, VectorRef};
use crate::error::LogError;
use crate::failpoint::{Broken, breaks};
use crate::log::Log;
use crate::numbered::{Numbered, open_named};
use crate::pieces::Pieces;
use crate::side::{SideFile, beside_bytes};
use crate::types::{Epoch, ShardId};
use crate::upkeep::Upkeeper;

/// Where the segments are.
pub(crate) const FILES: Numbered = Numbered::new("vectors", ".vec");

/// A segment of vectors that CURRENT names.
#[derive(Clone, Debug)]
pub struct VectorFile {
    /// Its number; the file is named by it.
    pub id: u64,
    /// Number of the index that it belongs to.
    pub index: u64,
    /// The shard of the index.
    pub shard: ShardId,
    /// Checksum of its header, which stands for the whole file.
    pub sum: u32,
    /// Bytes of the file, which was found to have as many.
    pub bytes: u64,
    /// The database that it belongs to.
    pub database_id: u128,
    /// Where it is.
    pub path: PathBuf,
    /// Opened for reading.
    pub file: Arc<dyn File>,
}

/// Opens the files that CURRENT names, each of which must be there and have its length.
pub(crate) fn open_all(
    disk: &dyn Disk,
    dir: &Path,
    current: &Current,
) -> Result<Vec<VectorFile>, LogError> {
    current.vectors.iter().map(|named| open(disk, dir, current.database_id, named)).collect()
}

pub(crate) fn open(
    disk: &dyn Disk,
    dir: &Path,
    database_id: u128,
    named: &VectorRef,
) -> Result<VectorFile, LogError> {
    let path = FILES.path(dir, named.id);
    let file = open_named(disk, &path, "vector segment", named.length)?;
    let VectorRef { id, index, shard, sum, length: bytes, .. } = *named;
    Ok(VectorFile { id, index, shard: ShardId(shard), sum, bytes, database_id, path, file })
}

/// What a segment is published as.
#[derive(Clone, Debug)]
pub struct VectorEntry<'a> {
    /// Number of its index.
    pub index: u64,
    /// The shard of the index.
    pub shard: ShardId,
    /// Checksum of its header.
    pub sum: u32,
    /// The newest epoch that is in it, in part at least.
    pub covered: Epoch,
    /// Numbers of the segments that it takes the place of.
    pub replaces: &'a [u64],
}

/// A segment that is being written. Dropped before [`VectorWriter::publish`], it leaves nothing.
#[derive(Debug)]
pub struct VectorWriter {
    side: SideFile,
    pieces: Pieces,
    id: u64,
    database_id: u128,
    length: Option<u64>,
}

impl VectorWriter {
    /// Its number.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The database that it belongs to.
    #[must_use]
    pub fn database_id(&self) -> u128 {
        self.database_id
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.side.path()
    }

    /// The file, to be read from when it is complete.
    #[must_use]
    pub fn file(&self) -> Arc<dyn File> {
        Arc::clone(self.side.file())
    }

    /// Writes at an offset, at the latest when it is completed.
    ///
    /// # Errors
    /// [`LogError::Full`], [`LogError::Io`]: the segment is to be given up; nothing else is wrong.
    pub fn write(&mut self, bytes: &[u8], offset: u64) -> Result<(), LogError> {
        self.side.core().condition.check()?;
        let Self { side, pieces, .. } = self;
        pieces.add(bytes, offset, &mut |piece, offset| side.write_piece(piece, offset))
    }

    /// Gives the file its length and makes it durable, down to its directory entry.
    ///
    /// # Errors
    /// As [`VectorWriter::write`].
    pub fn complete(&mut self, length: u64) -> Result<(), LogError> {
        let Self { side, pieces, .. } = self;
        pieces.finish(&mut |piece, offset| side.write_piece(piece, offset))?;
        side.complete(length, !breaks(Broken::ForgetsVectorEntries))?;
        self.length = Some(length);
        Ok(())
    }

    /// Lets CURRENT name the segment in the place of others, and removes those. Gives why one of them
    /// could not be removed: then the next open does it.
    ///
    /// # Errors
    /// [`LogError::Full`]: it is given up and everything is as it was. [`LogError::Poisoned`]: the log
    /// has failed, now or earlier.
    ///
    /// # Panics
    /// When the segment is not complete, or not everything that it covers is durable.
    pub fn publish(mut self, entry: &VectorEntry<'_>) -> Result<Option<LogError>, LogError> {
        let core = Arc::clone(self.side.core());
        core.condition.check()?;
        let length = self.length.expect("only what is complete is published");
        assert!(
            core.durable() >= entry.covered || breaks(Broken::PublishesVectorsEarly),
            "nothing is published before what it covers is durable"
        );
        let named = VectorRef {
            id: self.id,
            index: entry.index,
            length,
            covered: entry.covered.0,
            sum: entry.sum,
            shard: entry.shard.0,
        };
        let published = core.upkeeper.lock().publish_vectors(&core, Some(named), entry.replaces);
        // After any other failure it is unknown which CURRENT a crash would leave: both keep their files.
        if !matches!(published, Err(LogError::Full { .. })) {
            self.side.keep();
        }
        published
    }
}

impl Log {
    /// Begins a segment of vectors that will have about `expected` bytes.
    ///
    /// # Errors
    /// [`LogError::Full`] when the disk has no room for it and what the log may need meanwhile,
    /// [`LogError::Io`], and what refuses writes. Nothing has changed then.
    pub fn start_vectors(&self, expected: u64) -> Result<VectorWriter, LogError> {
        let core = self.core();
        core.condition.check()?;
        let (id, database_id) = core.upkeeper.lock().next_vectors();
        // What it takes must not be what the next snapshot needs.
        let beside = core.snapshot_room().unwrap_or_else(|| beside_bytes(&core.options));
        let mut side = SideFile::create(core, FILES, id, expected, beside)?;
        side.make_room(expected)?;
        let pieces = Pieces::default();
        Ok(VectorWriter { side, pieces, id, database_id, length: None })
    }

    /// Lets CURRENT forget all segments of an index, and removes them. Gives why one of them could not be
    /// removed: then the next open does it.
    ///
    /// # Errors
    /// As [`VectorWriter::publish`].
    ///
    /// # Panics
    /// When `covered`, the epoch at which the index was dropped or a later one, is not durable.
    pub fn drop_vectors(&self, index: u64, covered: Epoch) -> Result<Option<LogError>, LogError> {
        let core = self.core();
        core.condition.check()?;
        assert!(
            core.durable() >= covered || breaks(Broken::PublishesVectorsEarly),
            "nothing is removed before what it covers is durable"
        );
        let mut upkeeper = core.upkeeper.lock();
        let named = upkeeper.current.vectors.iter().filter(|named| named.index == index);
        let ids: Vec<u64> = named.map(|named| named.id).collect();
        if ids.is_empty() {
            return Ok(None);
        }
        upkeeper.publish_vectors(core, None, &ids)
    }
}

impl Upkeeper {
    /// Number for the next segment of vectors, and the database's id. None is used twice: backups know files by it.
    fn next_vectors(&mut self) -> (u64, u128) {
        // Earlier versions named numbers from the next id on.
        let named = self.current.vectors.iter().map(|named| named.id).max().unwrap_or(0);
        let before = self.vectors_begun.max(named);
        self.vectors_begun = (before + 1).max(self.current.next_segment);
        (self.vectors_begun, self.current.database_id)
    }

    /// Lets CURRENT name a segment, or none, in the place of others, and removes those.
    fn publish_vectors(
        &mut self,
        core: &Core,
        named: Option<VectorRef>,
        replaces: &[u64],
    ) -> Result<Option<LogError>, LogError> {
        let remove = |this: &mut Self| {
            let mut paths = replaces.iter().map(|id| FILES.path(&core.dir, *id));
            paths.try_for_each(|path| this.remove(core, path))
        };
        let mut next = self.sealed(core);
        let above = next.vectors.iter().chain(&named).map(|named| named.id + 1).max();
        next.next_segment = next.next_segment.max(above.unwrap_or(0));
        next.vectors.retain(|named| !replaces.contains(&named.id));
        next.vectors.extend(named);
        if breaks(Broken::RemovesVectorsEarly) {
            remove(self)?;
        }
        self.publish_or_poison(core, next)?;
        let trimmed = self.trim();
        *core.inventory.lock() = self.inventory();
        Ok(trimmed.and_then(|()| remove(self)).err())
    }
}
