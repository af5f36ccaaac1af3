//! The keys and values of one logical database on one shard: typed values, deadlines and
//! memory accounting as pure data structures.
//!
//! Invariants:
//! - every function is deterministic: time, randomness and the hash seed are arguments;
//! - expiry is never judged by a read: the caller compares deadlines with its clock and logs
//!   the deletion.
//!
//! May not know: files, clocks, threads, other shards, commands, wire formats.
#![forbid(unsafe_code)]

mod keyspace;
mod value;

pub use keyspace::Keyspace;
pub use value::{DEADLINE_MS_MAX, EntryRef, HashSeed, Kind, StrRef};
