//! The two threads of a log: one writes what serving threads leave, one does fsyncs and upkeep, and
//! writes what it is about to sync.
//!
//! Invariants: a wake-up is never lost (it is a mark that the sleeper clears before it looks); a
//! thread sleeps without end when nothing is due; both end when the log is closed.
//! May not know: what writing, syncing and upkeep consist of.

use std::time::Duration;

use skeg_io::sync::atomic::{AtomicU8, Ordering::SeqCst};
use skeg_io::sync::{Arc, Condvar, Mutex};

use crate::core::Core;
use crate::error::LogError;
use crate::room::Room;
use crate::types::Wrote;
use crate::writer::By;

/// A block that found no space is tried again after this, by the log thread.
const RETRY: Duration = Duration::from_millis(100);

/// Nobody has told the thread anything since it looked.
const AWAKE: u8 = 0;
/// It sleeps, or is about to.
const ASLEEP: u8 = 1;
/// It was told, and has not begun to look.
const TOLD: u8 = 2;

/// Wakes one thread.
#[derive(Debug, Default)]
pub(crate) struct Wake {
    state: AtomicU8,
    lock: Mutex<()>,
    condition: Condvar,
}

impl Wake {
    /// Makes the thread look. A call of the system only when it sleeps.
    pub(crate) fn wake(&self) {
        if self.state.load(SeqCst) == TOLD || self.state.swap(TOLD, SeqCst) != ASLEEP {
            return;
        }
        // Taken, so that the sleeper is waiting: it holds the lock from `ASLEEP` on.
        drop(self.lock.lock());
        self.condition.notify_one();
    }

    /// Whoever has told the thread something that it is going to look at anyway need not keep it awake.
    pub(crate) fn forget(&self) {
        self.state.store(AWAKE, SeqCst);
    }

    /// Sleeps until woken, at most for `timeout`, and forgets it: look at everything after this.
    pub(crate) fn sleep(&self, timeout: Option<Duration>) {
        let mut guard = self.lock.lock();
        if self.state.compare_exchange(AWAKE, ASLEEP, SeqCst, SeqCst).is_ok() {
            guard = match timeout {
                Some(timeout) => self.condition.wait_timeout(guard, timeout),
                None => self.condition.wait(guard),
            };
        }
        drop(guard);
        self.state.store(AWAKE, SeqCst);
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
            let Ok(next_ns) = self.disk_turn() else { break };
            let now = self.now_ns();
            let timeout = |at: u64| Duration::from_nanos(at.saturating_sub(now));
            self.disk_wake.sleep(next_ns.map(timeout));
        }
    }

    /// Commits while something is due, one block to an fsync, then does upkeep. When to look again,
    /// in nanoseconds of the monotonic clock.
    pub(crate) fn disk_turn(&self) -> Result<Option<u64>, LogError> {
        loop {
            let wrote = self.is_written_to_be_synced() && self.try_write(By::Disk) != Wrote::Busy;
            if self.sync_due(self.now_ns()).0 {
                self.sync_written()?;
                self.look_again();
                // Under load an fsync is always due: upkeep comes in time, not when there is no room.
                if !self.space.look(Room::is_short) {
                    self.gather();
                    continue;
                }
            } else if wrote {
                // Whoever found the role taken counts on a look, and no fsync has brought one.
                self.look_again();
            }
            let upkeep = self.maintain()?;
            if !upkeep.sync_due {
                return Ok(upkeep.next_ns);
            }
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
