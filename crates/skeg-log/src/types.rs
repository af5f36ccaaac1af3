//! The small types of the log's interface: positions, levels, options, what opening reports.
//!
//! Invariants: epochs start at 1 and have no gaps; levels are ordered, a higher one promises more.
//! May not know: how any of it is done.

use skeg_io::sync::Arc;

use crate::error::{Corruption, LogError, ReplayError, Unapplied};
use crate::reshard::Dealt;
use crate::snapshot::{SnapshotInfo, SnapshotWriter};
use crate::values::{Moved, Place, ValueReader};
use crate::vector::VectorFile;

/// Number of a block: the acknowledgement token of the writes in it. 0 stands for "nothing".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

/// Number of a shard, below the shard count of the database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(pub u16);

/// A place in the history of one shard: before the record that stands at an offset of the shard's part
/// of a block. Places are ordered as the history is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardPlace {
    /// The block.
    pub epoch: Epoch,
    /// Bytes of the shard's records in the block before the place.
    pub offset: u64,
}

impl ShardPlace {
    /// The newest epoch that may have records before the place.
    #[must_use]
    pub fn covered(self) -> Epoch {
        Epoch(if self.offset > 0 { self.epoch.0 } else { self.epoch.0.saturating_sub(1) })
    }
}

/// Where the records of a shard were written that one epoch has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// The block.
    pub epoch: Epoch,
    /// Where the shard's part of it begins: places in the part count from here.
    pub place: Place,
}

/// How safe an acknowledged write is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Applied in memory.
    Memory,
    /// Its block was handed to the kernel: survives the death of the process.
    Kernel,
    /// Its block is durable: survives power loss.
    Disk,
}

/// When the log fsyncs without being asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SyncPolicy {
    /// Only when unsynced bytes reach their bound, at the end of a segment, and when asked.
    Never,
    /// An fsync starts within one second of the first unsynced write.
    #[default]
    EverySecond,
    /// After every block.
    Always,
}

/// What a reservation is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// The store may grow by it: refused when the disk is full.
    Growth,
    /// Deletes, expiry, moves: may use the spare when the disk is full.
    Release,
}

/// How to open a log.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// Number of shards: a power of two. `None` takes what is stored, 16 for a new database. Another
    /// number than what is stored is given to the database, unless it is only read.
    pub shards: Option<u16>,
    /// Size of a segment in bytes (64 MiB). A larger block gets a segment of its own.
    pub segment_bytes: u64,
    /// When to fsync without being asked.
    pub sync: SyncPolicy,
    /// Replays and writes nothing; every reservation is refused.
    pub read_only: bool,
    /// Creates the database when the directory holds none.
    pub create_if_missing: bool,
    /// Bytes of records that may wait for the writer (64 MiB), but for a single larger one.
    pub buffer_bytes_max: u64,
    /// Bytes written but not yet synced (64 MiB), but for a single larger block; the spare is
    /// never smaller than what is allowed at the moment.
    pub unsynced_bytes_max: u64,
    /// Snapshots that are kept, from 1 to 8: more than the newest (1) for the case that that one is damaged.
    /// The log from the oldest on is kept with them. On a full disk the oldest are given up.
    pub keep_snapshots: usize,
    /// Written into the lock file for whoever finds the database locked (the process id, say).
    pub holder: String,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            shards: None,
            segment_bytes: 64 << 20,
            sync: SyncPolicy::default(),
            read_only: false,
            create_if_missing: true,
            buffer_bytes_max: 64 << 20,
            unsynced_bytes_max: 64 << 20,
            keep_snapshots: 1,
            holder: String::new(),
        }
    }
}

/// Whoever rebuilds memory from the log when it is opened.
pub trait Replay {
    /// Called before any record: the shard count of the database. A database that was dealt out to
    /// another number of shards, or whose newest snapshot turned out to be damaged while an older one is kept, is
    /// replayed again, from here on; what was there before is to be forgotten.
    ///
    /// # Errors
    /// Whatever makes the replay impossible; the open stops.
    fn start(&mut self, shards: u16) -> Result<(), ReplayError> {
        let _ = shards;
        Ok(())
    }

    /// A segment of vectors, before any record. Its length is right; what is in it is to be verified here.
    ///
    /// # Errors
    /// What is wrong with it; the open stops.
    fn vectors(&mut self, file: &VectorFile) -> Result<(), LogError> {
        let _ = file;
        Ok(())
    }

    /// Called after [`Replay::start`]: what reads values back, now and as long as the log is open.
    fn values(&mut self, reader: &Arc<ValueReader>) {
        let _ = reader;
    }

    /// The records that follow stand here: in the block of this epoch, or of the snapshot at this offset.
    fn enter(&mut self, mark: u64) {
        let _ = mark;
    }

    /// One record, in the order of the history; those of the snapshot, which recreate what was there
    /// at its place, come first. Its block was verified as a whole before. It may be applied later, until
    /// [`Replay::settle`]; what that tells goes before an error of this.
    ///
    /// # Errors
    /// A record that cannot be applied; the open stops.
    fn record(&mut self, shard: ShardId, kind: u8, payload: &[u8]) -> Result<(), ReplayError>;

    /// [`Replay::record`] of the log, whose payload begins at `place`.
    ///
    /// # Errors
    /// As [`Replay::record`].
    fn record_at(
        &mut self,
        place: Place,
        shard: ShardId,
        kind: u8,
        payload: &[u8],
    ) -> Result<(), ReplayError> {
        let _ = place;
        self.record(shard, kind, payload)
    }

    /// Called after all records: these parts of the log were written again elsewhere, and are
    /// not where [`Replay::record_at`] said any more.
    fn moved(&mut self, moved: &[Moved]) {
        let _ = moved;
    }

    /// Applies what is left: called behind the snapshot, at the end of the log, and where reading has stopped.
    ///
    /// # Errors
    /// The first record that could not be applied; the open stops.
    fn settle(&mut self) -> Result<(), Unapplied> {
        Ok(())
    }

    /// Called after the last record: what those of the snapshot rely on beside it and is not there, in words.
    fn lacks(&self) -> Option<String> {
        None
    }

    /// Called after all records, when the database is to have another number of shards: writes all that
    /// was replayed into a snapshot, each entry under its new shard. `None`: it cannot do that.
    ///
    /// # Errors
    /// Those of the snapshot; the open stops, and nothing has changed.
    fn deal(
        &mut self,
        shards: u16,
        snapshot: &mut SnapshotWriter,
    ) -> Result<Option<Dealt>, LogError> {
        let _ = (shards, snapshot);
        Ok(None)
    }

    /// Called now and then: bytes read so far, and of snapshot and segments.
    fn progress(&mut self, done_bytes: u64, total_bytes: u64) {
        let _ = (done_bytes, total_bytes);
    }
}

/// Replays nothing: for tools and tests that only look at the log.
impl Replay for () {
    fn record(&mut self, _: ShardId, _: u8, _: &[u8]) -> Result<(), ReplayError> {
        Ok(())
    }
}

/// What opening found.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Whether the database was created by this open.
    pub created: bool,
    /// Shard count of the database.
    pub shards: u16,
    /// Shard count that it had before, when this open has given it another.
    pub resharded_from: Option<u16>,
    /// Identity of the database: random, from its creation.
    pub database_id: u128,
    /// Records of the log that were replayed.
    pub records: u64,
    /// Snapshots that were damaged, so that an older one was loaded with more of the log, the newest first.
    pub damaged_snapshots: Vec<Corruption>,
    /// Entries of the snapshot that was loaded first.
    pub snapshot_entries: u64,
    /// Bytes of the snapshot; 0 without one.
    pub snapshot_bytes: u64,
    /// Bytes of the segments that were read.
    pub bytes: u64,
    /// Last epoch of the history; everything up to it is durable now.
    pub last_epoch: Epoch,
    /// Bytes of a torn tail that were cut: no part of any acknowledged durable write.
    pub cut_bytes: u64,
    /// Blocks behind the durable witness that were rewritten into a new segment.
    pub rewritten_blocks: u64,
}

/// What one attempt to write found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrote {
    /// There was nothing to write.
    Nothing,
    /// A block was written: its epoch.
    Wrote(Epoch),
    /// Somebody else writes or is to write, or an fsync is in flight: nothing is forgotten.
    Busy,
    /// There is no space: the buffer is kept and tried again.
    Full,
    /// The database is poisoned or closed.
    Refused,
}

/// Whether the log takes writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Health {
    /// All well.
    #[default]
    Healthy,
    /// The disk is full: growth is refused until there is space again.
    Full,
    /// A write or an fsync failed: no more writes until reopened.
    Poisoned,
}

/// Figures of a running log.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogStatus {
    /// Whether the log takes writes.
    pub health: Health,
    /// Why it does not, if so.
    pub reason: Option<String>,
    /// Newest epoch with records.
    pub last: Epoch,
    /// Newest epoch handed to the kernel.
    pub written: Epoch,
    /// Newest durable epoch.
    pub durable: Epoch,
    /// Segments named in CURRENT.
    pub segments: u64,
    /// Bytes of all segments up to their last block, and of files of values.
    pub bytes: u64,
    /// Bytes reserved or buffered and not yet written.
    pub outstanding_bytes: u64,
    /// Bytes written and not yet synced.
    pub unsynced_bytes: u64,
    /// Blocks written since the open.
    pub blocks_written: u64,
    /// Fsyncs of the log since the open.
    pub fsyncs: u64,
    /// Duration of the last fsync in nanoseconds.
    pub last_fsync_ns: u64,
    /// The newest snapshot that CURRENT names.
    pub snapshot: Option<SnapshotInfo>,
    /// All that it names.
    pub snapshots: u64,
    /// Older ones that were given up for want of room, since the open.
    pub snapshots_given_up: u64,
    /// Bytes of history that an open would replay behind the snapshot, at most.
    pub behind_bytes: u64,
    /// Bytes of segments that an open does not replay and that stay for values in them, and of files of values.
    pub kept_bytes: u64,
    /// Bytes of those that are there for older snapshots alone.
    pub older_bytes: u64,
    /// Bytes pushed beyond what was reserved for them: a wrong bound of a command.
    pub overdrawn_bytes: u64,
    /// Growth is refused because of the disk, be it only such by much at once.
    pub refuses_growth: bool,
}

/// A segment that is full and durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedSegment {
    /// Its number, as in [`Place::segment`](crate::Place).
    pub id: u64,
    /// Bytes up to its last block.
    pub bytes: u64,
}

/// What [`crate::Log::maintain`] found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Upkeep {
    /// An fsync is due by the policy, by a request or by the bound on unsynced bytes.
    pub sync_due: bool,
    /// When to look again at the latest, in nanoseconds of the monotonic clock.
    pub next_ns: Option<u64>,
}
