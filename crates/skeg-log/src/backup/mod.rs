//! Backups: copies of a database, made while it is open or while nobody has it open, and brought up
//! to date later.
//!
//! A backup is a database whose CURRENT names sealed segments only: no open database is like that, so
//! whether somebody has opened a backup since is seen from it.
//!
//! Invariants: the source is not changed, and what CURRENT named when the copy began stays until it
//! ends; only what is durable in the source is copied, so a crash there takes nothing back that a backup
//! has; a backup that is brought up to date stays what it was until CURRENT is replaced, which is the
//! last that happens, and a new one has no MANIFEST before that.
//! May not know: what payloads mean.

mod source;
mod target;

use std::path::Path;

use crate::current::{Current, ValueRef, VectorRef};
use crate::error::LogError;
use crate::failpoint::{Broken, breaks};
use crate::inspect::LiveFile;
use crate::log::Log;
use crate::offline::Offline;
use crate::salvage::Fresh;
use crate::snapshot::format as snapshot;
use crate::types::{Epoch, Level};
use crate::{value_file, vector};
use source::{Held, Source};
use target::Target;

/// How to make a copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CopyOptions {
    /// Files that never change any more get a second name (a hard link), where the file system can do
    /// that.
    pub link: bool,
    /// The target may be an earlier backup of the same database, which is brought up to date.
    pub update: bool,
}

/// What a copy consists of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Files.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Files that are the same as in the source, under a second name.
    pub linked: u64,
    /// Files that the earlier backup had already, whole.
    pub reused: u64,
    /// The last epoch of its history.
    pub last_epoch: Epoch,
}

/// Told how many bytes of how many are copied; ends the copy by `false`.
pub type CopyProgress<'a> = &'a mut dyn FnMut(u64, u64) -> bool;

impl Offline {
    /// Copies the database into `target`, which must be empty, absent, what a copy has left that was cut
    /// short, or, if the options say so, an earlier backup.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] when the database (or, at the end, the copy) is damaged;
    /// [`LogError::NotEmpty`]; [`LogError::Full`]; others as they come. What was copied until then is
    /// left, and is no database.
    pub fn copy_to(
        &self,
        target: &Path,
        options: CopyOptions,
        fresh: &mut Fresh<'_>,
    ) -> Result<Copied, LogError> {
        let report = self.check(&mut *fresh())?;
        if let Some(damage) = report.damage.into_iter().next() {
            return Err(LogError::Corrupt(Box::new(damage)));
        }
        let (current, history) = self.replayed(&mut ())?;
        let source = Source::closed(&*self.disk, &self.dir, current, &history);
        let copied = copy(&source, Target::open(&source, target, options)?, &mut |_, _| true)?;
        let copy = Self::open(&self.io, target)?.check(&mut *fresh())?;
        match copy.damage.into_iter().next() {
            Some(damage) => Err(LogError::Corrupt(Box::new(damage))),
            None => Ok(copied),
        }
    }
}

impl Log {
    /// Copies the database into `target` while it is used: with everything that was pushed before. The
    /// target is as for [`Offline::copy_to`]; what is copied is not verified, but for the newest blocks.
    ///
    /// # Errors
    /// [`LogError::NotEmpty`]; [`LogError::Closed`] when `progress` has ended it; what
    /// [`Log::wait`] says; others as they come. What was copied until then is left; a backup that was
    /// there is as it was.
    pub fn backup(
        &self,
        target: &Path,
        options: CopyOptions,
        progress: CopyProgress<'_>,
    ) -> Result<Copied, LogError> {
        let core = self.core();
        self.wait(Level::Disk, self.last_epoch())?;
        let held = Held::new(core);
        let disk = &*core.io.disk;
        let source = Source::open(disk, &core.dir, &held)?;
        copy(&source, Target::open(&source, target, options)?, progress)
    }
}

/// Copies what the target does not have yet, and publishes it there.
fn copy(
    source: &Source<'_>,
    mut target: Target<'_>,
    progress: CopyProgress<'_>,
) -> Result<Copied, LogError> {
    if breaks(Broken::PublishesBackupsFirst) {
        target.publish()?;
    }
    let (mut done, total) = (0, source.bytes());
    let mut tell = |bytes: u64| {
        done += bytes;
        if progress(done, total) { Ok(()) } else { Err(LogError::Closed) }
    };
    let current = &source.current;
    for file in current.live_files() {
        match file {
            LiveFile::Segment(id) => target.segment(id, &mut tell)?,
            LiveFile::Snapshot(id) => {
                let named = |current: &Current| current.snapshots().find(|named| named.id == id);
                let this = named(current).expect("it is one of them");
                let same = target.before().and_then(named).map(|before| before == this);
                target.whole(snapshot::FILES, id, this.length, same, &mut tell)?;
            }
            LiveFile::Vectors(id) => {
                let named = |current: &Current| {
                    current.vectors.iter().find(|named| named.id == id).copied()
                };
                let this = named(current).expect("it is one of them");
                // The shard of its index may be another one by now: that is not in the file.
                let is_this = |before: VectorRef| VectorRef { shard: this.shard, ..before } == this;
                let same = target.before().and_then(named).map(is_this);
                target.whole(vector::FILES, id, this.length, same, &mut tell)?;
            }
            LiveFile::Value(id) => {
                let named =
                    |current: &Current| current.values.iter().find(|named| named.id == id).copied();
                let this = named(current).expect("it is one of them");
                // Which snapshots need it is not in the file.
                let is_this = |before: ValueRef| ValueRef { needed: this.needed, ..before } == this;
                let same = target.before().and_then(named).map(is_this);
                target.whole(value_file::FILES, id, this.length, same, &mut tell)?;
            }
            LiveFile::Manifest | LiveFile::Current => {}
        }
    }
    target.publish()?;
    target.finish()
}
