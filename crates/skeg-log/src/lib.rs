//! The commit stream: one ordered history of opaque records for all shards of a database.
//!
//! A record goes from a shard's buffer (`buffer.rs`) into a block (`block.rs`) that whoever holds the
//! writer's role (`writer.rs`) hands to the kernel; an fsync (`sync.rs`) makes it durable;
//! `upkeep.rs` keeps allocated room ahead; `values.rs` reads large values back; `snapshot/` takes the place of old segments; `recover.rs`
//! reads it all back.
//!
//! Invariants: what a crash leaves is a prefix of the history; all records of one epoch are one
//! block, so a transaction over several shards is whole or absent; what is acknowledged at a level
//! survives what the level promises; damage stops an open, a torn tail does not.
//! May not know: value types, expiry, the wall clock, what a payload means.
//! Formats: `docs/format/`. Why one stream: `docs/decisions/0001-one-commit-stream.md`.
#![forbid(unsafe_code)]

mod backup;
mod block;
mod buffer;
mod check;
mod close;
mod condition;
mod core;
mod current;
mod error;
mod failpoint;
mod files;
mod format;
mod gather;
mod inspect;
mod layout;
mod log;
mod manifest;
mod numbered;
mod offline;
mod pieces;
mod ration;
mod recover;
mod repair;
mod reshard;
mod room;
mod route;
mod salvage;
mod scan;
mod segment;
mod side;
mod small_file;
mod snapshot;
mod space;
mod spare;
mod subscription;
mod sync;
mod threads;
mod types;
mod upkeep;
mod value_file;
mod values;
mod vector;
mod walk;
mod writer;
mod zeros;

pub use backup::{Copied, CopyOptions, CopyProgress};
pub use check::{CheckReport, Outcome};
pub use error::{Corruption, ErrorKind, LogError, ReplayError, ReserveError, Unapplied};
#[cfg(feature = "failpoints")]
pub use failpoint::break_promise;
pub use failpoint::{Broken, breaks};
pub use inspect::{
    BlockInfo, BlockKind, CurrentInfo, Found, HeaderInfo, LiveFile, RecordInfo, SegmentInfo,
    SegmentState, Summary,
};
pub use log::Log;
pub use offline::Offline;
pub use reshard::Dealt;
pub use salvage::{Dropped, Fresh, RepairPlan};
pub use snapshot::{SnapshotFound, SnapshotInfo, SnapshotWriter};
pub use space::{MAX_RESERVATION_BYTES, RECORD_OVERHEAD_BYTES, Reservation};
pub use subscription::{Notify, Subscription, Want};
pub use types::{
    Epoch, Health, Level, LogOptions, LogStatus, Purpose, Recovered, Replay, SealedSegment,
    ShardId, ShardPlace, SyncPolicy, Upkeep, Written, Wrote,
};
pub use value_file::{ValueFile, ValueWriter};
pub use values::{Logged, Moved, PART_BYTES, Place, ValueReader};
pub use vector::{VectorEntry, VectorFile, VectorWriter};
