//! Counts of commands, for INFO.
//!
//! Each serving thread has a lane of its own, so that counting never moves a cache line between
//! processors; a reader adds the lanes up. Durations are measured for one call in 64 and scaled:
//! reading the clock twice would cost more than many commands do.

use skeg_io::sync::atomic::{AtomicU64, Ordering};
use skeg_io::sync::{Arc, Mutex, OnceLock};

use crate::table::{self, CommandId};

/// One call in so many is timed.
const SAMPLE: u64 = 64;

#[derive(Debug, Default)]
struct Counters {
    /// By the lane's own thread, which alone writes it.
    calls: AtomicU64,
    /// Of these, how many there were at the last reset.
    calls_forgotten: AtomicU64,
    /// Calls that are part of another, on whichever thread.
    inner_calls: AtomicU64,
    /// Estimated, in nanoseconds.
    busy_ns: AtomicU64,
    rejected: AtomicU64,
    failed: AtomicU64,
    histogram: OnceLock<Box<Histogram>>,
}

/// Calls by their duration: bucket `n` has those of at most 2^n microseconds.
pub(crate) type Histogram = [AtomicU64; HISTOGRAM_BUCKETS];

/// Up to 2^31 microseconds, some 36 minutes; what takes longer is counted there.
pub(crate) const HISTOGRAM_BUCKETS: usize = 32;

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

    /// Counts a call by the thread whose lane this is; `true`: it is one of those that are timed for all. No other
    /// thread may call it: so no processor is asked to keep others away meanwhile.
    #[inline]
    pub(crate) fn called(&self, id: CommandId) -> bool {
        let calls = &self.of(id).calls;
        let before = calls.load(Ordering::Relaxed);
        calls.store(before + 1, Ordering::Relaxed);
        before.is_multiple_of(SAMPLE)
    }

    /// Counts a call that is part of another.
    pub(crate) fn ran(&self, id: CommandId) {
        self.of(id).inner_calls.fetch_add(1, Ordering::Relaxed);
    }

    /// Adds what a call took that stands for all.
    #[cold]
    pub(crate) fn timed(&self, id: CommandId, spent_ns: u64) {
        self.of(id).busy_ns.fetch_add(spent_ns * SAMPLE, Ordering::Relaxed);
    }

    /// Notes how long a call took.
    pub(crate) fn observed(&self, id: CommandId, spent_us: u64) {
        let histogram = self.of(id).histogram.get_or_init(Box::default);
        let bucket = spent_us.max(1).next_power_of_two().trailing_zeros() as usize;
        histogram[bucket.min(HISTOGRAM_BUCKETS - 1)].fetch_add(1, Ordering::Relaxed);
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
            let buckets = of.histogram.get().into_iter().flat_map(|buckets| buckets.iter());
            of.calls_forgotten.store(of.calls.load(Ordering::Relaxed), Ordering::Relaxed);
            let counters = [&of.inner_calls, &of.busy_ns, &of.rejected, &of.failed];
            counters.into_iter().chain(buckets).for_each(|it| it.store(0, Ordering::Relaxed));
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
            // What is forgotten is read first: there are never fewer calls than that.
            let forgotten = of.calls_forgotten.load(Ordering::Relaxed);
            sum.calls += of.calls.load(Ordering::Relaxed).saturating_sub(forgotten);
            sum.calls += of.inner_calls.load(Ordering::Relaxed);
            busy_ns += of.busy_ns.load(Ordering::Relaxed);
            sum.rejected += of.rejected.load(Ordering::Relaxed);
            sum.failed += of.failed.load(Ordering::Relaxed);
        }
        sum.busy_us = busy_ns / 1_000;
        sum
    }

    /// The calls of a command that were timed, by their duration.
    pub(crate) fn histogram(&self, id: CommandId) -> [u64; HISTOGRAM_BUCKETS] {
        let mut sum = [0; HISTOGRAM_BUCKETS];
        for lane in self.0.lock().iter() {
            let Some(histogram) = lane.of(id).histogram.get() else { continue };
            for (sum, bucket) in sum.iter_mut().zip(histogram.iter()) {
                *sum += bucket.load(Ordering::Relaxed);
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_since_the_last_reset_are_counted_on_all_lanes() {
        let lanes = Lanes::default();
        let [one, two] = [lanes.add(), lanes.add()];
        let id = table::ids().next().expect("there are commands");
        let calls = || lanes.figures(id).calls;
        let samples = (0..2 * SAMPLE).filter(|_| one.called(id)).count();
        two.called(id);
        two.ran(id);
        assert_eq!((samples, calls()), (2, 2 * SAMPLE + 2));
        lanes.reset();
        assert_eq!(calls(), 0);
        one.called(id);
        one.ran(id);
        assert_eq!((calls(), lanes.totals()), (2, (2, 0)));
    }
}
