//! Snapshots: the state of every shard at its own place of the history, in one file.
//!
//! The engine walks its shards and appends what recreates their entries (`write.rs`); when all is
//! durable, and every epoch that the snapshot covers with it, CURRENT names it (`publish.rs`), and
//! the segments before are not needed any more. Opening loads it first (`read.rs`). Growth leaves room for the
//! next one on the disk (`forecast.rs`), and older ones make room for it (`older.rs`).
//!
//! Invariants: a snapshot that CURRENT names is durable whole, and so is every epoch it covers;
//! nothing is removed before the CURRENT that does without it is durable; a snapshot that fails
//! leaves everything as it was.
//! May not know: what is in the records.
//! Format: `docs/format/snapshot.md`.

mod forecast;
pub(crate) mod format;
mod older;
mod publish;
pub(crate) mod read;
mod write;

pub(crate) use forecast::Forecast;
pub use read::SnapshotFound;
pub use write::{SnapshotInfo, SnapshotWriter};
