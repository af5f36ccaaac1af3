//! Backups beside the work, and what a crash leaves of them.
//!
//! Invariant: what a backup holds is judged by the history that the oracle knows, before that is
//! forgotten; later it must be what was found then. One that was never looked at, as the next one hid it
//! until a power loss took that back, may be older than what the oracle remembers.

use std::collections::BTreeMap;
use std::path::Path;

use skeg_engine::CopyOptions;

use crate::dump;
use crate::run::Runner;
use crate::state::State;
use crate::work::Work;

/// Where the backup lies on the simulated disk.
const TARGET: &str = "/safe/backup";
/// Steps of a snapshot while one piece of a file is copied.
const STEPS: usize = 24;

/// The backup as it stands.
#[derive(Debug, Default)]
pub(crate) struct Backup {
    /// The epoch that one was said to reach; it must be there from then on.
    made: Option<u64>,
    /// What was found in it, by epoch: one that was put in place by somebody who was killed before it was
    /// durable may be followed by the one before.
    found: BTreeMap<u64, State>,
}

impl Runner<'_> {
    /// Makes a backup, or brings it up to date, while a snapshot is taken.
    pub(crate) fn back_up(&mut self, work: &mut Work, link: bool) -> Result<(), String> {
        let engine = work.engine.clone();
        let log = engine.log().ok_or("a database on disk has no log")?;
        let last = log.last_epoch().0;
        let options = CopyOptions { link, update: true };
        let mut judged = Ok(());
        let copied = engine.backup_here(Path::new(TARGET), options, &mut |_, _| {
            // What refuses it is no trouble.
            let _ = engine.start_snapshot();
            for _ in 0..STEPS {
                engine.step_snapshot();
                let _ = log.maintain();
                // What waited at a shard has run, before the next step writes something of its own.
                if judged.is_ok() {
                    judged = self.read_journal(work);
                }
            }
            true
        });
        judged?;
        match copied {
            Ok(copied) if copied.last_epoch.0 < last => {
                Err(format!("backed up to {:?}, asked for at {last}", copied.last_epoch))
            }
            Ok(copied) => {
                self.backup.made = Some(copied.last_epoch.0);
                self.figures.backups += 1;
                Ok(())
            }
            Err(_) if self.machine.disk.is_stopped() || self.seen.lock().hard_faults > 0 => Ok(()),
            Err(error) => Err(format!("cannot be backed up: {error}")),
        }
    }

    /// Judges the backup that there is, if there must be one or it is one.
    pub(crate) fn judge_backup(&mut self) -> Result<(), String> {
        let engine = match self.open_at(&self.machine.io(), Path::new(TARGET), true) {
            Ok(engine) => engine,
            Err(_) if self.backup.made.is_none() => return Ok(()),
            Err(error) => return Err(format!("the backup does not open: {error}")),
        };
        let found = dump::read(&engine, &self.machine.clock)?;
        let epoch = engine.recovered().last_epoch.0;
        engine.close().map_err(|error| format!("the backup does not close: {error}"))?;
        let floor = self.backup.made.unwrap_or(0);
        if epoch < floor {
            return Err(format!("the backup was made up to epoch {floor}, and ends at {epoch}"));
        }
        if let Some(known) = self.backup.found.get(&epoch) {
            if let Some(difference) = known.difference(&found) {
                return Err(format!("the backup of epoch {epoch} has changed: {difference}"));
            }
        } else if epoch >= self.oracle.start() {
            let judged = self.oracle.judge(&found, epoch, floor);
            judged.map_err(|what| format!("the backup: {what}"))?;
            self.figures.backups_judged += 1;
            self.backup.found.insert(epoch, found);
        }
        Ok(())
    }
}
