//! Locks, atomics and threads for hand-written synchronisation: std's normally, shuttle's with
//! feature `shuttle`.
//!
//! Invariants:
//! - Both have the same names and meaning, so code written against this module runs unchanged under
//!   a scheduler that tries interleavings. (shuttle treats every atomic access as sequentially
//!   consistent: it finds wrong protocols, not missing orderings.)
//! - A lock whose holder panicked is entered all the same. The panic itself is not lost: whoever
//!   owns the guarded data must notice it where it happens (a background thread's end is reported
//!   by `Join::join`, the log poisons itself). An error at every later `lock()` would only turn one
//!   failed thread into a failure of all of them, among them those that have to shut down in order.
//!
//! May not know: what is guarded.

mod lock;
mod slot;

pub use lock::{Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};
pub use slot::Slot;
pub use std::sync::{Arc, OnceLock, Weak};

#[cfg(feature = "shuttle")]
use shuttle as backend;
#[cfg(not(feature = "shuttle"))]
use std as backend;

/// Atomic numbers, pointers and fences.
pub mod atomic {
    pub use super::backend::sync::atomic::{
        AtomicBool, AtomicI32, AtomicI64, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize,
        Ordering, fence,
    };
}

/// Threads of tests, and giving way to others. Background threads of the engine start through
/// [`crate::Threads`].
pub mod thread {
    pub use super::backend::thread::{
        Builder, JoinHandle, Thread, current, park, spawn, yield_now,
    };
}

/// Tells the processor that the caller spins; under shuttle, lets others run.
pub fn spin_loop() {
    backend::hint::spin_loop();
}
