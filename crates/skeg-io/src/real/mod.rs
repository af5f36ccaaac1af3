//! The real machine: std, plus rustix for what std has not.
//!
//! Invariants: no call is retried except those that the contract in `disk.rs` declares whole
//! (opening, renaming, reserving); a sync is called once.
//!
//! May not know: what the files mean.

#[allow(unsafe_code, reason = "calls of libc that rustix does not have")]
mod allocator;
mod directory;
mod disk;
mod file;
mod host;
#[allow(unsafe_code, reason = "a call of libc that rustix does not have")]
mod standing_by;

pub use allocator::{give_back_memory, use_large_pages};
pub use disk::RealDisk;
pub use host::{RealClock, RealEntropy, RealThreads, thread_cpu_ns};

#[cfg(not(unix))]
compile_error!("skeg needs a Unix: positioned reads and writes, file locks and directory syncs");
