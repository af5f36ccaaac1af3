//! Making blocks durable: when an fsync is due, and what it proves when it has succeeded.
//!
//! Invariants:
//! - One fsync at a time. What it covers is read before it starts: the written epoch first, then the
//!   files, oldest first, so the durable epoch advances as a prefix.
//! - A failed fsync poisons the database and is never tried again.
//! - `everysec`: an fsync starts within a second of the first unsynced write; when one takes longer
//!   than two, or none has started for three, `kernel`-level acknowledgements wait.
//!
//! May not know: what is in the files.

use skeg_io::sync::Mutex;
use skeg_io::sync::atomic::{AtomicU64, Ordering::SeqCst};
use skeg_io::sync::{Arc, MutexGuard};

use crate::core::Core;
use crate::error::LogError;
use crate::failpoint::{Broken, breaks};
use crate::room::Room;
use crate::segment::Segment;
use crate::types::{Epoch, SyncPolicy};

/// An `everysec` fsync starts so long after the first unsynced write: a second, less what a timer may
/// be late.
const EVERY_NS: u64 = 950_000_000;
/// An fsync that takes longer than this holds up acknowledgements.
const SLOW_NS: u64 = 2_000_000_000;
/// As does one that has not started so long after the first unsynced write.
const LATE_NS: u64 = 3_000_000_000;

/// The state of syncing.
#[derive(Debug)]
pub(crate) struct Syncing {
    turn: Mutex<()>,
    /// When the fsync in flight started; 0 when there is none.
    started_ns: AtomicU64,
    /// When the first block was written that no fsync has started for; 0 when there is none.
    first_unsynced_ns: AtomicU64,
    /// Newest epoch that somebody wants durable.
    wanted: AtomicU64,
    /// Newest epoch that somebody wants the kernel to have, whatever becomes of an fsync.
    wanted_written: AtomicU64,
    /// Segments with blocks that may be unsynced, in order; the last one is still written to.
    dirty: Mutex<Vec<Arc<Segment>>>,
    ended_ns: AtomicU64,
    duration_ns: AtomicU64,
    count: AtomicU64,
}

impl Syncing {
    pub(crate) fn new(dirty: Vec<Arc<Segment>>, durable: u64) -> Self {
        Self {
            turn: Mutex::new(()),
            started_ns: AtomicU64::new(0),
            first_unsynced_ns: AtomicU64::new(0),
            wanted: AtomicU64::new(durable),
            wanted_written: AtomicU64::new(durable),
            dirty: Mutex::new(dirty),
            ended_ns: AtomicU64::new(0),
            duration_ns: AtomicU64::new(0),
            count: AtomicU64::new(0),
        }
    }

    pub(crate) fn in_flight(&self) -> bool {
        self.started_ns.load(SeqCst) != 0
    }

    /// Notes an unsynced block; whether it is the first.
    pub(crate) fn note_unsynced(&self, now_ns: u64) -> bool {
        self.first_unsynced_ns.load(SeqCst) == 0
            && self.first_unsynced_ns.compare_exchange(0, now_ns.max(1), SeqCst, SeqCst).is_ok()
    }

    pub(crate) fn want(&self, epoch: Epoch) {
        self.wanted.fetch_max(epoch.0, SeqCst);
    }

    /// Whether somebody wants more than `reached` durable.
    pub(crate) fn is_wanted(&self, reached: Epoch) -> bool {
        self.wanted.load(SeqCst) > reached.0
    }

    pub(crate) fn want_written(&self, epoch: Epoch) {
        self.wanted_written.fetch_max(epoch.0, SeqCst);
    }

    /// The writer goes on to `segment`; the one before is finished.
    pub(crate) fn add(&self, segment: Arc<Segment>) {
        self.dirty.lock().push(segment);
    }

    /// Finished segments with a smaller id are durable to their end.
    pub(crate) fn clean_below(&self) -> u64 {
        self.dirty.lock().first().map_or(0, |segment| segment.id)
    }

    pub(crate) fn count(&self) -> u64 {
        self.count.load(SeqCst)
    }

    pub(crate) fn last_duration_ns(&self) -> u64 {
        self.duration_ns.load(SeqCst)
    }

    /// When the last fsync ended.
    pub(crate) fn ended_ns(&self) -> u64 {
        self.ended_ns.load(SeqCst)
    }

    /// When the policy wants an fsync, if there is something to sync.
    fn deadline_ns(&self, policy: SyncPolicy) -> Option<u64> {
        let first = self.first_unsynced_ns.load(SeqCst);
        match policy {
            SyncPolicy::Never => None,
            SyncPolicy::EverySecond => (first != 0).then_some(first + EVERY_NS),
            SyncPolicy::Always => Some(0),
        }
    }

    /// Syncs what is dirty and forgets the segments that are finished.
    fn sync_files(&self) -> Result<(), (Arc<Segment>, std::io::Error)> {
        let files = self.dirty.lock().clone();
        let skipped = if breaks(Broken::SyncsNewestOnly) { files.len() - 1 } else { 0 };
        for segment in &files[skipped..] {
            segment.file.sync_data().map_err(|error| (Arc::clone(segment), error))?;
        }
        if let [finished @ .., _] = files.as_slice() {
            self.dirty.lock().drain(..finished.len());
        }
        Ok(())
    }
}

impl Core {
    /// Whether `kernel`-level acknowledgements wait for a slow fsync.
    pub(crate) fn acknowledgements_wait(&self, now_ns: u64) -> bool {
        let since = |moment: &AtomicU64| match moment.load(SeqCst) {
            0 => 0,
            then => now_ns.saturating_sub(then),
        };
        self.options.sync == SyncPolicy::EverySecond
            && (since(&self.syncing.started_ns) > SLOW_NS
                || since(&self.syncing.first_unsynced_ns) > LATE_NS)
    }

    /// Whether an fsync is due, and if not, when by the policy.
    pub(crate) fn sync_due(&self, now_ns: u64) -> (bool, Option<u64>) {
        if self.durable() >= self.written() || self.condition.is_poisoned() {
            return (false, None);
        }
        if self.syncing.is_wanted(self.durable()) || self.space.look(Room::sync_pressing) {
            return (true, None);
        }
        let deadline = self.syncing.deadline_ns(self.options.sync);
        (deadline.is_some_and(|deadline| deadline <= now_ns), deadline)
    }

    /// Makes everything written so far durable and tells who waits for it.
    pub(crate) fn sync_written(&self) -> Result<Epoch, LogError> {
        let turn = self.syncing.turn.lock();
        if self.durable() >= self.written() && !self.condition.is_poisoned() {
            return Ok(self.durable());
        }
        self.sync_in_turn(&turn)
    }

    /// As [`Self::sync_written`], also when no epoch has been written since the last one.
    pub(crate) fn sync_all(&self) -> Result<(), LogError> {
        let turn = self.syncing.turn.lock();
        self.sync_in_turn(&turn).map(drop)
    }

    /// What has come since the last block, and somebody cannot wait until this fsync is over to see
    /// written, is for the log thread. Looked at after the fsync can be seen to be in flight: whoever
    /// pushes later sees that, and wakes the log thread himself.
    fn leave_to_log_thread(&self) {
        let waits = self.options.sync != SyncPolicy::Always
            || self.syncing.wanted_written.load(SeqCst) > self.written().0;
        if waits && self.has_unwritten() && !breaks(Broken::SyncsBlindly) {
            self.log_wake.wake();
        }
    }

    fn sync_in_turn(&self, _turn: &MutexGuard<'_, ()>) -> Result<Epoch, LogError> {
        if self.condition.is_poisoned() {
            return Err(self.condition.poisoned());
        }
        let syncing = &self.syncing;
        let started = self.now_ns().max(1);
        syncing.started_ns.store(started, SeqCst);
        syncing.first_unsynced_ns.store(0, SeqCst);
        self.leave_to_log_thread();
        // Everything counted here was handed to the kernel before, so the fsync covers it.
        let bytes = self.space.look(Room::unsynced);
        let target = self.written();
        let result = syncing.sync_files();
        let ended = self.now_ns();
        syncing.ended_ns.store(ended, SeqCst);
        syncing.duration_ns.store(ended.saturating_sub(started), SeqCst);
        syncing.count.fetch_add(1, SeqCst);
        syncing.started_ns.store(0, SeqCst);
        if let Err((segment, error)) = result
            && !breaks(Broken::IgnoresFailedSyncs)
        {
            return Err(self.poison(format!("fsync of {} failed: {error}", segment.path.display())));
        }
        self.space.update(|room| room.synced(bytes));
        self.publish_durable(target);
        // A writer that found acknowledgements waiting has published its epoch before it looked.
        self.acknowledge(self.written());
        if self.space.stop_waiting() {
            self.subscribers.room();
        }
        if self.syncing.is_wanted(self.durable()) {
            self.disk_wake.wake();
        }
        Ok(target)
    }
}
