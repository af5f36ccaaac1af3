//! The engine of skeg: shards behind latches, routing, jobs over several shards, maintenance and
//! figures. This is the store's Rust API; commands, the server and the Node addon stand on it.
//!
//! Invariants:
//! - a shard's state is touched only by whoever holds its latch, for a bounded slice, never across
//!   I/O (`latch.rs`);
//! - log space is reserved before memory changes, and a change is recorded exactly when it happened
//!   (`exec.rs`, `shard.rs`);
//! - the records of one command, or of one transaction over several shards, are in one epoch: after
//!   a crash they are whole or absent;
//! - a snapshot has what was there at each shard's place of the history, whatever is written
//!   meanwhile (`walk.rs`, `snapshot.rs`);
//! - large strings are in the log only, and nobody waits for the disk under a latch (`values.rs`);
//! - no reply need show what a crash could take back: a receipt names the epoch to wait for.
//!
//! May not know: command names, wire formats, users, sockets.
//! Record format: `docs/format/effects.md`, implemented in `effect.rs`.
#![forbid(unsafe_code)]

mod backup;
mod blocking;
mod cache;
mod describe;
mod dump;
mod ebb;
mod effect;
mod engine;
mod error;
mod evict;
mod exec;
mod fetch;
pub mod glob;
mod groups;
mod holder;
mod home;
mod indexes;
mod job;
mod latch;
mod notify;
pub mod offline;
mod options;
mod pending;
mod pool;
mod pubsub;
mod reading;
mod replay;
mod router;
mod shard;
mod snapshot;
mod stats;
mod sweep;
mod values;
mod vectors;
mod walk;
mod watch;
mod writing;

pub use backup::BackupDone;
pub use blocking::{Blocked, Room, Wait, WaitEnd, Waiter};
pub use cache::CacheFigures;
pub use dump::{DumpError, Dumped, DumpedElements};
pub use engine::Engine;
pub use error::{
    BackupError, EngineError, PartError, ReadError, Refusal, SnapshotError, VectorsError,
    WriteError,
};
pub use evict::{EvictionPolicy, MemoryLimit};
pub use exec::Exec;
pub use groups::Grouping;
pub use holder::{Drain, Holder};
pub use indexes::{
    INDEX_NAME_BYTES_MAX, Incoming, IndexError, IndexInfo, IndexState, PARTS_MAX, Parts, Several,
    put_together,
};
pub use job::{Bound, Hold, Job, Progress, Receipt};
pub use notify::NotifyClass;
pub use options::{DATABASES, EngineOptions, KEY_BYTES_MAX, VALUE_BYTES_MAX};
pub use pool::Search;
pub use pubsub::{Delivery, Message, PubSub, Subscriber, SubscriberId, Topic};
pub use reading::{Reading, TakePart};
pub use router::{Router, SHARDS_MAX, SLOTS, ShardList, hash_tag, slot_of};
pub use shard::{Expiry, Held, Shard};
pub use skeg_keyspace::{
    Away, End, EntryRef, HashRef, Keyspace, Kind, ListRef, SetRef, SortedSetRef, Stamp, StrRef,
    Value, ValueRef, WrongType,
};
pub use skeg_log::{
    Copied, CopyOptions, Epoch, ErrorKind as LogErrorKind, Health, Level, Log, LogError, LogStatus,
    Notify, Purpose, Recovered, ShardId, SnapshotInfo, Subscription, SyncPolicy, Want, Wrote,
};
pub use skeg_vector::SegmentFigures;
pub use snapshot::{SavePoint, SnapshotDone, SnapshotStatus};
pub use stats::{ShardFigures, ShardStats};
pub use values::ValueFigures;
pub use vectors::{BuildProgress, ConsolidateDone, ConsolidateProgress, VectorsStatus};
pub use watch::{WatchFlag, WatchedKey};
pub use writing::{TakeWritten, Writing, WrittenString, WrotePart};
