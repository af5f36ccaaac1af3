//! The two threads of a log: one writes what serving threads leave, one does fsyncs and upkeep.
//!
//! Invariants: a wake-up is never lost (it is a flag that the sleeper clears before it looks); a
//! thread sleeps without end when nothing is due; both end when the log is closed.
//! May not know: what writing, syncing and upkeep consist of.

use std::time::Duration;

use skeg_io::sync::atomic::{AtomicBool, Ordering::SeqCst};
use skeg_io::sync::{Arc, Condvar, Mutex};

use crate::core::Core;
use crate::error::LogError;
use crate::types::{SyncPolicy, Wrote};
use crate::writer::By;

/// A block that found no space is tried again after this, by the log thread.
const RETRY: Duration = Duration::from_millis(100);

/// Wakes one thread.
#[derive(Debug, Default)]
pub(crate) struct Wake {
    flag: AtomicBool,
    lock: Mutex<()>,
    condition: Condvar,
}

impl Wake {
    /// Makes the thread look. Cheap when it was told already.
    pub(crate) fn wake(&self) {
        if self.flag.load(SeqCst) || self.flag.swap(true, SeqCst) {
            return;
        }
        // Taken, so that the sleeper is either before its look at the flag or waiting.
        drop(self.lock.lock());
        self.condition.notify_one();
    }

    /// Sleeps until woken, at most for `timeout`, and clears the flag: look at everything after this.
    fn sleep(&self, timeout: Option<Duration>) {
        let mut guard = self.lock.lock();
        if !self.flag.load(SeqCst) {
            guard = match timeout {
                Some(timeout) => self.condition.wait_timeout(guard, timeout),
                None => self.condition.wait(guard),
            };
        }
        drop(guard);
        self.flag.store(false, SeqCst);
    }
}

impl Core {
    /// Starts both threads, once.
    pub(crate) fn start_threads(self: &Arc<Self>) -> Result<(), LogError> {
        self.condition.check()?;
        let mut threads = self.threads.lock();
        if !threads.is_empty() {
            return Ok(());
        }
        self.threads_run.store(true, SeqCst);
        let (log, disk) = (Arc::clone(self), Arc::clone(self));
        let started =
            self.io.threads.spawn("skeg-log", Box::new(move || log.run_log_thread())).and_then(
                |thread| {
                    threads.push(thread);
                    self.io.threads.spawn("skeg-disk", Box::new(move || disk.run_disk_thread()))
                },
            );
        match started {
            Ok(thread) => {
                threads.push(thread);
                Ok(())
            }
            Err(source) => {
                drop(threads);
                self.stop_threads();
                let file = self.dir.clone();
                Err(LogError::Io { operation: "start a thread for", file, source })
            }
        }
    }

    /// Ends both threads and waits for them.
    pub(crate) fn stop_threads(&self) {
        self.threads_stop.store(true, SeqCst);
        self.log_wake.wake();
        self.disk_wake.wake();
        for thread in self.threads.lock().drain(..) {
            if let Err(panic) = thread.join() {
                self.poison(panic.to_string());
            }
        }
        self.threads_run.store(false, SeqCst);
        self.threads_stop.store(false, SeqCst);
    }

    fn stops(&self) -> bool {
        self.threads_stop.load(SeqCst)
    }

    fn run_log_thread(&self) {
        let _guard = PoisonOnPanic(self);
        while !self.stops() {
            let wrote = self.try_write(By::Log);
            if matches!(wrote, Wrote::Wrote(_)) && self.has_unwritten() {
                continue;
            }
            self.log_wake.sleep((wrote == Wrote::Full).then_some(RETRY));
        }
    }

    fn run_disk_thread(&self) {
        let _guard = PoisonOnPanic(self);
        while !self.stops() {
            let Some(timeout) = self.disk_turn() else { break };
            self.disk_wake.sleep(timeout);
        }
    }

    /// Fsyncs while one is due, then upkeep. How long to sleep; `None` when the log is poisoned.
    fn disk_turn(&self) -> Option<Option<Duration>> {
        loop {
            if self.sync_due(self.now_ns()).0 {
                self.sync_written().ok()?;
                self.after_sync();
                continue;
            }
            let upkeep = self.maintain().ok()?;
            if !upkeep.sync_due {
                let now = self.now_ns();
                let timeout = |at: u64| Duration::from_nanos(at.saturating_sub(now));
                return Some(upkeep.next_ns.map(timeout));
            }
        }
    }

    /// Under `always` serving threads leave what they push during an fsync to the thread that
    /// does it: written at once and synced next, without another thread being woken.
    fn after_sync(&self) {
        if self.options.sync == SyncPolicy::Always {
            self.try_write(By::Log);
        } else {
            self.look_again();
        }
    }
}

/// A thread of the log that panics leaves nobody to write or to sync.
struct PoisonOnPanic<'a>(&'a Core);

impl Drop for PoisonOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.poison("a thread of the log panicked".to_owned());
        }
    }
}
