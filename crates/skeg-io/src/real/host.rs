//! Clock, randomness and threads of the real machine.

use std::io;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::sync::thread::{Builder, JoinHandle};
use crate::{Clock, Entropy, Join, Panicked, Threads};

/// The system's clocks.
#[derive(Clone, Copy, Debug)]
pub struct RealClock {
    start: Instant,
}

impl RealClock {
    /// Monotonic time counts from here.
    #[must_use]
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for RealClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for RealClock {
    fn now_ms(&self) -> u64 {
        // A clock set before 1970 counts as 1970.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    fn monotonic_ns(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// The system's randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealEntropy;

impl RealEntropy {
    /// There is but one.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

impl Entropy for RealEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("an operating system that we run on gives randomness");
    }
}

/// The system's threads.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealThreads;

impl RealThreads {
    /// There is but one.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

impl Threads for RealThreads {
    fn spawn(&self, name: &str, body: Box<dyn FnOnce() + Send>) -> io::Result<Box<dyn Join>> {
        let handle = Builder::new().name(name.to_owned()).spawn(body)?;
        Ok(Box::new(RealThread(handle)))
    }

    fn processors(&self) -> usize {
        // Where the system does not say, one is certainly there.
        std::thread::available_parallelism().map_or(1, usize::from)
    }
}

#[derive(Debug)]
struct RealThread(JoinHandle<()>);

impl Join for RealThread {
    fn join(self: Box<Self>) -> Result<(), Panicked> {
        self.0.join().map_err(|payload| Panicked::from_payload(&*payload))
    }
}
