//! Who links the rows of a large segment: threads of the machine, no more than it has processors.
//!
//! They have stepped back: searches and writes go first.
//!
//! May not know: what a graph is.

use skeg_io::sync::Mutex;
use skeg_io::sync::atomic::{AtomicUsize, Ordering};
use skeg_vector::graph::Crew;

use super::tasks::BuildProgress;
use crate::engine::Shared;

/// Threads of a crew at most: each needs memory of its own.
const CREW_MAX: usize = 16;

/// How many threads link rows.
pub(super) fn crew_size(shared: &Shared) -> usize {
    shared.io.threads.processors().clamp(1, CREW_MAX)
}

/// Links rows as long as the engine is open and somebody wants it.
pub(super) struct Linkers<'a, F> {
    pub(super) shared: &'a Shared,
    /// Rows to be linked.
    pub(super) rows: u64,
    /// Told how far it is; `false` gives up.
    pub(super) tell: Mutex<F>,
}

impl<F: FnMut(BuildProgress) -> bool + Send> Crew for Linkers<'_, F> {
    fn run(&self, count: usize, work: &(dyn Fn(usize) + Sync)) {
        let next = AtomicUsize::new(0);
        self.shared.io.threads.together("skeg-link", self.size().min(count), &|| {
            while let number = next.fetch_add(1, Ordering::Relaxed)
                && number < count
            {
                work(number);
            }
        });
    }

    fn size(&self) -> usize {
        crew_size(self.shared)
    }

    fn goes_on(&self, done: usize, total: usize) -> bool {
        let linked = self.rows * done as u64 / total.max(1) as u64;
        let progress = BuildProgress { written: self.rows, rows: self.rows, linked: Some(linked) };
        (self.tell.lock())(progress) && self.shared.check_open().is_ok()
    }
}
