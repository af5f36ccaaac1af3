//! Counts of commands, for INFO.
//!
//! Each serving thread has a lane of its own, so that counting never moves a cache line between
//! processors; a reader adds the lanes up. Durations are measured for one call in 64 and scaled:
//! reading the clock twice would cost more than many commands do.

use skeg_io::Clock;
use skeg_io::sync::atomic::{AtomicU64, Ordering};
use skeg_io::sync::{Arc, Mutex};

use crate::table::{self, CommandId};

/// One call in so many is timed.
const SAMPLE: u64 = 64;

#[derive(Debug, Default)]
struct Counters {
    calls: AtomicU64,
    /// Estimated, in nanoseconds.
    busy_ns: AtomicU64,
    rejected: AtomicU64,
    failed: AtomicU64,
}

/// The counters of one serving thread.
#[derive(Debug)]
pub struct Lane {
    commands: Vec<Counters>,
    errors: AtomicU64,
}

/// What one command has been called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CommandFigures {
    pub(crate) calls: u64,
    pub(crate) busy_us: u64,
    pub(crate) rejected: u64,
    pub(crate) failed: u64,
}

impl Lane {
    fn new() -> Self {
        let commands = table::COMMANDS.iter().map(|_| Counters::default()).collect();
        Self { commands, errors: AtomicU64::new(0) }
    }

    fn of(&self, id: CommandId) -> &Counters {
        &self.commands[id.index()]
    }

    /// Counts a call; some are timed, from the returned moment on.
    #[inline]
    pub(crate) fn called(&self, id: CommandId, clock: &dyn Clock) -> Option<u64> {
        let before = self.of(id).calls.fetch_add(1, Ordering::Relaxed);
        before.is_multiple_of(SAMPLE).then(|| clock.monotonic_ns())
    }

    /// Counts a call that is part of another.
    pub(crate) fn ran(&self, id: CommandId) {
        self.of(id).calls.fetch_add(1, Ordering::Relaxed);
    }

    /// Ends the timing of a call.
    #[cold]
    pub(crate) fn timed(&self, id: CommandId, since_ns: u64, clock: &dyn Clock) {
        let spent_ns = clock.monotonic_ns().saturating_sub(since_ns);
        self.of(id).busy_ns.fetch_add(spent_ns * SAMPLE, Ordering::Relaxed);
    }

    /// Counts a call that ended in an error.
    pub(crate) fn failed(&self, id: CommandId) {
        self.of(id).failed.fetch_add(1, Ordering::Relaxed);
        self.errors.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a command that was refused before it ran; `None`: there is no such command.
    pub(crate) fn rejected(&self, id: Option<CommandId>) {
        if let Some(id) = id {
            self.of(id).rejected.fetch_add(1, Ordering::Relaxed);
        }
        self.errors.fetch_add(1, Ordering::Relaxed);
    }

    fn reset(&self) {
        let counters = |of: &Counters| {
            for counter in [&of.calls, &of.busy_ns, &of.rejected, &of.failed] {
                counter.store(0, Ordering::Relaxed);
            }
        };
        self.commands.iter().for_each(counters);
        self.errors.store(0, Ordering::Relaxed);
    }
}

/// All lanes.
#[derive(Debug, Default)]
pub(crate) struct Lanes(Mutex<Vec<Arc<Lane>>>);

impl Lanes {
    /// A lane for one more thread.
    pub(crate) fn add(&self) -> Arc<Lane> {
        let lane = Arc::new(Lane::new());
        self.0.lock().push(Arc::clone(&lane));
        lane
    }

    /// The sums for one command.
    pub(crate) fn figures(&self, id: CommandId) -> CommandFigures {
        let mut sum = CommandFigures::default();
        let mut busy_ns = 0;
        for lane in self.0.lock().iter() {
            let of = lane.of(id);
            sum.calls += of.calls.load(Ordering::Relaxed);
            busy_ns += of.busy_ns.load(Ordering::Relaxed);
            sum.rejected += of.rejected.load(Ordering::Relaxed);
            sum.failed += of.failed.load(Ordering::Relaxed);
        }
        sum.busy_us = busy_ns / 1_000;
        sum
    }

    /// Calls of all commands, and errors replied.
    pub(crate) fn totals(&self) -> (u64, u64) {
        let calls = table::ids().map(|id| self.figures(id).calls).sum();
        let errors = self.0.lock().iter().map(|lane| lane.errors.load(Ordering::Relaxed)).sum();
        (calls, errors)
    }

    /// Sets everything to zero.
    pub(crate) fn reset(&self) {
        self.0.lock().iter().for_each(|lane| lane.reset());
    }
}
