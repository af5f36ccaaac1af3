//! Time as the engine sees it.

use std::fmt::Debug;

/// Wall and monotonic time.
pub trait Clock: Send + Sync + Debug {
    /// Milliseconds since the Unix epoch. May jump in both directions; deadlines of keys are
    /// measured by it.
    fn now_ms(&self) -> u64;

    /// Nanoseconds since some fixed moment. Never goes back; intervals are measured by it.
    fn monotonic_ns(&self) -> u64;
}
