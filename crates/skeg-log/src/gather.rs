//! Gathering: under `always`, the thread that syncs waits a moment for those it has just answered.
//!
//! Who was told that his change is durable sends replies, and their clients come back with the next
//! commands. When an fsync began at once for the others, who came during the last one, these and those
//! would take turns from then on, each fsync serving half of the clients. So a subscriber that
//! [gathers](crate::Notify::gathers) says when it has gathered
//! ([`Subscription::gathered`](crate::Subscription::gathered)), and the next fsync waits for that: no
//! longer than some fsyncs take; and where that was in vain, turns are so long that it is not worth while, and
//! the next fsyncs do not wait.
//!
//! Invariants: who skips a wake-up because the thread gathers has published before what it should look at.
//! Both change the flag by one read-modify-write each: the later of both sees what the other published.
//!
//! May not know: what subscribers do.

use std::time::Duration;

use skeg_io::sync::atomic::Ordering::{Relaxed, SeqCst};
use skeg_io::sync::atomic::{AtomicBool, AtomicU64};

use crate::core::Core;
use crate::failpoint::{Broken, breaks};

/// The next fsync waits so many times as long as the last one took, at most.
const FSYNCS: u32 = 8;

/// A thread whose turn takes longer than this is not waited for, however long fsyncs take.
const GATHER_MAX: Duration = Duration::from_millis(2);

/// Fsyncs that do not wait after one has waited in vain.
const SKIPPED: u64 = 16;

/// Whether the thread that syncs waits.
#[derive(Debug, Default)]
pub(crate) struct Gathering {
    waits: AtomicBool,
    /// Fsyncs that are still not to wait. The thread's own.
    skips: AtomicU64,
}

impl Core {
    /// Waits until all who were told have gathered, or for as long as some fsyncs take. Look at everything
    /// after this.
    pub(crate) fn gather(&self) {
        if !self.threads_run.load(SeqCst)
            || !self.has_unwritten()
            || !self.subscribers.anybody_gathers()
        {
            return;
        }
        let skips = self.gathering.skips.load(Relaxed);
        if skips > 0 {
            self.gathering.skips.store(skips - 1, Relaxed);
            return;
        }
        let limit =
            (FSYNCS * Duration::from_nanos(self.syncing.last_duration_ns())).min(GATHER_MAX);
        self.gathering.waits.swap(true, SeqCst);
        // What it was told before is looked at afterwards.
        self.disk_wake.forget();
        if self.subscribers.anybody_gathers() {
            self.disk_wake.sleep(Some(limit));
            // Turns take longer than fsyncs: there is nothing to gain.
            if self.subscribers.anybody_gathers() {
                self.gathering.skips.store(SKIPPED, Relaxed);
            }
        }
        self.gathering.waits.swap(false, SeqCst);
    }

    /// Wakes the thread that syncs, unless it gathers: then it looks when it has gathered.
    pub(crate) fn wake_syncer(&self) {
        if !self.gathering.waits.fetch_or(false, SeqCst) {
            self.disk_wake.wake();
        }
    }

    /// All have gathered, or somebody cannot wait for it.
    pub(crate) fn end_gathering(&self) {
        if !breaks(Broken::GathersOn) && self.gathering.waits.fetch_or(false, SeqCst) {
            self.disk_wake.wake();
        }
    }
}
