//! Backups of a database while it is used: one at a time, on a thread of its own.
//!
//! Invariants: nobody waits for a backup but who asked for it; closing the engine ends it, and what it
//! was to bring up to date is as it was then.
//! May not know: how files are copied (the log does).

use std::path::{Path, PathBuf};

use skeg_io::Join;
use skeg_io::sync::{Arc, Mutex};
use skeg_log::{Copied, CopyOptions, CopyProgress, LogError};

use crate::engine::{Engine, Shared};
use crate::error::{BackupError, Refusal};

/// Called once, on any thread, when a backup is made or has failed.
pub type BackupDone = Box<dyn FnOnce(Result<Copied, BackupError>) + Send>;

/// The backups of an engine.
#[derive(Default)]
pub(crate) struct Backups {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: bool,
    thread: Option<Box<dyn Join>>,
}

impl Engine {
    /// Copies everything written before this call into the directory `target`, or brings the backup up
    /// to date that is there; `done` is told. An engine without threads does it at once.
    ///
    /// # Errors
    /// [`BackupError`]: there is nothing to copy, one is being made, or no thread for it; then `done` is
    /// not called.
    pub fn backup(
        &self,
        target: PathBuf,
        options: CopyOptions,
        done: BackupDone,
    ) -> Result<(), BackupError> {
        let shared = &self.shared;
        shared.begin_backup()?;
        if shared.bells.is_empty() {
            done(shared.back_up(&target, options, &mut |_, _| true));
            return Ok(());
        }
        let for_thread = Arc::clone(shared);
        let body = Box::new(move || {
            let shared = for_thread;
            done(shared.back_up(&target, options, &mut |_, _| shared.check_open().is_ok()));
        });
        match shared.io.threads.spawn("skeg-backup", body) {
            Ok(thread) => {
                // The one before has ended, or this one could not have begun.
                let ended = shared.backups.state.lock().thread.replace(thread);
                drop(ended.map(Join::join));
                Ok(())
            }
            Err(_) => {
                shared.backups.state.lock().running = false;
                Err(BackupError::NoThread)
            }
        }
    }

    /// [`Engine::backup`] on the calling thread, which must hold no latch; `progress` hears of every
    /// piece, and may end it.
    ///
    /// # Errors
    /// [`BackupError`]; a backup that was there is as it was.
    pub fn backup_here(
        &self,
        target: &Path,
        options: CopyOptions,
        progress: CopyProgress<'_>,
    ) -> Result<Copied, BackupError> {
        self.shared.begin_backup()?;
        self.shared.back_up(target, options, progress)
    }
}

impl Shared {
    fn begin_backup(&self) -> Result<(), BackupError> {
        self.check_open()?;
        if self.log.is_none() {
            return Err(BackupError::InMemory);
        }
        let mut state = self.backups.state.lock();
        if std::mem::replace(&mut state.running, true) {
            return Err(BackupError::Running);
        }
        Ok(())
    }

    fn back_up(
        &self,
        target: &Path,
        options: CopyOptions,
        progress: CopyProgress<'_>,
    ) -> Result<Copied, BackupError> {
        let log = self.log.as_ref().expect("a backup is begun only where there is a log");
        let copied = log.backup(target, options, progress);
        self.backups.state.lock().running = false;
        copied.map_err(|error| match error {
            LogError::Closed => Refusal::Closed.into(),
            other => other.into(),
        })
    }

    /// Joins the thread of a backup, which ends when the engine is closed.
    pub(crate) fn close_backups(&self) {
        let thread = self.backups.state.lock().thread.take();
        if let Some(thread) = thread {
            // A panic there has failed nothing but the backup.
            let _ = thread.join();
        }
    }
}
