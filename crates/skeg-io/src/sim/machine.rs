//! A whole simulated machine, and its restarts.

use super::disk::SimDisk;
use super::host::{SimClock, SimEntropy, SimThreads};
use super::outcome::CrashPolicy;
use super::rng::SimRng;
use crate::Io;
use crate::sync::Arc;

/// Disk, clock and randomness from one seed, without threads.
#[derive(Debug)]
pub struct SimMachine {
    /// The disk of the machine that runs now.
    pub disk: SimDisk,
    /// Goes on through restarts.
    pub clock: Arc<SimClock>,
    entropy: Arc<SimEntropy>,
    /// Decides what crashes leave; free for the test's own choices too.
    pub rng: SimRng,
}

impl SimMachine {
    /// The machine of `seed`, with an empty disk.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut rng = SimRng::new(seed);
        Self {
            disk: SimDisk::new(rng.next_u64()),
            clock: Arc::new(SimClock::new()),
            entropy: Arc::new(SimEntropy::new(rng.next_u64())),
            rng,
        }
    }

    /// The machine as the engine gets it. After a restart, get it again.
    #[must_use]
    pub fn io(&self) -> Io {
        Io {
            disk: Arc::new(self.disk.clone()),
            clock: Arc::<SimClock>::clone(&self.clock),
            entropy: Arc::<SimEntropy>::clone(&self.entropy),
            threads: Arc::new(SimThreads),
        }
    }

    /// The power fails and comes back: old handles are dead, the disk is what the policy left.
    pub fn crash(&mut self, policy: CrashPolicy) {
        self.disk = self.disk.crash(&mut self.rng, policy);
    }

    /// The process is killed and started again: old handles are dead, nothing else is lost.
    pub fn kill(&mut self) {
        self.disk = self.disk.kill();
    }
}
