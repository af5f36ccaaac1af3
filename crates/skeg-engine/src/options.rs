//! Options of an engine, with their defaults and ranges.

use skeg_log::{Level, SyncPolicy};

use crate::error::EngineError;
use crate::evict::{MemoryLimit, SAMPLES_MAX};
use crate::groups::DEPTH_MAX;
use crate::router::SHARDS_MAX;
use crate::snapshot::SavePoint;

/// How many logical databases there are (SELECT 0 to 15).
pub const DATABASES: u8 = 16;

/// Longest key, in bytes.
pub const KEY_BYTES_MAX: usize = 512 * 1024;

/// Longest value, in bytes: Redis's `proto-max-bulk-len`.
pub const VALUE_BYTES_MAX: usize = 512 * 1024 * 1024;

/// A place takes a third of this; a number in its decimal form is shorter.
const INLINE_MAX_MIN: usize = 64;

/// What an engine is opened with.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// Shards, a power of two to 256. A directory with another number is given this one, unless it is
    /// only read; `None` takes what is there, else 16.
    pub shards: Option<u16>,
    /// Home threads: they do what is periodic and what a busy shard left over. 0 starts no thread at
    /// all (the simulator drives the engine by hand).
    pub home_threads: usize,
    /// Threads that search vectors, started with the first search.
    pub search_threads: usize,
    /// The level that an acknowledgement has by default.
    pub level: Level,
    /// When the log is synced without anybody asking.
    pub sync: SyncPolicy,
    /// Serve what is there, write nothing.
    pub read_only: bool,
    /// Create the directory's contents when there are none.
    pub create_if_missing: bool,
    /// Commands queued at one shard before more are refused.
    pub queue_limit: usize,
    /// Bytes of a log segment.
    pub segment_bytes: u64,
    /// A string of more bytes stays in the log only (1,024); from 64 to 536,870,912.
    pub inline_max: usize,
    /// Bytes of memory for strings that were read back from the log (64 MiB).
    pub cache_bytes: usize,
    /// What the data may take, and what goes when it takes more; no limit by default. A store that is
    /// read-only keeps what it has.
    pub memory_limit: MemoryLimit,
    /// A snapshot is taken when more bytes than this, and than half of the last snapshot, were logged
    /// since it (64 MiB).
    pub snapshot_log_bytes: u64,
    /// And at these points; none by default.
    pub save_points: Vec<SavePoint>,
    /// Snapshots that are kept, from 1 to 8 (1). More than the newest are there, with the log from the
    /// oldest on, for the case that it is damaged. On a full disk the oldest are given up.
    pub keep_snapshots: usize,
    /// Bytes that writers may hand to a snapshot before they wait for it to write them (4 MiB), but
    /// for one command's.
    pub snapshot_buffer_bytes: usize,
    /// What a snapshot hands out under one hold of a latch, in bytes of entries, about (64 KiB: some 50
    /// microseconds). A value that is a large part of that is handed out in pieces of its own, and who
    /// changes it waits for its end.
    pub snapshot_slice_bytes: usize,
    /// Rows of a vector index that take more memory than this are written into a segment on disk
    /// (8 MiB), unless the index is to be in memory as it is.
    pub vector_delta_bytes: usize,
    /// A merge of segments of vectors that writes so many bytes (64 MiB) is done beside all others, so that
    /// those are not held up; and so is one that links its rows.
    pub vector_beside_bytes: u64,
    /// Rows of an index in memory are written, however few, when there was no write for so long (30 seconds).
    pub vector_idle_ms: u64,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            shards: None,
            home_threads: 1,
            search_threads: 2,
            level: Level::Kernel,
            sync: SyncPolicy::EverySecond,
            read_only: false,
            create_if_missing: true,
            queue_limit: 4_096,
            segment_bytes: 64 << 20,
            inline_max: 1_024,
            cache_bytes: 64 << 20,
            memory_limit: MemoryLimit::default(),
            snapshot_log_bytes: 64 << 20,
            save_points: Vec::new(),
            keep_snapshots: 1,
            snapshot_buffer_bytes: 4 << 20,
            snapshot_slice_bytes: 64 << 10,
            vector_delta_bytes: 8 << 20,
            vector_beside_bytes: 64 << 20,
            vector_idle_ms: 30_000,
        }
    }
}

impl EngineOptions {
    /// Shards of a new database when none are asked for.
    pub const SHARDS_DEFAULT: u16 = 16;

    pub(crate) fn validate(&self) -> Result<(), EngineError> {
        let refuse =
            |option, reason: &str| Err(EngineError::Option { option, reason: reason.into() });
        if self.shards.is_some_and(|count| !count.is_power_of_two() || count > SHARDS_MAX) {
            return refuse("shards", "must be a power of two from 1 to 256");
        }
        if self.home_threads > 256 {
            return refuse("threads", "must be at most 256");
        }
        if !(1..=256).contains(&self.search_threads) {
            return refuse("searchThreads", "must be from 1 to 256");
        }
        if !(INLINE_MAX_MIN..=VALUE_BYTES_MAX).contains(&self.inline_max) {
            return refuse("inlineMax", "must be from 64 to 536870912");
        }
        if !(1..=SAMPLES_MAX).contains(&self.memory_limit.samples) {
            return refuse("samples", "must be from 1 to 64");
        }
        if self.memory_limit.grouping.depth > DEPTH_MAX {
            return refuse("groupDepth", "must be from 0 to 16");
        }
        if !(1..=8).contains(&self.keep_snapshots) {
            return refuse("keepSnapshots", "must be from 1 to 8");
        }
        if self.queue_limit == 0 {
            return refuse("queueLimit", "must be at least 1");
        }
        Ok(())
    }
}
