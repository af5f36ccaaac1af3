//! The only door to files, directories, clocks, randomness and threads.
//!
//! Everything above takes an [`Io`] and never touches `std::fs`, `std::time` or `std::thread`
//! itself, so the whole engine runs on a simulated machine (feature `sim`), deterministically, from
//! a seed.
//!
//! Invariants:
//! - An error of the operating system reaches the caller as it is: nothing here retries a failed
//!   sync, and a short write or an interrupted call is visible (the log keeps its buffer and
//!   retries at the same offset).
//! - What a crash may take back is the same on every back end, and stated at each method of
//!   [`Disk`] and [`File`].
//! - `sync` is the one source of locks and atomics, so that hand-written synchronisation can be run
//!   under a controlled scheduler (feature `shuttle`).
//!
//! Platforms: Linux is the target; macOS and FreeBSD are kept compiling. Windows is not supported.
//!
//! May not know: records, shards, file formats, Redis.
#![deny(unsafe_code)]

mod clock;
mod disk;
mod entropy;
mod real;
#[cfg(feature = "sim")]
pub mod record;
#[cfg(feature = "sim")]
pub mod sim;
pub mod sync;
mod threads;

pub use clock::Clock;
pub use disk::{DirLock, Disk, File, FileInfo, LockError, OpenMode, is_out_of_space};
pub use entropy::Entropy;
pub use real::{
    RealClock, RealDisk, RealEntropy, RealThreads, give_back_memory, thread_cpu_ns, use_large_pages,
};
pub use threads::{Join, Panicked, Threads};

use sync::Arc;

/// The machine that a database runs on: one handle for each thing that only this crate may touch.
#[derive(Clone, Debug)]
pub struct Io {
    /// Files and directories.
    pub disk: Arc<dyn Disk>,
    /// Wall and monotonic time.
    pub clock: Arc<dyn Clock>,
    /// Random bytes.
    pub entropy: Arc<dyn Entropy>,
    /// Background threads.
    pub threads: Arc<dyn Threads>,
}

impl Io {
    /// The machine that the process really runs on.
    #[must_use]
    pub fn real() -> Self {
        Self {
            disk: Arc::new(RealDisk::new()),
            clock: Arc::new(RealClock::new()),
            entropy: Arc::new(RealEntropy::new()),
            threads: Arc::new(RealThreads::new()),
        }
    }
}
