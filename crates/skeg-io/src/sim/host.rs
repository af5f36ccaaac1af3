//! Clock, randomness and threads of the simulated machine.

use std::io;
use std::time::Duration;

use super::rng::SimRng;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::{Clock, Entropy, Join, Threads};

/// Where a simulated wall clock starts: the first second of 2025, in milliseconds.
const START_MS: u64 = 1_735_689_600_000;

/// A clock that moves only when it is told to.
#[derive(Debug)]
pub struct SimClock {
    now_ms: AtomicU64,
    monotonic_ns: AtomicU64,
}

impl SimClock {
    /// A clock at the beginning of 2025.
    #[must_use]
    pub fn new() -> Self {
        Self { now_ms: AtomicU64::new(START_MS), monotonic_ns: AtomicU64::new(0) }
    }

    /// Lets time pass, on both clocks. The wall clock counts whole milliseconds.
    pub fn advance(&self, by: Duration) {
        let by_ns = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        let by_ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.monotonic_ns.fetch_add(by_ns, Ordering::SeqCst);
        self.now_ms.fetch_add(by_ms, Ordering::SeqCst);
    }

    /// Sets the wall clock, forwards or back; monotonic time does not notice.
    pub fn set_now_ms(&self, now_ms: u64) {
        self.now_ms.store(now_ms, Ordering::SeqCst);
    }
}

impl Default for SimClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SimClock {
    fn now_ms(&self) -> u64 {
        self.now_ms.load(Ordering::SeqCst)
    }

    fn monotonic_ns(&self) -> u64 {
        self.monotonic_ns.load(Ordering::SeqCst)
    }
}

/// Bytes that look random and are the same for the same seed.
#[derive(Debug)]
pub struct SimEntropy {
    rng: Mutex<SimRng>,
}

impl SimEntropy {
    /// The bytes of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { rng: Mutex::new(SimRng::new(seed)) }
    }
}

impl Entropy for SimEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        self.rng.lock().fill(bytes);
    }
}

/// No threads: the simulator drives every step by hand, so that their order comes from the seed.
#[derive(Clone, Copy, Debug, Default)]
pub struct SimThreads;

impl Threads for SimThreads {
    fn spawn(&self, _name: &str, _body: Box<dyn FnOnce() + Send>) -> io::Result<Box<dyn Join>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn processors(&self) -> usize {
        1
    }
}
