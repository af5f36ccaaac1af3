//! The keys and values of one logical database on one shard: typed values, deadlines and
//! memory accounting as pure data structures.
//!
//! [`Keyspace`] joins three parts that know nothing of each other's insides: `store` holds the
//! bytes of entries in cells addressed by 32-bit handles, `table` finds handles by hash, and
//! `expiry` keeps handles in deadline order. `entry` is the layout of the bytes in a cell.
//! `collection` holds hashes, lists, sets and sorted sets. Of a string that is kept elsewhere there is
//! only its length and its place here (`keyspace/away.rs`).
//!
//! Invariants:
//! - every function is deterministic: time, randomness and the hash seed are arguments;
//! - expiry is never judged by a read: the caller compares deadlines with its clock and logs
//!   the deletion;
//! - no call works for longer than it takes to rehash one segment of the table (some hundred
//!   entries), apart from moving the bytes it was given, copying a collection, and removing many
//!   items of a list at once.
//!
//! May not know: files, clocks, threads, other shards, commands, wire formats.
#![forbid(unsafe_code)]

mod collection;
mod entry;
mod expiry;
mod keyspace;
mod stamp;
mod store;
mod table;
mod value;

pub use collection::{
    Collection, ElementHint, End, HashIter, HashRef, ListIter, ListRef, SetIter, SetRef,
    SortedSetIter, SortedSetRef,
};
pub use keyspace::{Candidate, Keyspace, Shown, Value};
pub use stamp::{Stamp, Used};
pub use value::{
    Away, DEADLINE_MS_MAX, EntryRef, HashSeed, Kept, Kind, StrRef, ValueRef, WrongType,
};
