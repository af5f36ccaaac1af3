//! Waiting for an epoch, and the end of a log.
//!
//! Invariants: closing refuses new reservations first, then writes, fsyncs, names the durable epoch in
//! a last block and fsyncs that, so a clean reopen finds every epoch witnessed; whatever fails, the
//! threads end and the lock is freed.
//! May not know: what waits.

use std::path::PathBuf;

use skeg_io::sync::{Arc, Condvar, Mutex};

use crate::core::Core;
use crate::error::{LogError, ReserveError};
use crate::subscription::{Notify, Subscription, Want};
use crate::types::{Epoch, Level, Wrote};
use crate::writer::By;

/// Lets a thread sleep until it is notified.
#[derive(Debug, Default)]
struct Bell {
    rung: Mutex<bool>,
    condition: Condvar,
}

impl Notify for Bell {
    fn notify(&self) {
        *self.rung.lock() = true;
        self.condition.notify_one();
    }
}

impl Bell {
    fn wait(&self) {
        let mut rung = self.rung.lock();
        while !*rung {
            rung = self.condition.wait(rung);
        }
        *rung = false;
    }
}

impl Core {
    /// Sleeps until the threads of the log have brought `epoch` to `level`.
    pub(crate) fn wait_for(self: &Arc<Self>, level: Level, epoch: Epoch) -> Result<(), LogError> {
        let bell = Arc::new(Bell::default());
        let subscription = Subscription::new(self, Arc::<Bell>::clone(&bell));
        loop {
            match subscription.want(level, epoch) {
                Want::Reached => return Ok(()),
                Want::Never => return self.condition.check(),
                Want::Waiting => {
                    // What is wanted durable is on its way already.
                    if level != Level::Disk {
                        self.wake_writer();
                    }
                    bell.wait();
                }
            }
        }
    }

    /// Writes and syncs on the calling thread until `epoch` has reached `level`.
    pub(crate) fn drive_to(&self, level: Level, epoch: Epoch) -> Result<(), LogError> {
        while self.reached(level) < epoch {
            self.condition.check()?;
            self.write_out()?;
            if level == Level::Disk || self.acknowledgements_wait(self.now_ns()) {
                self.sync_written()?;
            }
        }
        Ok(())
    }

    /// Writes what is in the buffers, on the calling thread.
    fn write_out(&self) -> Result<(), LogError> {
        while self.has_unwritten() {
            match self.try_write(By::Log) {
                // Upkeep may have been behind; if it finds no room either, the disk is full.
                Wrote::Full => {
                    self.maintain()?;
                    if self.try_write(By::Log) == Wrote::Full {
                        return Err(self.full());
                    }
                }
                Wrote::Refused => return Err(self.condition.poisoned()),
                Wrote::Busy => skeg_io::sync::thread::yield_now(),
                Wrote::Wrote(_) | Wrote::Nothing => {}
            }
        }
        Ok(())
    }

    fn full(&self) -> LogError {
        let file: PathBuf = self.dir.clone();
        LogError::Full { file, source: std::io::ErrorKind::StorageFull.into() }
    }

    pub(crate) fn close(&self) -> Result<(), LogError> {
        match self.condition.refusal() {
            Some(ReserveError::Closed) => return Ok(()),
            Some(ReserveError::ReadOnly) => {
                self.end();
                return Ok(());
            }
            _ => {}
        }
        self.space.update(|room| room.refuse_all(ReserveError::Closed));
        self.stop_threads();
        let result = self.finish();
        self.end();
        result
    }

    /// Makes everything durable, and says so in a last block.
    fn finish(&self) -> Result<(), LogError> {
        if self.condition.is_poisoned() {
            return Err(self.condition.poisoned());
        }
        self.write_out()?;
        self.sync_written()?;
        // Also when there was no room for saying so earlier: perhaps there is now.
        if self.rest() {
            self.sync_all()?;
        }
        self.upkeeper.lock().compact(self)
    }

    fn end(&self) {
        self.condition.close();
        self.subscribers.never();
        *self.lock.lock() = None;
    }

    /// As a crash would, but that the threads and the lock are gone when this returns.
    pub(crate) fn abandon(&self) {
        if self.condition.refusal() != Some(ReserveError::Closed) {
            self.space.update(|room| room.refuse_all(ReserveError::Closed));
            self.stop_threads();
            self.end();
        }
    }
}
